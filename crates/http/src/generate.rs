//! A call for a reply: read, peek, dispatch, answer.

use std::sync::Arc;

use cliproxy_core::{
    ClientError, ClientRequest, Dispatched, ModelId, StreamReply, UpstreamReply, WholeReply,
};
use cliproxy_transport::{InboundBody, OutboundBody};
use http::header::HeaderValue;
use http::request::Parts;
use http::{HeaderName, Response, StatusCode};

use crate::call::Call;
use crate::patience::{Answering, Early, WholeBody};
use crate::request_id::trace_id;
use crate::routes::Inner;
use crate::stream::{StreamBody, WaitingBody};
use crate::{failure, respond, session};

const TRACE: HeaderName = HeaderName::from_static("x-cpa-trace-id");
const EXPLAIN: HeaderName = HeaderName::from_static("x-cliproxy-explain");
const EXPLANATION: HeaderName = HeaderName::from_static("x-cliproxy-explanation");
/// An explanation longer than this is cut: proxies in front of us limit headers.
const MAX_EXPLANATION: usize = 4096;

pub(crate) async fn answer(
    inner: Arc<Inner>,
    call: Call,
    parts: Parts,
    body: InboundBody,
) -> Response<OutboundBody> {
    let explain = parts.headers.contains_key(EXPLAIN);
    let request = match read(&call, parts, body).await {
        Ok(request) => request,
        Err(error) => return respond::error(call.codec.as_ref(), &error, &call.id),
    };
    let stream = request.stream;
    let interval = if stream { call.options.keepalive } else { call.options.whole_keepalive };
    let model = request.model.as_str().to_owned();
    let dispatcher = Arc::clone(&inner.dispatcher);
    let answering: Answering = Box::pin(async move { dispatcher.dispatch(request).await });

    // An answer within the first interval gets its true status; a later one has to live with 200.
    match Early::wait(answering, interval, &inner.shutdown).await {
        Early::Answered(dispatched) => finish(&inner, &call, *dispatched, explain),
        Early::ShuttingDown => respond::error(call.codec.as_ref(), &failure::shutting_down(), &call.id),
        Early::Patience(answering, interval) if stream => {
            let waiting =
                WaitingBody::new(answering, interval, Arc::clone(&call.codec), &inner.shutdown, model);
            respond::event_stream(OutboundBody::stream(waiting))
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
async fn read(call: &Call, parts: Parts, body: InboundBody) -> Result<ClientRequest, Box<ClientError>> {
    let bytes = body.read(&call.options.body).await.map_err(|error| failure::body(&error))?;
    let peek = call.codec.peek(&bytes).map_err(|error| failure::codec(&error))?;
    if peek.model.trim().is_empty() {
        return Err(Box::new(failure::no_model()));
    }
    let session = session::find(&parts.headers, &peek);
    let (model, stream) = (ModelId::new(peek.model.trim()), peek.stream);
    let request = ClientRequest::new(call.id.clone(), call.format(), call.operation(), model, bytes.clone());
    Ok(request
        .with_stream(stream && call.operation() == cliproxy_core::Operation::Generate)
        .with_headers(parts.headers)
        .with_principal(call.principal.clone())
        .with_session(session))
}

/// Turns an answer that came in time into a reply.
fn finish(inner: &Inner, call: &Call, dispatched: Dispatched, explain: bool) -> Response<OutboundBody> {
    tracing::debug!(request_id = %call.id, explanation = %dispatched.explanation, "dispatched");
    let mut response = match dispatched.result {
        Ok(UpstreamReply::Whole(reply)) => whole(*reply),
        Ok(UpstreamReply::Stream(reply)) => stream(inner, call, reply),
        Ok(_) => respond::error(call.codec.as_ref(), &unknown_reply(), &call.id),
        Err(error) => respond::error(call.codec.as_ref(), &error, &call.id),
    };
    let headers = response.headers_mut();
    if let Ok(value) =
        HeaderValue::try_from(trace_id(inner.now(), dispatched.credential.as_deref(), &call.id))
    {
        headers.insert(TRACE, value);
    }
    if explain {
        let text: String = dispatched.explanation.to_string().chars().take(MAX_EXPLANATION).collect();
        if let Ok(value) =
            HeaderValue::try_from(text.replace(|c: char| !c.is_ascii() || c.is_ascii_control(), "?"))
        {
            headers.insert(EXPLANATION, value);
        }
    }
    response
}

fn whole(reply: WholeReply) -> Response<OutboundBody> {
    let mut response = respond::json(StatusCode::OK, reply.body);
    respond::add_upstream(response.headers_mut(), &reply.headers);
    response
}

fn stream(inner: &Inner, call: &Call, reply: StreamReply) -> Response<OutboundBody> {
    let body = StreamBody::new(reply.frames, call.options.keepalive, &inner.shutdown);
    let mut response = respond::event_stream(OutboundBody::stream(body));
    respond::add_upstream(response.headers_mut(), &reply.headers);
    response
}

/// A kind of reply that this edge has no way to send.
fn unknown_reply() -> ClientError {
    ClientError::new(
        cliproxy_core::ClientErrorKind::Unsupported,
        "this kind of reply cannot be sent over HTTP",
    )
}
