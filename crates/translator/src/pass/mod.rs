//! Shared passes: what several codecs must do alike, each once.
//!
//! A pass is a pure function between decode and encode. Codecs call passes; a codec that needs its own variant is
//! a smell (Source: style.md §15). Rules are cited as `B1` … of translation.md.

pub mod args;
pub mod cache;
pub mod call_ids;
pub mod carrier;
pub mod common;
pub mod custom;
pub mod errors;
pub mod estimate;
pub mod finish;
pub(crate) mod form;
pub mod identity;
pub mod ids;
pub(crate) mod index;
pub(crate) mod limits;
pub mod media;
pub mod names;
mod pairing;
pub(crate) mod portable;
pub mod reasoning;
pub mod recall;
pub mod schema;
pub mod searches;
pub mod services;
pub mod signature;
pub(crate) mod strict;
pub mod turns;
