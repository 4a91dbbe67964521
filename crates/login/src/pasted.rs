//! Callbacks as they come: from the listener as a query, from a person in whatever way they copied it.

use cliproxy_core::Secret;
use url::form_urlencoded;

/// What a callback brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Callback {
    pub(crate) code: Option<Secret>,
    pub(crate) state: Option<Secret>,
    pub(crate) error: Option<String>,
}

/// No code or state is longer.
const MAX_TEXT: usize = 8 * 1024;
const MAX_STATE: usize = 128;

impl Callback {
    /// Reads a query. What is too long to be ours is as good as absent.
    pub(crate) fn of_query(query: &str) -> Self {
        let mut callback = Self::default();
        let mut description = None;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() || value.len() > MAX_TEXT {
                continue;
            }
            match &*key {
                "code" => callback.code = Some(Secret::from(value)),
                "state" if value.len() <= MAX_STATE => callback.state = Some(Secret::from(value)),
                "error" => callback.error = Some(shown(value)),
                // Source: providers-a.md 1.3 "`error_description` stands in when `error` is empty".
                "error_description" => description = Some(shown(value)),
                _ => {}
            }
        }
        callback.error = match (callback.error.take(), description) {
            (Some(error), Some(description)) => Some(format!("{error}: {description}")),
            (error, description) => error.or(description),
        };
        // A code may carry its state. Source: providers-a.md 2.1 "Code quirk".
        if let Some(code) = callback.code.take() {
            let (own, state) = code.expose().split_once('#').unwrap_or((code.expose(), ""));
            if callback.state.is_none() && !state.is_empty() && state.len() <= MAX_STATE {
                callback.state = Some(Secret::from(state));
            }
            callback.code = (!own.is_empty()).then(|| Secret::from(own));
        }
        callback
    }

    /// Reads what a person pasted: a URL, a query, `host/path?query`, `code=…&state=…` (also behind a `#`), or
    /// `code#state`. `None` when it is none of these.
    // Source: providers-a.md 1.3 "Paste forms accepted".
    pub(crate) fn of_paste(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']);
        if text.is_empty() || text.len() > 2 * MAX_TEXT {
            return None;
        }
        let query = match text.split_once('?') {
            Some((_, query)) => query.replacen('#', "&", 1),
            None => match text.split_once('#') {
                Some((_, fragment)) if fragment.contains('=') => fragment.to_owned(),
                Some((code, state)) if !code.contains("://") && !code.contains(' ') && !code.is_empty() => {
                    form_urlencoded::Serializer::new(String::new())
                        .append_pair("code", code)
                        .append_pair("state", state)
                        .finish()
                }
                Some(_) => return None,
                None => text.to_owned(),
            },
        };
        let callback = Self::of_query(&query);
        (callback != Self::default()).then_some(callback)
    }
}

/// Text of a stranger, for people to read.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paste(text: &str) -> Option<(String, String, String)> {
        let callback = Callback::of_paste(text)?;
        let text =
            |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
        Some((text(callback.code), text(callback.state), callback.error.unwrap_or_default()))
    }

    #[test]
    fn whatever_a_person_pastes_is_understood_or_refused() {
        let good = |code: &str, state: &str| Some((code.to_owned(), state.to_owned(), String::new()));
        for (text, expected) in [
            ("http://localhost:1/callback?code=c%2F1&state=s", good("c/1", "s")),
            (" \"http://localhost:1/cb?state=s&code=c\" ", good("c", "s")),
            ("localhost:1/cb?code=c&state=s", good("c", "s")),
            ("?code=c&state=s", good("c", "s")),
            ("code=c&state=s", good("c", "s")),
            ("http://localhost:1/cb#code=c&state=s", good("c", "s")),
            ("http://localhost:1/cb?code=c#state=s", good("c", "s")),
            ("c#s", good("c", "s")),
            ("c/1+=#s", good("c/1+=", "s")),
            ("code=c%23s", good("c", "s")),
            ("http://localhost:1/cb?code=c", good("c", "")),
            ("?error=access_denied&state=s", Some((String::new(), "s".into(), "access_denied".into()))),
            ("?error_description=No&state=s", Some((String::new(), "s".into(), "No".into()))),
            ("http://localhost:1/callback", None),
            ("hello there", None),
            ("https://h/#frag", None),
            ("", None),
        ] {
            assert_eq!(paste(text), expected, "{text}");
        }
        assert_eq!(paste(&format!("?code={}", "x".repeat(20_000))), None);
        let (_, state, _) = paste(&format!("?code=c&state={}", "x".repeat(200))).unwrap();
        assert_eq!(state, "", "a state that long is none of ours");
    }
}
