//! How much a model may say. Source: providers-a.md 4.2 [H]; Messages API reference, "max_tokens".

use cliproxy_core::ModelInfo;

use crate::loss::{Loss, loss};

/// Why a limit was lowered.
pub(crate) const MORE_THAN_IT_HAS: &str = "it is more than the model can say";

/// A limit within what the model has: Google and Anthropic refuse a higher one, which a client of many models cannot
/// know.
pub(crate) fn within(asked: Option<u64>, info: Option<&ModelInfo>, losses: &mut Vec<Loss>) -> Option<u64> {
    match (asked, info.and_then(|info| info.max_output)) {
        (Some(asked), Some(has)) if asked > has => {
            loss(losses, "max_output_tokens", MORE_THAN_IT_HAS);
            Some(has)
        }
        (asked, _) => asked,
    }
}
