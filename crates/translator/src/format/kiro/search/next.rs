//! What follows searches: the request that goes on with their results, and what the client is told of them.

use std::borrow::Cow;

use bytes::Bytes;

use super::super::encode::{RESULTS, SILENT};
use super::{AskedSearch, RoundEnd, SEARCHED, SearchOrder};
use crate::codec::CodecError;
use crate::frame::StreamFrame;
use crate::framing::write_event_stream;
use crate::json::Writer;
use crate::pass::ids::generated_id;
use crate::pass::searches::{Page, Search};
use crate::splice::{Edits, TopLevel};

/// Why a search found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SearchFailure {
    /// The service failed, or did not answer in time.
    Unavailable,
    /// The service is too busy.
    TooManyRequests,
    /// Nothing was asked for.
    InvalidInput,
    /// The client allows no more, or there were as many as there may be in one turn.
    MaxUses,
}

impl SearchFailure {
    /// As Claude calls it, and after it every client.
    fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::TooManyRequests => "too_many_requests",
            Self::InvalidInput => "invalid_tool_input",
            Self::MaxUses => "max_uses_exceeded",
        }
    }
}

/// A search and what came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SearchAnswer {
    asked: AskedSearch,
    outcome: Result<Vec<Page>, SearchFailure>,
}

impl SearchAnswer {
    /// The answer to a question.
    #[must_use]
    pub fn new(asked: AskedSearch, outcome: Result<Vec<Page>, SearchFailure>) -> Self {
        Self { asked, outcome }
    }

    fn search(&self) -> Search {
        let (pages, failure) = match &self.outcome {
            Ok(pages) => (pages.clone(), None),
            Err(failure) => (Vec::new(), Some(failure.code().to_owned())),
        };
        let id = Some(generated_id("ws_", &[&self.asked.id]));
        Search { id, query: self.asked.query.clone(), pages, failure }
    }
}

/// Results as the model reads them.
pub(in super::super) fn in_words(search: &Search) -> String {
    match search.failure.as_deref() {
        Some("max_uses_exceeded") => {
            return "No further web search is possible in this turn: answer with what is known.".to_owned();
        }
        Some("invalid_tool_input") => return "The search needs a query that is not empty.".to_owned(),
        Some(code) => return format!("The web search failed ({code}): answer without it, and say so."),
        None if search.pages.is_empty() => return "The search found no pages.".to_owned(),
        None => {}
    }
    let mut said = String::new();
    for (number, page) in (1..).zip(&search.pages) {
        if number > 1 {
            said.push('\n');
        }
        let title = page.title.as_deref().unwrap_or(&page.url);
        said.push_str(&format!("{number}. {title}\nURL: {}\n", page.url));
        for (name, value) in [("Published: ", &page.age), ("", &page.excerpt)] {
            if let Some(value) = value {
                said.push_str(name);
                said.push_str(value);
                said.push('\n');
            }
        }
    }
    said
}

/// The frame that tells the client of searches and separates two replies of the service. `paused` says that the turn ends
/// here although the model asked for more.
#[must_use]
pub fn told(answers: &[SearchAnswer], paused: bool) -> Vec<u8> {
    let mut w = Writer::default();
    w.begin_object();
    w.key("searches");
    w.begin_array();
    answers.iter().for_each(|answer| answer.search().write(&mut w));
    w.end_array();
    w.field_boolean("paused", paused);
    w.end_object();
    let mut out = Vec::new();
    write_event_stream(&mut out, StreamFrame::named(SEARCHED, &w.into_bytes()));
    out
}

crate::json::wire_struct! {
    /// The payload of that frame.
    pub(in super::super) struct Searched<'a> {
        searches: crate::json::List<&'a serde_json::value::RawValue> = "searches",
        paused: bool = "paused",
    }
}

/// The request that goes on: what the model said and asked is history, the results are the user's words. The tools stay,
/// as they stand on the last message only. Source: providers-b.md 1.5.3, 1.5.9.
///
/// # Errors
/// When the request is no conversation state.
pub fn continued(
    order: &SearchOrder,
    body: &Bytes,
    end: &RoundEnd,
    answers: &[SearchAnswer],
) -> Result<Bytes, CodecError> {
    let missing = || CodecError::malformed("the request has no current message of a user");
    let top = TopLevel::scan(body)?;
    let state_text = top.raw("conversationState")?.ok_or_else(missing)?;
    let state = TopLevel::scan(state_text.as_bytes())?;
    let message = state.raw("currentMessage")?.ok_or_else(missing)?;
    let scanned = TopLevel::scan(message.as_bytes())?;
    let user = scanned.raw("userInputMessage")?.ok_or_else(missing)?;
    let user_scanned = TopLevel::scan(user.as_bytes())?;
    let context = user_scanned.raw("userInputMessageContext")?.unwrap_or("{}");
    let tools = TopLevel::scan(context.as_bytes())?.raw("tools")?.unwrap_or("[]");

    let past = Edits::new().remove("tools").apply_str(context)?;
    let empty = TopLevel::scan(past.as_bytes())?.members().next().is_none();
    let past = if empty {
        Edits::new().remove("userInputMessageContext")
    } else {
        Edits::new().set("userInputMessageContext", past)
    };
    let past = past.apply_str(user)?;
    let history = state.raw("history")?.unwrap_or("[]").trim();
    let history = history.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::trim);

    let mut w =
        Writer::new(Vec::with_capacity(history.map_or(0, str::len) + past.len() + end.said.len() + 512));
    w.begin_array();
    if let Some(items) = history.filter(|items| !items.is_empty()) {
        w.raw(items);
    }
    w.begin_object();
    w.field_raw("userInputMessage", &past);
    w.end_object();
    w.begin_object();
    w.key("assistantResponseMessage");
    w.begin_object();
    w.field_string("content", if end.said.trim().is_empty() { SILENT } else { &end.said });
    w.key("toolUses");
    w.begin_array();
    for AskedSearch { id, input, .. } in answers.iter().map(|answer| &answer.asked) {
        w.begin_object();
        w.field_string("toolUseId", id);
        w.field_string("name", order.tool());
        w.field_raw("input", input);
        w.end_object();
    }
    w.end_array();
    w.end_object();
    w.end_object();
    w.end_array();
    let history = text_of(w)?;

    let mut w = Writer::default();
    w.begin_object();
    w.key("userInputMessage");
    w.begin_object();
    w.field_string("content", RESULTS);
    for key in ["modelId", "origin"] {
        if let Some(value) = user_scanned.raw(key)? {
            w.field_raw(key, value);
        }
    }
    w.key("userInputMessageContext");
    w.begin_object();
    w.key("toolResults");
    w.begin_array();
    for answer in answers {
        w.begin_object();
        w.field_string("toolUseId", &answer.asked.id);
        w.field_string("status", if answer.outcome.is_ok() { "success" } else { "error" });
        w.key("content");
        w.begin_array();
        w.begin_object();
        w.field_string("text", &in_words(&answer.search()));
        w.end_object();
        w.end_array();
        w.end_object();
    }
    w.end_array();
    w.field_raw("tools", tools);
    w.end_object();
    w.end_object();
    w.end_object();
    let current = text_of(w)?;

    let state = Edits::new().set("currentMessage", current).set("history", history).apply_str(state_text)?;
    Edits::new().set("conversationState", Cow::into_owned(state)).apply(body)
}

fn text_of(w: Writer) -> Result<String, CodecError> {
    String::from_utf8(w.into_bytes()).map_err(|_| CodecError::malformed("the request is not UTF-8"))
}
