//! Streams of chunks.

mod call;
mod calls;
mod choice;
mod decoder;
mod encoder;
mod observer;
mod prefix;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
pub(super) use observer::Observer;
pub(super) use prefix::Prefix;

/// The last frame, whole.
pub(super) const DONE_FRAME: &[u8] = b"data: [DONE]\n\n";

/// Whether a frame says that the stream is whole.
fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}
