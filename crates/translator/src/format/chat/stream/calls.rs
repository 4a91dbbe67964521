//! Calls that arrive in pieces, in any order, named late or never. Source: translation.md B61, B62, E128 to E141.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::super::decode::thought_signature;
use super::super::wire;
use crate::codec::CodecError;
use crate::json::{Progress, Text};
use crate::model::{BlockKind, Delta, Event, Signature};
use crate::numbered::FEW;
use crate::pass::finish;

/// The calls of one choice.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// Once there are many.
    finder: Option<Box<Finder>>,
}

#[derive(Debug)]
struct Call {
    /// The provider's index.
    index: u32,
    id: String,
    name: String,
    custom: bool,
    /// Legacy calls have no id to wait for.
    legacy: bool,
    /// The block, once it is open.
    block: Option<u32>,
    /// Arguments that came before the block could open.
    held: Text<'static>,
    signature: Option<Signature<'static>>,
    arguments: Progress,
}

/// One piece of a call, whatever spelling it came in.
pub(super) struct Piece<'a> {
    index: Option<u32>,
    id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    args: Option<&'a RawValue>,
    custom: bool,
    legacy: bool,
    signature: Option<Signature<'a>>,
}

impl<'a> Piece<'a> {
    pub(super) fn of(call: wire::Call<'a>, place: Option<usize>) -> Self {
        let custom = match call.kind.as_ref() {
            Some(kind) => *kind == "custom",
            None => call.custom.is_some(),
        };
        let (name, args) = match (call.function, call.custom) {
            (_, Some(custom)) => (custom.name, custom.input),
            (Some(function), None) => (function.name, function.arguments),
            (None, None) => (None, None),
        };
        Self {
            index: call.index.or_else(|| place.and_then(|place| u32::try_from(place).ok())),
            id: wire::filled(call.id),
            name: wire::filled(name),
            args,
            custom,
            legacy: false,
            signature: call.extra_content.and_then(thought_signature),
        }
    }

    /// The one call that old services knew.
    pub(super) fn legacy(function: &wire::Function<'a>) -> Self {
        Self {
            index: Some(0),
            id: None,
            name: wire::filled(function.name),
            args: function.arguments,
            custom: false,
            legacy: true,
            signature: None,
        }
    }
}

