//! Replies as the Claude Messages API sends them.
// Source: Messages API reference, "Messages" and "Streaming Messages", read 2026-11; schemas claude.reply and claude.event.

use serde_json::{Value, json};

use crate::reply::{Piece, Reply, event, sse, status};

/// A message being written: content blocks, stop reason and usage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    model: String,
    blocks: Vec<Block>,
    stop_reason: Option<&'static str>,
    usage: Usage,
}

#[derive(Clone, Debug)]
enum Block {
    Text(String),
    Thinking { text: String, signature: String },
    Redacted(String),
    ToolUse { id: String, name: String, input: Value },
}

#[derive(Clone, Copy, Debug)]
struct Usage {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

/// A whole reply with one text.
#[must_use]
pub fn message(text: &str) -> Reply {
    Message::new().text(text).whole()
}

/// A stream with one text.
#[must_use]
pub fn stream(text: &str) -> Reply {
    Message::new().text(text).stream()
}

/// An error reply, such as `error(429, "rate_limit_error", "…")`.
#[must_use]
pub fn error(code: u16, kind: &str, message: &str) -> Reply {
    let id = "req_011CTestkit0000000000000";
    status(code)
        .header("request-id", id)
        .json(&json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": id}))
}

/// 529, as when Claude has no capacity.
#[must_use]
pub fn overloaded() -> Reply {
    error(529, "overloaded_error", "Overloaded")
}

/// 429 with the headers that come with it.
#[must_use]
pub fn rate_limited(retry_after_seconds: u64) -> Reply {
    error(
        429,
        "rate_limit_error",
        "This request would exceed your account's rate limit. Please try again later.",
    )
    .header("retry-after", &retry_after_seconds.to_string())
    .header("anthropic-ratelimit-unified-status", "rejected")
}

/// An error in the middle of a stream, which then ends.
#[must_use]
pub fn error_event(kind: &str, message: &str) -> Piece {
    event("error", &json!({"type": "error", "error": {"type": kind, "message": message}}))
}

/// The keep-alive event.
#[must_use]
pub fn ping() -> Piece {
    event("ping", &json!({"type": "ping"}))
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

impl Message {
    /// An empty message of a current model.
    #[must_use]
    pub fn new() -> Self {
        let usage = Usage { input: 12, output: 7, cache_read: 0, cache_write: 0 };
        Self { model: "claude-sonnet-4-5-20250929".to_owned(), blocks: Vec::new(), stop_reason: None, usage }
    }

    /// Names the model.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        model.clone_into(&mut self.model);
        self
    }

    /// Adds a text block.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.blocks.push(Block::Text(text.to_owned()));
        self
    }

    /// Adds a thinking block with its signature.
    #[must_use]
    pub fn thinking(mut self, text: &str, signature: &str) -> Self {
        self.blocks.push(Block::Thinking { text: text.to_owned(), signature: signature.to_owned() });
        self
    }

    /// Adds a thinking block that only the provider can read.
    #[must_use]
    pub fn redacted_thinking(mut self, data: &str) -> Self {
        self.blocks.push(Block::Redacted(data.to_owned()));
        self
    }

    /// Adds a tool call; several make parallel calls.
    #[must_use]
    pub fn tool_use(mut self, id: &str, name: &str, input: Value) -> Self {
        self.blocks.push(Block::ToolUse { id: id.to_owned(), name: name.to_owned(), input });
        self
    }

    /// Replaces the stop reason, which is `tool_use` with tool calls and `end_turn` without.
    #[must_use]
    pub fn stop_reason(mut self, reason: &'static str) -> Self {
        self.stop_reason = Some(reason);
        self
    }

    /// Input tokens (without the cached ones) and output tokens.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        (self.usage.input, self.usage.output) = (input, output);
        self
    }

    /// Tokens read from and written to the prompt cache.
    #[must_use]
    pub fn cached(mut self, read: u64, written: u64) -> Self {
        (self.usage.cache_read, self.usage.cache_write) = (read, written);
        self
    }

