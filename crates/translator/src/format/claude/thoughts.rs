//! Which thoughts of a body that passes through go back to Claude. Source: translation.md B29, B30, E641 to E649.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::carrier;
use super::hygiene::NOT_SIGNED;
use crate::codec::StateGate;
use crate::pass::signature::REFUSED_STATE;
use crate::splice::{Edits, TopLevel, Word};

static THINKING: Word = Word::new("thinking\"");
static THOUGHT: Word = Word::new("\"thinking\"");
static SIGNATURE: Word = Word::new("ignature\"");

/// Which thoughts go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thoughts<'g> {
    foreign: Option<Foreign>,
    /// And those that this keeps back.
    gate: Option<&'g dyn StateGate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    /// Those under our own marker, which no provider knows.
    Marked,
    /// Those that Claude did not sign.
    Unsigned,
}

/// What becomes of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// It goes, and why.
    Goes(&'static str),
    /// Who signs nothing takes the thoughts back without a signature (E649).
    Unsigned,
    /// It goes along under this signature, which was in another (E645).
    Unwrapped(String),
}

impl<'g> Thoughts<'g> {
    /// What there is to look for; `None` when every signature is Claude's own, as far as its form tells. `strict`: the
    /// target is Claude itself, not a backend that only speaks its format.
    pub(super) fn of(body: &[u8], strict: bool, gate: Option<&'g dyn StateGate>) -> Option<Self> {
        let foreign = Foreign::of(body, strict);
        let gate = gate.filter(|_| THINKING.is_in(body));
        (foreign.is_some() || gate.is_some()).then_some(Self { foreign, gate })
    }

    /// What becomes of a block of this type.
    pub(super) fn fate(self, kind: &str, block: &TopLevel<'_>) -> Fate {
        match kind {
            "thinking" => {
                if let Some(foreign) = self.foreign.filter(|foreign| foreign.wrote(block)) {
                    return foreign.fate();
                }
                if self.keeps_back(block, "signature") {
                    return Fate::Goes(REFUSED_STATE);
                }
                if self.foreign == Some(Foreign::Unsigned)
                    && let Ok(Some(signature)) = block.string("signature")
                    && let Some(inner) = carrier::unwrapped(&signature)
                {
                    return Fate::Unwrapped(inner);
                }
                Fate::Stays
            }
            "redacted_thinking" if self.keeps_back(block, "data") => Fate::Goes(REFUSED_STATE),
            _ => Fate::Stays,
        }
    }

    fn keeps_back(self, block: &TopLevel<'_>, key: &str) -> bool {
        let Some(gate) = self.gate else { return false };
        match block.string(key) {
            Ok(Some(state)) => !state.is_empty() && !gate.passes(&state),
            // That there is none may be what the provider refused.
            Ok(None) => key == "signature" && !gate.passes(""),
            Err(_) => false,
        }
    }

    /// A call without another provider's state (E646).
    pub(super) fn without_state<'t>(self, text: &'t str, call: &TopLevel<'_>) -> Cow<'t, str> {
        let Some(foreign) = self.foreign else { return Cow::Borrowed(text) };
        let mut edits = Edits::new().remove("thought_signature").remove("thoughtSignature");
        if call.has("signature") && foreign.wrote(call) {
            edits = edits.remove("signature");
        }
        edits.apply_str(text).unwrap_or(Cow::Borrowed(text))
    }

