use cliproxy_core::{LoginErrorKind, LoginStep};
use cliproxy_testkit::{html, json, status};
use serde_json::{Value, json as j};

use crate::support::{Scene, document, jwt, request};

fn id_token(plan: &str) -> Value {
    let auth = j!({"chatgpt_account_id": "acc-1", "chatgpt_plan_type": plan});
    j!({"id_token": jwt(&j!({"email": "me@example.com", "https://api.openai.com/auth": auth}))})
}

#[tokio::test]
async fn a_login_through_the_browser_names_the_account_by_its_identity_token() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(id_token("plus"));
    let login = scene.login("codex", request(), &scene.willing()).await.unwrap();
    assert_eq!(login.file_name, "codex-me@example.com-plus.json");
    let document = document(&login);
    assert_eq!(document["account_id"], "acc-1");
    assert_eq!(document["id_token"], id_token("plus")["id_token"]);
    assert_eq!((&document["type"], &document["email"]), (&j!("codex"), &j!("me@example.com")));
    assert_eq!(document.get("codex_login_mode"), None);
    let asked = scene.oauth.upstream().last();
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.form("redirect_uri").as_deref(), Some("http://localhost:1455/auth/callback"));
}

#[tokio::test]
async fn without_an_address_in_the_identity_token_nothing_is_stored() {
    let scene = Scene::new().await;
    for extra in [j!({}), j!({"id_token": "broken"}), j!({"id_token": jwt(&j!({"sub": "x"}))})] {
        scene.oauth.set_extra(extra);
        let error = scene.login("codex", request(), &scene.willing()).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadReply);
    }
}

#[tokio::test]
async fn a_device_code_waits_until_the_user_agrees() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(id_token("team"));
    scene
        .oauth
        .page("/device", [json(&j!({"device_auth_id": "d-1", "usercode": "ABCD-1", "interval": "7"}))]);
    // The code that such a login brings is one of the same server.
    let redirect = scene.oauth.url("/device-redirect").replace(':', "%3A").replace('/', "%2F");
    let callback = scene.oauth.consent(&format!(
        "http://x/?client_id=app_EMoamEEZ73f0CkXaXp7hrann&state=s&redirect_uri={redirect}\
         &code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    ));
    assert!(callback.contains("code=code%2F1%2B%3D"), "{callback}");
    let granted = j!({"authorization_code": "code/1+=", "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"});
    scene.oauth.page("/device-token", [status(403), status(404), html(502), status(429), json(&granted)]);
    let person = scene.willing();
    let login = scene.login("codex-device", request(), &person).await.unwrap();
    assert_eq!(login.file_name, "codex-cf9df9b9-me@example.com-team.json");
    assert_eq!(document(&login)["codex_login_mode"], "device");
    assert_eq!(*scene.jumps.0.lock(), [7, 7, 7, 7, 7]);
    let told = person.told.lock();
    let page = scene.oauth.url("/device-page");
    assert!(
        matches!(&told[0], LoginStep::Code { code, url, complete_url, .. }
            if code == "ABCD-1" && *url == page && *complete_url == page),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_device_code_that_nobody_can_ask_about_is_told_at_once() {
    for answer in [
        j!({"user_code": "A"}),
        j!({"user_code": "A", "device_auth_id": ""}),
        j!({"user_code": "A", "device_auth_id": 1}),
        j!({"device_auth_id": "d-1"}),
    ] {
        let scene = Scene::new().await;
        scene.oauth.page("/device", [json(&answer)]);
        scene.oauth.page("/device-token", [status(403)]);
        let person = scene.willing();
        let error = scene.login("codex-device", request(), &person).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadReply, "{answer}");
        assert!(scene.jumps.0.lock().is_empty() && person.told.lock().is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn a_device_code_that_nobody_confirms_expires() {
    let scene = Scene::new().await;
    scene.oauth.page("/device", [json(&j!({"device_auth_id": "d-1", "user_code": "A", "interval": 60}))]);
    scene.oauth.page("/device-token", [status(403)]);
    let error = scene.login("codex-device", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the code expired before anybody confirmed it: log in again");
}

#[tokio::test]
async fn a_missing_device_endpoint_is_not_taken_for_waiting() {
    let scene = Scene::new().await;
    scene.oauth.page("/device", [status(404)]);
    let error = scene.login("codex-device", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Refused);
    assert!(error.to_string().contains("browser"), "{error}");
}
