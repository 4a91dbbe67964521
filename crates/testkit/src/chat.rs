//! Replies as the OpenAI Chat Completions API sends them.
// Source: OpenAI API reference, "Chat Completions" and its streaming objects; schemas openai-chat.reply and openai-chat.chunk.

use serde_json::{Value, json};

use crate::claude::halves;
use crate::reply::{Reply, data, done, sse, status};

/// A completion being written: text, reasoning, tool calls, finish reason and usage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Completion {
    model: String,
    text: Option<String>,
    reasoning: Option<String>,
    refusal: Option<String>,
    calls: Vec<(String, String, String)>,
    finish_reason: Option<&'static str>,
    usage: Option<(u64, u64, u64, u64)>,
}

/// A whole reply with one text.
#[must_use]
pub fn completion(text: &str) -> Reply {
    Completion::new().text(text).whole()
}

/// A stream with one text.
#[must_use]
pub fn stream(text: &str) -> Reply {
    Completion::new().text(text).stream()
}

/// An error reply, such as `error(429, "rate_limit_exceeded", "…")`.
#[must_use]
pub fn error(code: u16, kind: &str, message: &str) -> Reply {
    status(code).header("x-request-id", "req_testkit").json(&error_json(kind, message))
}

/// 429 for an account whose credit is used up.
#[must_use]
pub fn insufficient_quota() -> Reply {
    error(
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    )
}

/// An error as a stream may carry it, in place of a chunk.
#[must_use]
pub fn error_json(kind: &str, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": kind}})
}

impl Default for Completion {
    fn default() -> Self {
        Self::new()
    }
}

impl Completion {
    /// An empty completion of a current model.
    #[must_use]
    pub fn new() -> Self {
        Self {
            model: "gpt-4.1-2025-04-14".to_owned(),
            text: None,
            reasoning: None,
            refusal: None,
            calls: Vec::new(),
            finish_reason: None,
            usage: Some((12, 7, 0, 0)),
        }
    }

    /// Names the model.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        model.clone_into(&mut self.model);
        self
    }

    /// The text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// The reasoning, in the `reasoning_content` member that compatible services add.
    #[must_use]
    pub fn reasoning(mut self, text: &str) -> Self {
        self.reasoning = Some(text.to_owned());
        self
    }

    /// A refusal in place of a text.
    #[must_use]
    pub fn refusal(mut self, text: &str) -> Self {
        self.refusal = Some(text.to_owned());
        self
    }

    /// Adds a function call; several make parallel calls. The arguments are sent as this text.
    #[must_use]
    pub fn tool_call(mut self, id: &str, name: &str, arguments: &str) -> Self {
        self.calls.push((id.to_owned(), name.to_owned(), arguments.to_owned()));
        self
    }

    /// Replaces the finish reason, which is `tool_calls` with calls and `stop` without.
    #[must_use]
    pub fn finish_reason(mut self, reason: &'static str) -> Self {
        self.finish_reason = Some(reason);
        self
    }

    /// Prompt tokens and completion tokens.
    #[must_use]
    pub fn usage(mut self, prompt: u64, completion: u64) -> Self {
        let (_, _, cached, reasoning) = self.usage.unwrap_or_default();
        self.usage = Some((prompt, completion, cached, reasoning));
        self
    }

    /// How many of the prompt's tokens were cached, and of the completion's spent on reasoning.
    #[must_use]
    pub fn usage_details(mut self, cached: u64, reasoning: u64) -> Self {
        let (prompt, completion, _, _) = self.usage.unwrap_or_default();
        self.usage = Some((prompt, completion, cached, reasoning));
        self
    }

    /// Leaves usage out, as services do in streams unless asked.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.usage = None;
        self
    }

    /// The whole completion as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": self.text, "refusal": self.refusal});
        if let Some(reasoning) = &self.reasoning {
            message["reasoning_content"] = json!(reasoning);
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().map(|(id, name, arguments)| {
                json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
            });
            message["tool_calls"] = calls.collect();
        }
        let mut whole = json!({
            "id": "chatcmpl-Testkit000000000000000000000",
            "object": "chat.completion",
            "created": 1_762_156_800,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": self.reason()}],
            "system_fingerprint": "fp_testkit",
        });
        if let Some(usage) = self.usage_json() {
            whole["usage"] = usage;
        }
        whole
    }

    /// The reply to a request that does not stream.
    #[must_use]
    pub fn whole(&self) -> Reply {
        status(200).header("x-request-id", "req_testkit").json(&self.to_json())
    }

    /// The reply to a request that streams: one piece a chunk, usage in a chunk of its own, `[DONE]` at the end.
    #[must_use]
    pub fn stream(&self) -> Reply {
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        if let Some(reasoning) = &self.reasoning {
            deltas.extend(halves(reasoning).into_iter().map(|part| json!({"reasoning_content": part})));
        }
        if let Some(text) = &self.text {
            deltas.extend(halves(text).into_iter().map(|part| json!({"content": part})));
        }
        if let Some(refusal) = &self.refusal {
            deltas.extend(halves(refusal).into_iter().map(|part| json!({"refusal": part})));
        }
        for (index, (id, name, arguments)) in self.calls.iter().enumerate() {
            let function = json!({"name": name, "arguments": ""});
            let start = json!({"index": index, "id": id, "type": "function", "function": function});
            deltas.push(json!({"tool_calls": [start]}));
            for part in halves(arguments) {
                let more = json!({"index": index, "function": {"arguments": part}});
                deltas.push(json!({"tool_calls": [more]}));
            }
        }
        let choice = |delta: &Value, reason: Option<&str>| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]);
        let mut pieces: Vec<_> =
            deltas.iter().map(|delta| data(&self.chunk(&choice(delta, None), &Value::Null))).collect();
        pieces.push(data(&self.chunk(&choice(&json!({}), Some(self.reason())), &Value::Null)));
        if let Some(usage) = self.usage_json() {
            pieces.push(data(&self.chunk(&json!([]), &usage)));
        }
        pieces.push(done());
        sse(pieces).header("x-request-id", "req_testkit").header("cache-control", "no-cache")
    }

    fn chunk(&self, choices: &Value, usage: &Value) -> Value {
        let mut chunk = json!({
            "id": "chatcmpl-Testkit000000000000000000000",
            "object": "chat.completion.chunk",
            "created": 1_762_156_800,
            "model": self.model,
            "system_fingerprint": "fp_testkit",
            "choices": choices,
        });
        if self.usage.is_some() {
            chunk["usage"] = usage.clone();
        }
        chunk
    }

    fn reason(&self) -> &'static str {
        self.finish_reason.unwrap_or(if self.calls.is_empty() { "stop" } else { "tool_calls" })
    }

    fn usage_json(&self) -> Option<Value> {
        let (prompt, completion, cached, reasoning) = self.usage?;
        Some(json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }))
    }
}
