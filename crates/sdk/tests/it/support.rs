use cliproxy_config::{Environment, Loader};
use cliproxy_sdk::{Builder, Service};
use cliproxy_testkit::TestClient;
use tempfile::TempDir;

pub const KEY: &str = "client-key-of-the-tests";

/// A running service, and the folder of its credentials.
pub struct World {
    pub service: Service,
    pub home: TempDir,
}

impl World {
    pub async fn start(yaml: &str) -> Self {
        Self::with_environment(yaml, Environment::default()).await
    }

    pub async fn with_environment(yaml: &str, environment: Environment) -> Self {
        let home = TempDir::new().unwrap();
        let loader = Loader::new(environment.clone());
        let config = loader.load_str("test.yaml", &text(yaml, &home)).unwrap().config;
        let path = home.path().join("config.yaml");
        let service =
            Builder::new(config, environment).unwrap().reload_from(loader, path).build().await.unwrap();
        service.start();
        Self { service, home }
    }

    pub async fn reload(&self, yaml: &str) {
        std::fs::write(self.home.path().join("config.yaml"), text(yaml, &self.home)).unwrap();
        self.service.reload().await.unwrap();
    }

    pub fn client(&self) -> TestClient {
        TestClient::new(format!("http://{}", self.service.local_addr())).bearer(KEY)
    }

    /// The names that clients see.
    pub async fn models(&self) -> Vec<String> {
        let list = self.client().get("/v1/models").await.json().await;
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until a model is offered, or is offered no more.
    pub async fn wait_for(&self, model: &str, offered: bool) {
        while self.models().await.iter().any(|known| known == model) != offered {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

fn text(yaml: &str, home: &TempDir) -> String {
    let folder = home.path().join("credentials");
    format!("host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nauth-dir: '{}'\n{yaml}", folder.display())
}
