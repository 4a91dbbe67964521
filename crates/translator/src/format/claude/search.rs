//! Web searches that another provider ran, as Claude's pair of blocks. Source: translation.md B85.

use serde_json::value::RawValue;

use crate::json::{List, Text, Writer, wire_struct};
use crate::model::ServerPart;
use crate::pass::ids::generated_id;
use crate::pass::searches::{Page, Search, carried};
use crate::splice::TopLevel;

/// `server_tool_use` and `web_search_tool_result`. `None` for what is no search (E253).
pub(super) fn blocks(part: &ServerPart<'_>) -> Option<[String; 2]> {
    let search = Search::read(part)?;
    // Calls without an id share one that is derived from what they say (E248).
    let id = match search.id.as_deref() {
        // Other providers write other letters than Claude's ids have.
        Some(id) if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            format!("srvtoolu_{}", id.strip_prefix("ws_").unwrap_or(id))
        }
        Some(id) => generated_id("srvtoolu_", &[id]),
        None => generated_id("srvtoolu_", &[part.raw.get()]),
    };
    pair(&id, search.query.as_deref(), &search.pages, search.failure.as_deref())
}

fn pair(id: &str, query: Option<&str>, pages: &[Page], failure: Option<&str>) -> Option<[String; 2]> {
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
    match failure {
        Some(code) => {
            w.begin_object();
            w.field_string("type", "web_search_tool_result_error");
            w.field_string("error_code", code);
            w.end_object();
        }
        None => write_pages(&mut w, pages),
    }
    w.end_object();
    Some([asked, String::from_utf8(w.into_bytes()).ok()?])
}

fn write_pages(w: &mut Writer, pages: &[Page]) {
    w.begin_array();
    for page in pages {
        w.begin_object();
        w.field_string("type", "web_search_result");
        w.field_string("url", &page.url);
        w.field_string("title", page.title.as_deref().unwrap_or_default());
        // Clients bring this back as it is: what the model read travels in it.
        w.field_string("encrypted_content", &page.excerpt.as_deref().map(carried).unwrap_or_default());
        w.key("page_age");
        match &page.age {
            Some(age) => w.string(age),
            None => w.null(),
        }
        w.end_object();
    }
    w.end_array();
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
            pages.push(Page { title, ..Page::at(url) });
        }
    }
    if query.is_none() && pages.is_empty() {
        return None;
    }
    pair(&generated_id("srvtoolu_", &[raw.get()]), query.as_deref(), &pages, None)
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
