//! Replies as the OpenAI Responses API sends them.
// Source: OpenAI API reference, "Responses" and its streaming events; schemas openai-responses.reply and
// openai-responses.event; translation.md B65, B67 for the order of events.

use serde_json::{Value, json};

use crate::claude::halves;
use crate::reply::{Piece, Reply, event, sse, status};

const ID: &str = "resp_testkit00000000000000000000";

/// A response being written: output items, status and usage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    model: String,
    items: Vec<Item>,
    ending: Ending,
    usage: Usage,
}

#[derive(Clone, Debug)]
enum Item {
    Message(Vec<Part>),
    Reasoning { summaries: Vec<String>, encrypted: Option<String> },
    FunctionCall { call_id: String, name: String, arguments: String },
    CustomToolCall { call_id: String, name: String, input: String },
    WebSearch { query: String },
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Refusal(String),
}

#[derive(Clone, Debug)]
enum Ending {
    Completed,
    Incomplete(String),
    Failed { code: String, message: String },
}

#[derive(Clone, Copy, Debug)]
struct Usage {
    input: u64,
    output: u64,
    cached: u64,
    cache_write: u64,
    reasoning: u64,
}

/// A whole reply with one text.
#[must_use]
pub fn response(text: &str) -> Reply {
    Response::new().text(text).whole()
}

/// A stream with one text.
#[must_use]
pub fn stream(text: &str) -> Reply {
    Response::new().text(text).stream()
}

/// An error reply, such as `error(429, "rate_limit_exceeded", "…")`: the same shape as for Chat Completions.
#[must_use]
pub fn error(code: u16, kind: &str, message: &str) -> Reply {
    crate::chat::error(code, kind, message)
}

/// The `error` event, which may come in place of any other.
#[must_use]
pub fn error_event(code: &str, message: &str) -> Piece {
    event(
        "error",
        &json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": 0}),
    )
}

impl Default for Response {
    fn default() -> Self {
        Self::new()
    }
}

impl Response {
    /// An empty response of a current model.
    #[must_use]
    pub fn new() -> Self {
        let usage = Usage { input: 12, output: 7, cached: 0, cache_write: 0, reasoning: 0 };
        Self { model: "gpt-5.5-2026-04-23".to_owned(), items: Vec::new(), ending: Ending::Completed, usage }
    }

