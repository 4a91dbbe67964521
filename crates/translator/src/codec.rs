//! The trait behind every wire format, and what passes through it.
//!
//! A codec is sans-IO and stateless; the state of a stream lives in the decoder, encoder or observer it makes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, ModelInfo, Outline, Usage};

use crate::format::responses::RequestEcho;
use crate::frame::StreamFrame;
use crate::invented::Invented;
use crate::loss::{Loss, Rare, ReplyScope};
use crate::model::{Event, ReasoningControl, Request, Response, StreamError};
use crate::names::NameMap;
use crate::pass::recall::Digest;
use crate::splice::TopLevel;

/// A body could not be read in its format, or a request cannot be said in the target's.
///
/// One pointer wide: every step of a scan hands one on, or nearly always does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct CodecError(Box<Told>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    kind: CodecErrorKind,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
}

/// Whose fault a [`CodecError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecErrorKind {
    /// The text is not JSON, not UTF-8, or a member has the wrong type.
    Malformed,
    /// The request is well-formed but cannot be said in the target format.
    Inexpressible,
    /// The stream broke the rules of its format.
    Protocol,
    /// The body is in another format, which the codec reads too: it cannot pass through as it is.
    OtherFormat,
}

impl CodecError {
    /// An error told in one lower-case clause with the path of the member at fault.
    #[must_use]
    pub fn new(kind: CodecErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Told { kind, message: message.into(), param: None, code: None }))
    }

    /// The text is not what the format says.
    #[must_use]
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(CodecErrorKind::Malformed, message)
    }

    /// The target cannot say this.
    #[must_use]
    pub fn inexpressible(message: impl Into<String>) -> Self {
        Self::new(CodecErrorKind::Inexpressible, message)
    }

    /// The stream broke the rules.
    #[must_use]
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(CodecErrorKind::Protocol, message)
    }

    /// Names the member at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// What the mistake is called, for programs.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    /// The same in the words of a client of this format: encoders name what they cannot say as the canonical model does,
    /// and a client has to find it in its own request. Without the member, where its format has none of that meaning.
    #[must_use]
    pub fn told_to(mut self, client: &dyn Codec) -> Self {
        if self.0.kind == CodecErrorKind::Inexpressible {
            self.0.param = self.0.param.and_then(|member| client.own_name(&member)).map(str::to_owned);
        }
        self
    }

    /// The same, about this member.
    pub(crate) fn of_member(mut self, member: &str) -> Self {
        self.0.message = format!("{member}: {}", self.0.message);
        self.with_param(member)
    }

    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> CodecErrorKind {
        self.0.kind
    }

    /// The member at fault.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// What the mistake is called, for programs.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.0.code
    }
}

impl From<serde_json::Error> for CodecError {
    fn from(error: serde_json::Error) -> Self {
        Self::malformed(error.to_string())
    }
}

/// How a format frames its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// AWS event-stream frames.
    EventStream,
}

/// What the edge has to know of a body before anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peek<'a> {
    /// The model; empty when absent (formats that name it in the URL).
    pub model: Cow<'a, str>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Something in the body that names the conversation (Claude `metadata.user_id`'s session part, a session id).
    pub session: Option<Cow<'a, str>>,
    /// `prompt_cache_key`: a weaker name of the conversation.
    pub cache_key: Option<Cow<'a, str>>,
    /// The members that were found on the way, for those who edit the body later: see [`Patch::outline`].
    pub top: Option<TopLevel<'a>>,
}

/// What an encoder must know of its target.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Profile {
    /// The model in the provider's words.
    pub model: String,
    /// Whether a stream is wanted from the provider.
    pub stream: bool,
    /// What is known of the model.
    pub info: Option<Arc<ModelInfo>>,
    /// The provider accepts `reasoning_content` and unsigned thinking back (Kimi, DeepSeek, "compat" mode; B36).
    pub keeps_reasoning_text: bool,
    /// The provider is a strict first party: vendor extensions outside its documented format are not sent.
    pub strict: bool,
    /// The provider refuses ids of calls that are longer than 40 characters, as OpenAI's own Chat Completions does.
    pub short_call_ids: bool,
    /// The model takes `system` messages inside the conversation (newest Claude; B25, F47).
    pub inline_system: bool,
    /// The provider understands `role: developer` (OpenAI proper).
    pub developer_role: bool,
    /// The model takes sampling parameters with reasoning (Claude up to Opus 4.6; F7).
    pub sampling: bool,
    /// The model goes on with words that the client puts into its mouth (Claude before 4.6; B27a).
    pub prefill: bool,
    /// The provider takes a router's `reasoning{effort, enabled, exclude}`, which can say whether thoughts are shown
    /// (OpenRouter; A.5, A.10, E622).
    pub reasoning_object: bool,
    /// About how many bytes the request will have, where that is known: as many as the client's. Room is made at once.
    pub size_hint: usize,
}

