//! Token endpoints on real sockets: what is asked, and what answers mean.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{ErrorKind, ExecutorError, Secret, Timestamp};
use cliproxy_testkit::{
    FakeTokenEndpoint, FakeUpstream, Reply, cut, html, json, raw, refuse, status, stream,
};
use cliproxy_transport::oauth::{ClientAuth, CodeGrant, Pace, TokenEndpoint, TokenError, Tokens};
use cliproxy_transport::{BoxFuture, ClientOptions, HttpClient, Via};
use parking_lot::Mutex;
use serde_json::json as j;

fn http() -> HttpClient {
    HttpClient::new(ClientOptions::new())
}

async fn refresh(endpoint: &TokenEndpoint, token: &str) -> Result<Tokens, TokenError> {
    endpoint.refresh(&http(), &Via::direct(), &Secret::from(token), "").await
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_once_and_its_reuse_is_a_permanent_refusal() {
    let fake = FakeTokenEndpoint::start(["first"]).await;
    let endpoint = TokenEndpoint::new(fake.url(), "the-client");
    let tokens = refresh(&endpoint, "first").await.unwrap();
    assert_eq!(tokens.refresh_token.as_ref().map(Secret::expose), Some("refresh-1"));
    assert_eq!(tokens.expires_in, Some(Duration::from_secs(3600)));
    let asked = fake.upstream().last();
    let form = ["grant_type", "client_id", "refresh_token"].map(|name| asked.form(name).unwrap());
    assert_eq!(form, ["refresh_token", "the-client", "first"]);
    let again = refresh(&endpoint, "first").await.unwrap_err();
    assert_eq!((again.is_permanent(), again.code()), (true, Some("invalid_grant")));
    assert_eq!(ExecutorError::from(again).kind(), ErrorKind::InvalidGrant);
}

#[tokio::test]
async fn a_refusal_of_the_client_or_the_address_is_none_of_the_grant() {
    // Source: RFC 6749 §5.2.
    let upstream = FakeUpstream::start().await;
    let endpoint = TokenEndpoint::new(upstream.url(), "the-client");
    for (answer, spared) in [
        (status(401).json(&j!({"error": "invalid_client"})), true),
        (status(400).json(&j!({"error": "unauthorized_client", "error_description": "d"})), true),
        (status(400).json(&j!({"error": "unsupported_grant_type"})), true),
        (status(404).json(&j!({"error": {"type": "not_found_error", "message": "m"}})), true),
        (status(400).json(&j!({"error": "invalid_grant"})), false),
        // Some say so of a refresh token.
        (status(400).json(&j!({"error": "invalid_request"})), false),
        (status(400).json(&j!({"error": "access_denied"})), false),
    ] {
        upstream.script_all([answer]);
        let error = ExecutorError::from(refresh(&endpoint, "first").await.unwrap_err());
        let kind = if spared { ErrorKind::Misconfigured } else { ErrorKind::InvalidGrant };
        assert_eq!((error.kind(), error.message().contains("`oauth-clients`")), (kind, spared), "{error}");
    }
}

#[tokio::test]
async fn what_an_endpoint_repeats_of_what_it_was_sent_is_not_shown() {
    let upstream = FakeUpstream::start().await;
    // As servers do that put the request into their answer.
    upstream.answer_with(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let basic = request.header("authorization").unwrap_or_default().to_owned();
        status(400).json(&j!({"error": "invalid_grant", "error_description": format!("{basic} | {body}")}))
    });
    let plain = TokenEndpoint::new(upstream.url(), "the-client");
    let secret = || Secret::from("CANARY/secret+of the client");
    for (endpoint, form) in [
        (plain.clone().with_secret(secret(), ClientAuth::Body), true),
        (plain.clone().with_secret(secret(), ClientAuth::BasicAndBody), true),
        (plain.clone().with_secret(secret(), ClientAuth::Body).with_json(), false),
        (plain.with_secret(secret(), ClientAuth::Body).with_camel_case_json(), false),
    ] {
        let grant = CodeGrant::new(Secret::from("CANARY-code/1"), "http://localhost:1/callback")
            .with_verifier(Secret::from("CANARY-verifier"))
            .with_extra("device_secret", "CANARY-extra");
        assert!(!format!("{grant:?}").contains("CANARY"), "{grant:?}");
        let refused = endpoint.exchange(&http(), &Via::direct(), &grant).await.unwrap_err();
        let renewal = refresh(&endpoint, "CANARY/refresh=token").await.unwrap_err();
        for error in [refused, renewal] {
            let basic = upstream.last().header("authorization").map(str::to_owned);
            let told = format!("{error} {error:?} {}", ExecutorError::from(error.clone()));
            assert!(told.contains("invalid_grant") && told.contains("[redacted]"), "{told}");
            assert!(!told.contains("CANARY"), "{told}");
            assert!(basic.is_none_or(|basic| !told.contains(&basic)), "{told}");
            assert_eq!(told.contains("grant_type="), form, "the rest is shown: {told}");
        }
    }
}

