//! Kiro (AWS CodeWhisperer, Amazon Q Developer): a conversation state as request, AWS event-stream frames as reply.
//!
//! It is spoken to providers. A reply is always a stream: a whole one is the same frames at once. Arguments of a call
//! are held until the call is whole, as the service cuts large ones off and says nothing of it: what goes out is JSON, or
//! the reply ends as one that reached its limit. A client's web search is a tool that the sender of the request runs: see
//! [`search`]. Source: providers-b.md 1.5; translation.md A.15, columns KI.

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};

use crate::codec::{
    Codec, CodecError, Encoded, ErrorText, Framing, Patch, Patched, Peek, Profile, ReplyContext,
    StreamDecoder, StreamEncoder, StreamObserver,
};
use crate::model::{Request, Response};

mod encode;
mod error;
mod models;
mod reply;
pub mod search;
mod stream;
mod usage;
mod wire;

/// The name of the format.
const KIRO: &str = "kiro";

/// Events of which usage and reason are read. Hooks on the model see them whole.
pub(crate) fn is_counted(event: &str) -> bool {
    matches!(
        event,
        "contextUsageEvent"
            | "metadataEvent"
            | "messageMetadataEvent"
            | "metricsEvent"
            | "usageEvent"
            | "usage"
            | "messageStopEvent"
            | "message_stop"
            | "initial-response"
    )
}

/// The codec of Kiro. Whoever sends what it encodes takes the order for web searches out first
/// ([`search::SearchOrder::take`]): the service refuses members that it does not know.
///
/// ```
/// use cliproxy_translator::{Codec, Profile, format::{claude::ClaudeCodec, kiro::KiroCodec}};
/// let body = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
/// let request = ClaudeCodec::default().decode_request(body)?;
/// let encoded = KiroCodec::default().encode_request(&request, &Profile::new("claude-sonnet-4.5", true))?;
/// let text = String::from_utf8(encoded.body).unwrap();
/// assert!(text.contains(r#""content":"hi","modelId":"claude-sonnet-4.5""#), "{text}");
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct KiroCodec;

impl Codec for KiroCodec {
    fn name(&self) -> &str {
        KIRO
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn peek<'a>(&self, _body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        Err(for_providers())
    }

    fn decode_request<'a>(&self, _body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        Err(for_providers())
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        encode::request(request, profile)
    }

    fn patch_request(&self, _body: &Bytes, _patch: &Patch) -> Result<Patched, CodecError> {
        Err(for_providers())
    }

    fn decode_reply<'a>(&self, body: &'a [u8], context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        reply::decode(body, context)
    }

    fn encode_reply(&self, response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
        reply::encode(response, context)
    }

    fn patch_reply(
        &self,
        body: &Bytes,
        context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
        // No reply names a model: nothing has to change.
        let response = reply::decode(body, context)?;
        let finish = response.candidates.first().and_then(|first| first.finish.as_ref());
        Ok((body.clone(), response.usage.unwrap_or_default(), finish.map(|finish| finish.reason)))
    }

    fn stream_decoder(&self, context: &ReplyContext) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new(context))
    }

    fn stream_encoder(&self, context: &ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context))
    }

    fn stream_observer(&self, context: &ReplyContext) -> Box<dyn StreamObserver> {
        Box::new(stream::Observer::new(context))
    }

    fn decode_error(&self, body: &[u8]) -> ErrorText {
        error::probe(body)
    }

    fn is_own_error(&self, body: &[u8]) -> bool {
        error::is_own(body)
    }

    fn encode_error(&self, error: &ClientError, _request_id: &str) -> Vec<u8> {
        error::encode(error)
    }

    fn decode_count(&self, _body: &[u8]) -> Option<u64> {
        None
    }

    fn encode_count(&self, _tokens: u64) -> Option<Vec<u8>> {
        None
    }
}

fn for_providers() -> CodecError {
    CodecError::inexpressible("kiro is a format of providers: no client's request is read in it")
}
