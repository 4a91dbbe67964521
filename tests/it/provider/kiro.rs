//! Kiro, with a login: conversation states out, AWS event-stream frames in.

use cliproxy_testkit::{Received, Reply, kiro};
use serde_json::{Value, json};

use super::Provider;
use crate::ask::{Answer, Got};
use crate::client::{list, text_of};

pub struct Kiro;

/// The model, by the names that we and Kiro have for it.
const MODEL: (&str, &str) = ("kiro-claude-sonnet-4-5", "claude-sonnet-4.5");
/// What stands for a document that has no place.
pub const DOCUMENT: &str = "[Media content: inline data (Type: application/pdf)]";
/// What stands where there are no words.
const FILLERS: [&str; 3] = ["Continue", "Tool results provided.", "."];

impl Provider for Kiro {
    fn name(&self) -> &'static str {
        "kiro"
    }

    fn config(&self, _url: &str, _keys: &[&str], _name: &str, _alias: &str) -> String {
        String::new()
    }

    fn model(&self) -> String {
        MODEL.0.to_owned()
    }

    fn login(&self, url: &str, token: &str, name: &str, alias: &str) -> Option<(String, Value)> {
        let file = json!({"type": "kiro", "email": "kiro@example.com", "auth_method": "social", "provider": "Google",
            "profile_arn": "arn:aws:codewhisperer:us-east-1:000000000000:profile/EXAMPLE", "access_token": token,
            "expires_at": "2099-01-01T00:00:00Z", "base_url": url,
            "model_aliases": [{"name": name, "alias": alias}]});
        Some(("kiro-google-kiro@example.com.json".to_owned(), file))
    }

    fn lists_models_at(&self) -> Option<&'static str> {
        Some("/ListAvailableModels")
    }

    fn listing(&self) -> Value {
        json!({"models": [{"modelId": MODEL.1}]})
    }

    fn asked(&self, request: &Received) -> (String, bool) {
        assert_eq!(request.path, "/generateAssistantResponse");
        let body = request.json();
        assert_eq!(body["profileArn"], "arn:aws:codewhisperer:us-east-1:000000000000:profile/EXAMPLE");
        let state = &body["conversationState"];
        for message in list(&state["history"]).chain([&state["currentMessage"]]) {
            let user = &message["userInputMessage"];
            assert!(user.is_null() || user["modelId"] == MODEL.1, "{user}");
        }
        // Every reply is a stream.
        (MODEL.0.to_owned(), true)
    }

    fn got(&self, request: &Received) -> Got {
        let body = request.json();
        let (state, mut got) = (&body["conversationState"], Got::default());
        let messages: Vec<&Value> = list(&state["history"]).chain([&state["currentMessage"]]).collect();
        for (index, message) in messages.iter().enumerate() {
            // User and model by turns, and the user has the last word.
            let (user, model) = (&message["userInputMessage"], &message["assistantResponseMessage"]);
            assert_eq!((user.is_object(), model.is_object()), (index % 2 == 0, index % 2 == 1), "{body}");
            if model.is_object() {
                words(&text_of(&model["content"]), &mut got);
                got.calls.extend(
                    list(&model["toolUses"]).map(|call| (text_of(&call["name"]), call["input"].clone())),
                );
                continue;
            }
            let context = &user["userInputMessageContext"];
            for result in list(&context["toolResults"]) {
                assert_eq!(result["status"], "success");
                got.results.push(list(&result["content"]).map(|part| text_of(&part["text"])).collect());
            }
            words(&text_of(&user["content"]), &mut got);
            got.images.extend(list(&user["images"]).map(|image| {
                (format!("image/{}", text_of(&image["format"])), text_of(&image["source"]["bytes"]))
            }));
            assert!(
                context["tools"].is_null() || index + 1 == messages.len(),
                "tools are on the current message"
            );
            got.tools.extend(list(&context["tools"]).map(|tool| {
                let tool = &tool["toolSpecification"];
                (text_of(&tool["name"]), tool["inputSchema"]["json"].clone())
            }));
        }
        got
    }

    fn answer(&self, answer: &Answer, _stream: bool) -> Reply {
        let mut made = kiro::Answer::new();
        if let Some(text) = answer.thinking {
            made = made.thought(text, "");
        }
        if let Some(text) = answer.text {
            made = made.text(text);
        }
        for (id, city) in &answer.calls {
            made = made.tool_use(id, "weather", &json!({"city": city}));
        }
        made.usage(12, 0, 7).stream()
    }

    fn error(&self, status: u16, message: &str) -> Reply {
        let kind = match status {
            400 | 413 => "ValidationException",
            401 => "UnauthorizedException",
            403 => "AccessDeniedException",
            404 => "ResourceNotFoundException",
            429 => "ThrottlingException",
            503 => "ServiceUnavailableException",
            _ => "InternalServerException",
        };
        kiro::error(status, kind, message)
    }

    fn broken_stream(&self, message: &str) -> Reply {
        let good = kiro::text("half of it");
        good.truncate(1).then(kiro::exception("InternalServerException", &json!({"message": message})))
    }

    fn preamble(&self) -> usize {
        0
    }
}

/// What a message says: instructions and wishes in front, then its own words.
fn words(content: &str, got: &mut Got) {
    let framed = content.strip_prefix("--- SYSTEM PROMPT ---\n");
    let framed = framed.and_then(|rest| rest.split_once("\n--- END SYSTEM PROMPT ---\n\n"));
    let (said, own) = framed.unwrap_or(("", content));
    for piece in said.split("\n\n").filter(|piece| !piece.is_empty()) {
        if piece.starts_with("<thinking_mode>enabled</thinking_mode>\n<max_thinking_length>") {
            got.thinking = true;
        } else if piece.starts_with("Answer with one JSON value that follows this JSON schema") {
            let (_, schema) = piece.split_once('\n').expect("the schema follows");
            got.schema = Some(crate::client::parsed(schema));
        } else {
            got.system.push_str(piece);
        }
    }
    let mut own = own;
    if let Some(rest) = own.strip_prefix(DOCUMENT) {
        got.documents.push(DOCUMENT.to_owned());
        own = rest.trim_start();
    }
    if !FILLERS.contains(&own) {
        got.texts.push(own.to_owned());
    }
}
