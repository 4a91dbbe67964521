//! Replies as the Gemini API sends them: whole, as an event stream, and as the JSON array of a stream without `alt=sse`.
// Source: Gemini API reference, "GenerateContentResponse" and "streamGenerateContent"; schema gemini.reply;
// translation.md B28 and B69 for signatures and chunks.

use serde_json::{Value, json};

use crate::claude::halves;
use crate::reply::{Piece, Reply, raw, sse, status};

/// A generation being written: the parts of its candidate, finish reason and usage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Generation {
    model: String,
    parts: Vec<Part>,
    finish: Option<Finish>,
    blocked: Option<String>,
    usage: Usage,
}

/// A part; one that can be cut into chunks is a text.
#[derive(Clone, Debug)]
struct Part {
    body: Body,
    signature: Option<String>,
}

#[derive(Clone, Debug)]
enum Body {
    Text(String),
    Thought(String),
    Other(Value),
}

#[derive(Clone, Debug)]
struct Finish {
    reason: String,
    message: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Usage {
    prompt: u64,
    candidates: u64,
    thoughts: u64,
    cached: u64,
    tool_prompt: u64,
}

/// A whole reply with one text.
#[must_use]
pub fn generation(text: &str) -> Reply {
    Generation::new().text(text).whole()
}

/// An event stream with one text.
#[must_use]
pub fn stream(text: &str) -> Reply {
    Generation::new().text(text).stream()
}

/// An error reply, such as `error(400, "INVALID_ARGUMENT", "…")`.
#[must_use]
pub fn error(code: u16, kind: &str, message: &str) -> Reply {
    status(code).json(&error_json(code, kind, message))
}

/// The body of an error, as a stream may carry it too.
#[must_use]
pub fn error_json(code: u16, kind: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "status": kind}})
}

/// An error in the middle of an event stream.
#[must_use]
pub fn error_event(code: u16, kind: &str, message: &str) -> Piece {
    data(&error_json(code, kind, message))
}

/// 429 with the details that say when to come back and which quota it was.
// Source: google.rpc error details, `RetryInfo` and `QuotaFailure`.
#[must_use]
pub fn rate_limited(retry_after_seconds: u64) -> Reply {
    let mut body = error_json(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.");
    body["error"]["details"] = json!([
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                "quotaValue": "10",
            }],
        },
        {
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{retry_after_seconds}s"),
        },
    ]);
    status(429).json(&body)
}

/// 400 for a key that is none: Gemini says so with 400, not with 401.
// Source: Gemini API, error of a request with a made-up key.
#[must_use]
pub fn invalid_key() -> Reply {
    let mut body = error_json(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.");
    body["error"]["details"] = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }]);
    status(400).json(&body)
}

/// The reply to `countTokens`.
#[must_use]
pub fn token_count(total: u64) -> Reply {
    let details = json!([{"modality": "TEXT", "tokenCount": total}]);
    status(200).json(&json!({"totalTokens": total, "promptTokensDetails": details}))
}

/// One event of a Gemini stream. Its lines end in CR LF, as the service's do.
#[must_use]
pub fn data(chunk: &Value) -> Piece {
    raw(format!("data: {chunk}\r\n\r\n"))
}

fn in_envelope(response: &Value) -> Value {
    json!({"response": response, "traceId": "testkit-trace"})
}

impl Default for Generation {
    fn default() -> Self {
        Self::new()
    }
}

impl Generation {
    /// An empty generation of a current model.
    #[must_use]
    pub fn new() -> Self {
        let usage = Usage { prompt: 12, candidates: 7, thoughts: 0, cached: 0, tool_prompt: 0 };
        Self {
            model: "gemini-3-pro-preview".to_owned(),
            parts: Vec::new(),
            finish: None,
            blocked: None,
            usage,
        }
    }

