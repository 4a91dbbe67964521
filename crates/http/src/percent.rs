//! Percent escapes in paths.

use std::borrow::Cow;

/// Undoes them; what is not one stays as it is.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let digits = digits.filter(|pair| byte == b'%' && pair.bytes().all(|b| b.is_ascii_hexdigit()));
        let escaped = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        rest = match escaped {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
        out.push(escaped.unwrap_or(byte));
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_are_undone_and_what_is_none_stays() {
        for (text, meant) in [
            ("plain", "plain"),
            ("team%2Fgpt-5", "team/gpt-5"),
            ("a%20b%", "a b%"),
            ("%zz%+1", "%zz%+1"),
            ("%C3%A9", "é"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decoded(text), meant, "{text}");
        }
    }
}
