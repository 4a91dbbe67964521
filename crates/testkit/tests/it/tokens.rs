use std::time::Duration;

use cliproxy_testkit::{FakeServiceAccount, FakeTokenEndpoint, Reuse, TestClient, status};
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
async fn a_token_endpoint_in_camel_case_understands_and_says_nothing_else() {
    let endpoint = FakeTokenEndpoint::start(["first"]).await;
    endpoint.set_camel_case();
    assert_eq!(redeem(&endpoint, "first").await.0, 400, "a form");
    let client = TestClient::new(endpoint.upstream().url());
    let spent = json!({"refreshToken": "first", "grantType": "refresh_token"});
    let body = client.post("/token", &spent).await.json().await;
    assert_eq!(
        body,
        json!({"tokenType": "Bearer", "accessToken": "access-1", "refreshToken": "refresh-1", "expiresIn": 3600})
    );
}

#[tokio::test]
async fn a_failure_on_purpose_spends_no_token() {
    let endpoint = FakeTokenEndpoint::start(["first"]).await;
    endpoint.fail_with([status(503).json(&json!({"error": "temporarily_unavailable"}))]);
    assert_eq!(redeem(&endpoint, "first").await.0, 503);
    assert_eq!(redeem(&endpoint, "first").await.0, 200);
    assert_eq!(endpoint.reuses(), 0);
}

#[tokio::test]
async fn a_token_that_comes_twice_is_refused_revokes_the_account_or_is_forgiven_once() {
    for (reuse, again, successor) in
        [(Reuse::Refused, 400, 200), (Reuse::Revokes, 400, 400), (Reuse::Forgiven, 200, 200)]
    {
        let endpoint = FakeTokenEndpoint::start(["first"]).await;
        endpoint.set_reuse(reuse);
        endpoint.set_delays([Duration::from_millis(1)]);
        assert_eq!(redeem(&endpoint, "first").await.0, 200);
        let (status, body) = redeem(&endpoint, "first").await;
        assert_eq!(status, again, "{reuse:?}: {body}");
        assert_eq!(endpoint.reuses(), usize::from(again == 400), "{reuse:?}");
        if again == 200 {
            assert_eq!(body["refresh_token"], "refresh-1", "the same answer once more");
        }
        assert_eq!(redeem(&endpoint, "refresh-1").await.0, successor, "{reuse:?}");
        // Nothing is forgiven once the successor was shown.
        assert_eq!(redeem(&endpoint, "first").await.0, 400, "{reuse:?}");
    }
}

#[tokio::test]
async fn an_assertion_that_is_none_is_refused_with_the_date_of_the_endpoints_clock() {
    let endpoint = FakeServiceAccount::start().await;
    let client = TestClient::new(endpoint.upstream().url());
    let reply = client.post("/token", &serde_json::json!({"assertion": "a.b.c"})).await;
    assert_eq!(reply.status(), 400);
    assert!(reply.header("date").unwrap().ends_with(" GMT"));
    assert_eq!(endpoint.judged(), [Err("Invalid grant type")]);
}
