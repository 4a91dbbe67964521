//! Stored logins whose renewal is refused for something else than the login, and such as hold nothing.

use std::time::Duration;

use cliproxy_sdk::command::{CredentialCommand, run_credentials};
use cliproxy_sdk::config::Loader;
use cliproxy_testkit::{FakeUpstream, chat, json, status};
use serde_json::{Value, json};

use crate::place::{Place, ask, text};

pub fn stored(place: &Place, name: &str, file: &Value) {
    std::fs::create_dir_all(place.auth_dir()).unwrap();
    std::fs::write(place.auth_dir().join(name), file.to_string()).unwrap();
}

#[tokio::test]
async fn a_corrected_oauth_client_brings_a_login_back_with_the_next_reload() {
    // Source: RFC 6749 §5.2 `invalid_client`; providers-b.md 4.3.
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(|request| match request.path.as_str() {
        "/token" => {
            let basic = request.header("authorization").unwrap_or_default().to_owned();
            // `mine:right`.
            if basic == "Basic bWluZTpyaWdodA==" {
                json(
                    &json!({"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 360_000}),
                )
            } else {
                status(401).json(&json!({"error": "invalid_client", "error_description": "secret"}))
            }
        }
        "/userinfo" => {
            json(&json!({"success": true, "data": {"apiKey": "key-2", "email": "me@example.com"}}))
        }
        _ if request.key == "key-2" => chat::completion("fine"),
        _ => status(401).json(&json!({"error": {"message": "expired"}})),
    });
    let place = Place::new();
    let file = json!({"type": "iflow", "email": "me@example.com", "access_token": "access-1", "api_key": "key-1",
        "refresh_token": "refresh-1", "expired": "2020-01-01T00:00:00Z"});
    stored(&place, "iflow-me.json", &file);
    let with_secret = |secret: &str| {
        let url = upstream.url();
        place.write(&format!(
            "request-retry: 0\noauth-clients: {{iflow: {{client-id: mine, client-secret: {secret}}}}}\nendpoints: {{iflow: {{token: '{url}/token', userinfo: '{url}/userinfo', api: '{url}/v1'}}}}\n"
        ));
    };
    let renewals = || upstream.requests().iter().filter(|request| request.path == "/token").count();
    with_secret("wrong");
    let service = place.serve().await;
    let error = || {
        let mut all = service.conductor().credentials().into_iter();
        let login = all.find(|status| status.credential.provider().as_str() == "iflow").unwrap();
        login.renewal_error.map(|error| error.to_string())
    };
    while error().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = error().unwrap();
    assert!(told.contains("`oauth-clients`") && !told.contains("log in again"), "{told}");
    let tried = renewals();
    service.reload().await.unwrap();
    with_secret("right");
    service.reload().await.unwrap();
    let mended = async {
        while renewals() == tried || error().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Sooner than by the pause after a failure, which is a minute.
    assert!(tokio::time::timeout(Duration::from_secs(30), mended).await.is_ok(), "{:?}", error());
    assert_eq!(text(ask(&service, "glm-4.6").await).await, "fine");
    service.stop().await;
}

#[tokio::test]
async fn a_login_without_tokens_is_listed_as_such_with_the_next_step() {
    let place = Place::new();
    for (name, provider, file, model) in [
        ("a.json", "claude", json!({"type": "claude", "email": "e"}), "claude-haiku-4-5-20251001"),
        ("b.json", "kiro", json!({"type": "kiro", "refresh_token": " "}), "kiro-claude-sonnet-4-5"),
        (
            "c.json",
            "gemini-cli",
            json!({"type": "gemini", "project_id": "p", "token": {}}),
            "gemini-2.5-flash",
        ),
        ("d.json", "antigravity", json!({"type": "antigravity", "project_id": "p"}), "gemini-3-flash"),
    ] {
        let place = Place::new();
        place.write("request-retry: 0\n");
        stored(&place, name, &file);
        let next = format!("cliproxy-server login {provider}");
        let loader = Loader::new(place.environment.clone());
        let config = loader.load_file(&place.path()).unwrap().config;
        let listed = run_credentials(
            &config,
            &place.environment,
            &CredentialCommand::List,
            true,
            std::future::pending(),
        );
        let listed: Value = serde_json::from_str(&listed.await.unwrap()).unwrap();
        let state = listed[0]["state"].as_str().unwrap();
        assert!(state.contains("no token") && state.contains(&next), "{provider}: {state}");
        let service = place.serve().await;
        // To clients it is the operator's trouble.
        let reply = ask(&service, model).await;
        let (status, said) = (reply.status(), reply.text().await);
        assert!(status >= 500 && said.contains("incomplete"), "{provider}: {said}");
        service.stop().await;
    }
    // One that has what it needs to be renewed is none of these.
    stored(&place, "e.json", &json!({"type": "claude", "refresh_token": "r"}));
    place.write("");
    let config = Loader::new(place.environment.clone()).load_file(&place.path()).unwrap().config;
    let listed =
        run_credentials(&config, &place.environment, &CredentialCommand::List, false, std::future::pending());
    assert!(listed.await.unwrap().trim().ends_with(": ready"));
}
