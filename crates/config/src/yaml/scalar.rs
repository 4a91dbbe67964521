//! What a plain scalar means, and which strings may be written plain.

use serde_json::{Number, Value};

/// What a plain scalar is when nobody says what is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// Beyond `i64`, as identifiers sometimes are.
    BigInt(u64),
    Float(f64),
    Text,
}

impl Resolved {
    pub(crate) fn to_json(self, text: &str) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Int(number) => Value::from(number),
            Self::BigInt(number) => Value::from(number),
            Self::Float(number) => {
                Number::from_f64(number).map_or_else(|| Value::String(text.to_owned()), Value::Number)
            }
            Self::Text => Value::String(text.to_owned()),
        }
    }
}

/// Resolves a plain scalar as the Go YAML reader does: YAML 1.2 booleans, YAML 1.1 numbers.
///
/// `yes`, `on` and their like are text here and booleans only where a boolean is wanted ([`wanted_bool`]).
pub(crate) fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        _ => {}
    }
    let starts_as_number =
        text.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    if !starts_as_number {
        return Resolved::Text;
    }
    if let Some(number) = integer(text) {
        return match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Resolved::Int(number),
            (Err(_), Ok(number)) => Resolved::BigInt(number),
            (Err(_), Err(_)) => Resolved::Text,
        };
    }
    float(text).map_or(Resolved::Text, Resolved::Float)
}

/// Decimal, `0x`, `0o`, `0b` and the octal `017` of YAML 1.1; underscores between digits are dropped.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = digits.chars().filter(|character| *character != '_').collect();
    let (radix, digits) = if let Some(rest) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))
    {
        (16, rest)
    } else if let Some(rest) = digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0O")) {
        (8, rest)
    } else if let Some(rest) = digits.strip_prefix("0b").or_else(|| digits.strip_prefix("0B")) {
        (2, rest)
    } else if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        // `08` is no octal number: YAML 1.1 readers take it for a float, people mean eight.
        if digits.contains(['8', '9']) { (10, digits.as_str()) } else { (8, digits.as_str()) }
    } else {
        (10, digits.as_str())
    };
    if digits.is_empty() || digits.len() > 38 || digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

fn float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shaped = digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-' | b'_'))
        && digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    if !shaped {
        return None;
    }
    let number: f64 = text.replace('_', "").parse().ok()?;
    number.is_finite().then_some(number)
}

/// A boolean in any spelling of YAML 1.1, and the digits that environment variables use.
pub(crate) fn wanted_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" | "enable" | "enabled" => Some(true),
        "false" | "no" | "off" | "n" | "0" | "disable" | "disabled" => Some(false),
        _ => None,
    }
}

/// Whether a string may be written without quotes in any context and reads back as this string in every YAML reader.
pub(crate) fn is_plain_safe(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let plain_start = first.is_ascii_alphanumeric() || matches!(first, '/' | '.' | '_' | '$');
    let plain_body = text.chars().all(|character| {
        character.is_ascii_alphanumeric()
            || matches!(
                character,
                '/' | '.' | '_' | '-' | '+' | '@' | '$' | '(' | ')' | ' ' | ':' | '~' | '='
            )
    });
    let spaced = text.starts_with(' ') || text.ends_with(' ') || text.contains(": ") || text.ends_with(':');
    // Base 60 (`1:30`), dates (`2026-01-02`) and hex floats are numbers to one reader or another.
    let number_like = first.is_ascii_digit() || matches!(first, '.' | '+' | '-');
    plain_start
        && plain_body
        && !spaced
        && !number_like
        && wanted_bool(text).is_none()
        && matches!(resolve(text), Resolved::Text)
}