    /// The whole message as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let content: Vec<Value> = self.blocks.iter().map(Block::whole).collect();
        self.envelope(&content, Some(self.reason()), self.usage.output)
    }

    /// The reply to a request that does not stream.
    #[must_use]
    pub fn whole(&self) -> Reply {
        status(200).header("request-id", "req_011CTestkit0000000000000").json(&self.to_json())
    }

    /// The reply to a request that streams: one piece an event.
    #[must_use]
    pub fn stream(&self) -> Reply {
        let start = json!({"type": "message_start", "message": self.envelope(&[], None, 1)});
        let mut pieces = vec![event("message_start", &start)];
        for (index, block) in self.blocks.iter().enumerate() {
            let start =
                json!({"type": "content_block_start", "index": index, "content_block": block.empty()});
            pieces.push(event("content_block_start", &start));
            if index == 0 {
                pieces.push(ping());
            }
            for delta in block.deltas() {
                let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
                pieces.push(event("content_block_delta", &delta));
            }
            pieces.push(event("content_block_stop", &json!({"type": "content_block_stop", "index": index})));
        }
        pieces.push(event(
            "message_delta",
            &json!({
                "type": "message_delta",
                "delta": {"stop_reason": self.reason(), "stop_sequence": null},
                "usage": self.usage_json(self.usage.output),
            }),
        ));
        pieces.push(event("message_stop", &json!({"type": "message_stop"})));
        sse(pieces).header("request-id", "req_011CTestkit0000000000000").header("cache-control", "no-cache")
    }

    fn reason(&self) -> &'static str {
        let calls = self.blocks.iter().any(|block| matches!(block, Block::ToolUse { .. }));
        self.stop_reason.unwrap_or(if calls { "tool_use" } else { "end_turn" })
    }

    fn envelope(&self, content: &[Value], reason: Option<&str>, output: u64) -> Value {
        json!({
            "id": "msg_01TestkitAAAAAAAAAAAAAAA",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": null,
            "usage": self.usage_json(output),
        })
    }

    fn usage_json(&self, output: u64) -> Value {
        json!({
            "input_tokens": self.usage.input,
            "cache_creation_input_tokens": self.usage.cache_write,
            "cache_read_input_tokens": self.usage.cache_read,
            "output_tokens": output,
        })
    }
}

impl Block {
    fn whole(&self) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::Thinking { text, signature } => {
                json!({"type": "thinking", "thinking": text, "signature": signature})
            }
            Self::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
            Self::ToolUse { id, name, input } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
        }
    }

    fn empty(&self) -> Value {
        match self {
            Self::Text(_) => json!({"type": "text", "text": ""}),
            Self::Thinking { .. } => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Self::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
            Self::ToolUse { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
        }
    }

    fn deltas(&self) -> Vec<Value> {
        match self {
            Self::Text(text) => {
                halves(text).into_iter().map(|part| json!({"type": "text_delta", "text": part})).collect()
            }
            Self::Thinking { text, signature } => {
                let parts =
                    halves(text).into_iter().map(|part| json!({"type": "thinking_delta", "thinking": part}));
                parts.chain([json!({"type": "signature_delta", "signature": signature})]).collect()
            }
            Self::Redacted(_) => Vec::new(),
            Self::ToolUse { input, .. } => {
                // The service begins with an empty delta.
                let text = input.to_string();
                let parts = [""].into_iter().chain(halves(&text));
                parts.map(|part| json!({"type": "input_json_delta", "partial_json": part})).collect()
            }
        }
    }
}

/// Two parts of a text, cut between characters; one when there is nothing to cut.
pub(crate) fn halves(text: &str) -> Vec<&str> {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (front, back) = text.split_at(middle);
    [front, back].into_iter().filter(|part| !part.is_empty()).collect()
}
