//! What routing needs of a request, without decoding it.

use std::borrow::Cow;

use crate::codec::{CodecError, Peek};
use crate::json::Text;
use crate::splice::TopLevel;

pub(super) fn peek(body: &[u8]) -> Result<Peek<'_>, CodecError> {
    let scanned = TopLevel::scan_strictly(body)?;
    Ok(Peek {
        model: scanned.string("model")?.unwrap_or_default(),
        stream: scanned.raw("stream")?.is_some_and(streams),
        session: scanned
            .object("metadata")
            .and_then(|metadata| metadata.string("user_id").ok().flatten())
            .and_then(session),
        cache_key: None,
        top: Some(scanned),
    })
}

/// Whether the `stream` member asks for a stream: anything but `false` does, `null` is absence.
/// Source: http-api.md A.3.
pub(super) fn streams(json: &str) -> bool {
    !matches!(json, "false" | "null")
}

/// The session inside Claude Code's `metadata.user_id`: behind `_session_`, or in a JSON object as `session_id`.
pub(super) fn session(user_id: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if user_id.trim_start().starts_with('{') {
        let scanned = TopLevel::scan(user_id.as_bytes()).ok()?;
        let session: Text<'_> = serde_json::from_str(scanned.raw("session_id").ok()??).ok()?;
        let session = session.into_decoded().into_owned();
        return (!session.is_empty()).then_some(Cow::Owned(session));
    }
    let at = user_id.find("_session_")? + "_session_".len();
    let session = match user_id {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(at..)?),
        Cow::Owned(text) => Cow::Owned(text.get(at..)?.to_owned()),
    };
    Some(session).filter(|session| !session.is_empty())
}
