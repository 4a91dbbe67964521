//! Streams, both ways, and what is watched of those that pass through.

mod decoder;
mod encoder;
mod observer;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
pub(super) use observer::Observer;
