//! Events → tree, iteratively, under limits.

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::{Entry, Kind, MAX_BYTES, MAX_DEPTH, MAX_KEYS, MAX_NODES, Node, Style};

/// Something that makes the text no config document.
pub(super) struct Fault {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) key: String,
    pub(super) problem: String,
    pub(super) remedy: String,
}

impl Fault {
    fn new(marker: &Marker, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (line, column) = line_and_column(marker);
        Self { line, column, key: String::new(), problem: problem.into(), remedy: remedy.into() }
    }
}

pub(super) fn build(text: &str) -> Result<Node, Vec<Fault>> {
    if text.len() > MAX_BYTES {
        let problem =
            format!("the file has {} bytes, more than the {MAX_BYTES} that a config may have", text.len());
        return Err(vec![Fault::new(&Marker::default(), problem, "is this the right file?")]);
    }
    // A byte order mark is skipped here, so that every offset below stays a position in the whole text.
    let (shift, body) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (text.len() - rest.len(), rest),
        None => (0, text),
    };
    let mut builder = Builder::new(body, shift);
    for event in Parser::new_from_str(body) {
        let (event, span) = match event {
            Ok(found) => found,
            Err(error) => {
                builder.faults.push(syntax(&error, body));
                break;
            }
        };
        if let Err(fault) = builder.take(event, span) {
            builder.faults.push(fault);
            break;
        }
    }
    if !builder.faults.is_empty() {
        return Err(builder.faults);
    }
    Ok(builder.root.unwrap_or_else(|| Node::map(Vec::new())))
}

fn syntax(error: &saphyr_parser::ScanError, body: &str) -> Fault {
    let marker = error.marker();
    let line = marker.line().checked_sub(1).and_then(|index| body.lines().nth(index)).unwrap_or_default();
    let remedy = if line.trim_start_matches(' ').starts_with('\t') {
        "indent with spaces, YAML does not allow tabs"
    } else {
        "check indentation, quotes and the space after each colon, here and on the line above"
    };
    Fault::new(marker, format!("not valid YAML: {}", error.info()), remedy)
}

/// A collection that has begun.
enum Open {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<PendingKey> },
}

struct PendingKey {
    text: String,
    span: Range<usize>,
    line: u32,
    column: u32,
}

struct Level {
    open: Open,
    start: Range<usize>,
    line: u32,
    column: u32,
    flow: bool,
    anchor: usize,
    tagged: bool,
}

struct Builder<'t> {
    body: &'t str,
    /// Character index → byte offset; empty for ASCII, where they are equal.
    offsets: Vec<usize>,
    shift: usize,
    levels: Vec<Level>,
    /// Finished anchors with the number of nodes in each, so that copies are counted before they are made.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    faults: Vec<Fault>,
}

impl<'t> Builder<'t> {
    fn new(body: &'t str, shift: usize) -> Self {
        let offsets = if body.is_ascii() {
            Vec::new()
        } else {
            body.char_indices().map(|(offset, _)| offset).chain([body.len()]).collect()
        };
        Self {
            body,
            offsets,
            shift,
            levels: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
            faults: Vec::new(),
        }
    }

    fn offset(&self, marker: &Marker) -> usize {
        let offset = if self.offsets.is_empty() {
            marker.index().min(self.body.len())
        } else {
            self.offsets.get(marker.index()).copied().unwrap_or(self.body.len())
        };
        offset + self.shift
    }

