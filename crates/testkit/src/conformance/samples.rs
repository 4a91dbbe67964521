//! A request and its replies in each format that the testkit writes.

use bytes::Bytes;
use cliproxy_core::ProviderFormat;
use serde_json::{Value, json};

use crate::reply::Reply;
use crate::{chat, claude, gemini, kiro, responses};

/// What the user says in every sample; it has to reach the provider.
pub(super) const SAID: &str = "conformance: grüße";
const ANSWER: &str = "The quick brown fox — 速い狐 — jumps.";

/// A request and what the provider answers, whole and streamed.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) request: Bytes,
    pub(super) whole: Reply,
    pub(super) stream: Reply,
}

impl Sample {
    fn new(request: &Value, whole: Reply, stream: Reply) -> Self {
        Self { request: request.to_string().into(), whole, stream }
    }

    /// The request for a mode: where the format says in its body that a stream is wanted, it says so.
    pub(super) fn body(&self, format: &ProviderFormat, stream: bool) -> Bytes {
        let nowhere = [
            ProviderFormat::GEMINI,
            ProviderFormat::GEMINI_CLI,
            ProviderFormat::ANTIGRAVITY,
            ProviderFormat::KIRO,
        ];
        if !stream || nowhere.contains(format) {
            return self.request.clone();
        }
        let Ok(Value::Object(mut request)) = serde_json::from_slice(&self.request) else {
            return self.request.clone();
        };
        request.insert("stream".to_owned(), json!(true));
        Value::Object(request).to_string().into()
    }
}

pub(super) fn of(format: &ProviderFormat) -> Option<Sample> {
    let turns = json!([{"role": "user", "content": SAID}]);
    if *format == ProviderFormat::OPENAI {
        let made = chat::Completion::new().text(ANSWER);
        let request = json!({"model": "conformance-model", "messages": turns});
        return Some(Sample::new(&request, made.whole(), made.stream()));
    }
    if *format == ProviderFormat::CLAUDE {
        let made = claude::Message::new().thinking("hm — ", "c2ln").text(ANSWER);
        let request = json!({"model": "conformance-model", "max_tokens": 64, "messages": turns});
        return Some(Sample::new(&request, made.whole(), made.stream()));
    }
    if [ProviderFormat::OPENAI_RESPONSES, ProviderFormat::CODEX].contains(format) {
        let made = responses::Response::new().reasoning("hm", "c2ln").text(ANSWER);
        let request =
            json!({"model": "conformance-model", "instructions": "", "store": false, "input": turns});
        return Some(Sample::new(&request, made.whole(), made.stream()));
    }
    if *format == ProviderFormat::GEMINI {
        let made = gemini::Generation::new().thought("hm").text(ANSWER).signed("c2ln");
        let request = json!({"contents": [{"role": "user", "parts": [{"text": SAID}]}]});
        return Some(Sample::new(&request, made.whole(), made.stream()));
    }
    if [ProviderFormat::GEMINI_CLI, ProviderFormat::ANTIGRAVITY].contains(format) {
        let made = gemini::Generation::new().thought("hm").text(ANSWER).signed("c2ln");
        let request = json!({"model": "conformance-model", "request": {"contents": [{"role": "user", "parts": [{"text": SAID}]}]}});
        return Some(Sample::new(&request, made.whole_in_envelope(), made.stream_in_envelope()));
    }
    if *format == ProviderFormat::KIRO {
        let made = kiro::Answer::new().thought("hm", "c2ln").text(ANSWER).usage(12, 0, 7);
        let current = json!({"userInputMessage":
            {"content": SAID, "modelId": "conformance-model", "origin": "AI_EDITOR"}});
        let request = json!({"conversationState": {"chatTriggerType": "MANUAL", "currentMessage": current,
            "conversationId": "00000000-0000-4000-8000-000000000000", "history": []}});
        return Some(Sample::new(&request, made.stream(), made.stream()));
    }
    None
}
