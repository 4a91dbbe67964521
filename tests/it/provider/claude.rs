//! Anthropic, with API keys.

use cliproxy_testkit::{Received, Reply, claude};
use serde_json::json;

use super::{Provider, entries, texts};
use crate::ask::{Answer, Got};
use crate::client::{list, text_of};

pub struct Claude;

impl Provider for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn config(&self, url: &str, keys: &[&str], name: &str, alias: &str) -> String {
        entries("claude-api-key", url, keys, name, alias)
    }

    fn asked(&self, request: &Received) -> (String, bool) {
        assert_eq!(request.path, "/v1/messages");
        let body = request.json();
        (text_of(&body["model"]), body["stream"] == true)
    }

    fn got(&self, request: &Received) -> Got {
        let body = request.json();
        let mut got = Got {
            system: texts(&body["system"]).join("\n"),
            tools: list(&body["tools"])
                .map(|tool| (text_of(&tool["name"]), tool["input_schema"].clone()))
                .collect(),
            thinking: matches!(body["thinking"]["type"].as_str(), Some("enabled" | "adaptive")),
            schema: body["output_config"]["format"].get("schema").cloned(),
            ..Got::default()
        };
        for message in list(&body["messages"]) {
            if let Some(text) = message["content"].as_str() {
                got.texts.push(text.to_owned());
            }
            for block in list(&message["content"]) {
                match block["type"].as_str() {
                    Some("text") => got.texts.push(text_of(&block["text"])),
                    Some("image") => {
                        let source = &block["source"];
                        got.images.push((text_of(&source["media_type"]), text_of(&source["data"])));
                    }
                    Some("document") => got.documents.push(text_of(&block["source"]["data"])),
                    Some("tool_use") => got.calls.push((text_of(&block["name"]), block["input"].clone())),
                    Some("tool_result") => got.results.push(texts(&block["content"]).join("")),
                    _ => panic!("an unexpected block: {block}"),
                }
            }
        }
        got
    }

    fn answer(&self, answer: &Answer, stream: bool) -> Reply {
        let mut message = claude::Message::new();
        if let Some(text) = answer.thinking {
            message = message.thinking(text, "c2lnbmF0dXJl");
        }
        if let Some(text) = answer.text {
            message = message.text(text);
        }
        for (id, city) in &answer.calls {
            message = message.tool_use(&format!("toolu_{id}"), "weather", json!({"city": city}));
        }
        if stream { message.stream() } else { message.whole() }
    }

    fn error(&self, status: u16, message: &str) -> Reply {
        let kind = match status {
            400 => "invalid_request_error",
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            _ => "api_error",
        };
        claude::error(status, kind, message)
    }

    fn broken_stream(&self, message: &str) -> Reply {
        let good = claude::stream("half of it");
        good.truncate(self.preamble() + 1).then(claude::error_event("overloaded_error", message))
    }

    fn preamble(&self) -> usize {
        3 // message_start, content_block_start, ping
    }
}
