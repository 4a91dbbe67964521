//! Gemini generateContent, as client and as provider, and its dialects as profiles of it.
//!
//! The model and the wish for a stream stand in the URL, not in the body. Every member is read in both spellings,
//! `camelCase` and `snake_case`, and written in the first. What only this format can say stays in typed attachments,
//! raw parts and extras, so that Gemini → canonical → Gemini keeps its meaning; members nested in an object that the
//! model spells differently are kept as extras under a path (`generationConfig.x`, `functionCall.x`).
//!
//! Streams are written as server-sent events. For clients that did not ask for `alt=sse`, the edge turns them into one
//! JSON array with [`JsonArrayFramer`](crate::framing::JsonArrayFramer).
//! Source: translation.md A (columns GE), B; providers-a.md 4 to 6; http-api.md A.6, A.7.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};

use crate::aggregate::GROUNDING;
use crate::codec::{
    Codec, CodecError, Encoded, ErrorText, Patch, Patched, Peek, Profile, ReplyContext, StreamDecoder,
    StreamEncoder, StreamObserver,
};
use crate::json::Text;
use crate::loss::{Rare, ReplyScope};
use crate::model::{MediaSource, Request, Response};
use crate::pass::ids::generated_id;
use crate::splice::TopLevel;

mod carrier;
mod decode;
mod dialect;
mod encode;
mod error;
mod grounding;
mod hygiene;
mod invented;
mod patch;
mod peek;
mod reply;
mod stream;
mod usage;
mod wire;

use dialect::Dialect;

/// The name of the format.
const GEMINI: &str = "gemini";

/// The codec of generateContent.
///
/// ```
/// use cliproxy_translator::{Codec, Profile, format::gemini::GeminiCodec};
/// let codec = GeminiCodec::default();
/// let request = codec.decode_request(br#"{"contents":[{"parts":[{"text":"hi"}]}],"system_instruction":"be brief"}"#)?;
/// let encoded = codec.encode_request(&request, &Profile::new("gemini-3-flash-preview", false))?;
/// assert_eq!(
///     encoded.body,
///     br#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"systemInstruction":{"parts":[{"text":"be brief"}]}}"#
/// );
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GeminiCodec {
    dialect: Dialect,
}

impl GeminiCodec {
    /// The dialect of Google's Code Assist, which Gemini CLI speaks: an envelope around the same requests and replies.
    #[must_use]
    pub fn cli() -> Self {
        Self { dialect: Dialect::Cli }
    }

    /// The dialect of Antigravity: the same envelope with more in it, and Claude's and GPT's models behind it.
    #[must_use]
    pub fn antigravity() -> Self {
        Self { dialect: Dialect::Antigravity }
    }
}

impl Codec for GeminiCodec {
    fn name(&self) -> &str {
        self.dialect.name()
    }

    // Source: google-genai 3.6.1 for Python, `_api_client.py`, `_iter_response_stream`: it skips empty lines and takes any
    // other for JSON.
    fn skips_comments(&self) -> bool {
        false
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        peek::peek(body, self.dialect)
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        decode::request(body, self.dialect)
    }

    fn own_name(&self, member: &str) -> Option<&'static str> {
        match (member, self.dialect.wraps()) {
            ("messages", false) => Some("contents"),
            ("messages", true) => Some("request.contents"),
            ("n", false) => Some("generationConfig.candidateCount"),
            ("n", true) => Some("request.generationConfig.candidateCount"),
            _ => None,
        }
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        encode::request(request, profile, self.dialect)
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
        patch::request(body, patch, self.dialect)
    }

    fn check_portable(&self, request: &Request<'_>, provider: &str) -> Result<(), CodecError> {
        peek::check_portable(request, provider, self.dialect)
    }

    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        // Gemini streams always tell their usage.
        context.include_usage = true;
        if context.requested_model.is_empty() {
            context.requested_model = request.model.clone().into_owned();
        }
    }

    fn decode_reply<'a>(&self, body: &'a [u8], context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        reply::decode(body, &context.invented)
    }

    fn can_say(&self, rare: Rare<'_>, scope: ReplyScope) -> bool {
        match rare {
            Rare::Thoughts | Rare::Signature(..) | Rare::Call | Rare::Candidate => true,
            Rare::FinishWord(word) => reply::is_own_word(word),
            Rare::Server(part) => dialect::is_family(part.format) || grounding::is_search(part),
            Rare::Opaque(opaque) => dialect::is_family(opaque.format),
            Rare::Media(media) => !matches!(media.source, MediaSource::Parts(_)),
            // They are made of what the reply was grounded on, which goes along.
            Rare::Citation(format, _) | Rare::Member(format, _) => dialect::is_family(format),
            Rare::PartMember(_, format, key) => dialect::is_family(format) && !key.contains("Data."),
            Rare::Logprobs(_, raw) if scope.stream => reply::is_logprobs(raw),
            Rare::Logprobs(format, _) => dialect::is_family(format),
            Rare::Event(format, name, _) => dialect::is_family(format) && name == GROUNDING,
            _ => false,
        }
    }

    fn encode_reply(&self, response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
        reply::encode(response, context, self.dialect)
    }

    fn patch_reply(
        &self,
        body: &Bytes,
        context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
        patch::reply(body, context)
    }

    fn stream_decoder(&self, context: &ReplyContext) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new(&context.invented))
    }

    fn stream_encoder(&self, context: &ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context, self.dialect))
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

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        let top = TopLevel::scan(body).ok()?;
        top.unsigned("totalTokens").or_else(|| top.object("response")?.unsigned("totalTokens"))
    }

    fn encode_count(&self, tokens: u64) -> Option<Vec<u8>> {
        // Source: translation.md B86, F48.
        let details = format!(r#"[{{"modality":"TEXT","tokenCount":{tokens}}}]"#);
        Some(format!(r#"{{"totalTokens":{tokens},"promptTokensDetails":{details}}}"#).into_bytes())
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

/// The provider's id, else one derived from the seed (B4a).
fn shown_id<'i>(id: &'i str, context: &ReplyContext) -> Cow<'i, str> {
    match id.is_empty() {
        false => Cow::Borrowed(id),
        true => Cow::Owned(generated_id("", &[&context.seed])),
    }
}

/// The id of a call: its own, else one derived from its place (B4).
fn call_id<'i>(id: &'i Text<'_>, context: &ReplyContext, candidate: u32, number: u32) -> Cow<'i, str> {
    match id.is_empty() {
        false => id.decoded(),
        true => {
            Cow::Owned(generated_id("call_", &[&context.seed, &candidate.to_string(), &number.to_string()]))
        }
    }
}
