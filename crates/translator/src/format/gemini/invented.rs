//! Takes arguments that a tool was given for the provider's sake out of its calls again. Source: translation.md B49, F41.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::invented::{Invented, Places};
use crate::json::{List, Raw};
use crate::model::{Args, ToolCall};
use crate::splice::{Edits, TopLevel};

/// Takes them out of a call.
pub(super) fn strip(call: &mut ToolCall<'_>, invented: &[Invented]) {
    let Some(tool) = invented.iter().find(|tool| tool.tool == call.name) else { return };
    let Args::Json(raw) = &call.args else { return };
    if let Some(json) = without(raw.get(), &tool.places).and_then(|json| RawValue::from_string(json).ok()) {
        call.args = Args::Json(Raw::Owned(json));
    }
}

/// The value without what is at these places; `None` when nothing changes.
fn without(json: &str, places: &Places) -> Option<String> {
    match json.as_bytes().first()? {
        b'{' => without_members(json, places),
        b'[' => without_items(json, places.in_items()?),
        _ => None,
    }
}

fn without_members(json: &str, places: &Places) -> Option<String> {
    let object = TopLevel::scan(json.as_bytes()).ok()?;
    let mut edits = Edits::new();
    for (key, value) in object.members() {
        let Some(below) = places.in_member(key) else { continue };
        if below.is_here() {
            edits = edits.remove(key.to_owned());
        } else if let Ok(value) = std::str::from_utf8(value)
            && let Some(changed) = without(value, below)
        {
            edits = edits.set(key.to_owned(), changed);
        } else {
            // Of a member that stands twice the last counts, whatever came of the first.
            edits.leave(key);
        }
    }
    match edits.apply_str(json).ok()? {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    }
}

fn without_items(json: &str, places: &Places) -> Option<String> {
    let items: List<&RawValue> = serde_json::from_str(json).ok()?;
    let changed: Vec<Cow<'_, str>> = items
        .0
        .iter()
        .map(|item| without(item.get(), places).map_or(Cow::Borrowed(item.get()), Cow::Owned))
        .collect();
    changed.iter().any(|item| matches!(item, Cow::Owned(_))).then(|| format!("[{}]", changed.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invented::Step;

    #[test]
    fn of_an_argument_that_stands_twice_the_last_counts() {
        let place = [vec![Step::Member("o".into()), Step::Member("reason".into())]];
        let places: Places = place.into_iter().collect();
        for (arguments, expected) in [
            (r#"{"o":{"reason":"x"},"o":{"path":"/tmp"}}"#, None),
            (r#"{"o":{"path":"/tmp"},"o":{"reason":"x"}}"#, Some(r#"{"o":{}}"#)),
            (r#"{"o":{"reason":"x","path":1}}"#, Some(r#"{"o":{"path":1}}"#)),
        ] {
            assert_eq!(without(arguments, &places).as_deref(), expected, "{arguments}");
        }
    }
}