    /// Names the model.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        model.clone_into(&mut self.model);
        self
    }

    /// Adds a message with one text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.texts([text])
    }

    /// Adds a message with several texts: one content part each.
    #[must_use]
    pub fn texts<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        self.items.push(Item::Message(texts.into_iter().map(|text| Part::Text(text.to_owned())).collect()));
        self
    }

    /// Adds a message that refuses.
    #[must_use]
    pub fn refusal(mut self, text: &str) -> Self {
        self.items.push(Item::Message(vec![Part::Refusal(text.to_owned())]));
        self
    }

    /// Adds a reasoning item: its summary, and the state that only the provider can read.
    #[must_use]
    pub fn reasoning(self, summary: &str, encrypted_content: &str) -> Self {
        self.reasoning_parts([summary], Some(encrypted_content))
    }

    /// Adds a reasoning item with any number of summaries, with or without state.
    #[must_use]
    pub fn reasoning_parts<'a>(
        mut self,
        summaries: impl IntoIterator<Item = &'a str>,
        encrypted_content: Option<&str>,
    ) -> Self {
        self.items.push(Item::Reasoning {
            summaries: summaries.into_iter().map(str::to_owned).collect(),
            encrypted: encrypted_content.map(str::to_owned),
        });
        self
    }

    /// Adds a function call; several make parallel calls. The arguments are sent as this text.
    #[must_use]
    pub fn function_call(mut self, call_id: &str, name: &str, arguments: &str) -> Self {
        self.items.push(Item::FunctionCall {
            call_id: call_id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        });
        self
    }

    /// Adds a call of a custom tool, whose input is free text.
    #[must_use]
    pub fn custom_tool_call(mut self, call_id: &str, name: &str, input: &str) -> Self {
        self.items.push(Item::CustomToolCall {
            call_id: call_id.to_owned(),
            name: name.to_owned(),
            input: input.to_owned(),
        });
        self
    }

    /// Adds a web search that the provider ran.
    #[must_use]
    pub fn web_search(mut self, query: &str) -> Self {
        self.items.push(Item::WebSearch { query: query.to_owned() });
        self
    }

    /// Ends as incomplete, such as by `max_output_tokens` or `content_filter`. The last item is incomplete too.
    #[must_use]
    pub fn incomplete(mut self, reason: &str) -> Self {
        self.ending = Ending::Incomplete(reason.to_owned());
        self
    }

    /// Ends in failure, such as by `server_error` or `rate_limit_exceeded`, after the items.
    #[must_use]
    pub fn failed(mut self, code: &str, message: &str) -> Self {
        self.ending = Ending::Failed { code: code.to_owned(), message: message.to_owned() };
        self
    }

    /// Input tokens and output tokens.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        (self.usage.input, self.usage.output) = (input, output);
        self
    }

    /// How many of the input's tokens were cached, and of the output's spent on reasoning.
    #[must_use]
    pub fn usage_details(mut self, cached: u64, reasoning: u64) -> Self {
        (self.usage.cached, self.usage.reasoning) = (cached, reasoning);
        self
    }

    /// How many of the input's tokens were written to the cache.
    #[must_use]
    pub fn cache_written(mut self, tokens: u64) -> Self {
        self.usage.cache_write = tokens;
        self
    }

    /// The whole response as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let last = self.items.len().saturating_sub(1);
        let whole = |(index, item): (usize, &Item)| {
            let unfinished = index == last && matches!(self.ending, Ending::Incomplete(_));
            item.whole(index, if unfinished { "incomplete" } else { "completed" })
        };
        let output: Vec<Value> = self.items.iter().enumerate().map(whole).collect();
        let mut json = self.envelope(self.ending.status(), &output, Some(&self.usage.to_json()));
        match &self.ending {
            Ending::Completed => json["completed_at"] = json!(1_762_156_805),
            Ending::Incomplete(reason) => json["incomplete_details"] = json!({"reason": reason}),
            Ending::Failed { code, message } => {
                json["error"] = json!({"code": code, "message": message});
                json["usage"] = Value::Null;
            }
        }
        json
    }

    /// The reply to a request that does not stream.
    #[must_use]
    pub fn whole(&self) -> Reply {
        status(200).header("x-request-id", "req_testkit").json(&self.to_json())
    }

    /// The reply to a request that streams: one piece an event, numbered from 0.
    #[must_use]
    pub fn stream(&self) -> Reply {
        let mut events = Events::default();
        let begun = self.envelope("in_progress", &[], None);
        events.push("response.created", json!({"response": begun}));
        events.push("response.in_progress", json!({"response": begun}));
        let whole = self.to_json();
        for (index, item) in self.items.iter().enumerate() {
            let at = json!({"output_index": index});
            events.push_at("response.output_item.added", &at, json!({"item": item.begun(index)}));
            item.deltas(index, &mut events);
            events.push_at("response.output_item.done", &at, json!({"item": whole["output"][index]}));
        }
        events.push(&format!("response.{}", self.ending.status()), json!({"response": whole}));
        sse(events.pieces).header("x-request-id", "req_testkit").header("cache-control", "no-cache")
    }

    fn envelope(&self, status: &str, output: &[Value], usage: Option<&Value>) -> Value {
        json!({
            "id": ID,
            "object": "response",
            "created_at": 1_762_156_800,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "max_tool_calls": null,
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "prompt_cache_key": null,
            "reasoning": {"effort": null, "summary": null},
            "safety_identifier": null,
            "service_tier": "default",
            "store": false,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": "auto",
            "tools": [],
            "top_logprobs": 0,
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
            "user": null,
            "metadata": {},
        })
    }
}

