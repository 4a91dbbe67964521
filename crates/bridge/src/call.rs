//! One attempt on one target: the four ways from the reply that a provider gives to the one the client wants.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{
    ClientStream, ErrorKind, ExecutorError, FinishReason, Operation, StreamEnd, StreamReply, Target,
    UpstreamBytes, UpstreamReply, Usage, WholeReply, WireReply, WireStream,
};
use cliproxy_translator::model::Response;
use cliproxy_translator::{
    Codec, CodecError, Framing, Loss, NameMap, ReplyContext, ReplyMeter, registry, replay, unsaid,
};
use http::HeaderMap;

use crate::bridge::Shared;
use crate::exchange::BridgeExchange;
use crate::failure::{self, ReplySource};
use crate::headers::KeptHeaders;
use crate::request::Prepared;
use crate::route::{Route, Way};
use crate::state::Recorder;
use crate::stream::{
    AggregateLane, Answer, Bounds, Canned, HubLane, Lane, PassLane, PipeLane, Pump, is_suspect, told_apart,
};

/// One attempt.
pub(crate) struct Call<'c> {
    pub(crate) exchange: &'c BridgeExchange,
    pub(crate) target: &'c Target,
    pub(crate) route: &'c Route,
    /// Without opaque state of earlier turns, as the provider refused some.
    pub(crate) fresh: bool,
}

/// What was made of a whole reply.
struct Turned {
    body: Bytes,
    usage: Usage,
    finish: Option<FinishReason>,
    /// What the client's format could not say.
    losses: Vec<Loss>,
}

