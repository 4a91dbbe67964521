//! Replies as Kiro sends them: AWS event-stream frames, checksums and all.
// Source: providers-b.md 1.5.7, 1.5.8, 1.7; AWS, "Event stream encoding".

use serde_json::{Value, json};

use crate::claude::halves;
use crate::reply::{Piece, Reply, raw, status, stream};

/// A reply being written: text, thoughts, calls, usage.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Answer {
    events: Vec<(&'static str, Value)>,
    stop_reason: Option<&'static str>,
}

/// A stream with one text.
#[must_use]
pub fn text(text: &str) -> Reply {
    Answer::new().text(text).stream()
}

/// An error reply, such as `error(429, "ThrottlingException", "…")`.
#[must_use]
pub fn error(code: u16, kind: &str, message: &str) -> Reply {
    status(code)
        .header("x-amzn-requestid", "00000000-0000-4000-8000-testkit00000")
        .header("x-amzn-errortype", kind)
        .json(&json!({"__type": format!("com.amazon.aws.codewhisperer#{kind}"), "message": message}))
}

/// An error reply with the reason that the service gives beside its type.
#[must_use]
pub fn refused(code: u16, kind: &str, message: &str, reason: &str) -> Reply {
    let body = json!({"__type": format!("com.amazon.aws.codewhisperer#{kind}"), "message": message, "reason": reason});
    status(code).header("x-amzn-errortype", kind).json(&body)
}

/// An event as a frame.
#[must_use]
pub fn event(name: &str, payload: &Value) -> Piece {
    frame("event", ":event-type", name, payload)
}

/// A failure in the middle of a stream, as a frame.
#[must_use]
pub fn exception(kind: &str, payload: &Value) -> Piece {
    frame("exception", ":exception-type", kind, payload)
}

fn frame(message: &str, header: &str, name: &str, payload: &Value) -> Piece {
    let mut headers = Vec::new();
    let all = [(header, name), (":content-type", "application/json"), (":message-type", message)];
    for (key, value) in all {
        headers.push(u8::try_from(key.len()).unwrap());
        headers.extend_from_slice(key.as_bytes());
        // 7 is a text.
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let payload = payload.to_string();
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    let mut out = length(16 + headers.len() + payload.len()).to_vec();
    out.extend_from_slice(&length(headers.len()));
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    raw(out)
}

impl Answer {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text, in two pieces.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.events.extend(
            halves(text).into_iter().map(|half| ("assistantResponseEvent", json!({"content": half}))),
        );
        self
    }

    /// Adds a thought as events of its own, with its signature unless that is empty.
    #[must_use]
    pub fn thought(mut self, text: &str, signature: &str) -> Self {
        self.events
            .extend(halves(text).into_iter().map(|half| ("reasoningContentEvent", json!({"text": half}))));
        if !signature.is_empty() {
            self.events.push(("reasoningContentEvent", json!({"signature": signature})));
        }
        self
    }

    /// Adds a call, its arguments in pieces.
    #[must_use]
    pub fn tool_use(mut self, id: &str, name: &str, input: &Value) -> Self {
        let call = |more: Value| {
            let mut event = json!({"toolUseId": id, "name": name});
            if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
                event.extend(more);
            }
            ("toolUseEvent", event)
        };
        let text = input.to_string();
        self.events.push(call(json!({})));
        self.events.extend(halves(&text).into_iter().map(|half| call(json!({"input": half}))));
        self.events.push(call(json!({"stop": true})));
        self.stop_reason.get_or_insert("TOOL_USE");
        self
    }

    /// Counted tokens: input that was not cached, input read from the cache, output.
    #[must_use]
    pub fn usage(mut self, uncached: u64, cached: u64, output: u64) -> Self {
        let counts = json!({"uncachedInputTokens": uncached, "cacheReadInputTokens": cached,
            "outputTokens": output, "totalTokens": uncached + cached + output});
        self.events.push(("metadataEvent", json!({"tokenUsage": counts})));
        self
    }

    /// The part of the context that is full, in percent.
    #[must_use]
    pub fn context(mut self, percentage: f64) -> Self {
        self.events.push(("contextUsageEvent", json!({"contextUsagePercentage": percentage})));
        self
    }

    /// Adds any event.
    #[must_use]
    pub fn event(mut self, name: &'static str, payload: Value) -> Self {
        self.events.push((name, payload));
        self
    }

    /// Says why the reply ends.
    #[must_use]
    pub fn stop_reason(mut self, reason: &'static str) -> Self {
        self.stop_reason = Some(reason);
        self
    }

    /// The reply, one frame a piece. There is no other: every reply of Kiro's is a stream.
    #[must_use]
    pub fn stream(&self) -> Reply {
        let mut pieces: Vec<Piece> = self.events.iter().map(|(name, payload)| event(name, payload)).collect();
        pieces
            .push(event("meteringEvent", &json!({"unit": "credit", "unitPlural": "credits", "usage": 0.05})));
        if let Some(reason) = self.stop_reason {
            pieces.push(event("messageStopEvent", &json!({"stopReason": reason})));
        }
        stream(pieces)
            .header("content-type", "application/vnd.amazon.eventstream")
            .header("x-amzn-requestid", "00000000-0000-4000-8000-testkit00000")
    }
}
