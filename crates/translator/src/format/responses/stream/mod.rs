//! Streams of events.

mod decoder;
mod encoder;
mod frames;
mod item;
mod items;
mod observer;
mod open;
mod output;
mod pieces;

pub(super) use decoder::Decoder;
pub(super) use encoder::{Encoder, is_carried};
pub(super) use observer::Observer;
