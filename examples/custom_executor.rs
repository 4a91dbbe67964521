//! A provider of your own: it names its wire format and answers. Clients of every format can call it.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;

use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::{
    Attempt, ClientFormat, ClientRequest, Credential, CredentialId, CredentialKind, Dispatcher as _,
    Document, ExecutorError, ModelId, ModelInfo, Operation, Origin, ProviderExecutor, ProviderFormat,
    ProviderId, RequestId, Settings, UpstreamModel, UpstreamReply, WireReply,
};
use cliproxy_sdk::{Builder, async_trait, http::HeaderMap};

#[derive(Debug)]
struct Echo(ProviderId);

#[async_trait]
impl ProviderExecutor for Echo {
    fn provider(&self) -> &ProviderId {
        &self.0
    }
    fn wire_formats(&self, _model: &UpstreamModel, _operation: Operation) -> &[ProviderFormat] {
        const { &[ProviderFormat::OPENAI] }
    }
    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(vec![ModelInfo::new("echo")])
    }
    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        // Send `attempt.body` to your service here; `Builder::egress` has the HTTP client. This one talks to itself.
        let text = format!("you sent {} bytes for {}", attempt.body.len(), attempt.model);
        let reply = serde_json::json!({
            "id": "echo-1", "object": "chat.completion", "created": attempt.now.as_secs(), "model": "echo",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        });
        Ok(WireReply::new(HeaderMap::new(), reply.to_string().into()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = ProviderId::from_static("echo");
    let settings = Settings::new("my echo");
    let (id, kind) = (CredentialId::from_static("echo:1"), CredentialKind::ApiKey);
    let credential =
        Credential::new(id, provider.clone(), kind, Origin::Runtime, Document::default(), settings);
    let loaded = Loader::new(Environment::default())
        .load_str("inline", "{host: 127.0.0.1, port: 0, auth-dir: ./none}")?;
    let builder = Builder::new(loaded.config, Environment::default())?.executor(Arc::new(Echo(provider)));
    let service = builder.credential(credential).build().await?;
    // A Claude client calls it, although it speaks Chat Completions.
    let body = r#"{"model":"echo","max_tokens":99,"messages":[{"role":"user","content":"hello"}]}"#;
    let (id, model) = (RequestId::new("example"), ModelId::new("echo"));
    let request = ClientRequest::new(id, ClientFormat::CLAUDE, Operation::Generate, model, body.into());
    if let UpstreamReply::Whole(reply) = service.conductor().dispatch(request).await.result? {
        println!("{}", String::from_utf8_lossy(&reply.body));
    }
    service.stop().await;
    Ok(())
}
