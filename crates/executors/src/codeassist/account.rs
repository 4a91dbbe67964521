//! A Google login: where its tokens stand, and how they are renewed. Source: providers-a.md 5.2, 5.3, 7.2, 7.3.

use std::time::Duration;

use cliproxy_core::{Credential, CredentialKind, ErrorKind, ExecutorError, Renewal, Secret, Timestamp};
use cliproxy_transport::oauth::known::KnownClient;
use cliproxy_transport::oauth::{TokenEndpoint, Tokens};
use http::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Map, Value};

use crate::account::{OauthClient, now, renewed};
use crate::headers::bearer;
use crate::service::log_in_again;
use crate::{Egress, Urls};

/// This long before its expiry a token is renewed. Source: providers-a.md 1.4 "antigravity 5 min", 7.3 "a small skew".
const LEAD: Duration = Duration::from_secs(5 * 60);

/// The OAuth client of a provider: what the configuration says, else what the vendor publishes.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    known: &'static KnownClient,
    /// Under `oauth-clients`.
    name: &'static str,
    set: OauthClient,
}

impl Client {
    pub(crate) fn new(name: &'static str, known: &'static KnownClient) -> Self {
        Self { known, name, set: OauthClient::default() }
    }

    /// What the configuration puts in place of the built-in one; absent parts stay.
    pub(crate) fn replaced(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.set = OauthClient { id: id.or(self.set.id), secret: secret.or(self.set.secret) };
        self
    }

    /// The token endpoint for a credential. A refresh token belongs to the client that it was given to: the one that the
    /// file names comes first.
    fn endpoint(&self, credential: &Credential, urls: &Urls) -> Result<TokenEndpoint, ExecutorError> {
        let nested = |key: &str| text(nest(credential), key);
        let (own_id, own_secret) = (nested("client_id"), nested("client_secret"));
        let configured = self.set.id.as_deref().unwrap_or(self.known.id);
        let id = own_id.unwrap_or(configured);
        let shared = || self.set.secret(self.known).filter(|_| id == configured);
        let Some(secret) = own_secret.map(Secret::from).or_else(shared) else {
            let message = format!(
                "credential {} cannot be renewed without the secret of its OAuth client: set oauth-clients.{}.client-secret",
                credential.masked_id(),
                self.name
            );
            return Err(ExecutorError::new(ErrorKind::Misconfigured, message));
        };
        let client = OauthClient { id: Some(id.to_owned()), secret: Some(secret) };
        Ok(client.endpoint(self.known, urls, credential))
    }

    /// New tokens for a credential.
    pub(crate) async fn renew(
        &self,
        egress: &Egress,
        credential: &Credential,
        urls: &Urls,
    ) -> Result<Credential, ExecutorError> {
        let Some(token) = refresh_token(credential) else {
            let message = format!("credential {} has no refresh_token", credential.masked_id());
            return Err(ExecutorError::new(ErrorKind::Unsupported, message));
        };
        let endpoint = self.endpoint(credential, urls)?;
        let tokens = egress.exchange(credential, &endpoint, &token, "").await?;
        Ok(renewed(credential, members(credential, &tokens, now())))
    }
}

/// Only what can be renewed is: a login that has a refresh token.
pub(crate) fn renewal(credential: &Credential) -> Renewal {
    let renewable = credential.kind() == CredentialKind::Account && refresh_token(credential).is_some();
    if renewable { Renewal::Lead(LEAD) } else { Renewal::Never }
}

/// `token`, as Gemini CLI's files have it: what stands there counts for more than copies at the top.
fn nest(credential: &Credential) -> Option<&Map<String, Value>> {
    credential.document().get("token")?.as_object()
}

fn text<'m>(members: Option<&'m Map<String, Value>>, key: &str) -> Option<&'m str> {
    members?.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

pub(crate) fn access_token(credential: &Credential) -> Option<Secret> {
    text(nest(credential), "access_token")
        .map(Secret::from)
        .or_else(|| credential.access_token())
        // A token that somebody else renews may be given as a key.
        .or_else(|| credential.api_key())
}

/// The refresh token as it stands in the file: some programs keep projects behind it. Source: providers-a.md 7.2 [P].
fn packed(credential: &Credential) -> Option<Secret> {
    let nested = text(nest(credential), "refresh_token").map(Secret::from);
    nested.or_else(|| credential.refresh_token())
}

fn refresh_token(credential: &Credential) -> Option<Secret> {
    let token = packed(credential)?;
    let own = token.expose().split('|').next().unwrap_or_default();
    (!own.is_empty()).then(|| Secret::from(own))
}

/// What some programs keep behind the refresh token: the managed project, else the user's own.
pub(crate) fn packed_project(credential: &Credential) -> Option<String> {
    let token = packed(credential)?;
    let token = token.expose();
    let mut parts = token.split('|').skip(1);
    let (own, managed) = (parts.next(), parts.next());
    managed.into_iter().chain(own).map(str::trim).find(|part| !part.is_empty()).map(str::to_owned)
}

/// The bearer token of a call.
pub(crate) fn authorize(headers: &mut HeaderMap, credential: &Credential) -> Result<(), ExecutorError> {
    headers.remove(AUTHORIZATION);
    let Some(token) = access_token(credential) else {
        let next = log_in_again(credential);
        let message = format!("credential {} has no access_token: {next}", credential.masked_id());
        return Err(missing(credential, message));
    };
    headers.insert(AUTHORIZATION, bearer(credential, &token)?);
    Ok(())
}

/// Something is missing that a renewal brings, where there can be one.
pub(crate) fn missing(credential: &Credential, message: String) -> ExecutorError {
    let kind = match refresh_token(credential) {
        Some(_) => ErrorKind::Unauthorized,
        None => ErrorKind::Misconfigured,
    };
    ExecutorError::new(kind, message)
}

/// The members that change: where the file has its tokens, under the names that the Go program reads.
// Source: providers-a.md 5.2, 7.2, 7.3 "Persisted".
fn members(credential: &Credential, tokens: &Tokens, now: Timestamp) -> Map<String, Value> {
    let mut flat = tokens.members(now);
    // A new token keeps behind it what the old one had.
    if let (Some(new), Some(old)) = (&tokens.refresh_token, packed(credential))
        && let Some((_, behind)) = old.expose().split_once('|')
    {
        flat.insert("refresh_token".to_owned(), Value::from(format!("{}|{behind}", new.expose())));
    }
    let seconds = tokens.expires_in.map(|lifetime| Value::from(lifetime.as_secs()));
    let Some(nested) = nest(credential) else {
        if let Some(seconds) = seconds {
            flat.insert("expires_in".to_owned(), seconds);
            flat.insert("timestamp".to_owned(), Value::from(now.as_millis()));
        }
        return flat;
    };
    let mut token = nested.clone();
    if tokens.expires_in.is_none() {
        // The old token's.
        token.shift_remove("expiry");
        token.shift_remove("expires_in");
    }
    let mut changed = Map::new();
    for (key, value) in flat {
        // `expired` is `expiry` there.
        let key = if key == "expired" { "expiry".to_owned() } else { key };
        if key == "last_refresh" {
            changed.insert(key, value);
            continue;
        }
        // A stale copy at the top would be read first.
        if credential.document().get(&key).is_some() {
            changed.insert(key.clone(), value.clone());
        }
        token.insert(key, value);
    }
    if let Some(seconds) = seconds {
        token.insert("expires_in".to_owned(), seconds);
    }
    changed.insert("token".to_owned(), Value::Object(token));
    changed
}
