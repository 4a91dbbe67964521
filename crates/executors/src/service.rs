//! What executors of services with a Chat Completions dialect of their own have in common.

use bytes::Bytes;
use cliproxy_core::{Attempt, Credential, Endpoint, ErrorKind, ExecutorError, ModelInfo, ProviderId, Secret};
use cliproxy_translator::CodecError;
use cliproxy_translator::splice::Edits;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};

use crate::account::OauthClient;
use crate::egress;
use crate::headers::{OWN_AGENT, apply_credential_headers, bearer};
use crate::urls::Base;
use crate::{Egress, Urls};

/// Ends of whole URLs that people paste as a root.
const ENDS: [&str; 3] = ["/chat/completions", "/responses", "/models"];

/// A provider's name, its URLs, its OAuth client and the way out.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) provider: ProviderId,
    pub(crate) egress: Egress,
    pub(crate) urls: Urls,
    pub(crate) client: OauthClient,
}

impl Service {
    pub(crate) fn new(provider: ProviderId, egress: Egress, endpoints: &[Endpoint]) -> Self {
        Self { provider, egress, urls: Urls::new(endpoints), client: OauthClient::default() }
    }

    pub(crate) fn replace_url(&mut self, name: impl Into<String>, url: impl AsRef<str>) {
        self.urls = std::mem::take(&mut self.urls).with_override(name, url);
    }

    pub(crate) fn replace_client(&mut self, id: Option<String>, secret: Option<Secret>) {
        self.client = OauthClient { id, secret };
    }

    /// The credential's own root, else the endpoint `api`.
    pub(crate) fn base<'a>(&'a self, credential: &'a Credential) -> Base<'a> {
        Base::of(credential)
            .unwrap_or_else(|| Base::new(self.urls.get("api").unwrap_or_default()))
            .without(&ENDS)
    }

    /// A call with a bearer token; `more` sets what this provider wants beside, under the credential's own headers.
    pub(crate) fn request(
        &self,
        attempt: &Attempt,
        uri: Uri,
        body: Bytes,
        key: &Secret,
        more: impl FnOnce(&mut HeaderMap),
    ) -> Result<Request<Bytes>, ExecutorError> {
        let mut request = egress::request(Method::POST, uri, body);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if attempt.stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(USER_AGENT, OWN_AGENT);
        authorize(headers, &attempt.credential, key)?;
        more(headers);
        apply_credential_headers(headers, &attempt.credential, &attempt.client_headers);
        Ok(request)
    }

    /// A raw request with a bearer token.
    pub(crate) async fn raw(
        &self,
        credential: &Credential,
        key: &Secret,
        mut request: Request<Bytes>,
        more: impl FnOnce(&mut HeaderMap),
    ) -> Result<http::Response<Bytes>, ExecutorError> {
        let headers = request.headers_mut();
        authorize(headers, credential, key)?;
        more(headers);
        apply_credential_headers(headers, credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }
}

fn authorize(headers: &mut HeaderMap, credential: &Credential, key: &Secret) -> Result<(), ExecutorError> {
    headers.insert(AUTHORIZATION, bearer(credential, key)?);
    Ok(())
}

/// What is spent, or that it is missing.
pub(crate) fn required(
    credential: &Credential,
    key: Option<Secret>,
    name: &str,
) -> Result<Secret, ExecutorError> {
    key.ok_or_else(|| {
        let message =
            format!("credential {} has no {name}: {}", credential.masked_id(), log_in_again(credential));
        ExecutorError::new(ErrorKind::Misconfigured, message)
    })
}

/// The next step for a login that lacks what calls or renewals need.
pub(crate) fn log_in_again(credential: &Credential) -> String {
    format!("log in again (cliproxy-server login {})", credential.provider())
}

/// A body with some of its members changed.
pub(crate) fn edited(body: &Bytes, edits: &Edits<'_>) -> Result<Bytes, ExecutorError> {
    if edits.is_empty() { Ok(body.clone()) } else { edits.apply(body).map_err(not_json) }
}

pub(crate) fn not_json(error: CodecError) -> ExecutorError {
    ExecutorError::new(ErrorKind::InvalidRequest, "the request body is not a JSON object").with_source(error)
}

/// What a service that speaks Claude's words wants in its head: the version, and the client's own betas when the client
/// speaks the same words; those that `refused` says it does not take are left out.
pub(crate) fn anthropic(headers: &mut HeaderMap, attempt: &Attempt, refused: &[&str]) {
    let own = |name: &str| attempt.client_headers.get(name).filter(|_| attempt.is_native());
    let version = own("anthropic-version").cloned();
    headers.insert("anthropic-version", version.unwrap_or(HeaderValue::from_static("2023-06-01")));
    let betas = own("anthropic-beta").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kept = betas.split(',').map(str::trim).filter(|beta| !beta.is_empty() && !refused.contains(beta));
    let kept: Vec<&str> = kept.collect();
    if !kept.is_empty() {
        put(headers, "anthropic-beta", &kept.join(","));
    }
}

/// A header that is set when a header can carry it.
pub(crate) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// A model of a static list; a limit of zero is not known.
pub(crate) fn listed(id: &str, owner: &str, (context, output): (u64, u64)) -> ModelInfo {
    let info = ModelInfo::new(id).with_owner(owner);
    if context == 0 { info } else { info.with_limits(context, output) }
}
