use bytes::Bytes;
use cliproxy_core::{
    Attempt, ClientFormat, Credential, ErrorKind, Operation, ProviderExecutor as _, ProviderFormat,
    ReplyModes, Scope, UpstreamModel,
};
use cliproxy_executors::CodexExecutor;
use cliproxy_testkit::{FakeUpstream, Received, cut, event, json, sse, status};
use serde_json::json;

use crate::support::{attempt, credential, egress, headers, jwt, login, read};

const BODY: &str =
    r#"{"model":"gpt-5","stream":true,"instructions":"be kind","input":[{"role":"user","content":"hi"}]}"#;

/// An attempt of a Responses client, as the bridge makes it.
fn streaming(credential: Credential, body: &str) -> Attempt {
    let mut attempt = attempt(credential, ProviderFormat::OPENAI_RESPONSES, body);
    attempt.stream = true;
    attempt
}

/// A service in front of the Codex backend. The root is written with a slash too many.
fn relay(upstream: &FakeUpstream, key: &str) -> Credential {
    let base = format!("{}/backend-api/codex/", upstream.url());
    credential("codex", key, |settings| settings.base_url = Some(base))
}

async fn sent(attempt: impl FnOnce(&FakeUpstream) -> Attempt) -> Received {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([event("response.completed", &json!({"type": "response.completed"}))])]);
    CodexExecutor::new(egress()).execute_stream(attempt(&upstream)).await.unwrap();
    upstream.last()
}

