//! Streams of events.

mod blocks;
mod decoder;
mod encoder;
mod frames;
mod observer;
mod odd;
mod open;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
pub(super) use observer::Observer;
