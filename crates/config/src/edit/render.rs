//! JSON values as YAML text.

use serde_json::Value;

use crate::yaml::{Style, is_plain_safe};

/// A string in double quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // What YAML does not allow to stand for itself, or what editors would change in passing.
            character
                if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}') =>
            {
                let code = u32::from(character);
                if code <= 0xff {
                    out.push_str(&format!("\\x{code:02x}"));
                } else {
                    out.push_str(&format!("\\u{code:04x}"));
                }
            }
            character => out.push(character),
        }
    }
    out.push('"');
    out
}

/// A scalar, in the style of the one it replaces where that can say it.
pub(super) fn scalar(value: &Value, style: Style) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) => Some(string(text, style)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn string(text: &str, style: Style) -> String {
    let printable = text.chars().all(|character| {
        !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
    });
    match style {
        Style::Plain if is_plain_safe(text) => text.to_owned(),
        Style::SingleQuoted if printable => format!("'{}'", text.replace('\'', "''")),
        Style::Plain | Style::SingleQuoted | Style::DoubleQuoted | Style::BlockScalar => quoted(text),
    }
}

/// Any value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{}: {}", key(name), flow(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        // A comma or bracket would end a plain scalar here; `is_plain_safe` knows none of them.
        other => scalar(other, Style::Plain).unwrap_or_default(),
    }
}

pub(super) fn key(name: &str) -> String {
    string(name, Style::Plain)
}

/// The lines that follow `key:` or `-`: the first entry is the rest of that line, or empty when the value begins on the
/// next one. No line end is included.
pub(super) fn block(value: &Value, indent: usize) -> Vec<String> {
    let pad = " ".repeat(indent);
    match value {
        Value::Array(items) if !items.is_empty() => {
            let mut lines = vec![String::new()];
            for item in items {
                lines.extend(item_lines(item, indent));
            }
            lines
        }
        Value::Object(members) if !members.is_empty() => {
            let mut lines = vec![String::new()];
            for (name, value) in members {
                let mut below = block(value, indent + 2);
                let rest = if below.is_empty() { String::new() } else { below.remove(0) };
                lines.push(join(&format!("{pad}{}:", key(name)), &rest));
                lines.extend(below);
            }
            lines
        }
        other => vec![flow(other)],
    }
}

/// The lines of `- item` at an indent.
pub(super) fn item_lines(item: &Value, indent: usize) -> Vec<String> {
    let pad = " ".repeat(indent);
    let mut below = block(item, indent + 2);
    let first = if below.is_empty() { String::new() } else { below.remove(0) };
    if !first.is_empty() || below.is_empty() {
        return vec![join(&format!("{pad}-"), &first)];
    }
    // The first line of the collection shares the line of the dash.
    let inner = below.remove(0);
    let mut lines = vec![format!("{pad}- {}", inner.trim_start())];
    lines.extend(below);
    lines
}

fn join(head: &str, rest: &str) -> String {
    if rest.is_empty() { head.to_owned() } else { format!("{head} {rest}") }
}
