//! A wire format of your own without a codec: transforms for exactly one pair, OpenAI Chat clients and a service that
//! takes `{"prompt"}` and answers `{"answer"}`, or one `{"word"}` an event and `{"end":true}` at last.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    reason = "an example prints, says little of errors, and reads JSON values by name, which never panics"
)]

use std::sync::Arc;

use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::{
    Attempt, ClientFormat, Credential, CredentialId, CredentialKind, Document, ExecutorError, ModelInfo,
    Operation, Origin, ProviderExecutor, ProviderFormat, ProviderId, Settings, UpstreamModel, WireReply,
    WireStream,
};
use cliproxy_sdk::translator::registry::{
    Exchange, RequestCall, RequestTransform, ResponseNonStreamTransform, ResponseStream,
    ResponseStreamTransform, ResponseTransforms,
};
use cliproxy_sdk::translator::{CodecError, Loss, StreamFrame};
use cliproxy_sdk::{Builder, Bytes, Service, async_trait, http::HeaderMap};
use serde_json::{Value, json};

const ACME: ProviderFormat = ProviderFormat::from_static("acme");

/// All three directions of the pair.
#[derive(Debug)]
struct ChatToAcme;

fn read(bytes: &[u8]) -> Result<Value, CodecError> {
    serde_json::from_slice(bytes).map_err(|error| CodecError::malformed(format!("this is no JSON: {error}")))
}

impl RequestTransform for ChatToAcme {
    fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
        let request = read(call.body)?;
        let last = request["messages"].as_array().and_then(|turns| turns.last());
        let prompt = last.and_then(|turn| turn["content"].as_str());
        let prompt =
            prompt.ok_or_else(|| CodecError::inexpressible("the service takes one text, nothing else"))?;
        Ok(json!({"prompt": prompt}).to_string().into())
    }

    /// What is left behind is told to clients that ask with `x-cliproxy-explain: 1`.
    fn transform_telling(&self, call: &RequestCall<'_>, losses: &mut Vec<Loss>) -> Result<Bytes, CodecError> {
        if read(call.body)?["messages"].as_array().is_some_and(|turns| turns.len() > 1) {
            losses.push(Loss::new("messages", "the service takes the last of them"));
        }
        RequestTransform::transform(self, call)
    }
}

impl ResponseNonStreamTransform for ChatToAcme {
    fn transform(&self, exchange: &Exchange, body: &Bytes) -> Result<Bytes, CodecError> {
        let message = json!({"role": "assistant", "content": read(body)?["answer"]});
        let reply = json!({
            "id": "acme-1", "object": "chat.completion", "created": exchange.context.created,
            "model": exchange.context.requested_model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        });
        Ok(reply.to_string().into())
    }
}

impl ResponseStreamTransform for ChatToAcme {
    fn begin(&self, exchange: &Exchange) -> Box<dyn ResponseStream> {
        Box::new(Words { model: exchange.context.requested_model.clone(), ended: false })
    }
}

/// The state of one stream.
struct Words {
    model: String,
    ended: bool,
}

impl Words {
    fn chunk(&self, delta: &Value, finish: Option<&str>, out: &mut Vec<u8>) {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = json!({
            "id": "acme-1", "object": "chat.completion.chunk", "created": 0, "model": self.model, "choices": [choice],
        });
        out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
    }
}

impl ResponseStream for Words {
    fn push(&mut self, frame: StreamFrame<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let event = read(frame.data)?;
        if event["end"] == true {
            self.ended = true;
            self.chunk(&json!({}), Some("stop"), out);
            out.extend_from_slice(b"data: [DONE]\n\n");
        } else {
            self.chunk(&json!({"content": event["word"]}), None, out);
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), CodecError> {
        // A stream that ends without saying so broke off: never a success.
        if self.ended { Ok(()) } else { Err(CodecError::malformed("the stream ended without its end")) }
    }
}

/// The service, played inside the process.
#[derive(Debug)]
struct Parrot(ProviderId);

#[async_trait]
impl ProviderExecutor for Parrot {
    fn provider(&self) -> &ProviderId {
        &self.0
    }
    fn wire_formats(&self, _model: &UpstreamModel, _operation: Operation) -> &[ProviderFormat] {
        const { &[ACME] }
    }
    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(vec![ModelInfo::new("parrot")])
    }
    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        Ok(WireReply::new(HeaderMap::new(), json!({"answer": prompt(&attempt)}).to_string().into()))
    }
    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let words = prompt(&attempt);
        let words = words.split_inclusive(' ').map(|word| json!({"word": word}));
        let frames = words.chain([json!({"end": true})]).map(|event| Ok(format!("data: {event}\n\n").into()));
        let frames: Vec<Result<Bytes, ExecutorError>> = frames.collect();
        Ok(WireStream::new(HeaderMap::new(), Box::pin(futures::stream::iter(frames))))
    }
}

fn prompt(attempt: &Attempt) -> String {
    let body: Value = serde_json::from_slice(&attempt.body).unwrap_or_default();
    body["prompt"].as_str().unwrap_or_default().to_owned()
}

/// A proxy that serves the parrot to Chat clients.
pub async fn serve() -> Result<Service, Box<dyn std::error::Error>> {
    let provider = ProviderId::from_static("parrot");
    let (id, kind) = (CredentialId::from_static("parrot:1"), CredentialKind::ApiKey);
    let settings = Settings::new("my parrot");
    let credential =
        Credential::new(id, provider.clone(), kind, Origin::Runtime, Document::default(), settings);
    let yaml = "{host: 127.0.0.1, port: 0, api-keys: [a-key-of-my-own], auth-dir: ./no-such-directory}";
    let loaded = Loader::new(Environment::default()).load_str("inline", yaml)?;
    let builder = Builder::new(loaded.config, Environment::default())?.executor(Arc::new(Parrot(provider)));
    let pair = Arc::new(ChatToAcme);
    let response =
        ResponseTransforms::none().with_whole(Arc::clone(&pair) as _).with_stream(Arc::clone(&pair) as _);
    let builder = builder.translation(|registry| {
        registry.register(ClientFormat::OPENAI, ACME, Some(pair), response);
    });
    let service = builder.credential(credential).build().await?;
    service.start();
    Ok(service)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = serve().await?;
    println!("ask for the model `parrot` at http://{} with the key a-key-of-my-own", service.local_addr());
    service.stop().await;
    Ok(())
}
