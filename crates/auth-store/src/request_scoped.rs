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
    let patterns = texts(entry.get("match-regexr").or_else(|| entry.get("match_regexr")));
    // Without one of its patterns the rule would be another one.
    if patterns.iter().any(|pattern| Regex::new(pattern).is_err()) {
        return Err("has a match-regexr that is no regular expression");
    }
    Ok(RequestScopedRule::new(status, texts(entry.get("match")), action).with_patterns(patterns))
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

fn texts(value: Option<&Value>) -> Vec<String> {
    let kept = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
    match value {
        Some(Value::String(text)) => kept(text).into_iter().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(|item| kept(item.as_str()?)).collect(),
        _ => Vec::new(),
    }
}
