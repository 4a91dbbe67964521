//! Rules about failures that are the request's fault, as files and entries spell them.

use cliproxy_core::{RequestScopedAction, RequestScopedRule};
use regex::Regex;
use serde_json::Value;

/// Reads a list of `{status, match, match-regexr, action}`: the rules, and what had to be left out.
// Source: runtime.md D.11, A.10 "entry `request-scoped-errors[]`".
pub(crate) fn rules(value: &Value) -> (Vec<RequestScopedRule>, Vec<String>) {
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    let Some(list) = value.as_array() else {
        return (rules, vec!["it has to be a list of {status, match, action}".to_owned()]);
    };
    for (at, entry) in list.iter().enumerate() {
        match rule(entry) {
            Ok(rule) => rules.push(rule),
            Err(fault) => faults.push(format!("rule {at} {fault}")),
        }
    }
    (rules, faults)
}

fn rule(entry: &Value) -> Result<RequestScopedRule, &'static str> {
    const STATUS: &str = "needs a status from 100 to 599";
    let status = match entry.get("status") {
        Some(Value::Number(number)) => number.as_u64().and_then(|status| u16::try_from(status).ok()),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let status = status.filter(|status| (100..600).contains(status)).ok_or(STATUS)?;
    let action = entry.get("action").and_then(Value::as_str).and_then(action);
    let action =
        action.ok_or("needs the action stop, stop-and-cooldown, continue or continue-and-cooldown")?;
    // Without one of its texts or patterns the rule would be another one.
    let contains = texts(entry.get("match")).ok_or("has a match that is no text or list of texts")?;
    let patterns = texts(entry.get("match-regexr").or_else(|| entry.get("match_regexr")))
        .ok_or("has a match-regexr that is no text or list of texts")?;
    if patterns.iter().any(|pattern| Regex::new(pattern).is_err()) {
        return Err("has a match-regexr that is no regular expression");
    }
    Ok(RequestScopedRule::new(status, contains, action).with_patterns(patterns))
}

fn action(text: &str) -> Option<RequestScopedAction> {
    match text.trim().to_ascii_lowercase().replace('_', "-").as_str() {
        "stop" => Some(RequestScopedAction::Stop),
        "stop-and-cooldown" => Some(RequestScopedAction::StopAndCooldown),
        "continue" => Some(RequestScopedAction::Continue),
        "continue-and-cooldown" => Some(RequestScopedAction::ContinueAndCooldown),
        _ => None,
    }
}

/// Texts, or one; a number counts as its text, as it does in the configuration. `None` when anything else is among them,
/// or what is there says nothing. Blank members of a list are left out.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    let list = match value {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let text = |item: &Value| match item {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut texts = list.iter().map(text).collect::<Option<Vec<String>>>()?;
    texts.retain(|text| !text.trim().is_empty());
    Some(texts).filter(|texts| list.is_empty() || !texts.is_empty())
}
