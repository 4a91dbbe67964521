//! Antigravity. Source: providers-a.md 7.
#![expect(clippy::needless_pass_by_value, reason = "`json!` values read better without a borrow before each")]

use cliproxy_core::{
    Attempt, Credential, ErrorKind, Operation, ProviderExecutor as _, ProviderFormat, Renewal, ReplyModes,
    Timestamp, UpstreamModel,
};
use cliproxy_executors::AntigravityExecutor;
use cliproxy_testkit::{FakeTokenEndpoint, FakeUpstream, Reply, Reuse, gemini, json, refuse, status};
use serde_json::{Value, json};

use crate::support::{account, attempt, egress, read};

const BODY: &str = r#"{"model":"x","userAgent":"antigravity","requestType":"agent","request":{"contents":[],"sessionId":"-1"}}"#;

fn login(change: Value) -> Credential {
    let mut file =
        json!({"type":"antigravity","access_token":"ya29.a","refresh_token":"refresh-0","project_id":"p-1"});
    file.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    account("antigravity", file, |_| {})
}

fn asked(credential: Credential, body: &str, stream: bool) -> Attempt {
    let mut attempt = attempt(credential, ProviderFormat::ANTIGRAVITY, body);
    attempt.stream = stream;
    attempt.model = UpstreamModel::new("gemini-3-flash");
    attempt.now = Timestamp::from_secs(1_795_428_000);
    attempt
}

fn sent(upstream: &FakeUpstream) -> Value {
    serde_json::from_slice(&upstream.last().body).unwrap()
}

