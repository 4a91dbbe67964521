//! The client formats that have routes: one row each. Whatever holds for every format is checked by row.

use cliproxy_core::{ClientError, ClientErrorKind, ClientFormat, Operation};
use serde_json::{Value, json};

use crate::support::{Edge, failed, whole};

/// What tests need to know of a format.
pub struct Row {
    pub format: ClientFormat,
    pub path: &'static str,
    /// The path for streams, where that differs.
    pub stream_path: &'static str,
    /// A small good request for model `m`.
    pub body: fn(stream: bool) -> Value,
    /// Whether the body names the model.
    pub in_body: bool,
    /// Whether a client key is needed.
    pub keyed: bool,
}

pub fn rows() -> Vec<Row> {
    let chat =
        |stream| json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]});
    let mut rows = vec![
        Row {
            format: ClientFormat::OPENAI,
            path: "/v1/chat/completions",
            stream_path: "/v1/chat/completions",
            body: chat,
            in_body: true,
            keyed: true,
        },
        Row {
            format: ClientFormat::OPENAI_COMPLETIONS,
            path: "/v1/completions",
            stream_path: "/v1/completions",
            body: |stream| json!({"model": "m", "stream": stream, "prompt": "hi"}),
            in_body: true,
            keyed: true,
        },
        Row {
            format: ClientFormat::CLAUDE,
            path: "/v1/messages",
            stream_path: "/v1/messages",
            body: |stream| json!({"model": "m", "stream": stream, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
            in_body: true,
            keyed: true,
        },
    ];
    let codecs = crate::support::codecs();
    if codecs.responses.is_some() {
        rows.push(Row {
            format: ClientFormat::OPENAI_RESPONSES,
            path: "/v1/responses",
            stream_path: "/v1/responses",
            body: |stream| json!({"model": "m", "stream": stream, "input": "hi"}),
            in_body: true,
            keyed: true,
        });
    }
    if codecs.gemini.is_some() {
        rows.push(Row {
            format: ClientFormat::GEMINI,
            path: "/v1beta/models/m:generateContent",
            stream_path: "/v1beta/models/m:streamGenerateContent?alt=sse",
            body: |_| json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            in_body: false,
            keyed: true,
        });
    }
    if codecs.gemini_cli.is_some() {
        rows.push(Row {
            format: ClientFormat::GEMINI_CLI,
            path: "/v1internal:generateContent",
            stream_path: "/v1internal:streamGenerateContent?alt=sse",
            body: |_| json!({"model": "m", "project": "p", "request": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}}),
            in_body: true,
            keyed: false,
        });
    }
    rows
}

/// The formats whose clients show a key.
pub fn keyed_rows() -> Vec<Row> {
    rows().into_iter().filter(|row| row.keyed).collect()
}

impl Row {
    pub fn path_for(&self, stream: bool) -> &'static str {
        if stream { self.stream_path } else { self.path }
    }

    /// Whether its SDKs skip comments in streams: Google's for Python takes each for JSON and fails. Source: google-genai
    /// 3.6.1, `_iter_response_stream`.
    pub fn skips_comments(&self) -> bool {
        ![ClientFormat::GEMINI, ClientFormat::GEMINI_CLI].contains(&self.format)
    }

    /// What it hears of a stream that is silent.
    pub fn sign_of_life(&self) -> &'static str {
        if self.skips_comments() { ": keep-alive\n\n" } else { "\n\n" }
    }

    /// The message of an error, after checking that it has the format's shape.
    #[track_caller]
    pub fn message(&self, status: u16, error: &Value) -> String {
        let said = &error["error"];
        if self.format == ClientFormat::CLAUDE {
            assert_eq!(error["type"], "error", "{error}");
            assert!(said["type"].is_string(), "{error}");
        } else if [ClientFormat::GEMINI, ClientFormat::GEMINI_CLI].contains(&self.format) {
            assert_eq!(said["code"], status, "{error}");
            assert!(said["status"].is_string(), "{error}");
        } else {
            assert!(said["type"].is_string() && error.get("type").is_none(), "{error}");
        }
        said["message"].as_str().unwrap_or_else(|| panic!("no message: {error}")).to_owned()
    }
}

