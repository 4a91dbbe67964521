//! The demo and keys of the environment: there while nothing else is.
// Source: design.md §8.

use cliproxy_testkit::{FakeUpstream, claude};

use crate::place::{Place, ask, compatible, models, text};

const SECRET: &str = "sk-ant-api03-CANARY-of-the-environment";

#[tokio::test]
async fn the_demo_answers_until_a_real_credential_comes_and_again_after_it_went() {
    let upstream = FakeUpstream::start().await;
    let place = Place::new();
    place.write("");
    let service = place.serve().await;
    assert_eq!(models(&service).await, ["demo"]);
    assert!(text(ask(&service, "demo").await).await.contains("Hello from cliproxy"));
    place.write(&compatible(&upstream, &["key"]));
    service.reload().await.unwrap();
    assert_eq!(models(&service).await, ["m"]);
    assert_eq!(ask(&service, "demo").await.status(), 404);
    place.write("");
    service.reload().await.unwrap();
    assert_eq!(models(&service).await, ["demo"]);
    service.stop().await;
}

/// What the environment's key is seen to do.
async fn with_key(yaml: &str) -> (Place, FakeUpstream) {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([claude::message("from the environment")]);
    let place = Place::with_environment(&[("ANTHROPIC_API_KEY", SECRET)]);
    place.write(&format!("endpoints: {{claude: {{api: '{}'}}}}\n{yaml}", upstream.url()));
    (place, upstream)
}

#[tokio::test]
async fn a_key_of_the_environment_serves_while_nothing_else_does() {
    let (place, upstream) = with_key("").await;
    let service = place.serve().await;
    assert_eq!(text(ask(&service, "claude-sonnet-4-6").await).await, "from the environment");
    assert_eq!(upstream.keys_seen(), [SECRET]);
    assert!(!format!("{service:?} {:?}", service.conductor().credentials()).contains("CANARY"));

    let other = FakeUpstream::start().await;
    place.write(&compatible(&other, &["key"]));
    service.reload().await.unwrap();
    assert_eq!(models(&service).await, ["m"], "a credential of the config silences the environment's");
    service.stop().await;
}

#[tokio::test]
async fn a_stored_credential_silences_the_environments() {
    let (place, upstream) = with_key("").await;
    std::fs::create_dir(place.auth_dir()).unwrap();
    let stored = r#"{"type":"claude","api_key":"sk-ant-api03-stored"}"#;
    std::fs::write(place.auth_dir().join("claude-a.json"), stored).unwrap();
    let service = place.serve().await;
    ask(&service, "claude-sonnet-4-6").await;
    assert_eq!(upstream.keys_seen(), ["sk-ant-api03-stored"]);
    service.stop().await;
}

#[tokio::test]
async fn the_switch_turns_the_environments_keys_off() {
    let (place, _upstream) = with_key("env-credentials: false\n").await;
    let service = place.serve().await;
    assert_eq!(models(&service).await, ["demo"]);
    service.stop().await;
}

#[tokio::test]
async fn a_key_that_is_one_of_our_client_keys_is_never_spent() {
    let (place, upstream) = with_key("").await;
    place.write_raw(&format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{}, {SECRET}]\nendpoints: {{claude: {{api: '{}'}}}}\n",
        crate::place::KEY,
        upstream.url()
    ));
    let service = place.serve().await;
    assert_eq!(models(&service).await, ["demo"]);
    assert_eq!(ask(&service, "claude-sonnet-4-6").await.status(), 404);
    service.stop().await;
}

#[tokio::test]
async fn a_key_that_stands_in_the_config_too_has_the_entrys_settings() {
    let entry = "claude-api-key: [{api-key: SECRET, prefix: team, priority: 7}]\n".replace("SECRET", SECRET);
    // Beside another credential the environment's keys are not used at all.
    let other = FakeUpstream::start().await;
    let (place, upstream) = with_key(&format!("{entry}{}", compatible(&other, &["key"]))).await;
    let service = place.serve().await;
    for _ in 0..2 {
        let listed = models(&service).await;
        assert!(listed.iter().any(|id| id == "team/claude-sonnet-4-6"), "{listed:?}");
        assert_eq!(text(ask(&service, "team/claude-sonnet-4-6").await).await, "from the environment");
        assert_eq!(upstream.last().key, SECRET);
        let all = service.conductor().credentials();
        let claude: Vec<_> =
            all.iter().filter(|one| one.credential.provider().as_str() == "claude").collect();
        assert_eq!(claude.len(), 1);
        let settings = claude[0].credential.settings();
        assert_eq!((settings.priority, settings.fallback), (7, false));
        service.reload().await.unwrap();
    }
    service.stop().await;
}
