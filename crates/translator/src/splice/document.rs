//! A JSON body that is opened only along the paths that somebody looks at. What nobody touches stays byte for byte.

use std::borrow::Cow;

use bytes::Bytes;

use super::Scan;
use super::path::{Part, Path};
use crate::codec::CodecError;

/// An array grows by at most this many `null`s to reach an index.
const MOST_PADDING: usize = 1024;

/// A JSON object under edit, at any depth. Of repeated keys the last is read. They are kept until an edit goes
/// through them and leaves that one: set in each, a value would stand a million times in a body that repeats a member so.
///
/// ```
/// use bytes::Bytes;
/// use cliproxy_translator::splice::{Document, Path};
/// let body = Bytes::from_static(br#"{ "a":{ "x": 1.50 }, "tools":[{"n":1}] }"#);
/// let (deep, last) = (Path::parse("a.b.c").unwrap(), Path::parse("tools.-1").unwrap());
/// let mut document = Document::scan(&body)?;
/// document.set(&deep, "true").unwrap();
/// document.set(&last, "{}").unwrap();
/// assert_eq!(document.finish(&body), &br#"{ "a":{ "x": 1.50,"b":{"c":true} }, "tools":[{"n":1},{}] }"#[..]);
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Debug)]
pub struct Document<'a> {
    head: &'a [u8],
    root: Node<'a>,
    foot: &'a [u8],
    changed: bool,
}

/// A value.
#[derive(Debug)]
pub(super) enum Node<'a> {
    /// As it is written.
    Text(&'a [u8]),
    Open(Container<'a>),
}

#[derive(Debug)]
pub(super) struct Container<'a> {
    list: bool,
    slots: Vec<Slot<'a>>,
    /// White space while nothing is in it.
    inner: &'a [u8],
}

/// A member or an element.
#[derive(Debug)]
struct Slot<'a> {
    /// Of a member.
    key: Option<Cow<'a, str>>,
    /// From behind the comma before it to its value.
    lead: &'a [u8],
    value: Node<'a>,
    /// Up to the comma behind it.
    trail: &'a [u8],
    made: Made,
}

/// Where something comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// The body had it.
    Found,
    /// It came along with something that was set.
    Along,
    /// It was set.
    Set,
}

#[derive(Clone, Copy)]
enum Change<'a> {
    Set(&'a [u8]),
    /// Only what the body lacked; what an earlier one set stays.
    Default(&'a [u8]),
    Remove,
}

/// Why something could not be set.
type Refusal = &'static str;

impl<'a> Document<'a> {
    /// Scans the top level.
    ///
    /// # Errors
    /// When the text is not one JSON object.
    pub fn scan(body: &'a [u8]) -> Result<Self, CodecError> {
        let mut scan = Scan { body, at: 0, strict: false };
        scan.white();
        let start = scan.at;
        if scan.peek() != Some(b'{') {
            return Err(CodecError::malformed("the body is not a JSON object"));
        }
        let root = Node::Open(Container::read(&mut scan, Made::Found)?);
        let end = scan.at;
        scan.white();
        if scan.peek().is_some() {
            return Err(CodecError::malformed("there is text behind the JSON object"));
        }
        let span = |from, to| body.get(from..to).unwrap_or_default();
        Ok(Self { head: span(0, start), root, foot: span(end, body.len()), changed: false })
    }

    /// Gives a place this value, which must be JSON without white space around it. Missing objects and arrays on the
    /// way are made, a single value on the way makes room for them. True when something changed.
    ///
    /// # Errors
    /// Why it cannot be: an array has no members, would grow too far, or the path selects and nothing is selected.
    pub fn set(&mut self, path: &'a Path, json: &'a str) -> Result<bool, &'static str> {
        self.change(path, Change::Set(json.as_bytes()))
    }

    /// As [`Self::set`], only where the body had nothing when it was scanned and no earlier call set that very place.
    /// Of single values on the way only `null` makes room.
    ///
    /// # Errors
    /// As there.
    pub fn set_default(&mut self, path: &'a Path, json: &'a str) -> Result<bool, &'static str> {
        self.change(path, Change::Default(json.as_bytes()))
    }

    /// Removes what is there. True when something was.
    pub fn remove(&mut self, path: &'a Path) -> bool {
        self.change(path, Change::Remove).unwrap_or(false)
    }

    /// Whether the test holds for any value that the path leads to; it sees the JSON text.
    pub fn any(&mut self, path: &Path, mut test: impl FnMut(&[u8]) -> bool) -> bool {
        self.root.any(Made::Found, path.parts(), &mut test)
    }

    /// The text as it is now; the buffer that was scanned when it came out the same.
    #[must_use]
    pub fn finish(&self, body: &Bytes) -> Bytes {
        if !self.changed {
            return body.clone();
        }
        let mut out = Vec::with_capacity(body.len() + 256);
        out.extend_from_slice(self.head);
        self.root.write(&mut out);
        out.extend_from_slice(self.foot);
        if out == *body { body.clone() } else { Bytes::from(out) }
    }

    fn change(&mut self, path: &'a Path, change: Change<'a>) -> Result<bool, Refusal> {
        let changed = self.root.change(Made::Found, path.parts(), change, true)?;
        self.changed |= changed;
        Ok(changed)
    }
}

