//! Names of providers and endpoints in a configuration, with those that an embedder brings.

use std::sync::Arc;

use cliproxy_config::{Environment, Loaded, Loader};
use cliproxy_core::{
    Attempt, Endpoint, ErrorKind, ExecutorError, Operation, ProviderExecutor, ProviderFormat, ProviderId,
};
use cliproxy_core::{Credential, UpstreamModel, WireReply, WireStream};
use cliproxy_sdk::{Builder, ReloadError, StartError, async_trait, known_endpoints, known_names};

use crate::place::Place;

/// A provider of somebody else's.
#[derive(Debug)]
struct Acme(ProviderId, &'static [Endpoint]);

impl Acme {
    fn brought(endpoints: &'static [Endpoint]) -> Arc<dyn ProviderExecutor> {
        Arc::new(Self(ProviderId::from_static("acme"), endpoints))
    }
}

#[async_trait]
impl ProviderExecutor for Acme {
    fn provider(&self) -> &ProviderId {
        &self.0
    }
    fn wire_formats(&self, _: &UpstreamModel, _: Operation) -> &[ProviderFormat] {
        const { &[ProviderFormat::OPENAI] }
    }
    async fn models(&self, _: &Credential) -> Result<Vec<cliproxy_core::ModelInfo>, ExecutorError> {
        Ok(Vec::new())
    }
    async fn execute(&self, _: Attempt) -> Result<WireReply, ExecutorError> {
        Err(ExecutorError::new(ErrorKind::Misconfigured, "nobody calls it"))
    }
    async fn execute_stream(&self, _: Attempt) -> Result<WireStream, ExecutorError> {
        Err(ExecutorError::new(ErrorKind::Misconfigured, "nobody calls it"))
    }
    fn endpoints(&self) -> &[Endpoint] {
        self.1
    }
}

const ACME: &[Endpoint] = &[Endpoint::new("api", "https://acme.example")];

fn load(yaml: &str, brought: &[Arc<dyn ProviderExecutor>]) -> Result<Loaded, String> {
    let loader = Loader::new(Environment::default()).known_names(known_names(brought));
    let text = format!("host: 127.0.0.1\nauth-dir: ./none\n{yaml}\n");
    loader.load_str("c", &text).map_err(|errors| errors.to_string())
}

#[test]
fn every_endpoint_that_is_listed_is_known_and_a_mistyped_one_is_a_mistake() {
    for (provider, name, _) in known_endpoints() {
        let loaded = load(&format!("endpoints: {{{provider}: {{{name}: 'http://x'}}}}"), &[]).unwrap();
        assert_eq!(loaded.notices, [], "{provider}.{name}");
        let wrong = load(&format!("endpoints: {{{provider}: {{{name}i: 'http://x'}}}}"), &[]).unwrap_err();
        assert!(wrong.contains(&format!("did you mean `endpoints.{provider}.")), "{wrong}");
    }
    let nobody = load("endpoints: {nobody: {api: 'http://x'}}", &[]).unwrap_err();
    assert!(nobody.starts_with("c:3:13: `endpoints.nobody`: no provider of this name"), "{nobody}");
}

#[test]
fn every_provider_with_accounts_is_a_channel_and_every_client_can_be_another() {
    let said = |yaml: &str| -> Vec<String> {
        load(yaml, &[]).unwrap().notices.iter().map(ToString::to_string).collect()
    };
    // Source: runtime.md A.4.
    for channel in [
        "gemini-cli",
        "vertex",
        "aistudio",
        "antigravity",
        "claude",
        "codex",
        "qwen",
        "iflow",
        "kiro",
        "github-copilot",
        "kimi",
        "xai",
    ] {
        assert!(said(&format!("oauth-excluded-models: {{{channel}: [a]}}")).is_empty(), "{channel}");
    }
    for client in ["antigravity", "claude", "codex", "gemini-cli", "github-copilot", "iflow", "kimi", "qwen"]
    {
        assert!(said(&format!("oauth-clients: {{{client}: {{client-id: a}}}}")).is_empty(), "{client}");
    }
    for yaml in [
        // Its keys have no channel.
        "oauth-model-alias: {gemini: [{name: a, alias: b}]}",
        // Each login registers a client of its own.
        "oauth-clients: {kiro: {client-id: a}}",
    ] {
        let found = said(yaml);
        assert!(
            matches!(&found[..], [only] if only.contains("names no provider that it could be about")),
            "{found:?}"
        );
    }
}

#[test]
fn what_an_embedder_brings_is_known() {
    let all = "endpoints: {acme: {api: 'http://x'}}\noauth-clients: {acme: {client-id: a}}\noauth-excluded-models: {acme: [a]}";
    assert_eq!(load(all, &[Acme::brought(ACME)]).unwrap().notices, []);
    // One that does not say what it has reads what it likes.
    assert_eq!(load(all, &[Acme::brought(&[])]).unwrap().notices, []);
    let wrong = load("endpoints: {acme: {apii: 'http://x'}}", &[Acme::brought(ACME)]).unwrap_err();
    assert!(wrong.contains("did you mean `endpoints.acme.api`?"), "{wrong}");
    assert!(load(all, &[]).unwrap_err().contains("`endpoints.acme`"));
}

#[tokio::test]
async fn a_service_does_not_start_where_a_url_would_be_called_by_nobody() {
    let place = Place::new();
    place.write("endpoints: {claude: {apii: 'http://x'}, acme: {api: 'http://x'}}\n");
    let error = place.builder().build().await.unwrap_err();
    let StartError::UnknownEndpoints { keys } = &error else { panic!("{error}") };
    assert_eq!(keys, &["endpoints.acme.api", "endpoints.claude.apii"]);
    let error = place.builder().executor(Acme::brought(ACME)).build().await.unwrap_err();
    assert!(error.to_string().starts_with("endpoints.claude.apii replaces no URL"), "{error}");
    // An embedder may know of more.
    let names = known_names(&[]).with_endpoint("acme", "api").with_endpoint("claude", "apii");
    let loader = Loader::new(Environment::default()).known_names(names);
    let config = loader.load_file(&place.path()).unwrap().config;
    let builder = Builder::new(config, Environment::default()).unwrap();
    builder.reload_from(loader, place.path()).build().await.unwrap().stop().await;
}

#[tokio::test]
async fn a_reload_knows_what_the_embedder_brought_and_refuses_a_mistyped_name() {
    let place = Place::new();
    place.write("");
    let service = place.builder().executor(Acme::brought(ACME)).build().await.unwrap();
    place.write("endpoints: {acme: {api: 'http://x'}}\n");
    assert_eq!(service.reload().await.unwrap(), []);
    place.write("endpoints: {acme: {ap: 'http://x'}}\n");
    let ReloadError::Config(errors) = service.reload().await.unwrap_err() else { panic!("another error") };
    assert!(errors.to_string().contains("config.yaml:5:20: `endpoints.acme.ap`"), "{errors}");
    assert!(service.config().endpoints["acme"].contains_key("api"), "the old one stays in force");
    service.stop().await;
}
