//! What cannot leave a family of formats: words that only a newer client's format has. Left out, another question would
//! be answered. Source: issue 3, "Deliver": what cannot be kept is refused with a pointed error.

use crate::codec::CodecError;
use crate::json::{Extras, Text};
use crate::model::{Request, Tool, ToolChoice};
use crate::splice::TopLevel;

/// Refuses a choice of a type that nobody here knows. One that names a tool of the provider's own goes the way of that
/// tool, which is told where it is left out.
pub(crate) fn choice(request: &Request<'_>) -> Result<(), CodecError> {
    let Some(ToolChoice::Hosted { raw, .. }) = &request.tool_choice else { return Ok(()) };
    match request.tools.iter().any(|tool| matches!(tool, Tool::Builtin(_))) {
        true => Ok(()),
        false => Err(unknown("tool_choice.type", kind(raw.get()).as_deref())),
    }
}

/// Refuses a form of the answer that only the client's format has: decoders keep it among the extras.
pub(crate) fn format(extras: &Extras<'_>, member: &str) -> Result<(), CodecError> {
    let Some((_, raw)) = extras.iter().rev().find(|(key, _)| key == member) else { return Ok(()) };
    let scanned = TopLevel::scan(raw.get().as_bytes());
    if scanned.is_ok_and(|form| form.members().all(|(_, value)| value == b"null")) {
        // An empty form asks for nothing.
        return Ok(());
    }
    match kind(raw.get()).as_deref() {
        // Known, and kept for what else it says, which is told.
        Some("json_schema") => Ok(()),
        other => Err(unknown(&format!("{member}.type"), other)),
    }
}

/// The error for a word that has no counterpart.
pub(crate) fn unknown(member: &str, word: Option<&str>) -> CodecError {
    let what = match word {
        Some(word) => format!("{word:?} means nothing to the provider of this model"),
        None => "it means nothing to the provider of this model".to_owned(),
    };
    CodecError::inexpressible(format!("{member}: {what}")).with_param(member)
}

fn kind(json: &str) -> Option<String> {
    let kind: Text<'_> =
        serde_json::from_str(TopLevel::scan(json.as_bytes()).ok()?.raw("type").ok()??).ok()?;
    Some(kind.into_decoded().into_owned())
}
