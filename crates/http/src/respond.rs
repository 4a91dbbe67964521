//! Replies: heads that every reply shares.

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, RequestId};
use cliproxy_translator::Codec;
use cliproxy_transport::OutboundBody;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER,
};
use http::{Response, StatusCode};

use crate::request_id::NAMES;

/// Names the request and the credential that served it. Source: http-api.md A.12 [H].
pub(crate) const TRACE: HeaderName = HeaderName::from_static("x-cpa-trace-id");
/// The provider's own name of the request: ours stands in `x-request-id`.
const UPSTREAM_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// How many headers a reply has, with ours: room for them is made once.
pub(crate) const USUAL_HEADERS: usize = 12;

const EXPOSED: &str = "X-CPA-TRACE-ID, X-CLIPROXY-TRACE, X-CLIPROXY-EXPLANATION, X-Request-Id, Request-Id, \
    X-Upstream-Request-Id, Retry-After, Location, OpenAI-Request-Id";

/// A JSON reply.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<OutboundBody> {
    let mut response = Response::new(OutboundBody::full(body));
    *response.status_mut() = status;
    *response.headers_mut() = HeaderMap::with_capacity(USUAL_HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A reply without a body.
pub(crate) fn empty(status: StatusCode) -> Response<OutboundBody> {
    let mut response = Response::new(OutboundBody::empty());
    *response.status_mut() = status;
    response
}

/// An error in the client's format.
pub(crate) fn error(codec: &dyn Codec, error: &ClientError, id: &RequestId) -> Response<OutboundBody> {
    let mut response = json(error.status, codec.encode_error(error, id.as_str()));
    let headers = response.headers_mut();
    add_upstream(headers, &error.headers);
    if error.kind == ClientErrorKind::Unsupported {
        // The SDKs of OpenAI and Anthropic try a 501 again unless told not to.
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(wait) = error.retry_after {
        // Whole seconds, rounded up, so that nobody comes back too early. Source: runtime.md D.2.
        let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(secs.max(1)));
    }
    response
}

/// The head of a stream. Source: http-api.md A.5 rule 2.
pub(crate) fn event_stream(body: OutboundBody) -> Response<OutboundBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    *headers = HeaderMap::with_capacity(USUAL_HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies like nginx would gather the events.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Provider headers that the bridge let through, without overwriting ours.
pub(crate) fn add_upstream(headers: &mut HeaderMap, upstream: &HeaderMap) {
    for (name, value) in upstream {
        let name = if NAMES.contains(name) { &UPSTREAM_ID } else { name };
        if !headers.contains_key(name) && name != CONTENT_TYPE {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// Names the request in the reply.
pub(crate) fn name(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        for name in NAMES {
            headers.insert(name, value.clone());
        }
        headers.insert(HeaderName::from_static("x-cliproxy-trace"), value);
    }
}

/// Cross-origin headers. Source: http-api.md A.0 "CORS", C.1 "CORS expose list".
pub(crate) fn cors(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}
