use cliproxy_core::{ErrorKind, Operation, ProviderExecutor as _, ProviderFormat, UpstreamModel};
use cliproxy_executors::GeminiExecutor;
use cliproxy_testkit::{FakeUpstream, data, json, sse, status};
use serde_json::json;

use crate::support::{attempt, credential, egress, read};

const BODY: &str =
    r#"{"model":"x(high)","contents":[{"role":"user","parts":[{"text":"hi"}]}],"session_id":"s"}"#;
const SENT: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

fn executor(upstream: &FakeUpstream) -> GeminiExecutor {
    GeminiExecutor::new(egress()).with_url("api", upstream.url())
}

fn asked(body: &str, model: &str, stream: bool) -> cliproxy_core::Attempt {
    let mut attempt = attempt(credential("gemini", "key-g", |_| {}), ProviderFormat::GEMINI, body);
    attempt.model = UpstreamModel::new(model);
    attempt.stream = stream;
    attempt
}

#[tokio::test]
async fn model_and_action_are_in_the_url_and_the_key_in_its_own_header() {
    // Source: providers-a.md 4.2, 4.5.
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"candidates": []}))]);
    for (model, path) in [
        ("gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("models/gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("tunedModels/mine", "/v1beta/tunedModels/mine:generateContent"),
        ("a/../b?c", "/v1beta/models/a%2F..%2Fb%3Fc:generateContent"),
    ] {
        executor(&upstream).execute(asked(BODY, model, false)).await.unwrap();
        let received = upstream.last();
        assert_eq!((received.path.as_str(), received.query.as_str()), (path, ""));
        assert_eq!(received.header("x-goog-api-key"), Some("key-g"));
        assert_eq!(received.header("authorization"), None);
        assert_eq!(received.body, SENT, "the URL names the model, and the session is ours");
    }
}

#[tokio::test]
async fn a_stream_is_server_sent_events_as_they_come() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([data(&json!({"n": 1})), data(&json!({"n": 2}))])]);
    let stream = executor(&upstream).execute_stream(asked(BODY, "gemini-2.5-pro", true)).await.unwrap();
    assert_eq!(read(stream).await.0, "data: {\"n\":1}\n\ndata: {\"n\":2}\n\n");
    let received = upstream.last();
    assert_eq!(received.path, "/v1beta/models/gemini-2.5-pro:streamGenerateContent");
    assert_eq!(received.query, "alt=sse");
    assert_eq!(received.header("accept"), Some("text/event-stream"));
}

#[tokio::test]
async fn a_root_that_has_a_version_does_not_get_another() {
    // Source: providers-a.md 4.5 "a base already ending in `/v1beta` would be doubled".
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    for (tail, path) in [
        ("/", "/v1beta/models/m:generateContent"),
        ("/v1beta", "/v1beta/models/m:generateContent"),
        ("/v1/", "/v1/models/m:generateContent"),
        ("/gate/v1beta/models/", "/gate/v1beta/models/m:generateContent"),
        ("/gate", "/gate/v1beta/models/m:generateContent"),
    ] {
        let base = format!("{}{tail}", upstream.url());
        let own = credential("gemini", "", |settings| settings.base_url = Some(base));
        GeminiExecutor::new(egress()).execute(attempt(own, ProviderFormat::GEMINI, BODY)).await.unwrap();
        assert_eq!(upstream.last().path, path, "{tail}");
        assert_eq!(upstream.last().header("x-goog-api-key"), None, "a gateway may want no key");
    }
}

