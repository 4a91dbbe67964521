//! What the demo says.

use cliproxy_translator::model::{PartKind, Request, Role};

/// At most this much of the prompt is quoted back.
const MAX_QUOTE: usize = 200;

/// The text of the last message of the user.
pub(super) fn last_user_text(request: &Request<'_>) -> String {
    let last = request.turns.iter().rev().find(|turn| turn.role == Role::User);
    let texts = last.into_iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.kind {
        PartKind::Text { text, .. } => Some(text.decoded()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(" ")
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