impl Call<'_> {
    /// A whole reply for a whole reply.
    pub(crate) async fn whole(&self) -> Result<UpstreamReply, ExecutorError> {
        let (prepared, reply) = self.execute().await?;
        let turned = self.turned(&prepared, &reply).await?;
        Ok(self.whole_reply(&reply.headers, turned))
    }

    /// A stream for a client that wants one, of a provider that gives whole replies.
    pub(crate) async fn replayed(&self) -> Result<UpstreamReply, ExecutorError> {
        let (prepared, reply) = self.execute().await?;
        self.replay_of(&prepared, &reply).await
    }

    /// A whole reply as the stream that the client wants.
    async fn replay_of(
        &self,
        prepared: &Prepared,
        reply: &WireReply,
    ) -> Result<UpstreamReply, ExecutorError> {
        // Through the client's own format, so that whatever third parties registered has seen it.
        let turned = self.turned(prepared, reply).await?;
        let context = turned_context(self.exchange.context(self.target, prepared));
        let client = Arc::clone(&self.exchange.client);
        let end = StreamEnd::done(turned.usage, turned.finish);
        let body = turned.body;
        let size = body.len();
        let remarker = self.exchange.remarker(self.route);
        let work = move || {
            let response = client.decode_reply(&body, &context)?;
            let unsaid =
                unsaid(&response).into_iter().map(|what| Loss { what: what.into(), why: UNSAID.into() });
            let remarks = remarker.of_reply(&unsaid.collect::<Vec<_>>());
            let mut encoder = client.stream_encoder(&context);
            let mut out = Vec::with_capacity(body.len() * 2);
            replay(&response, &mut |event| encoder.encode(event, &mut out));
            Ok::<_, CodecError>((Bytes::from(out), remarks))
        };
        let frames = self.exchange.shared.pool.run(size, work).await?;
        let (frames, remarks) = frames.map_err(|error| self.source(&reply.headers).unreadable(error))?;
        let end = end.with_remarks(remarks.into_iter().collect());
        Ok(stream_reply(self.exchange.shown(&reply.headers), Canned::new(frames, end)))
    }

    /// A stream for a stream. An executor that never learned to stream is asked for a whole reply instead.
    pub(crate) async fn streamed(&self) -> Result<UpstreamReply, ExecutorError> {
        let prepared = self.exchange.prepare(self.target, self.route, true, self.fresh).await?;
        let attempt = self.exchange.attempt_of(self.target, self.route, &prepared, true);
        let reply = match self.target.executor.execute_stream(attempt).await {
            Ok(reply) => reply,
            Err(error) if error.kind() == ErrorKind::Unsupported && error.status().is_none() => {
                return self.replayed().await;
            }
            Err(error) => return Err(error),
        };
        // Boxed, as it is rare.
        let reply = match is_suspect(&reply.headers) {
            true => match Box::pin(self.told_apart(reply)).await? {
                Ok(reply) => reply,
                Err(whole) => return Box::pin(self.replay_of(&prepared, &whole)).await,
            },
            false => reply,
        };
        let context = self.exchange.context(self.target, &prepared);
        match prepared.way.clone() {
            Way::Same(codec) => {
                let lane = PassLane::new(&*codec, &context);
                drop(prepared);
                self.primed(reply.headers, reply.body, lane).await
            }
            Way::Hub(wire) => {
                let recorder = self.exchange.recorder(self.target, self.route, &context);
                let lane = HubLane::new(&*wire, &context, &self.exchange.client, recorder);
                drop(prepared);
                self.primed(reply.headers, reply.body, lane).await
            }
            Way::Registered(_) => {
                let lane = self.pipe(&prepared, &context)?;
                drop(prepared);
                self.primed(reply.headers, reply.body, lane).await
            }
        }
    }

    /// A whole reply of a provider that only streams. Source: translation.md B74.
    pub(crate) async fn aggregated(&self) -> Result<UpstreamReply, ExecutorError> {
        let prepared = self.exchange.prepare(self.target, self.route, true, self.fresh).await?;
        let attempt = self.exchange.attempt_of(self.target, self.route, &prepared, true);
        let mut reply = self.target.executor.execute_stream(attempt).await?;
        if is_suspect(&reply.headers) {
            reply = match Box::pin(self.told_apart(reply)).await? {
                Ok(reply) => reply,
                Err(whole) => {
                    let turned = self.turned(&prepared, &whole).await?;
                    return Ok(self.whole_reply(&whole.headers, turned));
                }
            };
        }
        let context = self.exchange.context(self.target, &prepared);
        let headers = reply.headers.clone();
        let hub = matches!(prepared.way, Way::Hub(_));
        let (lane, read, context, mut losses) = match prepared.way.clone() {
            Way::Same(wire) | Way::Hub(wire) => {
                drop(prepared);
                let lane = AggregateLane::new(&*wire, &context);
                let (lane, _, read) = self.drained(reply.headers, reply.body, lane).await?;
                (lane, read, context, Vec::new())
            }
            Way::Registered(_) => {
                // Whole replies always tell their usage, so the stream in between has to.
                let mut between = context.clone();
                between.include_usage = true;
                let pipe = self.pipe(&prepared, &between)?;
                drop(prepared);
                let (pipe, frames, read) = self.drained(reply.headers, reply.body, pipe).await?;
                let context = turned_context(context);
                let mut lane = AggregateLane::new(&*self.exchange.client, &context);
                lane.read_all(&frames).map_err(|error| self.source(&headers).unreadable(error))?;
                (lane, read, context, pipe.losses().to_vec())
            }
        };
        let (response, seen) =
            lane.into_response().map_err(|error| self.source(&headers).error_event(&error))?;
        let client = Arc::clone(&self.exchange.client);
        let recorder = hub.then(|| self.exchange.recorder(self.target, self.route, &context)).flatten();
        let encode = move || {
            if let Some(recorder) = recorder {
                recorder.response(&response);
            }
            losses.extend(lost(&client, &response, &context));
            (Bytes::from(client.encode_reply(&response, &context)), losses)
        };
        let (body, losses) = self.exchange.shared.pool.run(read, encode).await?;
        let turned = Turned { body, usage: seen.usage, finish: seen.finish, losses };
        self.exchange.reply_lost(self.route, &turned.losses);
        Ok(self.whole_reply(&headers, turned))
    }

    /// The stream, or the whole reply that some services send in its place.
    async fn told_apart(&self, reply: WireStream) -> Result<Result<WireStream, WireReply>, ExecutorError> {
        let framing = self.route.codec().map_or(Framing::Sse, |codec| codec.framing());
        if framing != Framing::Sse {
            return Ok(Ok(reply));
        }
        let limit = self.exchange.shared.options.max_reply_bytes;
        match told_apart(reply, limit).await? {
            Answer::Stream(stream) => Ok(Ok(stream)),
            Answer::Whole(whole) => Ok(Err(whole)),
            Answer::TooLong(headers) => Err(self.source(&headers).too_long(limit)),
        }
    }

    async fn execute(&self) -> Result<(Arc<Prepared>, WireReply), ExecutorError> {
        let prepared = self.exchange.prepare(self.target, self.route, false, self.fresh).await?;
        let attempt = self.exchange.attempt_of(self.target, self.route, &prepared, false);
        let reply = self.target.executor.execute(attempt).await?;
        let limit = self.exchange.shared.options.max_reply_bytes;
        if reply.body.len() > limit {
            return Err(self.source(&reply.headers).too_long(limit));
        }
        Ok((prepared, reply))
    }

    /// A whole reply in the client's format; what is no reply is read as the failure that it is.
    async fn turned(&self, prepared: &Prepared, reply: &WireReply) -> Result<Turned, ExecutorError> {
        let context = self.exchange.context(self.target, prepared);
        let hub = matches!(prepared.way, Way::Hub(_));
        let recorder = hub.then(|| self.exchange.recorder(self.target, self.route, &context)).flatten();
        let registered = self.exchange.registered(prepared, &context);
        let turning = Turning {
            shared: &self.exchange.shared,
            client: &self.exchange.client,
            way: &prepared.way,
            body: &reply.body,
            compact: self.exchange.request.operation == Operation::Compact,
        };
        let pool = &self.exchange.shared.pool;
        let turned = if pool.is_small(reply.body.len()) {
            turning.run(&context, registered.as_deref(), recorder)
        } else {
            pool.run(reply.body.len(), turning.owned(context, registered, recorder)).await?
        };
        let why = match turned {
            Ok(Some(turned)) => {
                self.exchange.reply_lost(self.route, &turned.losses);
                return Ok(turned);
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        let wire = self.route.codec().unwrap_or(&self.exchange.client);
        let failure = self.source(&reply.headers).not_a_reply(&**wire, &reply.body);
        Err(match why {
            Some(why) => failure.with_source(why),
            None => failure,
        })
    }

    fn pipe(&self, prepared: &Prepared, context: &ReplyContext) -> Result<PipeLane, ExecutorError> {
        let exchange = self.exchange.registered(prepared, context);
        let pipe = exchange.map(|exchange| self.exchange.shared.registry.stream(*exchange)).transpose();
        match pipe.map_err(failure::of_request)? {
            Some(pipe) => Ok(PipeLane::new(pipe)),
            None => Err(ExecutorError::new(ErrorKind::Internal, "a registered request lost its reply side")),
        }
    }

    /// A stream, once its first semantic event has been seen.
    async fn primed<L: Lane + Unpin + 'static>(
        &self,
        headers: HeaderMap,
        body: UpstreamBytes,
        lane: L,
    ) -> Result<UpstreamReply, ExecutorError> {
        let shown = self.exchange.shown(&headers);
        let mut pump = self.pump(&headers, body, lane);
        poll_fn(|cx| pump.poll_primed(cx)).await?;
        Ok(stream_reply(shown, pump))
    }

    /// A stream read to its end: the lane, what it wrote, how many bytes it read.
    async fn drained<L: Lane>(
        &self,
        headers: HeaderMap,
        body: UpstreamBytes,
        lane: L,
    ) -> Result<(L, Bytes, usize), ExecutorError> {
        let mut pump = self.pump(&headers, body, lane);
        poll_fn(|cx| pump.poll_whole(cx)).await?;
        Ok(pump.into_parts())
    }

    fn whole_reply(&self, upstream: &HeaderMap, turned: Turned) -> UpstreamReply {
        let reply = WholeReply::new(turned.body)
            .with_headers(self.exchange.shown(upstream))
            .with_end(turned.usage, turned.finish);
        UpstreamReply::Whole(Box::new(reply))
    }

    fn pump<L: Lane>(&self, headers: &HeaderMap, body: UpstreamBytes, lane: L) -> Pump<L> {
        let options = &self.exchange.shared.options;
        let bounds = Bounds {
            preamble_events: options.preamble_events,
            preamble_bytes: options.preamble_bytes,
            coalesce: options.coalesce_bytes,
            total: options.max_reply_bytes,
        };
        let teller = self.exchange.teller(self.target, Some(self.route));
        Pump::new(body, lane, bounds, self.source(headers), teller, self.exchange.remarker(self.route))
    }

    fn source(&self, headers: &HeaderMap) -> ReplySource {
        let executor = Arc::clone(&self.target.executor);
        ReplySource { executor, headers: KeptHeaders::of(headers), now: self.target.now }
    }
}

