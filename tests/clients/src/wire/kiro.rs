//! Kiro.

use cliproxy_testkit::kiro::Answer;
use cliproxy_testkit::{Received, Reply, json};
use serde_json::{Value, json as value};

use super::{body_of, said, text_of};
use crate::brain::{Seen, Step, Tool};

pub(super) fn seen(body: &Value) -> Seen {
    let mut seen = Seen::default();
    let state = &body["conversationState"];
    for message in state["history"].as_array().into_iter().flatten().chain([&state["currentMessage"]]) {
        let user = &message["userInputMessage"];
        seen.user += user["content"].as_str().unwrap_or_default();
        let context = &user["userInputMessageContext"];
        for tool in context["tools"].as_array().into_iter().flatten() {
            let tool = &tool["toolSpecification"];
            let name = tool["name"].as_str().unwrap_or_default().to_owned();
            seen.tools.push(Tool { name, schema: tool["inputSchema"]["json"].clone() });
        }
        for result in context["toolResults"].as_array().into_iter().flatten() {
            seen.results.push(text_of(&result["content"]));
        }
    }
    seen
}

pub(super) fn answer(request: &Received, step: &Step) -> Reply {
    if request.path.ends_with("/ListAvailableModels") {
        return json(&value!({"models": [{"modelId": "claude-sonnet-4.5"}]}));
    }
    let answer = Answer::new().thought("A plan.", "").text(said(step));
    let answer = match step {
        Step::Call { name, arguments } => {
            let turns = body_of(request)["conversationState"]["history"].as_array().map_or(0, Vec::len);
            answer.tool_use(&format!("tooluse_{turns:04}"), name, arguments)
        }
        Step::Say(_) => answer.stop_reason("END_TURN"),
    };
    answer.usage(12, 0, 7).stream()
}
