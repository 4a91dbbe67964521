//! The path of streams: a provider's bytes in, the client's bytes out. Source: translation.md C.4, C.5.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::ClientError;

use super::watch::{Watch, bare_error};
use super::whole::run;
use super::{Exchange, ModelHook, Registry, ResponseEnvelope, ResponseMiddleware, ResponseStream};
use super::{TranslationHooks, no_route};
use crate::codec::{CodecError, Framing, Observed, StreamDecoder, StreamEncoder, StreamObserver, StreamSeen};
use crate::frame::StreamFrame;
use crate::framing::{FrameParser, write_frame, write_sse};
use crate::loss::{Loss, ReplyMeter, told};
use crate::model::Event;

/// One stream of one attempt. Bytes may be cut anywhere. Frames behind the terminal one are dropped (B68).
pub struct StreamPipe {
    parser: FrameParser,
    stage: Stage,
    /// Of a stream that no encoder or observer of ours can end, as it saw nothing of what the client got.
    watch: Option<Watch>,
}

/// Everything behind the framing.
struct Stage {
    exchange: Exchange,
    /// How the provider frames.
    framing: Framing,
    way: Way,
    hooks: Option<Arc<dyn TranslationHooks>>,
    middleware: Vec<Arc<dyn ResponseMiddleware>>,
    /// What was seen where no observer keeps it.
    seen: StreamSeen,
    piece: Vec<u8>,
    /// What was lost so far, whoever tells it.
    losses: Vec<Loss>,
    /// How much of what its way tells is among them.
    told: usize,
    failed: bool,
    /// The provider's bytes ended: what is still in the framing was cut.
    cut: bool,
}

/// What is done with one piece of the provider's, to yield one of the client's.
type Work<'w> = dyn FnMut(&mut Stage, &Bytes, &mut Vec<u8>) -> Result<(), CodecError> + 'w;

enum Way {
    Pair(Box<dyn ResponseStream>),
    Pass(Box<dyn StreamObserver>),
    Hub {
        decoder: Box<dyn StreamDecoder>,
        encoder: Box<dyn StreamEncoder>,
        model: Vec<Arc<dyn ModelHook>>,
        meter: ReplyMeter,
    },
    Hooks(Arc<dyn TranslationHooks>),
    /// The same format on both sides, and one that we have no codec for.
    Unread,
}

impl Registry {
    /// Begins the stream of one attempt.
    ///
    /// # Errors
    /// When nothing serves the pair.
    pub fn stream(&self, exchange: Exchange) -> Result<StreamPipe, CodecError> {
        let (client, provider) = (&exchange.client, &exchange.provider);
        let way = if let Some(transform) = self.response_transforms(client, provider).stream {
            Way::Pair(transform.begin(&exchange))
        } else if self.passes(client, provider) && !exchange.rewritten {
            match self.codec(provider.as_str()) {
                Some(codec) => Way::Pass(codec.stream_observer(&exchange.context)),
                None => Way::Unread,
            }
        } else if let Some(hub) = self.hub(client, provider) {
            Way::Hub {
                decoder: hub.provider.stream_decoder(&exchange.context),
                encoder: hub.client.stream_encoder(&exchange.context),
                model: self.model_hooks.clone(),
                meter: ReplyMeter::new(Arc::clone(hub.client), exchange.context.searches_web),
            }
        } else if let Some(hooks) = &self.hooks {
            Way::Hooks(Arc::clone(hooks))
        } else {
            return Err(no_route(client, provider));
        };
        let watch = match &way {
            Way::Pair(_) | Way::Hooks(_) => {
                self.codec(client.as_str()).map(|client| Watch::new(&**client, &exchange.context))
            }
            Way::Pass(_) | Way::Hub { .. } | Way::Unread => None,
        };
        let framing = self.codec(provider.as_str()).map_or(Framing::Sse, |codec| codec.framing());
        let stage = Stage {
            exchange,
            framing,
            way,
            hooks: self.hooks.clone(),
            middleware: self.response_middleware.clone(),
            seen: StreamSeen::default(),
            piece: Vec::new(),
            losses: Vec::new(),
            told: 0,
            failed: false,
            cut: false,
        };
        Ok(StreamPipe { parser: FrameParser::new(framing), stage, watch })
    }
}

