//! Secrets are a type: they do not print themselves and are wiped when dropped.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// An access token, refresh token, API key or client key.
///
/// It has no `Display`. `Debug` says `redacted`. [`Secret::expose`] is called in two places only: where a
/// request is built and where a credential is stored.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes ownership of the text; the copy inside is wiped on drop.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is anything inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// What people may see: an ellipsis and the last four characters, or only the ellipsis when the whole is
    /// shorter than twelve characters (four would be too much of it).
    #[must_use]
    pub fn masked(&self) -> String {
        let text = self.expose();
        let length = text.chars().count();
        if length < 12 {
            return "…".to_owned();
        }
        let tail: String = text.chars().skip(length - 4).collect();
        format!("…{tail}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        // Constant time in the content: the length is not secret, the first difference is.
        let (a, b) = (self.expose().as_bytes(), other.expose().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0_u8, |seen, (x, y)| seen | (x ^ y)) == 0
    }
}

impl Eq for Secret {}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}
