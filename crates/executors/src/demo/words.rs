//! What the demo says.

use serde_json::Value;

/// At most this much of the prompt is quoted back.
const MAX_QUOTE: usize = 200;

/// The text of the last user message of a Chat Completions request.
pub(super) fn last_user_text(body: &Value) -> String {
    let messages = body.get("messages").and_then(Value::as_array);
    let last = messages
        .into_iter()
        .flatten()
        .rev()
        .find(|message| message.get("role").and_then(Value::as_str) == Some("user"));
    match last.and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> =
                parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

/// The answer, cut into words that keep their blanks.
pub(super) fn answer(prompt: &str) -> Vec<String> {
    let quote: String = prompt.trim().chars().take(MAX_QUOTE).collect();
    let heard =
        if quote.is_empty() { "You said nothing.".to_owned() } else { format!("You said: “{quote}”.") };
    let text = format!(
        "Hello from cliproxy! This answer was streamed by the built-in demo model through the whole pipeline. {heard} \
         Add an API key to the config file and this model makes way for the real ones."
    );
    text.split_inclusive(' ').map(str::to_owned).collect()
}
