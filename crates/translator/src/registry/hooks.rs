//! Hooks that see every translation, whoever does it, and middleware around it.
//! Source: translation.md C.3, C.4, C.8, C.9.

use std::fmt;

use bytes::Bytes;

use super::{Exchange, RequestCall, RequestEnvelope, ResponseEnvelope};
use crate::codec::CodecError;
use crate::loss::Loss;
use crate::model::{Event, Request, Response};

/// Hooks on the bytes. All methods have defaults that change nothing.
///
/// In streams, `body` is the data of one frame.
pub trait TranslationHooks: fmt::Debug + Send + Sync + 'static {
    /// After a translation, or before one by [`Self::translate_request`]: changes a request. The last word when a
    /// transform or the hub translated it (E670, E671).
    fn normalize_request(&self, call: &RequestCall<'_>, body: Bytes) -> Bytes {
        let _ = call;
        body
    }

    /// Translates a request that nothing else does (E666); `None` leaves it.
    fn translate_request(&self, call: &RequestCall<'_>, body: &Bytes) -> Option<Bytes> {
        let _ = (call, body);
        None
    }

    /// As [`Self::translate_request`], and tells what it leaves behind. This is what the registry calls.
    fn translate_request_telling(
        &self,
        call: &RequestCall<'_>,
        body: &Bytes,
        losses: &mut Vec<Loss>,
    ) -> Option<Bytes> {
        let _ = losses;
        self.translate_request(call, body)
    }

    /// Changes what the provider sent, before it is translated.
    fn normalize_response_before(&self, exchange: &Exchange, body: Bytes) -> Bytes {
        let _ = exchange;
        body
    }

    /// Translates a reply, or the data of a frame, that nothing else does (E667, E669); `None` leaves it.
    fn translate_response(&self, exchange: &Exchange, body: &Bytes) -> Option<Bytes> {
        let _ = (exchange, body);
        None
    }

    /// As [`Self::translate_response`], and tells what it leaves behind: of a stream each kind is told once. This is what the
    /// registry calls.
    fn translate_response_telling(
        &self,
        exchange: &Exchange,
        body: &Bytes,
        losses: &mut Vec<Loss>,
    ) -> Option<Bytes> {
        let _ = losses;
        self.translate_response(exchange, body)
    }

    /// Changes what the client gets: a whole body, or frames with their framing.
    fn normalize_response_after(&self, exchange: &Exchange, body: Bytes) -> Bytes {
        let _ = exchange;
        body
    }
}

/// Hooks on the canonical model, for what goes through the hub. They need no knowledge of any format.
pub trait ModelHook: fmt::Debug + Send + Sync + 'static {
    /// Sees a request between decode and encode.
    ///
    /// # Errors
    /// To refuse it.
    fn on_request(&self, call: &RequestCall<'_>, request: &mut Request<'_>) -> Result<(), CodecError> {
        let _ = (call, request);
        Ok(())
    }

    /// As [`Self::on_request`], and tells what it takes out. This is what the registry calls.
    ///
    /// # Errors
    /// As [`Self::on_request`].
    fn on_request_telling(
        &self,
        call: &RequestCall<'_>,
        request: &mut Request<'_>,
        losses: &mut Vec<Loss>,
    ) -> Result<(), CodecError> {
        let _ = losses;
        self.on_request(call, request)
    }

    /// Sees a whole reply between decode and encode.
    fn on_response(&self, exchange: &Exchange, response: &mut Response<'_>) {
        let _ = (exchange, response);
    }

    /// As [`Self::on_response`], and tells what it takes out. This is what the registry calls.
    fn on_response_telling(&self, exchange: &Exchange, response: &mut Response<'_>, losses: &mut Vec<Loss>) {
        let _ = losses;
        self.on_response(exchange, response);
    }

    /// Sees one event of a stream; `None` keeps it from the client. Must be quick: it runs for every event.
    fn on_event<'e>(&self, exchange: &Exchange, event: Event<'e>) -> Option<Event<'e>> {
        let _ = exchange;
        Some(event)
    }

    /// As [`Self::on_event`], and tells what it takes out: each kind is told once. This is what the registry calls.
    fn on_event_telling<'e>(
        &self,
        exchange: &Exchange,
        event: Event<'e>,
        losses: &mut Vec<Loss>,
    ) -> Option<Event<'e>> {
        let _ = losses;
        self.on_event(exchange, event)
    }
}

/// Wraps the translation of requests. What it leaves behind it adds to [`RequestEnvelope::losses`].
pub trait RequestMiddleware: fmt::Debug + Send + Sync + 'static {
    /// Changes the envelope before or after `next`, or answers without it.
    ///
    /// # Errors
    /// What `next` says, or an error of its own, which ends the translation.
    fn handle(
        &self,
        envelope: RequestEnvelope,
        next: &mut dyn FnMut(RequestEnvelope) -> Result<RequestEnvelope, CodecError>,
    ) -> Result<RequestEnvelope, CodecError>;
}

/// Wraps the translation of replies, and of each piece of a stream. What it leaves behind it adds to
/// [`ResponseEnvelope::losses`].
pub trait ResponseMiddleware: fmt::Debug + Send + Sync + 'static {
    /// Changes the envelope before or after `next`, or answers without it.
    ///
    /// # Errors
    /// What `next` says, or an error of its own, which ends the translation.
    fn handle(
        &self,
        envelope: ResponseEnvelope,
        next: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
    ) -> Result<ResponseEnvelope, CodecError>;
}
