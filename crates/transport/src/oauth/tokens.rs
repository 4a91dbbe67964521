//! What a token endpoint gave.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use cliproxy_core::{Secret, Timestamp};
use oauth2::basic::BasicTokenType;
use oauth2::{ExtraTokenFields, StandardTokenResponse, TokenResponse as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything beside the standard members.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Extra {
    #[serde(flatten)]
    pub(super) members: Map<String, Value>,
}

impl ExtraTokenFields for Extra {}

pub(super) type Reply = StandardTokenResponse<Extra, BasicTokenType>;

/// What a token endpoint gave. `Debug` shows no token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret,
    /// The next refresh token, when one came: the old one is dead then.
    pub refresh_token: Option<Secret>,
    /// The identity token, when one came.
    pub id_token: Option<Secret>,
    /// How long the access token lives.
    pub expires_in: Option<Duration>,
    /// The kind of token, as the endpoint spells it; `bearer` when it does not say.
    pub token_type: String,
    /// The scopes granted, separated by blanks; empty when it does not say.
    pub scope: String,
    /// The other members of the reply.
    pub extra: Map<String, Value>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let extra: Vec<&String> = self.extra.keys().collect();
        f.debug_struct("Tokens")
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("expires_in", &self.expires_in)
            .field("extra", &extra)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn of(reply: &Reply) -> Self {
        let mut extra = reply.extra_fields().members.clone();
        let id_token = extra.remove("id_token").and_then(|token| token.as_str().map(Secret::from));
        let scopes = reply.scopes().into_iter().flatten();
        Self {
            access_token: Secret::from(reply.access_token().secret().as_str()),
            refresh_token: reply.refresh_token().map(|token| Secret::from(token.secret().as_str())),
            id_token,
            expires_in: reply.expires_in(),
            token_type: reply.token_type().as_ref().to_owned(),
            scope: scopes.map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
            extra,
        }
    }

    /// With the lifetime that the access token tells of itself, where the reply does not and it is a JSON Web Token.
    #[must_use]
    pub fn or_lifetime_of_jwt(mut self, now: Timestamp) -> Self {
        let end = || {
            let claims = jwt_claims(self.access_token.expose())?;
            Timestamp::from_number(claims.get("exp")?.as_f64()?)
        };
        self.expires_in = self.expires_in.or_else(|| Some(end()?.since(now)));
        self
    }

    /// The members that every credential keeps: `access_token`, `refresh_token`, `expired`, `last_refresh`. What did
    /// not come is not among them, so that merging erases nothing that is known.
    // Source: providers-a.md 9 "missing optional response fields never erase stored values".
    #[must_use]
    pub fn members(&self, now: Timestamp) -> Map<String, Value> {
        let mut members = Map::new();
        let mut put = |key: &str, text: String| {
            members.insert(key.to_owned(), Value::String(text));
        };
        put("access_token", self.access_token.expose().to_owned());
        if let Some(token) = &self.refresh_token {
            put("refresh_token", token.expose().to_owned());
        }
        if let Some(lifetime) = self.expires_in {
            put("expired", now.plus(lifetime).to_rfc3339());
        }
        put("last_refresh", now.to_rfc3339());
        members
    }
}

/// The claims of a JSON Web Token that came straight from its issuer, over TLS: its signature is not looked at.
// Source: OpenID Connect Core §3.1.3.7 point 6; providers-a.md 3.1 "signature not verified".
#[must_use]
pub fn jwt_claims(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD.decode(payload).or_else(|_| STANDARD_NO_PAD.decode(payload)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_from_the_middle_of_a_token() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"email":"a@b.example"}"#);
        let claims = jwt_claims(&format!("e30.{payload}.sig")).unwrap();
        assert_eq!(claims["email"], "a@b.example");
        for broken in ["", "a", "a.b", "a.!!.c", "a.W10.c"] {
            assert_eq!(jwt_claims(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_did_not_come_is_not_among_the_members() {
        let reply: Reply =
            serde_json::from_str(r#"{"access_token":"CANARY","token_type":"Bearer","x":1}"#).unwrap();
        let tokens = Tokens::of(&reply);
        let members = tokens.members(Timestamp::from_secs(1_795_428_000));
        assert_eq!(
            Value::Object(members).to_string(),
            r#"{"access_token":"CANARY","last_refresh":"2026-11-23T10:00:00Z"}"#
        );
        assert_eq!(tokens.extra["x"], 1);
        assert!(!format!("{tokens:?}").contains("CANARY"));
    }
}
