//! Stored logins whose renewal is refused for something else than the login, and such as hold nothing.

use std::time::Duration;

use cliproxy_sdk::command::{CommandError, CredentialCommand, run_credentials};
use cliproxy_sdk::config::Loader;
use cliproxy_testkit::{FakeTokenEndpoint, FakeUpstream, Reuse, chat, json, status};
use serde_json::{Value, json};

use crate::place::{Place, ask, text};

fn stored(place: &Place, name: &str, file: &Value) {
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

/// Source: providers-a.md 9 "One refresh in flight per refresh token"; providers-b.md 1.4.
#[tokio::test]
async fn two_files_with_one_refresh_token_spend_it_once_and_the_other_is_named() {
    let tokens = FakeTokenEndpoint::start(["R0"]).await;
    // As strict as they come: the second use ends the account.
    tokens.set_reuse(Reuse::Revokes);
    let place = Place::new();
    place.write(&format!("endpoints: {{claude: {{token: '{}'}}}}\n", tokens.url()));
    let file = json!({"type": "claude", "email": "me@example.com", "access_token": "A0", "refresh_token": "R0",
        "expired": "2020-01-01T00:00:00Z"});
    for name in ["claude-me.json", "claude-me (copy).json"] {
        stored(&place, name, &file);
    }
    let config = Loader::new(place.environment.clone()).load_file(&place.path()).unwrap().config;
    let never = std::future::pending();
    let listed = run_credentials(&config, &place.environment, &CredentialCommand::List, true, never);
    let listed: Value = serde_json::from_str(&listed.await.unwrap()).unwrap();
    let states: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["state"].as_str().unwrap()))
        .collect();
    let [used, other] = ["claude-me (copy).json", "claude-me.json"]
        .map(|name| states.iter().find(|(known, _)| *known == name).unwrap().1);
    assert_eq!(used, "ready");
    assert!(
        other.contains("refresh token of claude-me (copy).json") && other.contains("delete one"),
        "{other}"
    );

    let service = place.serve().await;
    let logins = || {
        let all = service.conductor().credentials().into_iter();
        let logins = all.filter(|status| status.credential.provider().as_str() == "claude");
        logins.map(|status| status.credential.id().as_str().to_owned()).collect::<Vec<_>>()
    };
    let is_kept = || {
        std::fs::read_to_string(place.auth_dir().join("claude-me (copy).json")).unwrap().contains("refresh-1")
    };
    let renewed = async {
        while !is_kept() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(60), renewed).await.is_ok(),
        "{:?}",
        tokens.redemptions()
    );
    // Their tokens differ by now, and the other one's is spent.
    service.reload().await.unwrap();
    assert_eq!(logins(), ["claude-me (copy).json"]);
    // Not even while that one is out of use, or somebody writes its file.
    let path = place.auth_dir().join("claude-me (copy).json");
    let kept = std::fs::read_to_string(&path).unwrap();
    let mut off: Value = serde_json::from_str(&kept).unwrap();
    off["disabled"] = json!(true);
    for meanwhile in [off.to_string(), r#"{"type":"cla"#.to_owned()] {
        std::fs::write(&path, &meanwhile).unwrap();
        service.reload().await.unwrap();
        assert!(!logins().contains(&"claude-me.json".to_owned()), "{meanwhile}");
        std::fs::write(&path, &kept).unwrap();
        service.reload().await.unwrap();
        assert_eq!(logins(), ["claude-me (copy).json"]);
    }
    // Its own login, and both serve.
    let mut own = file.clone();
    own["refresh_token"] = json!("S0");
    own["expired"] = json!("2100-01-01T00:00:00Z");
    stored(&place, "claude-me.json", &own);
    service.reload().await.unwrap();
    assert_eq!(logins().len(), 2);
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
    service.stop().await;
}

#[tokio::test]
async fn a_login_that_is_left_out_for_another_is_neither_renewed_nor_tested_by_itself() {
    let tokens = FakeTokenEndpoint::start(["R0"]).await;
    tokens.set_reuse(Reuse::Revokes);
    let place = Place::new();
    place.write(&format!("endpoints: {{claude: {{token: '{url}', api: '{url}'}}}}\n", url = tokens.url()));
    let file = json!({"type": "claude", "access_token": "A0", "refresh_token": "R0",
        "expired": "2020-01-01T00:00:00Z"});
    for name in ["a.json", "b.json"] {
        stored(&place, name, &file);
    }
    let config = Loader::new(place.environment.clone()).load_file(&place.path()).unwrap().config;
    let run = |command: CredentialCommand, as_json: bool| {
        let (config, environment) = (&config, &place.environment);
        async move { run_credentials(config, environment, &command, as_json, std::future::pending()).await }
    };
    let listed: Value = serde_json::from_str(&run(CredentialCommand::List, true).await.unwrap()).unwrap();
    let why = listed[1]["state"].as_str().unwrap();
    assert!(why.contains("refresh token of a.json"), "{why}");
    let name = || "b".to_owned();
    for command in [
        CredentialCommand::Test { name: name(), model: None, lists_within: Duration::ZERO },
        CredentialCommand::Refresh { name: name() },
    ] {
        for as_json in [false, true] {
            let error = run(command.clone(), as_json).await.unwrap_err();
            assert!(matches!(error, CommandError::Refused { .. }), "{command:?}: {error}");
            assert_eq!(error.to_string(), format!("b.json: {why}"));
        }
    }
    assert!(tokens.redemptions().is_empty(), "the token of the other one is not spent");
    run(CredentialCommand::Refresh { name: "a".to_owned() }, true).await.unwrap();
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
}
