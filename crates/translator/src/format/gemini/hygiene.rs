//! What every history needs before it goes to Gemini, spliced into a body that passes through: roles, the names of
//! results, signatures. Source: translation.md B19, B24, B31, D.23, E630 to E633; providers-a.md 4.2.

use std::borrow::Cow;

use super::{carrier, decode};
use crate::codec::{CodecError, StateGate};
use crate::json::Text;
use crate::loss::{Loss, loss};
use crate::model::{Issuer, Role};
use crate::pass::signature::is_outdated_gemini;
use crate::pass::turns::NEUTRAL;
use crate::splice::{Edits, Piece, TopLevel, Walk, text_of};

/// What of the contents has to be mended, piece by piece: nothing is held of what stays. Malformed ones are left to the provider's
/// own words.
pub(super) fn contents(
    json: &str,
    model: &str,
    gate: Option<&dyn StateGate>,
    losses: &mut Vec<Loss>,
) -> Result<Vec<Piece>, CodecError> {
    let mut history = History {
        signed: needs_signatures(model),
        gate,
        before: None,
        calls: Calls::default(),
        mended: Vec::new(),
        unsigned: false,
        renamed: false,
    };
    Walk::new(json).array(|walk, _| history.content(walk))?;
    if history.renamed {
        loss(losses, "message.role", decode::OTHER_ROLE);
    }
    if history.unsigned {
        loss(losses, "message.signature", "Gemini takes back only its own");
    }
    // A role may stand behind the parts that it speaks for, and a turn that goes before is found behind them.
    history.mended.sort_by_key(|piece| piece.from);
    Ok(history.mended)
}

/// Whether a model refuses calls that are not signed: those before Gemini 3 do not.
pub(super) fn needs_signatures(model: &str) -> bool {
    !(model.starts_with("gemini-1") || model.starts_with("gemini-2"))
}

/// A content of the user's, for a conversation that begins with the model's. An empty text would be refused in turn.
pub(super) fn neutral_content() -> String {
    format!(r#"{{"role":"user","parts":[{{"text":"{NEUTRAL}"}}]}}"#)
}

struct History<'g, 'a> {
    signed: bool,
    /// Which signatures go along.
    gate: Option<&'g dyn StateGate>,
    before: Option<Role>,
    calls: Calls<'a>,
    mended: Vec<Piece>,
    /// Some signature was no signature of Gemini's.
    unsigned: bool,
    /// Some role was a word that nobody knows.
    renamed: bool,
}

/// The names of all calls; those of the last round that no result has answered begin at `open`.
#[derive(Default)]
struct Calls<'a> {
    names: Vec<Cow<'a, str>>,
    open: usize,
}