    /// Names the model.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        model.clone_into(&mut self.model);
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.push(Body::Text(text.to_owned()))
    }

    /// Adds a thought.
    #[must_use]
    pub fn thought(self, text: &str) -> Self {
        self.push(Body::Thought(text.to_owned()))
    }

    /// Adds a function call without an id, as the Gemini API sends it; several make parallel calls.
    #[must_use]
    pub fn function_call(self, name: &str, args: &Value) -> Self {
        self.push(Body::Other(json!({"functionCall": {"name": name, "args": args}})))
    }

    /// Adds a function call with an id, as some services of this format send it.
    #[must_use]
    pub fn function_call_with_id(self, id: &str, name: &str, args: &Value) -> Self {
        self.push(Body::Other(json!({"functionCall": {"id": id, "name": name, "args": args}})))
    }

    /// Adds an image or other data, in base64.
    #[must_use]
    pub fn inline_data(self, mime_type: &str, data: &str) -> Self {
        self.push(Body::Other(json!({"inlineData": {"mimeType": mime_type, "data": data}})))
    }

    /// Puts a `thoughtSignature` on the last part. In a stream it comes with that part's last piece.
    ///
    /// # Panics
    /// When there is no part yet.
    #[must_use]
    #[track_caller]
    pub fn signed(mut self, signature: &str) -> Self {
        self.parts.last_mut().expect("a part to sign").signature = Some(signature.to_owned());
        self
    }

    /// Adds a signature on an empty text, as closes some streams.
    #[must_use]
    pub fn signature(self, signature: &str) -> Self {
        self.text("").signed(signature)
    }

    /// Replaces the finish reason, which is `STOP`.
    #[must_use]
    pub fn finish(mut self, reason: &str) -> Self {
        self.finish = Some(Finish { reason: reason.to_owned(), message: None });
        self
    }

    /// Replaces the finish reason and explains it, as with `MALFORMED_FUNCTION_CALL`.
    #[must_use]
    pub fn finish_with(mut self, reason: &str, message: &str) -> Self {
        self.finish = Some(Finish { reason: reason.to_owned(), message: Some(message.to_owned()) });
        self
    }

    /// Blocks the prompt: no candidate, only feedback, such as `SAFETY` or `PROHIBITED_CONTENT`.
    #[must_use]
    pub fn blocked(mut self, reason: &str) -> Self {
        self.blocked = Some(reason.to_owned());
        self
    }

    /// Prompt tokens (cached ones included) and candidate tokens (thoughts not included).
    #[must_use]
    pub fn usage(mut self, prompt: u64, candidates: u64) -> Self {
        (self.usage.prompt, self.usage.candidates) = (prompt, candidates);
        self
    }

    /// How many of the prompt's tokens were cached, and how many were spent on thoughts beside the candidate's.
    #[must_use]
    pub fn usage_details(mut self, cached: u64, thoughts: u64) -> Self {
        (self.usage.cached, self.usage.thoughts) = (cached, thoughts);
        self
    }

    /// Tokens of tool prompts, beside the prompt's.
    #[must_use]
    pub fn tool_prompt(mut self, tokens: u64) -> Self {
        self.usage.tool_prompt = tokens;
        self
    }

    /// The whole generation as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let parts = self.parts.iter().map(|part| part.body.to_json(part.signature.as_deref())).collect();
        self.chunk(Some(parts), true)
    }

    /// The reply to `generateContent`.
    #[must_use]
    pub fn whole(&self) -> Reply {
        status(200).json(&self.to_json())
    }

    /// The reply to `streamGenerateContent?alt=sse`: one piece a chunk.
    #[must_use]
    pub fn stream(&self) -> Reply {
        sse(self.chunks().iter().map(data)).header("cache-control", "no-cache")
    }

    /// The reply to `streamGenerateContent` without `alt=sse`: one JSON array, a piece an element.
    #[must_use]
    pub fn array(&self) -> Reply {
        let mut reply = status(200).header("content-type", "application/json; charset=UTF-8");
        for (index, chunk) in self.chunks().iter().enumerate() {
            reply = reply.then(raw(format!("{}{chunk:#}", if index == 0 { "[" } else { "\n,\r\n" })));
        }
        reply.then(raw("\n]\n"))
    }

    /// The same as [`Self::whole`] in the envelope of Code Assist.
    // Source: providers-a.md 5.4 "Answer".
    #[must_use]
    pub fn whole_in_envelope(&self) -> Reply {
        status(200).json(&in_envelope(&self.to_json()))
    }

    /// The same as [`Self::stream`], each chunk in the envelope of Code Assist.
    #[must_use]
    pub fn stream_in_envelope(&self) -> Reply {
        sse(self.chunks().iter().map(|chunk| data(&in_envelope(chunk))))
    }

    /// The documents of a stream: each holds new parts only, the last one the finish reason.
    #[must_use]
    pub fn chunks(&self) -> Vec<Value> {
        if self.blocked.is_some() {
            return vec![self.chunk(None, true)];
        }
        let mut parts: Vec<Value> = self.parts.iter().flat_map(Part::pieces).collect();
        let last = parts.pop();
        let mut chunks: Vec<Value> =
            parts.into_iter().map(|part| self.chunk(Some(vec![part]), false)).collect();
        chunks.push(self.chunk(Some(last.into_iter().collect()), true));
        chunks
    }

    fn chunk(&self, parts: Option<Vec<Value>>, last: bool) -> Value {
        let mut chunk = json!({});
        if let Some(reason) = &self.blocked {
            chunk["promptFeedback"] = json!({"blockReason": reason});
        } else {
            // A finish without parts has no `parts` member at all.
            let mut content = json!({"role": "model"});
            if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
                content = json!({"parts": parts, "role": "model"});
            }
            let mut candidate = json!({"content": content});
            if last {
                let finish = self.finish.as_ref();
                candidate["finishReason"] = json!(finish.map_or("STOP", |finish| finish.reason.as_str()));
                if let Some(message) = finish.and_then(|finish| finish.message.as_deref()) {
                    candidate["finishMessage"] = json!(message);
                }
            }
            candidate["index"] = json!(0);
            chunk["candidates"] = json!([candidate]);
        }
        chunk["usageMetadata"] = self.usage.to_json(last);
        chunk["modelVersion"] = json!(self.model);
        chunk["responseId"] = json!("TestkitAAAAAAAAAAAAAAAA");
        chunk
    }

    fn push(mut self, body: Body) -> Self {
        self.parts.push(Part { body, signature: None });
        self
    }
}

