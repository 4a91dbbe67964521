//! The executor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, Evidence, ExecutorError, Failure, Level, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, ReasoningProfile, Renewal, Secret, UpstreamModel,
    WireReply, WireStream,
};
use cliproxy_transport::oauth::{known, random_uuid};
use http::header::{HeaderMap, HeaderName};
use http::{Request, Response};
use serde_json::json;

use super::body;
use crate::Egress;
use crate::account::{self, renewed};
use crate::egress;
use crate::hints;
use crate::service::{Service, anthropic, listed, put, required};

/// Claude clients are served in their own words.
static FORMATS: [ProviderFormat; 2] = [ProviderFormat::OPENAI, ProviderFormat::CLAUDE];
static COUNTED: [ProviderFormat; 1] = [ProviderFormat::CLAUDE];
static ENDPOINTS: [Endpoint; 2] = [Endpoint::new("api", "https://api.kimi.com/coding"), known::KIMI.token];
/// Source: providers-b.md 0.2.
const LEAD: Duration = Duration::from_secs(5 * 60);

const HIGH: &[Level] = &[Level::Low, Level::High];
const MAX: &[Level] = &[Level::Low, Level::High, Level::Max];
/// A model: limits, levels of thinking, and whether it can be switched off.
type Row = (&'static str, (u64, u64), &'static [Level], bool);

/// Source: providers-b.md 5.6 [H].
const MODELS: [Row; 8] = [
    ("kimi-k2", (131_072, 32_768), &[], false),
    ("kimi-k2-thinking", (131_072, 32_768), HIGH, true),
    ("kimi-k2.5", (262_144, 32_768), HIGH, true),
    ("kimi-k2.6", (262_144, 65_536), HIGH, true),
    ("kimi-k2.7-code", (262_144, 65_536), HIGH, false),
    ("kimi-k2.7-code-highspeed", (262_144, 65_536), HIGH, false),
    ("kimi-k3", (1_048_576, 65_536), MAX, false),
    ("kimi-k3-256k", (262_144, 65_536), MAX, false),
];

/// Serves subscriptions of Kimi.
#[derive(Clone, Debug)]
pub struct KimiExecutor(Service);

impl KimiExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self(Service::new(ProviderId::from_static("kimi"), egress, &ENDPOINTS))
    }

    /// Replaces a URL (`endpoints.kimi.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.0.replace_url(name, url);
        self
    }

    /// Replaces the OAuth client (`oauth-clients.kimi`).
    #[must_use]
    pub fn with_oauth_client(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.0.replace_client(id, secret);
        self
    }

    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let credential = &attempt.credential;
        let base = self.0.base(credential).without(&["/v1"]);
        let model = attempt.model.as_str();
        let claude = attempt.format == ProviderFormat::CLAUDE;
        let (path, body) = if attempt.operation == Operation::CountTokens {
            ("/v1/messages/count_tokens", body::claude(&attempt.body, model)?)
        } else if claude {
            ("/v1/messages", body::claude(&attempt.body, model)?)
        } else {
            ("/v1/chat/completions", body::chat(&attempt.body, model)?)
        };
        self.0.request(attempt, base.join(path)?, body, &key(credential)?, |headers| {
            if claude {
                anthropic(headers, attempt, &[]);
            }
            describe(headers, credential);
        })
    }
}

fn key(credential: &Credential) -> Result<Secret, ExecutorError> {
    required(credential, credential.access_token().or_else(|| credential.api_key()), "access_token")
}

/// Which device it is: the one of the login. A file without one gets it at its next renewal.
fn describe(headers: &mut HeaderMap, credential: &Credential) {
    let device = credential.document().text("device_id").unwrap_or_default();
    for (name, value) in known::kimi_headers(device).into_iter().filter(|(_, value)| !value.is_empty()) {
        put(headers, name, &value);
    }
}

#[async_trait]
impl ProviderExecutor for KimiExecutor {
    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate => &FORMATS,
            // Only that half of the service counts.
            Operation::CountTokens => &COUNTED,
            _ => &[],
        }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let model = |(id, limits, levels, zero): &Row| {
            let info = listed(id, "moonshot", *limits);
            if levels.is_empty() {
                return info;
            }
            let profile = ReasoningProfile {
                levels: levels.to_vec(),
                zero_allowed: *zero,
                ..ReasoningProfile::default()
            };
            info.with_reasoning(profile)
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

    // Source: providers-b.md 5.4: 401 and 403 reject the token for good.
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let device = match credential.document().text("device_id") {
            Some(device) => device.to_owned(),
            None => random_uuid()?,
        };
        let mut endpoint =
            self.0.client.endpoint(&known::KIMI, &self.0.urls, credential).with_final_statuses(&[401, 403]);
        for (name, value) in known::kimi_headers(&device) {
            endpoint = endpoint.with_header(HeaderName::from_static(name), &value);
        }
        let tokens = self.0.egress.renew(credential, &endpoint, "").await?;
        let mut members = tokens.members(account::now());
        members.insert("device_id".to_owned(), json!(device));
        Ok(renewed(credential, members))
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        account::renewal(credential, LEAD)
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        hints::standard(failure)
    }

    async fn count_tokens(&self, mut attempt: Attempt) -> Result<WireReply, ExecutorError> {
        attempt.operation = Operation::CountTokens;
        let request = self.request(&attempt)?;
        self.0.egress.whole(self, &attempt.credential, attempt.now, request).await.map_err(egress::optional)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        self.0.raw(credential, &key(credential)?, request, |headers| describe(headers, credential)).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
