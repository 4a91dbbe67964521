//! The executor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, Evidence, ExecutorError, Failure, ModelInfo, Operation, ProviderExecutor,
    ProviderFormat, ProviderId, Renewal, Secret, UpstreamModel, WireReply, WireStream,
};
use cliproxy_transport::oauth::known;
use http::{Request, Response, Uri};

use crate::Egress;
use crate::account::{self, renewed};
use crate::hints;
use crate::service::{Service, listed, required};
use crate::urls::Base;

static FORMATS: [ProviderFormat; 1] = [ProviderFormat::OPENAI];
static ENDPOINTS: [Endpoint; 2] = [Endpoint::new("api", "https://portal.qwen.ai/v1"), known::QWEN.token];
/// Source: providers-b.md 0.2.
const LEAD: Duration = Duration::from_secs(3 * 3600);
/// Source: providers-b.md 3.6.
const MODELS: [(&str, (u64, u64)); 3] = [
    ("qwen3-coder-plus", (32_768, 8_192)),
    ("qwen3-coder-flash", (8_192, 2_048)),
    ("vision-model", (32_768, 2_048)),
];

/// Serves accounts of Qwen.
#[derive(Clone, Debug)]
pub struct QwenExecutor(Service);

impl QwenExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self(Service::new(ProviderId::from_static("qwen"), egress, &ENDPOINTS))
    }

    /// Replaces a URL (`endpoints.qwen.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.0.replace_url(name, url);
        self
    }

    /// Replaces the OAuth client (`oauth-clients.qwen`).
    #[must_use]
    pub fn with_oauth_client(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.0.replace_client(id, secret);
        self
    }

    /// The credential's own root, else the host that the account names.
    fn url(&self, credential: &Credential) -> Result<Uri, ExecutorError> {
        if Base::of(credential).is_none()
            && let Some(root) = credential.document().text("resource_url").and_then(resource)
        {
            return Base::new(&root).join("/chat/completions");
        }
        self.0.base(credential).join("/chat/completions")
    }

    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let uri = self.url(&attempt.credential)?;
        self.0.request(attempt, uri, attempt.body.clone(), &key(&attempt.credential)?, |_| {})
    }
}

/// What an account names is a host, or a URL, with or without its version.
// Source: providers-b.md 3.5 "Normalising [V]" and its trap.
fn resource(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    if text.is_empty() {
        return None;
    }
    let root = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    Some(if root.ends_with("/v1") { root } else { format!("{root}/v1") })
}

fn key(credential: &Credential) -> Result<Secret, ExecutorError> {
    required(credential, credential.access_token().or_else(|| credential.api_key()), "access_token")
}

#[async_trait]
impl ProviderExecutor for QwenExecutor {
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
        Ok(MODELS.iter().map(|(id, limits)| listed(id, "qwen", *limits)).collect())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let request = self.request(&attempt)?;
        self.0.egress.whole(self, &attempt.credential, attempt.now, request).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let request = self.request(&attempt)?;
        self.0.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    // Source: providers-b.md 3.4: what is missing in the reply stays, and the vendor takes 400 and 401 for final.
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let endpoint =
            self.0.client.endpoint(&known::QWEN, &self.0.urls, credential).with_final_statuses(&[400, 401]);
        let tokens = self.0.egress.renew(credential, &endpoint, "").await?;
        let mut members = tokens.members(account::now());
        if let Some(resource) = tokens.extra.get("resource_url") {
            members.insert("resource_url".to_owned(), resource.clone());
        }
        Ok(renewed(credential, members))
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        account::renewal(credential, LEAD)
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        hints::standard(failure)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        self.0.raw(credential, &key(credential)?, request, |_| {}).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accounts_host_is_understood_however_it_is_written() {
        for (text, root) in [
            ("portal.qwen.ai", Some("https://portal.qwen.ai/v1")),
            ("https://h.example/api/", Some("https://h.example/api/v1")),
            ("h.example/v1", Some("https://h.example/v1")),
            (" ", None),
        ] {
            assert_eq!(resource(text).as_deref(), root, "{text}");
        }
    }
}
