//! The service's web search: a JSON-RPC call beside the conversation. Source: providers-b.md 1.5.9.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{ExecutorError, ProviderExecutor, Timestamp};
use cliproxy_translator::format::kiro::search::{Page, SearchFailure};
use http::Method as Verb;
use serde_json::{Value, json};

use super::account::Account;
use super::request;
use crate::Egress;
use crate::urls::Base;

/// The answer is a few pages of text: a larger one is none of ours to keep.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// How long a search may take: the model and its client wait for it.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Pages that are handed on, and how many bytes of each text: all of it stays in the conversation.
const MAX_PAGES: usize = 20;
const MAX_EXCERPT: usize = 4 * 1024;
const MAX_TITLE: usize = 512;
const MAX_URL: usize = 2 * 1024;
/// Letters of a query that are sent.
const MAX_QUERY: usize = 1024;
/// Before the second and the third try. Source: providers-b.md 1.5.9 "502/503/504 retried twice".
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// Runs a search. What goes wrong is told to the model, never to the conductor: the conversation goes on without it.
pub(super) async fn found(
    executor: &dyn ProviderExecutor,
    egress: &Egress,
    account: &Account<'_>,
    base: Base<'_>,
    query: &str,
) -> Result<Vec<Page>, SearchFailure> {
    let search = async {
        let mut pauses = PAUSES.iter();
        loop {
            match once(executor, egress, account, base, query).await {
                Err(error) if is_passing(&error) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(failure(&error)),
                },
                Err(error) => return Err(failure(&error)),
                Ok(body) => return pages(&body),
            }
        }
    };
    tokio::time::timeout(TIMEOUT, search).await.unwrap_or(Err(SearchFailure::Unavailable))
}

async fn once(
    executor: &dyn ProviderExecutor,
    egress: &Egress,
    account: &Account<'_>,
    base: Base<'_>,
    query: &str,
) -> Result<Bytes, ExecutorError> {
    let query = query.get(..query.floor_char_boundary(MAX_QUERY.min(query.len()))).unwrap_or(query);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "web_search", "arguments": {"query": query}}});
    let request = request::about(Verb::POST, base.join("/mcp")?, Bytes::from(call.to_string()), account)?;
    let reply =
        egress.whole_within(executor, account.credential, Timestamp::default(), request, MAX_ANSWER).await?;
    Ok(reply.body)
}

fn is_passing(error: &ExecutorError) -> bool {
    error.status().is_some_and(|status| matches!(status.as_u16(), 502..=504))
}

fn failure(error: &ExecutorError) -> SearchFailure {
    match error.status().map(|status| status.as_u16()) {
        Some(429) => SearchFailure::TooManyRequests,
        _ => SearchFailure::Unavailable,
    }
}

/// The pages of an answer: JSON inside a text of a JSON-RPC result.
fn pages(body: &[u8]) -> Result<Vec<Page>, SearchFailure> {
    let unavailable = || SearchFailure::Unavailable;
    let answer: Value = serde_json::from_slice(body).map_err(|_| unavailable())?;
    let result = answer.get("result").filter(|_| answer.get("error").is_none_or(Value::is_null));
    let result = result.filter(|result| result.get("isError").and_then(Value::as_bool) != Some(true));
    let text =
        result.and_then(|result| result.pointer("/content/0/text")?.as_str()).ok_or_else(unavailable)?;
    let told: Value = serde_json::from_str(text).map_err(|_| unavailable())?;
    let list = told.get("results").and_then(Value::as_array);
    let failed = told.get("error").and_then(Value::as_str).is_some_and(|error| !error.trim().is_empty());
    match list {
        Some(list) if !failed || !list.is_empty() => {
            Ok(list.iter().filter_map(page).take(MAX_PAGES).collect())
        }
        _ => Err(unavailable()),
    }
}

fn page(found: &Value) -> Option<Page> {
    let text = |key: &str, most: usize| {
        let text = found.get(key)?.as_str()?.trim();
        let cut = text.get(..text.floor_char_boundary(most.min(text.len())))?;
        (!cut.is_empty()).then(|| cut.to_owned())
    };
    let url = found.get("url")?.as_str().filter(|url| url.len() <= MAX_URL)?;
    let mut page = Page::at(url);
    page.title = text("title", MAX_TITLE);
    page.excerpt = text("snippet", MAX_EXCERPT);
    page.age = text("publishedDate", MAX_TITLE).or_else(|| {
        // A moment in milliseconds, as some deployments say it.
        let at = Timestamp::from_number(found.get("publishedDate")?.as_f64().filter(|at| *at > 0.0)?)?;
        Some(at.to_rfc3339())
    });
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(told: &Value) -> Vec<u8> {
        json!({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":told.to_string()}]}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn an_answer_is_its_pages_within_bounds() {
        let mut results = vec![
            json!({"title":" T ","url":"https://a.example","snippet":"é".repeat(5000),"publishedDate":"2026-01-02"}),
            json!({"title":"no address"}),
            json!({"url":format!("https://{}", "x".repeat(3000))}),
            json!({"url":"https://b.example","publishedDate":1_795_428_000_000_i64,"title":""}),
        ];
        results.extend((0..40).map(|at| json!({"url":format!("https://c.example/{at}")})));
        let pages = pages(&answer(&json!({"results":results,"totalResults":44,"error":null}))).unwrap();
        assert_eq!(pages.len(), MAX_PAGES);
        assert_eq!((pages[0].title.as_deref(), pages[0].age.as_deref()), (Some("T"), Some("2026-01-02")));
        assert_eq!(pages[0].excerpt.as_ref().unwrap().len(), MAX_EXCERPT);
        assert_eq!((pages[1].url.as_str(), pages[1].title.as_deref()), ("https://b.example", None));
        assert_eq!(pages[1].age.as_deref(), Some("2026-11-23T10:00:00Z"));
    }

    #[test]
    fn what_is_no_answer_is_a_failed_search() {
        let wrong = json!({"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"m"}});
        let failed = json!({"result":{"isError":true,"content":[{"type":"text","text":"{\"results\":[]}"}]}});
        for body in [
            wrong.to_string().into_bytes(),
            failed.to_string().into_bytes(),
            answer(&json!({"error":"no"})),
            answer(&json!({"error":"no","results":[]})),
            answer(&json!("text")),
            b"<html>".to_vec(),
            b"{}".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(pages(&body), Err(SearchFailure::Unavailable), "{}", String::from_utf8_lossy(&body));
        }
        assert_eq!(pages(&answer(&json!({"results":[]}))), Ok(Vec::new()), "nothing found is no failure");
    }
}
