//! Qwen, iFlow, Kimi and GitHub Copilot: what their calls look like, and where they differ from one another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cliproxy_core::{
    Attempt, Credential, ErrorKind, Operation, ProviderExecutor as _, ProviderFormat, Renewal, UpstreamModel,
};
use cliproxy_executors::{CopilotExecutor, IflowExecutor, KimiExecutor, QwenExecutor};
use cliproxy_testkit::{FakeTokenEndpoint, FakeUpstream, hang, json, refuse, status};
use cliproxy_transport::oauth::known;
use serde_json::json;

use crate::support::{attempt, egress, headers, login, pass};

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

fn call(credential: Credential, model: &str, body: &str) -> Attempt {
    let mut attempt = attempt(credential, ProviderFormat::OPENAI, body);
    attempt.model = UpstreamModel::new(model);
    attempt
}

#[tokio::test]
async fn qwen_goes_to_the_host_that_the_account_names() {
    // Source: providers-b.md 3.5, its trap included.
    let (own, api) = (FakeUpstream::start().await, FakeUpstream::start().await);
    for upstream in [&own, &api] {
        upstream.script_all([json(&json!({}))]);
    }
    let executor = QwenExecutor::new(egress()).with_url("api", format!("{}/v1", api.url()));
    for (resource, upstream) in
        [(own.url(), &own), (format!("{}/v1/", own.url()), &own), (" ".to_owned(), &api)]
    {
        let account = login("qwen", json!({"access_token": "token", "resource_url": resource}));
        executor.execute(call(account, "m", BODY)).await.unwrap();
        let asked = upstream.last();
        assert_eq!(
            (asked.path.as_str(), asked.key.as_str()),
            ("/v1/chat/completions", "token"),
            "{resource}"
        );
    }
    assert_eq!(own.requests().len(), 2);
    let fake = FakeTokenEndpoint::start(["first"]).await;
    fake.set_extra(json!({"resource_url": "new.example"}));
    let executor = QwenExecutor::new(egress()).with_url("token", fake.url());
    let old =
        login("qwen", json!({"access_token": "t", "refresh_token": "first", "resource_url": "old.example"}));
    let new = executor.refresh(&old).await.unwrap();
    assert_eq!(new.document().text("resource_url"), Some("new.example"));
    // The vendor takes any 400 or 401 for final, as long as it is the endpoint that speaks.
    fake.fail_with([status(400).json(&json!({"detail": "gone"}))]);
    assert_eq!(executor.refresh(&new).await.unwrap_err().kind(), ErrorKind::InvalidGrant);
}

#[tokio::test]
async fn iflow_calls_are_signed_unless_the_file_says_otherwise() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    let executor = IflowExecutor::new(egress()).with_url("api", upstream.url());
    let account =
        |more: bool| login("iflow", json!({"api_key": "sk-1", "access_token": "no", "sign_requests": more}));
    let body = r#"{"model":"glm-4.6","reasoning_effort":"high","messages":[],"tools":[]}"#;
    executor.execute(call(account(true), "glm-4.6", body)).await.unwrap();
    let asked = upstream.last();
    assert_eq!(asked.key, "sk-1", "the key is spent, not the token");
    let header = |name: &str| asked.header(name).unwrap().to_owned();
    let signed = format!("{}:{}:{}", header("user-agent"), header("session-id"), header("x-iflow-timestamp"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"sk-1");
    let tag: String =
        ring::hmac::sign(&key, signed.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header("x-iflow-signature"), tag);
    assert!(header("user-agent").starts_with("cliproxy/"), "in our own name");
    assert_eq!(
        asked.json(),
        json!({"model": "glm-4.6", "messages": [], "chat_template_kwargs": {"enable_thinking": true, "clear_thinking": false}})
    );
    executor.execute(call(account(false), "glm-4.6", BODY)).await.unwrap();
    assert_eq!(upstream.last().header("x-iflow-signature"), None);
    let bare = login("iflow", json!({"access_token": "t"}));
    assert_eq!(executor.execute(call(bare, "m", BODY)).await.unwrap_err().kind(), ErrorKind::Misconfigured);
}