impl Profile {
    /// A lenient target that takes sampling parameters and goes on with its own words.
    #[must_use]
    pub fn new(model: impl Into<String>, stream: bool) -> Self {
        Self {
            model: model.into(),
            stream,
            sampling: true,
            developer_role: true,
            prefill: true,
            ..Self::default()
        }
    }

    /// Where a request is written. Translations differ little in size from what they translate.
    pub(crate) fn room(&self) -> Vec<u8> {
        Vec::with_capacity(self.size_hint + self.size_hint / 16 + 4096)
    }
}

/// A body that passed through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patched {
    /// The body: the same buffer where nothing had to change.
    pub body: Bytes,
    /// What had to be taken out of it.
    pub losses: Vec<Loss>,
}

impl Patched {
    /// A body of which nothing was lost.
    #[must_use]
    pub fn whole(body: Bytes) -> Self {
        Self { body, losses: Vec::new() }
    }

    /// With what was taken out.
    #[must_use]
    pub fn with_losses(mut self, losses: Vec<Loss>) -> Self {
        self.losses = losses;
        self
    }
}

/// A request in the target format.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// The body.
    pub body: Vec<u8>,
    /// The tool names as they went over the wire, to be reversed in the reply.
    pub names: NameMap,
    /// What had to be dropped.
    pub losses: Vec<Loss>,
    /// Arguments that tools were given for the provider's sake, to be taken out of its calls.
    pub invented: Vec<Invented>,
    /// About how many tokens the prompt is, where the provider may not say.
    pub prompt_estimate: Option<u64>,
}

/// What the reply side has to know of its request. Built once per request and attempt; owns everything, so that a
/// stream does not pin the body.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReplyContext {
    /// The model that the reply names in place of the provider's; `None` leaves the provider's.
    pub shown_model: Option<String>,
    /// The model the client asked for, for formats that must name one when the provider gave none.
    pub requested_model: String,
    /// Whether the client asked for usage in the stream.
    pub include_usage: bool,
    /// The names of tools the client declared as free-form (custom) tools (B10).
    pub custom_tools: Vec<String>,
    /// Tool names as they went over the wire.
    pub names: NameMap,
    /// When the request came in, in Unix seconds: `created` when the provider gives none.
    pub created: i64,
    /// What ids are derived from when the provider gives none: deterministic, no clock, no counter (B4a).
    pub seed: String,
    /// The text of the prompt, for legacy completions with `echo`.
    pub echo: Option<String>,
    /// Arguments that the provider's calls have and the client's tools do not (F41).
    pub invented: Vec<Invented>,
    /// The client's tools search the web at the provider: it understands the blocks that tell of a search (B85).
    pub searches_web: bool,
    /// Which of the declared names stand for a tool inside a namespace (B9).
    pub namespaces: HashMap<String, ToolPath>,
    /// The only declared tool, when it is a free-form one: what a call without a name means (E181).
    pub only_custom: Option<String>,
    /// The members of the request that a Responses object repeats (B67).
    pub request_echo: Option<RequestEcho>,
    /// How many tokens the model's context holds, for providers that tell usage as a part of it.
    pub context_length: Option<u64>,
    /// About how many tokens the prompt is, for providers whose replies may not count them.
    pub prompt_estimate: Option<u64>,
    /// What the last thing that the user said is known by, where state is remembered for a client that drops it.
    pub question: Option<Digest>,
}

/// A tool inside a namespace. Source: translation.md B9.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolPath {
    /// The namespace.
    pub namespace: String,
    /// The tool's name inside it.
    pub name: String,
}

impl ReplyContext {
    /// A context for a model, with nothing special.
    #[must_use]
    pub fn new(requested_model: impl Into<String>, seed: impl Into<String>) -> Self {
        Self { requested_model: requested_model.into(), seed: seed.into(), ..Self::default() }
    }
}

