//! Client formats: one row each.

mod chat;
mod claude;
mod gemini;
mod gemini_cli;
mod responses;

use cliproxy_testkit::{SseEvent, TestReply};
use serde_json::Value;

use crate::ask::{Ask, Said};

/// How a client of a format speaks and reads.
pub trait Client: Sync {
    fn name(&self) -> &'static str;
    fn path(&self, model: &str, stream: bool) -> String;
    fn body(&self, model: &str, ask: &Ask, stream: bool) -> Value;
    /// Reads a whole reply.
    fn whole(&self, body: &Value) -> Said;
    /// Reads a stream that ended well, checking its order and its end.
    fn stream(&self, events: &[SseEvent]) -> Said;
    /// An error, after checking every member of its shape.
    fn refusal(&self, status: u16, body: &Value) -> Refusal;
    /// The words that the format has for a status: one, or those that differ by whose fault it is.
    fn kinds(&self, status: u16) -> &'static [&'static str];
    /// The message of an error, after checking its shape and its kind.
    fn error(&self, status: u16, body: &Value) -> String {
        let refusal = self.refusal(status, body);
        assert!(self.kinds(status).contains(&&*refusal.kind), "{} {status}: {body}", self.name());
        refusal.message
    }
    /// The message of the error that a broken stream ends with; `None` when it claims to have ended well.
    fn broken(&self, events: &[SseEvent]) -> Option<String>;
    /// Whether it comes in without a key, as a program of this machine.
    fn is_local(&self) -> bool {
        false
    }
}

/// What a client is told of a failure.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub message: String,
    /// `error.type`, or the status word of Google's APIs.
    pub kind: String,
    pub code: Option<String>,
}

/// What OpenAI's two formats have in common. Source: http-api.md A.8.
pub fn openai_refusal(body: &Value) -> Refusal {
    let only = |value: &Value, names: &[&str]| {
        let members = value.as_object().unwrap_or_else(|| panic!("no object: {body}"));
        assert!(members.keys().all(|name| names.contains(&name.as_str())), "{body}");
    };
    only(body, &["error"]);
    let error = &body["error"];
    // The last four are told of a cooldown.
    only(error, &["message", "type", "param", "code", "model", "provider", "reset_time", "reset_seconds"]);
    for name in ["param", "code"] {
        assert!(error.get(name).is_some_and(|value| value.is_null() || value.is_string()), "{name}: {body}");
    }
    Refusal {
        message: text_of(&error["message"]),
        kind: text_of(&error["type"]),
        code: error["code"].as_str().map(str::to_owned),
    }
}

/// Source: http-api.md A.8.
pub fn openai_kinds(status: u16) -> &'static [&'static str] {
    match status {
        401 => &["authentication_error"],
        403 => &["permission_error"],
        429 => &["rate_limit_error"],
        400..=499 => &["invalid_request_error"],
        _ => &["server_error"],
    }
}

pub fn clients() -> Vec<&'static dyn Client> {
    vec![&chat::Chat, &claude::Claude, &responses::Responses, &gemini::Gemini, &gemini_cli::GeminiCli]
}

/// A good reply, whole or streamed.
pub async fn said(client: &dyn Client, stream: bool, reply: TestReply) -> Said {
    let kind = if stream { "text/event-stream" } else { "application/json" };
    let head = (reply.status(), reply.header("content-type").map(str::to_owned));
    if head != (200, Some(kind.to_owned())) {
        panic!("{}: {head:?}: {}", client.name(), reply.text().await);
    }
    if !stream {
        return client.whole(&reply.json().await);
    }
    let events = reply.events().await;
    // Google's SDK for Python takes a comment for JSON.
    let silent = events.iter().all(|event| event.comments.is_empty());
    assert!(silent || !client.name().starts_with("gemini"), "{}: {events:?}", client.name());
    client.stream(&data_events(events))
}

/// Events without keep-alive comments.
pub fn data_events(events: Vec<SseEvent>) -> Vec<SseEvent> {
    events.into_iter().filter(|event| !event.data.is_empty()).collect()
}

/// Fragments of calls, in the order in which they began.
#[derive(Default)]
pub struct Calls(Vec<(String, String)>);

impl Calls {
    pub fn begin(&mut self, name: &str) {
        self.0.push((name.to_owned(), String::new()));
    }

    #[track_caller]
    pub fn more(&mut self, arguments: &str) {
        self.0.last_mut().expect("a call has begun").1.push_str(arguments);
    }

    #[track_caller]
    pub fn done(self) -> Vec<(String, Value)> {
        self.0.into_iter().map(|(name, text)| (name, parsed(&text))).collect()
    }
}

#[track_caller]
pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
}

#[track_caller]
pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

#[track_caller]
pub fn count_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no count: {value}"))
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
