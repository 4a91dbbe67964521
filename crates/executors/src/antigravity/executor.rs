//! The executor.

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, Renewal, ReplyModes, Secret, UpstreamModel, WireReply,
    WireStream,
};
use cliproxy_transport::oauth::known;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, Response};

use super::models;
use crate::codeassist::account::{self, Client};
use crate::codeassist::calls::{Tries, is_the_hosts};
use crate::codeassist::{body, project, request};
use crate::egress::{self, optional};
use crate::google::error;
use crate::headers::{apply_credential_headers, sensitive};
use crate::urls::Base;
use crate::{Egress, Urls};

const PROVIDER: ProviderId = ProviderId::from_static("antigravity");
const API: &str = "https://daily-cloudcode-pa.googleapis.com";
const FALLBACK: &str = "https://cloudcode-pa.googleapis.com";
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::ANTIGRAVITY];
static ENDPOINTS: [Endpoint; 4] = [
    Endpoint::new("api", API),
    Endpoint::new("fallback", FALLBACK),
    Endpoint::new("onboarding", FALLBACK),
    known::ANTIGRAVITY.token,
];

/// The version of the interface that we speak, and who we are. The service refuses newer models to clients that name an
/// older version, or none; `user_agent` in the file or `headers` name another. Source: providers-a.md 7.4 "functional".
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("antigravity/2.9.1 cliproxy/", env!("CARGO_PKG_VERSION")));

/// Serves the models of Antigravity.
#[derive(Clone, Debug)]
pub struct AntigravityExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
    client: Client,
    /// The first host was replaced, and the second was not: nothing goes there.
    alone: bool,
}

impl AntigravityExecutor {
    /// An executor with the built-in URLs. The secret of its OAuth client is not published: without
    /// [`Self::with_oauth_client`] its logins serve until they expire.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self {
            provider: PROVIDER,
            egress,
            urls: Urls::new(&ENDPOINTS),
            client: Client::new("antigravity", &known::ANTIGRAVITY),
            alone: false,
        }
    }

    /// Replaces a URL (`endpoints.antigravity.<name>`). With another `api` and no other `fallback` there is no fall-back.
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        let (api, fallback) = (self.urls.get("api"), self.urls.get("fallback"));
        self.alone = api != Some(API) && fallback == Some(FALLBACK);
        self
    }

    /// Sets the OAuth client (`oauth-clients.antigravity`); what is absent stays.
    #[must_use]
    pub fn with_oauth_client(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.client = self.client.replaced(id, secret);
        self
    }

    /// Where to call, in order. A root of the credential's own has nothing behind it.
    fn hosts<'a>(&'a self, credential: &'a Credential) -> Vec<Base<'a>> {
        if let Some(own) = Base::of(credential) {
            return vec![own];
        }
        let mut hosts = vec![self.urls.get("api").unwrap_or(API)];
        let fallback = self.urls.get("fallback").unwrap_or_default();
        if !self.alone && !fallback.is_empty() && !hosts.contains(&fallback) {
            hosts.push(fallback);
        }
        hosts.into_iter().map(Base::new).collect()
    }

    /// The body with what is the credential's. Without a project nothing can be spent; none is invented.
    fn body(attempt: &Attempt) -> Result<Bytes, ExecutorError> {
        let credential = &attempt.credential;
        let project =
            project::of(credential).into_iter().next().or_else(|| account::packed_project(credential));
        let body = body::antigravity(attempt, project.as_deref().unwrap_or_default())?;
        if project.is_none() { Err(project::none(credential)) } else { Ok(body) }
    }

    /// The requests to each host.
    fn requests(
        &self,
        attempt: &Attempt,
        action: &str,
        body: &Bytes,
    ) -> Result<Tries<Request<Bytes>>, ExecutorError> {
        let hosts = self.hosts(&attempt.credential);
        let requests: Result<Vec<_>, ExecutorError> = hosts
            .into_iter()
            .map(|host| {
                let uri = host.join(&format!("/v1internal:{action}"))?;
                let mut request = egress::request(Method::POST, uri, body.clone());
                request::set(request.headers_mut(), attempt, agent(&attempt.credential))?;
                Ok(request)
            })
            .collect();
        requests.map(Tries::new)
    }

    /// A whole reply of the first host that answers.
    async fn whole(&self, attempt: &Attempt, action: &str, body: &Bytes) -> Result<WireReply, ExecutorError> {
        let mut tries = self.requests(attempt, action, body)?;
        while let Some(request) = tries.next() {
            match self.egress.whole(self, &attempt.credential, attempt.now, request).await {
                Ok(reply) => return Ok(reply),
                Err(error) if is_the_hosts(&error) => tries.goes_on(error)?,
                Err(error) => return Err(error),
            }
        }
        Err(tries.over())
    }
}

