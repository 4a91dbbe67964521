//! Whole replies.

mod decode;
mod encode;

pub(super) use decode::{blocked, decode, finish, unix_seconds};
pub(super) use encode::{arguments, encode, is_logprobs, is_own_word, write_finish, write_media};