    fn bytes(&self, span: &Span) -> Range<usize> {
        let start = self.offset(&span.start);
        start..self.offset(&span.end).max(start)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem = "a second document begins here";
                    return Err(Fault::new(
                        &span.start,
                        problem,
                        "a config is one document: remove the `---` line",
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let style = match style {
                    ScalarStyle::Plain if tag.as_ref().is_some_and(|tag| tag.suffix == "str") => {
                        Style::DoubleQuoted
                    }
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::BlockScalar,
                };
                let mut bytes = self.bytes(&span);
                if text.is_empty() && style == Style::Plain && tag.is_none() && anchor == 0 {
                    // Source: saphyr-parser reports nothing's place in different ways; its start is always right.
                    bytes = bytes.start..bytes.start;
                }
                if let Some(end) = self.end_of_scalar(&bytes, style) {
                    bytes.end = end;
                }
                let (line, column) = line_and_column(&span.start);
                let node = Node {
                    kind: Kind::Scalar { text: text.into_owned(), style },
                    span: bytes,
                    line,
                    column,
                    special: anchor != 0 || tag.is_some(),
                };
                let size = size_of(&node);
                self.count(size, &span.start)?;
                self.finish(node, size, anchor, &span)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    let problem = "an alias to something that contains it";
                    return Err(Fault::new(&span.start, problem, "write the value out"));
                };
                let (mut node, size) = (node.clone(), *size);
                self.count(size, &span.start)?;
                let (line, column) = line_and_column(&span.start);
                mark_alias(&mut node, &self.bytes(&span), line, column);
                self.finish(node, size, 0, &span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Open::List(Vec::new()), &span, '[', anchor, tag.is_some())
            }
            Event::MappingStart(anchor, tag) => {
                let open = Open::Map { entries: Vec::new(), key: None };
                self.begin(open, &span, '{', anchor, tag.is_some())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
        }
    }

    fn begin(
        &mut self,
        open: Open,
        span: &Span,
        bracket: char,
        anchor: usize,
        tagged: bool,
    ) -> Result<(), Fault> {
        if self.levels.len() >= MAX_DEPTH {
            let problem = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(Fault::new(&span.start, problem, "a config needs about six"));
        }
        self.count(1, &span.start)?;
        let start = self.bytes(span);
        // The span of a block collection is empty or holds only an anchor or tag.
        let opening = self.body.get(start.start - self.shift..start.end - self.shift).unwrap_or_default();
        let flow = opening.trim_end().ends_with(bracket);
        let (line, column) = line_and_column(&span.start);
        self.levels.push(Level { open, start, line, column, flow, anchor, tagged });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), Fault> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let closed = self.bytes(span);
        let (kind, last) = match level.open {
            Open::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Kind::List { items, flow: level.flow }, last)
            }
            Open::Map { entries, .. } => {
                let last = entries
                    .iter()
                    .filter(|entry| !entry.merged)
                    .map(|e| e.value.span.end.max(e.key_span.end));
                let last = last.max();
                (Kind::Map { entries, flow: level.flow }, last)
            }
        };
        // The parser's span of a closing bracket may run on to the comment behind it.
        let end = if level.flow {
            closed.start + 1
        } else {
            last.unwrap_or(level.start.start).max(level.start.start)
        };
        let node = Node {
            kind,
            span: level.start.start..end,
            line: level.line,
            column: level.column,
            special: level.anchor != 0 || level.tagged,
        };
        let size = if level.anchor == 0 { 0 } else { size_of(&node) };
        self.finish(node, size, level.anchor, span)
    }

    /// A node is complete: it becomes a key, a value, an item or the root.
    fn finish(&mut self, node: Node, size: usize, anchor: usize, span: &Span) -> Result<(), Fault> {
        if anchor != 0 {
            self.count(size, &span.start)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(level) = self.levels.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut level.open {
            Open::List(items) => items.push(node),
            Open::Map { entries, .. } if entries.len() > MAX_KEYS => {
                let problem = format!("a mapping with more than {MAX_KEYS} keys");
                return Err(Fault::new(&span.start, problem, "is this the right file?"));
            }
            Open::Map { entries, key } => match key.take() {
                None => {
                    let Kind::Scalar { text, .. } = node.kind else {
                        let problem = "a list or mapping is used as a key";
                        return Err(Fault::new(
                            &span.start,
                            problem,
                            "keys are plain words; is a quote missing?",
                        ));
                    };
                    let pending = PendingKey { text, span: node.span, line: node.line, column: node.column };
                    *key = Some(pending);
                }
                Some(key) if key.text == "<<" => merge(entries, node, &key, &mut self.faults),
                Some(key) => {
                    let place = |line: u32| {
                        if line == key.line { "the same line".to_owned() } else { format!("line {line}") }
                    };
                    match entries.iter_mut().find(|entry| entry.key == key.text) {
                        Some(first) if first.merged => {
                            *first = Entry {
                                key: key.text,
                                key_span: key.span,
                                line: key.line,
                                column: key.column,
                                value: node,
                                merged: false,
                            };
                        }
                        Some(first) => self.faults.push(Fault {
                            line: key.line,
                            column: key.column,
                            problem: format!(
                                "the key appears twice: on line {} and before it on {}",
                                key.line,
                                place(first.line)
                            ),
                            remedy: "keep one of the two".to_owned(),
                            key: key.text,
                        }),
                        None => entries.push(Entry {
                            key: key.text,
                            key_span: key.span,
                            line: key.line,
                            column: key.column,
                            value: node,
                            merged: false,
                        }),
                    }
                }
            },
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, marker: &Marker) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            let problem = format!("more than {MAX_NODES} values, aliases counted each time they are used");
            return Err(Fault::new(marker, problem, "use fewer aliases of aliases"));
        }
        Ok(())
    }

    /// Where a scalar really ends: the parser's span may run on to what follows it.
    fn end_of_scalar(&self, bytes: &Range<usize>, style: Style) -> Option<usize> {
        let text = self.body.get(bytes.start - self.shift..bytes.end - self.shift)?;
        let length = match style {
            Style::Plain | Style::BlockScalar => text.trim_end().len(),
            Style::SingleQuoted => closing_quote(text, '\'')?,
            Style::DoubleQuoted => closing_quote(text, '"')?,
        };
        Some(bytes.start + length)
    }
}

