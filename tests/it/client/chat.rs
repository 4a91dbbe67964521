//! OpenAI Chat Completions.

use cliproxy_testkit::SseEvent;
use serde_json::{Value, json};

use super::{Calls, Client, Refusal, count_of, list, openai_kinds, openai_refusal, parsed, text_of};
use crate::ask::{Ask, Finish, PDF, PNG, Part, Said, Turn, schema};

pub struct Chat;

impl Client for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn path(&self, _model: &str, _stream: bool) -> String {
        "/v1/chat/completions".to_owned()
    }

    fn body(&self, model: &str, ask: &Ask, stream: bool) -> Value {
        let mut messages = Vec::new();
        messages.extend(ask.system.map(|text| json!({"role": "system", "content": text})));
        messages.extend(ask.turns.iter().flat_map(turn));
        let mut body = json!({"model": model, "messages": messages});
        if stream {
            body["stream"] = json!(true);
            body["stream_options"] = json!({"include_usage": true});
        }
        if ask.tools {
            let function = json!({"name": "weather", "description": "The weather", "parameters": schema()});
            body["tools"] = json!([{"type": "function", "function": function}]);
        }
        if ask.thinking {
            body["reasoning_effort"] = json!("high");
        }
        if ask.structured {
            let schema = json!({"name": "city", "strict": true, "schema": schema()});
            body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
        }
        body
    }

    fn whole(&self, body: &Value) -> Said {
        assert_eq!(body["object"], "chat.completion", "{body}");
        let choice = &body["choices"][0];
        let message = &choice["message"];
        let calls = list(&message["tool_calls"]).map(|call| {
            assert!(!text_of(&call["id"]).is_empty(), "{call}");
            (text_of(&call["function"]["name"]), parsed(&text_of(&call["function"]["arguments"])))
        });
        Said {
            thinking: message["reasoning_content"].as_str().unwrap_or_default().to_owned(),
            text: message["content"].as_str().unwrap_or_default().to_owned(),
            calls: calls.collect(),
            finish: finish(&choice["finish_reason"]),
            usage: usage(&body["usage"]),
            model: text_of(&body["model"]),
        }
    }

    fn stream(&self, events: &[SseEvent]) -> Said {
        let (end, chunks) = events.split_last().expect("a stream has an end");
        assert_eq!(end.data, "[DONE]");
        let mut said = Said::default();
        let (mut calls, mut ends, mut usages) = (Calls::default(), 0, 0);
        for event in chunks {
            assert_eq!(event.event, "", "chat events have no names");
            let chunk = event.json();
            assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
            said.model = text_of(&chunk["model"]);
            let choice = &chunk["choices"][0];
            let delta = &choice["delta"];
            said.thinking += delta["reasoning_content"].as_str().unwrap_or_default();
            said.text += delta["content"].as_str().unwrap_or_default();
            for call in list(&delta["tool_calls"]) {
                if let Some(name) = call["function"]["name"].as_str().filter(|name| !name.is_empty()) {
                    assert!(!text_of(&call["id"]).is_empty(), "{call}");
                    calls.begin(name);
                }
                calls.more(call["function"]["arguments"].as_str().unwrap_or_default());
            }
            if !choice["finish_reason"].is_null() {
                ends += 1;
                said.finish = finish(&choice["finish_reason"]);
            }
            if !chunk["usage"].is_null() {
                usages += 1;
                said.usage = usage(&chunk["usage"]);
            }
        }
        assert_eq!((ends, usages), (1, 1), "one finish reason and one usage");
        said.calls = calls.done();
        said
    }

    fn refusal(&self, _status: u16, body: &Value) -> Refusal {
        openai_refusal(body)
    }

    fn kinds(&self, status: u16) -> &'static [&'static str] {
        openai_kinds(status)
    }

    fn broken(&self, events: &[SseEvent]) -> Option<String> {
        let last = events.last().filter(|event| event.data != "[DONE]")?.json();
        assert!(events.iter().all(|event| event.data != "[DONE]"));
        let refusal = openai_refusal(&last);
        assert!(openai_kinds(500).contains(&&*refusal.kind), "{last}");
        let codes = ["internal_server_error", "server_error"]; // ours, and what a service of the format wrote
        assert!(refusal.code.is_some_and(|code| codes.contains(&&*code)), "{last}");
        Some(refusal.message)
    }
}

fn turn(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::User(parts) => {
            let parts: Vec<Value> = parts.iter().map(part).collect();
            vec![json!({"role": "user", "content": parts})]
        }
        Turn::Assistant(text) => vec![json!({"role": "assistant", "content": text})],
        Turn::Calls(calls) => {
            let calls = calls.iter().map(|(id, city)| {
                let arguments = json!({"city": city}).to_string();
                json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}})
            });
            vec![json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>()})]
        }
        Turn::Results(results) => results
            .iter()
            .map(|(id, text)| json!({"role": "tool", "tool_call_id": id, "content": text}))
            .collect(),
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image => {
            json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}})
        }
        Part::Document => {
            let data = format!("data:application/pdf;base64,{PDF}");
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": data}})
        }
    }
}

fn finish(reason: &Value) -> Finish {
    match reason.as_str() {
        Some("stop") => Finish::Stop,
        Some("tool_calls") => Finish::Calls,
        _ => panic!("an unexpected finish reason: {reason}"),
    }
}

fn usage(usage: &Value) -> (u64, u64) {
    (count_of(&usage["prompt_tokens"]), count_of(&usage["completion_tokens"]))
}
