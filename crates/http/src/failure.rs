//! Failures of the edge itself, before any provider is asked.

use std::str::Utf8Error;
use std::time::Duration;

use cliproxy_core::{ClientError, ClientErrorKind};
use cliproxy_relay::Refused;
use cliproxy_translator::CodecError;
use cliproxy_transport::{ReadBodyError, WebSocketRefusal};
use http::{HeaderName, HeaderValue, StatusCode};

/// Why the body could not be read.
pub(crate) fn body(error: &ReadBodyError) -> ClientError {
    let kind = match error {
        ReadBodyError::TooLarge { .. } | ReadBodyError::DecompressedTooLarge { .. } => {
            ClientErrorKind::TooLarge
        }
        ReadBodyError::UnsupportedEncoding(_) => ClientErrorKind::UnsupportedEncoding,
        ReadBodyError::Timeout { .. } | ReadBodyError::Disconnected => ClientErrorKind::RequestTimeout,
        _ => ClientErrorKind::InvalidRequest,
    };
    ClientError::new(kind, error.to_string())
}

/// Why the body is not a request of its format.
pub(crate) fn codec(error: &CodecError) -> ClientError {
    let failure = ClientError::new(ClientErrorKind::InvalidRequest, format!("Invalid request: {error}"));
    match error.param() {
        Some(param) => failure.with_param(param),
        None => failure,
    }
}

/// The body is not text.
pub(crate) fn not_utf8(error: Utf8Error) -> ClientError {
    let at = error.valid_up_to();
    ClientError::new(
        ClientErrorKind::InvalidRequest,
        format!("Invalid request: the body is not UTF-8 from byte {at} on"),
    )
}

/// No model was named; `list` is where there are some.
pub(crate) fn no_model(list: &str) -> ClientError {
    ClientError::new(
        ClientErrorKind::InvalidRequest,
        format!("Invalid request: `model` is missing: name one of GET {list}"),
    )
    .with_param("model")
}

/// The texts are the reference's. Source: http-api.md A.1, E 14.
pub(crate) fn no_key() -> ClientError {
    ClientError::new(ClientErrorKind::Authentication, "Missing API key")
}

pub(crate) fn wrong_key() -> ClientError {
    ClientError::new(ClientErrorKind::Authentication, "Invalid API key").with_code("invalid_api_key")
}

pub(crate) fn access_broken() -> ClientError {
    ClientError::new(ClientErrorKind::Internal, "Authentication service error")
}

pub(crate) fn foreign_origin() -> ClientError {
    ClientError::new(
        ClientErrorKind::Permission,
        "this server has no API keys, so requests from web pages and foreign host names are refused: set `api-keys`",
    )
    .with_code("foreign_origin")
}

/// A page without a key, from where nobody said that pages may come from.
pub(crate) fn foreign_page() -> ClientError {
    ClientError::new(
        ClientErrorKind::Permission,
        "pages of other sites connect here with a client key only (`ws-auth`), or when `ws-origins` names their origin",
    )
    .with_code("foreign_origin")
}

/// A client that may ask, but not answer.
pub(crate) fn may_not_relay() -> ClientError {
    ClientError::new(
        ClientErrorKind::Permission,
        "this client key may not connect a page: `ws-keys` names those that may",
    )
    .with_code("relay_not_allowed")
}

/// No websocket can be opened with this request.
pub(crate) fn no_handshake(refusal: WebSocketRefusal) -> ClientError {
    let kind = match refusal {
        WebSocketRefusal::NoKey => ClientErrorKind::InvalidRequest,
        _ => ClientErrorKind::Unsupported,
    };
    ClientError::new(kind, refusal.to_string()).with_status(refusal.status()).with_code("websocket_required")
}

/// There is no place for another page.
pub(crate) fn relay_refused(refused: Refused) -> ClientError {
    let error = ClientError::new(ClientErrorKind::Unavailable, refused.to_string());
    match refused {
        Refused::Full | Refused::FullOfOne => {
            error.with_code("too_many_sessions").with_retry_after(Some(Duration::from_secs(30)))
        }
        _ => error.with_retry_after(Some(Duration::from_secs(1))),
    }
}

/// Source: http-api.md C.1 "Example-key safe mode".
pub(crate) fn example_key() -> ClientError {
    let mut error = ClientError::new(
        ClientErrorKind::Permission,
        "`api-keys` or `ws-keys` still holds a key from the example file, which everybody knows: replace it and reload",
    )
    .with_code("unsafe_example_api_key");
    let name = HeaderName::from_static("x-cpa-safe-mode");
    error.headers.insert(name, HeaderValue::from_static("example-api-key"));
    error
}

