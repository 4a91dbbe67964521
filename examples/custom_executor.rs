//! A provider of your own: it names its wire format and does HTTP. Clients of every format can call it.
use std::sync::Arc;

use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::*;
use cliproxy_sdk::executors::{Egress, apply_credential_headers};
use cliproxy_sdk::{Builder, Bytes, async_trait, http::Request};

/// Calls one service with the key of each credential.
#[derive(Debug)]
pub struct Acme(pub ProviderId, pub Egress);

impl Acme {
    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let lacks = |what: &str| ExecutorError::new(ErrorKind::Misconfigured, format!("no usable {what}"));
        let base = attempt.credential.settings().base_url.as_deref().ok_or_else(|| lacks("base-url"))?;
        let key = attempt.credential.api_key().ok_or_else(|| lacks("api-key"))?;
        let request = Request::post(format!("{base}/generate"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", key.expose()));
        let mut request = request.body(attempt.body.clone()).map_err(|_| lacks("base-url or api-key"))?;
        apply_credential_headers(request.headers_mut(), &attempt.credential, &attempt.client_headers);
        Ok(request)
    }
}

#[async_trait]
impl ProviderExecutor for Acme {
    fn provider(&self) -> &ProviderId {
        &self.0
    }
    fn wire_formats(&self, _model: &UpstreamModel, _operation: Operation) -> &[ProviderFormat] {
        const { &[ProviderFormat::OPENAI] }
    }
    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(vec![ModelInfo::new("acme-1")])
    }
    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        self.1.whole(self, &attempt.credential, attempt.now, self.request(&attempt)?).await
    }
    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        self.1.stream(self, &attempt.credential, attempt.now, self.request(&attempt)?).await
    }
}

/// `acme.yaml` names the service as an entry of `openai-compatibility` with the name `acme`.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "examples/acme.yaml".to_owned());
    let environment = Environment::read();
    let config = Loader::new(environment.clone()).load_file(path.as_ref())?.config;
    let builder = Builder::new(config, environment)?;
    let acme = Arc::new(Acme(ProviderId::from_static("acme"), builder.egress()));
    let service = builder.executor(acme).build().await?;
    service.start();
    service.shutdown().cut().await; // Serves until the process ends.
    Ok(())
}
