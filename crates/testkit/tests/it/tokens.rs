use cliproxy_testkit::{FakeTokenEndpoint, TestClient, status};
use http::Method;
use serde_json::{Value, json};

async fn redeem(endpoint: &FakeTokenEndpoint, token: &str) -> (u16, Value) {
    let (base, path) = endpoint.url().split_at_checked(endpoint.upstream().url().len()).map(own).unwrap();
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    let client = TestClient::new(base).header("content-type", "application/x-www-form-urlencoded");
    let reply = client.call(Method::POST, &path, form).await;
    (reply.status(), reply.json().await)
}

fn own((base, path): (&str, &str)) -> (String, String) {
    (base.to_owned(), path.to_owned())
}

#[tokio::test]
async fn a_refresh_token_works_once_and_brings_the_next() {
    let endpoint = FakeTokenEndpoint::start(["first"]).await;
    endpoint.set_extra(json!({"account": {"uuid": "u"}}));
    let (code, body) = redeem(&endpoint, "first").await;
    assert_eq!(
        (code, body["access_token"].as_str(), body["account"]["uuid"].as_str()),
        (200, Some("access-1"), Some("u"))
    );
    let next = body["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(redeem(&endpoint, "first").await.1["error"], "invalid_grant");
    assert_eq!(redeem(&endpoint, "unknown").await.0, 400);
    assert_eq!(redeem(&endpoint, &next).await.0, 200);
    assert_eq!((endpoint.reuses(), endpoint.redemptions().len()), (1, 4));
}

#[tokio::test]
async fn a_failure_on_purpose_spends_no_token() {
    let endpoint = FakeTokenEndpoint::start(["first"]).await;
    endpoint.fail_with([status(503).json(&json!({"error": "temporarily_unavailable"}))]);
    assert_eq!(redeem(&endpoint, "first").await.0, 503);
    assert_eq!(redeem(&endpoint, "first").await.0, 200);
    assert_eq!(endpoint.reuses(), 0);
}
