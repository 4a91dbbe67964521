//! What a reload changes, what it keeps, and what it refuses. Source: design.md §7, runtime.md A.2 "Hot", A.8.

use std::sync::Arc;

use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::ProviderId;
use cliproxy_sdk::{Builder, ReloadError, Service};
use cliproxy_testkit::{FakeUpstream, TestClient, chat, status};
use serde_json::json;
use tempfile::TempDir;

struct World {
    service: Service,
    folder: TempDir,
}

impl World {
    async fn start(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, Self::text(&folder, yaml)).unwrap();
        let loader = Loader::new(Environment::default());
        let loaded = loader.load_file(&path).unwrap();
        let builder = Builder::new(loaded.config, Environment::default()).unwrap();
        let service = builder.reload_from(loader, &path).build().await.unwrap();
        service.start();
        Self { service, folder }
    }

    fn text(folder: &TempDir, yaml: &str) -> String {
        let host = if yaml.contains("host: ") { "" } else { "host: 127.0.0.1\n" };
        format!("{host}port: 0\nauth-dir: {}\n{yaml}", folder.path().join("auths").display())
    }

    async fn reload(&self, yaml: &str) -> Result<(), ReloadError> {
        let path = self.folder.path().join("config.yaml");
        std::fs::write(path, Self::text(&self.folder, yaml)).unwrap();
        self.service.reload().await.map(drop)
    }

    /// The status of a request under a client key.
    async fn ask(&self, key: &str) -> u16 {
        let client = TestClient::new(format!("http://{}", self.service.local_addr())).bearer(key);
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        client.post("/v1/chat/completions", &body).await.status()
    }
}

fn pool(upstream: &FakeUpstream, keys: &str) -> String {
    format!(
        "request-retry: 0\nrouting: {{strategy: fill-first}}\nopenai-compatibility: [{{name: router, base-url: '{}/v1', api-key-entries: [{keys}], models: [{{name: m}}]}}]\n",
        upstream.url()
    )
}

#[tokio::test]
async fn what_does_not_validate_leaves_the_old_configuration_in_force() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([chat::completion("fine")]);
    let good = format!("api-keys: [one]\n{}", pool(&upstream, "a"));
    let world = World::start(&good).await;
    for bad in [
        format!("{good}port: 70000\n"),
        format!("{good}routing: [\n"),
        // Open to everybody, beyond this machine.
        format!("host: 0.0.0.0\n{}", pool(&upstream, "a")),
    ] {
        let error = world.reload(&bad).await.unwrap_err();
        assert!(matches!(error, ReloadError::Config(_)), "{error}");
        assert_eq!((world.ask("one").await, world.ask("two").await), (200, 401), "{bad}");
    }
}

#[tokio::test]
async fn client_keys_and_credentials_change_and_cooldowns_stay() {
    let upstream = FakeUpstream::start().await;
    upstream
        .script("a", [status(429).header("retry-after", "600").json(&json!({"error": {"message": "slow"}}))]);
    upstream.script("b", [chat::completion("fine")]);
    let world = World::start(&format!("api-keys: [one]\n{}", pool(&upstream, "a"))).await;
    assert_eq!(world.ask("one").await, 429);
    assert_eq!(upstream.keys_seen(), ["a"]);

    world.reload(&format!("api-keys: [two]\n{}", pool(&upstream, "a, b"))).await.unwrap();
    assert_eq!((world.ask("one").await, world.ask("two").await), (401, 200));
    // Fill-first would begin with a: it still rests.
    assert_eq!(upstream.keys_seen(), ["a", "b"]);

    world.reload(&format!("api-keys: [two]\n{}", pool(&upstream, "a"))).await.unwrap();
    assert_eq!(world.ask("two").await, 429);
    assert_eq!(upstream.keys_seen(), ["a", "b"], "the one that is left rests, and the other is gone");
}

#[tokio::test]
async fn a_new_proxy_is_used_at_once() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([chat::completion("fine")]);
    let config = format!("api-keys: [one]\n{}", pool(&upstream, "a"));
    // Nobody listens there, and nothing may go past a proxy that is configured.
    let world = World::start(&format!("{config}proxy-url: http://127.0.0.1:1\n")).await;
    assert_eq!(world.ask("one").await, 502, "it says so, and no credential rests because of it");
    assert_eq!(upstream.requests().len(), 0);
    world.reload(&format!("{config}proxy-url: direct\n")).await.unwrap();
    assert_eq!(world.ask("one").await, 200);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn executors_go_on_until_what_they_are_made_from_changes() {
    let upstream = FakeUpstream::start().await;
    let base = pool(&upstream, "a");
    let world = World::start(&format!("api-keys: [one]\n{base}")).await;
    let executor = |name| world.service.conductor().executor(&ProviderId::from_static(name)).unwrap();
    // What they know is lost with them: tokens that logins were exchanged for, what providers said of models.
    let (copilot, router) = (executor("github-copilot"), executor("router"));
    world.reload(&format!("api-keys: [one, two]\n{base}")).await.unwrap();
    assert!(Arc::ptr_eq(&copilot, &executor("github-copilot")));
    assert!(Arc::ptr_eq(&router, &executor("router")));
    for change in ["proxy-url: direct\n", "endpoints: {github-copilot: {api: 'http://127.0.0.1:1'}}\n"] {
        let before = executor("github-copilot");
        world.reload(&format!("api-keys: [one]\n{change}{base}")).await.unwrap();
        assert!(!Arc::ptr_eq(&before, &executor("github-copilot")), "{change}");
    }
}
