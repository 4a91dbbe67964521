//! Claude Messages.

use cliproxy_testkit::SseEvent;
use serde_json::{Value, json};

use super::{Calls, Client, Refusal, count_of, list, text_of};
use crate::ask::{Ask, Finish, PDF, PNG, Part, Said, Turn, schema};

pub struct Claude;

impl Client for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn path(&self, _model: &str, _stream: bool) -> String {
        "/v1/messages?beta=true".to_owned()
    }

    fn body(&self, model: &str, ask: &Ask, stream: bool) -> Value {
        let messages: Vec<Value> = ask.turns.iter().map(turn).collect();
        let mut body = json!({"model": model, "max_tokens": 64000, "messages": messages});
        if stream {
            body["stream"] = json!(true);
        }
        if let Some(system) = ask.system {
            body["system"] = json!([{"type": "text", "text": system}]);
        }
        if ask.tools {
            body["tools"] =
                json!([{"name": "weather", "description": "The weather", "input_schema": schema()}]);
        }
        if ask.thinking {
            body["thinking"] = json!({"type": "enabled", "budget_tokens": 20000});
        }
        if ask.structured {
            body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}});
        }
        body
    }

    fn whole(&self, body: &Value) -> Said {
        assert_eq!((&body["type"], &body["role"]), (&json!("message"), &json!("assistant")), "{body}");
        let mut said = Said {
            finish: finish(&body["stop_reason"]),
            usage: usage(&body["usage"]),
            model: text_of(&body["model"]),
            ..Said::default()
        };
        for block in list(&body["content"]) {
            match block["type"].as_str() {
                Some("text") => said.text += &text_of(&block["text"]),
                Some("thinking") => said.thinking += &text_of(&block["thinking"]),
                Some("tool_use") => {
                    assert!(!text_of(&block["id"]).is_empty(), "{block}");
                    said.calls.push((text_of(&block["name"]), block["input"].clone()));
                }
                _ => panic!("an unexpected block: {block}"),
            }
        }
        said
    }

    fn stream(&self, events: &[SseEvent]) -> Said {
        let mut said = Said::default();
        let mut calls = Calls::default();
        let (mut open, mut next, mut order) = (None, 0, Vec::new());
        for event in events {
            let data = event.json();
            assert_eq!(data["type"], event.event.as_str(), "{data}");
            if event.event != "ping" {
                order.push(event.event.clone());
            }
            match event.event.as_str() {
                "message_start" => {
                    let message = &data["message"];
                    assert_eq!((&message["type"], &message["content"]), (&json!("message"), &json!([])));
                    said.model = text_of(&message["model"]);
                }
                "content_block_start" => {
                    assert_eq!((open, count_of(&data["index"])), (None, next), "one block at a time: {data}");
                    open = Some(next);
                    next += 1;
                    if data["content_block"]["type"] == "tool_use" {
                        assert!(!text_of(&data["content_block"]["id"]).is_empty(), "{data}");
                        calls.begin(&text_of(&data["content_block"]["name"]));
                    }
                }
                "content_block_delta" => {
                    assert_eq!(data["index"].as_u64(), open, "{data}");
                    let delta = &data["delta"];
                    match delta["type"].as_str() {
                        Some("text_delta") => said.text += &text_of(&delta["text"]),
                        Some("thinking_delta") => said.thinking += &text_of(&delta["thinking"]),
                        Some("signature_delta") => {}
                        Some("input_json_delta") => calls.more(&text_of(&delta["partial_json"])),
                        _ => panic!("an unexpected delta: {data}"),
                    }
                }
                "content_block_stop" => {
                    assert_eq!(data["index"].as_u64(), open.take(), "{data}");
                }
                "message_delta" => {
                    said.finish = finish(&data["delta"]["stop_reason"]);
                    said.usage = usage(&data["usage"]);
                }
                "message_stop" | "ping" => {}
                other => panic!("an unexpected event {other}"),
            }
        }
        assert_eq!((open, order.first().map(String::as_str)), (None, Some("message_start")));
        assert_eq!(&order[order.len() - 2..], ["message_delta", "message_stop"]);
        said.calls = calls.done();
        said
    }

    fn refusal(&self, _status: u16, body: &Value) -> Refusal {
        assert_eq!(body["type"], "error", "{body}");
        let members = body.as_object().unwrap();
        assert!(
            members.keys().all(|name| ["type", "error", "request_id"].contains(&name.as_str())),
            "{body}"
        );
        let error = &body["error"];
        assert_eq!(error.as_object().map(serde_json::Map::len), Some(2), "a type and a message: {body}");
        Refusal { message: text_of(&error["message"]), kind: text_of(&error["type"]), code: None }
    }

    /// Source: translation.md B76.
    fn kinds(&self, status: u16) -> &'static [&'static str] {
        match status {
            401 => &["authentication_error"],
            402 => &["billing_error"],
            403 => &["permission_error"],
            404 => &["not_found_error"],
            413 => &["request_too_large"],
            429 => &["rate_limit_error"],
            408 | 504 => &["timeout_error"],
            529 => &["overloaded_error"],
            // The provider has no room, or none of our credentials serves.
            503 => &["overloaded_error", "api_error"],
            400..=499 => &["invalid_request_error"],
            _ => &["api_error"],
        }
    }

    fn broken(&self, events: &[SseEvent]) -> Option<String> {
        assert!(events.iter().filter(|event| event.event == "error").count() <= 1);
        let last = events.last().filter(|event| event.event == "error")?.json();
        assert!(events.iter().all(|event| event.event != "message_stop"));
        let refusal = self.refusal(0, &last);
        assert!(self.kinds(503).contains(&&*refusal.kind), "{last}");
        Some(refusal.message)
    }
}

fn turn(turn: &Turn) -> Value {
    match turn {
        Turn::User(parts) => {
            let parts: Vec<Value> = parts.iter().map(part).collect();
            json!({"role": "user", "content": parts})
        }
        Turn::Assistant(text) => json!({"role": "assistant", "content": text}),
        Turn::Calls(calls) => {
            let calls = calls.iter().map(|(id, city)| json!({"type": "tool_use", "id": id, "name": "weather", "input": {"city": city}}));
            json!({"role": "assistant", "content": calls.collect::<Vec<_>>()})
        }
        Turn::Results(results) => {
            let results = results
                .iter()
                .map(|(id, text)| json!({"type": "tool_result", "tool_use_id": id, "content": text}));
            json!({"role": "user", "content": results.collect::<Vec<_>>()})
        }
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image => {
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
        }
        Part::Document => {
            let source = json!({"type": "base64", "media_type": "application/pdf", "data": PDF});
            json!({"type": "document", "title": "a.pdf", "source": source})
        }
    }
}

fn finish(reason: &Value) -> Finish {
    match reason.as_str() {
        Some("end_turn") => Finish::Stop,
        Some("tool_use") => Finish::Calls,
        _ => panic!("an unexpected stop reason: {reason}"),
    }
}

fn usage(usage: &Value) -> (u64, u64) {
    (count_of(&usage["input_tokens"]), count_of(&usage["output_tokens"]))
}