impl StreamPipe {
    /// Takes bytes of the provider and appends what the client gets for them.
    ///
    /// # Errors
    /// When they cannot be read. What was appended before is good; end the stream with [`Self::fail`], as after an
    /// error of the provider's own ([`StreamSeen::error`]): that is not appended, for whoever fails the stream knows
    /// what the client may hear of it.
    pub fn push(&mut self, bytes: &Bytes, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let before = out.len();
        let read = self.read(bytes, out);
        self.look(before, out);
        read
    }

    fn read(&mut self, bytes: &Bytes, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let stage = &mut self.stage;
        let mut result = Ok(());
        let read = self.parser.push_raw(bytes, &mut |frame, raw| {
            if result.is_ok() {
                result = stage.frame(frame, &raw, out);
            }
        });
        stage.tell();
        read?;
        result
    }

    /// The provider's bytes ended. Appends what is held back.
    ///
    /// # Errors
    /// When the stream broke off before its end (B68).
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let before = out.len();
        let ended = self.read_end(out);
        self.stage.tell();
        self.look(before, out);
        ended
    }

    fn read_end(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let stage = &mut self.stage;
        let mut result = Ok(());
        stage.cut = true;
        self.parser.finish_raw(&mut |frame, raw| {
            if result.is_ok() {
                result = stage.frame(frame, &raw, out);
            }
        })?;
        result?;
        stage.ended(out)
    }

    /// Follows what was appended.
    fn look(&mut self, before: usize, out: &[u8]) {
        if let (Some(watch), Some(said)) = (&mut self.watch, out.get(before..)) {
            watch.wrote(said);
        }
    }

    /// Bytes that end the stream validly with this error. Nothing follows.
    pub fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.stage.failed, true) {
            return;
        }
        match (&mut self.stage.way, &mut self.watch) {
            (Way::Pass(observer), _) => observer.fail(error, out),
            (Way::Hub { encoder, .. }, _) => encoder.fail(error, out),
            (_, Some(watch)) => watch.fail(error, out),
            (Way::Pair(_) | Way::Hooks(_) | Way::Unread, None) => bare_error(error, out),
        }
    }

    /// What of the stream the client's format could not say so far.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.stage.losses
    }

    /// What is known so far. Before [`StreamSeen::semantic`] nothing has committed the stream: what was appended
    /// may still be thrown away and another credential tried.
    #[must_use]
    pub fn seen(&self) -> &StreamSeen {
        match &self.stage.way {
            Way::Pass(observer) => observer.seen(),
            Way::Pair(stream) => stream.seen().unwrap_or(&self.stage.seen),
            Way::Hub { .. } | Way::Hooks(_) | Way::Unread => &self.stage.seen,
        }
    }
}

impl Stage {
    /// Takes over what its way tells of what was lost.
    fn tell(&mut self) {
        let losses = match &mut self.way {
            Way::Hub { decoder, encoder, meter, .. } => {
                meter.unread(decoder.unread());
                meter.encoder(encoder.losses());
                meter.losses()
            }
            Way::Pair(stream) => stream.losses(),
            Way::Pass(_) | Way::Hooks(_) | Way::Unread => return,
        };
        if losses.len() > self.told {
            told(&mut self.losses, losses.get(self.told..).unwrap_or_default().to_vec());
            self.told = losses.len();
        }
    }