impl<'a> Node<'a> {
    /// What is in it; `None` for a single value.
    fn open(&mut self, made: Made) -> Result<Option<&mut Container<'a>>, CodecError> {
        if let Node::Text(text @ [b'{' | b'[', ..]) = self {
            *self = Node::Open(Container::read(&mut Scan { body: text, at: 0, strict: false }, made)?);
        }
        Ok(match self {
            Node::Text(_) => None,
            Node::Open(container) => Some(container),
        })
    }

    fn text(&self) -> Cow<'_, [u8]> {
        match self {
            Node::Text(text) => Cow::Borrowed(text),
            Node::Open(_) => {
                let mut out = Vec::new();
                self.write(&mut out);
                Cow::Owned(out)
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let container = match self {
            Node::Text(text) => return out.extend_from_slice(text),
            Node::Open(container) => container,
        };
        out.push(if container.list { b'[' } else { b'{' });
        for (index, slot) in container.slots.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(slot.lead);
            slot.value.write(out);
            out.extend_from_slice(slot.trail);
        }
        if container.slots.is_empty() {
            out.extend_from_slice(container.inner);
        }
        out.push(if container.list { b']' } else { b'}' });
    }

    /// Reading opens what it looks into; `made` is what later defaults have to know of that.
    pub(super) fn any(&mut self, made: Made, parts: &[Part], test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let Some((part, rest)) = parts.split_first() else { return test(&self.text()) };
        let Ok(Some(container)) = self.open(made) else { return false };
        if *part == Part::Count {
            return container.list && test(container.slots.len().to_string().as_bytes());
        }
        let mut places = container.places(part);
        if matches!(part, Part::Key(_) | Part::Index(..) | Part::Last(_)) {
            // The last of repeated keys. An element behind the last one does not exist.
            let last = places.pop().filter(|_| !(container.list && matches!(part, Part::Last(_))));
            places = last.into_iter().collect();
        }
        places.into_iter().any(|at| {
            container.slots.get_mut(at).is_some_and(|slot| slot.value.any(slot.made.below(), rest, test))
        })
    }

    /// `create` says whether what is missing may be made.
    fn change(
        &mut self,
        made: Made,
        parts: &'a [Part],
        change: Change<'a>,
        create: bool,
    ) -> Result<bool, Refusal> {
        let Some((part, rest)) = parts.split_first() else { return Ok(false) };
        let json = match change {
            Change::Set(json) | Change::Default(json) => Some(json),
            Change::Remove => None,
        };
        let Some(container) = self.open(made).map_err(|_| "the body is no valid JSON there")? else {
            // A single value makes room, but a default takes nothing away.
            let Some(json) = json.filter(|_| create && part.is_one()) else { return Ok(false) };
            if matches!(change, Change::Default(_)) && *self.text() != *b"null" {
                return Err("a single value is in its way");
            }
            *self = build(parts, json)?.0;
            return Ok(true);
        };
        let adds = container.list && json.is_some() && matches!(part, Part::Last(_));
        let places = if adds { Vec::new() } else { container.places(part) };
        if places.is_empty() {
            let Some(json) = json.filter(|_| create && part.is_one()) else { return Ok(false) };
            container.add(part, rest, json)?;
            return Ok(true);
        }
        if part.is_one() {
            return container.change_one(&places, rest, change, create);
        }
        let create = create && !matches!(part, Part::Each | Part::Like(_));
        container.change_all(&places, rest, change, create)
    }
}

impl Made {
    /// Of what is inside.
    fn below(self) -> Self {
        match self {
            Self::Found => Self::Found,
            Self::Along | Self::Set => Self::Along,
        }
    }
}