/// No request without one comes here.
pub(crate) fn no_body() -> ClientError {
    ClientError::new(ClientErrorKind::Internal, "the request body was read before")
}

/// The text is the reference's. Source: http-api.md A.7.
pub(crate) fn local_only() -> ClientError {
    ClientError::new(ClientErrorKind::Permission, "CLI reply only allow local access")
}

/// The text is the reference's. Source: http-api.md A.9.
pub(crate) fn no_compact_stream() -> ClientError {
    ClientError::new(ClientErrorKind::InvalidRequest, "Streaming not supported for compact responses")
        .with_param("stream")
}

/// Codex takes this status for a hint to go on over HTTP.
pub(crate) fn no_websocket() -> ClientError {
    ClientError::new(
        ClientErrorKind::Unsupported,
        "websockets on /v1/responses are not offered: send the request with POST",
    )
    .with_status(StatusCode::UPGRADE_REQUIRED)
    .with_code("websocket_not_offered")
}

/// Source: http-api.md A.6.
pub(crate) fn unknown_action(path: &str) -> ClientError {
    ClientError::new(
        ClientErrorKind::NotFound,
        format!("{path} not found: there are generateContent, streamGenerateContent and countTokens"),
    )
}

/// `near` are names that may have been meant.
pub(crate) fn no_such_model(name: &str, near: &[String], list: &str) -> ClientError {
    let message = match near {
        [] => format!("the model `{name}` does not exist{}", list_hint(list)),
        near => format!("the model `{name}` does not exist; did you mean {}?", near.join(", ")),
    };
    ClientError::new(ClientErrorKind::ModelNotFound, message).with_param("model")
}

/// Where the names are, for those who are told of none.
pub(crate) fn list_hint(list: &str) -> String {
    format!("; GET {list} lists what there is")
}

/// A question about a login that came without one.
pub(crate) fn no_own_login(path: &str) -> ClientError {
    ClientError::new(
        ClientErrorKind::Authentication,
        format!(
            "{path} is about the login of who asks, and is handed on to Google with that: send its token in \
             `Authorization: Bearer`; a key of this server is none"
        ),
    )
}

/// A reply by its id: the proxy keeps none.
pub(crate) fn not_stored(path: &str) -> ClientError {
    let id = path.split('/').nth(3).unwrap_or_default();
    ClientError::new(
        ClientErrorKind::NotFound,
        format!("the response `{id}` is not here: this server stores no responses"),
    )
    .with_code("response_not_found")
}

pub(crate) fn not_offered(path: &str) -> ClientError {
    ClientError::new(
        ClientErrorKind::Unsupported,
        format!("{path} is not offered here: this server generates text and counts tokens"),
    )
    .with_code("unsupported_endpoint")
}

pub(crate) fn not_built(path: &str) -> ClientError {
    ClientError::new(ClientErrorKind::Unsupported, format!("{path} is not built yet in this release"))
        .with_code("not_built")
}

pub(crate) fn unknown_path(path: &str, advice: Option<String>) -> ClientError {
    let message = advice.unwrap_or_else(|| format!("404 page not found: there is no route {path}"));
    ClientError::new(ClientErrorKind::NotFound, message)
}

pub(crate) fn wrong_method(method: &str, path: &str, allow: &str) -> ClientError {
    ClientError::new(
        ClientErrorKind::MethodNotAllowed,
        format!("{path} does not answer {method}, only {allow}"),
    )
}

/// `CONNECT` has no path to name.
pub(crate) fn no_proxy() -> ClientError {
    ClientError::new(
        ClientErrorKind::MethodNotAllowed,
        "CONNECT is for proxies, and this server is none: its address is a base URL, not a value for HTTPS_PROXY",
    )
}

pub(crate) fn busy() -> ClientError {
    ClientError::new(ClientErrorKind::Overloaded, "the server is at its limit of concurrent requests")
        .with_retry_after(Some(Duration::from_secs(1)))
}

pub(crate) fn shutting_down() -> ClientError {
    ClientError::new(ClientErrorKind::Unavailable, "the server is shutting down: send the request again")
        .with_retry_after(Some(Duration::from_secs(1)))
}

/// A dispatcher answered a request for a stream with a whole reply.
pub(crate) fn not_a_stream() -> ClientError {
    ClientError::new(ClientErrorKind::Internal, "the reply to this streaming request was not a stream")
}

/// A dispatcher answered a request for a whole reply with a stream.
pub(crate) fn not_whole() -> ClientError {
    ClientError::new(ClientErrorKind::Internal, "the reply to this request was a stream")
}
