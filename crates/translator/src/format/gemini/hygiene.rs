//! What every history needs before it goes to Gemini, spliced into a body that passes through: roles, the names of
//! results, signatures. Source: translation.md B19, B24, B31, D.23, E630 to E633; providers-a.md 4.2.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde_json::value::RawValue;

use super::{carrier, decode, wire};
use crate::codec::{CodecError, StateGate};
use crate::json::Text;
use crate::json::read::{at, read};
use crate::json::{List, Writer};
use crate::model::{Issuer, Role};
use crate::pass::signature::is_outdated_gemini;
use crate::splice::{Edits, TopLevel, Word};

static FUNCTION: Word = Word::new("unction");
static SIGNATURE: Word = Word::new("ignature");

/// The contents, mended; `None` when there is nothing to mend. Malformed ones are left to the provider's own words.
pub(super) fn contents(
    json: &str,
    model: &str,
    gate: Option<&dyn StateGate>,
) -> Result<Option<String>, CodecError> {
    if !json.starts_with('[') {
        return Ok(None);
    }
    let items: List<&RawValue> = serde_json::from_str(json)?;
    let mut history = History { signed: needs_signatures(model), gate, before: None, calls: VecDeque::new() };
    // Begun with the first change: most bodies have none, and no piece is held beside the whole. Sentinels make it
    // longer than it was: room for them is made at once.
    let mut out: Option<Writer> = None;
    for (index, raw) in items.0.iter().enumerate() {
        let edited = history.content(raw).map_err(|error| at(&format!("contents[{index}]"), &error))?;
        match (edited, &mut out) {
            (None, None) => {}
            (None, Some(w)) => w.raw(raw.get()),
            (Some(json), Some(w)) => w.raw(&json),
            (Some(edited), None) => {
                let mut w = Writer::new(Vec::with_capacity(json.len() + json.len() / 16 + 4096));
                w.begin_array();
                items.0.iter().take(index).for_each(|raw| w.raw(raw.get()));
                w.raw(&edited);
                out = Some(w);
            }
        }
    }
    let Some(mut w) = out else { return Ok(None) };
    w.end_array();
    Ok(String::from_utf8(w.into_bytes()).ok())
}

/// Whether a model refuses calls that are not signed: those before Gemini 3 do not.
pub(super) fn needs_signatures(model: &str) -> bool {
    !(model.starts_with("gemini-1") || model.starts_with("gemini-2"))
}

struct History<'g> {
    signed: bool,
    /// Which signatures go along.
    gate: Option<&'g dyn StateGate>,
    before: Option<Role>,
    /// The names of the calls of the last round that no result has answered.
    calls: VecDeque<String>,
}

impl History<'_> {
    fn content(&mut self, raw: &RawValue) -> Result<Option<String>, CodecError> {
        let json = raw.get();
        if !json.starts_with('{') {
            return Ok(None);
        }
        let content: wire::Content<'_> = read(raw, "")?;
        let named = decode::string(content.role);
        let role = decode::role(named.as_ref(), self.before);
        self.before = Some(role);
        let mut edits = Edits::new();
        // Source: translation.md B24.
        if role != Role::System && !named.is_some_and(|name| name == "user" || name == "model") {
            edits = edits.set_string("role", if role == Role::Assistant { "model" } else { "user" });
        }
        if (FUNCTION.is_in(json.as_bytes()) || SIGNATURE.is_in(json.as_bytes()))
            && let Some(parts) = content.parts.filter(|parts| parts.get().starts_with('['))
            && let Some(changed) = self.parts(parts)?
        {
            edits = edits.set("parts", changed);
        }
        if edits.is_empty() {
            return Ok(None);
        }
        Ok(match edits.apply_str(json)? {
            Cow::Owned(changed) => Some(changed),
            Cow::Borrowed(_) => None,
        })
    }

    fn parts(&mut self, raw: &RawValue) -> Result<Option<String>, CodecError> {
        let items: List<&RawValue> = read(raw, "parts")?;
        let mut out: Vec<Cow<'_, str>> = Vec::with_capacity(items.0.len());
        let mut fresh = true;
        for (index, raw) in items.0.into_iter().enumerate() {
            let part: wire::Part<'_> = match raw.get() {
                "null" => wire::Part::default(),
                _ => read(raw, &format!("parts[{index}]"))?,
            };
            let mut edits = Edits::new();
            if let Some(call) = &part.function_call {
                if std::mem::take(&mut fresh) {
                    // A new round begins: what no result answered stays without one (E434).
                    self.calls.clear();
                }
                self.calls.push_back(call.name.map(word).unwrap_or_default());
                edits = self.sign_call(edits, part.signature, self.calls.len() == 1);
            } else if let Some(result) = &part.function_response {
                if part.signature.is_some() {
                    edits = unsigned(edits);
                }
                let name = self.calls.pop_front().filter(|name| !name.is_empty());
                if result.name.is_none_or(|name| matches!(name.get(), r#""""#))
                    && let Some(name) = name
                {
                    edits = renamed(edits, raw, &name);
                }
            } else if let Some(signature) = part.signature {
                edits = own_signature(edits, Kept::of(signature, self.signed, self.gate));
            }
            out.push(edits.apply_str(raw.get())?);
        }
        if out.iter().all(|part| matches!(part, Cow::Borrowed(_))) {
            return Ok(None);
        }
        Ok(Some(format!("[{}]", out.join(","))))
    }

    /// The first call of a content must be signed; a sentinel on a sibling pollutes (B31).
    fn sign_call<'e>(&self, edits: Edits<'e>, signature: Option<&'e RawValue>, first: bool) -> Edits<'e> {
        let sentinel =
            |edits: Edits<'e>| unsigned(edits).set_string("thoughtSignature", carrier::SENTINELS[0]);
        match signature {
            None if first && self.signed => sentinel(edits),
            None => edits,
            Some(raw) => match Kept::of(raw, self.signed, self.gate) {
                Kept::Sentinel if first => edits,
                Kept::Own => edits,
                Kept::Other(value) => unsigned(edits).set_string("thoughtSignature", &value),
                Kept::Sentinel | Kept::Nothing => match first && self.signed {
                    true => sentinel(edits),
                    false => unsigned(edits),
                },
            },
        }
    }
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
    fn of(raw: &RawValue, signed: bool, gate: Option<&dyn StateGate>) -> Self {
        let Some(text) = Text::from_raw(raw).filter(|text| !text.is_empty()) else { return Self::Nothing };
        if carrier::is_sentinel(&text.decoded()) {
            return Self::Sentinel;
        }
        let value = text.decoded().into_owned();
        let read = carrier::of_client(text)
            .filter(|(signature, _)| gate.is_none_or(|gate| gate.passes(&signature.value.decoded())));
        match read {
            Some((signature, _))
                if signature.issuer == Issuer::Gemini && signature.value != value.as_str() =>
            {
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

fn renamed<'e>(edits: Edits<'e>, part: &'e RawValue, name: &str) -> Edits<'e> {
    let Ok(top) = TopLevel::scan(part.get().as_bytes()) else { return edits };
    for key in ["functionResponse", "function_response"] {
        if let Ok(Some(json)) = top.raw(key)
            && let Ok(Cow::Owned(json)) = Edits::new().set_string("name", name).apply_str(json)
        {
            return edits.set(key, json);
        }
    }
    edits
}

fn word(raw: &RawValue) -> String {
    Text::from_raw(raw).map(|text| text.into_decoded().into_owned()).unwrap_or_default()
}
