//! Gemini CLI's backend. Source: providers-a.md 5.

use cliproxy_core::{
    Credential, ErrorKind, Operation, ProviderExecutor as _, ProviderFormat, Renewal, Timestamp,
};
use cliproxy_executors::GeminiCliExecutor;
use cliproxy_testkit::{FakeTokenEndpoint, FakeUpstream, gemini, json, refuse, status};
use serde_json::{Value, json};

use crate::support::{account, attempt, egress, read};

const BODY: &str = r#"{"model":"x","project":"the client's","user_prompt_id":"u","request":{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"session_id":"s"}}"#;

fn executor(upstream: &FakeUpstream) -> GeminiCliExecutor {
    GeminiCliExecutor::new(egress()).with_url("api", upstream.url())
}

fn login(project: &str) -> Credential {
    account(
        "gemini-cli",
        json!({"type":"gemini","project_id":project,"email":"me@example.com",
        "token":{"access_token":"ya29.nested","refresh_token":"refresh-0","expiry":"2026-02-10T13:00:00.5+01:00"}}),
        |_| {},
    )
}

fn asked(credential: Credential, stream: bool) -> cliproxy_core::Attempt {
    let mut attempt = attempt(credential, ProviderFormat::GEMINI_CLI, BODY);
    attempt.stream = stream;
    attempt.now = Timestamp::from_secs(1_795_428_000);
    attempt
}

