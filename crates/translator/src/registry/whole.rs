//! The path of whole replies. Source: translation.md C.4.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};

use super::{Exchange, Registry, ResponseEnvelope, ResponseMiddleware, no_route};
use crate::aggregate::Aggregator;
use crate::codec::{Codec, CodecError};
use crate::framing::FrameParser;
use crate::loss::{Loss, ReplyMeter, told};

/// A whole reply for the client, with what it cost and why it ended as far as was read.
type Whole = (Bytes, Usage, Option<FinishReason>);

/// A whole reply in the client's format.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TranslatedReply {
    /// The body for the client.
    pub body: Bytes,
    /// What it cost.
    pub usage: Usage,
    /// Why it ended.
    pub finish: Option<FinishReason>,
    /// What of it the client's format could not say.
    pub losses: Vec<Loss>,
}

impl From<Whole> for TranslatedReply {
    fn from((body, usage, finish): Whole) -> Self {
        Self { body, usage, finish, losses: Vec::new() }
    }
}

impl Registry {
    /// Translates a whole reply.
    ///
    /// # Errors
    /// When nothing serves the pair, or the reply cannot be read.
    pub fn translate_reply(&self, exchange: &Exchange, body: &Bytes) -> Result<Whole, CodecError> {
        let TranslatedReply { body, usage, finish, .. } = self.translate_whole(exchange, body)?;
        Ok((body, usage, finish))
    }

    /// Translates a whole reply, and tells what of it was lost.
    ///
    /// # Errors
    /// When nothing serves the pair, or the reply cannot be read.
    pub fn translate_whole(&self, exchange: &Exchange, body: &Bytes) -> Result<TranslatedReply, CodecError> {
        if self.response_middleware.is_empty() {
            return self.whole(exchange, body);
        }
        let mut end = TranslatedReply::default();
        let envelope =
            ResponseEnvelope::new(exchange.provider.as_str(), &exchange.model, false, body.clone());
        let done = run(&self.response_middleware, envelope, &mut |mut envelope| {
            end = self.whole(exchange, &envelope.body)?;
            envelope.body = std::mem::take(&mut end.body);
            envelope.format = exchange.client.as_str().to_owned();
            Ok(envelope)
        })?;
        told(&mut end.losses, done.losses);
        Ok(TranslatedReply { body: done.body, ..end })
    }

    /// Makes the whole reply of a provider's stream: for a client that asked for no stream of a provider that has
    /// nothing else (B74). `body` is the whole stream, framing included.
    ///
    /// # Errors
    /// When the formats have no codecs, or the stream is broken or carried an error.
    pub fn aggregate_reply(&self, exchange: &Exchange, body: &[u8]) -> Result<Whole, CodecError> {
        let hub = self
            .hub(&exchange.client, &exchange.provider)
            .ok_or_else(|| no_route(&exchange.client, &exchange.provider))?;
        let mut aggregator = Aggregator::new();
        let unread = decode_stream(&**hub.provider, exchange, body, &mut aggregator)?;
        let mut response = aggregator.finish().map_err(|error| {
            CodecError::protocol(format!("the stream carried an error: {}", error.message))
        })?;
        response.unread.extend(unread);
        let usage = response.usage.unwrap_or_default();
        let finish = response.candidates.first().and_then(|first| first.finish.as_ref()).map(|f| f.reason);
        for hook in &self.model_hooks {
            // Nothing is told here: whoever wants to know asks for the reply's own losses.
            hook.on_response_telling(exchange, &mut response, &mut Vec::new());
        }
        let body = Bytes::from(hub.client.encode_reply(&response, &exchange.context));
        Ok((self.after(exchange, body), usage, finish))
    }

    fn whole(&self, exchange: &Exchange, body: &Bytes) -> Result<TranslatedReply, CodecError> {
        let body = match &self.hooks {
            Some(hooks) => hooks.normalize_response_before(exchange, body.clone()),
            None => body.clone(),
        };
        let mut done = self.whole_native(exchange, &body)?;
        done.body = self.after(exchange, done.body);
        Ok(done)
    }

