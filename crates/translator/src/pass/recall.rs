//! Opaque state for clients whose format has no slot for it: what a reply carried is remembered by the calls and the
//! words that it stood at, and put back there when the conversation returns without it. Words are known by their digest
//! only: no text is kept. Source: translation.md B38, D.31.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use sha2::{Digest as _, Sha256};

use super::ids::reply_call_id;
use crate::json::Text;
use crate::model::{
    BlockKind, Delta, Event, Issuer, Part, PartKind, Reasoning, Request, Role, Signature, Turn,
};

/// What words are known by.
pub type Digest = [u8; 32];

/// State that is found by words must be at least this long: shorter ones are none (E651).
const SHORTEST: usize = 50;

/// What a turn returns that its state can be found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Anchor<'t> {
    /// A call, by its id.
    Call(Cow<'t, str>),
    /// The words of a turn without calls, and of what the user asked before.
    Words(Digest),
    /// Thoughts that people read: their state is worth nothing without them.
    Thoughts(Digest),
}

/// Where state stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// At the beginning of its turn.
    Start,
    /// Before its anchor.
    Before,
    /// On its anchor itself.
    On,
    /// Behind its anchor.
    After,
}

/// One piece of state. `Debug` shows its size only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Where it stood.
    pub place: Place,
    /// Whether it stands for thoughts that are encrypted as a whole.
    pub redacted: bool,
    /// The value.
    pub value: Box<str>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("place", &self.place)
            .field("redacted", &self.redacted)
            .field("len", &self.value.len())
            .finish()
    }
}

/// Where state is found again: what one client had of one target.
pub trait Recall: fmt::Debug + Send + Sync {
    /// Whose state it is.
    fn issuer(&self) -> Issuer;

    /// Whether there is nothing to find: then nothing need be looked at.
    fn is_empty(&self) -> bool {
        false
    }

    /// What stood at an anchor.
    fn find(&self, anchor: &Anchor<'_>) -> Option<Vec<State>>;
}

/// Puts back into a conversation what its turns lack, and returns what the user's last words are known by. A turn that
/// has any state of its own is left alone: its client keeps it.
pub fn restore(request: &mut Request<'_>, recall: &dyn Recall) -> Option<Digest> {
    let question = |turn: Option<&Turn<'_>>| words_of(turn?.parts.iter().filter_map(Part::as_text));
    let empty = recall.is_empty();
    let mut asked = None;
    // Any number of turns may answer one question: it is hashed when the first of them wants it, and no more.
    let mut known = OnceCell::new();
    for at in 0..request.turns.len() {
        let Some((before, turn)) = request.turns.split_at_mut_checked(at) else { break };
        match turn.first_mut() {
            Some(turn) if turn.role == Role::User => {
                asked = Some(at);
                known = OnceCell::new();
            }
            Some(turn) if turn.role == Role::Assistant && !empty && !has_state(turn) => {
                restore_turn(turn, &|| *known.get_or_init(|| question(before.get(asked?))), recall);
            }
            _ => {}
        }
    }
    let turn = request.turns.get(asked?);
    known.into_inner().unwrap_or_else(|| question(turn))
}

fn has_state(turn: &Turn<'_>) -> bool {
    turn.parts.iter().any(|part| {
        part.signature.is_some()
            || matches!(&part.kind, PartKind::Reasoning(reasoning) if reasoning.redacted.is_some())
    })
}

fn restore_turn<'a>(turn: &mut Turn<'a>, question: &dyn Fn() -> Option<Digest>, recall: &dyn Recall) {
    let has_calls = turn.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let last_text = turn.parts.iter().rposition(|part| part.as_text().is_some()).filter(|_| !has_calls);
    let words = last_text.and_then(|_| words_of(turn.parts.iter().filter_map(Part::as_text)));
    let issuer = recall.issuer();
    let mut start: Vec<Part<'a>> = Vec::new();
    let mut rest: Vec<Part<'a>> = Vec::new();
    for (index, mut part) in std::mem::take(&mut turn.parts).into_iter().enumerate() {
        let found = match &part.kind {
            PartKind::ToolCall(call) if !call.id.is_empty() => recall.find(&Anchor::Call(call.id.decoded())),
            PartKind::Reasoning(reasoning) => words_of(reasoning.summary.iter().chain(&reasoning.raw))
                .and_then(|thoughts| recall.find(&Anchor::Thoughts(thoughts))),
            _ if Some(index) == last_text => {
                words.and_then(|words| recall.find(&Anchor::Words(asked(question(), words))))
            }
            _ => None,
        };
        let mut after = Vec::new();
        for state in found.unwrap_or_default() {
            match state.place {
                Place::Start => start.push(state.into_part(issuer)),
                Place::Before => rest.push(state.into_part(issuer)),
                Place::On => part.signature = Some(state.into_signature(issuer)),
                Place::After => after.push(state.into_part(issuer)),
            }
        }
        rest.push(part);
        rest.append(&mut after);
    }
    start.append(&mut rest);
    turn.parts = start;
}