/// Why members of a whole reply are not in the stream that is made of it.
const UNSAID: &str = "no event of a stream carries it";

/// All that the turning of one whole reply needs, beside what is particular to the attempt.
struct Turning<'t> {
    shared: &'t Arc<Shared>,
    client: &'t Arc<dyn Codec>,
    way: &'t Way,
    body: &'t Bytes,
    compact: bool,
}

impl Turning<'_> {
    fn run(
        &self,
        context: &ReplyContext,
        registered: Option<&registry::Exchange>,
        recorder: Option<Recorder>,
    ) -> Result<Option<Turned>, CodecError> {
        match (self.way, registered) {
            // Source: http-api.md A.9 "Reply is the upstream compaction JSON, passed as is."
            (Way::Same(codec), _) if self.compact => opaque(&**codec, self.body),
            (Way::Hub(wire), _) => {
                let response = wire.decode_reply(self.body, context)?;
                if let Some(recorder) = recorder {
                    recorder.response(&response);
                }
                Ok(written(&response, context, self.client))
            }
            (Way::Same(codec), _) => codec.patch_reply(self.body, context).map(|done| Some(done.into())),
            (Way::Registered(_), Some(exchange)) => {
                self.shared.registry.translate_whole(exchange, self.body).map(|done| Some(done.into()))
            }
            (Way::Registered(_), None) => Ok(None),
        }
    }

    /// The same work for another thread.
    fn owned(
        &self,
        context: Box<ReplyContext>,
        registered: Option<Box<registry::Exchange>>,
        recorder: Option<Recorder>,
    ) -> impl FnOnce() -> Result<Option<Turned>, CodecError> + Send + 'static {
        let (shared, client) = (Arc::clone(self.shared), Arc::clone(self.client));
        let (way, body, compact) = (self.way.clone(), self.body.clone(), self.compact);
        move || {
            Turning { shared: &shared, client: &client, way: &way, body: &body, compact }.run(
                &context,
                registered.as_deref(),
                recorder,
            )
        }
    }
}

