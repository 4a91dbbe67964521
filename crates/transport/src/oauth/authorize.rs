//! Where the user is sent to agree.

use cliproxy_core::Secret;
use oauth2::url::Url;
use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier};

use super::endpoint::bad_url;
use super::error::TokenError;

/// What makes a flow ours: the state that its callback has to bring, and the verifier of its code.
#[derive(Clone, Debug)]
pub struct Authorization {
    state: Secret,
    verifier: Secret,
    challenge: String,
}

impl Authorization {
    /// A new flow with a random state (128 bits, as hex) and a random verifier (128 characters).
    // Source: providers-a.md 1.3 "State", "PKCE". oauth2's states are base64url: some callers are checked against
    // `[A-Za-z0-9-_.]`, which hex and base64url both pass.
    #[must_use]
    pub fn new() -> Self {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256_len(96);
        Self::with_verifier(&challenge, &verifier)
    }

    fn with_verifier(challenge: &PkceCodeChallenge, verifier: &PkceCodeVerifier) -> Self {
        Self {
            state: Secret::from(CsrfToken::new_random().secret().as_str()),
            verifier: Secret::from(verifier.secret().as_str()),
            challenge: challenge.as_str().to_owned(),
        }
    }

    /// The state that the callback has to bring back.
    #[must_use]
    pub fn state(&self) -> &Secret {
        &self.state
    }

    /// The verifier to show with the code.
    #[must_use]
    pub fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// The S256 challenge of the verifier.
    #[must_use]
    pub fn challenge(&self) -> &str {
        &self.challenge
    }
}

impl Default for Authorization {
    fn default() -> Self {
        Self::new()
    }
}

/// An authorize URL under construction: providers differ in names and order of what they want in its query.
#[derive(Clone, Debug)]
pub struct AuthorizeUrl(Url);

impl AuthorizeUrl {
    /// Starts from the endpoint, whose own query stays.
    ///
    /// # Errors
    /// When it is no URL.
    pub fn new(endpoint: &str) -> Result<Self, TokenError> {
        Url::parse(endpoint).map(Self).map_err(|error| bad_url("authorize URL", &error))
    }

    /// Adds one member.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds `state`, `code_challenge` and `code_challenge_method`.
    #[must_use]
    pub fn with_pkce(self, flow: &Authorization) -> Self {
        self.with("code_challenge", flow.challenge())
            .with("code_challenge_method", "S256")
            .with("state", flow.state().expose())
    }

    /// The whole.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_has_a_long_verifier_its_challenge_and_a_state_of_its_own() {
        let (one, two) = (Authorization::new(), Authorization::new());
        assert_eq!(one.verifier().expose().len(), 128);
        assert_ne!(one.state(), two.state());
        let digest = ring::digest::digest(&ring::digest::SHA256, one.verifier().expose().as_bytes());
        let challenge = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, digest);
        assert_eq!(one.challenge(), challenge);
        assert!(one.state().expose().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        assert!(!format!("{one:?}").contains(one.state().expose()));
    }

    #[test]
    fn the_query_of_the_endpoint_stays_and_values_are_escaped() {
        let url = AuthorizeUrl::new("https://h/a?x=1").unwrap().with("redirect", "http://l:1/c?d");
        assert_eq!(url.into_string(), "https://h/a?x=1&redirect=http%3A%2F%2Fl%3A1%2Fc%3Fd");
        assert!(AuthorizeUrl::new("nowhere").unwrap_err().is_permanent());
    }
}