/// What must change in a body that passes through. Source: translation.md C.10 rule 2.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Patch {
    /// The model to name.
    pub model: Option<String>,
    /// Whether the provider streams; replaces or adds the member.
    pub stream: Option<bool>,
    /// Ask for usage in the stream (Chat Completions).
    pub include_usage: bool,
    /// A reasoning control from the model's suffix: beats the body.
    pub reasoning: Option<ReasoningControl>,
    /// What is known of the model.
    pub info: Option<Arc<ModelInfo>>,
    /// The provider takes no thoughts back (Chat Completions, `reasoning_content`): it refuses requests that have some.
    pub refuses_thoughts: bool,
    /// The provider takes back thoughts that nobody signed (Claude Messages), whatever its model is called.
    pub keeps_reasoning_text: bool,
    /// The conversation is to be compacted, not continued (Responses): nothing about streams goes along.
    pub compact: bool,
    /// Which opaque state of earlier turns goes along; all of it without one.
    pub gate: Option<Arc<dyn StateGate>>,
    /// Where the members of the body stand, if somebody has scanned it: [`TopLevel::of`] takes it.
    pub outline: Option<Outline>,
}

/// Decides about opaque state of earlier turns (signatures, encrypted and redacted thoughts) on its way to a provider:
/// what the provider refused stays here. Source: translation.md B30.
pub trait StateGate: fmt::Debug + Send + Sync + 'static {
    /// Whether this state goes along. Asked for each once, in the order of the conversation. It must not keep the value
    /// itself.
    fn passes(&self, state: &str) -> bool;

    /// Whether a provider refused this request just now, and nothing passes.
    fn passes_nothing(&self) -> bool {
        false
    }
}

/// What a pass-through observer says of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// Pass it on as it is.
    Pass,
    /// Pass on this instead: a whole frame, framing included.
    Replace(Bytes),
    /// Keep it from the client.
    Drop,
}

/// Watches a stream that passes through: as little as can be, for usage, errors and the end.
pub trait StreamObserver: Send {
    /// Looks at one frame. An error event is noted in [`Self::seen`]: when nothing semantic went before it, the
    /// caller drops it and fails the attempt.
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed;

    /// Looks at the last frame of a stream that ended without its blank line. It passes when it is whole all the same: the
    /// terminal event, or any that is a JSON object to its last brace, as services that have no terminal event end with
    /// their reason and usage. Of what was cut nothing is seen, unless it is an error.
    fn observe_last(&mut self, frame: StreamFrame<'_>) -> Observed {
        if frame.is_cut() && frame.event != "error" {
            return Observed::Drop;
        }
        let verdict = self.observe(frame);
        if self.seen().terminal || frame.is_object() { verdict } else { Observed::Drop }
    }

    /// What is known so far.
    fn seen(&self) -> &StreamSeen;

    /// The bytes ended and no terminal event went by. When the reply is whole all the same (some services close
    /// after the finish reason, without `[DONE]`), appends the terminal event and notes it in [`Self::seen`]; by
    /// default the stream broke off. Source: providers-b.md 6.3 "EOF without `[DONE]`".
    fn finish(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Bytes that end the stream validly with this error, after whatever went before.
    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>);
}

/// What was seen of a stream so far.
#[derive(Clone, Debug, Default)]
pub struct StreamSeen {
    /// A semantic event went by.
    pub semantic: bool,
    /// The terminal event went by: an end of the bytes is a good end.
    pub terminal: bool,
    /// Usage so far.
    pub usage: Usage,
    /// The finish reason, once known.
    pub finish: Option<FinishReason>,
    /// An error event went by.
    pub error: Option<StreamError<'static>>,
}

/// Turns frames into canonical events.
pub trait StreamDecoder: Send {
    /// Reads one frame and hands every event it yields to `sink`, in order.
    ///
    /// # Errors
    /// When the frame is not of the format.
    fn decode(&mut self, frame: StreamFrame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError>;

    /// The bytes ended. Yields what is still held back: closing events and [`Event::End`] when the stream may be
    /// taken for whole.
    ///
    /// # Errors
    /// When the stream broke off: no terminal event, cut arguments (B68).
    fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError>;

    /// The names of members and events so far that have no place in the canonical model, each once, as a loss report has
    /// them: `message.phase`. Only so many of them: they come from a provider.
    fn unread(&self) -> &[String] {
        &[]
    }
}

/// Turns canonical events into frames for the client.
pub trait StreamEncoder: Send {
    /// Appends the frames for one event, framing included.
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>);

    /// Bytes that end the stream validly with this error (B77). Nothing follows.
    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>);

    /// What it left out so far, beside what [`Codec::can_say`] tells by the kinds of the events.
    fn losses(&self) -> &[Loss] {
        &[]
    }
}

/// An error in a provider's words, read from a failing reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorText {
    /// The message; empty when there was none.
    pub message: String,
    /// The type.
    pub kind: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The member at fault.
    pub param: Option<String>,
}