impl From<(Bytes, Usage, Option<FinishReason>)> for Turned {
    fn from((body, usage, finish): (Bytes, Usage, Option<FinishReason>)) -> Self {
        Self { body, usage, finish, losses: Vec::new() }
    }
}

impl From<registry::TranslatedReply> for Turned {
    fn from(done: registry::TranslatedReply) -> Self {
        Self { body: done.body, usage: done.usage, finish: done.finish, losses: done.losses }
    }
}

/// What of a reply the client's format cannot say.
fn lost(client: &Arc<dyn Codec>, response: &Response<'_>, context: &ReplyContext) -> Vec<Loss> {
    let mut meter = ReplyMeter::new(Arc::clone(client), context.searches_web);
    meter.response(response);
    meter.into_losses()
}

/// A context for reading what was written in the client's format: tool names have their own form again.
fn turned_context(mut context: Box<ReplyContext>) -> Box<ReplyContext> {
    context.names = NameMap::default();
    context
}

/// Writes a decoded reply; `None` when there is nothing in it, as in an error object or somebody else's JSON.
fn written(response: &Response<'_>, context: &ReplyContext, client: &Arc<dyn Codec>) -> Option<Turned> {
    let first = response.candidates.first()?;
    let finish = first.finish.as_ref().map(|finish| finish.reason);
    if first.parts.is_empty() && finish.is_none() && response.usage.is_none() {
        return None;
    }
    let usage = response.usage.unwrap_or_default();
    let losses = lost(client, response, context);
    Some(Turned { body: Bytes::from(client.encode_reply(response, context)), usage, finish, losses })
}

/// A reply that only its provider understands: whole JSON, and no error.
fn opaque(codec: &dyn Codec, body: &Bytes) -> Result<Option<Turned>, CodecError> {
    let _: &serde_json::value::RawValue = serde_json::from_slice(body)?;
    let turned = || Turned::from((body.clone(), Usage::default(), None));
    Ok((!codec.is_own_error(body)).then(turned))
}

fn stream_reply(shown: HeaderMap, frames: impl ClientStream + 'static) -> UpstreamReply {
    UpstreamReply::Stream(StreamReply::new(shown, Box::pin(frames)))
}
