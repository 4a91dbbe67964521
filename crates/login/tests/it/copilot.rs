use cliproxy_core::LoginErrorKind;
use cliproxy_testkit::{html, json, status};
use serde_json::json as j;

use crate::support::{Person, Scene, document, request};

fn seat() -> serde_json::Value {
    j!({"token": "tid=1", "expires_at": 1_795_430_000, "endpoints": {"api": "https://api.individual.githubcopilot.com"}})
}

#[tokio::test]
async fn a_github_account_with_a_seat_is_stored_under_its_name() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(
        j!({"access_token": "ghu_x", "refresh_token": null, "expires_in": null, "scope": "user:email"}),
    );
    scene
        .oauth
        .before_consent([json(&j!({"error": "authorization_pending"})), json(&j!({"error": "slow_down"}))]);
    scene.oauth.page("/user", [json(&j!({"login": "octocat", "email": null, "name": "Octo"}))]);
    scene.oauth.page("/copilot-token", [json(&seat())]);
    let login = scene.login("github-copilot", request(), &Person::answering([])).await.unwrap();
    assert_eq!(login.file_name, "github-copilot-octocat.json");
    assert_eq!(
        document(&login),
        j!({"access_token": "ghu_x", "token_type": "bearer", "scope": "user:email", "username": "octocat",
            "type": "github-copilot", "name": "Octo"})
    );
    assert_eq!(*scene.jumps.0.lock(), [5, 5, 10]);
    let asked = scene.oauth.upstream().last();
    assert_eq!(
        (asked.path.as_str(), asked.header("authorization")),
        ("/copilot-token", Some("Bearer ghu_x"))
    );
    assert!(asked.header("editor-version").is_some());
}

#[tokio::test]
async fn an_account_without_a_seat_is_not_stored() {
    for reply in [status(403).json(&j!({"message": "no access"})), status(404)] {
        let scene = Scene::new().await;
        scene.oauth.page("/user", [json(&j!({"login": "octocat"}))]);
        scene.oauth.page("/copilot-token", [reply]);
        let error = scene.login("github-copilot", request(), &Person::answering([])).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::NotEntitled);
        assert!(error.to_string().contains("no Copilot subscription"), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_had_does_not_end_the_login() {
    let scene = Scene::new().await;
    scene.oauth.page("/user", [html(502)]);
    scene.oauth.page("/copilot-token", [json(&seat())]);
    let person = Person::answering([]);
    let login = scene.login("github-copilot", request(), &person).await.unwrap();
    assert_eq!(login.file_name, "github-copilot-unknown.json");
    assert!(person.notes().contains("without its name"), "{}", person.notes());
}
