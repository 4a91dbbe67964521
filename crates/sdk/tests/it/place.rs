//! A service with a config file of its own, and a provider to call.

use std::path::PathBuf;

use cliproxy_sdk::config::{Config, Environment, Loader};
use cliproxy_sdk::{Builder, Service};
use cliproxy_testkit::{FakeUpstream, TestClient, TestReply};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const KEY: &str = "client-key-of-the-tests";

/// The file and everything around it.
pub struct Place {
    pub home: TempDir,
    pub environment: Environment,
}

impl Place {
    pub fn new() -> Self {
        Self { home: TempDir::new().unwrap(), environment: Environment::default() }
    }

    pub fn with_environment(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { environment: Environment::new(variables), ..Self::new() }
    }

    pub fn path(&self) -> PathBuf {
        self.home.path().join("config.yaml")
    }

    pub fn auth_dir(&self) -> PathBuf {
        self.home.path().join("credentials")
    }

    /// Writes the file: the listener, a client key and a store, and what `yaml` adds.
    pub fn write(&self, yaml: &str) {
        self.write_raw(&format!("host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\n{yaml}"));
    }

    pub fn write_raw(&self, yaml: &str) {
        let auth_dir = self.auth_dir();
        std::fs::write(self.path(), format!("auth-dir: {}\n{yaml}", auth_dir.display())).unwrap();
    }

    /// The file as it is.
    pub fn config(&self) -> Config {
        Loader::new(self.environment.clone()).load_file(&self.path()).unwrap().config
    }

    /// A builder under the file as it is.
    pub fn builder(&self) -> Builder {
        let loader = Loader::new(self.environment.clone());
        let loaded = loader.load_file(&self.path()).unwrap();
        Builder::new(loaded.config, self.environment.clone()).unwrap().reload_from(loader, self.path())
    }

    /// A running service under the file as it is.
    pub async fn serve(&self) -> Service {
        serving(self.builder()).await
    }
}

pub async fn serving(builder: Builder) -> Service {
    let service = builder.build().await.unwrap();
    service.start();
    service
}

/// One OpenAI-compatible service of these keys at the fake.
pub fn compatible(upstream: &FakeUpstream, keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("{{api-key: {key}}}")).collect();
    format!(
        "openai-compatibility:\n  - name: fake\n    base-url: {}/v1\n    models: [{{name: m}}]\n    api-key-entries: [{}]\n",
        upstream.url(),
        keys.join(", ")
    )
}

pub fn client(service: &Service) -> TestClient {
    TestClient::new(format!("http://{}", service.local_addr())).bearer(KEY)
}

pub fn question(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
}

/// Asks for a whole Chat completion.
pub async fn ask(service: &Service, model: &str) -> TestReply {
    client(service).post("/v1/chat/completions", &question(model, false)).await
}

/// The text of a whole Chat completion.
pub async fn text(reply: TestReply) -> String {
    let status = reply.status();
    let body = reply.json().await;
    assert_eq!(status, 200, "{body}");
    body["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

pub async fn models(service: &Service) -> Vec<String> {
    let listed = client(service).get("/v1/models").await.json().await;
    let ids = listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids
}
