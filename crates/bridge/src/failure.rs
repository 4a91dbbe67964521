//! Failures inside replies that began well, read by the provider's own rules.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ErrorKind, ExecutorError, Failure, ProviderExecutor, Timestamp};
use cliproxy_translator::json::Writer;
use cliproxy_translator::model::StreamError;
use cliproxy_translator::{Codec, CodecError, CodecErrorKind};
use http::StatusCode;

use crate::headers::KeptHeaders;

/// Where a reply comes from, as far as its failures are concerned.
pub(crate) struct ReplySource {
    pub(crate) executor: Arc<dyn ProviderExecutor>,
    pub(crate) headers: KeptHeaders,
    pub(crate) now: Timestamp,
}

impl ReplySource {
    /// An error event.
    pub(crate) fn error_event(&self, error: &StreamError<'_>) -> ExecutorError {
        let status = error
            .status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .filter(|status| status.is_client_error() || status.is_server_error());
        let body = match &error.raw {
            Some(raw) => Bytes::copy_from_slice(raw.get().as_bytes()),
            None => spelled_out(error),
        };
        self.said(status, body, "the provider sent an error inside its reply")
    }

    /// A body that is no reply of the format: an error under a good status, a web page, garbage.
    // Source: providers-b.md 6.3 "HTTP 200 with plain JSON instead of SSE", "2xx non-stream body that is an error".
    pub(crate) fn not_a_reply(&self, wire: &dyn Codec, body: &Bytes) -> ExecutorError {
        let is_json = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if is_json && (wire.is_own_error(body) || is_error_object(body)) {
            return self.said(
                embedded_status(body),
                body.clone(),
                "the provider answered an error under a good status",
            );
        }
        self.bad("the reply is not in the format it should be in")
    }

    /// A frame or reply that cannot be read.
    pub(crate) fn unreadable(&self, error: CodecError) -> ExecutorError {
        self.bad("the reply cannot be read").with_source(error)
    }

    /// The reply is larger than we hold.
    pub(crate) fn too_long(&self, limit: usize) -> ExecutorError {
        self.bad(&format!("the reply is larger than {limit} bytes"))
    }

    fn bad(&self, message: &str) -> ExecutorError {
        let status = ErrorKind::BadReply.status();
        ExecutorError::new(ErrorKind::BadReply, message).with_reply(
            status,
            self.headers.to_map(),
            Bytes::new(),
        )
    }

    fn said(&self, status: Option<StatusCode>, body: Bytes, message: &str) -> ExecutorError {
        let headers = self.headers.to_map();
        let failure = Failure::in_stream(status, &headers, &body, self.now);
        let evidence = self.executor.classify(&failure);
        let status = status.unwrap_or_else(|| evidence.kind.status());
        ExecutorError::from_evidence(evidence, message).with_reply(status, headers, body)
    }
}

/// The bytes ended without the terminal event. Source: translation.md B68; runtime.md D.9 `empty_stream`.
pub(crate) fn broke_off(semantic: bool, cause: Option<CodecError>) -> ExecutorError {
    let error = if semantic {
        ExecutorError::new(ErrorKind::Interrupted, "the stream broke off before its end")
    } else {
        ExecutorError::new(ErrorKind::EmptyStream, "the stream ended with nothing in it")
    };
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

/// The client's request could not be read or said. What one target's format cannot say, another's may; the
/// credential has nothing to do with it.
pub(crate) fn of_request(error: CodecError) -> ExecutorError {
    use cliproxy_core::{Evidence, Scope};
    let message = error.to_string();
    let evidence = match error.kind() {
        CodecErrorKind::Inexpressible => {
            Evidence::new(ErrorKind::ModelNotSupported).with_scope(Scope::Request)
        }
        _ => Evidence::new(ErrorKind::InvalidRequest),
    };
    ExecutorError::from_evidence(evidence, message).with_source(error)
}

/// Whether an object has an `error` that is neither null nor empty, or says `"type":"error"`.
fn is_error_object(body: &[u8]) -> bool {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) else { return false };
    let told = match members.get("error") {
        None | Some(serde_json::Value::Null) => false,
        Some(serde_json::Value::String(text)) => !text.is_empty(),
        Some(serde_json::Value::Object(inner)) => !inner.is_empty(),
        Some(_) => true,
    };
    told || members.get("type").and_then(serde_json::Value::as_str) == Some("error")
}

/// The status that an error body names itself. Source: providers-b.md 6.3 "the status embedded in the JSON error".
fn embedded_status(body: &[u8]) -> Option<StatusCode> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let error = value.get("error").filter(|error| error.is_object()).unwrap_or(&value);
    ["status", "status_code", "code"]
        .iter()
        .filter_map(|key| error.get(*key).or_else(|| value.get(*key)))
        .filter_map(|member| member.as_u64().or_else(|| member.as_str()?.parse().ok()))
        .filter_map(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok())
        .find(|status| status.is_client_error() || status.is_server_error())
}

/// An error event whose own text the decoder did not keep.
fn spelled_out(error: &StreamError<'_>) -> Bytes {
    let mut w = Writer::new(Vec::new());
    w.begin_object();
    w.key("error");
    w.begin_object();
    for (key, value) in [("type", &error.kind), ("code", &error.code), ("message", &error.message)] {
        if !value.is_empty() {
            w.key(key);
            w.string(value);
        }
    }
    w.end_object();
    w.end_object();
    Bytes::from(w.into_bytes())
}