impl State {
    fn new(place: Place, redacted: bool, value: &Text<'_>) -> Self {
        Self { place, redacted, value: value.decoded().into() }
    }

    fn into_signature<'a>(self, issuer: Issuer) -> Signature<'a> {
        Signature { issuer, value: Text::plain(self.value.into_string()) }
    }

    /// Thoughts without words.
    fn into_part<'a>(self, issuer: Issuer) -> Part<'a> {
        if self.redacted {
            let redacted = Some(Text::plain(self.value.into_string()));
            return Part::new(PartKind::Reasoning(Reasoning { redacted, ..Reasoning::default() }));
        }
        let summary = vec![Text::default()];
        let thoughts = PartKind::Reasoning(Reasoning { summary, ..Reasoning::default() });
        Part::new(thoughts).with_signature(Some(self.into_signature(issuer)))
    }
}

/// Hashes words as they come. White space does not count: clients trim.
#[derive(Clone, Default)]
struct Words {
    hash: Sha256,
    any: bool,
}

impl Words {
    fn push(&mut self, text: &Text<'_>) {
        for word in text.decoded().as_bytes().split(u8::is_ascii_whitespace) {
            self.any |= !word.is_empty();
            self.hash.update(word);
        }
    }

    fn digest(self) -> Option<Digest> {
        self.any.then(|| self.hash.finalize().into())
    }
}

fn words_of<'p, 't: 'p>(texts: impl Iterator<Item = &'p Text<'t>>) -> Option<Digest> {
    let mut words = Words::default();
    texts.for_each(|text| words.push(text));
    words.digest()
}

/// Words as the answer to a question: two answers of the same words are two.
fn asked(question: Option<Digest>, words: Digest) -> Digest {
    Sha256::new().chain_update(question.unwrap_or_default()).chain_update(words).finalize().into()
}

/// Reads a reply for what has to be remembered of it.
pub struct Watcher {
    issuer: Issuer,
    seed: String,
    question: Option<Digest>,
    open: Vec<(u32, Open)>,
    /// State that waits for what it stands before.
    loose: Vec<State>,
    /// What came before everything else.
    start: Vec<State>,
    /// What stood on the words.
    on_words: Vec<State>,
    words: Words,
    calls: usize,
    found: Vec<(Anchor<'static>, Vec<State>)>,
}

/// A block that goes on.
enum Open {
    Text,
    Thoughts(Words, Option<State>),
    Call(Anchor<'static>, Vec<State>),
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Watcher {
    /// For a reply of this issuer. `seed` is what derived ids of calls are made of, `question` what [`restore`] returned.
    #[must_use]
    pub fn new(issuer: Issuer, seed: impl Into<String>, question: Option<Digest>) -> Self {
        Self {
            issuer,
            seed: seed.into(),
            question,
            open: Vec::new(),
            loose: Vec::new(),
            start: Vec::new(),
            on_words: Vec::new(),
            words: Words::default(),
            calls: 0,
            found: Vec::new(),
        }
    }

    /// Looks at an event. Only the first candidate counts: no client returns another.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::BlockStart { block, candidate: 0, kind } => self.starts(*block, kind),
            Event::Delta { block, delta } => self.grows(*block, delta),
            Event::BlockStop { block } => self.stops(*block),
            _ => {}
        }
    }

