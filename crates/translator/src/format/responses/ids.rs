//! Ids of this format: at most 64 characters, derived where there is none.

use std::borrow::Cow;

use crate::codec::ReplyContext;
use crate::pass::ids::{generated_id, shortened};

/// The longest id. Source: translation.md B3.
const MAX_ID: usize = 64;

/// A call id that fits: the first 47 bytes and 16 digits of a hash where it is too long (B3).
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    shortened(Cow::Borrowed(id), MAX_ID)
}

/// An item id that fits. Source: providers-a.md 3.5 "item ids".
pub(super) fn item_id(id: &str) -> Cow<'_, str> {
    shortened(Cow::Borrowed(id), MAX_ID)
}

/// The id of a response: the provider's under this format's prefix, else one derived from the request (B4a).
pub(super) fn response_id(id: &str, context: &ReplyContext) -> String {
    if id.is_empty() {
        return generated_id("resp_", &[&context.seed]);
    }
    if id.starts_with("resp_") {
        return id.to_owned();
    }
    let bare = ["chatcmpl-", "chatcmpl_", "msg_"].into_iter().find_map(|prefix| id.strip_prefix(prefix));
    format!("resp_{}", bare.unwrap_or(id))
}

/// The id of an item that has none: derived from the response and the item's place in it.
pub(super) fn derived(prefix: &str, response: &str, index: u32) -> String {
    generated_id(prefix, &[response, itoa::Buffer::new().format(index)])
}