#[tokio::test]
async fn iflow_renews_its_key_with_its_tokens_or_by_its_cookie() {
    let fake = FakeTokenEndpoint::start(["first"]).await;
    let site = FakeUpstream::start().await;
    site.script_path("/user", [json(&json!({"success": true, "data": {"apiKey": "sk-2"}}))]);
    let executor = IflowExecutor::new(egress())
        .with_url("token", fake.url())
        .with_url("userinfo", format!("{}/user", site.url()))
        .with_url("api-key", format!("{}/key", site.url()));
    let account = login(
        "iflow",
        json!({"access_token": "t", "refresh_token": "first", "api_key": "sk-1", "email": "me"}),
    );
    let error = executor.refresh(&account).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.message().contains("oauth-clients.iflow.client-secret"), "{error}");
    let executor = executor.with_oauth_client(None, Some("s".into()));
    let new_tokens = executor.refresh(&account).await.unwrap();
    assert_eq!(new_tokens.api_key().unwrap().expose(), "sk-2");
    assert_eq!(site.last().query, "accessToken=access-1");

    site.script_path(
        "/key",
        [json(&json!({"success": true, "data": {"apiKey": "sk-3", "expireTime": "2027-01-01 10:00"}}))],
    );
    let cookie = login(
        "iflow",
        json!({"cookie": "BXAuth=CANARY;", "email": "me", "api_key": "sk-1", "refresh_token": ""}),
    );
    assert!(matches!(executor.renewal(&cookie), Renewal::Lead(_)));
    let new = executor.refresh(&cookie).await.unwrap();
    assert_eq!(new.api_key().unwrap().expose(), "sk-3");
    assert_eq!(new.document().text("expired"), Some("2027-01-01 10:00"));
    assert_eq!(
        (site.last().header("cookie"), site.last().json()),
        (Some("BXAuth=CANARY;"), json!({"name": "me"}))
    );
    // The file's own places, for either way.
    let own = FakeUpstream::start().await;
    own.script_path("/mine", [json(&json!({"success": true, "data": {"apiKey": "sk-4"}}))]);
    let at = |credential: &Credential, more: serde_json::Value| {
        let mut document = credential.document().as_map().clone();
        document.extend(more.as_object().unwrap().clone());
        login("iflow", serde_json::Value::Object(document))
    };
    let before = site.requests().len();
    let mine = format!("{}/mine", own.url());
    let by_cookie = executor.refresh(&at(&cookie, json!({"token_url": mine}))).await.unwrap();
    assert_eq!(by_cookie.api_key().unwrap().expose(), "sk-4");
    // The old key's end is not the new one's: each renewal makes a key.
    let dated = at(&cookie, json!({"token_url": mine, "expired": "2026-01-01 10:00"}));
    let undated = executor.refresh(&dated).await.unwrap();
    assert_eq!((undated.api_key().unwrap().expose(), undated.document().expiry()), ("sk-4", None));
    assert_eq!(own.last().header("cookie"), Some("BXAuth=CANARY;"));
    let by_tokens = executor.refresh(&at(&new_tokens, json!({"userinfo_url": mine}))).await.unwrap();
    assert_eq!(by_tokens.api_key().unwrap().expose(), "sk-4");
    assert_eq!(own.last().query, "accessToken=access-2");
    assert_eq!(site.requests().len(), before, "nothing went to the provider's own");
    // No refusal of the service is known to be final; what it repeats of the cookie is not told.
    for reply in [
        json(&json!({"success": false, "code": 500, "message": "busy with BXAuth=CANARY; of me"})),
        json(&json!({"success": false, "code": 500, "message": "bad cookie BXAuth=CANARY"})),
        json(&json!({"success": false, "code": 500, "message": "who is CANARY?"})),
        json(&json!({"success": true, "data": {"apiKeyMask": "sk-***"}})),
        json(&json!([])),
        status(503),
        status(401),
    ] {
        site.script_path("/key", [reply]);
        let error = executor.refresh(&cookie).await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::InvalidGrant);
        assert!(!error.to_string().contains("CANARY"), "{error}");
    }
}

