//! Claude Messages, as client and as provider.
//!
//! Conversions are symmetric: what only Claude can say stays in typed attachments, raw blocks and extras, so that
//! Claude → canonical → Claude loses nothing. Members nested in an object that the model spells differently are
//! kept as extras under a path (`thinking.x`, `output_config.x`, `usage.x`, `source.x`).
//! Source: translation.md A (columns CL), B; providers-a.md 2.4 to 2.7.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};

use crate::codec::{
    Codec, CodecError, Encoded, ErrorText, Patch, Patched, Peek, Profile, ReplyContext, StreamDecoder,
    StreamEncoder, StreamObserver,
};
use crate::loss::{Bearer, Rare, ReplyScope};
use crate::model::{Issuer, Request, Response, Tool};
use crate::pass::portable;
use crate::pass::services::{Service, service_of};

mod block;
mod call_ids;
mod carrier;
mod decode;
mod encode;
mod error;
mod hygiene;
mod patch;
mod peek;
mod reply;
mod search;
mod stream;
mod thoughts;
mod usage;
mod wire;

/// The name of the format.
const CLAUDE: &str = "claude";

/// What Gemini tells of its searches under.
use crate::aggregate::GROUNDING;

/// The codec of Claude Messages.
///
/// ```
/// use cliproxy_translator::{Codec, Profile, format::claude::ClaudeCodec};
/// let codec = ClaudeCodec::default();
/// let request = codec.decode_request(br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#)?;
/// let encoded = codec.encode_request(&request, &Profile::new("claude-sonnet-5", false))?;
/// assert_eq!(
///     encoded.body,
///     br#"{"model":"claude-sonnet-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#
/// );
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ClaudeCodec;

impl Codec for ClaudeCodec {
    fn name(&self) -> &str {
        CLAUDE
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        peek::peek(body)
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        decode::request(body)
    }

    fn own_name(&self, member: &str) -> Option<&'static str> {
        match member {
            "messages" => Some("messages"),
            _ => None,
        }
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        encode::request(request, profile)
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
        patch::request(body, patch)
    }

    fn check_portable(&self, request: &Request<'_>, provider: &str) -> Result<(), CodecError> {
        if provider == CLAUDE || provider.is_empty() {
            return Ok(());
        }
        portable::choice(request)?;
        portable::format(&request.extras, "output_config.format")
    }

    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        // Claude streams always tell their usage.
        context.include_usage = true;
        if context.requested_model.is_empty() {
            context.requested_model = request.model.clone().into_owned();
        }
        context.searches_web |= request.tools.iter().any(
            |tool| matches!(tool, Tool::Builtin(builtin) if service_of(builtin) == Some(Service::WebSearch)),
        );
    }

    fn decode_reply<'a>(&self, body: &'a [u8], _context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        reply::decode(body)
    }

    fn can_say(&self, rare: Rare<'_>, scope: ReplyScope) -> bool {
        match rare {
            Rare::Thoughts | Rare::Redacted | Rare::Call | Rare::StopSequence | Rare::Sealed => true,
            // An event brings arguments as they came, and they may end anywhere.
            Rare::CutCall => scope.stream,
            // Texts and calls are not signed here: only Gemini's state follows them in an empty thought.
            Rare::Signature(bearer, signature) => {
                bearer == Bearer::Thought || signature.issuer == Issuer::Gemini
            }
            Rare::Server(part) => part.format == CLAUDE || search::blocks(part).is_some(),
            Rare::Opaque(opaque) => opaque.format == CLAUDE,
            Rare::Citation(CLAUDE, raw) => reply::are_citations(&format!("[{}]", raw.get())),
            Rare::Citation("gemini", raw) => scope.searches_web && search::location(raw).is_some(),
            Rare::ServiceTier(tier) => usage::is_tier(&tier.decoded()),
            Rare::StopDetails(raw) => reply::is_refusal(raw),
            Rare::Member(format, _) => format == CLAUDE,
            // Of its blocks those of calls are written with members of their own.
            Rare::PartMember(bearer, format, _) => bearer == Bearer::Call && format == CLAUDE,
            Rare::Event(CLAUDE, ..) => true,
            Rare::Event("gemini", name, raw) => {
                name == GROUNDING && scope.searches_web && search::grounded(raw).is_some()
            }
            _ => false,
        }
    }

    fn encode_reply(&self, response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
        reply::encode(response, context)
    }

    fn patch_reply(
        &self,
        body: &Bytes,
        context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
        patch::reply(body, context)
    }

    fn stream_decoder(&self, _context: &ReplyContext) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, context: &ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context))
    }

    fn stream_observer(&self, context: &ReplyContext) -> Box<dyn StreamObserver> {
        Box::new(stream::Observer::new(context))
    }

    fn decode_error(&self, body: &[u8]) -> ErrorText {
        crate::pass::errors::probe_error(body)
    }

    fn is_own_error(&self, body: &[u8]) -> bool {
        error::is_own(body)
    }

    fn encode_error(&self, error: &ClientError, request_id: &str) -> Vec<u8> {
        error::encode(error, request_id)
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        crate::splice::TopLevel::scan(body).ok()?.unsigned("input_tokens")
    }

    fn encode_count(&self, tokens: u64) -> Option<Vec<u8>> {
        Some(format!(r#"{{"input_tokens":{tokens}}}"#).into_bytes())
    }
}

/// The model that a reply names: the one to show, else the provider's, else what the client asked for.
fn shown_model<'m>(context: &'m ReplyContext, provider: &'m str) -> Cow<'m, str> {
    Cow::Borrowed(match &context.shown_model {
        Some(shown) => shown,
        None if provider.is_empty() => &context.requested_model,
        None => provider,
    })
}
