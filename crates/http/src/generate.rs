//! A call for a reply: read, peek, dispatch, answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{
    ClientError, ClientErrorKind, ClientRequest, Dispatched, ModelId, Operation, StreamReply, UpstreamReply,
    WholeReply,
};
use cliproxy_transport::{InboundBody, OutboundBody};
use futures_core::Stream;
use http::header::HeaderValue;
use http::{HeaderMap, HeaderName, Response, StatusCode};

use crate::array::ArrayBody;
use crate::call::{Addressed, Call};
use crate::models::list_of;
use crate::patience::{Answering, Early, WholeBody};
use crate::request_id::trace_id;
use crate::routes::Inner;
use crate::stream::{StreamBody, WaitingBody};
use crate::{Endpoint, compact, failure, respond, session};

const EXPLAIN: HeaderName = HeaderName::from_static("x-cliproxy-explain");
const EXPLANATION: HeaderName = HeaderName::from_static("x-cliproxy-explanation");
/// An explanation longer than this is cut: proxies in front of us limit headers.
pub(crate) const MAX_EXPLANATION: usize = 4096;

pub(crate) async fn answer(
    inner: Arc<Inner>,
    call: Call,
    addressed: Addressed,
    headers: HeaderMap,
    body: InboundBody,
) -> Response<OutboundBody> {
    let explain = call.options.explain || headers.contains_key(EXPLAIN);
    // The log reads it too, at a level that is seldom on.
    let told = explain || tracing::enabled!(tracing::Level::DEBUG);
    let request = match read(&call, &addressed, headers, body).await {
        Ok(request) => request.with_explain(told),
        Err(error) => return respond::error(call.codec.as_ref(), &error, &call.id),
    };
    let stream = request.stream;
    let interval = match (stream, call.operation) {
        (true, _) => call.options.keepalive,
        // Source: http-api.md A.4: no blank lines for a count.
        (false, Operation::CountTokens) => None,
        (false, _) => call.options.whole_keepalive,
    };
    // A whole reply names its model itself.
    let model = if stream { request.model.as_str().to_owned() } else { String::new() };
    let dispatcher = Arc::clone(&inner.dispatcher);
    let answering: Answering = Box::pin(async move { dispatcher.dispatch(request).await });

    // An answer within the first interval gets its true status; a later one has to live with 200.
    match Early::wait(answering, interval, &inner.shutdown).await {
        Early::Answered(dispatched) => {
            finish(&inner, &call, *dispatched, &Wanted { explain, stream, addressed })
        }
        Early::ShuttingDown => respond::error(call.codec.as_ref(), &failure::shutting_down(), &call.id),
        Early::Patience(answering, interval) if stream => {
            let waiting =
                WaitingBody::new(answering, interval, Arc::clone(&call.codec), &inner.shutdown, model);
            streamed(waiting.with_explain(explain), addressed.array)
        }
        Early::Patience(answering, interval) => {
            let whole = WholeBody::new(
                answering,
                interval,
                Arc::clone(&call.codec),
                call.id.clone(),
                &inner.shutdown,
            );
            let mut response = respond::json(StatusCode::OK, "");
            *response.body_mut() = OutboundBody::stream(whole);
            response
        }
    }
}

/// Reads the body once and looks at what routing needs.
async fn read(
    call: &Call,
    addressed: &Addressed,
    headers: HeaderMap,
    body: InboundBody,
) -> Result<ClientRequest, Box<ClientError>> {
    let bytes = body.read(&call.options.body).await.map_err(|error| failure::body(&error))?;
    // Every format is JSON, and where bytes pass through nobody else would look at every one of them.
    cliproxy_translator::json::text(&bytes).map_err(failure::not_utf8)?;
    let bytes = if call.endpoint == Endpoint::Compact { compact::without_stream(bytes)? } else { bytes };
    let peek = call.codec.peek(&bytes).map_err(|error| failure::codec(&error))?;
    let model = addressed.model.clone().unwrap_or_else(|| ModelId::new(peek.model.trim()));
    if model.as_str().is_empty() {
        return Err(Box::new(failure::no_model(list_of(&call.format))));
    }
    let session = session::find(&headers, &peek);
    let outline = peek.top.and_then(|top| top.outline(&bytes));
    let stream = addressed.stream.unwrap_or(peek.stream) && call.operation == Operation::Generate;
    let request = ClientRequest::new(call.id.clone(), call.format.clone(), call.operation, model, bytes);
    Ok(request
        .with_stream(stream)
        .with_outline(outline)
        .with_headers(headers)
        .with_principal(call.principal.clone())
        .with_session(session))
}

