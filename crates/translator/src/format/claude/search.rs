//! Web searches that another provider ran, as Claude's pair of blocks. Source: translation.md B85.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{List, Text, Writer, wire_struct};
use crate::model::ServerPart;
use crate::pass::ids::generated_id;
use crate::splice::TopLevel;

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
    let pages = found.iter().filter_map(|page| {
        Some(Page { url: filled(page.url)?, title: filled(page.title), age: filled(page.page_age) })
    });
    pair(&id, query.as_deref(), pages)
}

struct Page {
    url: String,
    title: Option<String>,
    age: Option<String>,
}

fn pair(id: &str, query: Option<&str>, pages: impl Iterator<Item = Page>) -> Option<[String; 2]> {
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "server_tool_use");
    w.field_string("id", id);
    w.field_string("name", "web_search");
    w.key("input");
    w.begin_object();
    if let Some(query) = query {
        w.field_string("query", query);
    }
    w.end_object();
    w.end_object();
    let asked = String::from_utf8(w.into_bytes()).ok()?;
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "web_search_tool_result");
    w.field_string("tool_use_id", id);
    w.key("content");
    w.begin_array();
    for page in pages {
        w.begin_object();
        w.field_string("type", "web_search_result");
        w.field_string("url", &page.url);
        w.field_string("title", &page.title.unwrap_or_default());
        w.field_string("encrypted_content", "");
        w.key("page_age");
        match page.age {
            Some(age) => w.string(&age),
            None => w.null(),
        }
        w.end_object();
    }
    w.end_array();
    w.end_object();
    Some([asked, String::from_utf8(w.into_bytes()).ok()?])
}

wire_struct! {
    struct Grounding<'a> {
        queries: List<Text<'a>> = "webSearchQueries" | "web_search_queries",
        chunks: List<Chunk<'a>> = "groundingChunks" | "grounding_chunks",
    }
}

wire_struct! {
    struct Chunk<'a> { web: Source<'a> = "web" }
}

wire_struct! {
    struct Source<'a> { uri: Text<'a> = "uri", title: Text<'a> = "title" }
}

/// The pair for what Gemini grounded a reply on; each page once (E480, E486). `None` when it searched for nothing.
pub(super) fn grounded(raw: &RawValue) -> Option<[String; 2]> {
    let grounding: Grounding<'_> = serde_json::from_str(raw.get()).ok()?;
    let queries = grounding.queries.unwrap_or_default().0;
    let query = queries.first().map(|query| query.decoded().into_owned());
    let mut pages: Vec<Page> = Vec::new();
    for source in grounding.chunks.unwrap_or_default().0.into_iter().filter_map(|chunk| chunk.web) {
        let url = source.uri.map(|uri| uri.into_decoded().into_owned()).unwrap_or_default();
        if !url.is_empty() && !pages.iter().any(|page| page.url == url) {
            let title = source.title.map(|title| title.into_decoded().into_owned());
            pages.push(Page { url, title, age: None });
        }
    }
    if query.is_none() && pages.is_empty() {
        return None;
    }
    pair(&generated_id("srvtoolu_", &[raw.get()]), query.as_deref(), pages.into_iter())
}

/// A citation of a page that another provider found, in Claude's shape.
pub(super) fn location(raw: &RawValue) -> Option<String> {
    let object = TopLevel::scan(raw.get().as_bytes()).ok()?;
    let text = |key: &str| object.string(key).ok().flatten();
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "web_search_result_location");
    w.field_string("url", &text("url")?);
    w.field_string("title", &text("title").unwrap_or_default());
    w.field_string("encrypted_index", "");
    w.field_string("cited_text", &text("cited_text").unwrap_or_default());
    w.end_object();
    String::from_utf8(w.into_bytes()).ok()
}