#[tokio::test]
async fn a_call_is_always_a_stream_with_a_bearer_key_and_nothing_of_a_login() {
    // Source: providers-a.md 3.5 "Headers", 3.8 "API-key credentials send neither".
    let received = sent(|upstream| streaming(relay(upstream, "key-a"), BODY)).await;
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/backend-api/codex/responses"));
    let mut shown: Vec<(String, String)> = received
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
        .collect();
    shown.sort();
    let agent = format!("cliproxy/{}", env!("CARGO_PKG_VERSION"));
    let wanted = [
        ("accept", "text/event-stream"),
        ("authorization", "Bearer key-a"),
        ("content-type", "application/json"),
        ("user-agent", agent.as_str()),
    ];
    assert_eq!(shown, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(received.body, BODY);
    let executor = CodexExecutor::new(egress());
    assert_eq!(executor.reply_modes(&UpstreamModel::new("gpt-5")), ReplyModes::StreamOnly);
    let whole = attempt(credential("codex", "k", |_| {}), ProviderFormat::CODEX, BODY);
    assert_eq!(executor.execute(whole).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_root_is_understood_however_it_is_written_and_its_absence_means_openai() {
    for (tail, path) in [
        ("", "/responses"),
        ("/v1", "/v1/responses"),
        ("/v1/responses", "/v1/responses"),
        ("/v1/responses/compact/", "/v1/responses"),
    ] {
        let received = sent(|upstream| {
            let base = format!("{}{tail}", upstream.url());
            streaming(credential("codex", "k", |settings| settings.base_url = Some(base)), BODY)
        })
        .await;
        assert_eq!(received.path, path, "{tail}");
    }
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([])]);
    let executor = CodexExecutor::new(egress()).with_url("api", format!("{}/v1", upstream.url()));
    executor.execute_stream(streaming(credential("codex", "k", |_| {}), BODY)).await.unwrap();
    assert_eq!(upstream.last().path, "/v1/responses");
    assert_eq!(executor.endpoints()[0].default, "https://api.openai.com/v1");
}

#[tokio::test]
async fn a_light_caller_gets_no_parallel_calls() {
    // Source: providers-a.md 3.5 "forced false for responses-lite callers".
    const PARALLEL: &str = r#"{"parallel_tool_calls":true,"tools":[{}]}"#;
    for (body, value, native, expected) in [
        (PARALLEL, "true", true, r#"{"parallel_tool_calls":false,"tools":[{}]}"#),
        (PARALLEL, "false", true, PARALLEL),
        (PARALLEL, "true", false, PARALLEL),
        (BODY, "True", true, BODY),
    ] {
        let received = sent(|upstream| {
            let mut attempt = streaming(relay(upstream, "k"), body);
            attempt.client_headers = headers(&[("x-openai-internal-codex-responses-lite", value)]);
            if !native {
                attempt.client_format = ClientFormat::OPENAI;
            }
            attempt
        })
        .await;
        assert_eq!(received.body, expected);
    }
}

#[tokio::test]
async fn the_platform_speaks_responses_and_everything_else_its_dialect() {
    let executor = CodexExecutor::new(egress());
    let model = UpstreamModel::new("gpt-5");
    for (base, format) in [
        (None, ProviderFormat::OPENAI_RESPONSES),
        (Some("https://api.openai.com/v1/"), ProviderFormat::OPENAI_RESPONSES),
        (Some("https://mine.openai.azure.com/openai/v1"), ProviderFormat::OPENAI_RESPONSES),
        (Some("https://chatgpt.com/backend-api/codex"), ProviderFormat::CODEX),
        (Some("https://api.openai.com.example/v1"), ProviderFormat::CODEX),
    ] {
        let own = credential("codex", "k", |settings| settings.base_url = base.map(str::to_owned));
        for operation in [Operation::Generate, Operation::Compact] {
            assert_eq!(
                executor.wire_formats_for(&own, &model, operation),
                std::slice::from_ref(&format),
                "{base:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_session_is_named_by_the_caller_else_by_the_cache_key() {
    // Source: providers-a.md 3.5 `Session_id`, `Conversation_id`.
    const KEYED: &str = r#"{"model":"m","input":[],"prompt_cache_key":"cache-1"}"#;
    for (body, native, client, session, conversation) in [
        (BODY, true, vec![], None, None),
        (KEYED, true, vec![], Some("cache-1"), Some("cache-1")),
        (KEYED, false, vec![("session_id", "mine")], Some("cache-1"), Some("cache-1")),
        (KEYED, true, vec![("session_id", "mine")], Some("mine"), None),
        (BODY, true, vec![("session_id", "mine"), ("conversation_id", "talk")], Some("mine"), Some("talk")),
    ] {
        let received = sent(|upstream| {
            let mut attempt = streaming(relay(upstream, "k"), body);
            attempt.client_headers = headers(&client);
            if !native {
                attempt.client_format = ClientFormat::CLAUDE;
            }
            attempt
        })
        .await;
        assert_eq!(
            (received.header("session_id"), received.header("conversation_id")),
            (session, conversation),
            "{body} {client:?}"
        );
    }
}

#[tokio::test]
async fn a_native_caller_keeps_its_own_words_and_others_get_none_invented() {
    let own = [
        ("user-agent", "codex_cli_rs/0.98.0"),
        ("originator", "codex_cli_rs"),
        ("openai-beta", "responses=experimental"),
        ("version", "0.98.0"),
        ("session-id", "s"),
        ("x-codex-turn-metadata", "{}"),
        ("cookie", "secret"),
        ("chatgpt-account-id", "somebody"),
    ];
    for (format, kept) in
        [(ClientFormat::OPENAI_RESPONSES, true), (ClientFormat::CODEX, true), (ClientFormat::CLAUDE, false)]
    {
        let received = sent(|upstream| {
            let mut attempt = streaming(relay(upstream, "k"), BODY);
            attempt.client_headers = headers(&own);
            attempt.client_format = format.clone();
            attempt
        })
        .await;
        for (name, value) in &own[..6] {
            assert_eq!(received.header(name) == Some(*value), kept, "{format} {name}");
        }
        assert_eq!((received.header("cookie"), received.header("chatgpt-account-id")), (None, None));
    }
}

#[tokio::test]
async fn a_compaction_is_whole_and_goes_to_its_own_path() {
    // Source: providers-a.md 3.5 "Compact", 3.8.
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"object": "response.compaction"}))]);
    let executor = CodexExecutor::new(egress());
    let body = r#"{"model":"gpt-5","input":[],"instructions":""}"#;
    let compact = |body: &str| {
        let mut attempt = attempt(relay(&upstream, "k"), ProviderFormat::OPENAI_RESPONSES, body);
        attempt.operation = Operation::Compact;
        attempt
    };
    let reply = executor.execute(compact(body)).await.unwrap();
    assert_eq!(reply.body, r#"{"object":"response.compaction"}"#);
    let received = upstream.last();
    assert_eq!(received.path, "/backend-api/codex/responses/compact");
    assert_eq!(received.header("accept"), Some("application/json"));
    assert_eq!(received.body, body);
    let streamed = executor.execute_stream(compact(body)).await.unwrap_err();
    assert_eq!(streamed.kind(), ErrorKind::InvalidRequest);

    upstream.script_all([status(405)]);
    assert_eq!(executor.execute(compact(body)).await.unwrap_err().kind(), ErrorKind::EndpointMissing);
}

#[tokio::test]
async fn models_are_fetched_and_known_by_heart_meanwhile() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"data": [{"id": "gpt-5.2"}, {"id": "tts-1"}, {"id": "gpt-99"}]}))]);
    let executor = CodexExecutor::new(egress());
    let key = relay(&upstream, "key-a");
    let ids = |models: &[cliproxy_core::ModelInfo]| -> Vec<String> {
        models.iter().map(|model| model.id.to_string()).collect()
    };
    assert_eq!(ids(&executor.models(&key).await.unwrap()), ["gpt-5.2", "gpt-99"]);
    let received = upstream.last();
    assert_eq!((received.method.as_str(), received.path.as_str()), ("GET", "/backend-api/codex/models"));
    assert_eq!(received.header("authorization"), Some("Bearer key-a"));

    // Source: providers-a.md 3.6.
    let known = executor.known_models(&key).unwrap();
    assert_eq!(known.len(), 17);
    let max = known.iter().find(|model| model.id.as_str() == "gpt-5.1-codex-max").unwrap();
    assert_eq!((max.context_length, max.max_output), (Some(400_000), Some(128_000)));
    assert_eq!(max.reasoning.as_ref().unwrap().levels.len(), 4);
    let zero = |id: &str| {
        known.iter().find(|model| model.id.as_str() == id).unwrap().reasoning.as_ref().unwrap().zero_allowed
    };
    assert_eq!((zero("gpt-5.1"), zero("gpt-5")), (true, false));
    for reply in
        [status(404), json(&json!({})), status(200).header("content-type", "text/html").body("<html>")]
    {
        upstream.script_all([reply]);
        executor.models(&key).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_plans_limit_arrives_as_one_with_its_end() {
    // Source: providers-a.md 3.7; the table of all kinds is beside the code.
    let upstream = FakeUpstream::start().await;
    let limit = json!({"error": {"type": "usage_limit_reached", "resets_in_seconds": 1234}});
    upstream.script_all([status(403).header("retry-after", "5").json(&limit)]);
    let error = CodexExecutor::new(egress())
        .execute_stream(streaming(relay(&upstream, "k"), BODY))
        .await
        .unwrap_err();
    let evidence = error.evidence();
    assert_eq!((evidence.kind, evidence.scope), (ErrorKind::RateLimited, Scope::Credential));
    assert_eq!(evidence.retry_after.map(|wait| wait.as_secs()), Some(1234));
    assert_eq!(error.body(), &Bytes::from(limit.to_string()));
}

#[tokio::test]
async fn a_cut_stream_ends_in_an_error() {
    let upstream = FakeUpstream::start().await;
    let created = event("response.created", &json!({"type": "response.created"}));
    upstream.script_all([sse([created, cut()])]);
    let stream =
        CodexExecutor::new(egress()).execute_stream(streaming(relay(&upstream, "k"), BODY)).await.unwrap();
    let (text, error) = read(stream).await;
    assert!(text.starts_with("event: response.created"));
    assert_eq!(error.unwrap().kind(), ErrorKind::Interrupted);
}

#[tokio::test]
async fn missing_keys_and_tokens_are_said_to_be_missing() {
    let executor = CodexExecutor::new(egress());
    for (credential, words) in [
        (login("codex", json!({"email": "me@example.com"})), "has no access_token: log in again"),
        (credential("codex", "", |_| {}), "has no api-key"),
    ] {
        let error = executor.models(&credential).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
        assert!(error.message().contains(words), "{error}");
        let error = executor.execute_stream(streaming(credential, BODY)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
    }
}

#[tokio::test]
async fn a_login_is_served_by_the_backend_in_its_dialect_under_its_account() {
    // Source: providers-a.md 3.5 `Chatgpt-Account-Id`, 3.8 "do not send an empty header".
    for (account, header) in [("acc-1", Some("acc-1")), ("", None)] {
        let upstream = FakeUpstream::start().await;
        upstream.script_all([sse([])]);
        let executor = CodexExecutor::new(egress()).with_url("backend", format!("{}/codex", upstream.url()));
        let login =
            login("codex", json!({"access_token": "token-a", "account_id": account, "api_key": "no"}));
        let format = executor.wire_formats_for(&login, &UpstreamModel::new("gpt-5"), Operation::Generate);
        assert_eq!(format, [ProviderFormat::CODEX]);
        executor.execute_stream(streaming(login, BODY)).await.unwrap();
        let received = upstream.last();
        assert_eq!((received.path.as_str(), received.key.as_str()), ("/codex/responses", "token-a"));
        assert_eq!(received.header("chatgpt-account-id"), header);
        assert_eq!(received.header("originator"), None, "we say who we are");
    }
}

#[tokio::test]
async fn the_models_of_a_login_are_those_of_its_plan() {
    let executor = CodexExecutor::new(egress());
    for (plan, has, has_not) in [
        ("free", "gpt-5.4-mini", "gpt-5.6-sol"),
        ("team", "gpt-5.6-sol", "gpt-5.3-codex-spark"),
        ("plus", "gpt-5.3-codex-spark", "none"),
        ("new", "gpt-5.3-codex-spark", "none"),
    ] {
        let token = jwt(&json!({"https://api.openai.com/auth": {"chatgpt_plan_type": plan}}));
        let login = login("codex", json!({"access_token": "t", "id_token": token}));
        assert!(executor.known_models(&login).is_none(), "nobody is asked");
        let models = executor.models(&login).await.unwrap();
        let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
        assert!(ids.contains(&has) && !ids.contains(&has_not), "{plan}: {ids:?}");
    }
}