    fn whole_native(&self, exchange: &Exchange, body: &Bytes) -> Result<TranslatedReply, CodecError> {
        let (client, provider) = (&exchange.client, &exchange.provider);
        if let Some(transform) = self.response_transforms(client, provider).whole {
            // Cost and end are read where the provider's codec can.
            let (usage, finish) = self.cost(exchange, body);
            let mut losses = Vec::new();
            let body = transform.transform_telling(exchange, body, &mut losses)?;
            return Ok(TranslatedReply { body, usage, finish, losses: bounded(losses) });
        }
        if self.passes(client, provider) && !exchange.rewritten {
            return match self.codec(provider.as_str()) {
                Some(codec) => codec.patch_reply(body, &exchange.context).map(Into::into),
                None => Ok((body.clone(), Usage::default(), None).into()),
            };
        }
        if let Some(hub) = self.hub(client, provider) {
            let mut response = hub.provider.decode_reply(body, &exchange.context)?;
            let mut taken = Vec::new();
            for hook in &self.model_hooks {
                hook.on_response_telling(exchange, &mut response, &mut taken);
            }
            let usage = response.usage.unwrap_or_default();
            let finish =
                response.candidates.first().and_then(|first| first.finish.as_ref()).map(|f| f.reason);
            let mut meter = ReplyMeter::new(Arc::clone(hub.client), exchange.context.searches_web);
            meter.response(&response);
            let body = Bytes::from(hub.client.encode_reply(&response, &exchange.context));
            let mut losses = meter.into_losses();
            told(&mut losses, taken);
            return Ok(TranslatedReply { body, usage, finish, losses });
        }
        let mut losses = Vec::new();
        self.hooks
            .as_ref()
            .and_then(|hooks| hooks.translate_response_telling(exchange, body, &mut losses))
            .map(|body| TranslatedReply { body, losses: bounded(losses), ..TranslatedReply::default() })
            .ok_or_else(|| no_route(client, provider))
    }

    fn cost(&self, exchange: &Exchange, body: &Bytes) -> (Usage, Option<FinishReason>) {
        let context = crate::codec::ReplyContext { shown_model: None, ..exchange.context.clone() };
        self.codec(exchange.provider.as_str())
            .and_then(|codec| codec.patch_reply(body, &context).ok())
            .map_or((Usage::default(), None), |(_, usage, finish)| (usage, finish))
    }

    fn after(&self, exchange: &Exchange, body: Bytes) -> Bytes {
        match &self.hooks {
            Some(hooks) => hooks.normalize_response_after(exchange, body),
            None => body,
        }
    }
}

fn bounded(losses: Vec<Loss>) -> Vec<Loss> {
    let mut all = Vec::new();
    told(&mut all, losses);
    all
}

fn decode_stream(
    codec: &dyn Codec,
    exchange: &Exchange,
    body: &[u8],
    aggregator: &mut Aggregator,
) -> Result<Vec<String>, CodecError> {
    let mut decoder = codec.stream_decoder(&exchange.context);
    let mut parser = FrameParser::new(codec.framing());
    let mut failure = Ok(());
    let mut read = |frame: crate::frame::StreamFrame<'_>| {
        if failure.is_ok() {
            failure = decoder.decode(frame, &mut |event| aggregator.push(event));
        }
    };
    parser.push(body, &mut read)?;
    parser.finish(&mut read)?;
    failure?;
    decoder.finish(&mut |event| aggregator.push(event))?;
    Ok(decoder.unread().to_vec())
}

pub(super) fn run(
    chain: &[Arc<dyn ResponseMiddleware>],
    envelope: ResponseEnvelope,
    terminal: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
) -> Result<ResponseEnvelope, CodecError> {
    match chain.split_first() {
        None => terminal(envelope),
        Some((first, rest)) => first.handle(envelope, &mut |envelope| run(rest, envelope, terminal)),
    }
}
