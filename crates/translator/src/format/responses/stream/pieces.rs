//! Small readings of one event.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::value::RawValue;

use super::item::Class;
use crate::json::{Raw, raw};
use crate::model::{Media, MediaSource};

/// Tells pictures apart.
pub(super) fn hash_of(media: &Media<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let MediaSource::Base64 { data, .. } = &media.source {
        data.decoded().hash(&mut hasher);
    }
    hasher.finish()
}

/// Log probabilities as Chat Completions has them: the form that the canonical model joins. `None` for none.
pub(super) fn wrapped(list: &RawValue) -> Option<Raw<'_>> {
    let json = list.get();
    if !json.starts_with('[') || json.len() <= 2 || json.trim_matches(['[', ']', ' ']).is_empty() {
        return None;
    }
    raw(format!(r#"{{"content":{json}}}"#)).ok().map(Cow::Owned)
}

/// What an item of that type is.
pub(super) fn class_of(kind: &str) -> Class {
    match kind {
        "message" => Class::Message,
        "reasoning" => Class::Reasoning,
        "function_call" | "custom_tool_call" => Class::Call,
        _ => Class::Whole,
    }
}