impl Ending {
    fn status(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Usage {
    fn to_json(self) -> Value {
        json!({
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": self.cache_write},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input + self.output,
        })
    }
}

/// Events in order; each takes the next sequence number.
#[derive(Default)]
struct Events {
    pieces: Vec<Piece>,
}

impl Events {
    fn push(&mut self, kind: &str, members: Value) {
        self.push_at(kind, &json!({}), members);
    }

    fn push_at(&mut self, kind: &str, place: &Value, members: Value) {
        let mut json = json!({"type": kind, "sequence_number": self.pieces.len()});
        if let (Some(json), Value::Object(place), Value::Object(members)) =
            (json.as_object_mut(), place.clone(), members)
        {
            json.extend(place);
            json.extend(members);
        }
        self.pieces.push(event(kind, &json));
    }

    /// The deltas of one text and the event that closes it.
    fn push_text(&mut self, kind: &str, place: &Value, member: &str, text: &str, logprobs: bool) {
        let extra = |mut json: Value| {
            if logprobs {
                json["logprobs"] = json!([]);
            }
            json
        };
        for part in halves(text) {
            self.push_at(&format!("{kind}.delta"), place, extra(json!({"delta": part})));
        }
        self.push_at(&format!("{kind}.done"), place, extra(json!({member: text})));
    }
}

impl Item {
    fn id(&self, index: usize) -> String {
        let prefix = match self {
            Self::Message(_) => "msg",
            Self::Reasoning { .. } => "rs",
            Self::FunctionCall { .. } => "fc",
            Self::CustomToolCall { .. } => "ctc",
            Self::WebSearch { .. } => "ws",
        };
        format!("{prefix}_testkit{index:04}")
    }

    /// The item as it is announced: without what its deltas bring.
    fn begun(&self, index: usize) -> Value {
        let mut item = self.whole(index, "in_progress");
        let (member, nothing) = match self {
            Self::Message(_) => ("content", json!([])),
            Self::Reasoning { .. } => ("summary", json!([])),
            Self::FunctionCall { .. } => ("arguments", json!("")),
            Self::CustomToolCall { .. } => ("input", json!("")),
            Self::WebSearch { .. } => return item,
        };
        item[member] = nothing;
        item
    }

    fn whole(&self, index: usize, status: &str) -> Value {
        let id = self.id(index);
        match self {
            Self::Message(parts) => {
                let content: Vec<Value> = parts.iter().map(Part::whole).collect();
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Self::Reasoning { summaries, encrypted } => {
                let summary: Vec<Value> = summaries.iter().map(|text| summary_part(text)).collect();
                let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
                if let Some(encrypted) = encrypted {
                    item["encrypted_content"] = json!(encrypted);
                }
                item
            }
            Self::FunctionCall { call_id, name, arguments } => json!({
                "id": id, "type": "function_call", "status": status,
                "call_id": call_id, "name": name, "arguments": arguments,
            }),
            Self::CustomToolCall { call_id, name, input } => json!({
                "id": id, "type": "custom_tool_call", "status": status,
                "call_id": call_id, "name": name, "input": input,
            }),
            Self::WebSearch { query } => json!({
                "id": id, "type": "web_search_call", "status": status,
                "action": {"type": "search", "query": query},
            }),
        }
    }

    fn deltas(&self, index: usize, events: &mut Events) {
        let at = json!({"item_id": self.id(index), "output_index": index});
        match self {
            Self::Message(parts) => {
                for (number, part) in parts.iter().enumerate() {
                    let mut at = at.clone();
                    at["content_index"] = json!(number);
                    events.push_at("response.content_part.added", &at, json!({"part": part.empty()}));
                    match part {
                        Part::Text(text) => {
                            events.push_text("response.output_text", &at, "text", text, true);
                        }
                        Part::Refusal(text) => {
                            events.push_text("response.refusal", &at, "refusal", text, false);
                        }
                    }
                    events.push_at("response.content_part.done", &at, json!({"part": part.whole()}));
                }
            }
            Self::Reasoning { summaries, .. } => {
                for (number, text) in summaries.iter().enumerate() {
                    let mut at = at.clone();
                    at["summary_index"] = json!(number);
                    let part = json!({"part": summary_part("")});
                    events.push_at("response.reasoning_summary_part.added", &at, part);
                    events.push_text("response.reasoning_summary_text", &at, "text", text, false);
                    let part = json!({"part": summary_part(text)});
                    events.push_at("response.reasoning_summary_part.done", &at, part);
                }
            }
            Self::FunctionCall { arguments, .. } => {
                events.push_text("response.function_call_arguments", &at, "arguments", arguments, false);
            }
            Self::CustomToolCall { input, .. } => {
                events.push_text("response.custom_tool_call_input", &at, "input", input, false);
            }
            Self::WebSearch { .. } => {
                for state in ["in_progress", "searching", "completed"] {
                    events.push_at(&format!("response.web_search_call.{state}"), &at, json!({}));
                }
            }
        }
    }
}

impl Part {
    fn whole(&self) -> Value {
        match self {
            Self::Text(text) => {
                json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
            }
            Self::Refusal(text) => json!({"type": "refusal", "refusal": text}),
        }
    }

    fn empty(&self) -> Value {
        match self {
            Self::Text(_) => Self::Text(String::new()).whole(),
            Self::Refusal(_) => Self::Refusal(String::new()).whole(),
        }
    }
}

fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}