#[tokio::test]
async fn iflow_keeps_new_tokens_although_nobody_tells_the_key() {
    let fake = FakeTokenEndpoint::start(["first"]).await;
    let site = FakeUpstream::start().await;
    site.script_all([hang()]);
    let executor = IflowExecutor::new(egress())
        .with_url("token", fake.url())
        .with_url("userinfo", site.url())
        .with_oauth_client(None, Some("s".into()));
    let account = login("iflow", json!({"access_token": "t", "refresh_token": "first", "api_key": "sk-1"}));
    let new = crate::support::with_time_passing_after(&site, executor.refresh(&account)).await.unwrap();
    assert_eq!(new.document().text("refresh_token"), Some("refresh-1"));
    assert_eq!(new.api_key().unwrap().expose(), "sk-1");
}

#[tokio::test]
async fn kimi_serves_claude_clients_in_their_own_words_and_others_in_chat() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    let executor = KimiExecutor::new(egress()).with_url("api", format!("{}/coding", upstream.url()));
    let account = login("kimi", json!({"access_token": "token", "device_id": "dev-1"}));
    for (format, path) in [
        (ProviderFormat::OPENAI, "/coding/v1/chat/completions"),
        (ProviderFormat::CLAUDE, "/coding/v1/messages"),
    ] {
        let mut attempt = attempt(account.clone(), format.clone(), BODY);
        attempt.model = UpstreamModel::new("kimi-k2.5");
        attempt.client_headers = headers(&[("anthropic-beta", "b-1")]);
        executor.execute(attempt).await.unwrap();
        let asked = upstream.last();
        assert_eq!((asked.path.as_str(), asked.key.as_str()), (path, "token"));
        assert_eq!(asked.json()["model"], "k2.5", "{format}");
        assert_eq!(
            (asked.header("x-msh-device-id"), asked.header("x-msh-platform")),
            (Some("dev-1"), Some("cliproxy"))
        );
        assert_eq!(asked.header("anthropic-beta"), (format == ProviderFormat::CLAUDE).then_some("b-1"));
    }
}

#[tokio::test]
async fn kimi_gives_a_file_without_a_device_one_of_its_own() {
    let fake = FakeTokenEndpoint::start(["first"]).await;
    let executor = KimiExecutor::new(egress()).with_url("token", fake.url());
    let new = executor
        .refresh(&login("kimi", json!({"access_token": "t", "refresh_token": "first"})))
        .await
        .unwrap();
    let device = new.document().text("device_id").unwrap().to_owned();
    assert_eq!(fake.upstream().last().header("x-msh-device-id"), Some(device.as_str()));
    let newer = executor.refresh(&new).await.unwrap();
    assert_eq!(newer.document().text("device_id"), Some(device.as_str()), "and keeps it");
    fake.fail_with([status(403).json(&json!({"detail": "no"}))]);
    assert_eq!(executor.refresh(&newer).await.unwrap_err().kind(), ErrorKind::InvalidGrant);
}

/// After this a token is no longer the newest that can be had.
const LATER: Duration = Duration::from_secs(11);

/// A seat: GitHub's exchange and Copilot's API on one server.
async fn seat(lifetime: i64) -> (FakeUpstream, CopilotExecutor, Credential) {
    let upstream = FakeUpstream::start().await;
    // By the clock of the fake, as its `date` has it.
    let until = 1_793_692_800 + lifetime;
    let api = "https://evil.example";
    upstream.script_path(
        "/token",
        [json(&json!({"token": "tid=1", "expires_at": until, "endpoints": {"api": api}}))],
    );
    upstream.script_all([json(&json!({}))]);
    let executor = CopilotExecutor::new(egress())
        .with_url(known::COPILOT_TOKEN.name, format!("{}/token", upstream.url()))
        .with_url("api", upstream.url());
    (upstream, executor, login("github-copilot", json!({"access_token": "ghu_1", "username": "octo"})))
}

fn exchanges(upstream: &FakeUpstream) -> usize {
    upstream.requests().iter().filter(|request| request.path == "/token").count()
}

