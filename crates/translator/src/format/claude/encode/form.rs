//! The form of the output. Source: translation.md A.9, F2.

use std::borrow::Cow;

use crate::codec::Profile;
use crate::loss::{Loss, loss};
use crate::model::{OutputFormat, Request};
use crate::pass::form::in_words;
use crate::pass::schema::{Cost, claude_enforced};

/// The form of the output, where one is asked for.
#[derive(Default)]
pub(super) struct Form<'r> {
    /// The schema that the model is held to.
    pub(super) enforced: Option<Cow<'r, str>>,
    /// What the model is told in words: Claude has no member for it, or this model is not held to it.
    pub(super) words: Option<String>,
}

impl<'r> Form<'r> {
    /// Of a request of Claude's own format.
    pub(super) fn own(request: &'r Request<'r>) -> Self {
        let enforced = schema_of(request).map(Cow::Borrowed);
        Self {
            words: if enforced.is_none() { in_words(request.output.format.as_ref()) } else { None },
            enforced,
        }
    }

    /// Of another's, whose schema may say what Claude answers 400 to.
    pub(super) fn foreign(
        request: &'r Request<'r>,
        profile: &Profile,
        cost: &mut Cost,
        losses: &mut Vec<Loss>,
    ) -> Self {
        let words = || Self { enforced: None, words: in_words(request.output.format.as_ref()) };
        // Models of before are held to none: what they are told in words is all that there is.
        let Some(schema) = schema_of(request).filter(|_| takes_output_format(&profile.model)) else {
            return words();
        };
        let enforced = claude_enforced(schema).filter(|enforced| cost.take(&enforced.schema));
        let Some(enforced) = enforced else {
            loss(losses, "response_format", "Claude is not held to such a schema: it is asked for in words");
            return words();
        };
        if enforced.less {
            loss(losses, "response_format", "Claude is held to less: the rest is told in words");
        }
        Self { enforced: Some(enforced.schema), words: None }
    }
}

fn schema_of<'r>(request: &'r Request<'r>) -> Option<&'r str> {
    match &request.output.format {
        Some(OutputFormat::JsonSchema { schema: Some(schema), .. }) => Some(schema.get()),
        _ => None,
    }
}

/// Whether a model enforces schemas: for outputs (`output_config.format`) and for tools (`strict`). Models before
/// Opus 4.1 and Sonnet 4.5 refuse both. Source: Messages API reference, "Structured outputs".
pub(super) fn takes_output_format(model: &str) -> bool {
    const OLDER: [&str; 8] = [
        "claude-2",
        "claude-3",
        "claude-instant",
        "claude-opus-4-0",
        "claude-sonnet-4-0",
        "claude-opus-4-2025",
        "claude-sonnet-4-2025",
        "claude-haiku-3",
    ];
    let older = OLDER.iter().any(|prefix| model.starts_with(prefix));
    !older && !matches!(model, "claude-opus-4" | "claude-sonnet-4")
}