impl Usage {
    /// Counts are cumulative: before the end only the prompt's are known.
    fn to_json(self, last: bool) -> Value {
        let mut usage = json!({"promptTokenCount": self.prompt});
        let mut total = self.prompt + self.tool_prompt;
        if last {
            usage["candidatesTokenCount"] = json!(self.candidates);
            total += self.candidates + self.thoughts;
        }
        usage["totalTokenCount"] = json!(total);
        for (member, count) in [
            ("cachedContentTokenCount", self.cached),
            ("toolUsePromptTokenCount", self.tool_prompt),
            ("thoughtsTokenCount", if last { self.thoughts } else { 0 }),
        ] {
            if count > 0 {
                usage[member] = json!(count);
            }
        }
        usage["promptTokensDetails"] = json!([{"modality": "TEXT", "tokenCount": self.prompt}]);
        usage
    }
}

impl Part {
    /// As it is spread over chunks.
    fn pieces(&self) -> Vec<Value> {
        let mut bodies: Vec<Body> = match &self.body {
            Body::Text(text) => halves(text).into_iter().map(|half| Body::Text(half.to_owned())).collect(),
            Body::Thought(text) => {
                halves(text).into_iter().map(|half| Body::Thought(half.to_owned())).collect()
            }
            Body::Other(_) => Vec::new(),
        };
        let last = bodies.pop().unwrap_or_else(|| self.body.clone());
        let mut pieces: Vec<Value> = bodies.iter().map(|body| body.to_json(None)).collect();
        pieces.push(last.to_json(self.signature.as_deref()));
        pieces
    }
}

impl Body {
    fn to_json(&self, signature: Option<&str>) -> Value {
        let mut part = match self {
            Self::Text(text) => json!({"text": text}),
            Self::Thought(text) => json!({"text": text, "thought": true}),
            Self::Other(part) => part.clone(),
        };
        if let Some(signature) = signature {
            part["thoughtSignature"] = json!(signature);
        }
        part
    }
}
