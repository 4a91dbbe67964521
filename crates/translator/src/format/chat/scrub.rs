//! Messages that pass through: state of another provider's, state that this one refused, and thoughts where none may stand.
//! All else stays byte for byte. Source: translation.md A.5, B29 to B31, B36.

use std::borrow::Cow;

use crate::codec::Patch;
use crate::loss::{Loss, loss};
use crate::model::Issuer;
use crate::pass::signature::{REFUSED_STATE, SENTINEL, classify, is_outdated_gemini};
use crate::splice::{Edits, Piece, TopLevel, Word, items};

static THOUGHTS: Word = Word::new("\"reasoning_content\"");
static SIGNATURE: Word = Word::new("\"thought_signature\"");

/// What is looked for.
struct Rules<'p> {
    patch: &'p Patch,
    /// The model is one that signs in Google's slot, as far as its name tells: whoever serves it takes that back.
    gemini: bool,
    /// It is another's, as far as its name tells, or a provider that serves no other maker's.
    other: bool,
}

/// What other makers call their models.
const OTHERS: [&str; 13] = [
    "gpt", "claude", "llama", "deepseek", "qwen", "kimi", "glm", "mistral", "grok", "minimax", "codex",
    "command", "nova",
];

/// What changes of the messages, so that they are as this provider may have them. A patch that names no model does not say
/// where they go: then nothing does.
pub(super) fn messages(top: &TopLevel<'_>, patch: &Patch, losses: &mut Vec<Loss>) -> Vec<Piece> {
    let Some(model) = &patch.model else { return Vec::new() };
    let name = model.to_ascii_lowercase();
    let gemini = name.contains("gemini");
    let other = !gemini && (patch.refuses_thoughts || OTHERS.iter().any(|other| name.contains(other)));
    let rules = Rules { patch, gemini, other };
    let list = top.raw("messages").ok().flatten().filter(|json| json.starts_with('['));
    let Some(list) = list.filter(|list| rules.may_matter(list)) else { return Vec::new() };
    items(list, |json| Some(message(json, &rules, losses))).unwrap_or_default()
}

impl Rules<'_> {
    /// Whether any word stands there that could mean a change: most messages are never taken apart.
    fn may_matter(&self, json: &str) -> bool {
        self.patch.refuses_thoughts && THOUGHTS.is_in(json.as_bytes())
            || (!self.gemini || self.patch.gate.is_some()) && SIGNATURE.is_in(json.as_bytes())
    }

    /// Why a signature in Google's slot stays here. One of no known form goes back to where the client may have it from.
    fn refusal(&self, value: &str) -> Option<&'static str> {
        if value.is_empty() || value == SENTINEL {
            return None;
        }
        let foreign = match classify(value) {
            Issuer::Gemini => self.other,
            Issuer::Unknown => self.other && is_outdated_gemini(value),
            _ => true,
        };
        if foreign {
            return Some("another provider's state means nothing to this one");
        }
        let refused = self.patch.gate.as_ref().is_some_and(|gate| !gate.passes(value));
        refused.then_some(REFUSED_STATE)
    }
}

fn message<'j>(json: &'j str, rules: &Rules<'_>, losses: &mut Vec<Loss>) -> Cow<'j, str> {
    if !rules.may_matter(json) {
        return Cow::Borrowed(json);
    }
    let Ok(top) = TopLevel::scan(json.as_bytes()) else { return Cow::Borrowed(json) };
    let mut edits = signed(&top, None, rules, losses);
    if rules.patch.refuses_thoughts
        && let Some(thoughts) = top.raw("reasoning_content").ok().flatten()
    {
        if !matches!(thoughts, "null" | r#""""#) {
            loss(losses, "message.thinking", "the provider takes no thoughts back");
        }
        edits = edits.remove("reasoning_content");
    }
    if let Some(calls) = top.raw("tool_calls").ok().flatten().filter(|json| json.starts_with('[')) {
        let mut place = 0;
        let pieces = items(calls, |call| {
            let changed = TopLevel::scan(call.as_bytes())
                .ok()
                .and_then(|top| signed(&top, Some(place), rules, losses).apply_str(call).ok());
            place += 1;
            Some(changed.unwrap_or(Cow::Borrowed(call)))
        });
        edits = edits.within("tool_calls", pieces.unwrap_or_default());
    }
    edits.apply_str(json).unwrap_or(Cow::Borrowed(json))
}

/// What changes of a message, or of the call at a place of it, for the signature that it has.
fn signed(
    top: &TopLevel<'_>,
    call: Option<usize>,
    rules: &Rules<'_>,
    losses: &mut Vec<Loss>,
) -> Edits<'static> {
    let extra = top.raw("extra_content").ok().flatten();
    match extra.and_then(|extra| without_signature(extra, call, rules, losses)) {
        Some(extra) => put("extra_content", extra),
        None => Edits::new(),
    }
}

fn without_signature(
    extra: &str,
    call: Option<usize>,
    rules: &Rules<'_>,
    losses: &mut Vec<Loss>,
) -> Option<String> {
    let google = TopLevel::scan(extra.as_bytes()).ok()?.raw("google").ok().flatten()?;
    let value = TopLevel::scan(google.as_bytes()).ok()?.string("thought_signature").ok().flatten()?;
    loss(losses, "message.signature", rules.refusal(&value)?);
    // Gemini refuses a first call that nobody signed. Source: translation.md B31.
    let edits = match call {
        Some(0) if rules.gemini => Edits::new().set_string("thought_signature", SENTINEL),
        _ => Edits::new().remove("thought_signature"),
    };
    let google = edits.apply_str(google).ok()?.into_owned();
    put("google", google).apply_str(extra).ok().map(Cow::into_owned)
}

/// An object in its member's place; an empty one goes with its member.
fn put(key: &'static str, object: String) -> Edits<'static> {
    let empty = TopLevel::scan(object.as_bytes()).is_ok_and(|left| left.members().next().is_none());
    if empty { Edits::new().remove(key) } else { Edits::new().set(key, object) }
}
