use cliproxy_core::LoginErrorKind;
use cliproxy_testkit::{json, status};
use serde_json::json as j;

use crate::support::{Person, Scene, document, request};

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.oauth.page(
        "/oidc/client/register",
        [json(&j!({"clientId": "cid", "clientSecret": "csecret", "clientSecretExpiresAt": 1}))],
    );
    scene.oauth.page(
        "/oidc/device_authorization",
        [json(&j!({"deviceCode": "d", "userCode": "ABCD", "verificationUri": "https://v/", "verificationUriComplete": "https://v/?c", "expiresIn": 600, "interval": 1}))],
    );
    scene.oauth.page(
        "/oidc/token",
        [
            status(400).json(&j!({"error": "authorization_pending"})),
            status(400).json(&j!({"error": "slow_down"})),
            json(&j!({"accessToken": "at", "refreshToken": "rt", "expiresIn": 3600, "tokenType": "Bearer"})),
        ],
    );
    scene
}

#[tokio::test]
async fn a_builder_id_registers_a_client_of_its_own_and_keeps_it_for_renewals() {
    let scene = scene().await;
    let login = scene.login("kiro", request(), &Person::answering([])).await.unwrap();
    assert_eq!(login.file_name, "kiro-aws-cid.json");
    let document = document(&login);
    for (key, value) in [
        ("type", "kiro"),
        ("access_token", "at"),
        ("refresh_token", "rt"),
        ("auth_method", "builder-id"),
        ("client_id", "cid"),
        ("client_secret", "csecret"),
        ("region", "us-east-1"),
        ("expires_at", "2026-11-23T11:00:20Z"),
    ] {
        assert_eq!(document[key], value, "{key}");
    }
    let requests = scene.oauth.upstream().requests();
    assert_eq!(requests[0].json()["clientName"], "cliproxy", "we say who we are");
    assert_eq!(
        requests[1].json(),
        j!({"clientId": "cid", "clientSecret": "csecret", "startUrl": "https://view.awsapps.com/start"})
    );
    assert_eq!(
        requests[2].json(),
        j!({"clientId": "cid", "clientSecret": "csecret", "deviceCode": "d",
            "grantType": "urn:ietf:params:oauth:grant-type:device_code"})
    );
    assert_eq!(*scene.jumps.0.lock(), [5, 5, 10]);
}

#[tokio::test]
async fn an_organisation_is_named_by_its_start_url_and_region() {
    let scene = scene().await;
    let named = request()
        .with_answer("start-url", "https://d-1234.awsapps.com/start")
        .with_answer("region", "eu-west-1");
    let login = scene.login("kiro-idc", named, &Person::answering([])).await.unwrap();
    assert!(login.file_name.starts_with("kiro-idc-d-1234-"), "{}", login.file_name);
    let document = document(&login);
    assert_eq!(
        (&document["auth_method"], &document["region"], &document["start_url"]),
        (&j!("idc"), &j!("eu-west-1"), &j!("https://d-1234.awsapps.com/start"))
    );
    for (answers, region) in
        [(vec![], "us-east-1"), (vec!["nonsense"], "us-east-1"), (vec!["https://x/start"], "eu.evil/")]
    {
        let request = request().with_answer("region", region);
        let error = scene.login("kiro-idc", request, &Person::answering(answers)).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadInput);
    }
}
