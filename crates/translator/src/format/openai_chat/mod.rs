//! OpenAI Chat Completions, as client and as provider, and legacy completions as a profile of it.
//! Source: translation.md A (columns CC), B; http-api.md A.3 to A.5, A.8.

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};

use crate::codec::{
    Codec, CodecError, Encoded, ErrorText, Patch, Peek, Profile, ReplyContext, StreamDecoder, StreamEncoder,
    StreamObserver,
};
use crate::model::{Request, Response, Tool};
use crate::pass::reasoning::resolve;
use crate::splice::{Edits, TopLevel};

mod completions;
mod decode;
mod encode;
mod error;
mod media;
mod reply;
mod stream;
mod usage;
mod wire;

pub use completions::CompletionsCodec;

/// The name of the format.
const NAME: &str = "openai";

/// The codec of OpenAI Chat Completions.
///
/// ```
/// use cliproxy_translator::{Codec, Profile, format::openai_chat::ChatCodec};
/// let request = ChatCodec::default().decode_request(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#)?;
/// let encoded = ChatCodec::default().encode_request(&request, &Profile::new("gpt-5", false))?;
/// assert_eq!(encoded.body, br#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#);
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ChatCodec;

impl Codec for ChatCodec {
    fn name(&self) -> &str {
        NAME
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        let top = TopLevel::scan(body)?;
        let session = ["session_id", "sessionId", "conversation_id"]
            .into_iter()
            .find_map(|key| top.string(key).ok().flatten().filter(|text| !text.is_empty()));
        // Streaming only for the literal `true`. Source: http-api.md A.3.
        Ok(Peek { stream: top.value("stream") == Some(b"true"), session, ..top.peek()? })
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        decode::request(body)
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        encode::request(request, profile)
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Bytes, CodecError> {
        let mut edits = Edits::new();
        if let Some(model) = &patch.model {
            edits = edits.set_string("model", model);
        }
        let top = TopLevel::scan(body)?;
        if let Some(stream) = patch.stream
            && (top.value("stream") == Some(b"true")) != stream
        {
            edits = edits.set("stream", if stream { "true" } else { "false" });
        }
        if patch.include_usage {
            let options =
                top.raw("stream_options")?.filter(|options| options.starts_with('{')).unwrap_or("{}");
            edits = edits.set(
                "stream_options",
                Edits::new().set("include_usage", "true").apply_str(options)?.into_owned(),
            );
        }
        if let Some(control) = &patch.reasoning
            && let Some(effort) = resolve(control, false, patch.info.as_deref())?.as_effort()
        {
            edits = edits.set_string("reasoning_effort", effort);
        }
        edits.apply(body)
    }

    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        context.include_usage = request.stream.include_usage;
        context.custom_tools = request
            .tools
            .iter()
            .filter_map(|tool| match tool {
                Tool::Custom(tool) => Some(tool.name.to_string()),
                _ => None,
            })
            .collect();
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
        reply::patch(body, context)
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
        error::decode(body)
    }

    fn is_own_error(&self, body: &[u8]) -> bool {
        error::is_own(body)
    }

    fn encode_error(&self, failure: &ClientError, _request_id: &str) -> Vec<u8> {
        error::encode(failure)
    }

    fn decode_count(&self, _body: &[u8]) -> Option<u64> {
        None
    }

    fn encode_count(&self, _tokens: u64) -> Option<Vec<u8>> {
        None
    }
}
