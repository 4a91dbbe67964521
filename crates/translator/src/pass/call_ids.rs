//! Call ids where a format may leave them out: calls get derived ones, results those of their calls.
//! Source: translation.md B4, B17, B19, E196 to E208.

use std::borrow::Cow;
use std::collections::HashSet;

use super::args;
use super::ids::generated_id;
use crate::json::Text;
use crate::model::{PartKind, ToolCall, ToolResult, Turn};

/// Begins every derived id. No provider's ids begin so, which tells them apart from a client's own.
pub const DERIVED: &str = "call_cliproxy_";

/// Whether an id was derived here.
#[must_use]
pub fn is_derived(id: &Text<'_>) -> bool {
    match id.as_plain() {
        Some(id) => id.starts_with(DERIVED),
        None => id.decoded().starts_with(DERIVED),
    }
}

/// A call that waits for its result.
struct Pending {
    id: String,
    name: String,
    answered: bool,
}

/// Gives every call and every result an id, and every result the name of its tool. The same conversation always gets
/// the same ids, and a grown one keeps those it had.
pub fn complete(turns: &mut [Turn<'_>]) {
    let claimed = claimed(turns);
    let mut pending: Vec<Pending> = Vec::new();
    for (turn_index, turn) in turns.iter_mut().enumerate() {
        for (part_index, part) in turn.parts.iter_mut().enumerate() {
            let place = [turn_index.to_string(), part_index.to_string()];
            match &mut part.kind {
                PartKind::ToolCall(call) => {
                    name_call(call, &place);
                    let id = call.id.decoded().into_owned();
                    pending.push(Pending { id, name: call.name.clone().into_owned(), answered: false });
                }
                PartKind::ToolResult(result) => answer(result, &place, &mut pending, &claimed),
                _ => {}
            }
        }
    }
}

/// The ids that results name themselves: no other result may get them (E208).
fn claimed(turns: &[Turn<'_>]) -> HashSet<String> {
    let parts = turns.iter().flat_map(|turn| &turn.parts);
    let ids = parts.filter_map(|part| match &part.kind {
        PartKind::ToolResult(result) if !result.call_id.is_empty() => {
            Some(result.call_id.decoded().into_owned())
        }
        _ => None,
    });
    ids.collect()
}

fn name_call(call: &mut ToolCall<'_>, [turn, part]: &[String; 2]) {
    if call.id.is_empty() {
        let arguments = args::json_text(&call.args).decoded().into_owned();
        call.id = Text::plain(generated_id(DERIVED, &[turn, part, &call.name, &arguments]));
    }
}

fn answer(
    result: &mut ToolResult<'_>,
    [turn, part]: &[String; 2],
    pending: &mut [Pending],
    claimed: &HashSet<String>,
) {
    let call = match result.call_id.is_empty() {
        false => {
            let id = result.call_id.decoded();
            pending.iter_mut().rev().find(|call| !call.answered && call.id == *id)
        }
        true => waiting(result.name.as_deref(), pending, claimed).and_then(|index| pending.get_mut(index)),
    };
    let Some(call) = call else {
        if result.call_id.is_empty() {
            let name = result.name.as_deref().unwrap_or_default();
            result.call_id = Text::plain(generated_id(DERIVED, &["result", turn, part, name]));
        }
        return;
    };
    call.answered = true;
    if result.call_id.is_empty() {
        result.call_id = Text::plain(call.id.clone());
    }
    if result.name.is_none() {
        result.name = Some(Cow::Owned(call.name.clone()));
    }
}

/// The first call without an answer: of the same name if there is one (E205), else of any.
fn waiting(name: Option<&str>, pending: &[Pending], claimed: &HashSet<String>) -> Option<usize> {
    let free = |call: &Pending| !call.answered && !claimed.contains(&call.id);
    let named = name.and_then(|name| pending.iter().position(|call| free(call) && call.name == name));
    named.or_else(|| pending.iter().position(free))
}
