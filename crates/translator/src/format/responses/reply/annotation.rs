//! Citations of any format as annotations of this one. Source: translation.md B85, F17.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{Text, Writer};
use crate::splice::TopLevel;

/// A citation as an annotation: its own, or a `url_citation` of the text from `start` to `end`, in characters.
/// `None` when it names no URL.
pub(in super::super) fn annotation(raw: &RawValue, start: usize, end: usize) -> Option<Cow<'_, str>> {
    let object = TopLevel::scan(raw.get().as_bytes()).ok()?;
    let kind = object.string("type").ok().flatten();
    let own = matches!(kind.as_deref(), Some("file_citation" | "container_file_citation" | "file_path"))
        || kind.as_deref() == Some("url_citation") && object.has("url");
    if own {
        return Some(Cow::Borrowed(raw.get()));
    }
    // Chat Completions nests it.
    let nested = object.object("url_citation");
    let object = nested.as_ref().unwrap_or(&object);
    let text = |key: &str| -> Option<Text<'_>> { serde_json::from_str(object.raw(key).ok().flatten()?).ok() };
    let url = text("url")?;
    let title = text("title").unwrap_or_default();
    let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let mut w = Writer::new(Vec::with_capacity(raw.get().len()));
    w.begin_object();
    w.field_string("type", "url_citation");
    // A place that the source names itself is better than ours.
    w.field_unsigned("start_index", object.unsigned("start_index").unwrap_or(count(start)));
    w.field_unsigned("end_index", object.unsigned("end_index").unwrap_or(count(end)));
    w.field_text("url", &url);
    w.field_text("title", &title);
    w.end_object();
    String::from_utf8(w.into_bytes()).ok().map(Cow::Owned)
}
