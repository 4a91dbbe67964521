use cliproxy_core::LoginErrorKind;
use cliproxy_testkit::{html, json, status};
use serde_json::json as j;

use crate::support::{Scene, document, request};

fn account() -> serde_json::Value {
    j!({"account": {"uuid": "acc", "email_address": "me@example.com"}, "organization": {"uuid": "org", "name": "Home"}})
}

#[tokio::test]
async fn a_login_through_the_browser_ends_in_the_references_own_file() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(account());
    let person = scene.willing();
    let login = scene.login("claude", request(), &person).await.unwrap();
    assert_eq!(login.file_name, "claude-me@example.com.json");
    assert_eq!(
        document(&login).to_string(),
        j!({"id_token": "", "access_token": "access-2", "refresh_token": "refresh-2",
            "expired": "2026-11-23T11:00:15Z", "last_refresh": "2026-11-23T10:00:15Z", "email": "me@example.com",
            "type": "claude", "account_uuid": "acc", "organization_uuid": "org", "organization_name": "Home"})
        .to_string()
    );
    let asked = scene.oauth.upstream().last();
    let sent = asked.json();
    // Source: providers-a.md 2.1: JSON, with the state, and the constant redirect URI wherever the listener is.
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(sent["redirect_uri"], "http://localhost:54545/callback");
    assert!(sent["state"].as_str().unwrap().len() >= 16, "{sent}");
    let pages = person.pages.lock().clone();
    assert_eq!(pages.len(), 1);
    assert!(pages[0].0 == 200 && pages[0].1.contains("You are logged in"), "{pages:?}");
}

#[tokio::test]
async fn the_authorize_url_says_what_the_provider_wants() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(account());
    let person = scene.willing();
    scene.login("claude", request(), &person).await.unwrap();
    let told = person.told.lock();
    let cliproxy_core::LoginStep::Open { url, .. } = &told[0] else { panic!("{told:?}") };
    let (_, query) = url.split_once('?').unwrap();
    let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
    let expected = [
        "code",
        "client_id",
        "response_type",
        "redirect_uri",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "state",
    ];
    assert_eq!(names, expected);
    assert!(query.starts_with("code=true&client_id=9d1c250a-"), "{query}");
}

#[tokio::test]
async fn the_profile_says_who_it_is_when_the_tokens_do_not() {
    let scene = Scene::new().await;
    scene.oauth.page(
        "/profile",
        [json(&j!({"account": {"email": "p@example.com"}, "organization": {"uuid": "o"}}))],
    );
    let login = scene.login("claude", request(), &scene.willing()).await.unwrap();
    assert_eq!(login.file_name, "claude-p@example.com.json");
    assert_eq!(scene.oauth.upstream().last().header("authorization"), Some("Bearer access-2"));
    for profile in [html(200), status(403)] {
        let scene = Scene::new().await;
        scene.oauth.page("/profile", [profile]);
        let error = scene.login("claude", request(), &scene.willing()).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadReply);
        assert!(error.to_string().contains("e-mail"), "{error}");
    }
}
