//! The thinking suffix: `model(high)`.

use cliproxy_core::Level;

/// Splits `name(value)` at the last `(`. Source: runtime.md E.8, translation.md B43.
pub(crate) fn split(model: &str) -> Option<(&str, &str)> {
    let (base, value) = model.strip_suffix(')')?.rsplit_once('(')?;
    (!base.is_empty()).then_some((base, value))
}

/// Whether a value is one we know. A client's unknown value is cut off all the same; a provider's model name may
/// contain parentheses of its own.
pub(crate) fn is_known(value: &str) -> bool {
    let value = value.trim();
    value.eq_ignore_ascii_case("none")
        || value.eq_ignore_ascii_case("auto")
        || value == "-1"
        || Level::parse(value).is_some()
        || (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parenthesis_is_the_suffix() {
        for (text, expected) in [
            ("gpt-5(high)", Some(("gpt-5", "high"))),
            ("a(b)(8192)", Some(("a(b)", "8192"))),
            ("gpt-5()", Some(("gpt-5", ""))),
            ("gpt-5", None),
            ("gpt-5(high", None),
            ("(high)", None),
            ("gpt-5(high) ", None),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
        for known in ["none", "AUTO", "-1", "xHigh", "max", "0", "8192"] {
            assert!(is_known(known), "{known}");
        }
        for unknown in ["", "free", "-2", "1.5"] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