#[tokio::test]
async fn a_copilot_token_is_exchanged_once_and_again_near_its_end() {
    for (lifetime, expected) in [(6 * 60, 1), (4 * 60, 3)] {
        let (upstream, executor, account) = seat(lifetime).await;
        for _ in 0..3 {
            pass(LATER).await;
            executor.execute(call(account.clone(), "gpt-4.1", BODY)).await.unwrap();
        }
        assert_eq!(exchanges(&upstream), expected, "{lifetime}");
        let asked = upstream.last();
        assert_eq!((asked.path.as_str(), asked.key.as_str()), ("/chat/completions", "tid=1"));
    }
    let (upstream, executor, account) = seat(3600).await;
    let calls = (0..20).map(|_| executor.execute(call(account.clone(), "gpt-4.1", BODY)));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(exchanges(&upstream), 1, "twenty at once wait for one");
    let github = &upstream.requests()[0];
    assert_eq!((github.path.as_str(), github.key.as_str()), ("/token", "ghu_1"));
    // One that is asked for later is another.
    pass(LATER).await;
    let same = executor.refresh(&account).await.unwrap();
    assert_eq!(same, account);
    assert_eq!(exchanges(&upstream), 2);
    assert_eq!(executor.renewal(&account), Renewal::Never);
}

/// Source: providers-b.md 2.5.1: `expires_at` is of GitHub's clock.
#[tokio::test]
async fn a_clock_that_is_wrong_costs_no_exchange_before_every_call() {
    const GITHUBS: &str = "Mon, 23 Nov 2026 10:00:00 GMT";
    let at = 1_795_428_000_i64;
    for (what, reply, expected) in [
        // Whatever our clock says: half an hour from GitHub's now, so that it is kept.
        ("date", json(&json!({"token": "tid=1", "expires_at": at + 1800})).header("date", GITHUBS), 1),
        ("near its end", json(&json!({"token": "tid=1", "expires_at": at + 240})).header("date", GITHUBS), 3),
        (
            "refresh_in",
            json(&json!({"token": "tid=1", "expires_at": at, "refresh_in": 1500})).header("date", "never"),
            1,
        ),
    ] {
        let (upstream, executor, account) = seat(0).await;
        upstream.script_path("/token", [reply]);
        for _ in 0..3 {
            pass(LATER).await;
            executor.execute(call(account.clone(), "gpt-4.1", BODY)).await.unwrap();
        }
        assert_eq!(exchanges(&upstream), expected, "{what}");
    }
    // One that is over already by any reckoning serves its caller, and those who come with them.
    let (upstream, executor, account) = seat(0).await;
    upstream.script_path(
        "/token",
        [json(&json!({"token": "tid=1", "expires_at": at - 60})).header("date", GITHUBS)],
    );
    let calls = (0..5).map(|_| executor.execute(call(account.clone(), "gpt-4.1", BODY)));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
    executor.execute(call(account.clone(), "gpt-4.1", BODY)).await.unwrap();
    assert_eq!(exchanges(&upstream), 1);
}

