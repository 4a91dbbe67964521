//! Streams of third parties that do not end well. The client reads one end, in its own format, behind all that was said.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, ClientFormat, ProviderFormat};
use cliproxy_translator::model::StreamError;
use cliproxy_translator::registry::{
    Exchange, Registry, RequestCall, RequestTransform, ResponseEnvelope, ResponseMiddleware, ResponseStream,
    ResponseStreamTransform, ResponseTransforms, StreamPipe, TranslationHooks,
};
use cliproxy_translator::{CodecError, Profile, ReplyContext, StreamFrame, StreamSeen};

const STRANGER: ProviderFormat = ProviderFormat::from_static("stranger");

/// What a pair does with a frame, or with the end.
#[derive(Clone, Copy, Debug)]
enum Step {
    Says(&'static str),
    /// Says this, and then cannot go on.
    Breaks(&'static str),
    /// Says this, and reports an error.
    Reports(&'static str),
}

use Step::{Breaks, Reports, Says};

/// A pair that does one step after another.
#[derive(Clone, Debug)]
struct Scripted(Vec<Step>);

impl RequestTransform for Scripted {
    fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
        Ok(call.body.clone())
    }
}

impl ResponseStreamTransform for Scripted {
    fn begin(&self, _exchange: &Exchange) -> Box<dyn ResponseStream> {
        Box::new(Playing { steps: self.0.clone().into(), seen: StreamSeen::default() })
    }
}

struct Playing {
    steps: VecDeque<Step>,
    seen: StreamSeen,
}

impl Playing {
    fn step(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let (Says(text) | Breaks(text) | Reports(text)) = self.steps.front().copied().unwrap();
        out.extend_from_slice(text.as_bytes());
        self.seen.semantic |= !text.is_empty();
        match self.steps.pop_front().unwrap() {
            Says(_) => {}
            Breaks(_) => return Err(CodecError::protocol("it broke")),
            Reports(_) => {
                let message = "the provider's words".into();
                self.seen.error = Some(StreamError { message, ..StreamError::default() });
            }
        }
        Ok(())
    }
}

impl ResponseStream for Playing {
    fn push(&mut self, _frame: StreamFrame<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.step(out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.step(out)
    }

    fn seen(&self) -> Option<&StreamSeen> {
        Some(&self.seen)
    }
}

fn with_pair(client: &str, steps: &[Step]) -> Registry {
    let pair = Scripted(steps.to_vec());
    let mut registry = Registry::with_builtin();
    registry.register(
        ClientFormat::from(client.to_owned()),
        STRANGER,
        Some(Arc::new(pair.clone())),
        ResponseTransforms::none().with_stream(Arc::new(pair)),
    );
    registry
}

fn pipe(registry: &Registry, client: &str) -> StreamPipe {
    let client = ClientFormat::from(client.to_owned());
    let provider = STRANGER;
    let (body, profile) = (Bytes::from_static(br#"{"model":"m"}"#), Profile::new("m", true));
    let call = RequestCall::new(&client, &provider, &body, &profile);
    let translated = registry.translate_request(&call, ReplyContext::new("m", "seed")).unwrap();
    registry.stream(translated.exchange).unwrap()
}

/// As many frames as that, at once.
fn frames(count: usize) -> Bytes {
    Bytes::from("data: x\n\n".repeat(count))
}

fn gone() -> ClientError {
    ClientError::new(ClientErrorKind::BadGateway, "gone")
}

/// What the client reads of a stream of one frame that is failed, twice over, from outside.
fn failed(registry: &Registry, client: &str) -> String {
    let mut pipe = pipe(registry, client);
    let mut out = Vec::new();
    pipe.push(&frames(1), &mut out).unwrap();
    pipe.fail(&gone(), &mut out);
    pipe.fail(&gone(), &mut out);
    String::from_utf8(out).unwrap()
}

const CLAUDE_DELTA: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n";
const CLAUDE_GONE: &str =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"gone\"}}\n\n";
const CHAT_CHUNK: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
const CHAT_GONE: &str = "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\",\"param\":null,\"code\":\"internal_server_error\"}}\n\n";
const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_theirs\",\"object\":\"response\",\"created_at\":1,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\n";
const GEMINI_CHUNK: &str =
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n";

#[test]
fn b77_a_stranger_s_stream_that_fails_ends_in_the_client_s_own_format() {
    for (client, begun, end) in [
        ("claude", CLAUDE_DELTA, CLAUDE_GONE),
        ("openai", CHAT_CHUNK, CHAT_GONE),
        (
            "gemini",
            GEMINI_CHUNK,
            "data: {\"error\":{\"code\":502,\"message\":\"gone\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
        // Nobody knows how clients of this format are told.
        (
            "unheard-of",
            "data: Hi\n\n",
            "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\"}}\n\n",
        ),
    ] {
        assert_eq!(failed(&with_pair(client, &[Says(begun)]), client), format!("{begun}{end}"), "{client}");
    }
}

#[test]
fn b77_the_end_of_a_stranger_s_response_goes_on_where_it_was() {
    let told = failed(&with_pair("openai-response", &[Says(CREATED)]), "openai-response");
    let end = told.strip_prefix(CREATED).unwrap();
    assert_eq!(end.matches("event: ").count(), 1, "{end}");
    for part in ["event: response.failed\n", "\"sequence_number\":1,", "\"id\":\"resp_theirs\"", "\"gone\""] {
        assert!(end.contains(part), "{part}: {end}");
    }
}

/// Translates what nothing else does.
#[derive(Debug)]
struct Plugin;

impl TranslationHooks for Plugin {
    fn translate_request(&self, _call: &RequestCall<'_>, body: &Bytes) -> Option<Bytes> {
        Some(body.clone())
    }

    fn translate_response(&self, _exchange: &Exchange, _body: &Bytes) -> Option<Bytes> {
        Some(Bytes::from_static(br#"{"type":"ping"}"#))
    }
}

#[test]
fn b77_a_stream_that_hooks_translate_fails_in_the_client_s_own_format() {
    let mut registry = Registry::with_builtin();
    registry.set_hooks(Some(Arc::new(Plugin)));
    assert_eq!(failed(&registry, "claude"), format!("data: {{\"type\":\"ping\"}}\n\n{CLAUDE_GONE}"));
}

#[test]
fn b68_nothing_is_said_behind_an_end_that_a_stranger_wrote() {
    let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    assert_eq!(failed(&with_pair("claude", &[Says(stop)]), "claude"), stop);
    let done = "data: [DONE]\n\n";
    assert_eq!(failed(&with_pair("openai", &[Says(done)]), "openai"), done);
}

#[test]
fn b77_an_error_that_a_pair_reports_is_told_once() {
    let own = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"theirs\"}}\n\n";
    for (reports, told) in [
        // Left to whoever ends the stream, as it should be.
        ("", CLAUDE_GONE),
        (CLAUDE_DELTA, CLAUDE_GONE),
        // Written by the pair: that was the end.
        (own, ""),
    ] {
        let registry = with_pair("claude", &[Reports(reports), Says(CLAUDE_DELTA), Says(CLAUDE_DELTA)]);
        let mut pipe = pipe(&registry, "claude");
        let mut out = Vec::new();
        pipe.push(&frames(2), &mut out).unwrap();
        pipe.finish(&mut out).unwrap();
        assert_eq!(std::str::from_utf8(&out).unwrap(), reports, "nothing follows an error");
        assert_eq!(pipe.seen().error.as_ref().unwrap().message, "the provider's words");
        pipe.fail(&gone(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{reports}{told}"));
    }
}

/// Marks what the client gets.
#[derive(Debug)]
struct Mark;

impl ResponseMiddleware for Mark {
    fn handle(
        &self,
        envelope: ResponseEnvelope,
        next: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
    ) -> Result<ResponseEnvelope, CodecError> {
        let mut envelope = next(envelope)?;
        envelope.body = Bytes::from([&envelope.body[..], b"+"].concat());
        Ok(envelope)
    }
}

impl TranslationHooks for Mark {
    fn normalize_response_after(&self, _exchange: &Exchange, body: Bytes) -> Bytes {
        Bytes::from([&body[..], b"!"].concat())
    }
}

#[test]
fn what_was_said_before_a_stream_broke_goes_out_whoever_looks_at_it() {
    let registries = |steps: &[Step]| {
        let plain = with_pair("claude", steps);
        let (mut wrapped, mut hooked) = (plain.clone(), plain.clone());
        wrapped.use_response(Arc::new(Mark));
        hooked.set_hooks(Some(Arc::new(Mark)));
        [(plain, ""), (wrapped, "+"), (hooked, "!")]
    };
    // In the middle.
    for (registry, mark) in registries(&[Says("one;"), Breaks("two;"), Says("three;")]) {
        let (mut pipe, mut out) = (pipe(&registry, "claude"), Vec::new());
        assert_eq!(pipe.push(&frames(3), &mut out).unwrap_err().to_string(), "it broke");
        assert_eq!(String::from_utf8(out).unwrap(), format!("one;{mark}two;{mark}"), "{mark}");
    }
    // At the end.
    for (registry, mark) in registries(&[Says("one;"), Breaks("held back;")]) {
        let (mut pipe, mut out) = (pipe(&registry, "claude"), Vec::new());
        pipe.push(&frames(1), &mut out).unwrap();
        assert_eq!(pipe.finish(&mut out).unwrap_err().to_string(), "it broke");
        assert_eq!(String::from_utf8(out).unwrap(), format!("one;{mark}held back;{mark}"), "{mark}");
    }
    // A failure with nothing before it says nothing.
    for (registry, mark) in registries(&[Breaks("")]) {
        let (mut pipe, mut out) = (pipe(&registry, "claude"), Vec::new());
        pipe.push(&frames(1), &mut out).unwrap_err();
        assert!(out.is_empty(), "{mark}");
    }
}
