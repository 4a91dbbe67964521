use std::sync::Arc;

use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ClientRequest, ErrorKind, ExecutorError, Operation, UpstreamReply};
use cliproxy_translator::registry::Registry;
use serde_json::Value;

use crate::script::{Answer, HELLO, Scripted, body, bridge, open, request, target, whole};
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