/// The length of a quoted scalar, both quotes included; `None` when it begins with something else.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    characters.next().filter(|(_, first)| *first == quote)?;
    while let Some((index, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            if quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
                continue;
            }
            return Some(index + quote.len_utf8());
        }
    }
    None
}

/// `<<: *base` and `<<: [*a, *b]`: keys that the mapping does not have itself, earlier ones first.
fn merge(entries: &mut Vec<Entry>, node: Node, key: &PendingKey, faults: &mut Vec<Fault>) {
    let sources = match node.kind {
        Kind::List { items, .. } => items,
        Kind::Map { .. } | Kind::Scalar { .. } => vec![node],
    };
    for source in sources {
        let Kind::Map { entries: inherited, .. } = source.kind else {
            faults.push(Fault {
                line: key.line,
                column: key.column,
                key: "<<".to_owned(),
                problem: "a merge key needs a mapping or a list of mappings".to_owned(),
                remedy: "write `<<: *name`, where `&name` marks a mapping".to_owned(),
            });
            continue;
        };
        for mut entry in inherited {
            if !entries.iter().any(|known| known.key == entry.key) {
                entry.merged = true;
                entries.push(entry);
            }
        }
    }
}

/// What came out of an alias lies where the alias is, all of it.
fn mark_alias(node: &mut Node, span: &Range<usize>, line: u32, column: u32) {
    node.special = true;
    node.span = span.clone();
    (node.line, node.column) = (line, column);
    match &mut node.kind {
        Kind::Scalar { .. } => {}
        Kind::List { items, .. } => items.iter_mut().for_each(|item| mark_alias(item, span, line, column)),
        Kind::Map { entries, .. } => {
            entries.iter_mut().for_each(|entry| mark_alias(&mut entry.value, span, line, column));
        }
    }
}

/// What a node weighs against [`MAX_NODES`]: itself, and long texts in steps, because copies of them cost as much.
fn size_of(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar { text, .. } => text.len() / 64,
        Kind::List { items, .. } => items.iter().map(size_of).sum(),
        Kind::Map { entries, .. } => entries.iter().map(|entry| size_of(&entry.value)).sum::<usize>(),
    }
}

fn line_and_column(marker: &Marker) -> (u32, u32) {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    (number(marker.line().max(1)), number(marker.col().saturating_add(1)))
}
