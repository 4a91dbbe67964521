//! What an edit means, on plain values: the yardstick for what it did to the text.

use serde_json::{Map, Value};

use super::{Edit, EditError};
use crate::yaml::{Step, display_path};

/// The document after an edit; `None` when it already is so.
pub(super) fn apply(before: &Value, edit: &Edit) -> Result<Option<Value>, EditError> {
    let mut after = before.clone();
    match edit {
        Edit::Set { path, value } => {
            let place = reach(&mut after, path, path)?;
            *place = value.clone();
        }
        Edit::Append { path, value } => {
            let place = reach(&mut after, path, path)?;
            match place {
                Value::Array(items) => items.push(value.clone()),
                Value::Null => *place = Value::Array(vec![value.clone()]),
                _ => return Err(nowhere(path, "there is no list")),
            }
        }
        Edit::Remove { path } => {
            if !remove(&mut after, path) {
                return Ok(None);
            }
        }
    }
    Ok((after != *before).then_some(after))
}

fn nowhere(path: &[Step], reason: &'static str) -> EditError {
    EditError::NoSuchPlace { path: display_path(path), reason }
}

/// The value at a path; missing keys are made, with null.
fn reach<'v>(value: &'v mut Value, rest: &[Step], path: &[Step]) -> Result<&'v mut Value, EditError> {
    let Some((step, rest)) = rest.split_first() else { return Ok(value) };
    if value.is_null() {
        *value = match step {
            Step::Key(_) => Value::Object(Map::new()),
            Step::Index(_) => return Err(nowhere(path, "there is no list")),
        };
    }
    let below = match (value, step) {
        (Value::Object(members), Step::Key(key)) => members.entry(key.clone()).or_insert(Value::Null),
        (Value::Array(items), Step::Index(index)) => {
            items.get_mut(*index).ok_or_else(|| nowhere(path, "the list is not that long"))?
        }
        (_, Step::Key(_)) => return Err(nowhere(path, "there is no mapping")),
        (_, Step::Index(_)) => return Err(nowhere(path, "there is no list")),
    };
    reach(below, rest, path)
}

fn remove(value: &mut Value, path: &[Step]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut place = value;
    for step in parents {
        let below = match (place, step) {
            (Value::Object(members), Step::Key(key)) => members.get_mut(key),
            (Value::Array(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        };
        let Some(below) = below else { return false };
        place = below;
    }
    match (place, last) {
        (Value::Object(members), Step::Key(key)) => members.shift_remove(key).is_some(),
        (Value::Array(items), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

/// An edit as steps that each touch as little as can be: a collection set over a collection becomes the changes
/// between the two.
pub(super) fn small_steps(before: &Value, edit: &Edit) -> Vec<Edit> {
    let Edit::Set { path, value } = edit else { return vec![edit.clone()] };
    let mut steps = Vec::new();
    match find(before, path) {
        Some(old) => difference(old, value, path, &mut steps),
        None => steps.push(edit.clone()),
    }
    steps
}

fn find<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Object(members), Step::Key(key)) => members.get(key),
        (Value::Array(items), Step::Index(index)) => items.get(*index),
        _ => None,
    })
}

fn difference(old: &Value, new: &Value, path: &[Step], steps: &mut Vec<Edit>) {
    let below = |step: Step| path.iter().cloned().chain([step]).collect::<Vec<Step>>();
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) if !old.is_empty() && !new.is_empty() => {
            // Added before removed, so that the mapping is never empty in between.
            for (key, value) in new {
                let path = below(Step::Key(key.clone()));
                match old.get(key) {
                    Some(was) => difference(was, value, &path, steps),
                    None => steps.push(Edit::Set { path, value: value.clone() }),
                }
            }
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                steps.push(Edit::Remove { path: below(Step::Key(key.clone())) });
            }
        }
        (Value::Array(old), Value::Array(new)) if !old.is_empty() && !new.is_empty() => {
            list_difference(old, new, path, steps);
        }
        _ => steps.push(Edit::Set { path: path.to_vec(), value: new.clone() }),
    }
}

/// What is equal at both ends stays; what is between is changed item by item, then cut or continued.
fn list_difference(old: &[Value], new: &[Value], path: &[Step], steps: &mut Vec<Edit>) {
    let below = |index: usize| path.iter().cloned().chain([Step::Index(index)]).collect::<Vec<Step>>();
    let front = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    if new.len() < old.len() {
        let behind = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
        let back = behind.min(new.len() - front);
        let changed = new.len() - front - back;
        for (offset, (was, value)) in old.iter().zip(new).enumerate().skip(front).take(changed) {
            difference(was, value, &below(offset), steps);
        }
        // From behind, so that the indexes before stay right.
        for index in (front + changed..old.len() - back).rev() {
            steps.push(Edit::Remove { path: below(index) });
        }
        return;
    }
    for (index, (was, value)) in old.iter().zip(new).enumerate().skip(front) {
        difference(was, value, &below(index), steps);
    }
    for value in new.iter().skip(old.len()) {
        steps.push(Edit::Append { path: path.to_vec(), value: value.clone() });
    }
}

/// How deep a value nests.
pub(super) fn depth(value: &Value) -> usize {
    // Bounded by hand: a value from elsewhere may be deeper than a stack.
    let mut deepest = 0;
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        deepest = deepest.max(depth);
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => open.extend(members.values().map(|member| (member, depth + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    deepest
}
