//! AI Studio, through a page that performs the requests: Gemini's format, without what its interface refuses.

use cliproxy_testkit::{Received, Reply};

use super::Provider;
use super::gemini::GEMINI;
use crate::ask::{Answer, Got};

pub struct AiStudio;

/// What is left out of the generation config. Source: providers-a.md 8.3 "Body".
const REFUSED: [&str; 4] = ["maxOutputTokens", "responseMimeType", "responseJsonSchema", "responseSchema"];

impl Provider for AiStudio {
    fn name(&self) -> &'static str {
        "aistudio"
    }

    fn config(&self, url: &str, _keys: &[&str], name: &str, alias: &str) -> String {
        format!(
            "endpoints: {{aistudio: {{api: '{url}'}}}}\noauth-model-alias: {{aistudio: [{{name: {name}, alias: {alias}}}]}}\n"
        )
    }

    fn model(&self) -> String {
        "gemini-2.5-pro".to_owned()
    }

    fn is_a_page(&self) -> bool {
        true
    }

    fn asked(&self, request: &Received) -> (String, bool) {
        let config = &request.json()["generationConfig"];
        assert!(REFUSED.iter().all(|name| config.get(name).is_none()), "{config}");
        GEMINI.asked(request)
    }

    fn got(&self, request: &Received) -> Got {
        GEMINI.got(request)
    }

    fn answer(&self, answer: &Answer, stream: bool) -> Reply {
        GEMINI.answer(answer, stream)
    }

    fn error(&self, status: u16, message: &str) -> Reply {
        GEMINI.error(status, message)
    }

    fn broken_stream(&self, message: &str) -> Reply {
        GEMINI.broken_stream(message)
    }

    fn preamble(&self) -> usize {
        GEMINI.preamble()
    }
}
