//! Codex, with API keys: OpenAI Responses.

use cliproxy_testkit::{Received, Reply, responses};
use serde_json::json;

use super::{Provider, data_url, entries, texts};
use crate::ask::{Answer, Got};
use crate::client::{list, parsed, text_of};

pub struct Codex;

impl Provider for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn config(&self, url: &str, keys: &[&str], name: &str, alias: &str) -> String {
        entries("codex-api-key", url, keys, name, alias)
    }

    fn asked(&self, request: &Received) -> (String, bool) {
        assert_eq!(request.path, "/responses");
        let body = request.json();
        (text_of(&body["model"]), body["stream"] == true)
    }

    fn got(&self, request: &Received) -> Got {
        let body = request.json();
        let mut got = Got {
            system: body["instructions"].as_str().unwrap_or_default().to_owned(),
            // Codex always reasons; what was asked for shows in the effort.
            thinking: matches!(body["reasoning"]["effort"].as_str(), Some("high")),
            schema: body["text"]["format"].get("schema").cloned(),
            ..Got::default()
        };
        for tool in list(&body["tools"]) {
            got.tools.push((text_of(&tool["name"]), tool["parameters"].clone()));
        }
        for item in list(&body["input"]) {
            let content = &item["content"];
            match (item["type"].as_str(), item["role"].as_str()) {
                (Some("function_call"), _) => {
                    got.calls.push((text_of(&item["name"]), parsed(&text_of(&item["arguments"]))));
                }
                (Some("function_call_output"), _) => got.results.push(texts(&item["output"]).join("")),
                (Some("reasoning"), _) => {}
                (_, Some("system" | "developer")) => got.system += &texts(content).join("\n"),
                _ => got.texts.extend(texts(content)),
            }
            for part in list(content) {
                match part["type"].as_str() {
                    Some("input_text" | "output_text") => {}
                    Some("input_image") => got.images.push(data_url(&part["image_url"])),
                    Some("input_file") => got.documents.push(data_url(&part["file_data"]).1),
                    _ => panic!("an unexpected part: {part}"),
                }
            }
        }
        got
    }

    fn answer(&self, answer: &Answer, stream: bool) -> Reply {
        let mut response = responses::Response::new().usage(12, 7);
        if let Some(text) = answer.thinking {
            response = response.reasoning(text, "ZW5jcnlwdGVk");
        }
        if let Some(text) = answer.text {
            response = response.text(text);
        }
        for (id, city) in &answer.calls {
            response = response.function_call(id, "weather", &json!({"city": city}).to_string());
        }
        if stream { response.stream() } else { response.whole() }
    }

    fn error(&self, status: u16, message: &str) -> Reply {
        super::chat::openai_error(status, message)
    }

    fn broken_stream(&self, message: &str) -> Reply {
        let good = responses::stream("half of it");
        good.truncate(self.preamble() + 1).then(responses::error_event("server_error", message))
    }

    fn preamble(&self) -> usize {
        4 // response.created, response.in_progress, response.output_item.added, response.content_part.added
    }
}
