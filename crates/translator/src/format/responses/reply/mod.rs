//! Whole replies.

mod annotation;
mod decode;
mod encode;
mod item;

pub(super) use annotation::annotation;
pub(super) use decode::{decode, end_of, error_of, finish_of, is_failed, of_raw, seconds, settled};
pub(super) use encode::{Head, Status, encode, search_item, tokens};
pub(super) use item::{
    CallHead, body_string, call_item, image_item, message_item, reasoning_item, refusal_part, text_part,
};
