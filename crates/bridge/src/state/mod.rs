//! Opaque state of conversations: what a client dropped is put back, what a provider refused is left out.
//! Source: translation.md B30, B38, D.31; docs/translation.md "Portable conversations".

mod gate;
mod recorder;
mod scope;
mod store;

pub(crate) use gate::{Fresh, Refused};
pub(crate) use recorder::Recorder;
pub(crate) use scope::Scope;
pub(crate) use store::{Bounds, Store};
