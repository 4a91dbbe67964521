//! Executors, credentials, the selector, routes and the translation.

use std::sync::Arc;

use cliproxy_sdk::core::{
    Attempt, ClientFormat, Credential, CredentialId, CredentialKind, Document, ExecutorError, ModelInfo,
    Operation, Origin, PickContext, ProviderExecutor, ProviderFormat, ProviderId, ReadyView, Secret,
    Selector, Settings, UpstreamModel, WireReply,
};
use cliproxy_sdk::http::{HeaderMap, Request, Response};
use cliproxy_sdk::translator::CodecError;
use cliproxy_sdk::translator::registry::{Exchange, ResponseNonStreamTransform, ResponseTransforms};
use cliproxy_sdk::transport::{InboundBody, OutboundBody, Peer, Routed, Routes};
use cliproxy_sdk::{Bytes, async_trait};
use cliproxy_testkit::{FakeUpstream, chat, claude};
use serde_json::json;

use crate::place::{Place, ask, client, compatible, models, serving, text};

/// Answers with its own name.
#[derive(Debug)]
struct Named(ProviderId);

#[async_trait]
impl ProviderExecutor for Named {
    fn provider(&self) -> &ProviderId {
        &self.0
    }

    fn wire_formats(&self, _model: &UpstreamModel, _operation: Operation) -> &[ProviderFormat] {
        const { &[ProviderFormat::OPENAI] }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(vec![ModelInfo::new(format!("{}-model", self.0))])
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let text = format!("{} for {}", self.0, attempt.model);
        let body = chat::Completion::new().text(&text).to_json();
        Ok(WireReply::new(HeaderMap::new(), body.to_string().into()))
    }
}

fn credential(provider: &'static str) -> Credential {
    Credential::new(
        CredentialId::new(format!("{provider}:1")),
        ProviderId::from_static(provider),
        CredentialKind::ApiKey,
        Origin::Runtime,
        Document::with_api_key(&Secret::from("k")),
        Settings::new(provider),
    )
}

#[tokio::test]
async fn an_executor_and_a_credential_of_ones_own_serve_every_client_format() {
    let place = Place::new();
    place.write("");
    let own = Arc::new(Named(ProviderId::from_static("mine")));
    let service = serving(place.builder().executor(own).credential(credential("mine"))).await;
    assert_eq!(models(&service).await, ["mine-model"], "the demo makes way");
    assert_eq!(text(ask(&service, "mine-model").await).await, "mine for mine-model");
    let body =
        json!({"model": "mine-model", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    let reply = client(&service).post("/v1/messages", &body).await.json().await;
    assert_eq!(reply["content"][0]["text"], "mine for mine-model", "{reply}");
    // A stream of an executor that has none is replayed.
    let mut body = body;
    body["stream"] = json!(true);
    let events = client(&service).post("/v1/messages", &body).await.events().await;
    assert_eq!(events.last().unwrap().event, "message_stop");
    assert!(service.conductor().executor(&ProviderId::from_static("mine")).is_some());
    service.reload().await.unwrap();
    assert_eq!(models(&service).await, ["mine-model"], "what the embedder brought stays");
    service.stop().await;
}

#[tokio::test]
async fn an_executor_of_ones_own_serves_the_entry_of_its_name_even_a_name_of_ours() {
    let upstream = FakeUpstream::start().await;
    let place = Place::new();
    place.write(&compatible(&upstream, &["key"]).replace("name: fake", "name: kimi"));
    let own = Arc::new(Named(ProviderId::from_static("kimi")));
    let service = serving(place.builder().executor(own)).await;
    assert_eq!(text(ask(&service, "m").await).await, "kimi for m");
    assert!(upstream.requests().is_empty());
    service.stop().await;
}

#[tokio::test]
async fn an_executor_of_ones_own_replaces_ours_of_the_same_provider() {
    let place = Place::new();
    place.write("claude-api-key: [{api-key: sk-ant-api03-x}]\n");
    let own = Arc::new(Named(ProviderId::from_static("claude")));
    let service = serving(place.builder().executor(own)).await;
    assert_eq!(text(ask(&service, "claude-model").await).await, "claude for claude-model");
    service.stop().await;
}

/// The one whose key comes last.
#[derive(Debug)]
struct Last;

impl Selector for Last {
    fn pick(&self, view: &ReadyView<'_>, _context: &PickContext<'_>) -> Option<usize> {
        view.iter().max_by_key(|slot| {
            view.credential(*slot).and_then(|held| held.api_key()).map(|key| key.expose().to_owned())
        })
    }
}

#[tokio::test]
async fn a_selector_of_ones_own_picks_and_goes_on_picking_after_a_reload() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([chat::completion("x")]);
    let place = Place::new();
    place.write(&compatible(&upstream, &["key-a", "key-c", "key-b"]));
    let service = serving(place.builder().selector(Arc::new(Last))).await;
    for _ in 0..3 {
        text(ask(&service, "m").await).await;
    }
    service.reload().await.unwrap();
    text(ask(&service, "m").await).await;
    assert_eq!(upstream.keys_seen(), ["key-c"; 4]);
    service.stop().await;
}

/// One route beside ours.
#[derive(Debug)]
struct Hello;

impl Routes for Hello {
    fn handle(&self, request: Request<InboundBody>, _peer: Peer) -> Routed {
        if request.uri().path() != "/hello" {
            return Routed::Unmatched(request);
        }
        Routed::reply(async { Response::new(OutboundBody::full("hello from a route")) })
    }
}

#[tokio::test]
async fn routes_of_ones_own_share_the_port_with_ours() {
    let place = Place::new();
    place.write("");
    let service = serving(place.builder().routes(Arc::new(Hello))).await;
    let anonymous = cliproxy_testkit::TestClient::new(format!("http://{}", service.local_addr()));
    assert_eq!(anonymous.get("/hello").await.text().await, "hello from a route");
    assert_eq!(models(&service).await, ["demo"]);
    service.stop().await;
}

/// Replaces what the hub would have said.
#[derive(Debug)]
struct Stamp;

impl ResponseNonStreamTransform for Stamp {
    fn transform(&self, _exchange: &Exchange, body: &Bytes) -> Result<Bytes, CodecError> {
        let reply: serde_json::Value = serde_json::from_slice(body)
            .map_err(|error| CodecError::malformed(format!("no JSON: {error}")))?;
        let text = &reply["content"][0]["text"];
        Ok(json!({"choices": [{"message": {"content": format!("stamped {text}")}}]}).to_string().into())
    }
}

#[tokio::test]
async fn a_pair_of_ones_own_wins_over_the_hub() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([claude::message("hi")]);
    let place = Place::new();
    place.write(&format!(
        "claude-api-key: [{{api-key: k, base-url: '{}', models: [{{name: m}}]}}]\n",
        upstream.url()
    ));
    let builder = place.builder().translation(|registry| {
        let response = ResponseTransforms::none().with_whole(Arc::new(Stamp));
        registry.register(ClientFormat::OPENAI, ProviderFormat::CLAUDE, None, response);
    });
    let service = serving(builder).await;
    assert_eq!(text(ask(&service, "m").await).await, "stamped \"hi\"");
    service.stop().await;
}
