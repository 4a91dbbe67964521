//! Where an edit cuts into the text, and what it puts there.

use std::ops::Range;

use serde_json::Value;

use super::render;
use super::{Edit, EditError};
use crate::yaml::{Entry, Kind, Node, Step, Style, display_path};

/// One cut: these bytes are replaced by that text.
pub(super) struct Splice {
    pub(super) at: Range<usize>,
    pub(super) with: String,
}

/// Plans one edit; `None` when there is nothing to do.
pub(super) fn plan(text: &str, root: &Node, edit: &Edit) -> Result<Option<Splice>, EditError> {
    let plan = Plan { text, root, path: edit.path() };
    match edit {
        Edit::Set { path, value } => plan.set(path, value).map(Some),
        Edit::Append { path, value } => plan.append(path, value).map(Some),
        Edit::Remove { path } => plan.remove(path),
    }
}

struct Plan<'t> {
    text: &'t str,
    root: &'t Node,
    path: &'t [Step],
}

/// A node with what it hangs on.
struct Spot<'n> {
    node: &'n Node,
    /// The key it is the value of; `None` for an item or the root.
    entry: Option<&'n Entry>,
    parent: Option<&'n Node>,
    in_flow: bool,
}

impl<'t> Plan<'t> {
    fn refuse(&self, reason: &'static str) -> EditError {
        EditError::NotInPlace { path: display_path(self.path), reason }
    }

    fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    fn line_end_text(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn line_start(&self, at: usize) -> usize {
        self.slice(0..at).rfind('\n').map_or_else(|| self.bom(), |index| index + 1)
    }

    /// Behind the line end of the line that `at` is on, or the end of the text.
    fn line_end(&self, at: usize) -> usize {
        self.slice(at..self.text.len()).find('\n').map_or(self.text.len(), |index| at + index + 1)
    }

    fn bom(&self) -> usize {
        if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
    }

    /// Columns before `at` on its line, when that is only spaces, dashes of lists and the like.
    fn column(&self, at: usize) -> usize {
        self.slice(self.line_start(at)..at).chars().count()
    }

    /// Follows the path as far as it exists.
    fn follow(&self, path: &[Step]) -> Result<(Spot<'t>, usize), EditError> {
        let mut spot = Spot { node: self.root, entry: None, parent: None, in_flow: false };
        for (index, step) in path.iter().enumerate() {
            if spot.node.special {
                return Err(self.refuse("an anchor, alias or tag is in the way"));
            }
            let flow = spot.in_flow || is_flow(spot.node);
            let next = match (&spot.node.kind, step) {
                (Kind::Map { entries, .. }, Step::Key(key)) => {
                    entries.iter().find(|entry| entry.key == *key).map(|entry| (&entry.value, Some(entry)))
                }
                (Kind::List { items, .. }, Step::Index(item)) => items.get(*item).map(|node| (node, None)),
                _ => None,
            };
            let Some((node, entry)) = next else { return Ok((spot, index)) };
            if entry.is_some_and(|entry| entry.merged) {
                return Err(self.refuse("it comes in through a merge key"));
            }
            spot = Spot { node, entry, parent: Some(spot.node), in_flow: flow };
        }
        Ok((spot, path.len()))
    }

    fn set(&self, path: &[Step], value: &Value) -> Result<Splice, EditError> {
        let (spot, known) = self.follow(path)?;
        if known == path.len() {
            return self.replace(&spot, value);
        }
        // What is missing becomes one value: `a.b.c = 1` below an existing `a` adds `b: {c: 1}`.
        let (missing, wrapped) = self.wrap(path.get(known..).unwrap_or_default(), value.clone())?;
        self.add_key(&spot, &missing, &wrapped)
    }

    fn append(&self, path: &[Step], value: &Value) -> Result<Splice, EditError> {
        let (spot, known) = self.follow(path)?;
        let list = Value::Array(vec![value.clone()]);
        if known < path.len() {
            let (missing, wrapped) = self.wrap(path.get(known..).unwrap_or_default(), list)?;
            return self.add_key(&spot, &missing, &wrapped);
        }
        match &spot.node.kind {
            Kind::List { items, .. } if items.is_empty() => self.replace(&spot, &list),
            Kind::List { items, flow: true } => {
                self.add_to_flow(spot.node, items.last(), &render::flow(value))
            }
            Kind::List { items, flow: false } => {
                self.check_plain(&spot)?;
                let first = items.first().map_or(spot.node.span.start, |item| item.span.start);
                let dash = self.dash_before(first).ok_or_else(|| self.refuse("its dash cannot be found"))?;
                let lines = render::item_lines(value, self.column(dash));
                Ok(self.insert_after(spot.node.span.end, &lines))
            }
            Kind::Scalar { .. } if spot.node.is_null() => self.replace(&spot, &list),
            Kind::Scalar { .. } | Kind::Map { .. } => Err(self.refuse("there is no list")),
        }
    }

    fn wrap(&self, missing: &[Step], value: Value) -> Result<(String, Value), EditError> {
        let no_list =
            || EditError::NoSuchPlace { path: display_path(self.path), reason: "the list is not that long" };
        let (first, below) = missing.split_first().ok_or_else(no_list)?;
        let wrapped = below.iter().rev().try_fold(value, |value, step| match step {
            Step::Key(key) => Ok(Value::Object([(key.clone(), value)].into_iter().collect())),
            Step::Index(_) => Err(no_list()),
        })?;
        match first {
            Step::Key(key) => Ok((key.clone(), wrapped)),
            Step::Index(_) => Err(no_list()),
        }
    }

    fn check_plain(&self, spot: &Spot<'_>) -> Result<(), EditError> {
        if spot.node.special {
            return Err(self.refuse("it has an anchor or tag, or is an alias"));
        }
        Ok(())
    }

    /// Adds a key to what should be a mapping.
    fn add_key(&self, spot: &Spot<'_>, key: &str, value: &Value) -> Result<Splice, EditError> {
        self.check_plain(spot)?;
        let member = || Value::Object([(key.to_owned(), value.clone())].into_iter().collect());
        match &spot.node.kind {
            Kind::Map { entries, .. } if entries.is_empty() => {
                if spot.parent.is_none() && !is_flow(spot.node) {
                    return Ok(self.append_to_text(&member()));
                }
                self.replace(spot, &member())
            }
            Kind::Map { entries, flow: true } => {
                let text = format!("{}: {}", render::key(key), render::flow(value));
                self.add_to_flow(spot.node, entries.last().map(|entry| &entry.value), &text)
            }
            Kind::Map { entries, flow: false } => {
                let own: Vec<&Entry> = entries.iter().filter(|entry| !entry.merged).collect();
                let (Some(first), Some(last)) = (own.first(), own.last()) else {
                    return Err(self.refuse("all of its keys come in through a merge key"));
                };
                let lines = self.member_lines(key, value, self.column(first.key_span.start));
                Ok(self.insert_after(self.end_of(last), &lines))
            }
            Kind::Scalar { .. } if spot.node.is_null() => {
                if spot.parent.is_none() {
                    return Ok(self.append_to_text(&member()));
                }
                self.replace(spot, &member())
            }
            Kind::Scalar { .. } | Kind::List { .. } => {
                Err(EditError::NoSuchPlace { path: display_path(self.path), reason: "there is no mapping" })
            }
        }
    }

    fn member_lines(&self, key: &str, value: &Value, indent: usize) -> Vec<String> {
        let mut lines =
            render::block(&Value::Object([(key.to_owned(), value.clone())].into_iter().collect()), indent);
        if lines.len() > 1 {
            lines.remove(0);
        }
        lines
    }

    /// A document without any content: the lines go to its end.
    fn append_to_text(&self, value: &Value) -> Splice {
        let mut lines = render::block(value, 0);
        if lines.len() > 1 {
            lines.remove(0);
        }
        self.insert_after(self.text.len(), &lines)
    }

    /// Whole lines behind the line that `at` is on.
    fn insert_after(&self, at: usize, lines: &[String]) -> Splice {
        let end = self.line_end(at);
        let newline = self.line_end_text();
        let mut with = String::new();
        let before = self.slice(0..end);
        if end > self.bom() && !before.ends_with('\n') {
            with.push_str(newline);
        }
        with.push_str(&lines.join(newline));
        // The last line of a text keeps having no line end when it had none.
        if before.ends_with('\n') || end <= self.bom() {
            with.push_str(newline);
        }
        Splice { at: end..end, with }
    }

    /// Adds to `[a, b]` or `{a: 1}`, behind the last of it.
    fn add_to_flow(&self, node: &Node, last: Option<&Node>, text: &str) -> Result<Splice, EditError> {
        if node.special {
            return Err(self.refuse("it has an anchor or tag, or is an alias"));
        }
        let close = node.span.end.checked_sub(1).ok_or_else(|| self.refuse("its end cannot be found"))?;
        let Some(last) = last else { return Ok(Splice { at: close..close, with: text.to_owned() }) };
        // A comma behind the last item stays the last comma but one.
        let between = self.slice(last.span.end..close);
        match between.find(',') {
            Some(index) if between.get(..index).is_some_and(|gap| gap.trim().is_empty()) => {
                let at = last.span.end + index + 1;
                Ok(Splice { at: at..at, with: format!(" {text},") })
            }
            _ if last.is_null() => Ok(Splice { at: close..close, with: format!(", {text}") }),
            _ => Ok(Splice { at: last.span.end..last.span.end, with: format!(", {text}") }),
        }
    }

    /// Puts another value where a value is.
    fn replace(&self, spot: &Spot<'_>, value: &Value) -> Result<Splice, EditError> {
        self.check_plain(spot)?;
        let Some(_) = spot.parent else { return Err(self.refuse("the whole document cannot be replaced")) };
        if spot.in_flow {
            if spot.node.is_null() && spot.node.span.is_empty() {
                return self.fill(spot, &render::flow(value));
            }
            let with = match &spot.node.kind {
                Kind::Scalar { style, .. } => {
                    render::scalar(value, *style).unwrap_or_else(|| render::flow(value))
                }
                Kind::List { .. } | Kind::Map { .. } => render::flow(value),
            };
            return Ok(Splice { at: spot.node.span.clone(), with });
        }
        match &spot.node.kind {
            Kind::Scalar { style: Style::BlockScalar, .. } => {
                Err(self.refuse("it is a text block (`|` or `>`); change it by hand"))
            }
            Kind::Scalar { style, .. } => match render::scalar(value, *style) {
                Some(with) if spot.node.span.is_empty() => self.fill(spot, &with),
                Some(with) => Ok(Splice { at: spot.node.span.clone(), with }),
                None => self.replace_by_collection(spot, value),
            },
            Kind::List { flow: true, .. } | Kind::Map { flow: true, .. } => {
                match render::scalar(value, Style::Plain) {
                    Some(with) => Ok(Splice { at: spot.node.span.clone(), with }),
                    None => self.replace_by_collection(spot, value),
                }
            }
            Kind::List { flow: false, .. } | Kind::Map { flow: false, .. } => self.replace_block(spot, value),
        }
    }

    /// Where nothing is written: behind the colon or the dash.
    fn fill(&self, spot: &Spot<'_>, with: &str) -> Result<Splice, EditError> {
        let at = self.after_mark(spot)?;
        let space = if self.slice(at..self.text.len()).starts_with(['}', ']', ',']) || spot.in_flow {
            " "
        } else {
            ""
        };
        let with = if space.is_empty() { format!(" {with}") } else { format!("{space}{with}") };
        Ok(Splice { at: at..at, with })
    }

    /// Behind the colon of its key, or behind its dash.
    fn after_mark(&self, spot: &Spot<'_>) -> Result<usize, EditError> {
        match spot.entry {
            Some(entry) => {
                let rest = self.slice(entry.key_span.end..self.text.len());
                let gap = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                if rest.trim_start_matches([' ', '\t']).starts_with(':') {
                    Ok(entry.key_span.end + gap + 1)
                } else {
                    Err(self.refuse("its key has no colon"))
                }
            }
            None => self
                .dash_before(spot.node.span.start)
                .map(|dash| dash + 1)
                .ok_or_else(|| self.refuse("its dash cannot be found")),
        }
    }

    /// The dash that `at` follows, with nothing but spaces between.
    fn dash_before(&self, at: usize) -> Option<usize> {
        let before = self.slice(0..at).trim_end_matches([' ', '\t']);
        before.ends_with('-').then(|| before.len() - 1)
    }

    /// A value on one line becomes lines below its key or dash, when nothing else is on the line but a comment.
    fn replace_by_collection(&self, spot: &Spot<'_>, value: &Value) -> Result<Splice, EditError> {
        let span = &spot.node.span;
        let mark = self.after_mark(spot)?;
        let end = span.end.max(mark);
        let rest = self.slice(end..self.line_end(end)).trim();
        let one_line = !self.slice(span.clone()).contains('\n');
        let indent = self.indent_below(spot);
        if let Some(indent) = indent
            && one_line
            && rest.is_empty()
        {
            let lines = match spot.entry {
                Some(_) => render::block(value, indent),
                None => {
                    let mut lines = render::item_lines(value, indent.saturating_sub(2));
                    if let Some(first) = lines.first_mut() {
                        *first = first.trim_start().strip_prefix('-').unwrap_or(first).to_owned();
                    }
                    lines
                }
            };
            if self.slice(mark..span.start.max(mark)).trim().is_empty() {
                let newline = self.line_end_text();
                let joined = lines.join(newline);
                let glue = if joined.is_empty() || joined.starts_with(['\r', '\n', ' ']) { "" } else { " " };
                return Ok(Splice { at: mark..end, with: format!("{glue}{joined}") });
            }
        }
        if span.is_empty() {
            return self.fill(spot, &render::flow(value));
        }
        Ok(Splice { at: span.clone(), with: render::flow(value) })
    }

    /// The indent of what stands below a key or behind a dash.
    fn indent_below(&self, spot: &Spot<'_>) -> Option<usize> {
        match spot.entry {
            Some(entry) => Some(self.column(entry.key_span.start) + 2),
            None => self.dash_before(spot.node.span.start).map(|dash| self.column(dash) + 2),
        }
    }

    /// A block collection gives way to something else. Comments inside it go with it.
    fn replace_block(&self, spot: &Spot<'_>, value: &Value) -> Result<Splice, EditError> {
        let mark = self.after_mark(spot)?;
        let indent = self.indent_below(spot).ok_or_else(|| self.refuse("its place cannot be found"))?;
        let end = self.end_of_node(spot.node);
        let mut lines = match spot.entry {
            Some(_) => render::block(value, indent),
            None => render::item_lines(value, indent.saturating_sub(2)),
        };
        if spot.entry.is_none()
            && let Some(first) = lines.first_mut()
        {
            *first = first.trim_start().strip_prefix('-').unwrap_or(first).trim_start().to_owned();
        }
        let joined = lines.join(self.line_end_text());
        let glue = if joined.starts_with(['\r', '\n']) { "" } else { " " };
        // A comment on the line of the key stays there, when the value goes below it.
        let first_line = self.slice(mark..self.line_end(mark));
        if first_line.trim_start().starts_with('#') && joined.starts_with(['\r', '\n']) {
            let kept = mark + first_line.trim_end().len();
            return Ok(Splice { at: kept..end, with: joined });
        }
        if first_line.trim_start().starts_with('#') {
            let kept = first_line.trim_end();
            return Ok(Splice { at: mark..end, with: format!("{glue}{joined}{kept}") });
        }
        Ok(Splice { at: mark..end, with: format!("{glue}{joined}") })
    }

    fn end_of(&self, entry: &Entry) -> usize {
        self.end_of_node(&entry.value).max(entry.key_span.end)
    }

    fn end_of_node(&self, node: &Node) -> usize {
        match &node.kind {
            Kind::Map { entries, flow: false } => entries
                .iter()
                .filter(|entry| !entry.merged)
                .map(|entry| self.end_of(entry))
                .max()
                .unwrap_or(node.span.end),
            Kind::List { items, flow: false } => {
                items.iter().map(|item| self.end_of_node(item)).max().unwrap_or(node.span.end)
            }
            // A key without a value ends behind its colon.
            Kind::Scalar { .. } if node.span.is_empty() => {
                let rest = self.slice(node.span.end..self.text.len());
                let gap = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                let colon = rest.trim_start_matches([' ', '\t']).starts_with(':');
                node.span.end + if colon { gap + 1 } else { 0 }
            }
            Kind::Scalar { .. } | Kind::Map { .. } | Kind::List { .. } => node.span.end,
        }
    }

    fn remove(&self, path: &[Step]) -> Result<Option<Splice>, EditError> {
        let (spot, known) = self.follow(path)?;
        if known < path.len() {
            return Ok(None);
        }
        let Some(parent) = spot.parent else {
            return Err(self.refuse("the whole document cannot be removed"));
        };
        let (position, count) = match &parent.kind {
            Kind::Map { entries, .. } => {
                let own: Vec<&Entry> = entries.iter().filter(|entry| !entry.merged).collect();
                if own.len() != entries.len() && own.len() == 1 {
                    return Err(self.refuse("the other keys come in through a merge key"));
                }
                let at =
                    own.iter().position(|entry| spot.entry.is_some_and(|this| std::ptr::eq(*entry, this)));
                (at.unwrap_or(0), own.len())
            }
            Kind::List { items, .. } => {
                (items.iter().position(|item| std::ptr::eq(item, spot.node)).unwrap_or(0), items.len())
            }
            Kind::Scalar { .. } => (0, 0),
        };
        if spot.in_flow {
            return Ok(Some(self.remove_from_flow(&spot, parent, position, count)));
        }
        if count <= 1 {
            // The last one goes: what is left is an empty collection, not nothing.
            let empty = if spot.entry.is_some() {
                Value::Object(serde_json::Map::new())
            } else {
                Value::Array(Vec::new())
            };
            let parent_path = path.split_last().map(|(_, parents)| parents).unwrap_or_default();
            let (parent, _) = self.follow(parent_path)?;
            if parent.parent.is_none() {
                let at = spot.entry.map_or(spot.node.span.start, |entry| entry.key_span.start);
                let with = if spot.entry.is_some() { "" } else { "[]\n" };
                let end = self.line_end(self.end_of_node(spot.node));
                return Ok(Some(Splice { at: self.line_start(at)..end, with: with.to_owned() }));
            }
            return self.replace(&parent, &empty).map(Some);
        }
        self.remove_lines(&spot, parent, position).map(Some)
    }

    fn remove_from_flow(&self, spot: &Spot<'_>, parent: &Node, position: usize, count: usize) -> Splice {
        let bounds = |index: usize| -> Range<usize> {
            match &parent.kind {
                Kind::Map { entries, .. } => entries
                    .get(index)
                    .map_or(0..0, |entry| entry.key_span.start..entry.value.span.end.max(self.end_of(entry))),
                Kind::List { items, .. } => items.get(index).map_or(0..0, |item| item.span.clone()),
                Kind::Scalar { .. } => 0..0,
            }
        };
        let own = bounds(position);
        let own = if spot.entry.is_none() && own.is_empty() { spot.node.span.clone() } else { own };
        let at = if position + 1 < count {
            own.start..bounds(position + 1).start
        } else if position > 0 {
            bounds(position - 1).end..own.end
        } else {
            parent.span.start + 1..parent.span.end.saturating_sub(1)
        };
        Splice { at, with: String::new() }
    }

    fn remove_lines(&self, spot: &Spot<'_>, parent: &Node, position: usize) -> Result<Splice, EditError> {
        let start = match spot.entry {
            Some(entry) => entry.key_span.start,
            None => self
                .dash_before(spot.node.span.start)
                .ok_or_else(|| self.refuse("its dash cannot be found"))?,
        };
        let line = self.line_start(start);
        if self.slice(line..start).trim().is_empty() {
            return Ok(Splice { at: line..self.line_end(self.end_of_node(spot.node)), with: String::new() });
        }
        // It shares its line with a dash (`- api-key: x`): the next one moves up to it.
        let next = match &parent.kind {
            Kind::Map { entries, .. } => {
                entries.iter().filter(|e| !e.merged).nth(position + 1).map(|e| e.key_span.start)
            }
            Kind::List { items, .. } => {
                items.get(position + 1).and_then(|item| self.dash_before(item.span.start))
            }
            Kind::Scalar { .. } => None,
        };
        match next {
            Some(next) if position == 0 => Ok(Splice { at: start..next, with: String::new() }),
            _ => Err(self.refuse("it shares its line with something else")),
        }
    }
}

fn is_flow(node: &Node) -> bool {
    matches!(node.kind, Kind::List { flow: true, .. } | Kind::Map { flow: true, .. })
}
