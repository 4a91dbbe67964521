use std::sync::Arc;

use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ClientRequest, ErrorKind, ExecutorError, Operation, UpstreamReply};
use cliproxy_translator::registry::Registry;
use serde_json::Value;

use crate::script::{Answer, HELLO, Scripted, body, bridge, open, request, request_in, target, whole};
use crate::toy::Toy;

const MARK: &str = "x-cliproxy-token-estimate";

fn counting() -> ClientRequest {
    let mut request = request(HELLO, false);
    request.operation = Operation::CountTokens;
    request
}

async fn count(executor: Scripted) -> Result<UpstreamReply, ExecutorError> {
    open(&bridge(), counting()).attempt(target(&Arc::new(executor))).await
}

#[tokio::test]
async fn the_provider_s_own_count_comes_in_the_client_s_format() {
    for (wire, answer) in [("alpha", r#"{"alpha":42,"more":1}"#), ("beta", r#"{"beta":42}"#)] {
        let reply = body(count(Scripted::new(wire, [whole(answer)])).await.unwrap());
        let value: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(value["alpha"], 42);
        assert_eq!(value.get("more").is_some(), wire == "alpha", "the same format passes as it is");
        assert!(!reply.headers.contains_key(MARK) && !reply.local);
    }
}

#[tokio::test]
async fn without_a_count_endpoint_the_count_is_an_estimate_and_says_so() {
    let mut none = Scripted::new("alpha", []);
    none.count_formats.clear();
    let refusals = [ErrorKind::Unsupported, ErrorKind::EndpointMissing]
        .map(|kind| Scripted::new("beta", [Answer::Fail(ExecutorError::new(kind, "no such thing"))]));
    for executor in refusals.into_iter().chain([none]) {
        let reply = body(count(executor).await.unwrap());
        assert_eq!(reply.headers[MARK], "true");
        assert!(reply.local, "it says nothing about the credential");
        let value: Value = serde_json::from_slice(&reply.body).unwrap();
        // One short word, a role, the priming.
        assert_eq!(value["alpha"], 8);
    }
}

#[tokio::test]
async fn what_only_a_service_keeps_is_not_left_out_of_a_count() {
    let responses = r#"{"model":"m","input":"and then?","conversation":"conv_1"}"#;
    let gemini = r#"{"contents":[{"parts":[{"text":"q"}]}],"cachedContent":"cachedContents/1"}"#;
    for (client, asked, member, wire, counts) in [
        ("openai-response", responses, "conversation", "codex", false),
        ("openai-response", responses, "conversation", "claude", false),
        ("openai-response", responses, "conversation", "claude", true),
        // Who keeps it may know it; an estimate is made here, and does not.
        ("gemini", gemini, "cachedContent", "gemini-cli", false),
        ("gemini", gemini, "cachedContent", "claude", true),
    ] {
        let mut executor = Scripted::new(wire, []);
        if !counts {
            executor.count_formats.clear();
        }
        let mut request = request_in(client, asked, false);
        request.operation = Operation::CountTokens;
        let bridge = Bridge::new(Arc::new(Registry::with_builtin()), Options::default());
        let error = open(&bridge, request).attempt(target(&Arc::new(executor))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelNotSupported, "{wire}: {error}");
        assert!(error.to_string().starts_with(member), "{wire}: {error}");
    }
}

#[tokio::test]
async fn words_that_a_provider_may_know_are_no_hindrance_to_an_estimate() {
    let responses = r#"{"model":"m","input":"q","text":{"format":{"type":"of_tomorrow"}},"tool_choice":{"type":"of_tomorrow"}}"#;
    let claude = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],"output_config":{"format":{"type":"of_tomorrow"}},"tool_choice":{"type":"of_tomorrow"}}"#;
    let gemini = r#"{"contents":[{"parts":[{"text":"q"}]}],"toolConfig":{"functionCallingConfig":{"mode":"OF_TOMORROW"}}}"#;
    for (client, asked, member) in [
        ("openai-response", responses, "input_tokens"),
        ("claude", claude, "input_tokens"),
        ("gemini", gemini, "totalTokens"),
    ] {
        let mut executor = Scripted::new(client, []);
        executor.count_formats.clear();
        let mut request = request_in(client, asked, false);
        request.operation = Operation::CountTokens;
        let bridge = Bridge::new(Arc::new(Registry::with_builtin()), Options::default());
        let reply = body(open(&bridge, request).attempt(target(&Arc::new(executor))).await.unwrap());
        let value: Value = serde_json::from_slice(&reply.body).unwrap();
        assert!(value[member].as_u64().is_some_and(|tokens| tokens > 0), "{client}: {value}");
    }
}

#[tokio::test]
async fn any_other_failure_of_a_count_is_a_failure() {
    for (answer, kind) in [
        (Answer::Fail(ExecutorError::new(ErrorKind::RateLimited, "slow")), ErrorKind::RateLimited),
        (whole("<html>"), ErrorKind::BadReply),
        (whole(r#"{"error":{"code":"overloaded"}}"#), ErrorKind::Overloaded),
    ] {
        let error = count(Scripted::new("beta", [answer])).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}

#[tokio::test]
async fn a_client_format_without_counts_is_told_so() {
    let mut registry = Registry::new();
    registry.add_codec(Arc::new(Toy { counts: false, ..Toy::new("alpha") }));
    let bridge = Bridge::new(Arc::new(registry), Options::default());
    let executor = Arc::new(Scripted::new("alpha", []));
    let exchange = open(&bridge, counting());
    let error = exchange.attempt(target(&executor)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(exchange.explain(&target(&executor), &error).status.as_u16(), 501);
}
