//! Compaction: a reply that cannot be streamed.

use bytes::Bytes;
use cliproxy_core::ClientError;
use cliproxy_translator::splice::{Edits, TopLevel};

use crate::failure;

/// Source: http-api.md A.9: `stream: true` is refused, any other `stream` is taken out.
pub(crate) fn without_stream(body: Bytes) -> Result<Bytes, Box<ClientError>> {
    let top = TopLevel::scan(&body).map_err(|error| failure::codec(&error))?;
    if !top.has("stream") {
        return Ok(body);
    }
    if top.value("stream") == Some(b"true") {
        return Err(Box::new(failure::no_compact_stream()));
    }
    Ok(Edits::new().remove("stream").apply_scanned(&body, &top))
}