/// The agent that the file names, else ours.
fn agent(credential: &Credential) -> HeaderValue {
    credential.document().text("user_agent").and_then(sensitive).unwrap_or(AGENT)
}

/// Claude's models are whole only as streams there, and so is one of Google's. Source: providers-a.md 7.4 "Mode".
fn streams_only(model: &str) -> bool {
    model.contains("claude") || model.contains("gemini-3-pro")
}

#[async_trait]
impl ProviderExecutor for AntigravityExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate | Operation::CountTokens => &FORMATS,
            _ => &[],
        }
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let mut tries = Tries::new(self.hosts(credential));
        while let Some(host) = tries.next() {
            let uri = host.join("/v1internal:fetchAvailableModels")?;
            let mut request = egress::request(Method::POST, uri, Bytes::from_static(b"{}"));
            let headers = request.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(USER_AGENT, agent(credential));
            account::authorize(headers, credential)?;
            apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
            match self.egress.listed(self, credential, request).await {
                Ok(reply) => {
                    return models::fetched(&reply.body).ok_or_else(|| {
                        ExecutorError::new(ErrorKind::BadReply, "the provider's list of models names none")
                    });
                }
                // Source: providers-a.md 7.5 "host fallback as 7.4".
                Err(error) if is_the_hosts(&error) => tries.goes_on(error)?,
                Err(error) => return Err(error),
            }
        }
        Err(tries.over())
    }

    fn known_models(&self, _credential: &Credential) -> Option<Vec<ModelInfo>> {
        Some(models::known())
    }

    fn reply_modes(&self, model: &UpstreamModel) -> ReplyModes {
        if streams_only(model.as_str()) { ReplyModes::StreamOnly } else { ReplyModes::Both }
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        if streams_only(attempt.model.as_str()) {
            let what = format!("whole replies of {}", attempt.model);
            return Err(ExecutorError::unsupported(&self.provider, &what));
        }
        self.whole(&attempt, "generateContent", &Self::body(&attempt)?).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let mut tries = self.requests(&attempt, "streamGenerateContent?alt=sse", &Self::body(&attempt)?)?;
        while let Some(request) = tries.next() {
            match self.egress.stream(self, &attempt.credential, attempt.now, request).await {
                Ok(stream) => return Ok(stream),
                Err(error) if is_the_hosts(&error) => tries.goes_on(error)?,
                Err(error) => return Err(error),
            }
        }
        Err(tries.over())
    }

    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let fresh = self.client.renew(&self.egress, credential, &self.urls).await?;
        if account::packed_project(credential).is_some() {
            return Ok(fresh);
        }
        let own = Base::of(credential);
        let base = own.unwrap_or_else(|| Base::new(self.urls.get("onboarding").unwrap_or(FALLBACK)));
        // Source: providers-a.md 7.1 "load".
        let metadata = serde_json::json!({
            "ideType": "ANTIGRAVITY", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"
        });
        let question =
            project::Question { executor: self, egress: &self.egress, base, metadata, onboards: true };
        Ok(project::discovered(&question, fresh).await)
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        account::renewal(credential)
    }

    /// Google's refresh tokens work again and again. Source: providers-a.md 5.3 "Google does not rotate".
    fn renewal_spends(&self, _credential: &Credential) -> bool {
        false
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
    }

    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let body = body::count(&attempt.body)?;
        self.whole(&attempt, "countTokens", &body).await.map_err(optional)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        account::authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