    /// Whether a body ends in results of calls in a turn that loses thoughts here, and then begins with none and has none
    /// before the latest calls either: with a budget for thinking, Claude refuses that. Calls without thoughts of their own
    /// are right in a turn that begins with some. Who was just refused does without thinking even where nothing is lost.
    /// Source: Messages API reference, "Extended thinking"; B30.
    pub(super) fn leave_bare_loop(self, scanned: &TopLevel<'_>) -> bool {
        let messages = scanned.raw("messages").ok().flatten().unwrap_or_default();
        let messages: Vec<&RawValue> = serde_json::from_str(messages).unwrap_or_default();
        let mut lost = self.gate.is_some_and(StateGate::passes_nothing);
        let (mut answers, mut calls) = (false, false);
        // Whether the steps of the turn begin with thoughts: the latest one, and the first.
        let (mut latest, mut first) = (None, None);
        let mut in_latest = true;
        for message in messages.into_iter().rev() {
            let Ok(message) = TopLevel::scan(message.get().as_bytes()) else { return false };
            let (mut results, mut thinks) = (false, None);
            each_block(&message, &mut |kind, block| {
                results |= kind == "tool_result";
                calls |= kind == "tool_use";
                match self.fate(kind, block) {
                    Fate::Goes(_) => lost = true,
                    _ => _ = thinks.get_or_insert(kind.ends_with("thinking")),
                }
            });
            match message.string("role").ok().flatten().as_deref() {
                Some("assistant") if answers => {
                    first = thinks.or(first);
                    if in_latest {
                        latest = first;
                    }
                }
                Some("user") if results => {
                    answers = true;
                    in_latest = latest.is_none();
                }
                Some("system") => {}
                _ => break,
            }
        }
        lost && calls && first == Some(false) && latest == Some(false)
    }
}

/// The type of each block of a message, and the block.
fn each_block(message: &TopLevel<'_>, visit: &mut dyn FnMut(&str, &TopLevel<'_>)) {
    let content = message.raw("content").ok().flatten().unwrap_or_default();
    let blocks: Vec<&RawValue> = serde_json::from_str(content).unwrap_or_default();
    for block in blocks {
        if let Ok(block) = TopLevel::scan(block.get().as_bytes())
            && let Some(kind) = block.string("type").ok().flatten()
        {
            visit(&kind, &block);
        }
    }
}

impl Foreign {
    fn of(body: &[u8], strict: bool) -> Option<Self> {
        let mut found = None;
        for at in SIGNATURE.places(body) {
            let before = body.get(..at).unwrap_or_default();
            // Gemini's word for it, on a call (E646).
            if strict && (before.ends_with(b"\"thought_s") || before.ends_with(b"\"thoughtS")) {
                return Some(Self::Unsigned);
            }
            if !before.ends_with(b"\"s") {
                continue;
            }
            let rest = body.get(at + b"ignature\"".len()..).unwrap_or_default().trim_ascii_start();
            let Some(rest) = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start) else { continue };
            let Some(rest) = rest.strip_prefix(b"\"") else { continue };
            let value = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
            if strict && has_to_change(value) {
                return Some(Self::Unsigned);
            }
            if value.starts_with(carrier::MARKER.as_bytes()) {
                found = Some(Self::Marked);
            }
        }
        if strict && may_be_unsigned(body) { Some(Self::Unsigned) } else { found }
    }

    fn fate(self) -> Fate {
        match self {
            Self::Marked => Fate::Unsigned,
            Self::Unsigned => Fate::Goes(NOT_SIGNED),
        }
    }

    /// Whether it is another provider's state that a block carries as its signature.
    fn wrote(self, block: &TopLevel<'_>) -> bool {
        let Ok(signature) = block.string("signature") else { return self == Self::Unsigned };
        let signature = signature.unwrap_or_default();
        match self {
            Self::Marked => signature.starts_with(carrier::MARKER),
            Self::Unsigned => carrier::is_foreign(&signature),
        }
    }
}

/// Whether Claude does not take this signature as it is. One with escapes is better looked at where it stands.
fn has_to_change(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    value.contains('\\') || carrier::is_foreign(value) || carrier::unwrapped(value).is_some()
}

/// Whether a thought may be without a signature: behind the type of its block there is none. Looks at such blocks and at
/// nothing else, each once.
fn may_be_unsigned(body: &[u8]) -> bool {
    let mut seen = 0;
    for at in THOUGHT.places(body) {
        let (Some(before), Some(behind)) = (body.get(..at), body.get(at + b"\"thinking\"".len()..)) else {
            continue;
        };
        let name = before.trim_ascii_end().strip_suffix(b":").map(<[u8]>::trim_ascii_end);
        if at < seen || !name.is_some_and(|name| name.ends_with(b"\"type\"")) {
            continue;
        }
        let Some(rest) = behind.trim_ascii_start().strip_prefix(b",") else { return true };
        match TopLevel::from_member(body, body.len() - rest.len()) {
            Ok(rest) if rest.string("signature").is_ok_and(|signature| signature.is_some()) => {
                seen = rest.close();
            }
            _ => return true,
        }
    }
    false
}