    fn starts(&mut self, block: u32, kind: &BlockKind<'_>) {
        let open = match kind {
            BlockKind::Text => {
                if self.calls == 0 && !self.words.any && self.on_words.is_empty() {
                    let mut states = self.placed(Place::Start);
                    self.start.append(&mut states);
                }
                Open::Text
            }
            BlockKind::Reasoning => Open::Thoughts(Words::default(), None),
            BlockKind::Redacted(data) if self.issuer == Issuer::Claude => {
                self.loose.push(State::new(Place::Before, true, data));
                return;
            }
            BlockKind::ToolCall { id, .. } => {
                let id = match id.is_empty() {
                    false => id.decoded().into_owned(),
                    true => reply_call_id(&self.seed, 0, self.calls),
                };
                let mut states = if self.calls == 0 { std::mem::take(&mut self.start) } else { Vec::new() };
                states.append(&mut self.placed(Place::Before));
                self.calls += 1;
                Open::Call(Anchor::Call(Cow::Owned(id)), states)
            }
            _ => return,
        };
        self.open.push((block, open));
    }

    fn placed(&mut self, place: Place) -> Vec<State> {
        let mut states = std::mem::take(&mut self.loose);
        states.iter_mut().for_each(|state| state.place = place);
        states
    }

    fn grows(&mut self, block: u32, delta: &Delta<'_>) {
        let Some((_, open)) = self.open.iter_mut().rev().find(|(open, _)| *open == block) else { return };
        let own = |signature: &Signature<'_>| {
            matches!(signature.issuer, Issuer::Unknown) || signature.issuer == self.issuer
        };
        match (open, delta) {
            (Open::Text, Delta::Text(text)) => self.words.push(text),
            (Open::Thoughts(words, _), Delta::Reasoning(text) | Delta::RawReasoning(text)) => {
                words.push(text)
            }
            (Open::Thoughts(_, state), Delta::Signature(signature)) if own(signature) => {
                *state = Some(State::new(Place::Before, false, &signature.value));
            }
            (Open::Call(_, states), Delta::Signature(signature)) if own(signature) => {
                states.push(State::new(Place::On, false, &signature.value));
            }
            (Open::Text, Delta::Signature(signature)) if own(signature) => {
                self.on_words.push(State::new(Place::On, false, &signature.value));
            }
            _ => {}
        }
    }

    fn stops(&mut self, block: u32) {
        let Some(at) = self.open.iter().rposition(|(open, _)| *open == block) else { return };
        match self.open.swap_remove(at).1 {
            Open::Text => {}
            Open::Thoughts(words, Some(state)) => match words.digest().filter(|_| self.needs_thoughts()) {
                Some(thoughts) => {
                    self.keep(Anchor::Thoughts(thoughts), vec![State { place: Place::On, ..state }]);
                }
                None => self.loose.push(state),
            },
            Open::Thoughts(_, None) => {}
            Open::Call(anchor, states) => self.keep(anchor, states),
        }
    }

    /// Whether a state is refused without the thoughts that it signs.
    fn needs_thoughts(&self) -> bool {
        matches!(self.issuer, Issuer::Claude | Issuer::Kimi)
    }

    fn keep(&mut self, anchor: Anchor<'static>, mut states: Vec<State>) {
        if !matches!(anchor, Anchor::Call(_)) {
            states.retain(|state| state.value.len() >= SHORTEST);
        }
        if !states.is_empty() {
            self.found.push((anchor, states));
        }
    }

    /// The reply is whole: what has to be remembered of it.
    #[must_use]
    pub fn finish(mut self) -> Vec<(Anchor<'static>, Vec<State>)> {
        // A state at the end of a turn says something only to Gemini; OpenAI wants something behind every one.
        let mut end = self.placed(Place::After);
        end.retain(|_| self.issuer == Issuer::Gemini);
        if self.calls > 0 {
            if let Some((_, states)) =
                self.found.iter_mut().rev().find(|(anchor, _)| matches!(anchor, Anchor::Call(_)))
            {
                states.append(&mut end);
            }
        } else if let Some(words) = std::mem::take(&mut self.words).digest() {
            let mut states = std::mem::take(&mut self.start);
            states.append(&mut self.on_words);
            states.append(&mut end);
            self.keep(Anchor::Words(asked(self.question, words)), states);
        }
        self.found
    }
}
