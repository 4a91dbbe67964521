//! Functions whose schema OpenAI is to enforce. Source: translation.md A.6, "strict".

use crate::loss::{Loss, loss};
use crate::model::{FunctionTool, Tool};
use crate::pass::schema::openai_enforces;

/// What `strict` says of a function that another vendor's client declared: OpenAI refuses strict ones whose objects have
/// members that may be left out, which Claude enforces too.
pub(crate) fn strict(tool: &FunctionTool<'_>) -> Option<bool> {
    let enforced = || tool.schema.as_ref().is_some_and(|schema| openai_enforces(schema.get()));
    tool.strict.map(|strict| strict && enforced())
}

/// Tells when one is not enforced.
pub(crate) fn tell(tools: &[&Tool<'_>], losses: &mut Vec<Loss>) {
    let is_lost = |tool: &&Tool<'_>| match tool {
        Tool::Function(tool) => tool.strict == Some(true) && strict(tool) == Some(false),
        Tool::Custom(_) | Tool::Builtin(_) => false,
    };
    if tools.iter().any(is_lost) {
        loss(losses, "tools.strict", "OpenAI enforces no schema with members that may be left out");
    }
}
