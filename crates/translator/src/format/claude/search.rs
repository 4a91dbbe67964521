//! Web searches that an OpenAI provider ran, as Claude's pair of blocks. Source: translation.md B85.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{List, Text, Writer, wire_struct};
use crate::model::ServerPart;
use crate::pass::ids::generated_id;

wire_struct! {
    struct Call<'a> {
        id: &'a RawValue = "id",
        action: Action<'a> = "action",
        results: List<Found<'a>> = "results",
    }
}

wire_struct! {
    struct Action<'a> {
        query: &'a RawValue = "query",
        queries: List<Text<'a>> = "queries",
        sources: List<Found<'a>> = "sources",
    }
}

wire_struct! {
    struct Found<'a> {
        url: &'a RawValue = "url",
        title: &'a RawValue = "title",
        page_age: &'a RawValue = "page_age",
    }
}

/// `server_tool_use` and `web_search_tool_result`. `None` for a call that neither asked nor found anything, as when a
/// page was opened (E253), and for anything that is no search.
pub(super) fn blocks(part: &ServerPart<'_>) -> Option<[String; 2]> {
    if part.kind != "web_search_call" {
        return None;
    }
    let call: Call<'_> = serde_json::from_str(part.raw.get()).ok()?;
    let action = call.action.unwrap_or_default();
    let filled = |raw: Option<&'_ RawValue>| -> Option<String> {
        let text = raw.and_then(Text::from_raw)?.decoded().into_owned();
        Some(text).filter(|text| !text.is_empty())
    };
    let first = action.queries.as_ref().and_then(|queries| queries.0.first());
    let query = filled(action.query).or_else(|| first.map(|query| query.decoded().into_owned()));
    let found = call.results.or(action.sources).unwrap_or_default().0;
    if query.is_none() && found.is_empty() {
        return None;
    }
    // Calls without an id share one that is derived from what they say (E248).
    let id = match filled(call.id) {
        Some(id) => Cow::Owned(format!("srvtoolu_{}", id.strip_prefix("ws_").unwrap_or(&id))),
        None => Cow::Owned(generated_id("srvtoolu_", &[part.raw.get()])),
    };
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "server_tool_use");
    w.field_string("id", &id);
    w.field_string("name", "web_search");
    w.key("input");
    w.begin_object();
    if let Some(query) = &query {
        w.field_string("query", query);
    }
    w.end_object();
    w.end_object();
    let asked = String::from_utf8(w.into_bytes()).ok()?;
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "web_search_tool_result");
    w.field_string("tool_use_id", &id);
    w.key("content");
    w.begin_array();
    for page in found {
        let Some(url) = filled(page.url) else { continue };
        w.begin_object();
        w.field_string("type", "web_search_result");
        w.field_string("url", &url);
        w.field_string("title", &filled(page.title).unwrap_or_default());
        w.field_string("encrypted_content", "");
        w.key("page_age");
        match filled(page.page_age) {
            Some(age) => w.string(&age),
            None => w.null(),
        }
        w.end_object();
    }
    w.end_array();
    w.end_object();
    Some([asked, String::from_utf8(w.into_bytes()).ok()?])
}
