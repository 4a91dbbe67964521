//! Whole replies.

mod decode;
mod encode;

pub(super) use decode::{blocked, decode, finish, unix_seconds};
pub(super) use encode::{arguments, encode, write_finish, write_media};
