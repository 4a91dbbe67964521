//! What names the conversation. Source: runtime.md D.3 "Session identity", design.md §6 (the strong names first; a
//! prompt cache key only below those).

use cliproxy_core::SessionKey;
use cliproxy_translator::Peek;
use http::{HeaderMap, HeaderName};

/// Headers of coding agents, strongest first.
static HEADERS: [HeaderName; 6] = [
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("x-client-request-id"),
];

/// The strongest name of the conversation, and whether it is a weak one.
pub(crate) fn find(headers: &HeaderMap, peek: &Peek<'_>) -> Option<(SessionKey, bool)> {
    // One look at what there is: most clients send none of them.
    let mut said: [Option<&str>; HEADERS.len()] = [None; HEADERS.len()];
    for (name, value) in headers {
        let place = HEADERS.iter().position(|known| known == name);
        if let Some(said) = place.and_then(|place| said.get_mut(place))
            && said.is_none()
        {
            *said = value.to_str().ok();
        }
    }
    let (claude, others) = said.split_at_checked(1)?;
    let strong = claude
        .iter()
        .flatten()
        .next()
        .copied()
        .or(peek.session.as_deref())
        .or_else(|| others.iter().flatten().next().copied());
    match (strong.filter(|text| is_usable(text)), peek.cache_key.as_deref()) {
        (Some(text), _) => Some((SessionKey::new(text), false)),
        (None, Some(text)) if is_usable(text) => Some((SessionKey::new(text), true)),
        _ => None,
    }
}

/// Malformed names are ignored rather than used: a constant would bind everybody to one credential.
fn is_usable(text: &str) -> bool {
    (4..=512).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_strongest_name_wins_and_a_cache_key_is_weak() {
        let peek = |session: Option<&'static str>, key: Option<&'static str>| Peek {
            session: session.map(Into::into),
            cache_key: key.map(Into::into),
            ..Peek::default()
        };
        for (headers, peek, expected) in [
            (vec![], peek(None, None), None),
            (vec![], peek(None, Some("cache-1")), Some(("cache-1", true))),
            (vec![("x-session-id", "header-1")], peek(None, Some("cache-1")), Some(("header-1", false))),
            (vec![("x-session-id", "header-1")], peek(Some("body-1"), None), Some(("body-1", false))),
            (
                vec![("x-claude-code-session-id", "agent-1"), ("x-session-id", "header-1")],
                peek(Some("body-1"), None),
                Some(("agent-1", false)),
            ),
            (vec![("x-session-id", "x")], peek(None, None), None),
            (vec![("x-session-id", "a b c d")], peek(None, Some("cache-1")), Some(("cache-1", true))),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            let found = find(&map, &peek);
            assert_eq!(found.as_ref().map(|(key, weak)| (key.as_str(), *weak)), expected);
        }
    }
}
