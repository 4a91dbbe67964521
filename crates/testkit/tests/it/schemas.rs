//! Stand-in replies are valid by the vendors' schemas.

use std::fs;
use std::path::Path;

use cliproxy_testkit::{chat, claude, gemini, responses};
use serde_json::json;

use crate::gemini::rich_generation;
use crate::replies::{events, rich_completion, rich_message};
use crate::responses::rich_response;

/// The schemas are the translator's, which checks with them what it writes.
fn schema(name: &str) -> jsonschema::Validator {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../translator/tests/schemas");
    let text = fs::read_to_string(schemas.join(format!("{name}.json"))).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[tokio::test]
async fn stand_ins_satisfy_the_vendors_schemas() {
    let mut documents = vec![
        ("claude.reply", rich_message().to_json()),
        ("claude.reply", claude::Message::new().redacted_thinking("b3BhcXVl").text("x").to_json()),
        ("openai-chat.reply", rich_completion().to_json()),
        ("openai-chat.reply", chat::Completion::new().refusal("no").to_json()),
        ("openai-responses.reply", rich_response().to_json()),
        ("openai-responses.reply", responses::Response::new().refusal("no").to_json()),
        ("openai-responses.reply", rich_response().incomplete("max_output_tokens").to_json()),
        ("openai-responses.reply", rich_response().failed("server_error", "m").to_json()),
        ("gemini.reply", rich_generation().to_json()),
        ("gemini.reply", gemini::Generation::new().blocked("SAFETY").to_json()),
        ("gemini.reply", gemini::Generation::new().finish_with("MALFORMED_FUNCTION_CALL", "m").to_json()),
    ];
    for (name, reply) in [
        ("claude.event", rich_message().stream()),
        ("openai-chat.chunk", rich_completion().stream()),
        ("openai-responses.event", rich_response().stream()),
        (
            "openai-responses.event",
            responses::Response::new().refusal("no").incomplete("content_filter").stream(),
        ),
        ("openai-responses.event", responses::Response::new().failed("server_error", "m").stream()),
        ("gemini.reply", rich_generation().stream()),
    ] {
        documents.extend(events(reply).await.into_iter().map(|event| (name, event)));
    }
    for (name, document) in documents {
        let errors: Vec<_> = schema(name).iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?} in {document}");
    }
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    for (name, document) in [
        ("claude.reply", json!({"type": "message"})),
        ("openai-chat.chunk", json!({"object": "chat.completion.chunk"})),
        ("openai-responses.event", json!({"type": "response.output_text.delta", "delta": 1})),
        ("openai-responses.reply", json!({"object": "response"})),
        ("gemini.reply", json!({"candidates": [{"finishReason": "DONE"}]})),
    ] {
        assert!(!schema(name).is_valid(&document), "{name} accepts {document}");
    }
}
