//! OpenAI Responses, as client and as provider, and Codex as a dialect of it.
//!
//! Bytes of one dialect pass to the other: [`Codec::family`] is the same, and what Codex demands of a request is
//! spliced into it (`codex`). Everything else goes through the canonical form. Items that only this format has stay
//! whole: as server parts (web searches) or opaque ones, which go back into this family only.
//!
//! A tool in a namespace is known by its qualified name outside of this format (`ns__name`); its own name and its
//! namespace ride along and come back in the reply. Source: translation.md A (columns RS, CX), A.15, B9, B65 to B67.

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};

use crate::codec::{
    Codec, CodecError, Encoded, ErrorText, Patch, Patched, Peek, Profile, ReplyContext, StreamDecoder,
    StreamEncoder, StreamObserver,
};
use crate::loss::{Bearer, Rare, ReplyScope};
use crate::model::{MediaSource, Request, Response};
use crate::pass::searches;

mod carrier;
mod codex;
mod decode;
mod echo;
mod encode;
mod error;
mod ids;
mod patch;
mod peek;
mod reply;
mod scrub;
mod stream;
mod usage;
mod wire;

pub use echo::RequestEcho;

/// The name of the format.
pub(super) const RESPONSES: &str = "openai-response";

/// The name of its dialect.
const CODEX: &str = "codex";

/// Whether a format is this one or its dialect.
fn is_family(format: &str) -> bool {
    format == RESPONSES || format == CODEX
}

/// Which dialect of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Dialect {
    /// As OpenAI's API documents it.
    #[default]
    Responses,
    /// What the Codex backend takes of it.
    Codex,
}

/// The codec of Responses, and of its dialect Codex.
///
/// ```
/// use cliproxy_translator::{Codec, Profile, format::responses::ResponsesCodec};
/// let codec = ResponsesCodec::default();
/// let request = codec.decode_request(br#"{"model":"m","input":"hi","max_output_tokens":99}"#)?;
/// let encoded = codec.encode_request(&request, &Profile::new("gpt-5", false))?;
/// assert_eq!(encoded.body, br#"{"model":"gpt-5","input":"hi","max_output_tokens":99}"#);
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponsesCodec {
    dialect: Dialect,
}

impl ResponsesCodec {
    /// The codec of the dialect that the Codex backend speaks.
    #[must_use]
    pub fn codex() -> Self {
        Self { dialect: Dialect::Codex }
    }
}

impl Codec for ResponsesCodec {
    fn name(&self) -> &str {
        match self.dialect {
            Dialect::Responses => RESPONSES,
            Dialect::Codex => CODEX,
        }
    }

    fn family(&self) -> &str {
        RESPONSES
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        peek::peek(body)
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        decode::request(body)
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        encode::request(request, profile, self.dialect)
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
        match self.dialect {
            Dialect::Responses => patch::request(body, patch),
            Dialect::Codex => codex::request(body, patch),
        }
    }

    fn own_name(&self, member: &str) -> Option<&'static str> {
        match member {
            "messages" => Some("input"),
            _ => None,
        }
    }

    fn check_portable(&self, request: &Request<'_>, provider: &str) -> Result<(), CodecError> {
        peek::check_portable(request, provider)
    }

    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        echo::note_request(request, context);
    }

    fn decode_reply<'a>(&self, body: &'a [u8], _context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        reply::decode(body)
    }

    fn can_say(&self, rare: Rare<'_>, scope: ReplyScope) -> bool {
        match rare {
            Rare::Thoughts | Rare::Chain | Rare::Redacted | Rare::Call | Rare::CutCall | Rare::Candidate => {
                true
            }
            // The state of texts and calls follows in an item of its own.
            Rare::Signature(bearer, signature) => bearer == Bearer::Thought || stream::is_carried(signature),
            Rare::Server(part) => {
                is_family(part.format) || scope.searches_web && searches::told(part).is_some()
            }
            Rare::Opaque(part) => is_family(part.format),
            Rare::Media(media) => {
                matches!(&media.source, MediaSource::Base64 { mime, .. } if mime.starts_with("image/"))
            }
            Rare::Citation(_, raw) => reply::annotation(raw, 0, 0).is_some(),
            Rare::Logprobs(_, raw) => !reply::tokens(&std::borrow::Cow::Borrowed(raw)).is_empty(),
            Rare::ServiceTier(tier) => is_tier(&tier.decoded()),
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
        Box::new(stream::Observer::new(context, self.dialect))
    }

    fn decode_error(&self, body: &[u8]) -> ErrorText {
        error::said(body)
    }

    fn is_own_error(&self, body: &[u8]) -> bool {
        error::is_own(body)
    }

    fn encode_error(&self, error: &ClientError, _request_id: &str) -> Vec<u8> {
        error::encode(error)
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        crate::splice::TopLevel::scan(body).ok()?.unsigned("input_tokens")
    }

    fn encode_count(&self, tokens: u64) -> Option<Vec<u8>> {
        // Source: Responses API reference, "Get input token counts".
        Some(format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#).into_bytes())
    }
}

/// The model that a reply names: the one to show, else the provider's, else what the client asked for (B93).
fn shown_model<'m>(context: &'m ReplyContext, provider: &'m str) -> &'m str {
    match &context.shown_model {
        Some(shown) => shown,
        None if provider.is_empty() => &context.requested_model,
        None => provider,
    }
}

/// Whether a service tier has a meaning in this format; those of other formats have other words (B88).
fn is_tier(tier: &str) -> bool {
    matches!(tier, "auto" | "default" | "flex" | "scale" | "priority" | "fast")
}