impl<'a> History<'_, 'a> {
    fn content(&mut self, walk: &mut Walk<'a>) -> Result<(), CodecError> {
        let start = walk.place();
        let mut named = None;
        let known = (self.calls.names.len(), self.calls.open);
        let mut is_empty = true;
        let is_object = walk.object(|walk, name| {
            is_empty = false;
            match name {
                "role" => {
                    let from = walk.place();
                    named = Some((from, walk.raw()?));
                }
                "parts" => {
                    // Only the last of repeated members counts.
                    self.calls.names.truncate(known.0);
                    self.calls.open = known.1;
                    self.parts(walk)?;
                }
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        if !is_object {
            return Ok(());
        }
        let name = named.and_then(|(_, json)| text_of(json)).filter(|name| !name.is_empty());
        let role = decode::role(name.as_deref(), self.before);
        if role == Role::Assistant && self.before.is_none() {
            // Calls are refused that follow nothing the user said. Source: providers-a.md 4.2 [H].
            self.mended.push(Piece { from: start, to: start, text: format!("{},", neutral_content()) });
        }
        self.before = Some(role);
        self.renamed |= name.as_deref().is_some_and(decode::is_unknown_role);
        // Source: translation.md B24.
        if role != Role::System && !matches!(name.as_deref(), Some("user" | "model")) {
            let role = if role == Role::Assistant { "\"model\"" } else { "\"user\"" };
            self.mended.push(match named {
                Some((from, json)) => Piece { from, to: from + json.len(), text: role.to_owned() },
                None => {
                    let brace = walk.read().saturating_sub(1);
                    let comma = if is_empty { "" } else { "," };
                    Piece { from: brace, to: brace, text: format!(r#"{comma}"role":{role}"#) }
                }
            });
        }
        Ok(())
    }

    fn parts(&mut self, walk: &mut Walk<'a>) -> Result<(), CodecError> {
        let mut fresh = true;
        walk.array(|walk, _| {
            let from = walk.place();
            let part = Part::read(walk)?;
            if part.is_plain() {
                return Ok(());
            }
            let json = walk.since(from);
            let edits = self.part(&part, json, &mut fresh);
            if !edits.is_empty() {
                let pieces = edits.pieces(&TopLevel::scan(json.as_bytes())?);
                self.mended.extend(pieces.into_iter().map(|piece| piece.behind(from)));
            }
            Ok(())
        })?;
        Ok(())
    }

    fn part<'e>(&mut self, part: &Part<'a>, json: &'e str, fresh: &mut bool) -> Edits<'e> {
        let mut edits = Edits::new();
        if let Some(name) = part.call {
            if std::mem::take(fresh) {
                // A new round begins: what no result answered stays without one (E434).
                self.calls.open = self.calls.names.len();
            }
            self.calls.names.push(name.and_then(text_of).unwrap_or_default());
            edits = self.sign_call(edits, part.signature, self.calls.names.len() == self.calls.open + 1);
        } else if let Some(name) = part.result {
            if part.signature.is_some() {
                self.unsigned = true;
                edits = unsigned(edits);
            }
            let called = self.calls.names.get(self.calls.open);
            self.calls.open += usize::from(called.is_some());
            if name.is_none_or(|name| name == r#""""#)
                && let Some(called) = called.filter(|called| !called.is_empty())
            {
                edits = renamed(edits, json, called);
            }
        } else if let Some(signature) = part.signature {
            let kept = Kept::of(signature, self.signed, self.gate);
            self.unsigned |= matches!(kept, Kept::Nothing);
            edits = own_signature(edits, kept);
        }
        edits
    }

    /// The first call of a content must be signed; a sentinel on a sibling pollutes (B31).
    fn sign_call<'e>(&mut self, edits: Edits<'e>, signature: Option<&str>, first: bool) -> Edits<'e> {
        let sentinel =
            |edits: Edits<'e>| unsigned(edits).set_string("thoughtSignature", carrier::SENTINELS[0]);
        match signature {
            None if first && self.signed => sentinel(edits),
            None => edits,
            Some(json) => match Kept::of(json, self.signed, self.gate) {
                Kept::Sentinel if first => edits,
                Kept::Own => edits,
                Kept::Other(value) => unsigned(edits).set_string("thoughtSignature", &value),
                kept @ (Kept::Sentinel | Kept::Nothing) => {
                    self.unsigned |= matches!(kept, Kept::Nothing);
                    match first && self.signed {
                        true => sentinel(edits),
                        false => unsigned(edits),
                    }
                }
            },
        }
    }
}

/// What matters of a part.
#[derive(Default)]
struct Part<'a> {
    signature: Option<&'a str>,
    /// Whether it is a call, and what names its tool.
    call: Option<Option<&'a str>>,
    /// Whether it is a result, and what names its tool.
    result: Option<Option<&'a str>>,
}

impl<'a> Part<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, CodecError> {
        let mut part = Self::default();
        walk.object(|walk, name| {
            match name {
                "thoughtSignature" | "thought_signature" => part.signature = walk.said()?,
                "functionCall" | "function_call" => part.call = tool_of(walk)?,
                "functionResponse" | "function_response" => part.result = tool_of(walk)?,
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        Ok(part)
    }

    /// Whether there is nothing to mend.
    fn is_plain(&self) -> bool {
        self.signature.is_none() && self.call.is_none() && self.result.is_none()
    }
}

/// The name in an object; `None` when it is none.
fn tool_of<'a>(walk: &mut Walk<'a>) -> Result<Option<Option<&'a str>>, CodecError> {
    let mut tool = None;
    let is_object = walk.object(|walk, name| {
        match name {
            "name" => tool = walk.said()?,
            _ => walk.skip()?,
        }
        Ok(())
    })?;
    Ok(is_object.then_some(tool))
}

/// What becomes of a signature.
enum Kept {
    /// It stays as it is.
    Own,
    /// Our carrier of Gemini's own.
    Other(String),
    Sentinel,
    /// It is no signature of Gemini's.
    Nothing,
}

impl Kept {
    fn of(json: &str, signed: bool, gate: Option<&dyn StateGate>) -> Self {
        let Some(value) = text_of(json).filter(|value| !value.is_empty()) else { return Self::Nothing };
        if carrier::is_sentinel(&value) {
            return Self::Sentinel;
        }
        let read = carrier::of_client(Text::plain(&*value))
            .filter(|(signature, _)| gate.is_none_or(|gate| gate.passes(&signature.value.decoded())));
        match read {
            Some((signature, _)) if signature.issuer == Issuer::Gemini && signature.value != *value => {
                Self::Other(signature.value.into_decoded().into_owned())
            }
            // What a model from 3 on refuses; those before take it back, or anything else.
            Some((signature, _))
                if signature.issuer == Issuer::Unknown && signed && is_outdated_gemini(&value) =>
            {
                Self::Nothing
            }
            Some((signature, _)) if matches!(signature.issuer, Issuer::Gemini | Issuer::Unknown) => Self::Own,
            _ => Self::Nothing,
        }
    }
}

fn own_signature(edits: Edits<'_>, kept: Kept) -> Edits<'_> {
    match kept {
        Kept::Own => edits,
        Kept::Other(value) => unsigned(edits).set_string("thoughtSignature", &value),
        Kept::Sentinel | Kept::Nothing => unsigned(edits),
    }
}

fn unsigned(edits: Edits<'_>) -> Edits<'_> {
    edits.remove("thoughtSignature").remove("thought_signature")
}

fn renamed<'e>(edits: Edits<'e>, part: &str, name: &str) -> Edits<'e> {
    let Ok(top) = TopLevel::scan(part.as_bytes()) else { return edits };
    for key in ["functionResponse", "function_response"] {
        if let Some(response) = top.object(key) {
            return edits.within(key, Edits::new().set_string("name", name).pieces(&response));
        }
    }
    edits
}