/// Source: providers-b.md 2.7; GitHub's REST documentation, "Rate limits": 403 or 429 with `x-ratelimit-remaining: 0`.
#[tokio::test]
async fn a_limit_of_githubs_on_exchanges_is_no_lost_seat() {
    for (reply, kind, wait) in [
        (status(403).header("retry-after", "90"), ErrorKind::RateLimited, Some(90)),
        (
            status(403)
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", "1795428600")
                .header("date", "Mon, 23 Nov 2026 10:00:00 GMT"),
            ErrorKind::RateLimited,
            Some(600),
        ),
        (status(403).header("x-ratelimit-remaining", "59"), ErrorKind::Unauthorized, None),
        (status(403), ErrorKind::Unauthorized, None),
        (status(401).header("retry-after", "90"), ErrorKind::Unauthorized, None),
    ] {
        let (upstream, executor, account) = seat(0).await;
        upstream.script_path("/token", [reply.json(&json!({"message": "no"}))]);
        let error = executor.execute(call(account, "gpt-4.1", BODY)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(
            error.evidence().retry_after.filter(|_| wait.is_some()),
            wait.map(Duration::from_secs),
            "{error}"
        );
    }
}

#[tokio::test]
async fn refused_copilot_tokens_are_exchanged_once_for_all_and_a_fresh_one_not_at_all() {
    let (upstream, executor, account) = seat(3600).await;
    let floor = Arc::new(AtomicU32::new(1));
    let (least, given) = (Arc::clone(&floor), AtomicU32::new(0));
    upstream.answer_with(move |request| {
        if request.path == "/token" {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            return json(&json!({"token": format!("tid={number}"), "expires_at": 4_102_444_800_i64}));
        }
        let number = request.key.strip_prefix("tid=").and_then(|number| number.parse::<u32>().ok());
        if number.is_some_and(|number| number >= least.load(Ordering::SeqCst)) {
            return json(&json!({}));
        }
        status(401).json(&json!({"error": {"message": "token expired"}}))
    });
    let ask = || executor.execute(call(account.clone(), "gpt-4.1", BODY));
    ask().await.unwrap();
    floor.store(2, Ordering::SeqCst);
    let refused = futures_util::future::join_all((0..8).map(|_| ask())).await;
    assert!(refused.iter().all(|reply| reply.as_ref().is_err_and(|e| e.kind() == ErrorKind::Unauthorized)));
    for renewed in futures_util::future::join_all((0..8).map(|_| executor.refresh(&account))).await {
        assert_eq!(renewed.unwrap(), account);
    }
    assert!(futures_util::future::join_all((0..8).map(|_| ask())).await.iter().all(Result::is_ok));
    assert_eq!(exchanges(&upstream), 2);
    // Revoked, and so is what comes in its place.
    floor.store(4, Ordering::SeqCst);
    ask().await.unwrap_err();
    executor.refresh(&account).await.unwrap();
    for _ in 0..3 {
        ask().await.unwrap_err();
        assert_eq!(executor.refresh(&account).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    }
    assert_eq!(exchanges(&upstream), 3);
    pass(LATER).await;
    ask().await.unwrap();
    assert_eq!(exchanges(&upstream), 4);
}

#[tokio::test]
async fn a_file_says_where_its_copilot_token_is_fetched() {
    let (upstream, executor, account) = seat(3600).await;
    let own = FakeUpstream::start().await;
    own.script_all([json(&json!({"token": "tid=own", "expires_at": 4_000_000_000_i64}))]);
    let mut document = account.document().as_map().clone();
    document.insert("token_url".to_owned(), json!(format!("{}/mine", own.url())));
    for domain in [None, Some("corp.ghe.com")] {
        document.insert("enterprise_domain".to_owned(), json!(domain));
        // Each has its own token in memory.
        document.insert("access_token".to_owned(), json!(format!("github-{domain:?}")));
        let account = login("github-copilot", serde_json::Value::Object(document.clone()));
        let account = account.clone().with_settings({
            let mut settings = account.settings().clone();
            settings.base_url = Some(upstream.url());
            settings
        });
        executor.execute(call(account, "gpt-4.1", BODY)).await.unwrap();
        assert_eq!(own.last().path, "/mine", "{domain:?}");
        assert_eq!(own.last().key, format!("github-{domain:?}"));
        assert_eq!(upstream.last().key, "tid=own", "{domain:?}");
    }
    assert!(upstream.requests().iter().all(|asked| asked.path == "/chat/completions"));
}

#[tokio::test]
async fn copilot_is_told_who_asks_and_what_its_api_requires() {
    let (upstream, executor, account) = seat(3600).await;
    let agent = r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1"}]},{"role":"tool","content":"y"}]}"#;
    let image =
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}]}"#;
    for (body, initiator, vision) in
        [(BODY, "user", None), (agent, "agent", None), (image, "user", Some("true"))]
    {
        executor.execute(call(account.clone(), "gpt-4.1", body)).await.unwrap();
        let asked = upstream.last();
        assert_eq!(asked.header("x-initiator"), Some(initiator), "{body}");
        assert_eq!(asked.header("copilot-vision-request"), vision, "{body}");
        for (name, value) in known::COPILOT_HEADERS {
            assert_eq!(asked.header(name), Some(value));
        }
        assert!(asked.header("user-agent").unwrap().starts_with("cliproxy/"));
    }
    let mut responses =
        attempt(account, ProviderFormat::OPENAI_RESPONSES, r#"{"model":"gpt-5-codex","input":"hi"}"#);
    responses.model = UpstreamModel::new("gpt-5-codex");
    executor.execute(responses).await.unwrap();
    assert_eq!(
        (upstream.last().path.as_str(), &upstream.last().json()["store"]),
        ("/responses", &json!(false))
    );
    for (model, formats) in [
        ("gpt-5.1-codex", &[ProviderFormat::OPENAI_RESPONSES][..]),
        ("gpt-5", &[ProviderFormat::OPENAI, ProviderFormat::OPENAI_RESPONSES]),
        ("claude-sonnet-4.5", &[ProviderFormat::CLAUDE, ProviderFormat::OPENAI]),
        ("gemini-2.5-pro", &[ProviderFormat::OPENAI]),
    ] {
        assert_eq!(
            executor.wire_formats(&UpstreamModel::new(model), Operation::Generate),
            formats,
            "{model}"
        );
    }
}