fn projects(upstream: &FakeUpstream) -> Vec<String> {
    let body = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
    upstream
        .requests()
        .iter()
        .map(|request| body(&request.body)["project"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_call_names_the_credentials_project_and_carries_its_token() {
    let upstream = FakeUpstream::start().await;
    let made = gemini::Generation::new().text("a");
    upstream.script_all([made.whole_in_envelope()]);
    executor(&upstream).execute(asked(login("p-1"), false)).await.unwrap();
    let received = upstream.last();
    assert_eq!((received.path.as_str(), received.query.as_str()), ("/v1internal:generateContent", ""));
    assert_eq!(received.header("authorization"), Some("Bearer ya29.nested"));
    assert_eq!(
        received.body,
        r#"{"model":"m","project":"p-1","user_prompt_id":"u","request":{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"session_id":"s"}}"#
    );
    upstream.script_all([made.stream_in_envelope()]);
    let stream = executor(&upstream).execute_stream(asked(login("p-1"), true)).await.unwrap();
    assert!(read(stream).await.0.contains(r#""traceId":"testkit-trace""#));
    assert_eq!(upstream.last().path, "/v1internal:streamGenerateContent");
    assert_eq!(upstream.last().query, "alt=sse");
}

#[tokio::test]
async fn copies_of_tokens_at_the_top_count_where_the_nest_has_none() {
    // Source: providers-a.md 5.7 "Empty `token` but top-level tokens present still works".
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    for token in [json!({}), json!(null), json!({"access_token":" "})] {
        let flat =
            account("gemini-cli", json!({"project_id":"p","access_token":"flat","token":token}), |_| {});
        executor(&upstream).execute(asked(flat, false)).await.unwrap();
        assert_eq!(upstream.last().header("authorization"), Some("Bearer flat"));
    }
}

#[tokio::test]
async fn a_count_names_neither_project_nor_model() {
    // Source: providers-a.md 5.7.
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"totalTokens":7}))]);
    let mut attempt = asked(login("p-1"), false);
    attempt.operation = Operation::CountTokens;
    attempt.body = r#"{"model":"m","project":"p","request":{"model":"models/m","contents":[],"tools":[{"a":1}],"systemInstruction":{"parts":[]},"generationConfig":{},"safetySettings":[],"sessionId":"s"}}"#.into();
    let reply = executor(&upstream).count_tokens(attempt).await.unwrap();
    assert_eq!(reply.body, r#"{"totalTokens":7}"#);
    assert_eq!(upstream.last().path, "/v1internal:countTokens");
    assert_eq!(
        upstream.last().body,
        r#"{"request":{"contents":[],"tools":[{"a":1}],"systemInstruction":{"parts":[]}}}"#
    );
}

#[tokio::test]
async fn a_project_at_its_limit_leaves_the_request_to_the_next() {
    let upstream = FakeUpstream::start().await;
    let executor = executor(&upstream);
    upstream.script_all([gemini::rate_limited(40), json(&json!({"n":1}))]);
    let reply = executor.execute(asked(login("a, b,a,"), false)).await.unwrap();
    assert_eq!(reply.body, r#"{"n":1}"#);
    assert_eq!(projects(&upstream), ["a", "b"]);

    // The next request begins with the one that does not rest, and comes back when the limit is over.
    upstream.script_all([json(&json!({}))]);
    executor.execute(asked(login("a,b"), false)).await.unwrap();
    let mut later = asked(login("a,b"), false);
    later.now = Timestamp::from_secs(1_795_428_041);
    executor.execute(later).await.unwrap();
    assert_eq!(projects(&upstream)[2..], ["b", "a"]);

    // Nothing is left: the first limit is told, with its hint.
    upstream.script_all([gemini::rate_limited(40), gemini::rate_limited(90)]);
    let mut attempt = asked(login("a,b"), true);
    attempt.now = Timestamp::from_secs(1_795_430_000);
    let error = executor.execute_stream(attempt).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.evidence().retry_after.unwrap().as_secs(), 40);

    // Trouble of the service is no project's.
    let before = upstream.requests().len();
    upstream.script_all([status(500)]);
    let mut attempt = asked(login("a,b"), false);
    attempt.now = Timestamp::from_secs(1_795_440_000);
    assert_eq!(executor.execute(attempt).await.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(upstream.requests().len(), before + 1);
}

/// Source: providers-a.md 5.7 "two selectable credentials", `SERVICE_DISABLED`; 1.5 row 403.
#[tokio::test]
async fn a_project_that_may_not_be_used_leaves_the_request_to_the_next() {
    let refusal = |reason: &str| {
        status(403).json(&json!({"error":{"code":403,"status":"PERMISSION_DENIED","message":"visit https://console.example",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":reason}]}}))
    };
    let at = |seconds: i64, stream: bool| {
        let mut attempt = asked(login("a,b"), stream);
        attempt.now = Timestamp::from_secs(seconds);
        attempt
    };
    let upstream = FakeUpstream::start().await;
    let executor = executor(&upstream);
    for (reason, start) in [
        ("SERVICE_DISABLED", 1_000_000),
        ("IAM_PERMISSION_DENIED", 2_000_000),
        ("BILLING_DISABLED", 3_000_000),
    ] {
        let before = upstream.requests().len();
        upstream.script_all([refusal(reason), json(&json!({"n":1}))]);
        let reply = executor.execute(at(start, false)).await.unwrap();
        assert_eq!(reply.body, r#"{"n":1}"#, "{reason}");
        // It rests, and is asked again when somebody may have switched it on.
        upstream.script_all([json(&json!({}))]);
        executor.execute(at(start + 1799, false)).await.unwrap();
        executor.execute(at(start + 1801, false)).await.unwrap();
        assert_eq!(projects(&upstream)[before..], ["a", "b", "b", "a"], "{reason}");
    }

    // A limit ends sooner than a refusal: it is told whichever came first, so that nobody rests for longer.
    for (start, replies) in [
        (4_000_000, [gemini::rate_limited(40), refusal("SERVICE_DISABLED")]),
        (5_000_000, [refusal("SERVICE_DISABLED"), gemini::rate_limited(40)]),
    ] {
        upstream.script_all(replies);
        let error = executor.execute_stream(at(start, true)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.evidence().retry_after.unwrap().as_secs(), 40);
    }

    // With all of them refused it is the account that rests, and the text says where to go.
    upstream.script_all([refusal("SERVICE_DISABLED"), refusal("SERVICE_DISABLED")]);
    let error = executor.execute(at(6_000_000, false)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.evidence().scope),
        (ErrorKind::Forbidden, cliproxy_core::Scope::Credential)
    );
    assert!(String::from_utf8_lossy(error.body()).contains("console.example"));

    // What is no project's is not tried through another: a 400 that names the place, a token that is over.
    for (start, reply, kind) in [
        (
            7_000_000,
            status(400).json(&json!({"error":{"code":400,"status":"FAILED_PRECONDITION","message":"User location is not supported for the API use."}})),
            ErrorKind::Forbidden,
        ),
        (8_000_000, status(401), ErrorKind::Unauthorized),
    ] {
        let before = upstream.requests().len();
        upstream.script_all([reply]);
        assert_eq!(executor.execute(at(start, false)).await.unwrap_err().kind(), kind);
        assert_eq!(upstream.requests().len(), before + 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_renewal_goes_into_the_nest_and_keeps_everything_else() {
    let tokens = FakeTokenEndpoint::start(["refresh-0"]).await;
    let executor = GeminiCliExecutor::new(egress()).with_url("token", tokens.url());
    let file = json!({"type":"gemini","project_id":"p-1","email":"me@example.com","checked":true,"note":"mine",
        "expiry":"2026-01-01T00:00:00Z",
        "token":{"access_token":"old","refresh_token":"refresh-0","token_uri":"https://oauth2.googleapis.com/token",
            "client_id":"own-id","client_secret":"own-secret","scopes":["s"],"expiry":"2026-01-01T00:00:00Z"}});
    let login = account("gemini-cli", file, |_| {});
    assert_eq!(executor.renewal(&login), Renewal::Lead(std::time::Duration::from_secs(300)));
    let fresh = executor.refresh(&login).await.unwrap();
    let document = fresh.document().as_map();
    assert_eq!(document["token"]["access_token"], "access-1");
    assert_eq!(document["token"]["refresh_token"], "refresh-1");
    assert_eq!(document["token"]["expires_in"], 3600);
    assert_eq!(document["token"]["scopes"], json!(["s"]));
    assert_eq!(
        (&document["note"], &document["checked"], &document["project_id"]),
        (&json!("mine"), &json!(true), &json!("p-1"))
    );
    assert_eq!(
        document["expiry"], document["token"]["expiry"],
        "a stale copy at the top would be read first"
    );
    assert!(fresh.document().expiry().unwrap() > Timestamp::from_secs(1_790_000_000));
    // The client that the file names: a refresh token is good for that one only.
    let sent = tokens.upstream().last();
    assert_eq!(sent.form("client_id").as_deref(), Some("own-id"));
    assert_eq!(sent.form("client_secret").as_deref(), Some("own-secret"));
    assert_eq!(sent.form("grant_type").as_deref(), Some("refresh_token"));
    // And again with what came.
    executor.refresh(&fresh).await.unwrap();
    assert_eq!(tokens.reuses(), 0);
}

#[tokio::test]
async fn a_renewal_without_a_lifetime_leaves_no_stale_expiry_in_the_nest_or_beside_it() {
    for beside in [json!({}), json!({"access_token": "stale"})] {
        let tokens = FakeTokenEndpoint::start(["refresh-0"]).await;
        tokens.set_extra(json!({"expires_in": null}));
        let executor = GeminiCliExecutor::new(egress()).with_url("token", tokens.url());
        let mut file = login("p-1").document().as_map().clone();
        file.extend(beside.as_object().unwrap().clone());
        file.insert("expiry".to_owned(), json!("2026-01-01T00:00:00Z"));
        let fresh = executor.refresh(&account("gemini-cli", Value::Object(file), |_| {})).await.unwrap();
        assert_eq!(fresh.document().as_map()["token"]["access_token"], "access-1");
        assert_eq!(fresh.document().expiry(), None, "{:?}", fresh.document().as_map());
        assert!(fresh.document().last_refresh().is_some());
    }
}

#[tokio::test]
async fn a_file_without_a_client_is_renewed_with_the_published_one_or_the_configured_one() {
    let tokens = FakeTokenEndpoint::start(["refresh-0", "refresh-b"]).await;
    let executor = GeminiCliExecutor::new(egress()).with_url("token", tokens.url());
    executor.refresh(&login("p-1")).await.unwrap();
    let sent = tokens.upstream().last();
    assert!(sent.form("client_id").unwrap().ends_with(".apps.googleusercontent.com"));
    assert!(sent.form("client_secret").is_some());

    let configured = executor.with_oauth_client(Some("mine".to_owned()), Some("secret".into()));
    let other = account("gemini-cli", json!({"project_id":"p","refresh_token":"refresh-b"}), |_| {});
    let fresh = configured.refresh(&other).await.unwrap();
    assert_eq!(tokens.upstream().last().form("client_secret").as_deref(), Some("secret"));
    assert_eq!(
        fresh.document().text("access_token"),
        Some("access-2"),
        "without a nest they stand at the top"
    );

    // Where the file wants it, and nowhere else.
    let elsewhere = FakeTokenEndpoint::start(["refresh-c"]).await;
    let file = json!({"token":{"refresh_token":"refresh-c"},"token_url":elsewhere.url()});
    let fresh = configured.refresh(&account("gemini-cli", file, |_| {})).await.unwrap();
    assert_eq!(fresh.document().as_map()["token"]["access_token"], "access-1");
    assert_eq!((elsewhere.redemptions().len(), tokens.redemptions().len()), (1, 2));

    // A client of the file's own whose secret nobody knows.
    let strange = account("gemini-cli", json!({"token":{"refresh_token":"r","client_id":"strange"}}), |_| {});
    let error = configured.refresh(&strange).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.message().contains("oauth-clients.gemini-cli.client-secret"), "{error}");
}

#[tokio::test]
async fn a_dead_token_is_told_from_a_dead_endpoint() {
    // Source: providers-a.md 1.4 "Our rule", 5.3.
    let tokens = FakeTokenEndpoint::start([]).await;
    let executor = GeminiCliExecutor::new(egress()).with_url("token", tokens.url());
    assert_eq!(executor.refresh(&login("p")).await.unwrap_err().kind(), ErrorKind::InvalidGrant);
    for (reply, kind) in [
        (status(503), ErrorKind::Server),
        (status(429), ErrorKind::RateLimited),
        (cliproxy_testkit::html(200), ErrorKind::BadReply),
        (refuse(), ErrorKind::Connect),
    ] {
        let tokens = FakeTokenEndpoint::start([]).await;
        tokens.fail_with([reply.clone(), reply]);
        let executor = GeminiCliExecutor::new(egress()).with_url("token", tokens.url());
        let error = executor.refresh(&login("p")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error} {error:?}").contains("refresh-0"));
    }
    let none = account("gemini-cli", json!({"access_token":"a"}), |_| {});
    assert_eq!(executor.refresh(&none).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(executor.renewal(&none), Renewal::Never);
}

#[tokio::test]
async fn a_login_without_a_project_asks_google_for_one_when_it_is_renewed() {
    let tokens = FakeTokenEndpoint::start(["refresh-0"]).await;
    let upstream = FakeUpstream::start().await;
    let executor = executor(&upstream).with_url("token", tokens.url());
    let bare = account("gemini-cli", json!({"refresh_token":"refresh-0","access_token":"a"}), |_| {});
    let error = executor.execute(asked(bare.clone(), false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "a renewal may help");
    assert!(upstream.requests().is_empty());
    upstream.script_all([json(&json!({"cloudaicompanionProject":{"id":"found"}}))]);
    let fresh = executor.refresh(&bare).await.unwrap();
    assert_eq!(fresh.document().text("project_id"), Some("found"));
    let asked = upstream.last();
    assert_eq!(asked.path, "/v1internal:loadCodeAssist");
    assert_eq!(asked.header("authorization"), Some("Bearer access-1"));
}

#[tokio::test]
async fn the_list_of_models_is_built_in_and_failures_are_read_with_googles_words() {
    let upstream = FakeUpstream::start().await;
    let executor = executor(&upstream);
    let models = executor.models(&login("p")).await.unwrap();
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "gemini-2.5-pro",
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
            "gemini-3-pro-preview",
            "gemini-3-flash-preview"
        ]
    );
    // Source: providers-a.md 5.7 `SERVICE_DISABLED`: the text, with its link, reaches the client.
    let disabled = json!({"error":{"code":403,"status":"PERMISSION_DENIED","message":"Enable it by visiting https://console.example",
        "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED"}]}});
    upstream.script_all([status(403).json(&disabled)]);
    let error = executor.execute(asked(login("p"), false)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.evidence().scope),
        (ErrorKind::Forbidden, cliproxy_core::Scope::Credential)
    );
    assert!(String::from_utf8_lossy(error.body()).contains("console.example"));
}
