//! What routing needs of a request, without decoding it: the model and the stream stand in the URL.

use std::borrow::Cow;

use super::dialect::{Dialect, is_family};
use crate::codec::{CodecError, Peek};
use crate::model::{Request, ToolChoice};
use crate::pass::portable;
use crate::splice::TopLevel;

pub(super) fn peek(body: &[u8], dialect: Dialect) -> Result<Peek<'_>, CodecError> {
    let top = TopLevel::scan_strictly(body)?;
    let inner = if dialect.wraps() { top.object("request") } else { None };
    let mut model = top.string("model")?;
    if model.is_none()
        && let Some(inner) = &inner
    {
        // Code Assist's countTokens has the model in there, alone. Source: Gemini CLI's requests.
        model = inner.string("model")?;
    }
    let model = model.unwrap_or_default();
    let session = session(&top).or_else(|| session(&inner?));
    Ok(Peek {
        model: match model {
            Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix("models/").unwrap_or(name)),
            owned @ Cow::Owned(_) => owned,
        },
        stream: false,
        session,
        cache_key: None,
        top: Some(top),
    })
}

/// Refuses what other providers cannot look up: a cached content is the larger part of the prompt.
///
/// Members are named as `dialect` has them: Code Assist's are inside `request`.
pub(super) fn check_portable(
    request: &Request<'_>,
    provider: &str,
    dialect: Dialect,
) -> Result<(), CodecError> {
    let within = if dialect.wraps() { "request." } else { "" };
    if is_family(provider) {
        return Ok(());
    }
    let cached = |key: &str| matches!(key, "cachedContent" | "cached_content");
    match request.extras.iter().rev().find(|(key, _)| cached(key)) {
        Some((key, raw)) if !matches!(raw.get(), "null" | r#""""#) => {
            let why = "the provider of this model keeps no cached contents: send them as contents";
            return Err(CodecError::inexpressible(format!("{within}{key}: {why}"))
                .with_param(format!("{within}{key}")));
        }
        _ => {}
    }
    match &request.tool_choice {
        Some(ToolChoice::Hosted { .. }) if !provider.is_empty() => {
            Err(portable::unknown(&format!("{within}toolConfig.functionCallingConfig.mode"), None))
        }
        _ => Ok(()),
    }
}

/// Source: providers-a.md 4.2, 5.4.
fn session<'a>(object: &TopLevel<'a>) -> Option<Cow<'a, str>> {
    let member = |key: &str| object.string(key).ok().flatten().filter(|id| !id.is_empty());
    member("session_id").or_else(|| member("sessionId"))
}
