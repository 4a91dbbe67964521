//! `test MODEL` and `credentials test` know what providers list, as a server does a moment after its start.

use cliproxy_testkit::{FakeUpstream, Reply, hang, json as reply, responses, status};
use serde_json::json;
use tempfile::TempDir;

use crate::ask::Answer;
use crate::provider::logins;
use crate::server::command;

/// Named by the provider's list alone.
const MODEL: &str = "in-no-list-of-ours";

/// A home with a Codex key and a login of Antigravity, whose lists of models are these.
async fn world(codex: Reply, antigravity: Reply) -> (TempDir, [FakeUpstream; 2]) {
    let home = TempDir::new().unwrap();
    let (keys, login) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let yaml = format!(
        "host: 127.0.0.1\nauth-dir: ./credentials\n\
         codex-api-key: [{{api-key: key-CANARY, base-url: '{}'}}]\n",
        keys.url()
    );
    std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
    std::fs::create_dir(home.path().join("credentials")).unwrap();
    let file = json!({"type": "antigravity", "email": "me@example.com", "project_id": "p-1",
        "access_token": "token-CANARY", "base_url": login.url()});
    std::fs::write(home.path().join("credentials/antigravity-me.json"), file.to_string()).unwrap();
    keys.answer_with(move |request| match request.path.as_str() {
        "/models" => codex.clone(),
        _ => responses::Response::new().text("from codex").usage(12, 7).stream(),
    });
    login.answer_with(move |request| {
        let provider = logins()[1];
        let answer = Answer { text: Some("from antigravity"), ..Answer::default() };
        match request.path.as_str() {
            "/v1internal:fetchAvailableModels" => antigravity.clone(),
            _ => provider.answer(&answer, provider.asked(request).1),
        }
    });
    (home, [keys, login])
}

fn listed() -> [Reply; 2] {
    [reply(&json!({"data": [{"id": MODEL}]})), reply(&json!({"models": {MODEL: {}}}))]
}

async fn run(home: &TempDir, arguments: &[&str]) -> (i32, String) {
    let done = command(home, arguments).output().await.unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(!said.contains("CANARY"), "{said}");
    (done.status.code().unwrap(), said)
}

#[tokio::test]
async fn a_model_that_only_the_providers_list_names_can_be_tested() {
    let [codex, antigravity] = listed();
    let (home, [keys, login]) = world(codex, antigravity).await;
    let (code, said) = run(&home, &["credentials", "test", "antigravity-me", "--model", MODEL]).await;
    assert!(code == 0 && said.contains("from antigravity"), "{said}");
    assert!(keys.requests().is_empty(), "one credential is tested, and no other is asked");
    assert_eq!(login.last().json()["model"], MODEL);

    // What both list is served by whoever is picked.
    let (code, said) = run(&home, &["test", MODEL]).await;
    assert!(code == 0 && said.contains("\"from "), "{said}");
}

#[tokio::test]
async fn a_list_that_does_not_come_or_fails_is_told_where_its_models_are_missed() {
    for (command, list, words) in [
        (&["test", MODEL][..], hang(), "the list of models of codex (codex:"),
        (&["test", MODEL][..], hang(), "has not come yet"),
        (&["credentials", "test", "antigravity-me", "--model", MODEL], hang(), "has not come yet"),
        (&["test", MODEL], status(500), "cannot be had: "),
        (&["credentials", "test", "antigravity-me", "--model", MODEL], status(404), "cannot be had: "),
    ] {
        let (home, [keys, login]) = world(list.clone(), list).await;
        let (code, said) = run(&home, &[command, &["--models-timeout", "1"]].concat()).await;
        assert_eq!(code, 1, "{command:?}: {said}");
        assert!(said.contains(words) && said.contains(MODEL), "{command:?}: {said}");
        let asked = [keys.requests(), login.requests()].concat();
        assert!(asked.iter().all(|request| request.path.to_lowercase().contains("models")), "{asked:?}");
    }
    // What is known without the list is tested all the same.
    let (home, _upstreams) = world(hang(), hang()).await;
    let (code, said) = run(&home, &["test", "gpt-5", "--models-timeout", "1"]).await;
    assert!(code == 0 && said.contains("from codex"), "{said}");
}
