#![doc = include_str!("../README.md")]

pub mod json;
pub mod model;

mod codec;
mod frame;
mod invented;
mod loss;
mod names;
mod numbered;

mod aggregate;
pub mod format;
pub mod framing;
pub mod pass;
pub mod payload;
pub mod registry;
mod replay;
pub mod splice;

pub use aggregate::Aggregator;
pub use codec::{
    Codec, CodecError, CodecErrorKind, Encoded, ErrorText, Framing, Observed, Patch, Patched, Peek, Profile,
    ReplyContext, StateGate, StreamDecoder, StreamEncoder, StreamObserver, StreamSeen, ToolPath,
};
pub use frame::{FrameKind, StreamFrame};
pub use invented::{Invented, Places, Step};
pub use loss::{Bearer, Loss, Rare, ReplyMeter, ReplyScope};
pub use names::NameMap;
pub use replay::{replay, unsaid};
