//! The executor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, Level, Mask, ModelInfo,
    Operation, ProviderExecutor, ProviderFormat, ProviderId, ReasoningProfile, Renewal, Secret, Timestamp,
    UpstreamModel, WireReply, WireStream,
};
use cliproxy_transport::oauth::{ClientAuth, known, random_uuid};
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue};
use http::{Method, Request, Response};
use ring::hmac;
use serde_json::{Map, Value, json};

use super::body::dialect;
use crate::Egress;
use crate::account::{self, renewed};
use crate::headers::key_value;
use crate::service::{Service, listed, put, required};
use crate::{egress, hints};

static FORMATS: [ProviderFormat; 1] = [ProviderFormat::OPENAI];
static ENDPOINTS: [Endpoint; 4] = [
    Endpoint::new("api", "https://apis.iflow.cn/v1"),
    known::IFLOW.token,
    known::IFLOW_USER,
    known::IFLOW_KEY,
];
/// Source: providers-b.md 0.2.
const LEAD: Duration = Duration::from_secs(24 * 3600);
/// How much of the service's words is told.
const MAX_SAID: usize = 300;
const AGENT: &str = concat!("cliproxy/", env!("CARGO_PKG_VERSION"));

/// Source: providers-b.md 4.7; those with a star think.
const MODELS: [(&str, bool); 24] = [
    ("tstars2.0", false),
    ("qwen3-coder-plus", false),
    ("qwen3-max", false),
    ("qwen3-vl-plus", false),
    ("qwen3-max-preview", true),
    ("kimi-k2-0905", false),
    ("glm-4.6", true),
    ("glm-4.7", true),
    ("kimi-k2", false),
    ("kimi-k2-thinking", false),
    ("deepseek-v3.2-chat", false),
    ("deepseek-v3.2-reasoner", false),
    ("deepseek-v3.2", true),
    ("deepseek-v3.1", true),
    ("deepseek-r1", false),
    ("deepseek-v3", false),
    ("qwen3-32b", false),
    ("qwen3-235b-a22b-thinking-2507", false),
    ("qwen3-235b-a22b-instruct", false),
    ("qwen3-235b", false),
    ("minimax-m2", true),
    ("minimax-m2.1", true),
    ("iflow-rome-30ba3b", false),
    ("kimi-k2.5", true),
];

/// Serves accounts of iFlow.
#[derive(Clone, Debug)]
pub struct IflowExecutor(Service);

impl IflowExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self(Service::new(ProviderId::from_static("iflow"), egress, &ENDPOINTS))
    }

    /// Replaces a URL (`endpoints.iflow.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.0.replace_url(name, url);
        self
    }

    /// Replaces the OAuth client (`oauth-clients.iflow`); its secret is not built in.
    #[must_use]
    pub fn with_oauth_client(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.0.replace_client(id, secret);
        self
    }

    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let credential = &attempt.credential;
        let key = key(credential)?;
        let uri = self.0.base(credential).join("/chat/completions")?;
        let body = dialect(&attempt.body, attempt.model.as_str())?;
        self.0.request(attempt, uri, body, &key, |headers| sign(headers, credential, &key, attempt.now))
    }

    /// An account's new tokens, and its key for model calls with them.
    async fn by_tokens(&self, credential: &Credential) -> Result<Map<String, Value>, ExecutorError> {
        let service = &self.0;
        if credential.refresh_token().is_none() {
            return Err(ExecutorError::unsupported(
                &service.provider,
                "a renewal without a refresh token or a cookie",
            ));
        }
        let Some(secret) = service.client.secret(&known::IFLOW) else {
            let message =
                "iflow cannot be renewed without its client secret: set oauth-clients.iflow.client-secret";
            return Err(ExecutorError::new(ErrorKind::Misconfigured, message));
        };
        let endpoint = service
            .client
            .endpoint(&known::IFLOW, &service.urls, credential)
            .with_secret(secret, ClientAuth::BasicAndBody);
        let tokens = service.egress.renew(credential, &endpoint, "").await?;
        let mut members = tokens.members(account::now());
        // The refresh token is spent by now: whatever becomes of the key, the new tokens are kept.
        let key = self.user_key(credential, &tokens.access_token);
        if let Ok(Some(key)) = tokio::time::timeout(egress::BEFORE_SAVING, key).await {
            members.insert("api_key".to_owned(), key);
        }
        Ok(members)
    }

    async fn user_key(&self, credential: &Credential, token: &Secret) -> Option<Value> {
        let own = credential.document().text("userinfo_url");
        let mut url = own.map_or_else(|| url_of(&self.0, "userinfo"), str::to_owned);
        url.push_str(if url.contains('?') { "&" } else { "?" });
        url.push_str("accessToken=");
        url.push_str(&crate::urls::segment(token.expose()));
        let request = egress::request(Method::GET, url.parse().ok()?, Bytes::new());
        let reply = self.0.egress.raw(credential, request).await.ok()?;
        let reply: Value = serde_json::from_slice(reply.body()).ok()?;
        reply.pointer("/data/apiKey").filter(|key| key.as_str().is_some_and(|key| !key.is_empty())).cloned()
    }

    /// A new key for a cookie. Source: providers-b.md 4.5.
    async fn by_cookie(
        &self,
        credential: &Credential,
        cookie: &Secret,
        name: &str,
    ) -> Result<Map<String, Value>, ExecutorError> {
        let own = account::token_url(credential);
        let url = own.map_or_else(|| url_of(&self.0, "api-key"), str::to_owned);
        let uri = url.parse().map_err(|_| {
            let message = "the endpoint iflow.api-key, or token_url of the file, is no URL";
            ExecutorError::new(ErrorKind::Misconfigured, message)
        })?;
        let body = Bytes::from(json!({"name": name}).to_string());
        let mut request = egress::request(Method::POST, uri, body);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(COOKIE, key_value(credential, cookie.expose())?);
        let reply = self.0.egress.whole(self, credential, account::now(), request).await?;
        let reply: Value = serde_json::from_slice(&reply.body).map_err(|error| {
            ExecutorError::new(ErrorKind::BadReply, "the answer about the API key is no JSON")
                .with_source(error)
        })?;
        let text = |at: &str| reply.pointer(at).and_then(Value::as_str).unwrap_or_default();
        if text("/data/apiKey").is_empty() {
            // Nothing that is known of the service says which of its refusals are final: it is asked again.
            // Source: providers-b.md 4.5 "Failures are not classified".
            let said = Mask::of(credential).apply(text("/message")).into_owned();
            let said: String = said.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect();
            let message = format!("the cookie brought no API key ({said}): if that stays so, log in again");
            return Err(ExecutorError::new(ErrorKind::BadReply, message));
        }
        let mut members = Map::new();
        members.insert("api_key".to_owned(), json!(text("/data/apiKey")));
        members.insert("expired".to_owned(), json!(text("/data/expireTime")));
        members.insert("last_refresh".to_owned(), json!(account::now().to_rfc3339()));
        Ok(members)
    }
}

