//! Which pages may become a way out without a key.
//!
//! Whoever relays is sent what clients say, and what it answers is believed. So a page that somebody merely visits must
//! not connect, although browsers let any page try.

use http::HeaderMap;
use http::header::ORIGIN;

/// Whether the page comes from where the operator said, or from no page at all: browsers name the origin of every
/// websocket, and no script can name another. Source: RFC 6455 §10.2.
pub(crate) fn is_known(headers: &HeaderMap, known: &[String]) -> bool {
    headers
        .get_all(ORIGIN)
        .iter()
        .all(|origin| origin.to_str().is_ok_and(|origin| known.iter().any(|known| fits(known, origin))))
}

/// `*` in a pattern stands for any text; case does not count.
fn fits(pattern: &str, origin: &str) -> bool {
    let (pattern, origin) =
        (pattern.trim().trim_end_matches('/').to_ascii_lowercase(), origin.to_ascii_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| origin.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_is_known_by_its_origin() {
        for (known, origin, expected) in [
            (&[][..], None, true),
            (&[], Some("https://evil.example"), false),
            (&["https://aistudio.google.com"], Some("https://aistudio.google.com"), true),
            (&["https://aistudio.google.com/"], Some("https://AIStudio.google.com"), true),
            (&["https://aistudio.google.com"], Some("https://aistudio.google.com.evil.example"), false),
            (&["https://aistudio.google.com"], Some("http://aistudio.google.com"), false),
            (&["https://*.usercontent.goog"], Some("https://x-1.scf.usercontent.goog"), true),
            (&["https://*.usercontent.goog"], Some("https://usercontent.goog"), false),
            (&["https://*.usercontent.goog"], Some("https://usercontent.goog.evil.example"), false),
            (&["https://*.a.*:8080"], Some("https://x.a.example:8080"), true),
            (&["https://*.a.*:8080"], Some("https://x.b.example:8080"), false),
            (&["other", "*"], Some("null"), true),
        ] {
            let known: Vec<String> = known.iter().map(|&text: &&str| text.to_owned()).collect();
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_known(&headers, &known), expected, "{known:?} {origin:?}");
        }
    }
}