#[tokio::test]
async fn a_request_has_a_project_an_id_and_a_session() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([gemini::Generation::new().text("a").whole_in_envelope()]);
    let executor = AntigravityExecutor::new(egress()).with_url("api", upstream.url());
    executor.execute(asked(login(json!({})), BODY, false)).await.unwrap();
    let received = upstream.last();
    assert_eq!(received.path, "/v1internal:generateContent");
    assert_eq!(received.header("authorization"), Some("Bearer ya29.a"));
    // Source: providers-a.md 7.4 "the server refuses newer models for client versions below 2.9.0".
    assert!(received.header("user-agent").unwrap().starts_with("antigravity/2.9.1 cliproxy/"));
    let body = sent(&upstream);
    assert_eq!((&body["model"], &body["project"]), (&json!("gemini-3-flash"), &json!("p-1")));
    assert_eq!(body["request"], json!({"contents":[],"sessionId":"-1"}));
    let id = body["requestId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("agent-") && id.len() == "agent-".len() + 36, "{id}");
    executor.execute(asked(login(json!({})), BODY, false)).await.unwrap();
    assert_ne!(sent(&upstream)["requestId"], id, "each request has its own");

    for (body, id, session) in [
        (r#"{"requestType":"image_gen","request":{"sessionId":"-1"}}"#, "image_gen/1795428000000/", true),
        (r#"{"request":{"contents":[]}}"#, "agent-", true),
        (r#"{"requestType":"web_search","requestId":"x","request":{"contents":[]}}"#, "", false),
    ] {
        executor.execute(asked(login(json!({})), body, false)).await.unwrap();
        let sent = sent(&upstream);
        assert!(sent["requestId"].as_str().unwrap_or_default().starts_with(id), "{sent}");
        assert_eq!(sent.get("requestId").is_some(), session, "{sent}");
        assert_eq!(sent["request"].get("sessionId").is_some(), session, "{sent}");
        assert_eq!(sent["userAgent"], "antigravity");
    }
}

#[tokio::test]
async fn the_file_may_name_another_agent_and_another_root() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    let login = account(
        "antigravity",
        json!({"access_token":"a","project_id":"p","user_agent":"antigravity/3.0.0"}),
        |settings| settings.base_url = Some(format!("{}/gate/", upstream.url())),
    );
    AntigravityExecutor::new(egress()).execute(asked(login, BODY, false)).await.unwrap();
    assert_eq!(upstream.last().path, "/gate/v1internal:generateContent");
    assert_eq!(upstream.last().header("user-agent"), Some("antigravity/3.0.0"));
}

/// What two hosts answer, what comes of it, and how often each was called.
async fn on_two_hosts(first: Reply, second: Reply) -> (Result<String, ErrorKind>, usize, usize) {
    let (one, two) = (FakeUpstream::start().await, FakeUpstream::start().await);
    one.script_all([first]);
    two.script_all([second]);
    let executor =
        AntigravityExecutor::new(egress()).with_url("api", one.url()).with_url("fallback", two.url());
    let stream = executor.execute_stream(asked(login(json!({})), BODY, true)).await;
    let result = match stream {
        Ok(stream) => Ok(read(stream).await.0),
        Err(error) => Err(error.kind()),
    };
    (result, one.requests().len(), two.requests().len())
}

#[tokio::test]
async fn another_host_is_asked_where_the_first_one_is_the_trouble() {
    // Source: providers-a.md 7.6, 7.7 "429 on the first host and 200 on the second is a success".
    let good = || json(&json!({"n":1}));
    let capacity = || gemini::error(503, "UNAVAILABLE", "No capacity available for model x");
    let fine = Ok(r#"{"n":1}"#.to_owned());
    for (first, second, result, calls) in [
        (gemini::rate_limited(5), good(), fine.clone(), (1, 1)),
        (capacity(), good(), fine.clone(), (1, 1)),
        (good(), status(500), fine.clone(), (1, 0)),
        (status(503), good(), Err(ErrorKind::Overloaded), (1, 0)),
        (status(401), good(), Err(ErrorKind::Unauthorized), (1, 0)),
        (status(400), good(), Err(ErrorKind::InvalidRequest), (1, 0)),
        (gemini::rate_limited(5), capacity(), Err(ErrorKind::RateLimited), (1, 1)),
        (gemini::rate_limited(5), status(404), Err(ErrorKind::NotFound), (1, 1)),
    ] {
        let told = format!("{first:?} then {second:?}");
        let (found, one, two) = on_two_hosts(first, second).await;
        assert_eq!((found, (one, two)), (result, calls), "{told}");
    }
    // Nobody listens at the first.
    let two = FakeUpstream::start().await;
    two.script_all([good()]);
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let executor = AntigravityExecutor::new(egress())
        .with_url("api", format!("http://{dead}"))
        .with_url("fallback", two.url());
    executor.execute(asked(login(json!({})), BODY, false)).await.unwrap();
    let mut count = asked(login(json!({})), BODY, false);
    count.operation = Operation::CountTokens;
    executor.count_tokens(count).await.unwrap();
    assert_eq!(two.last().path, "/v1internal:countTokens");
    assert_eq!(two.last().body, r#"{"request":{"contents":[]}}"#);
}

#[tokio::test]
async fn a_root_of_ones_own_is_never_left_for_googles() {
    // Source: providers-a.md 7.7 "A custom `base_url` never falls back".
    let upstream = FakeUpstream::start().await;
    upstream.script_all([refuse()]);
    let replaced = AntigravityExecutor::new(egress()).with_url("api", upstream.url());
    let error = replaced.execute(asked(login(json!({})), BODY, false)).await.unwrap_err();
    assert!(error.kind().is_endpoint_fault());
    assert_eq!(error.status(), None);
    let calls = upstream.requests().len();
    let own = account("antigravity", json!({"access_token":"a","project_id":"p"}), |settings| {
        settings.base_url = Some(upstream.url());
    });
    let executor = AntigravityExecutor::new(egress());
    executor.execute(asked(own, BODY, false)).await.unwrap_err();
    assert!(upstream.requests().len() > calls);
}

#[tokio::test]
async fn claudes_models_are_streams_only_and_say_so() {
    let executor = AntigravityExecutor::new(egress());
    for (model, modes) in [
        ("claude-opus-4-6-thinking", ReplyModes::StreamOnly),
        ("gemini-3-pro-high", ReplyModes::StreamOnly),
        ("gemini-3-flash", ReplyModes::Both),
        ("gpt-oss-120b-medium", ReplyModes::Both),
    ] {
        assert_eq!(executor.reply_modes(&UpstreamModel::new(model)), modes, "{model}");
    }
    let mut attempt = asked(login(json!({})), BODY, false);
    attempt.model = UpstreamModel::new("claude-sonnet-4-6");
    assert_eq!(executor.execute(attempt).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn the_list_of_models_is_fetched_and_described() {
    // Source: providers-a.md 7.5, 7.7 "an unknown id yields a plain entry".
    let (one, two) = (FakeUpstream::start().await, FakeUpstream::start().await);
    one.script_all([status(429)]);
    two.script_all([json(&json!({"models": {
        "claude-opus-4-6-thinking": {"displayName": "Claude Opus 4.6 (Thinking)", "quotaInfo": {"remainingFraction": 0.5}},
        "gemini-3-flash": {}, "brand-new": {"displayName": "New"}, "chat_20706": {}, "gemini-2.5-pro": {}}}))]);
    let executor =
        AntigravityExecutor::new(egress()).with_url("api", one.url()).with_url("fallback", two.url());
    let models = executor.models(&login(json!({}))).await.unwrap();
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["claude-opus-4-6-thinking", "gemini-3-flash", "brand-new"]);
    assert_eq!(models[0].display_name.as_deref(), Some("Claude Opus 4.6 (Thinking)"));
    assert_eq!((models[0].max_output, models[0].owned_by.as_deref()), (Some(64_000), Some("anthropic")));
    assert_eq!(models[0].reasoning.as_ref().unwrap().budget, Some((1024, 64_000)));
    assert!(models[2].reasoning.is_none());
    assert_eq!(two.last().path, "/v1internal:fetchAvailableModels");
    assert_eq!(two.last().body, "{}");
    let known = executor.known_models(&login(json!({}))).unwrap();
    assert_eq!(known.len(), 13);
    two.script_all([json(&json!({"models": {}}))]);
    assert_eq!(executor.models(&login(json!({}))).await.unwrap_err().kind(), ErrorKind::BadReply);
}

#[tokio::test]
async fn a_renewal_needs_the_secret_that_only_the_user_can_set() {
    let tokens = FakeTokenEndpoint::start(["refresh-0"]).await;
    let executor = AntigravityExecutor::new(egress()).with_url("token", tokens.url());
    let error = executor.refresh(&login(json!({}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.message().contains("oauth-clients.antigravity.client-secret"), "{error}");
    assert!(tokens.redemptions().is_empty());

    let executor = executor.with_oauth_client(None, Some("the secret".into()));
    let file = login(json!({"note":"mine","expires_in":10,"timestamp":1}));
    assert_eq!(executor.renewal(&file), Renewal::Lead(std::time::Duration::from_secs(300)));
    let fresh = executor.refresh(&file).await.unwrap();
    let sent = tokens.upstream().last();
    assert_eq!(sent.form("client_secret").as_deref(), Some("the secret"));
    // Source: providers-a.md 7.3 "Persisted".
    let document = fresh.document().as_map();
    assert_eq!(document["access_token"], "access-1");
    assert_eq!(document["refresh_token"], "refresh-1");
    assert_eq!((&document["expires_in"], &document["note"]), (&json!(3600), &json!("mine")));
    assert!(document["timestamp"].as_i64().unwrap() > 1_700_000_000_000, "milliseconds");
    assert!(document["expired"].is_string());
    assert_eq!(document["project_id"], "p-1");

    // Where the file wants it, and nowhere else.
    let elsewhere = FakeTokenEndpoint::start(["refresh-0"]).await;
    let fresh = executor.refresh(&login(json!({"token_url":elsewhere.url()}))).await.unwrap();
    assert_eq!(fresh.document().text("access_token"), Some("access-1"));
    assert_eq!((elsewhere.redemptions().len(), tokens.redemptions().len()), (1, 1));
}

#[tokio::test]
async fn a_login_without_a_project_finds_one_and_never_invents_one() {
    // Source: providers-a.md 7.7.
    let tokens = FakeTokenEndpoint::start(["refresh-0"]).await;
    let upstream = FakeUpstream::start().await;
    let executor = AntigravityExecutor::new(egress())
        .with_url("api", upstream.url())
        .with_url("onboarding", upstream.url())
        .with_url("token", tokens.url())
        .with_oauth_client(None, Some("s".into()));
    let bare = account("antigravity", json!({"access_token":"a","refresh_token":"refresh-0"}), |_| {});
    let error = executor.execute(asked(bare.clone(), BODY, false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "a renewal may help");
    assert!(upstream.requests().is_empty());
    upstream.script_all([json(&json!({"cloudaicompanionProject":"found"}))]);
    let fresh = executor.refresh(&bare).await.unwrap();
    assert_eq!(fresh.document().text("project_id"), Some("found"));
    assert_eq!(
        sent(&upstream),
        json!({"metadata":{"ideType":"ANTIGRAVITY","platform":"PLATFORM_UNSPECIFIED","pluginType":"GEMINI"}})
    );
    assert_eq!(upstream.last().header("authorization"), Some("Bearer access-1"));

    // Google names none: the tokens are kept all the same.
    upstream.script_all([status(500)]);
    let again = account("antigravity", json!({"refresh_token":"refresh-1"}), |_| {});
    let fresh = executor.refresh(&again).await.unwrap();
    assert_eq!(
        (fresh.document().text("access_token"), fresh.document().text("project_id")),
        (Some("access-2"), None)
    );
    // Without a way to renew, a person has to help.
    let fixed = account("antigravity", json!({"access_token":"a"}), |_| {});
    let error = executor.execute(asked(fixed, BODY, false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.message().contains("project_id"), "{error}");
}

#[tokio::test]
async fn an_account_that_was_never_set_up_is_by_its_renewal() {
    // Source: providers-a.md 7.1 "onboard (no project)".
    let tokens = FakeTokenEndpoint::start(["refresh-0"]).await;
    let upstream = FakeUpstream::start().await;
    let executor = AntigravityExecutor::new(egress())
        .with_url("onboarding", upstream.url())
        .with_url("token", tokens.url())
        .with_oauth_client(None, Some("s".into()));
    let bare = account("antigravity", json!({"access_token":"a","refresh_token":"refresh-0"}), |_| {});
    upstream.script_path(
        "/v1internal:loadCodeAssist",
        [json(&json!({"allowedTiers":[{"id":"other"},{"id":"free-tier","isDefault":true}]}))],
    );
    let done = json!({"done":true,"response":{"cloudaicompanionProject":{"id":"made"}}});
    upstream.script_path("/v1internal:onboardUser", [status(503), json(&done)]);
    let fresh = executor.refresh(&bare).await.unwrap();
    assert_eq!(fresh.document().text("project_id"), Some("made"));
    assert_eq!(
        sent(&upstream),
        json!({"tierId":"free-tier","metadata":{"ideType":"ANTIGRAVITY","platform":"PLATFORM_UNSPECIFIED","pluginType":"GEMINI"}})
    );
    // What is no answer says nothing of the account: it is not set up because of it.
    for said in ["", "<p>wait</p>"] {
        let again = account("antigravity", json!({"access_token":"a","refresh_token":"refresh-1"}), |_| {});
        upstream.script_path("/v1internal:loadCodeAssist", [status(200).body(said)]);
        let before = upstream.requests().len();
        tokens.set_reuse(Reuse::Forgiven);
        assert_eq!(executor.refresh(&again).await.unwrap().document().text("project_id"), None);
        assert_eq!(upstream.requests().len(), before + 1, "{said}");
    }
    // Who has to do something first is not set up behind their back.
    let validate =
        json!({"ineligibleTiers":[{"reasonCode":"VALIDATION_REQUIRED","validationUrl":"https://v.example"}]});
    upstream.script_path("/v1internal:loadCodeAssist", [json(&validate)]);
    let before = upstream.requests().len();
    let again = account("antigravity", json!({"access_token":"a","refresh_token":"refresh-1"}), |_| {});
    assert_eq!(executor.refresh(&again).await.unwrap().document().text("project_id"), None);
    assert_eq!(upstream.requests().len(), before + 1);
}

#[tokio::test]
async fn a_packed_refresh_token_is_taken_apart() {
    // Source: providers-a.md 7.2 [P].
    let tokens = FakeTokenEndpoint::start(["refresh-0"]).await;
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    let executor = AntigravityExecutor::new(egress())
        .with_url("api", upstream.url())
        .with_url("token", tokens.url())
        .with_oauth_client(None, Some("s".into()));
    for (packed, project) in [("refresh-0|own|managed", "managed"), ("refresh-0|own|", "own")] {
        let file = account("antigravity", json!({"access_token":"a","refresh_token":packed}), |_| {});
        executor.execute(asked(file, BODY, false)).await.unwrap();
        assert_eq!(sent(&upstream)["project"], project);
    }
    let file =
        account("antigravity", json!({"access_token":"a","refresh_token":"refresh-0|own|managed"}), |_| {});
    let fresh = executor.refresh(&file).await.unwrap();
    assert_eq!(tokens.redemptions()[0].refresh_token, "refresh-0");
    assert_eq!(upstream.requests().len(), 2, "its project is known");
    // Google gave another refresh token: the projects stay behind it.
    assert_eq!(fresh.document().text("refresh_token"), Some("refresh-1|own|managed"));
    executor.execute(asked(fresh, BODY, false)).await.unwrap();
    assert_eq!(sent(&upstream)["project"], "managed");
    // In Gemini CLI's shape of a file too.
    let nested = json!({"token":{"access_token":"a","refresh_token":"refresh-1|own|managed"}});
    let fresh = executor.refresh(&account("antigravity", nested, |_| {})).await.unwrap();
    assert_eq!(fresh.document().get("token").unwrap()["refresh_token"], "refresh-2|own|managed");
    executor.execute(asked(fresh, BODY, false)).await.unwrap();
    assert_eq!(sent(&upstream)["project"], "managed");
}

#[tokio::test]
async fn limits_are_read_with_googles_words() {
    // Source: providers-a.md 7.6.
    let upstream = FakeUpstream::start().await;
    let executor = AntigravityExecutor::new(egress()).with_url("api", upstream.url());
    let exhausted = |details: Value| {
        status(429).json(&json!({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You have exhausted your capacity.","details":details}}))
    };
    let info = |delay: &str| json!([{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"QUOTA_EXHAUSTED","metadata":{"quotaResetDelay":delay}}]);
    for (reply, wait) in
        [(exhausted(info("4h0m1s")), Some(14_401)), (exhausted(json!([])), None), (status(429), None)]
    {
        upstream.script_all([reply]);
        let error = executor.execute(asked(login(json!({})), BODY, false)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.evidence().retry_after.map(|wait| wait.as_secs()), wait);
    }
}
