//! Headers that list tokens.

use http::{HeaderMap, HeaderName};

/// Whether a header that lists tokens, such as `Connection`, has this one, in any of its lines and in either case.
// Source: RFC 9110 §5.6.1 (lists), §7.6.1 (`Connection`).
#[must_use]
pub fn lists_token(headers: &HeaderMap, header: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|found| found.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CONNECTION;

    use super::*;

    #[test]
    fn a_token_is_found_in_any_line_and_only_as_a_whole() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("keep-alive ,Upgrade"));
        headers.append(CONNECTION, HeaderValue::from_static("x-hop"));
        for (token, listed) in [("upgrade", true), ("X-Hop", true), ("keep", false), ("", false)] {
            assert_eq!(lists_token(&headers, &CONNECTION, token), listed, "{token}");
        }
    }
}