#[tokio::test]
async fn a_model_of_copilot_is_asked_where_the_seats_list_says_and_else_by_its_name() {
    // Source: providers-b.md 2.5.4, 2.6.
    let (upstream, executor, seat) = seat(3600).await;
    let list = json!({"data": [
        {"id": "gpt-5-mini", "supported_endpoints": ["/responses"]},
        {"id": "claude-sonnet-9", "supported_endpoints": ["/chat/completions"]},
        {"id": "new-codex", "supported_endpoints": ["/chat/completions", "/responses"]},
        {"id": "gpt-5.1"}]});
    let formats = |seat: &Credential, model: &str| {
        let model = UpstreamModel::new(model);
        executor.wire_formats_for(seat, &model, Operation::Generate).to_vec()
    };
    let [claude, chat, responses] =
        [ProviderFormat::CLAUDE, ProviderFormat::OPENAI, ProviderFormat::OPENAI_RESPONSES];
    assert_eq!(formats(&seat, "claude-sonnet-9"), [claude.clone(), chat.clone()], "nothing is known yet");
    upstream.script_path("/models", [json(&list)]);
    assert_eq!(executor.models(&seat).await.unwrap().len(), 4);
    assert_eq!(formats(&seat, "gpt-5-mini"), std::slice::from_ref(&responses));
    assert_eq!(formats(&seat, "claude-sonnet-9"), std::slice::from_ref(&chat));
    assert_eq!(formats(&seat, "new-codex"), [chat.clone(), responses.clone()]);
    assert_eq!(formats(&seat, "gpt-5.1"), [chat.clone(), responses], "it says nothing");
    // Another seat's list says nothing of this one.
    let other = login("github-copilot", json!({"access_token": "ghu_2"}));
    let other = Credential::new(
        "other".into(),
        other.provider().clone(),
        other.kind(),
        other.origin().clone(),
        other.document().clone(),
        other.settings().clone(),
    );
    assert_eq!(formats(&other, "claude-sonnet-9"), [claude, chat]);
}

