//! Google's Code Assist, as Gemini CLI speaks it with a login: Gemini in an envelope.

use cliproxy_testkit::SseEvent;
use serde_json::{Value, json};

use super::gemini::Gemini;
use super::{Client, Refusal};
use crate::ask::{Ask, Said};

pub struct GeminiCli;

impl Client for GeminiCli {
    fn name(&self) -> &'static str {
        "gemini-cli"
    }

    fn path(&self, _model: &str, stream: bool) -> String {
        let action = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1internal:{action}")
    }

    fn body(&self, model: &str, ask: &Ask, stream: bool) -> Value {
        json!({"model": model, "project": "p-1", "request": Gemini.body(model, ask, stream)})
    }

    fn whole(&self, body: &Value) -> Said {
        Gemini.whole(&unwrapped(body))
    }

    fn stream(&self, events: &[SseEvent]) -> Said {
        let bare: Vec<SseEvent> = events
            .iter()
            .map(|event| {
                let mut bare = event.clone();
                bare.data = unwrapped(&event.json()).to_string();
                bare
            })
            .collect();
        Gemini.stream(&bare)
    }

    fn refusal(&self, status: u16, body: &Value) -> Refusal {
        Gemini.refusal(status, body)
    }

    fn kinds(&self, status: u16) -> &'static [&'static str] {
        Gemini.kinds(status)
    }

    fn broken(&self, events: &[SseEvent]) -> Option<String> {
        let finished =
            |event: &SseEvent| event.json()["response"]["candidates"][0]["finishReason"].is_string();
        assert!(!events.iter().any(finished), "{events:?}");
        let last = events.last()?.json();
        let status = u16::try_from(last["error"]["code"].as_u64()?).expect("a status");
        assert!(status >= 500, "{last}");
        Some(self.error(status, &last))
    }

    fn is_local(&self) -> bool {
        true
    }
}

#[track_caller]
fn unwrapped(body: &Value) -> Value {
    assert!(body["response"].is_object() && body.get("candidates").is_none(), "{body}");
    body["response"].clone()
}
