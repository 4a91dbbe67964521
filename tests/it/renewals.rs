//! Logins in the auth directory: their tokens are renewed when they end and when they are refused, and written back.

use std::path::PathBuf;
use std::time::Duration;

use cliproxy_testkit::{FakeTokenEndpoint, FakeUpstream, Received, Reply, gemini, json as reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{clients, said};
use crate::matrix::hello;
use crate::server::Server;

/// A kind of login: where its file has the tokens.
struct Kind {
    name: &'static str,
    model: &'static str,
    file: fn(access: &str, expired: &str) -> Value,
    access: fn(&Value) -> &Value,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "gemini-cli",
        model: "gemini-2.5-flash",
        file: |access, expired| {
            json!({"type":"gemini","email":"me@example.com","note":"mine",
                "token":{"access_token":access,"refresh_token":"refresh-0","expiry":expired,"scopes":["s"]}})
        },
        access: |file| &file["token"]["access_token"],
    },
    Kind {
        name: "antigravity",
        model: "gemini-3-flash",
        file: |access, expired| {
            json!({"type":"antigravity","email":"me@example.com","note":"mine","access_token":access,
                "refresh_token":"refresh-0","expired":expired})
        },
        access: |file| &file["access_token"],
    },
];

const FUTURE: &str = "2099-01-01T00:00:00Z";

/// Lets nobody in but with the token that a renewal brings.
fn guarded(request: &Received) -> Reply {
    let authorized = request.header("authorization") == Some("Bearer access-1");
    if !authorized {
        return gemini::error(401, "UNAUTHENTICATED", "the token has expired");
    }
    match request.path.rsplit_once(':').map(|(_, action)| action) {
        Some("loadCodeAssist") => reply(&json!({"cloudaicompanionProject": "found"})),
        Some("fetchAvailableModels") => reply(&json!({"models": {"gemini-3-flash": {}}})),
        Some("streamGenerateContent") => {
            gemini::Generation::new().text("in").usage(12, 7).stream_in_envelope()
        }
        _ => gemini::Generation::new().text("in").usage(12, 7).whole_in_envelope(),
    }
}

struct Scene {
    server: Server,
    upstream: FakeUpstream,
    tokens: FakeTokenEndpoint,
    file: PathBuf,
}

impl Scene {
    async fn with(kind: &Kind, file: &Value) -> Self {
        let (upstream, tokens) = (FakeUpstream::start().await, FakeTokenEndpoint::start(["refresh-0"]).await);
        upstream.answer_with(guarded);
        let home = TempDir::new().unwrap();
        let credentials = home.path().join("credentials");
        std::fs::create_dir(&credentials).unwrap();
        let path = credentials.join("login.json");
        std::fs::write(&path, file.to_string()).unwrap();
        let (name, api, token) = (kind.name, upstream.url(), tokens.url());
        let more = if name == "antigravity" { format!(", onboarding: '{api}'") } else { String::new() };
        let yaml = format!(
            "endpoints: {{{name}: {{api: '{api}', token: '{token}'{more}}}}}\n\
             oauth-clients: {{{name}: {{client-secret: CANARY-client-secret}}}}\n"
        );
        let server = Server::with_config_in(home, &yaml).await;
        Self { server, upstream, tokens, file: path }
    }

    fn stored(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(&self.file).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_file_keeps_what_it_had() {
    for kind in &KINDS {
        let scene = Scene::with(kind, &(kind.file)("stale", FUTURE)).await;
        let feature = hello();
        for client in clients() {
            for stream in [false, true] {
                let body = client.body(kind.model, &feature.ask, stream);
                let reply = scene.server.client().post(&client.path(kind.model, stream), &body).await;
                let told = said(client, stream, reply).await;
                assert_eq!(told.text, "in", "{} {} {stream}", kind.name, client.name());
            }
        }
        assert_eq!(scene.tokens.redemptions().len(), 1, "{}: one renewal serves all", kind.name);
        let file = scene.stored();
        assert_eq!((kind.access)(&file), "access-1", "{file}");
        assert_eq!((&file["note"], &file["email"]), (&json!("mine"), &json!("me@example.com")), "{file}");
        // It had no project: Google named one, and it is kept.
        assert_eq!(file["project_id"], "found", "{file}");
        let spent = scene.upstream.requests();
        let spent = spent.iter().filter(|request| request.path.contains("enerateContent"));
        assert!(spent.clone().count() >= 10);
        for request in spent.filter(|request| request.header("authorization") == Some("Bearer access-1")) {
            assert_eq!(request.json()["project"], "found");
        }
        let log = scene.server.log();
        for secret in ["CANARY", "access-1", "refresh-1", "stale"] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_before_anybody_asks() {
    for kind in &KINDS {
        let scene = Scene::with(kind, &(kind.file)("stale", "2026-01-01T00:00:00Z")).await;
        while (kind.access)(&scene.stored()) != "access-1" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(scene.tokens.reuses(), 0);
    }
}

#[tokio::test]
async fn a_dead_login_is_told_without_its_tokens_and_the_file_stays() {
    for kind in &KINDS {
        let mut file = (kind.file)("stale", FUTURE);
        match kind.name {
            "gemini-cli" => file["token"]["refresh_token"] = json!("revoked-CANARY"),
            _ => file["refresh_token"] = json!("revoked-CANARY"),
        }
        file["project_id"] = json!("p-1");
        let scene = Scene::with(kind, &file).await;
        let (client, feature) = (clients()[0], hello());
        let body = client.body(kind.model, &feature.ask, false);
        let reply = scene.server.client().post(&client.path(kind.model, false), &body).await;
        // Our credential, not the client's: it could do nothing about it.
        assert_eq!(reply.status(), 503, "{}", reply.text().await);
        assert!(!reply.text().await.contains("CANARY"));
        assert_eq!(scene.stored(), file, "nothing is lost: a person may still look at it");
        assert!(!scene.server.log().contains("CANARY"), "{}", scene.server.log());
    }
}