impl Calls {
    /// Takes a piece. The block opens as soon as id and name are known; until then the arguments are held.
    pub(super) fn take(
        &mut self,
        piece: Piece<'_>,
        candidate: u32,
        next_block: &mut u32,
        sink: &mut dyn FnMut(Event<'_>),
    ) {
        let place = self.place_of(&piece);
        let Some(call) = self.calls.get_mut(place) else { return };
        if call.block.is_none() {
            let was_nameless = call.id.is_empty();
            call.learn(&piece);
            if let Some(finder) = self.finder.as_mut().filter(|_| was_nameless && !call.id.is_empty()) {
                finder.identified(place, call);
            }
            if !call.name.is_empty() && (call.legacy || !call.id.is_empty()) {
                call.open(candidate, next_block, sink);
            }
        }
        if let Some(signature) = piece.signature {
            match call.block {
                Some(block) => sink(Event::Delta { block, delta: Delta::Signature(signature) }),
                None => call.signature = Some(signature.into_owned()),
            }
        }
        if let Some(raw) = piece.args {
            call.grow(raw, sink);
        }
    }

    /// Which call a piece belongs to; a new one when none fits.
    fn place_of(&mut self, piece: &Piece<'_>) -> usize {
        let fits =
            |call: &Call| piece.index.is_none_or(|index| call.index == index) && !is_other(call, piece);
        let known = match self.calls.last() {
            // Streams grow the call that they began last.
            Some(last) if fits(last) => Some(self.calls.len() - 1),
            _ if self.calls.len() <= FEW => self.calls.iter().rposition(fits),
            _ => self.finder.get_or_insert_default().latest(&self.calls, piece),
        };
        if let Some(place) = known {
            return place;
        }
        let next = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        self.calls.push(Call {
            index: piece.index.unwrap_or(next),
            id: String::new(),
            name: String::new(),
            custom: false,
            legacy: piece.legacy,
            block: None,
            held: Text::default(),
            signature: None,
            arguments: Progress::default(),
        });
        self.calls.len() - 1
    }

    /// The choice ended: opens what was never named, in the provider's order (E138), and closes everything.
    pub(super) fn finish(&mut self, candidate: u32, next_block: &mut u32, sink: &mut dyn FnMut(Event<'_>)) {
        self.calls.sort_by_key(|call| call.index);
        for call in self.calls.iter_mut().filter(|call| call.block.is_none()) {
            if call.name.is_empty() {
                // Nothing at all is no call (E134).
                if call.id.is_empty() && call.held.is_empty() {
                    continue;
                }
                call.name = format!("tool_{}", call.index);
            }
            call.open(candidate, next_block, sink);
        }
        let mut open: Vec<u32> = self.calls.iter().filter_map(|call| call.block).collect();
        open.sort_unstable();
        open.into_iter().for_each(|block| sink(Event::BlockStop { block }));
    }

    /// Whether any call went out.
    pub(super) fn any(&self) -> bool {
        self.calls.iter().any(|call| call.block.is_some())
    }

    /// What is wrong with the arguments of calls, in a reply that says that it is whole.
    pub(super) fn broken(&self) -> Option<CodecError> {
        finish::broken(self.calls.iter().filter(|call| !call.custom).map(|call| &call.arguments))
    }
}

/// Finds the latest call that fits a piece where there are many: a provider may begin any number of them.
#[derive(Debug, Default)]
struct Finder {
    /// How many of the calls are in it.
    noted: usize,
    /// The latest call of each index.
    of_index: HashMap<u32, usize>,
    /// The latest call with each id, among those of an index and among all.
    with_id: HashMap<(Option<u32>, String), usize>,
    /// Calls that had no id when they began.
    without_id: HashMap<Option<u32>, Vec<usize>>,
}

impl Finder {
    /// As [`is_other`] has it, but for each call.
    fn latest(&mut self, calls: &[Call], piece: &Piece<'_>) -> Option<usize> {
        for (place, call) in calls.iter().enumerate().skip(self.noted) {
            self.note(place, call);
        }
        self.noted = calls.len();
        let id = piece.id.as_ref().filter(|_| piece.index.is_none() || piece.name.is_some());
        let Some(id) = id else {
            return match piece.index {
                Some(index) => self.of_index.get(&index).copied(),
                None => calls.len().checked_sub(1),
            };
        };
        let same = self.with_id.get(&(piece.index, id.decoded().into_owned())).copied();
        let free = self.without_id.get_mut(&piece.index).and_then(|free| {
            // Some have one by now.
            while free.last().is_some_and(|at| calls.get(*at).is_none_or(|call| !call.id.is_empty())) {
                free.pop();
            }
            free.last().copied()
        });
        same.max(free)
    }

    fn note(&mut self, place: usize, call: &Call) {
        self.of_index.insert(call.index, place);
        for among in [Some(call.index), None] {
            match call.id.is_empty() {
                true => self.without_id.entry(among).or_default().push(place),
                false => self.with(among, place, call),
            }
        }
    }

    /// A call has an id now.
    fn identified(&mut self, place: usize, call: &Call) {
        if place < self.noted {
            self.with(Some(call.index), place, call);
            self.with(None, place, call);
        }
    }

    fn with(&mut self, among: Option<u32>, place: usize, call: &Call) {
        let latest = self.with_id.entry((among, call.id.clone())).or_insert(place);
        *latest = (*latest).max(place);
    }
}

/// Whether a piece names another call than this one. Some services number every call 0, or none: an id of its own
/// tells. Beside an index it must come with a name, as ids that change with every piece have been seen.
fn is_other(call: &Call, piece: &Piece<'_>) -> bool {
    let other_id = piece.id.as_ref().is_some_and(|id| !call.id.is_empty() && *id != *call.id);
    other_id && (piece.index.is_none() || piece.name.is_some())
}

impl Call {
    /// Takes over what the piece tells; what is known already stays (E128, E132).
    fn learn(&mut self, piece: &Piece<'_>) {
        if let (true, Some(id)) = (self.id.is_empty(), &piece.id) {
            self.id = id.decoded().into_owned();
        }
        if let (true, Some(name)) = (self.name.is_empty(), &piece.name) {
            self.name = name.decoded().into_owned();
        }
        self.custom |= piece.custom;
    }

    /// Arguments: a string, or an object where a string belongs.
    fn grow(&mut self, raw: &RawValue, sink: &mut dyn FnMut(Event<'_>)) {
        let text = match raw.get().as_bytes().first() {
            Some(b'"') => Text::from_raw(raw),
            Some(b'{' | b'[') => Some(Text::plain(raw.get())),
            _ => None,
        };
        let text = match self.custom {
            true => text,
            false => text.and_then(|text| self.arguments.take(text)),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        match self.block {
            Some(block) => sink(Event::Delta { block, delta: Delta::Args(text) }),
            None => text.push_onto(&mut self.held),
        }
    }

    fn open(&mut self, candidate: u32, next_block: &mut u32, sink: &mut dyn FnMut(Event<'_>)) {
        let block = *next_block;
        *next_block += 1;
        self.block = Some(block);
        sink(Event::BlockStart {
            block,
            candidate,
            // An id that never came stays empty: the client's format makes one (E137, E141).
            kind: BlockKind::ToolCall {
                id: Text::plain(&*self.id),
                name: Cow::Borrowed(&*self.name),
                custom: self.custom,
            },
        });
        if let Some(signature) = self.signature.take() {
            sink(Event::Delta { block, delta: Delta::Signature(signature) });
        }
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            sink(Event::Delta { block, delta: Delta::Args(held) });
        }
    }
}