#[tokio::test]
async fn every_format_is_handed_on_with_what_routing_needs() {
    let edge = Edge::start().await;
    for row in rows() {
        let body = (row.body)(false);
        let reply = edge.client().post(row.path, &body).await;
        assert_eq!((reply.status(), reply.header("content-type")), (200, Some("application/json")));
        assert_eq!(reply.text().await, r#"{"ok":true}"#);
        let seen = edge.dispatcher.last();
        assert_eq!((seen.format, seen.model.as_str(), seen.stream), (row.format, "m", false), "{}", row.path);
        assert_eq!(seen.operation, Operation::Generate);
        assert_eq!(seen.body, body.to_string().as_bytes(), "{}: not a byte is changed", row.path);
    }
}

#[tokio::test]
async fn counting_and_compacting_are_operations_of_their_own() {
    let edge = Edge::start().await;
    let claude = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let mut cases = vec![("/v1/messages/count_tokens", claude, Operation::CountTokens)];
    if crate::support::codecs().responses.is_some() {
        let input = json!({"model": "m", "input": "hi"});
        cases.push(("/v1/responses/input_tokens", input.clone(), Operation::CountTokens));
        cases.push(("/v1/responses/compact", input.clone(), Operation::Compact));
        cases.push(("/backend-api/codex/responses/compact", input, Operation::Compact));
    }
    if crate::support::codecs().gemini.is_some() {
        let contents = json!({"contents": [{"parts": [{"text": "hi"}]}]});
        cases.push(("/v1beta/models/m:countTokens", contents.clone(), Operation::CountTokens));
        if crate::support::codecs().gemini_cli.is_some() {
            // Code Assist names the model inside, as a resource.
            let mut request = contents;
            request["model"] = "models/m".into();
            let envelope = json!({"request": request});
            cases.push(("/v1internal:countTokens", envelope, Operation::CountTokens));
        }
    }
    for (path, body, operation) in cases {
        let reply = edge.client().post(path, &body).await;
        assert_eq!(reply.status(), 200, "{path}");
        let seen = edge.dispatcher.last();
        assert_eq!((seen.operation, seen.stream, seen.model.as_str()), (operation, false, "m"), "{path}");
    }
}

#[tokio::test]
async fn every_kind_of_failure_has_its_status_in_every_format() {
    use ClientErrorKind as Kind;
    let kinds = [
        (Kind::InvalidRequest, 400),
        (Kind::Authentication, 401),
        (Kind::Billing, 402),
        (Kind::Permission, 403),
        (Kind::ModelNotFound, 404),
        (Kind::RequestTimeout, 408),
        (Kind::TooLarge, 413),
        (Kind::RateLimited, 429),
        (Kind::ModelCooldown, 429),
        (Kind::Internal, 500),
        (Kind::Unsupported, 501),
        (Kind::BadGateway, 502),
        (Kind::Unavailable, 503),
        (Kind::GatewayTimeout, 504),
    ];
    let edge = Edge::start().await;
    for row in rows() {
        for (kind, status) in kinds {
            for stream in [false, true] {
                edge.dispatcher.answer(move |_| async move { failed(ClientError::new(kind, "so it is")) });
                let reply = edge.client().post(row.path_for(stream), &(row.body)(stream)).await;
                let case = format!("{} {kind:?} stream={stream}", row.path);
                assert_eq!(reply.status(), status, "{case}");
                assert_eq!(reply.header("content-type"), Some("application/json"), "{case}");
                let message = row.message(status, &reply.json().await);
                assert!(message.contains("so it is"), "{case}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn a_wait_is_told_in_whole_seconds_rounded_up() {
    let edge = Edge::start().await;
    for (millis, seconds) in [(1, "1"), (1000, "1"), (1001, "2"), (90_000, "90")] {
        let wait = Some(std::time::Duration::from_millis(millis));
        edge.dispatcher.answer(move |_| async move {
            failed(ClientError::new(ClientErrorKind::Unavailable, "later").with_retry_after(wait))
        });
        for row in rows() {
            let reply = edge.client().post(row.path, &(row.body)(false)).await;
            assert_eq!((reply.status(), reply.header("retry-after")), (503, Some(seconds)), "{}", row.path);
        }
    }
}

#[tokio::test]
async fn a_reply_of_the_wrong_kind_is_a_fault_of_ours_and_not_sent() {
    use crate::support::{Step, steps, streaming};
    let edge = Edge::start().await;
    for row in rows() {
        edge.dispatcher.answer(|request| async move {
            if request.stream { whole("{}") } else { streaming(steps([Step::Say("data: x\n\n")])) }
        });
        for stream in [false, true] {
            let reply = edge.client().post(row.path_for(stream), &(row.body)(stream)).await;
            assert_eq!(reply.status(), 500, "{} {stream}", row.path);
            let message = row.message(500, &reply.json().await);
            assert!(message.contains("stream"), "{message}");
        }
    }
}
