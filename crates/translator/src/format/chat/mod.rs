//! OpenAI Chat Completions, as client and as provider, and legacy completions as a profile of it.
//!
//! Conversions are symmetric: what only this format can say stays in typed attachments, raw parts and extras, so that
//! a request or reply that goes through the canonical form and back keeps its meaning. Members nested in an object
//! that the model spells differently are kept as extras under a path (`tool.x`, `message.x`).
//!
//! What goes to a provider depends on its [`Profile`]. To a *strict* one (OpenAI itself) only documented members go:
//! the limit is `max_completion_tokens` (`max_tokens` is refused by its reasoning models), there is no `top_k`, no
//! `reasoning_content`, and images that a tool returned follow in a user message. To any other service the limit is
//! `max_tokens`, which every one knows, and the extensions that services share go along.
//! Source: translation.md A (columns CC), A.16, B; providers-b.md 6.

use std::borrow::Cow;
use std::cell::OnceCell;

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};

use crate::codec::{
    Codec, CodecError, CodecErrorKind, Encoded, ErrorText, Patch, Patched, Peek, Profile, ReplyContext,
    StreamDecoder, StreamEncoder, StreamObserver,
};
use crate::format::responses::ResponsesCodec;
use crate::json::Text;
use crate::loss::{Bearer, Rare, ReplyScope};
use crate::model::{Issuer, Media, MediaSource, Opaque, Request, Response, Tool};
use crate::pass::ids::generated_id;
use crate::pass::index::NameIndex;
use crate::pass::{media, portable};

mod call;
mod completions;
mod decode;
mod encode;
mod error;
mod patch;
mod peek;
mod reply;
mod scrub;
mod stream;
mod usage;
mod wire;

pub use completions::CompletionsCodec;

/// The name of the format.
const CHAT: &str = "openai";

/// The name of legacy completions.
const COMPLETIONS: &str = "openai-completions";

/// The codec of Chat Completions.
///
/// ```
/// use cliproxy_translator::{Codec, Profile, format::chat::ChatCodec};
/// let codec = ChatCodec::default();
/// let request = codec.decode_request(br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#)?;
/// let encoded = codec.encode_request(&request, &Profile::new("gpt-5", false))?;
/// assert_eq!(
///     encoded.body,
///     br#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"max_tokens":9}"#
/// );
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ChatCodec;

impl Codec for ChatCodec {
    fn name(&self) -> &str {
        CHAT
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        peek::peek(body)
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        match decode::request(body) {
            Err(error) if error.kind() == CodecErrorKind::OtherFormat => {
                ResponsesCodec::default().decode_request(body)
            }
            read => read,
        }
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        encode::request(request, profile)
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
        patch::request(body, patch)
    }

    fn own_name(&self, member: &str) -> Option<&'static str> {
        match member {
            "messages" => Some("messages"),
            "n" => Some("n"),
            _ => None,
        }
    }

    fn check_portable(&self, request: &Request<'_>, provider: &str) -> Result<(), CodecError> {
        // A request in Responses format may refer to what only its service keeps.
        let responses = ResponsesCodec::default();
        if request.source == responses.name() {
            return responses.check_portable(request, provider);
        }
        if provider == CHAT || provider.is_empty() {
            return Ok(());
        }
        portable::choice(request)?;
        portable::format(&request.extras, "response_format")
    }

    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        note_request(request, context);
    }

    fn keeps_state(&self) -> bool {
        false
    }

    fn decode_reply<'a>(&self, body: &'a [u8], _context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        reply::decode(body)
    }

    fn can_say(&self, rare: Rare<'_>, _scope: ReplyScope) -> bool {
        match rare {
            Rare::Thoughts | Rare::Chain | Rare::Call | Rare::CutCall | Rare::Candidate => true,
            // State has no slot but where Google's own endpoint has it.
            Rare::Signature(Bearer::Call, signature) => signature.issuer == Issuer::Gemini,
            Rare::Opaque(opaque) => is_audio(opaque),
            Rare::Media(media) => reply::image_url(media).is_some(),
            Rare::Citation(format, raw) => reply::annotation(format, raw, 0, 0).is_some(),
            Rare::Logprobs(_, raw) => reply::is_logprobs(raw),
            Rare::ServiceTier(tier) => is_tier(tier),
            Rare::Member(format, _) => format == CHAT,
            Rare::Event(format, name, _) => format == CHAT && name == "delta.audio",
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

    fn encode_error(&self, error: &ClientError, _request_id: &str) -> Vec<u8> {
        error::encode(error)
    }

    fn decode_count(&self, _body: &[u8]) -> Option<u64> {
        // The format has no such endpoint. Source: translation.md B86.
        None
    }

    fn encode_count(&self, _tokens: u64) -> Option<Vec<u8>> {
        None
    }
}

/// What the reply side must know of a request of this format.
fn note_request(request: &Request<'_>, context: &mut ReplyContext) {
    context.include_usage = request.stream.include_usage;
    context.custom_tools = custom_tools(&request.tools).map(str::to_owned).collect();
    if context.requested_model.is_empty() {
        context.requested_model = request.model.clone().into_owned();
    }
}

/// The names of the free-form tools. One that is declared both ways counts as a function (B11).
fn custom_tools<'t>(tools: &'t [Tool<'_>]) -> impl Iterator<Item = &'t str> {
    let named = |tool: &'t Tool<'_>| match tool {
        Tool::Function(function) => Some(&*function.name),
        Tool::Custom(_) | Tool::Builtin(_) => None,
    };
    let functions: OnceCell<NameIndex<'t>> = OnceCell::new();
    tools.iter().filter_map(move |tool| match tool {
        Tool::Custom(custom) => {
            let functions = functions.get_or_init(|| tools.iter().filter_map(named).collect());
            (!functions.has(&custom.name)).then_some(&*custom.name)
        }
        Tool::Function(_) | Tool::Builtin(_) => None,
    })
}

/// The model that a reply names: the one to show, else the provider's, else what the client asked for (B93).
fn shown_model<'m>(context: &'m ReplyContext, provider: &'m str) -> &'m str {
    match &context.shown_model {
        Some(shown) => shown,
        None if provider.is_empty() => &context.requested_model,
        None => provider,
    }
}

/// The provider's id, else one derived from the seed (B4a).
fn shown_id<'i>(prefix: &str, id: &'i str, context: &ReplyContext) -> Cow<'i, str> {
    match id.is_empty() {
        false => Cow::Borrowed(id),
        true => Cow::Owned(generated_id(prefix, &[&context.seed])),
    }
}

/// Whether a service tier has a meaning in this format; those of other formats have other words (B88).
fn is_tier(tier: &Text<'_>) -> bool {
    matches!(&*tier.decoded(), "auto" | "default" | "flex" | "scale" | "priority" | "fast")
}

/// Whether a part is what a model said aloud, as this format has it.
fn is_audio(opaque: &Opaque<'_>) -> bool {
    opaque.format == CHAT && opaque.kind == "audio"
}

/// A medium as a URL: its own, or a data URL. `None` when its bytes are elsewhere.
fn data_url<'m>(media: &'m Media<'_>) -> Option<Text<'m>> {
    match &media.source {
        MediaSource::Url(url) => Some(url.reborrow()),
        MediaSource::Base64 { mime, data } => Some(Text::plain(media::data_url(mime, &data.decoded()))),
        MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Parts(_) => None,
    }
}