#[tokio::test]
async fn everything_in_a_request_is_counted() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"totalTokens": 7}))]);
    for (body, sent) in [
        (BODY, SENT.to_owned()),
        (
            r#"{"contents":[],"tools":[{"a":1}],"systemInstruction":{"parts":[]},"generationConfig":{},"safetySettings":[]}"#,
            r#"{"generateContentRequest":{"contents":[],"tools":[{"a":1}],"systemInstruction":{"parts":[]},"model":"models/gemini-2.5-pro"}}"#.to_owned(),
        ),
        (
            r#"{"generateContentRequest":{"model":"models/alias","contents":[]}}"#,
            r#"{"generateContentRequest":{"model":"models/gemini-2.5-pro","contents":[]}}"#.to_owned(),
        ),
    ] {
        let mut attempt = asked(body, "gemini-2.5-pro", false);
        attempt.operation = Operation::CountTokens;
        let reply = executor(&upstream).count_tokens(attempt).await.unwrap();
        assert_eq!(reply.body, r#"{"totalTokens":7}"#);
        assert_eq!(upstream.last().path, "/v1beta/models/gemini-2.5-pro:countTokens");
        assert_eq!(upstream.last().body, sent);
    }
    upstream.script_all([status(501)]);
    let error = executor(&upstream).count_tokens(asked(BODY, "m", false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EndpointMissing);
}

#[tokio::test]
async fn the_list_of_models_is_read_page_by_page() {
    let upstream = FakeUpstream::start().await;
    let first = json!({"nextPageToken": "p/2", "models": [
        {"name": "models/gemini-2.5-pro", "displayName": "Gemini 2.5 Pro", "inputTokenLimit": 1000, "outputTokenLimit": 10,
         "supportedGenerationMethods": ["generateContent", "countTokens"], "thinking": true},
        {"name": "models/text-embedding-004", "supportedGenerationMethods": ["embedContent"]}]});
    let second = json!({"models": [
        {"name": "models/gemini-9-pro", "thinking": true, "supportedGenerationMethods": ["generateContent"]},
        {"name": "models/gemma-3", "supportedGenerationMethods": ["generateContent"]}]});
    upstream.script_all([json(&first), json(&second)]);
    let executor = executor(&upstream);
    let key = credential("gemini", "key-g", |_| {});
    let models = executor.models(&key).await.unwrap();
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["gemini-2.5-pro", "gemini-9-pro", "gemma-3"]);
    assert_eq!((models[0].context_length, models[0].max_output), (Some(1000), Some(10)));
    assert_eq!(models[0].reasoning.as_ref().unwrap().budget, Some((128, 32_768)));
    assert!(models[1].reasoning.is_some() && models[2].reasoning.is_none());
    let queries: Vec<String> = upstream.requests().into_iter().map(|request| request.query).collect();
    assert_eq!(queries, ["pageSize=1000", "pageSize=1000&pageToken=p%2F2"]);

    // Source: providers-a.md 4.3.
    let known = executor.known_models(&key).unwrap();
    assert_eq!(known.len(), 13);
    let flash = known.iter().find(|model| model.id.as_str() == "gemini-2.5-flash").unwrap();
    let reasoning = flash.reasoning.as_ref().unwrap();
    assert_eq!(
        (reasoning.budget, reasoning.zero_allowed, reasoning.dynamic_allowed),
        (Some((0, 24_576)), true, true)
    );
    upstream.script_all([json(&json!({"models": []}))]);
    executor.models(&key).await.unwrap_err();
}

#[tokio::test]
async fn a_list_that_never_ends_is_read_no_further_than_twenty_pages() {
    let upstream = FakeUpstream::start().await;
    let turn = std::sync::atomic::AtomicUsize::new(0);
    upstream.answer_with(move |_| {
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        json(&json!({"nextPageToken": format!("p{turn}"), "models": [{"name": format!("models/m{turn}")}]}))
    });
    let models = executor(&upstream).models(&credential("gemini", "key-g", |_| {})).await.unwrap();
    assert_eq!((models.len(), upstream.requests().len()), (20, 20));
}

#[tokio::test]
async fn failures_are_read_with_googles_own_words() {
    // Source: providers-a.md 4.4, 5.6; the table of all kinds is beside the code.
    let upstream = FakeUpstream::start().await;
    let retry = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "41s"}]);
    for (reply, kind, wait) in [
        (
            status(429).json(&json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": retry}})),
            ErrorKind::RateLimited,
            Some(41),
        ),
        (
            status(400).json(&json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid. Please pass a valid API key."}})),
            ErrorKind::Unauthorized,
            None,
        ),
        (status(503).json(&json!([{"error": {"code": 503, "status": "UNAVAILABLE"}}])), ErrorKind::Overloaded, None),
    ] {
        upstream.script_all([reply]);
        let error = executor(&upstream).execute_stream(asked(BODY, "m", true)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.evidence().retry_after.map(|wait| wait.as_secs()), wait);
    }
}

#[tokio::test]
async fn a_credential_without_key_and_root_says_so() {
    let executor = GeminiExecutor::new(egress());
    let empty = credential("gemini", "", |_| {});
    assert!(executor.known_models(&empty).is_none());
    assert_eq!(executor.models(&empty).await.unwrap_err().kind(), ErrorKind::Misconfigured);
    let error = executor.execute(attempt(empty, ProviderFormat::GEMINI, BODY)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
}