#[tokio::test]
async fn claudes_models_of_copilot_are_asked_in_their_own_words() {
    // Source: providers-b.md 2.5.4 "[H] model `claude-*`", "[H] beta".
    let (upstream, executor, account) = seat(3600).await;
    let body = json!({"model": "claude-sonnet-4.5", "max_tokens": 9, "betas": ["context-1m-2025-08-07"], "messages": [
        {"role": "user", "content": [{"type": "image", "source": {}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]}]});
    let mut asking = attempt(account, ProviderFormat::CLAUDE, &body.to_string());
    asking.model = UpstreamModel::new("claude-sonnet-4.5");
    asking.client_headers =
        headers(&[("anthropic-beta", "a-1, context-1m-2025-08-07"), ("anthropic-version", "2024-01-01")]);
    executor.execute(asking.clone()).await.unwrap();
    let asked = upstream.last();
    assert_eq!((asked.path.as_str(), asked.key.as_str()), ("/v1/messages", "tid=1"));
    let mut sent = body.clone();
    sent["betas"] = json!([]);
    assert_eq!(asked.json(), sent);
    for (name, value) in [
        ("anthropic-beta", Some("a-1")),
        ("anthropic-version", Some("2024-01-01")),
        ("x-initiator", Some("agent")),
        ("copilot-vision-request", Some("true")),
        ("copilot-integration-id", Some("vscode-chat")),
    ] {
        assert_eq!(asked.header(name), value, "{name}");
    }
    // A client of another format has no say in Claude's headers.
    asking.client_format = cliproxy_core::ClientFormat::from_static("openai");
    executor.execute(asking).await.unwrap();
    let asked = upstream.last();
    assert_eq!(
        (asked.header("anthropic-beta"), asked.header("anthropic-version")),
        (None, Some("2023-06-01"))
    );
}

#[tokio::test]
async fn an_organisations_own_domain_is_a_name_of_a_host_and_a_replaced_url_counts_for_more() {
    let (upstream, executor, _) = seat(3600).await;
    let account =
        |domain: &str| login("github-copilot", json!({"access_token": "ghu_1", "enterprise_domain": domain}));
    executor.execute(call(account("https://corp.ghe.com/"), "gpt-4.1", BODY)).await.unwrap();
    assert_eq!(upstream.last().path, "/chat/completions");
    for domain in ["evil.example/x", "a b.c", "nodots", "x@evil.example"] {
        let error = executor.execute(call(account(domain), "gpt-4.1", BODY)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{domain}");
        assert!(error.message().contains("enterprise_domain"), "{error}");
    }
}

#[tokio::test]
async fn kimi_counts_tokens_in_claudes_words_for_every_client() {
    // Source: providers-b.md 5.5 "token count at `/v1/messages/count_tokens`".
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"input_tokens": 3})), status(405)]);
    let executor = KimiExecutor::new(egress()).with_url("api", format!("{}/coding", upstream.url()));
    let account = login("kimi", json!({"access_token": "token", "device_id": "dev-1"}));
    let model = UpstreamModel::new("kimi-k2.5");
    assert_eq!(executor.wire_formats(&model, Operation::CountTokens), [ProviderFormat::CLAUDE]);
    let mut asking = attempt(account, ProviderFormat::CLAUDE, BODY);
    asking.model = model;
    executor.count_tokens(asking.clone()).await.unwrap();
    let asked = upstream.last();
    assert_eq!(
        (asked.path.as_str(), &asked.json()["model"]),
        ("/coding/v1/messages/count_tokens", &json!("k2.5"))
    );
    assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(executor.count_tokens(asking).await.unwrap_err().kind(), ErrorKind::EndpointMissing);
}

#[tokio::test]
async fn an_account_without_a_seat_is_told_apart_from_a_network_in_trouble() {
    for (reply, kind) in [
        (status(401), ErrorKind::Unauthorized),
        (status(403), ErrorKind::Unauthorized),
        (status(404), ErrorKind::Unauthorized),
        (status(502), ErrorKind::Server),
        (refuse(), ErrorKind::Connect),
        (json(&json!({"token": ""})), ErrorKind::BadReply),
    ] {
        let (upstream, executor, account) = seat(3600).await;
        upstream.script_path("/token", [reply]);
        let error = executor.execute(call(account, "gpt-4.1", BODY)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn every_subscription_offers_its_models_without_being_asked() {
    let models = |executor: Arc<dyn cliproxy_core::ProviderExecutor>, account: Credential| async move {
        match executor.known_models(&account) {
            Some(models) => models,
            None => executor.models(&account).await.unwrap(),
        }
    };
    let account = |provider: &str| login(provider, json!({"access_token": "t", "api_key": "k"}));
    for (executor, provider, count) in [
        (Arc::new(QwenExecutor::new(egress())) as Arc<dyn cliproxy_core::ProviderExecutor>, "qwen", 3),
        (Arc::new(IflowExecutor::new(egress())), "iflow", 24),
        (Arc::new(KimiExecutor::new(egress())), "kimi", 8),
        (Arc::new(CopilotExecutor::new(egress())), "github-copilot", 21),
    ] {
        assert_eq!(models(executor, account(provider)).await.len(), count, "{provider}");
    }
}