/// A wire format: decode and encode for requests, replies, streams, errors and token counts.
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// Its name in the registry (`openai`, `claude`, …).
    fn name(&self) -> &str;

    /// The format it is a dialect of: bytes of one pass through to the other, changed only by
    /// [`Self::patch_request`], [`Self::patch_reply`] and [`Self::stream_observer`] of the provider's codec.
    fn family(&self) -> &str {
        self.name()
    }

    /// How it frames streams.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    /// Reads what routing needs, without decoding.
    ///
    /// # Errors
    /// When the body is not a JSON object, or the members that routing needs have wrong types.
    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError>;

    /// Reads a request.
    ///
    /// # Errors
    /// When it is not one, with the path of the member at fault.
    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError>;

    /// Writes a request for a target.
    ///
    /// # Errors
    /// When the format cannot say what is essential.
    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError>;

    /// Changes a body of this format in place: only what the patch names (all repeated keys of it), everything
    /// else byte for byte. The same buffer when nothing changes; what the target refuses is taken out and told.
    ///
    /// # Errors
    /// When the body is not a JSON object.
    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError>;

    /// Refuses what only a service of this (client) format can do, before a request that was read goes to one of the
    /// format `provider`: a state that is kept there cannot be had elsewhere, a form of the answer or a choice of tools
    /// that only this format has cannot be said, and leaving it out would answer another question.
    ///
    /// `provider` is empty where the request goes to none, as its tokens are only estimated: then the state alone is
    /// looked at, as whoever answers may well know the words.
    ///
    /// # Errors
    /// When the request asks for such a thing.
    fn check_portable(&self, request: &Request<'_>, provider: &str) -> Result<(), CodecError> {
        let _ = (request, provider);
        Ok(())
    }

    /// Fills in what the reply side must know of a request of this (client) format.
    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        let _ = (request, context);
    }

    /// What requests of this (client) format call a member that encoders refuse in the words of the canonical model:
    /// `messages` and `n`. `None` where they have none of that meaning.
    fn own_name(&self, member: &str) -> Option<&'static str> {
        let _ = member;
        None
    }

    /// Whether clients of this format return the opaque state that they were given: the format has a slot for it.
    fn keeps_state(&self) -> bool {
        true
    }

    /// Whether readers of this (client) format's streams skip comments, as every reader of server-sent events should: the
    /// edge keeps connections alive with them. Where they do not it sends blank lines, and no remarks.
    fn skips_comments(&self) -> bool {
        true
    }

    /// Reads a whole reply.
    ///
    /// # Errors
    /// When it is not one.
    fn decode_reply<'a>(&self, body: &'a [u8], context: &ReplyContext) -> Result<Response<'a>, CodecError>;

    /// Writes a whole reply.
    fn encode_reply(&self, response: &Response<'_>, context: &ReplyContext) -> Vec<u8>;

    /// Whether a reply in this (client) format has words for something that not every format has: what it says no to
    /// is told as lost.
    fn can_say(&self, rare: Rare<'_>, scope: ReplyScope) -> bool {
        let _ = (rare, scope);
        true
    }

    /// Names the client's model in a whole reply of this format, everything else byte for byte, and reads its
    /// usage and finish reason.
    ///
    /// # Errors
    /// When the body is not a reply of this format (an error object inside a 2xx reply included).
    fn patch_reply(
        &self,
        body: &Bytes,
        context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError>;

    /// Begins reading a stream of a provider of this format.
    fn stream_decoder(&self, context: &ReplyContext) -> Box<dyn StreamDecoder>;

    /// Begins writing a stream for a client of this format.
    fn stream_encoder(&self, context: &ReplyContext) -> Box<dyn StreamEncoder>;

    /// Begins watching a stream that passes through.
    fn stream_observer(&self, context: &ReplyContext) -> Box<dyn StreamObserver>;

    /// Reads the error of a failing reply, or of an error frame; probes every place formats keep messages in (B78).
    fn decode_error(&self, body: &[u8]) -> ErrorText;

    /// Whether a body is an error in this format's own shape, so that it may pass on untouched (B78).
    fn is_own_error(&self, body: &[u8]) -> bool;

    /// Writes an error for a client of this format.
    fn encode_error(&self, error: &ClientError, request_id: &str) -> Vec<u8>;

    /// Reads the reply of a token-count endpoint.
    fn decode_count(&self, body: &[u8]) -> Option<u64>;

    /// Writes the reply of the token-count endpoint; `None` when the format has none.
    fn encode_count(&self, tokens: u64) -> Option<Vec<u8>>;
}
