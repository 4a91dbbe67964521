//! Gemini generateContent.

use cliproxy_testkit::SseEvent;
use serde_json::{Value, json};

use super::{Client, count_of, list, text_of};
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

    fn error(&self, status: u16, body: &Value) -> String {
        let error = &body["error"];
        assert_eq!(error["code"], status, "{body}");
        assert!(error["status"].is_string(), "{body}");
        text_of(&error["message"])
    }

    fn broken(&self, events: &[SseEvent]) -> Option<String> {
        let finished = |event: &SseEvent| event.json()["candidates"][0]["finishReason"].is_string();
        assert!(!events.iter().any(finished), "{events:?}");
        let last = events.last()?.json();
        last["error"]["message"].as_str().map(str::to_owned)
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
