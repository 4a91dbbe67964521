//! Images that stand beside results belong to them: backends before Gemini 3 took them nowhere else, and clients still
//! write them so. Source: translation.md E509, E535.

use crate::model::{Media, MediaSource, Part, PartKind, Request, ToolResult, Turn};

/// The request with such images inside of their results; `None` when there are none.
pub(super) fn attached<'r>(request: &Request<'r>) -> Option<Request<'r>> {
    if !request.turns.iter().any(is_mixed) {
        return None;
    }
    let mut request = request.clone();
    for turn in request.turns.iter_mut().filter(|turn| is_mixed(turn)) {
        let parts = std::mem::take(&mut turn.parts);
        let first = parts.iter().position(is_result);
        let mut ahead = Vec::new();
        // The place of the latest result.
        let mut latest = None;
        for (at, part) in parts.into_iter().enumerate() {
            match turn.parts.last_mut().and_then(result_of) {
                _ if !is_inline(&part) => {
                    latest = is_result(&part).then_some(turn.parts.len()).or(latest);
                    turn.parts.push(part);
                }
                Some(result) => result.content.push(part),
                // Only what is right in front of the first result, or behind another part, has none before it.
                None if first.is_some_and(|first| at < first) => ahead.push(part),
                None => match latest.and_then(|latest| turn.parts.get_mut(latest)).and_then(result_of) {
                    Some(result) => result.content.push(part),
                    None => turn.parts.push(part),
                },
            }
        }
        if let Some(result) = turn.parts.iter_mut().find_map(result_of) {
            result.content.extend(ahead);
        }
    }
    Some(request)
}

fn is_mixed(turn: &Turn<'_>) -> bool {
    turn.parts.iter().any(is_result) && turn.parts.iter().any(is_inline)
}

fn is_result(part: &Part<'_>) -> bool {
    matches!(part.kind, PartKind::ToolResult(_))
}

fn result_of<'p, 'a>(part: &'p mut Part<'a>) -> Option<&'p mut ToolResult<'a>> {
    match &mut part.kind {
        PartKind::ToolResult(result) => Some(result),
        _ => None,
    }
}

fn is_inline(part: &Part<'_>) -> bool {
    matches!(part.kind, PartKind::Media(Media { source: MediaSource::Base64 { .. }, .. }))
}
