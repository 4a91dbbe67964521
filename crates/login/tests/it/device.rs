//! Qwen and Kimi.

use cliproxy_core::LoginStep;
use cliproxy_testkit::{html, json, status};
use serde_json::json as j;

use crate::support::{Person, Scene, document, request};

#[tokio::test]
async fn qwen_proves_itself_by_pkce_and_is_named_by_its_user() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(j!({"resource_url": "portal.qwen.ai"}));
    scene.oauth.before_consent([
        status(400).json(&j!({"error": "authorization_pending"})),
        status(429).json(&j!({"error": "slow_down"})),
    ]);
    let person = Person::answering([" me@example.com "]);
    let login = scene.login("qwen", request(), &person).await.unwrap();
    assert_eq!(login.file_name, "qwen-me@example.com.json");
    let document = document(&login);
    assert_eq!((&document["resource_url"], &document["type"]), (&j!("portal.qwen.ai"), &j!("qwen")));
    assert_eq!(*scene.jumps.0.lock(), [5, 5, 10], "slow_down slows, under 429 too");
    let start = &scene.oauth.upstream().requests()[0];
    assert_eq!(start.form("scope").as_deref(), Some("openid profile email model.completion"));
    let told = person.told.lock();
    assert!(matches!(&told[0], LoginStep::Code { complete_url, code, .. }
        if complete_url.ends_with("user_code=ABCD-1234") && code == "ABCD-1234"));
}

#[tokio::test]
async fn an_account_without_a_name_is_named_by_the_time() {
    let scene = Scene::new().await;
    let login = scene.login("qwen", request(), &Person::answering([])).await.unwrap();
    assert_eq!(login.file_name, "qwen-1795428005000.json");
    let named = request().with_answer("email", "work");
    let person = Person::answering([]);
    let login = scene.login("qwen", named, &person).await.unwrap();
    assert_eq!(login.file_name, "qwen-work.json");
    assert!(person.asked.lock().is_empty(), "what is known is not asked");
}

#[tokio::test]
async fn a_name_is_asked_for_before_there_are_tokens_to_lose() {
    let scene = Scene::new().await;
    scene.oauth.page("/device", [status(503)]);
    let person = Person::answering(["me"]);
    scene.login("qwen", request(), &person).await.unwrap_err();
    assert_eq!(person.asked.lock().len(), 1);
}

#[tokio::test]
async fn a_page_in_place_of_a_code_is_said_to_be_one() {
    let scene = Scene::new().await;
    scene.oauth.page("/device", [html(200)]);
    let error = scene.login("qwen", request(), &Person::answering([])).await.unwrap_err();
    assert!(error.to_string().contains("firewall"), "{error}");
}

#[tokio::test]
async fn kimi_is_told_who_we_are_and_keeps_its_device() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(j!({"expires_in": 900.5, "scope": "kimi-code"}));
    scene.oauth.before_consent([json(&j!({"error": "authorization_pending"}))]);
    let login = scene.login("kimi", request(), &Person::answering([])).await.unwrap();
    let document = document(&login);
    assert_eq!(login.file_name, "kimi-1795428010000.json");
    assert_eq!(document["expired"], "2026-11-23T10:15:10Z", "lifetimes may have fractions");
    assert_eq!(document["scope"], "kimi-code");
    for request in scene.oauth.upstream().requests() {
        assert_eq!(request.header("x-msh-platform"), Some("cliproxy"));
        assert_eq!(request.header("x-msh-device-id"), document["device_id"].as_str());
    }
}
