use cliproxy_core::{Attempt, ErrorKind, ProviderExecutor as _, ProviderFormat, ReplyModes, UpstreamModel};
use cliproxy_executors::VertexExecutor;
use cliproxy_testkit::{FakeUpstream, data, json, sse, status};
use serde_json::{Value, json};

use crate::support::{attempt, credential, egress, read};

const BODY: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"session_id":"s"}"#;

fn asked(upstream: &FakeUpstream, model: &str, body: &str) -> Attempt {
    let own =
        credential("vertex", "key-v", |settings| settings.base_url = Some(format!("{}/", upstream.url())));
    let mut attempt = attempt(own, ProviderFormat::GEMINI, body);
    attempt.model = UpstreamModel::new(model);
    attempt
}

#[tokio::test]
async fn a_key_calls_the_publishers_path() {
    // Source: providers-a.md 6.4.
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"candidates": []})), sse([data(&json!({"n": 1}))])]);
    let executor = VertexExecutor::new(egress());
    executor.execute(asked(&upstream, "gemini-2.5-pro", BODY)).await.unwrap();
    let received = upstream.last();
    assert_eq!(received.path, "/v1/publishers/google/models/gemini-2.5-pro:generateContent");
    assert_eq!((received.header("x-goog-api-key"), received.header("authorization")), (Some("key-v"), None));
    assert_eq!(received.body, r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#);

    let mut streaming = asked(&upstream, "gemini-2.5-pro", BODY);
    streaming.stream = true;
    let stream = executor.execute_stream(streaming).await.unwrap();
    assert_eq!(read(stream).await.0, "data: {\"n\":1}\n\n");
    let received = upstream.last();
    assert_eq!(received.path, "/v1/publishers/google/models/gemini-2.5-pro:streamGenerateContent");
    assert_eq!(received.query, "alt=sse");
}

#[tokio::test]
async fn a_root_is_understood_however_it_is_written() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    for (tail, path) in [
        ("/v1", "/v1/publishers/google/models/m:generateContent"),
        ("/v1beta1/publishers/google/models/", "/v1beta1/publishers/google/models/m:generateContent"),
        ("/api/vertex-ai", "/api/vertex-ai/v1/publishers/google/models/m:generateContent"),
    ] {
        let base = format!("{}{tail}", upstream.url());
        let own = credential("vertex", "k", |settings| settings.base_url = Some(base));
        VertexExecutor::new(egress()).execute(attempt(own, ProviderFormat::GEMINI, BODY)).await.unwrap();
        assert_eq!(upstream.last().path, path);
    }
    let executor = VertexExecutor::new(egress()).with_url("api", upstream.url());
    executor.execute(attempt(credential("vertex", "k", |_| {}), ProviderFormat::GEMINI, BODY)).await.unwrap();
    assert_eq!(upstream.last().path, "/v1/publishers/google/models/m:generateContent");
    assert_eq!(executor.endpoints()[0].default, "https://aiplatform.googleapis.com");
}

#[tokio::test]
async fn calls_and_their_answers_lose_the_ids_that_vertex_does_not_know() {
    // Source: providers-a.md 6.4 [H].
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "\"id\""}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"id": 1}}, "thoughtSignature": "s"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"id": 2}, "id": "c1"}}]}]});
    VertexExecutor::new(egress()).execute(asked(&upstream, "m", &body.to_string())).await.unwrap();
    let sent: Value = upstream.last().json();
    assert_eq!(
        sent,
        json!({"contents": [
            {"role": "user", "parts": [{"text": "\"id\""}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"id": 1}}, "thoughtSignature": "s"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"id": 2}}}]}]})
    );
}

