use cliproxy_core::LoginErrorKind;
use cliproxy_testkit::{json, status};
use serde_json::json as j;

use crate::support::{Person, Scene, document, request};

fn user() -> serde_json::Value {
    j!({"success": true, "data": {"apiKey": "sk-1", "email": "", "phone": "+86 123"}})
}

#[tokio::test]
async fn the_browser_login_shows_the_configured_secret_and_fetches_the_key() {
    let scene = Scene::new().await.with_secret("iflow", "CANARY-secret");
    scene.oauth.page("/userinfo", [json(&user())]);
    let person = scene.willing();
    let login = scene.login("iflow", request(), &person).await.unwrap();
    assert_eq!(login.file_name, "iflow-+86_123-1795428015.json");
    let document = document(&login);
    assert_eq!((&document["api_key"], &document["email"]), (&j!("sk-1"), &j!("+86 123")));
    let requests = scene.oauth.upstream().requests();
    let exchange = requests.iter().find(|request| request.path == "/token").unwrap();
    assert!(exchange.header("authorization").unwrap().starts_with("Basic "));
    assert_eq!(exchange.form("client_secret").as_deref(), Some("CANARY-secret"));
    assert_eq!(requests.last().unwrap().query, "accessToken=access-2");
    let told = person.told.lock();
    let cliproxy_core::LoginStep::Open { url, .. } = &told[0] else { panic!("{told:?}") };
    assert!(url.contains("?loginMethod=phone&type=phone&redirect=http%3A%2F%2Flocalhost%3A"), "{url}");
}

#[tokio::test]
async fn without_the_secret_the_key_to_set_is_named_before_anything_is_opened() {
    let scene = Scene::new().await;
    let person = scene.willing();
    let error = scene.login("iflow", request(), &person).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Setup);
    assert!(error.to_string().contains("oauth-clients.iflow.client-secret"), "{error}");
    assert!(person.told.lock().is_empty());
}

#[tokio::test]
async fn business_errors_under_status_200_are_errors() {
    let scene = Scene::new().await.with_secret("iflow", "s");
    scene.oauth.page("/token", [json(&j!({"success": false, "code": "400", "message": "bad code"}))]);
    let error = scene.login("iflow", request(), &scene.willing()).await.unwrap_err();
    assert!(error.to_string().contains("bad code"), "{error}");
    let scene = Scene::new().await.with_secret("iflow", "s");
    for (reply, kind) in [
        (j!({"success": false, "message": "frozen"}), LoginErrorKind::Refused),
        (j!({"success": true, "data": {"email": "a@b"}}), LoginErrorKind::NotEntitled),
        (j!({"success": true, "data": {"apiKey": "k"}}), LoginErrorKind::BadReply),
        (j!({"success": true}), LoginErrorKind::BadReply),
    ] {
        scene.oauth.page("/userinfo", [json(&reply)]);
        let error = scene.login("iflow", request(), &scene.willing()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{reply}");
    }
}

fn key(masked: bool) -> cliproxy_testkit::Reply {
    let key = if masked { "" } else { "sk-full" };
    json(&j!({"success": true, "data": {"name": "m*e@x.cn", "apiKey": key, "apiKeyMask": "sk-***",
        "expireTime": "2026-12-01 10:00", "hasExpired": false}}))
}

#[tokio::test]
async fn a_cookie_brings_a_key_and_only_its_own_part_is_kept() {
    let scene = Scene::new().await;
    scene.oauth.page("/api-key", [key(true), key(false)]);
    let cookie = request().with_answer("cookie", "other=CANARY; BXAuth=abc; more=1");
    let login = scene.login("iflow-cookie", cookie, &Person::answering([])).await.unwrap();
    assert_eq!(login.file_name, "iflow-mxe@x.cn-1795428000.json");
    let document = document(&login);
    assert_eq!((&document["api_key"], &document["cookie"]), (&j!("sk-full"), &j!("BXAuth=abc;")));
    assert_eq!(document["expired"], "2026-12-01 10:00");
    let requests = scene.oauth.upstream().requests();
    assert_eq!(requests.iter().map(|request| request.method.as_str()).collect::<Vec<_>>(), ["GET", "POST"]);
    assert_eq!(requests[1].json(), j!({"name": "m*e@x.cn"}));
    assert!(requests.iter().all(|request| request.header("cookie") == Some("BXAuth=abc;")));

    let mut again = request().with_answer("cookie", "BXAuth=abc");
    again.existing = vec![login.into_credential(&[])];
    let error = scene.login("iflow-cookie", again, &Person::answering([])).await.unwrap_err();
    assert!(error.to_string().contains("stored already"), "{error}");
}

#[tokio::test]
async fn what_the_service_repeats_of_a_cookie_or_a_token_is_not_shown() {
    let scene = Scene::new().await.with_secret("iflow", "CANARY-secret");
    let said = |text: &str| j!({"success": false, "message": format!("{}{text}", "x".repeat(290))});
    let person = Person::answering([]);
    for reply in [
        json(&said("CANARY-of-the-cookie")),
        json(&said("BXAuth=CANARY-of-the-cookie;")),
        status(403).json(&j!({"message": "CANARY-of-the-cookie"})),
    ] {
        scene.oauth.page("/api-key", [reply]);
        let request = request().with_answer("cookie", "BXAuth=CANARY-of-the-cookie");
        let error = scene.login("iflow-cookie", request, &person).await.unwrap_err();
        assert!(!error.to_string().contains("CANA"), "{error}");
        assert!(error.to_string().contains("the API key of iFlow"), "{error}");
    }
    // The token goes in the address there.
    scene.oauth.page("/userinfo", [json(&j!({"success": false, "message": "no access-2 here"}))]);
    let error = scene.login("iflow", request(), &scene.willing()).await.unwrap_err();
    assert!(error.to_string().ends_with("no [redacted] here"), "{error}");
}

#[tokio::test]
async fn a_cookie_that_is_none_is_refused() {
    let scene = Scene::new().await;
    let error = scene.login("iflow-cookie", request(), &Person::answering(["a=1"])).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::BadInput);
    let error = scene.login("iflow-cookie", request(), &Person::answering([])).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::NoInput);
    scene.oauth.page("/api-key", [status(401)]);
    let error = scene.login("iflow-cookie", request(), &Person::answering(["BXAuth=x"])).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Refused);
}
