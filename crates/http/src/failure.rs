//! Failures of the edge itself, before any provider is asked.

use std::time::Duration;

use cliproxy_core::{ClientError, ClientErrorKind};
use cliproxy_translator::CodecError;
use cliproxy_transport::ReadBodyError;

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

/// No model was named.
pub(crate) fn no_model() -> ClientError {
    ClientError::new(
        ClientErrorKind::InvalidRequest,
        "Invalid request: `model` is missing: name one of GET /v1/models",
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
}

/// Source: http-api.md C.1 "Example-key safe mode".
pub(crate) fn example_key() -> ClientError {
    ClientError::new(
        ClientErrorKind::Permission,
        "`api-keys` still holds a key from the example file, which everybody knows: replace it and reload",
    )
    .with_code("unsafe_example_api_key")
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
