//! What the renewals of logins have in common.

use std::time::{Duration, SystemTime};

use cliproxy_core::{Credential, Document, Renewal, Secret, Timestamp};
use cliproxy_transport::oauth::known::KnownClient;
use cliproxy_transport::oauth::{ClientAuth, TokenEndpoint};
use serde_json::{Map, Value};

use crate::Urls;

/// An OAuth client in place of the built-in one (`oauth-clients.<provider>`).
#[derive(Clone, Debug, Default)]
pub(crate) struct OauthClient {
    /// What is `None` stays built in.
    pub(crate) id: Option<String>,
    pub(crate) secret: Option<Secret>,
}

impl OauthClient {
    /// The client's secret, given or built in.
    pub(crate) fn secret(&self, known: &KnownClient) -> Option<Secret> {
        self.secret.clone().or_else(|| known.secret.map(Secret::from))
    }

    /// Where a credential is renewed: `token_url` of its file, else the endpoint `token`.
    pub(crate) fn endpoint(
        &self,
        known: &KnownClient,
        urls: &Urls,
        credential: &Credential,
    ) -> TokenEndpoint {
        let url = token_url(credential).or_else(|| urls.get("token")).unwrap_or(known.token.default);
        let endpoint = TokenEndpoint::new(url, self.id.as_deref().unwrap_or(known.id));
        match self.secret(known) {
            Some(secret) => endpoint.with_secret(secret, ClientAuth::Body),
            None => endpoint,
        }
    }
}

/// Where its file wants a credential's tokens to be fetched, in place of the provider's.
pub(crate) fn token_url(credential: &Credential) -> Option<&str> {
    credential.document().text("token_url")
}

/// Now, for times that are written into a file: renewals are handed no clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

/// The credential with these members on top of what it had. Blank texts never replace anything. Where they bring a token and
/// do not say when it ends, what was known of the old one's end goes with that.
// Source: providers-a.md 9 "missing optional response fields never erase stored values"; runtime.md D.13: without an expiry
// the last renewal counts.
pub(crate) fn renewed(credential: &Credential, mut members: Map<String, Value>) -> Credential {
    members.retain(|_, value| !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty()));
    // Under the vendor's spelling too, where the file has it: whoever reads that must not spend what is spent.
    for (name, vendors) in [("access_token", "accessToken"), ("refresh_token", "refreshToken")] {
        if credential.document().get(vendors).is_some()
            && let Some(new) = members.get(name).cloned()
        {
            members.insert(vendors.to_owned(), new);
        }
    }
    let kind = Value::from(credential.document().text("type").unwrap_or(credential.provider().as_str()));
    members.insert("type".to_owned(), kind);
    let brought = Document::new(members);
    let brings = ["access_token", "api_key", "token"].iter().any(|key| brought.get(key).is_some());
    let document = if brings && brought.expiry().is_none() {
        credential.document().without_expiry().merged(brought.as_map().clone())
    } else {
        credential.document().merged(brought.as_map().clone())
    };
    credential.with_document(document)
}

/// A login without a refresh token is used until it expires.
// Source: providers-a.md 2.2 "setup token", 2.7.
pub(crate) fn renewal(credential: &Credential, lead: Duration) -> Renewal {
    if credential.refresh_token().is_some() { Renewal::Lead(lead) } else { Renewal::Never }
}

#[cfg(test)]
mod tests {
    use cliproxy_core::{CredentialId, CredentialKind, Origin, ProviderId, Settings};
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn stored(document: &Value) -> Credential {
        Credential::new(
            CredentialId::from_static("a.json"),
            ProviderId::from_static("claude"),
            CredentialKind::Account,
            Origin::Store("a.json".to_owned()),
            Document::new(map(document)),
            Settings::new("a"),
        )
    }

    /// Source: providers-a.md 2.2 [H].
    #[test]
    fn tokens_in_the_vendors_spelling_are_read_and_renewed_under_both_names() {
        let credential = stored(&json!({"type":"claude","refreshToken":"R1","accessToken":"A1","note":1}));
        let exposed = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
        assert_eq!(exposed(credential.refresh_token()).as_deref(), Some("R1"));
        assert_eq!(exposed(credential.access_token()).as_deref(), Some("A1"));
        let fresh = renewed(&credential, map(&json!({"access_token":"A2","refresh_token":"R2"})));
        let expected = json!({"type":"claude","refreshToken":"R2","accessToken":"A2","note":1,"access_token":"A2","refresh_token":"R2"});
        assert_eq!(*fresh.document().as_map(), map(&expected));
        assert_eq!(exposed(fresh.refresh_token()).as_deref(), Some("R2"));
    }

    #[test]
    fn what_a_reply_leaves_blank_replaces_nothing() {
        let credential = stored(&json!({"type":"claude","refresh_token":"R1","access_token":"A1","note":1}));
        let brought =
            map(&json!({"access_token":"A2","refresh_token":" ","email":"","note":null,"expired":0}));
        let expected = json!({"type":"claude","refresh_token":"R1","access_token":"A2","note":1,"expired":0});
        assert_eq!(*renewed(&credential, brought).document().as_map(), map(&expected));
    }
}
