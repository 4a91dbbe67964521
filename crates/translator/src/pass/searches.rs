//! Web searches that a provider ran: OpenAI's `web_search_call`, which is the shape that formats share, and Claude's
//! pair of blocks, as it comes back with a conversation. Source: translation.md B85.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use serde_json::value::RawValue;

use crate::json::read::filled;
use crate::json::{List, Text, Writer, wire_struct};
use crate::model::ServerPart;

/// The type of the item.
pub(crate) const CALL: &str = "web_search_call";

/// A page that a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Where it is.
    pub url: String,
    /// What it is called.
    pub title: Option<String>,
    /// When it was published, in the provider's words.
    pub age: Option<String>,
    /// What of it fits the query.
    pub excerpt: Option<String>,
}

impl Page {
    /// A page of which nothing but its address is known.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

/// A search and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) id: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) pages: Vec<Page>,
    /// Why it found nothing, in Claude's words (`unavailable`, `max_uses_exceeded`, …).
    pub(crate) failure: Option<String>,
}

wire_struct! {
    struct Call<'a> {
        id: &'a RawValue = "id",
        status: &'a RawValue = "status",
        error: &'a RawValue = "error_code",
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
        age: &'a RawValue = "page_age",
        excerpt: &'a RawValue = "snippet",
    }
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    filled(raw).map(|text| text.into_decoded().into_owned())
}

impl Search {
    /// Reads a `web_search_call`. `None` for a call that neither asked nor found anything, as when a page was opened
    /// (E253), and for anything that is no search.
    pub(crate) fn read(part: &ServerPart<'_>) -> Option<Self> {
        if part.kind != CALL {
            return None;
        }
        let call: Call<'_> = serde_json::from_str(part.raw.get()).ok()?;
        let action = call.action.unwrap_or_default();
        let first = action.queries.as_ref().and_then(|queries| queries.0.first());
        let query = text(action.query).or_else(|| first.map(|query| query.decoded().into_owned()));
        let found = call.results.or(action.sources).unwrap_or_default().0;
        if query.is_none() && found.is_empty() {
            return None;
        }
        let failed = text(call.status).is_some_and(|status| status == "failed");
        let failure = failed.then(|| text(call.error).unwrap_or_else(|| "unavailable".to_owned()));
        let pages = found.iter().filter_map(|page| {
            Some(Page {
                url: text(page.url)?,
                title: text(page.title),
                age: text(page.age),
                excerpt: text(page.excerpt),
            })
        });
        Some(Self { id: text(call.id), query, pages: pages.collect(), failure })
    }

    /// Writes it as a `web_search_call`.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.begin_object();
        w.field_string("type", CALL);
        if let Some(id) = &self.id {
            w.field_string("id", id);
        }
        w.field_string("status", if self.failure.is_some() { "failed" } else { "completed" });
        if let Some(code) = &self.failure {
            w.field_string("error_code", code);
        }
        w.key("action");
        w.begin_object();
        w.field_string("type", "search");
        if let Some(query) = &self.query {
            w.field_string("query", query);
            w.key("queries");
            w.begin_array();
            w.string(query);
            w.end_array();
        }
        w.key("sources");
        w.begin_array();
        for page in &self.pages {
            w.begin_object();
            w.field_string("type", "url");
            w.field_string("url", &page.url);
            w.end_object();
        }
        w.end_array();
        w.end_object();
        w.key("results");
        w.begin_array();
        for page in &self.pages {
            w.begin_object();
            w.field_string("url", &page.url);
            for (key, value) in [("title", &page.title), ("page_age", &page.age), ("snippet", &page.excerpt)]
            {
                if let Some(value) = value {
                    w.field_string(key, value);
                }
            }
            w.end_object();
        }
        w.end_array();
        w.end_object();
    }
}

/// Begins excerpts in the place that Claude has for what only Claude can read. It is our own: no provider gets it.
pub(crate) const EXCERPT: &str = "cliproxy:page:";

/// An excerpt in that place.
pub(crate) fn carried(excerpt: &str) -> String {
    format!("{EXCERPT}{}", STANDARD.encode(excerpt))
}

fn excerpt(carried: &str) -> Option<String> {
    let bytes = STANDARD.decode(carried.strip_prefix(EXCERPT)?).ok()?;
    String::from_utf8(bytes).ok()
}

/// What a part of an earlier turn tells of a search.
#[derive(Debug)]
pub(crate) enum Told {
    /// All of it.
    Whole(Search),
    /// What was asked, under this id.
    Asked(String, Option<String>),
    /// What was found, under the id of its question.
    Found(String, Search),
}

/// Puts searches together that are told in two parts, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    asked: Option<(String, Option<String>)>,
}

impl Pairs {
    /// The search that is whole with this part. A question without results never ran, and results of another question
    /// are nobody's.
    pub(crate) fn take(&mut self, part: &ServerPart<'_>) -> Option<Search> {
        match told(part)? {
            Told::Whole(search) => Some(search),
            Told::Asked(id, query) => {
                self.asked = Some((id, query));
                None
            }
            Told::Found(id, found) => {
                let (asked, query) = self.asked.take()?;
                (asked == id).then_some(Search { id: Some(id), query, ..found })
            }
        }
    }
}

wire_struct! {
    struct Block<'a> {
        id: &'a RawValue = "id" | "tool_use_id",
        name: &'a RawValue = "name",
        input: Action<'a> = "input",
        content: &'a RawValue = "content",
    }
}

wire_struct! {
    struct Entry<'a> {
        url: &'a RawValue = "url",
        title: &'a RawValue = "title",
        age: &'a RawValue = "page_age",
        content: &'a RawValue = "encrypted_content",
    }
}

wire_struct! {
    struct Failure<'a> { code: &'a RawValue = "error_code" }
}

/// Reads a part of an earlier turn; `None` for what tells of no search.
pub(crate) fn told(part: &ServerPart<'_>) -> Option<Told> {
    if part.kind == CALL {
        return Search::read(part).map(Told::Whole);
    }
    let found = part.kind == "web_search_tool_result";
    if !found && part.kind != "server_tool_use" {
        return None;
    }
    let block: Block<'_> = serde_json::from_str(part.raw.get()).ok()?;
    let id = text(block.id)?;
    if !found {
        let asks = text(block.name).is_some_and(|name| name == "web_search");
        return asks.then(|| Told::Asked(id, block.input.and_then(|input| text(input.query))));
    }
    let content = block.content.map(RawValue::get).unwrap_or_default();
    if let Ok(failure) = serde_json::from_str::<Failure<'_>>(content) {
        let code = text(failure.code).unwrap_or_else(|| "unavailable".to_owned());
        return Some(Told::Found(id, Search { failure: Some(code), ..Search::default() }));
    }
    let list: List<Entry<'_>> = serde_json::from_str(content).ok()?;
    let pages = list.0.iter().filter_map(|page| {
        let excerpt = text(page.content).as_deref().and_then(excerpt);
        Some(Page { url: text(page.url)?, title: text(page.title), age: text(page.age), excerpt })
    });
    Some(Told::Found(id, Search { pages: pages.collect(), ..Search::default() }))
}