impl Part {
    /// Whether it names one place, so that the place can be made.
    fn is_one(&self) -> bool {
        matches!(self, Self::Key(_) | Self::Index(..) | Self::Last(_))
    }
}

impl<'a> Container<'a> {
    /// Reads from the opening bracket to the closing one.
    fn read(scan: &mut Scan<'a>, made: Made) -> Result<Self, CodecError> {
        let list = scan.next() == Some(b'[');
        let inside = scan.at;
        scan.white();
        let body = scan.body;
        let span = |(from, to): (usize, usize)| body.get(from..to).unwrap_or_default();
        let mut slots = Vec::new();
        let slot = |key, (start, end), region: (usize, usize)| {
            let value = Node::Text(span((start, end)));
            let (lead, trail) = (span((region.0, start)), span((end, region.1)));
            Slot { key, lead, value, trail, made }
        };
        if scan.peek() == Some(if list { b']' } else { b'}' }) {
            let inner = span((inside, scan.at));
            scan.at += 1;
            return Ok(Self { list, slots, inner });
        }
        if list {
            elements(scan, inside, |value, region| slots.push(slot(None, value, region)))?;
        } else {
            let mut members = Vec::with_capacity(8);
            scan.members(inside, &mut members)?;
            // As many as there are: a body of a million small objects keeps a list of each.
            slots.reserve_exact(members.len());
            slots.extend(
                members.into_iter().map(|member| slot(Some(member.key), member.value, member.region)),
            );
        }
        Ok(Self { list, slots, inner: &[] })
    }

    /// The slots that a part leads to, in order.
    fn places(&mut self, part: &Part) -> Vec<usize> {
        let name = match part {
            Part::Key(name) | Part::Index(_, name) | Part::Last(name) => Some(name.text.as_str()),
            _ => None,
        };
        let members = |fits: &dyn Fn(&str) -> bool| {
            let named = |slot: &Slot<'_>| slot.key.as_deref().is_some_and(fits);
            self.slots.iter().enumerate().filter(|(_, slot)| named(slot)).map(|(at, _)| at).collect()
        };
        match (self.list, part) {
            (false, Part::Like(glob)) => members(&|key| glob.fits(key)),
            (false, _) => name.map(|name| members(&|key| key == name)).unwrap_or_default(),
            (true, Part::Index(at, _)) => Some(*at).filter(|at| *at < self.slots.len()).into_iter().collect(),
            (true, Part::Last(_)) => self.slots.len().checked_sub(1).into_iter().collect(),
            (true, Part::Each) => (0..self.slots.len()).collect(),
            (true, Part::Where { query, all }) => {
                let slots = self.slots.iter_mut().enumerate();
                let hits = slots
                    .filter_map(|(at, slot)| query.holds(&mut slot.value, slot.made.below()).then_some(at));
                if *all { hits.collect() } else { hits.take(1).collect() }
            }
            (true, Part::Key(_) | Part::Like(_) | Part::Count) => Vec::new(),
        }
    }

    /// Makes what a part names.
    fn add(&mut self, part: &'a Part, rest: &'a [Part], json: &'a [u8]) -> Result<(), Refusal> {
        let (value, made) = build(rest, json)?;
        match (self.list, part) {
            (false, Part::Key(name) | Part::Index(_, name) | Part::Last(name)) => {
                self.push(Some(name.text.as_str()), name.lead.as_bytes(), value, made);
            }
            (true, Part::Index(at, _)) => {
                self.pad(*at)?;
                self.push(None, &[], value, made);
            }
            (true, Part::Last(_)) => self.push(None, &[], value, made),
            _ => return Err("an array takes an index or -1 there"),
        }
        Ok(())
    }

    fn pad(&mut self, to: usize) -> Result<(), Refusal> {
        if to.saturating_sub(self.slots.len()) > MOST_PADDING {
            return Err("the array would grow too far");
        }
        while self.slots.len() < to {
            self.push(None, &[], Node::Text(b"null"), Made::Along);
        }
        Ok(())
    }

    /// White space behind the last one stays behind what is added.
    fn push(&mut self, key: Option<&'a str>, lead: &'a [u8], value: Node<'a>, made: Made) {
        let last = self.slots.last_mut().map_or(&mut self.inner, |last| &mut last.trail);
        let trail = std::mem::take(last);
        self.slots.push(Slot { key: key.map(Cow::Borrowed), lead, value, trail, made });
    }

