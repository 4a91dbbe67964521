//! Gemini CLI and Antigravity, with logins of Google: Gemini's format in an envelope.

use cliproxy_testkit::{Received, Reply, gemini};
use serde_json::{Value, json};

use super::Provider;
use super::gemini::{error, generation, read};
use crate::ask::{Answer, Got};
use crate::client::text_of;

pub struct Login {
    name: &'static str,
    kind: &'static str,
    model: &'static str,
}

pub static GEMINI_CLI: Login = Login { name: "gemini-cli", kind: "gemini", model: "gemini-3-flash-preview" };
pub static ANTIGRAVITY: Login = Login { name: "antigravity", kind: "antigravity", model: "gemini-3-flash" };
pub static ANTIGRAVITY_CLAUDE: Login =
    Login { name: "antigravity-claude", kind: "antigravity", model: "claude-opus-4-6-thinking" };

impl Provider for Login {
    fn name(&self) -> &'static str {
        self.name
    }

    fn config(&self, _url: &str, _keys: &[&str], _name: &str, _alias: &str) -> String {
        String::new()
    }

    fn model(&self) -> String {
        self.model.to_owned()
    }

    fn login(&self, url: &str, token: &str, name: &str, alias: &str) -> Option<(String, Value)> {
        let file = json!({"type": self.kind, "email": format!("{}@example.com", self.name), "project_id": "p-1",
            "access_token": token, "base_url": url, "model_aliases": [{"name": name, "alias": alias}]});
        Some((format!("{}-{}@example.com.json", self.kind, self.name), file))
    }

    fn lists_models_at(&self) -> Option<&'static str> {
        (self.kind == "antigravity").then_some("/v1internal:fetchAvailableModels")
    }

    fn asked(&self, request: &Received) -> (String, bool) {
        let action = request.path.strip_prefix("/v1internal:").unwrap_or_else(|| panic!("{}", request.path));
        let stream = action == "streamGenerateContent";
        assert_eq!(stream, request.query.contains("alt=sse"), "{} {}", request.path, request.query);
        assert!(stream || action == "generateContent", "{action}");
        let body = request.json();
        assert_eq!(body["project"], "p-1", "the credential's project");
        (text_of(&body["model"]), stream)
    }

    fn got(&self, request: &Received) -> Got {
        read(&request.json()["request"])
    }

    fn answer(&self, answer: &Answer, stream: bool) -> Reply {
        let made = generation(answer);
        if stream { made.stream_in_envelope() } else { made.whole_in_envelope() }
    }

    fn error(&self, status: u16, message: &str) -> Reply {
        error(status, message)
    }

    fn broken_stream(&self, message: &str) -> Reply {
        let good = gemini::Generation::new().text("half of it").stream_in_envelope();
        good.truncate(1).then(gemini::error_event(503, "UNAVAILABLE", message))
    }

    fn preamble(&self) -> usize {
        0
    }
}
