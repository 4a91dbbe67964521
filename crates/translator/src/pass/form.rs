//! A form of the output that a target has no member for, or is not held to, asked for in words. Source: translation.md
//! A.9, F2.

use crate::loss::{Loss, loss};
use crate::model::{OutputFormat, Part};
use crate::pass::schema::openai_output;
use crate::pass::turns::{Arranged, OutPart};

/// Why OpenAI is not held to some forms.
pub(crate) const NO_OBJECT: &str = "OpenAI's formats take objects only: it is asked for in words";

/// Whether a form is one that OpenAI answers 400 to: "schema must be a JSON Schema of 'type: "object"'".
pub(crate) fn is_no_object(format: Option<&OutputFormat<'_>>) -> bool {
    matches!(format, Some(OutputFormat::JsonSchema { schema: Some(schema), .. }) if openai_output(schema.get()).is_none())
}

/// What the model is told; `None` where any text will do. The schema is never cut.
pub(crate) fn in_words(format: Option<&OutputFormat<'_>>) -> Option<String> {
    match format? {
        OutputFormat::JsonSchema { schema: Some(schema), .. } => Some(format!(
            "Answer with one JSON value that follows this JSON schema, and nothing else: no prose, no code fence.\n{}",
            schema.get()
        )),
        // Without a schema it asks for no more than that.
        OutputFormat::JsonObject | OutputFormat::JsonSchema { schema: None, .. } => {
            Some("Answer with one JSON object and nothing else: no prose, no code fence.".to_owned())
        }
        OutputFormat::Text => None,
    }
}

/// Tells the model behind its instructions, and the client that nothing holds the model to it.
pub(crate) fn ask(
    arranged: &mut Arranged<'_>,
    format: Option<&OutputFormat<'_>>,
    why: &'static str,
    losses: &mut Vec<Loss>,
) {
    if let Some(words) = in_words(format) {
        arranged.system.push(OutPart::made(Part::text(words)));
        loss(losses, "response_format", why);
    }
}
