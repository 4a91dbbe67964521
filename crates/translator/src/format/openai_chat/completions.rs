//! Legacy completions: one prompt in, text out. For clients only. Source: http-api.md A.3, A.4, A.5.

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};

use super::{ChatCodec, error, reply, usage};
use crate::codec::{
    Codec, CodecError, Encoded, ErrorText, Patch, Peek, Profile, ReplyContext, StreamDecoder, StreamEncoder,
    StreamObserver,
};
use crate::json::{Text, Writer, wire_struct};
use crate::model::{Delta, Event, Part, Request, Response, Role, Turn};
use crate::pass::finish::chat_reason;
use crate::splice::{Edits, TopLevel};

/// The codec of legacy completions.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CompletionsCodec;

wire_struct! { struct Prompt<'a> { prompt: &'a serde_json::value::RawValue = "prompt", echo: bool = "echo" } }

/// What stands in for an empty prompt. Source: http-api.md A.3.
const NOTHING: &str = "Complete this:";

fn unavailable(what: &str) -> CodecError {
    CodecError::inexpressible(format!("legacy completions are a client format: {what} is of no provider"))
}

impl Codec for CompletionsCodec {
    fn name(&self) -> &str {
        "openai-completions"
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        ChatCodec.peek(body)
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        // Everything but the prompt is said as in Chat Completions; the messages are the prompt.
        let top = TopLevel::scan(body)?;
        let without = Edits::new().remove("prompt").remove("echo").remove("logprobs").set("messages", "[]");
        let rest = without.apply(&Bytes::copy_from_slice(body))?;
        drop(top);
        let mut request = super::decode::request(&rest).map(owned)?;
        let wire: Prompt<'a> = serde_json::from_slice(body)?;
        let text = match wire.prompt {
            None => Text::plain(NOTHING),
            // An array of prompts goes as its JSON text.
            Some(raw) => Text::from_raw(raw).unwrap_or_else(|| Text::plain(raw.get())),
        };
        let text = if text.is_empty() { Text::plain(NOTHING) } else { text };
        let mut turn = Turn::new(Role::User, vec![Part::text(text)]);
        turn.plain = true;
        request.turns = vec![turn];
        request.source = "openai-completions";
        Ok(request)
    }

    fn encode_request(&self, _request: &Request<'_>, _profile: &Profile) -> Result<Encoded, CodecError> {
        Err(unavailable("a request"))
    }