/// What the client wants to see.
struct Wanted {
    explain: bool,
    stream: bool,
    addressed: Addressed,
}

/// Turns an answer that came in time into a reply.
fn finish(inner: &Inner, call: &Call, dispatched: Dispatched, wanted: &Wanted) -> Response<OutboundBody> {
    tracing::debug!(request_id = %call.id, explanation = %dispatched.explanation, "dispatched");
    let refuse = |error: &ClientError| respond::error(call.codec.as_ref(), error, &call.id);
    let mut response = match dispatched.result {
        Ok(UpstreamReply::Whole(reply)) if !wanted.stream => whole(*reply),
        Ok(UpstreamReply::Stream(reply)) if wanted.stream => stream(inner, call, reply, wanted),
        // Whatever made it did not keep the contract.
        Ok(UpstreamReply::Whole(_)) => refuse(&failure::not_a_stream()),
        Ok(UpstreamReply::Stream(_)) => refuse(&failure::not_whole()),
        Ok(_) => refuse(&unknown_reply()),
        Err(error) => refuse(&with_list(inner, call, error)),
    };
    let headers = response.headers_mut();
    if let Ok(value) =
        HeaderValue::try_from(trace_id(inner.now(), dispatched.credential.as_deref(), &call.id))
    {
        headers.insert(respond::TRACE, value);
    }
    if wanted.explain {
        let text: String = dispatched.explanation.to_string().chars().take(MAX_EXPLANATION).collect();
        if let Ok(value) =
            HeaderValue::try_from(text.replace(|c: char| !c.is_ascii() || c.is_ascii_control(), "?"))
        {
            headers.insert(EXPLANATION, value);
        }
    }
    response
}

/// Of a model that nobody offers, and whose name is near no other: with where the client finds the list.
fn with_list(inner: &Inner, call: &Call, mut error: Box<ClientError>) -> Box<ClientError> {
    let is_unknown =
        |model: &str| inner.dispatcher.model(model).is_none() && inner.dispatcher.similar(model).is_empty();
    if error.kind == ClientErrorKind::ModelNotFound
        && error.upstream.is_none()
        && error.model.as_deref().is_some_and(is_unknown)
    {
        error.message.push_str(&failure::list_hint(list_of(&call.format)));
    }
    error
}

fn whole(reply: WholeReply) -> Response<OutboundBody> {
    let mut response = respond::json(StatusCode::OK, reply.body);
    respond::add_upstream(response.headers_mut(), &reply.headers);
    response
}

fn stream(inner: &Inner, call: &Call, reply: StreamReply, wanted: &Wanted) -> Response<OutboundBody> {
    let body =
        StreamBody::new(reply.frames, call.options.keepalive, Arc::clone(&call.codec), &inner.shutdown);
    let mut response = streamed(body.with_explain(wanted.explain), wanted.addressed.array);
    respond::add_upstream(response.headers_mut(), &reply.headers);
    response
}

/// Events, or the array of their data.
fn streamed<S>(events: S, array: bool) -> Response<OutboundBody>
where
    S: Stream<Item = Result<Bytes, Infallible>> + Send + Unpin + 'static,
{
    if !array {
        return respond::event_stream(OutboundBody::stream(events));
    }
    let mut response = respond::json(StatusCode::OK, "");
    *response.body_mut() = OutboundBody::stream(ArrayBody::new(events));
    response
}

/// A kind of reply that this edge has no way to send.
fn unknown_reply() -> ClientError {
    ClientError::new(ClientErrorKind::Unsupported, "this kind of reply cannot be sent over HTTP")
}