#[tokio::test]
async fn an_endpoint_in_trouble_leaves_the_token_alive() {
    let fake = FakeTokenEndpoint::start(["first"]).await;
    let endpoint = TokenEndpoint::new(fake.url(), "the-client");
    for (reply, kind) in [
        (html(200), ErrorKind::BadReply),
        (html(502), ErrorKind::Server),
        (status(500).json(&j!({"error": "invalid_grant"})), ErrorKind::Server),
        (status(429).json(&j!({"error": "x"})).header("retry-after", "7"), ErrorKind::RateLimited),
        (status(401), ErrorKind::BadReply),
        (stream([raw("{\"access_"), cut()]), ErrorKind::BadReply),
        (json(&j!({"token_type": "Bearer"})), ErrorKind::BadReply),
        (refuse(), ErrorKind::Connect),
    ] {
        fake.fail_with([reply]);
        let error = refresh(&endpoint, "first").await.unwrap_err();
        assert!(!error.is_permanent(), "{error}");
        let wait = matches!(kind, ErrorKind::RateLimited).then_some(Duration::from_secs(7));
        let error = ExecutorError::from(error);
        assert_eq!((error.kind(), error.evidence().retry_after), (kind, wait), "{error}");
    }
    assert!(refresh(&endpoint, "first").await.is_ok(), "no failure spent it");
}

#[tokio::test]
async fn aws_is_asked_in_camel_case_and_an_endpoint_that_knows_one_member_gets_one() {
    // Source: providers-b.md 1.1.2, 1.4.
    let fake = FakeUpstream::start().await;
    fake.script_all([json(&j!({"accessToken": "a", "refreshToken": "r", "expiresIn": 60}))]);
    let aws = TokenEndpoint::new(fake.url(), "id")
        .with_secret(Secret::from("s"), ClientAuth::Body)
        .with_camel_case_json();
    let tokens = refresh(&aws, "first").await.unwrap();
    assert_eq!(tokens.refresh_token.as_ref().map(Secret::expose), Some("r"));
    let said =
        j!({"grantType": "refresh_token", "clientId": "id", "clientSecret": "s", "refreshToken": "first"});
    assert_eq!(fake.last().json(), said);
    let social = TokenEndpoint::new(fake.url(), "").with_camel_case_json().with_only(&["refresh_token"]);
    refresh(&social, "second").await.unwrap();
    assert_eq!(fake.last().json(), j!({"refreshToken": "second"}));
}

