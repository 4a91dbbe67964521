//! The last event of a stream may lack its blank line: it is the client's all the same, where it is whole. Source:
//! WHATWG HTML §9.2.6; translation.md B68; providers-b.md 6.3.

use std::sync::Arc;

use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ErrorKind, FinishReason};
use cliproxy_translator::registry::Registry;
use serde_json::Value;

use crate::script::{Onlooker, Scripted, chunk, frames, open, request_in, streamed, target, text};

/// A stream in two parts: all but its last event, which comes without its end.
struct Case {
    format: &'static str,
    asked: &'static str,
    before: &'static str,
    last: &'static str,
    /// What we add behind it.
    added: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        format: "gemini",
        asked: r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#,
        before: "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"The\"}]},\"index\":0}]}\n\n",
        last: r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":" end."}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"totalTokenCount":3}}"#,
        added: "",
    },
    Case {
        format: "openai",
        asked: r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
        before: "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"The\"},\"finish_reason\":null}]}\n\n",
        last: r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" end."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#,
        added: "data: [DONE]\n\n",
    },
    Case {
        format: "claude",
        asked: r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
        before: concat!(
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"The\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
        ),
        last: "event: message_stop\ndata: {\"type\":\"message_stop\"}",
        added: "",
    },
    Case {
        format: "openai-response",
        asked: r#"{"model":"m","stream":true,"input":"Hi"}"#,
        before: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"The\"}\n\n",
        last: "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"model\":\"asked-model\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"total_tokens\":3}}}",
        added: "",
    },
];

/// The usual way, and the registry's.
fn bridges() -> [Bridge; 2] {
    let mut watched = Registry::with_builtin();
    watched.use_response(Arc::new(Onlooker));
    [Registry::with_builtin(), watched].map(|registry| Bridge::new(Arc::new(registry), Options::default()))
}

async fn read(bridge: &Bridge, case: &Case, last: &str) -> (String, cliproxy_core::StreamEnd) {
    let executor = Arc::new(Scripted::new(case.format, [streamed([chunk(case.before), chunk(last)])]));
    let exchange = open(bridge, request_in(case.format, case.asked, true));
    text(frames(exchange.attempt(target(&executor)).await.unwrap())).await
}

#[tokio::test]
async fn a_last_event_that_is_whole_is_the_client_s_with_the_blank_line_that_was_missing() {
    for bridge in bridges() {
        for case in &CASES {
            for (end, mended) in [("", "\n\n"), ("\n", "\n\n"), ("\r\n", "\r\n\n"), ("\n\n", "\n\n")] {
                let (text, end) = read(&bridge, case, &format!("{}{end}", case.last)).await;
                assert_eq!(
                    text,
                    format!("{}{}{mended}{}", case.before, case.last, case.added),
                    "{}",
                    case.format
                );
                assert!(end.error.is_none(), "{}", case.format);
                assert_eq!(
                    (end.usage.output, end.finish),
                    (Some(2), Some(FinishReason::Stop)),
                    "{}",
                    case.format
                );
            }
        }
    }
}

#[tokio::test]
async fn a_whole_event_of_a_stream_that_broke_off_is_the_client_s_too() {
    let case = &CASES[1];
    let last = r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":" mid"},"finish_reason":null}]}"#;
    for bridge in bridges() {
        let (text, end) = read(&bridge, case, last).await;
        assert!(text.starts_with(&format!("{}{last}\n\n", case.before)), "{text}");
        assert_eq!(end.error.unwrap().kind(), ErrorKind::Interrupted);
    }
}

#[tokio::test]
async fn an_event_that_was_cut_is_never_the_client_s() {
    for bridge in bridges() {
        for case in &CASES {
            for cut in 1..case.last.len() {
                let (text, end) = read(&bridge, case, &case.last[..cut]).await;
                let at = format!("{} {:?}", case.format, &case.last[..cut]);
                assert!(text.starts_with(case.before), "{at}");
                assert_eq!(end.error.unwrap().kind(), ErrorKind::Interrupted, "{at}");
                for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
                    assert!(serde_json::from_str::<Value>(data).is_ok(), "{at}: half an event: {data}");
                }
            }
        }
    }
}