fn url_of(service: &Service, name: &str) -> String {
    service.urls.get(name).unwrap_or_default().to_owned()
}

fn key(credential: &Credential) -> Result<Secret, ExecutorError> {
    required(credential, credential.api_key(), "api_key")
}

/// The signature over our own name, the session and the time; `sign_requests: false` in the file leaves it out.
// Source: providers-b.md 4.6 "Signature [H]".
fn sign(headers: &mut HeaderMap, credential: &Credential, key: &Secret, now: Timestamp) {
    if credential.document().flag("sign_requests") == Some(false) {
        return;
    }
    let Ok(session) = random_uuid() else { return };
    let (session, time) = (format!("session-{session}"), now.as_millis().to_string());
    put(headers, "session-id", &session);
    put(headers, "x-iflow-timestamp", &time);
    put(headers, "x-iflow-signature", &signature(key.expose(), &session, &time));
}

fn signature(key: &str, session: &str, time: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, format!("{AGENT}:{session}:{time}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait]
impl ProviderExecutor for IflowExecutor {
    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate => &FORMATS,
            _ => &[],
        }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let model = |(id, thinks): &(&str, bool)| {
            let info = listed(id, "iflow", (0, 0));
            if !thinks {
                return info;
            }
            info.with_reasoning(ReasoningProfile {
                zero_allowed: true,
                dynamic_allowed: true,
                levels: Level::ALL.iter().copied().filter(|level| *level != Level::Max).collect(),
                ..ReasoningProfile::default()
            })
        };
        Ok(MODELS.iter().map(model).collect())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let request = self.request(&attempt)?;
        self.0.egress.whole(self, &attempt.credential, attempt.now, request).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let request = self.request(&attempt)?;
        self.0.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let document = credential.document();
        let members = match (document.secret("cookie"), document.text("email")) {
            (Some(cookie), Some(name)) => self.by_cookie(credential, &cookie, name).await?,
            _ => self.by_tokens(credential).await?,
        };
        Ok(renewed(credential, members))
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        if credential.document().text("cookie").is_some() {
            return Renewal::Lead(LEAD);
        }
        account::renewal(credential, LEAD)
    }

    /// A cookie brings a key as often as it is asked.
    fn renewal_spends(&self, credential: &Credential) -> bool {
        credential.document().text("cookie").is_none()
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        hints::standard(failure)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        let key = key(credential)?;
        self.0.raw(credential, &key, request, |headers| sign(headers, credential, &key, account::now())).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
