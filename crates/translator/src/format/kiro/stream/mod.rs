//! Streams: frames into events and back.

pub(super) mod calls;
mod decoder;
mod encoder;
mod observer;
pub(super) mod tags;

pub(super) use decoder::{Decoder, is_error};
pub(super) use encoder::Encoder;
pub(super) use observer::Observer;