#[tokio::test]
async fn tokens_are_counted_with_tools_and_instructions() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"totalTokens": 3}))]);
    let body = r#"{"contents":[],"tools":[{}],"systemInstruction":{},"generationConfig":{},"safetySettings":[],"toolConfig":{}}"#;
    VertexExecutor::new(egress()).count_tokens(asked(&upstream, "m", body)).await.unwrap();
    assert_eq!(upstream.last().path, "/v1/publishers/google/models/m:countTokens");
    assert_eq!(upstream.last().body, r#"{"contents":[],"tools":[{}],"systemInstruction":{}}"#);
}

#[tokio::test]
async fn imagen_is_asked_in_its_own_words_and_answers_in_geminis() {
    // Source: providers-a.md 6.4 "Imagen", 6.7 "convert there too", "produce one chunk from the non-stream path".
    let upstream = FakeUpstream::start().await;
    let prediction = json!({"predictions": [
        {"bytesBase64Encoded": "aGk=", "mimeType": "image/jpeg"}, {"bytesBase64Encoded": "eW8="}, {"raiFilteredReason": "x"}]});
    upstream.script_all([json(&prediction), json(&json!({}))]);
    let executor = VertexExecutor::new(egress());
    let body = json!({"contents": [
            {"role": "user", "parts": [{"text": "old"}]}, {"role": "model", "parts": [{"text": "drawn"}]},
            {"role": "user", "parts": [{"text": "a cat"}, {"text": "on a mat"}]}],
        "generationConfig": {"candidateCount": 2, "imageConfig": {"aspectRatio": "16:9"}}});
    let ask = || asked(&upstream, "imagen-4.0-generate-001", &body.to_string());
    let reply: Value = serde_json::from_slice(&executor.execute(ask()).await.unwrap().body).unwrap();
    let parts = json!([
        {"inlineData": {"mimeType": "image/jpeg", "data": "aGk="}}, {"inlineData": {"mimeType": "image/png", "data": "eW8="}}]);
    assert_eq!(reply["candidates"][0]["content"]["parts"], parts);
    assert_eq!(reply["candidates"][0]["finishReason"], "STOP");
    let received = upstream.last();
    assert_eq!(received.path, "/v1/publishers/google/models/imagen-4.0-generate-001:predict");
    assert_eq!(
        received.json(),
        json!({"instances": [{"prompt": "a cat\non a mat"}], "parameters": {"sampleCount": 2, "aspectRatio": "16:9"}})
    );
    assert_eq!(executor.reply_modes(&UpstreamModel::new("imagen-4.0-generate-001")), ReplyModes::WholeOnly);
    assert_eq!(executor.reply_modes(&UpstreamModel::new("gemini-2.5-pro")), ReplyModes::Both);

    let filtered: Value = serde_json::from_slice(&executor.execute(ask()).await.unwrap().body).unwrap();
    assert_eq!(filtered["candidates"][0]["finishReason"], "IMAGE_SAFETY");
    let silent = asked(&upstream, "imagen-4.0-generate-001", r#"{"contents":[]}"#);
    assert_eq!(executor.execute(silent).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn failures_share_googles_delay_parser() {
    let upstream = FakeUpstream::start().await;
    let message = "Resource exhausted. Please try again after 30 s.";
    upstream.script_all([status(429)
        .json(&json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": message}}))]);
    let error = VertexExecutor::new(egress()).execute(asked(&upstream, "m", BODY)).await.unwrap_err();
    assert_eq!(error.evidence().retry_after.map(|wait| wait.as_secs()), Some(30));
}

#[tokio::test]
async fn the_list_has_the_gemini_models_and_imagen() {
    // Source: providers-a.md 6.5.
    let models = VertexExecutor::new(egress()).models(&credential("vertex", "k", |_| {})).await.unwrap();
    let find = |id: &str| models.iter().find(|model| model.id.as_str() == id).unwrap();
    assert_eq!(find("gemini-2.5-flash-image").reasoning.as_ref().unwrap().budget, Some((0, 24_576)));
    assert!(find("imagen-3.0-generate-002").reasoning.is_none());
    assert_eq!(models.iter().filter(|model| model.id.as_str().starts_with("imagen")).count(), 5);
}
