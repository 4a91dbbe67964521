//! Streams: every chunk is a reply with what is new. Source: translation.md A.14, B69.

mod decoder;
mod encoder;
mod observer;
mod partial;
mod plain;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
pub(super) use observer::Observer;

/// Google ends a stream by closing it; other services of the format end it as OpenAI does.
fn is_done(data: &[u8]) -> bool {
    data == b"[DONE]"
}
