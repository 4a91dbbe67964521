//! An OpenAI-compatible service.

use cliproxy_testkit::{Received, Reply, chat, data, status};
use serde_json::json;

use super::{Provider, data_url, texts};
use crate::ask::{Answer, Got};
use crate::client::{list, parsed, text_of};

pub struct Chat;

impl Provider for Chat {
    fn name(&self) -> &'static str {
        "openai-compatibility"
    }

    fn config(&self, url: &str, keys: &[&str], name: &str, alias: &str) -> String {
        let keys: Vec<String> = keys.iter().map(|key| format!("{{api-key: {key}}}")).collect();
        format!(
            "openai-compatibility: [{{name: router, base-url: '{url}/v1', api-key-entries: [{}], \
             models: [{{name: {name}, alias: {alias}}}]}}]\n",
            keys.join(", ")
        )
    }

    fn asked(&self, request: &Received) -> (String, bool) {
        assert_eq!(request.path, "/v1/chat/completions");
        let body = request.json();
        (text_of(&body["model"]), body["stream"] == true)
    }

    fn got(&self, request: &Received) -> Got {
        let body = request.json();
        let mut got = Got {
            thinking: body["reasoning_effort"].is_string(),
            schema: body["response_format"]["json_schema"].get("schema").cloned(),
            ..Got::default()
        };
        for tool in list(&body["tools"]) {
            got.tools.push((text_of(&tool["function"]["name"]), tool["function"]["parameters"].clone()));
        }
        for message in list(&body["messages"]) {
            let content = &message["content"];
            match message["role"].as_str() {
                Some("system" | "developer") => got.system += &texts(content).join("\n"),
                Some("tool") => got.results.push(texts(content).join("")),
                _ => got.texts.extend(texts(content).into_iter().filter(|text| !text.is_empty())),
            }
            for part in list(content) {
                match part["type"].as_str() {
                    Some("text") => {}
                    Some("image_url") => got.images.push(data_url(&part["image_url"]["url"])),
                    Some("file") => got.documents.push(data_url(&part["file"]["file_data"]).1),
                    _ => panic!("an unexpected part: {part}"),
                }
            }
            for call in list(&message["tool_calls"]) {
                let function = &call["function"];
                got.calls.push((text_of(&function["name"]), parsed(&text_of(&function["arguments"]))));
            }
        }
        got
    }

    fn answer(&self, answer: &Answer, stream: bool) -> Reply {
        let mut completion = chat::Completion::new();
        if let Some(text) = answer.thinking {
            completion = completion.reasoning(text);
        }
        if let Some(text) = answer.text {
            completion = completion.text(text);
        }
        for (id, city) in &answer.calls {
            completion = completion.tool_call(id, "weather", &json!({"city": city}).to_string());
        }
        if stream { completion.stream() } else { completion.whole() }
    }

    fn error(&self, status: u16, message: &str) -> Reply {
        openai_error(status, message)
    }

    fn broken_stream(&self, message: &str) -> Reply {
        let good = chat::stream("half of it");
        good.truncate(self.preamble() + 1).then(data(&chat::error_json("server_error", message)))
    }

    fn preamble(&self) -> usize {
        1 // the role
    }
}

/// The error of a service of OpenAI's make, with a code that nobody else has.
pub fn openai_error(code: u16, message: &str) -> Reply {
    let kind = crate::client::openai_kinds(code)[0];
    let error = json!({"message": message, "type": kind, "param": null, "code": "some_code"});
    status(code).header("x-request-id", "req_testkit").json(&json!({"error": error}))
}
