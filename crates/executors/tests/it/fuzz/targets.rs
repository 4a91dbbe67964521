//! What providers say of failures, and what credentials say of themselves: each target is a plain function of bytes that
//! panics when a promise is broken. The tests beside this drive them with a seeded runner; `fuzz/` at the root drives the
//! same with libFuzzer.

use cliproxy_core::{
    Credential, CredentialId, CredentialKind, Document, Failure, Operation, Origin, ProviderExecutor,
    ProviderId, Settings, Timestamp, UpstreamModel,
};
use cliproxy_executors::{
    AntigravityExecutor, ClaudeExecutor, CodexExecutor, CopilotExecutor, Egress, GeminiCliExecutor,
    GeminiExecutor, IflowExecutor, KimiExecutor, KiroExecutor, OpenAiCompatExecutor, QwenExecutor,
    VertexExecutor,
};
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);

/// One of each.
pub fn executors() -> Vec<Box<dyn ProviderExecutor>> {
    let egress = || Egress::new(HttpClient::new(ClientOptions::new()), ProxyChoice::Direct);
    vec![
        Box::new(AntigravityExecutor::new(egress())),
        Box::new(ClaudeExecutor::new(egress())),
        Box::new(CodexExecutor::new(egress())),
        Box::new(CopilotExecutor::new(egress())),
        Box::new(GeminiCliExecutor::new(egress())),
        Box::new(GeminiExecutor::new(egress())),
        Box::new(IflowExecutor::new(egress())),
        Box::new(KimiExecutor::new(egress())),
        Box::new(KiroExecutor::new(egress())),
        Box::new(OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress())),
        Box::new(QwenExecutor::new(egress())),
        Box::new(VertexExecutor::new(egress())),
    ]
}

/// A failure as it stands on the wire: a status, headers, an empty line, a body. Each executor says what it is and
/// perhaps when to come back.
pub fn fuzz_failure(executors: &[Box<dyn ProviderExecutor>], data: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok());
    let mut body = lines.next().unwrap_or_default();
    while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = (&body[..end], &body[end + 1..]);
        body = rest;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let (name, value) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    for executor in executors {
        let in_stream = Failure::in_stream(status, &headers, body, NOW);
        let http = status.map(|status| Failure::http(status, &headers, body, NOW));
        for failure in http.iter().chain([&in_stream]) {
            let evidence = executor.classify(failure);
            // Evidence is bounded where it is weighed; a clock has to be able to say it until then.
            let wait = evidence.retry_after.unwrap_or_default();
            assert!(NOW.plus(wait) >= NOW, "{} says {wait:?}", executor.provider());
            assert!(evidence.kind.status().as_u16() >= 400);
        }
    }
}

/// A credential's document: each executor reads from it what it needs without asking anybody.
pub fn fuzz_credential(executors: &[Box<dyn ProviderExecutor>], data: &[u8]) {
    let Ok(map) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    let id = CredentialId::new("fuzz.json");
    let origin = || Origin::Store("fuzz.json".to_owned());
    for executor in executors {
        for kind in [CredentialKind::ApiKey, CredentialKind::Account] {
            let document = Document::new(map.clone());
            let provider = executor.provider().clone();
            let credential =
                Credential::new(id.clone(), provider, kind, origin(), document, Settings::new("fuzz"));
            let _renewal = executor.renewal(&credential);
            let _models = executor.known_models(&credential);
            for model in ["claude-sonnet-4.5", "gpt-5", "gemini-3-pro"] {
                let model = UpstreamModel::new(model);
                let formats = executor.wire_formats_for(&credential, &model, Operation::Generate);
                assert!(!formats.is_empty(), "{} serves {}", executor.provider(), model.as_str());
            }
            let _expiry = credential.document().expiry();
            let _refreshed = credential.document().last_refresh();
            let _interval = credential.document().refresh_interval();
            assert!(!format!("{credential:?}").contains("CANARY"));
        }
    }
}
