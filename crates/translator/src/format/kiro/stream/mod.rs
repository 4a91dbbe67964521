//! Streams: frames into events and back.

mod calls;
mod decoder;
mod encoder;
mod observer;
mod tags;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
pub(super) use observer::Observer;
