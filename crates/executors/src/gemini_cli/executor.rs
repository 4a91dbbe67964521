//! The executor.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, Evidence, ExecutorError, Failure, ModelInfo, Operation, ProviderExecutor,
    ProviderFormat, ProviderId, Renewal, Secret, UpstreamModel, WireReply, WireStream,
};
use cliproxy_transport::oauth::known;
use http::{HeaderMap, Method, Request, Response};

use crate::codeassist::account::{self, Client};
use crate::codeassist::calls::Tries;
use crate::codeassist::project::{self, Resting};
use crate::codeassist::{body, request};
use crate::egress::{self, optional};
use crate::google::{error, models};
use crate::headers::apply_credential_headers;
use crate::urls::Base;
use crate::{Egress, Urls};

const PROVIDER: ProviderId = ProviderId::from_static("gemini-cli");
const API: &str = "https://cloudcode-pa.googleapis.com";
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::GEMINI_CLI];
static ENDPOINTS: [Endpoint; 2] = [Endpoint::new("api", API), known::GEMINI_CLI.token];

/// Serves Gemini models through Google logins.
#[derive(Clone, Debug)]
pub struct GeminiCliExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
    client: Client,
    resting: Arc<Resting>,
}

impl GeminiCliExecutor {
    /// An executor with the built-in URLs and Gemini CLI's own OAuth client.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self {
            provider: PROVIDER,
            egress,
            urls: Urls::new(&ENDPOINTS),
            client: Client::new("gemini-cli", &known::GEMINI_CLI),
            resting: Arc::default(),
        }
    }

    /// Replaces a URL (`endpoints.gemini-cli.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    /// Replaces the OAuth client (`oauth-clients.gemini-cli`); what is absent stays. A file that names its own keeps it.
    #[must_use]
    pub fn with_oauth_client(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.client = self.client.replaced(id, secret);
        self
    }

    /// Sends what a client asks Google about its own login: path and query as they are, with the token that the request
    /// has, and no credential of ours.
    ///
    /// # Errors
    /// As [`Egress::send`].
    pub async fn hand_on(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, ExecutorError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        *request.uri_mut() = Base::new(self.urls.get("api").unwrap_or(API)).join(&path)?;
        self.egress.raw_of_client(request).await
    }

    fn base<'a>(&'a self, credential: &'a Credential) -> Base<'a> {
        Base::of(credential).unwrap_or_else(|| Base::new(self.urls.get("api").unwrap_or(API)))
    }

    fn request(&self, attempt: &Attempt, action: &str, body: Bytes) -> Result<Request<Bytes>, ExecutorError> {
        let uri = self.base(&attempt.credential).join(&format!("/v1internal:{action}"))?;
        let mut request = egress::request(Method::POST, uri, body);
        request::set(request.headers_mut(), attempt, crate::headers::OWN_AGENT)?;
        Ok(request)
    }

    /// The requests through each project, those that rest last.
    fn requests(
        &self,
        attempt: &Attempt,
        action: &str,
    ) -> Result<Tries<(String, Request<Bytes>)>, ExecutorError> {
        let projects = self.resting.order(&attempt.credential, attempt.now);
        // A body that is no request is told first: no project would help it.
        body::cli(attempt, "")?;
        if projects.is_empty() {
            return Err(project::none(&attempt.credential));
        }
        let requests: Result<Vec<_>, ExecutorError> = projects
            .into_iter()
            .map(|project| {
                let request = self.request(attempt, action, body::cli(attempt, &project)?)?;
                Ok((project, request))
            })
            .collect();
        requests.map(Tries::new)
    }

    /// Whether what one project says leaves others to try.
    fn after(
        &self,
        attempt: &Attempt,
        project: &str,
        error: ExecutorError,
        tries: &mut Tries<(String, Request<Bytes>)>,
    ) -> Result<(), ExecutorError> {
        if !self.resting.is_the_projects(&attempt.credential, project, &error, attempt.now) {
            return Err(error);
        }
        tries.goes_on(error)
    }
}

#[async_trait]
impl ProviderExecutor for GeminiCliExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate | Operation::CountTokens => &FORMATS,
            _ => &[],
        }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(models::list(models::GEMINI_CLI))
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let mut tries = self.requests(&attempt, "generateContent")?;
        while let Some((project, request)) = tries.next() {
            match self.egress.whole(self, &attempt.credential, attempt.now, request).await {
                Ok(reply) => return Ok(reply),
                Err(error) => self.after(&attempt, &project, error, &mut tries)?,
            }
        }
        Err(tries.over())
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let mut tries = self.requests(&attempt, "streamGenerateContent?alt=sse")?;
        while let Some((project, request)) = tries.next() {
            match self.egress.stream(self, &attempt.credential, attempt.now, request).await {
                Ok(stream) => return Ok(stream),
                Err(error) => self.after(&attempt, &project, error, &mut tries)?,
            }
        }
        Err(tries.over())
    }

    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let fresh = self.client.renew(&self.egress, credential, &self.urls).await?;
        // Source: providers-a.md 5.1 step 3.
        let metadata = serde_json::json!({
            "ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"
        });
        // Which tier an account of Gemini CLI is set up for is its owner's choice, made when they log in.
        let (egress, base) = (&self.egress, self.base(credential));
        let question = project::Question { executor: self, egress, base, metadata, onboards: false };
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
        let request = self.request(&attempt, "countTokens", body::count(&attempt.body)?)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await.map_err(optional)
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
