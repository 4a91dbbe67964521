//! Gemini generateContent.

use cliproxy_testkit::SseEvent;
use serde_json::{Value, json};

use super::{Client, Refusal, count_of, list, text_of};
use crate::ask::{Ask, Finish, PDF, PNG, Part, Said, Turn, schema};

pub struct Gemini;

impl Client for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn path(&self, model: &str, stream: bool) -> String {
        let action = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1beta/models/{model}:{action}")
    }

    fn body(&self, _model: &str, ask: &Ask, _stream: bool) -> Value {
        let contents: Vec<Value> = ask.turns.iter().map(turn).collect();
        let mut body = json!({"contents": contents});
        if let Some(system) = ask.system {
            body["systemInstruction"] = json!({"parts": [{"text": system}]});
        }
        if ask.tools {
            let function =
                json!({"name": "weather", "description": "The weather", "parametersJsonSchema": schema()});
            body["tools"] = json!([{"functionDeclarations": [function]}]);
        }
        if ask.thinking {
            body["generationConfig"] =
                json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 20000}});
        }
        if ask.structured {
            body["generationConfig"] =
                json!({"responseMimeType": "application/json", "responseJsonSchema": schema()});
        }
        body
    }

    fn whole(&self, body: &Value) -> Said {
        let mut said = Said::default();
        let mut ended = false;
        read(body, &mut said, &mut ended);
        assert!(ended, "{body}");
        said
    }

    fn stream(&self, events: &[SseEvent]) -> Said {
        let mut said = Said::default();
        let mut ended = false;
        for event in events {
            assert_eq!(event.event, "", "Gemini's events have no names");
            assert!(!ended || event.json()["candidates"][0]["content"]["parts"].is_null(), "{}", event.data);
            read(&event.json(), &mut said, &mut ended);
        }
        assert!(ended, "a stream has a finish reason");
        said
    }

    fn refusal(&self, status: u16, body: &Value) -> Refusal {
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "an error and nothing else: {body}");
        let error = &body["error"];
        assert_eq!(error["code"], status, "{body}");
        let members = error.as_object().unwrap();
        assert!(
            members.keys().all(|name| ["code", "message", "status", "details"].contains(&name.as_str())),
            "{body}"
        );
        Refusal { message: text_of(&error["message"]), kind: text_of(&error["status"]), code: None }
    }

    /// Source: translation.md B76; google.rpc.Code.
    fn kinds(&self, status: u16) -> &'static [&'static str] {
        match status {
            401 => &["UNAUTHENTICATED"],
            403 => &["PERMISSION_DENIED"],
            404 => &["NOT_FOUND"],
            408 | 504 => &["DEADLINE_EXCEEDED"],
            429 => &["RESOURCE_EXHAUSTED"],
            501 => &["UNIMPLEMENTED"],
            502 | 503 | 529 => &["UNAVAILABLE"],
            400..=499 => &["INVALID_ARGUMENT"],
            _ => &["INTERNAL"],
        }
    }

    fn broken(&self, events: &[SseEvent]) -> Option<String> {
        let finished = |event: &SseEvent| event.json()["candidates"][0]["finishReason"].is_string();
        assert!(!events.iter().any(finished), "{events:?}");
        let last = events.last()?.json();
        let status = u16::try_from(last["error"]["code"].as_u64()?).expect("a status");
        assert!(status >= 500, "{last}");
        Some(self.error(status, &last))
    }
}

fn read(chunk: &Value, said: &mut Said, ended: &mut bool) {
    said.model = text_of(&chunk["modelVersion"]);
    let candidate = &chunk["candidates"][0];
    for part in list(&candidate["content"]["parts"]) {
        if part["thought"] == true {
            said.thinking += &text_of(&part["text"]);
        } else if let Some(text) = part["text"].as_str() {
            said.text += text;
        } else if part["functionCall"].is_object() {
            let call = &part["functionCall"];
            said.calls.push((text_of(&call["name"]), call["args"].clone()));
            said.finish = Finish::Calls;
        }
    }
    if let Some(reason) = candidate["finishReason"].as_str() {
        assert_eq!(reason, "STOP", "{chunk}");
        *ended = true;
    }
    let usage = &chunk["usageMetadata"];
    if usage["promptTokenCount"].is_u64() {
        let thoughts = usage["thoughtsTokenCount"].as_u64().unwrap_or(0);
        said.usage = (
            count_of(&usage["promptTokenCount"]),
            usage["candidatesTokenCount"].as_u64().unwrap_or(0) + thoughts,
        );
    }
}

fn turn(turn: &Turn) -> Value {
    match turn {
        Turn::User(parts) => {
            let parts: Vec<Value> = parts.iter().map(part).collect();
            json!({"role": "user", "parts": parts})
        }
        Turn::Assistant(text) => json!({"role": "model", "parts": [{"text": text}]}),
        Turn::Calls(calls) => {
            let calls = calls.iter().map(
                |(id, city)| json!({"functionCall": {"id": id, "name": "weather", "args": {"city": city}}}),
            );
            json!({"role": "model", "parts": calls.collect::<Vec<_>>()})
        }
        Turn::Results(results) => {
            let results = results.iter().map(|(id, text)| json!({"functionResponse": {"id": id, "name": "weather", "response": {"result": text}}}));
            json!({"role": "user", "parts": results.collect::<Vec<_>>()})
        }
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"text": text}),
        Part::Image => json!({"inlineData": {"mimeType": "image/png", "data": PNG}}),
        Part::Document => json!({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
    }
}