    fn patch_request(&self, _body: &Bytes, _patch: &Patch) -> Result<Bytes, CodecError> {
        Err(unavailable("a request"))
    }

    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        ChatCodec.reply_context(request, context);
    }

    fn decode_reply<'a>(&self, _body: &'a [u8], _context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        Err(unavailable("a reply"))
    }

    fn encode_reply(&self, response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
        let mut w = Writer::new(Vec::with_capacity(512));
        w.begin_object();
        w.field_string("id", &reply::id(&response.id, context));
        w.field_string("object", "text_completion");
        w.field_signed("created", response.created.unwrap_or(context.created));
        w.field_string("model", reply::model(&response.model, context));
        w.key("choices");
        w.begin_array();
        for candidate in &response.candidates {
            w.begin_object();
            w.field_unsigned("index", u64::from(candidate.index));
            w.key("text");
            w.texts(candidate.parts.iter().filter_map(Part::as_text).map(Text::reborrow));
            w.field_raw("logprobs", "null");
            let reason = candidate.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
            w.field_string("finish_reason", chat_reason(reason));
            w.end_object();
        }
        w.end_array();
        if let Some(counts) = &response.usage {
            w.key("usage");
            usage::write(&mut w, counts);
        }
        w.end_object();
        w.into_bytes()
    }

    fn patch_reply(
        &self,
        _body: &Bytes,
        _context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
        Err(unavailable("a reply"))
    }

    fn stream_decoder(&self, context: &ReplyContext) -> Box<dyn StreamDecoder> {
        ChatCodec.stream_decoder(context)
    }

    fn stream_encoder(&self, context: &ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(TextEncoder {
            context: context.clone(),
            prefix: Vec::new(),
            usage: Usage::default(),
            over: false,
        })
    }

    fn stream_observer(&self, context: &ReplyContext) -> Box<dyn StreamObserver> {
        ChatCodec.stream_observer(context)
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

/// A request of which only what owns itself is kept: the body it was read from is ours and short-lived.
fn owned(request: Request<'_>) -> Request<'static> {
    use std::borrow::Cow;
    let raw = |value: Option<crate::json::Raw<'_>>| value.map(|raw| Cow::Owned(raw.into_owned()));
    let sampling = request.sampling;
    Request {
        model: Cow::Owned(request.model.into_owned()),
        sampling: crate::model::Sampling {
            temperature: raw(sampling.temperature),
            top_p: raw(sampling.top_p),
            top_k: raw(sampling.top_k),
            frequency_penalty: raw(sampling.frequency_penalty),
            presence_penalty: raw(sampling.presence_penalty),
            logit_bias: raw(sampling.logit_bias),
            seed: raw(sampling.seed),
            stop: sampling.stop.into_iter().map(Text::into_owned).collect(),
            candidates: sampling.candidates,
            ..crate::model::Sampling::default()
        },
        max_output: request.max_output,
        reasoning: request.reasoning,
        identity: crate::model::Identity {
            user: request.identity.user.map(Text::into_owned),
            ..crate::model::Identity::default()
        },
        stream: crate::model::StreamSpec {
            options: None,
            ..crate::model::StreamSpec {
                enabled: request.stream.enabled,
                include_usage: request.stream.include_usage,
                options: None,
            }
        },
        ..Request::default()
    }
}

/// Text chunks; those with neither text nor finish reason are left out, usage is kept.
struct TextEncoder {
    context: ReplyContext,
    prefix: Vec<u8>,
    usage: Usage,
    over: bool,
}

impl TextEncoder {
    fn chunk(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
        if self.prefix.is_empty() {
            self.start("", "", None);
        }
        out.extend_from_slice(&self.prefix);
        let mut w = Writer::new(std::mem::take(out));
        write(&mut w);
        *out = w.into_bytes();
        out.extend_from_slice(b"}\n\n");
    }

    fn start(&mut self, id: &str, model: &str, created: Option<i64>) {
        let mut w = Writer::new(b"data: ".to_vec());
        w.begin_object();
        w.field_string("id", &reply::id(id, &self.context));
        w.field_string("object", "text_completion");
        w.field_signed("created", created.unwrap_or(self.context.created));
        w.field_string("model", reply::model(model, &self.context));
        self.prefix = w.into_bytes();
        self.prefix.push(b',');
    }
}

fn text_choice(w: &mut Writer, index: u32, text: &Text<'_>, reason: Option<&str>) {
    w.key("choices");
    w.begin_array();
    w.begin_object();
    w.field_unsigned("index", u64::from(index));
    w.field_text("text", text);
    w.field_raw("logprobs", "null");
    w.key("finish_reason");
    match reason {
        Some(reason) => w.string(reason),
        None => w.null(),
    }
    w.end_object();
    w.end_array();
}

impl StreamEncoder for TextEncoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start.id, &start.model, start.created),
            Event::Delta { delta: Delta::Text(text), .. } => {
                self.chunk(out, |w| text_choice(w, 0, &text, None))
            }
            Event::Usage(counts) => self.usage.merge(&counts),
            Event::Finish { candidate, finish } => {
                let reason = chat_reason(finish.reason);
                self.chunk(out, |w| text_choice(w, candidate, &Text::default(), Some(reason)));
            }
            Event::End => {
                self.over = true;
                let counts = self.usage;
                if self.context.include_usage && !counts.is_empty() {
                    self.chunk(out, |w| {
                        w.field_raw("choices", "[]");
                        w.key("usage");
                        usage::write(w, &counts);
                    });
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
            _ => {}
        }
    }

    fn fail(&mut self, failure: &ClientError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&error::encode(failure));
            out.extend_from_slice(b"\n\n");
        }
    }
}
