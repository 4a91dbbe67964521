//! Headers and URL of a call, in one place.

use bytes::Bytes;
use cliproxy_core::{Attempt, Credential, CredentialKind, ErrorKind, ExecutorError, Secret};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};

use super::betas::{Call, assemble};
use crate::egress::request;
use crate::headers::{OWN_AGENT, apply_credential_headers, bearer, key_value};
use crate::service::log_in_again;

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What is spent, and how it shows itself.
pub(super) struct Token<'a> {
    credential: &'a Credential,
    secret: Secret,
    first_party: bool,
}

impl<'a> Token<'a> {
    /// The key or access token of a credential.
    pub(super) fn of(credential: &'a Credential, first_party: bool) -> Result<Self, ExecutorError> {
        let secret = credential.api_key().or_else(|| credential.access_token()).ok_or_else(|| {
            let id = credential.masked_id();
            let next = log_in_again(credential);
            let message = format!("credential {id} has neither api_key nor access_token: {next}");
            ExecutorError::new(ErrorKind::Misconfigured, message)
        })?;
        Ok(Self { credential, secret, first_party })
    }

    /// That of a login, or a token recognised wherever it was configured. Source: providers-a.md 2.4.
    pub(super) fn is_oauth(&self) -> bool {
        let login = self.credential.kind() == CredentialKind::Account && self.credential.api_key().is_none();
        login || self.secret.expose().contains("sk-ant-oat")
    }

    /// An API key goes to Anthropic's own host as `x-api-key`, anything else as a bearer token.
    // Source: providers-a.md 2.4 "Auth header", 2.7 (no Authorization header left over).
    pub(super) fn authorize(&self, headers: &mut HeaderMap) -> Result<(), ExecutorError> {
        headers.remove(API_KEY);
        headers.remove(AUTHORIZATION);
        let secret = self.secret.expose();
        if self.first_party && !self.is_oauth() {
            headers.insert(API_KEY, key_value(self.credential, secret)?);
        } else {
            headers.insert(AUTHORIZATION, bearer(self.credential, &self.secret)?);
        }
        Ok(())
    }
}

/// The request of an attempt.
pub(super) fn build(
    attempt: &Attempt,
    uri: Uri,
    token: &Token<'_>,
    count: bool,
) -> Result<Request<Bytes>, ExecutorError> {
    let client = &attempt.client_headers;
    let native = attempt.is_native();
    let caller = if native {
        client.get_all(BETA).iter().filter_map(|value| value.to_str().ok()).collect()
    } else {
        Vec::new()
    };
    let call = Call { caller, oauth: token.is_oauth(), count, translated: !native };
    let (betas, body) = assemble(&attempt.body, &call)?;

    let mut request = request(Method::POST, uri, body);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if attempt.stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(VERSION, HeaderValue::from_static("2023-06-01"));
    headers.insert(USER_AGENT, OWN_AGENT);
    if native {
        forward(client, headers);
    }
    if let Ok(value) = HeaderValue::try_from(betas)
        && !value.is_empty()
    {
        headers.insert(BETA, value);
    }
    token.authorize(headers)?;
    apply_credential_headers(headers, &attempt.credential, client);
    Ok(request)
}

/// A client of this very API keeps its own words about itself; for others we invent none.
// Source: http-api.md A.13; providers-a.md 2.4 "forward the caller's own, do not invent".
fn forward(client: &HeaderMap, headers: &mut HeaderMap) {
    const NAMES: [&str; 4] =
        ["anthropic-version", "anthropic-dangerous-direct-browser-access", "x-app", "user-agent"];
    for (name, value) in client {
        let text = name.as_str();
        if NAMES.contains(&text) || text.starts_with("x-stainless-") {
            headers.insert(name.clone(), value.clone());
        }
    }
}