    /// Changes the one place that a part names, or something inside of it. Of repeated members the last is what is read:
    /// where it cannot be changed nothing is, and where it holds what was set, or not what was removed, the others go.
    fn change_one(
        &mut self,
        places: &[usize],
        rest: &'a [Part],
        change: Change<'a>,
        create: bool,
    ) -> Result<bool, Refusal> {
        let Some((last, earlier)) = places.split_last() else { return Ok(false) };
        if rest.is_empty() && matches!(change, Change::Remove) {
            self.remove(places);
            return Ok(true);
        }
        let Some(slot) = self.slots.get_mut(*last) else { return Ok(false) };
        let changed = slot.change(rest, change, create)?;
        let stands_once = match change {
            Change::Default(_) => changed,
            Change::Set(json) => {
                changed || slot.value.any(slot.made.below(), rest, &mut |text| *text == *json)
            }
            Change::Remove => true,
        };
        if stands_once {
            self.remove(earlier);
        }
        Ok(changed || stands_once && !earlier.is_empty())
    }

    /// Changes each place that a part selects, or something inside of it. What cannot be changed is left, and told when
    /// nothing else could.
    fn change_all(
        &mut self,
        places: &[usize],
        rest: &'a [Part],
        change: Change<'a>,
        create: bool,
    ) -> Result<bool, Refusal> {
        if rest.is_empty() && matches!(change, Change::Remove) {
            self.remove(places);
            return Ok(!places.is_empty());
        }
        let mut result = Ok(false);
        for at in places {
            let Some(slot) = self.slots.get_mut(*at) else { continue };
            match (slot.change(rest, change, create), &mut result) {
                (Ok(changed), Ok(before)) => *before |= changed,
                (Ok(true), failed) => *failed = Ok(true),
                (Err(reason), Ok(false)) => result = Err(reason),
                _ => {}
            }
        }
        result
    }

    /// Removes the slots of these places, which are in order. White space behind the last one stays.
    fn remove(&mut self, places: &[usize]) {
        let last = self.slots.len().checked_sub(1).filter(|last| places.last() == Some(last));
        let trail = last.and_then(|last| self.slots.get(last)).map(|slot| slot.trail);
        let mut gone = places.iter().peekable();
        let mut at = 0..;
        self.slots.retain(|_| {
            let at = at.next();
            gone.next_if(|gone| Some(**gone) == at).is_none()
        });
        if let Some(trail) = trail {
            *self.slots.last_mut().map_or(&mut self.inner, |last| &mut last.trail) = trail;
        }
    }
}

impl<'a> Slot<'a> {
    /// Changes what is in it, or something deeper; taking it away is its container's.
    fn change(&mut self, rest: &'a [Part], change: Change<'a>, create: bool) -> Result<bool, Refusal> {
        match change {
            Change::Set(json) if rest.is_empty() => Ok(self.set(json)),
            Change::Default(json) if rest.is_empty() => Ok(self.made == Made::Along && self.set(json)),
            _ => self.value.change(self.made.below(), rest, change, create),
        }
    }

    fn set(&mut self, json: &'a [u8]) -> bool {
        let changed = *self.value.text() != *json;
        if changed {
            self.value = Node::Text(json);
        }
        self.made = Made::Set;
        changed
    }
}

/// A value at the end of a path that does not exist yet.
fn build<'a>(parts: &'a [Part], json: &'a [u8]) -> Result<(Node<'a>, Made), Refusal> {
    let Some((part, rest)) = parts.split_first() else { return Ok((Node::Text(json), Made::Set)) };
    let list = match part {
        Part::Key(_) => false,
        Part::Index(..) | Part::Last(_) => true,
        _ => return Err("the path selects, and there is nothing to select from"),
    };
    let mut container = Container { list, slots: Vec::new(), inner: &[] };
    container.add(part, rest, json)?;
    Ok((Node::Open(container), Made::Along))
}

/// Reads elements up to and including the closing bracket: where the value lies, and where it with what is around it.
fn elements(
    scan: &mut Scan<'_>,
    inside: usize,
    mut found: impl FnMut((usize, usize), (usize, usize)),
) -> Result<(), CodecError> {
    let mut region = inside;
    loop {
        scan.white();
        let start = scan.at;
        scan.value()?;
        let end = scan.at;
        scan.white();
        found((start, end), (region, scan.at));
        match scan.next() {
            Some(b',') => region = scan.at,
            Some(b']') => return Ok(()),
            _ => return Err(scan.broken("expected a comma or the end of the array")),
        }
    }
}
