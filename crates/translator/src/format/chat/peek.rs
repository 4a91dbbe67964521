//! What routing needs of a request, without decoding it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::decode::{SESSION_KEYS, id_of};
use crate::codec::{CodecError, Peek};
use crate::json::Text;
use crate::splice::TopLevel;

pub(super) fn peek(body: &[u8]) -> Result<Peek<'_>, CodecError> {
    let scanned = TopLevel::scan_strictly(body)?;
    Ok(Peek {
        model: scanned.string("model")?.unwrap_or_default(),
        // Only the literal `true` asks for a stream. Source: http-api.md A.3.
        stream: scanned.value("stream") == Some(b"true"),
        session: session(&scanned),
        cache_key: scanned.string("prompt_cache_key").ok().flatten().filter(|key| !key.is_empty()),
        top: Some(scanned),
    })
}

/// The first of the members that clients put a conversation's name in, top level before metadata (E572).
fn session<'a>(scanned: &TopLevel<'a>) -> Option<Cow<'a, str>> {
    let in_object = |object: &TopLevel<'a>| {
        SESSION_KEYS.iter().find_map(|key| {
            let raw: &'a RawValue = serde_json::from_str(object.raw(key).ok()??).ok()?;
            id_of(raw).map(Text::into_decoded)
        })
    };
    in_object(scanned).or_else(|| in_object(&scanned.object("metadata")?))
}