    fn frame(&mut self, frame: StreamFrame<'_>, raw: &Bytes, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.failed {
            return Ok(());
        }
        if self.hooks.is_none() && self.middleware.is_empty() {
            return self.translate(frame, raw, out);
        }
        self.wrapped(frame, raw, out)
    }

    /// With hooks and middleware around it.
    fn wrapped(&mut self, frame: StreamFrame<'_>, raw: &Bytes, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let normalized = self
            .hooks
            .as_ref()
            .map(|hooks| hooks.normalize_response_before(&self.exchange, Bytes::copy_from_slice(frame.data)))
            .filter(|data| data != frame.data);
        let mut reframed = Vec::new();
        let (frame, raw) = match &normalized {
            None => (frame, raw.clone()),
            Some(data) => {
                let changed = StreamFrame { data, ..frame };
                write_frame(&mut reframed, self.framing, changed);
                (changed, Bytes::from(reframed))
            }
        };
        let mut translate = |stage: &mut Self, body: &Bytes, piece: &mut Vec<u8>| match *body == raw {
            true => stage.translate(frame, &raw, piece),
            false => stage.translate_all(body, piece),
        };
        self.around(raw.clone(), &mut translate, out)
    }

    /// The end, with hooks and middleware around what was held back until then: no piece of the provider's belongs to it.
    fn ended(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.hooks.is_none() && self.middleware.is_empty() {
            return self.end(out);
        }
        let mut held = Vec::new();
        let ended = self.end(&mut held);
        if !held.is_empty() {
            let mut say = |_: &mut Self, _: &Bytes, piece: &mut Vec<u8>| {
                piece.extend_from_slice(&held);
                Ok(())
            };
            self.around(Bytes::new(), &mut say, out)?;
        }
        ended
    }

    /// Hooks and middleware around the work on one piece. What the work wrote before it failed is as good as it is
    /// without them: they see it as any other piece, and the failure follows it.
    fn around(&mut self, body: Bytes, work: &mut Work<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let chain = std::mem::take(&mut self.middleware);
        let mut piece = std::mem::take(&mut self.piece);
        let provider = self.exchange.provider.as_str().to_owned();
        let envelope = ResponseEnvelope::new(provider, &self.exchange.model, true, body);
        let mut worked = Ok(());
        let result = run(&chain, envelope, &mut |mut envelope| {
            piece.clear();
            worked = work(self, &envelope.body, &mut piece);
            if piece.is_empty() {
                std::mem::replace(&mut worked, Ok(()))?;
            }
            envelope.body = Bytes::copy_from_slice(&piece);
            envelope.format = self.exchange.client.as_str().to_owned();
            Ok(envelope)
        });
        self.piece = piece;
        self.middleware = chain;
        let ResponseEnvelope { body, losses, .. } = result?;
        told(&mut self.losses, losses);
        out.extend_from_slice(&match &self.hooks {
            // What was suppressed stays suppressed (E668).
            Some(hooks) if !body.is_empty() => hooks.normalize_response_after(&self.exchange, body),
            _ => body,
        });
        worked
    }

    /// Frames that middleware has changed.
    fn translate_all(&mut self, frames: &Bytes, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut parser = FrameParser::new(self.framing);
        let mut result = Ok(());
        let mut each = |frame: StreamFrame<'_>, raw: Bytes| {
            if result.is_ok() {
                result = self.translate(frame, &raw, out);
            }
        };
        parser.push_raw(frames, &mut each)?;
        parser.finish_raw(&mut each)?;
        result
    }

    fn translate(
        &mut self,
        frame: StreamFrame<'_>,
        raw: &Bytes,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        match &mut self.way {
            Way::Pair(stream) => {
                if stream.seen().is_some_and(|seen| seen.terminal || seen.error.is_some()) {
                    return Ok(());
                }
                let before = out.len();
                stream.push(frame, out)?;
                self.seen.semantic |= out.len() > before;
                Ok(())
            }
            Way::Pass(observer) => {
                if observer.seen().terminal || observer.seen().error.is_some() {
                    return Ok(());
                }
                let verdict = if self.cut { observer.observe_last(frame) } else { observer.observe(frame) };
                // An error is told by whoever fails the stream.
                if observer.seen().error.is_some() {
                    return Ok(());
                }
                match verdict {
                    Observed::Pass => out.extend_from_slice(raw),
                    Observed::Replace(bytes) => out.extend_from_slice(&bytes),
                    Observed::Drop => {}
                }
                Ok(())
            }
            Way::Hub { decoder, encoder, model, meter } => {
                let (seen, exchange) = (&mut self.seen, &self.exchange);
                let mut taken = Vec::new();
                let read = decoder.decode(frame, &mut |event| {
                    relay(event, exchange, (model, &mut taken), seen, (&mut **encoder, meter), out);
                });
                told(&mut self.losses, taken);
                read
            }
            Way::Hooks(hooks) => {
                let data = Bytes::copy_from_slice(frame.data);
                let mut losses = Vec::new();
                let translated = hooks.translate_response_telling(&self.exchange, &data, &mut losses);
                told(&mut self.losses, losses);
                if let Some(translated) = translated {
                    self.seen.semantic = true;
                    write_sse(out, Some(frame.event).filter(|event| !event.is_empty()), &translated);
                }
                Ok(())
            }
            Way::Unread => {
                self.seen.semantic = true;
                out.extend_from_slice(raw);
                Ok(())
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.failed {
            return Ok(());
        }
        match &mut self.way {
            Way::Pair(stream) => {
                if stream.seen().is_some_and(|seen| seen.error.is_some()) {
                    return Ok(());
                }
                stream.finish(out)?;
                self.seen.terminal = true;
                Ok(())
            }
            Way::Pass(observer) => {
                if !observer.seen().terminal && observer.seen().error.is_none() {
                    observer.finish(out);
                }
                if !observer.seen().terminal && observer.seen().error.is_none() {
                    return Err(CodecError::protocol("the stream broke off before its end"));
                }
                Ok(())
            }
            Way::Hub { decoder, encoder, model, meter } => {
                let (seen, exchange) = (&mut self.seen, &self.exchange);
                let mut taken = Vec::new();
                let ended = decoder.finish(&mut |event| {
                    relay(event, exchange, (model, &mut taken), seen, (&mut **encoder, meter), out);
                });
                told(&mut self.losses, taken);
                ended?;
                if !seen.terminal && seen.error.is_none() {
                    return Err(CodecError::protocol("the stream broke off before its end"));
                }
                Ok(())
            }
            Way::Hooks(_) | Way::Unread => {
                self.seen.terminal = true;
                Ok(())
            }
        }
    }
}

/// One event from decoder to encoder. Nothing passes behind the end or an error (B68, B77).
fn relay(
    event: Event<'_>,
    exchange: &Exchange,
    (model, taken): (&[Arc<dyn ModelHook>], &mut Vec<Loss>),
    seen: &mut StreamSeen,
    (encoder, meter): (&mut dyn StreamEncoder, &mut ReplyMeter),
    out: &mut Vec<u8>,
) {
    if seen.terminal || seen.error.is_some() {
        return;
    }
    let mut event = event;
    for hook in model {
        match hook.on_event_telling(exchange, event, taken) {
            Some(next) => event = next,
            None => return,
        }
    }
    seen.semantic |= event.is_semantic();
    match &event {
        Event::Error(error) => {
            seen.error = Some(error.clone().into_owned());
            return;
        }
        Event::Usage(usage) => seen.usage.merge(usage),
        Event::Finish { finish, .. } => {
            seen.finish.get_or_insert(finish.reason);
        }
        Event::End => seen.terminal = true,
        _ => {}
    }
    meter.event(&event);
    encoder.encode(event, out);
}

impl fmt::Debug for StreamPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamPipe")
            .field("client", &self.stage.exchange.client)
            .field("provider", &self.stage.exchange.provider)
            .finish_non_exhaustive()
    }
}
