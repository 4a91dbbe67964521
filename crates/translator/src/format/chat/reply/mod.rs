//! Whole replies.

mod decode;
mod encode;

pub(super) use decode::{decode, error_of};
pub(super) use encode::{
    annotation, call_id, encode, finish_word, image_url, is_custom, is_logprobs, write_extra_content,
    write_image,
};
