//! Call ids where a format may leave them out: calls get derived ones, results those of their calls.
//! Source: translation.md B4, B17, B19, E196 to E208.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::args;
use super::ids::generated_id;
use super::pairing::Pairing;
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

/// A call of the conversation.
struct Called {
    id: String,
    name: String,
}

/// The calls so far.
#[derive(Default)]
struct Calls {
    all: Vec<Called>,
    pairing: Pairing<'static>,
    /// Those that may wait for a result without an id: by tool, and all.
    by_name: HashMap<String, VecDeque<usize>>,
    waiting: VecDeque<usize>,
}

/// Gives every call and every result an id, and every result the name of its tool. The same conversation always gets
/// the same ids, and a grown one keeps those it had.
pub fn complete(turns: &mut [Turn<'_>]) {
    let claimed = claimed(turns);
    let mut calls = Calls::default();
    for (turn_index, turn) in turns.iter_mut().enumerate() {
        calls.pairing.begin(turn.role);
        for (part_index, part) in turn.parts.iter_mut().enumerate() {
            let place = [turn_index.to_string(), part_index.to_string()];
            match &mut part.kind {
                PartKind::ToolCall(call) => {
                    name_call(call, &place);
                    calls.push(call, &claimed);
                }
                PartKind::ToolResult(result) => answer(result, &place, &mut calls),
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

fn answer(result: &mut ToolResult<'_>, [turn, part]: &[String; 2], calls: &mut Calls) {
    let index = match result.call_id.is_empty() {
        false => calls.pairing.of_id(&result.call_id.decoded()),
        true => calls.without_id(result.name.as_deref()),
    };
    let Some((index, call)) = index.and_then(|index| calls.all.get(index).map(|call| (index, call))) else {
        if result.call_id.is_empty() {
            let name = result.name.as_deref().unwrap_or_default();
            result.call_id = Text::plain(generated_id(DERIVED, &["result", turn, part, name]));
        }
        return;
    };
    calls.pairing.answer(index);
    if result.call_id.is_empty() {
        result.call_id = Text::plain(call.id.clone());
    }
    if result.name.is_none() {
        result.name = Some(Cow::Owned(call.name.clone()));
    }
}

impl Calls {
    fn push(&mut self, call: &ToolCall<'_>, claimed: &HashSet<String>) {
        let id = call.id.decoded().into_owned();
        let (index, name) = (self.all.len(), call.name.clone().into_owned());
        self.pairing.call(Cow::Owned(id.clone()));
        if !claimed.contains(&id) {
            self.by_name.entry(name.clone()).or_default().push_back(index);
            self.waiting.push_back(index);
        }
        self.all.push(Called { id, name });
    }

    /// The first call without an answer: of the same name if there is one (E205), else of any.
    fn without_id(&mut self, name: Option<&str>) -> Option<usize> {
        let named = name.and_then(|name| self.by_name.get_mut(name));
        named
            .and_then(|named| first_open(named, &self.pairing))
            .or_else(|| first_open(&mut self.waiting, &self.pairing))
    }
}

fn first_open(calls: &mut VecDeque<usize>, pairing: &Pairing<'_>) -> Option<usize> {
    while calls.pop_front_if(|call| pairing.is_answered(*call)).is_some() {}
    calls.front().copied()
}