#[tokio::test]
async fn clients_show_themselves_as_their_provider_wants() {
    let fake = FakeUpstream::start().await;
    fake.script_all([json(&j!({"access_token": "a", "extra": {"x": 1}}))]);
    let plain = TokenEndpoint::new(fake.url(), "id").with_json();
    let grant = CodeGrant::new(Secret::from("code"), "http://localhost:1/cb")
        .with_verifier(Secret::from("verifier-verifier-verifier-verifier-verifier"))
        .with_extra("state", "s");
    let tokens = plain.exchange(&http(), &Via::direct(), &grant).await.unwrap();
    assert_eq!(tokens.extra["extra"]["x"], 1);
    let asked = fake.last();
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(
        asked.json(),
        j!({"grant_type": "authorization_code", "code": "code", "client_id": "id", "state": "s",
            "code_verifier": "verifier-verifier-verifier-verifier-verifier", "redirect_uri": "http://localhost:1/cb"})
    );
    let both = TokenEndpoint::new(fake.url(), "id").with_secret(Secret::from("s"), ClientAuth::BasicAndBody);
    both.exchange(&http(), &Via::direct(), &CodeGrant::new(Secret::from("c"), "http://h/")).await.unwrap();
    let asked = fake.last();
    assert_eq!(asked.header("authorization"), Some("Basic aWQ6cw=="));
    assert_eq!((asked.form("client_id"), asked.form("client_secret")), (Some("id".into()), Some("s".into())));
}

/// A clock that jumps, and remembers how long it was to sleep.
#[derive(Debug, Default)]
struct Jumps(Mutex<Vec<u64>>);

impl Pace for Jumps {
    fn sleep(&self, length: Duration) -> BoxFuture<()> {
        self.0.lock().push(length.as_secs());
        Box::pin(async {})
    }

    fn now(&self) -> Timestamp {
        let slept: u64 = self.0.lock().iter().sum();
        Timestamp::from_secs(1_795_428_000).plus(Duration::from_secs(slept))
    }
}

async fn poll(replies: Vec<Reply>, lifetime: u64) -> (Result<Tokens, TokenError>, Vec<u64>) {
    let fake = FakeUpstream::start().await;
    let device = j!({"device_code": "d", "user_code": "U-1", "verification_uri": "https://v/", "expires_in": lifetime, "interval": 1});
    fake.script_path("/device", [json(&device)]);
    fake.script_path("/token", replies);
    let endpoint = TokenEndpoint::new(format!("{}/token", fake.url()), "id");
    let url = format!("{}/device", fake.url());
    let pause = Duration::from_secs(5);
    let code =
        endpoint.device_code(&http(), &Via::direct(), &url, "a b", &[("x", "y")], pause).await.unwrap();
    assert_eq!((code.user_code(), code.complete_uri()), ("U-1", "https://v/"));
    let jumps = Arc::new(Jumps::default());
    let pace: Arc<dyn Pace> = Arc::clone(&jumps) as _;
    let limit = Duration::from_secs(900);
    let got = endpoint.await_consent(&http(), &Via::direct(), &code, &[], limit, &pace).await;
    let slept = jumps.0.lock().clone();
    (got, slept)
}

#[tokio::test]
async fn a_device_code_is_asked_about_more_slowly_when_told_so_in_whatever_way() {
    let replies = vec![
        status(400).json(&j!({"error": "authorization_pending"})),
        json(&j!({"error": "authorization_pending"})),
        status(429).json(&j!({"error": "slow_down"})),
        json(&j!({"error": "slow_down"})),
        html(502),
        json(&j!({"access_token": "a", "refresh_token": "r"})),
    ];
    let (got, slept) = poll(replies, 900).await;
    assert_eq!(got.unwrap().access_token.expose(), "a");
    assert_eq!(slept, [5, 5, 5, 10, 15, 10], "the pause grows with slow_down");
}

#[tokio::test]
async fn a_device_code_ends_by_denial_by_expiry_and_by_the_clock() {
    for (reply, lifetime, end) in [
        (status(400).json(&j!({"error": "access_denied"})), 900, "access_denied"),
        (status(400).json(&j!({"error": "expired_token"})), 900, "expired_token"),
        (status(400).json(&j!({"error": "authorization_pending"})), 20, "expired_token"),
    ] {
        let (got, _) = poll(vec![reply], lifetime).await;
        assert_eq!(got.unwrap_err().code(), Some(end));
    }
    let (got, _) = poll(vec![html(200)], 20).await;
    assert!(matches!(got.unwrap_err(), TokenError::Unreadable { .. }), "the page is named, not the clock");
}
