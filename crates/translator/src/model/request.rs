//! The canonical request.

use std::borrow::Cow;

use cliproxy_core::Level;
use serde_json::value::RawValue;

use super::{Part, Tool, ToolChoice};
use crate::codec::CodecError;
use crate::json::read::wrong;
use crate::json::{Extras, Raw, Text};

/// A request in canonical form, borrowed from the client's bytes. It is never stored.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// The name of the format it was read from.
    pub source: &'static str,
    /// The model as the client named it.
    pub model: Cow<'a, str>,
    /// Instructions from the format's own slot (Claude `system`, Responses `instructions`).
    pub instructions: Vec<Part<'a>>,
    /// Whether `instructions` was a plain string in the source.
    pub instructions_plain: bool,
    /// The conversation, one turn per source message.
    pub turns: Vec<Turn<'a>>,
    /// Declared tools, in order.
    pub tools: Vec<Tool<'a>>,
    /// How many of `tools`, at its end, were declared inside the conversation (Responses `additional_tools`).
    pub late_tools: usize,
    /// Which of them may be called.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several calls at once are fine.
    pub parallel_tools: Option<bool>,
    /// Sampling and stops.
    pub sampling: Sampling<'a>,
    /// Most output tokens.
    pub max_output: Option<u64>,
    /// The form of the output.
    pub output: OutputSpec<'a>,
    /// How much to reason.
    pub reasoning: ReasoningControl,
    /// Who is behind it.
    pub identity: Identity<'a>,
    /// The service tier, in the source's words.
    pub service_tier: Option<Text<'a>>,
    /// Streaming.
    pub stream: StreamSpec<'a>,
    /// A cache breakpoint at the top level.
    pub cache: Option<super::CacheMark<'a>>,
    /// Members that we do not know, or that only the source format has.
    pub extras: Extras<'a>,
}

impl<'a> Request<'a> {
    /// The extras that are lost where only the source format has them: what is there a second time, because its own
    /// format shall get it back as it was written, is not.
    pub(crate) fn only_in_extras(&self) -> impl Iterator<Item = &(Cow<'a, str>, &'a RawValue)> {
        self.extras.iter().filter(|(key, _)| key != RESPONSE_SCHEMA)
    }

    /// Refuses a request that says nothing: what we would have to make up would be answered instead. Instructions alone
    /// are something (B26).
    pub(crate) fn said_something(self, member: &str) -> Result<Self, CodecError> {
        if self.turns.is_empty() && self.instructions.is_empty() {
            return Err(wrong(member, "nothing is said, and so nothing can be answered"));
        }
        Ok(self)
    }
}

/// Gemini's spelling of the schema that `output` has as JSON Schema.
pub(crate) const RESPONSE_SCHEMA: &str = "generationConfig.responseSchema";

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The operator, with the highest authority.
    System,
    /// The developer.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool, in formats where results are messages of their own.
    Tool,
}

/// One message or item of the source.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    /// Who speaks.
    pub role: Role,
    /// The speaker's name.
    pub name: Option<Text<'a>>,
    /// What is said.
    pub parts: Vec<Part<'a>>,
    /// Whether the content was a plain string in the source.
    pub plain: bool,
    /// A cache breakpoint on the message as a whole (B90).
    pub cache: Option<super::CacheMark<'a>>,
    /// Members that we do not know.
    pub extras: Extras<'a>,
}

impl<'a> Turn<'a> {
    /// A turn with nothing else to say.
    #[must_use]
    pub fn new(role: Role, parts: Vec<Part<'a>>) -> Self {
        Self { role, name: None, parts, plain: false, cache: None, extras: Vec::new() }
    }
}

/// Sampling and stops; numbers stay as they were written. Source: translation.md A.8.
#[derive(Clone, Debug, Default)]
pub struct Sampling<'a> {
    /// `temperature`
    pub temperature: Option<Raw<'a>>,
    /// `top_p`
    pub top_p: Option<Raw<'a>>,
    /// `top_k`
    pub top_k: Option<Raw<'a>>,
    /// `frequency_penalty`
    pub frequency_penalty: Option<Raw<'a>>,
    /// `presence_penalty`
    pub presence_penalty: Option<Raw<'a>>,
    /// `logit_bias`
    pub logit_bias: Option<Raw<'a>>,
    /// `seed`
    pub seed: Option<Raw<'a>>,
    /// Stop sequences.
    pub stop: Vec<Text<'a>>,
    /// How many candidates.
    pub candidates: Option<u64>,
    /// Whether log probabilities are wanted.
    pub logprobs: Option<bool>,
    /// How many alternatives per token.
    pub top_logprobs: Option<Raw<'a>>,
}

/// The form of the output. Source: translation.md A.9.
#[derive(Clone, Debug, Default)]
pub struct OutputSpec<'a> {
    /// Text, JSON, or JSON by schema.
    pub format: Option<OutputFormat<'a>>,
    /// `verbosity`
    pub verbosity: Option<Text<'a>>,
    /// `modalities`
    pub modalities: Option<Raw<'a>>,
    /// `audio`
    pub audio: Option<Raw<'a>>,
    /// `prediction`
    pub prediction: Option<Raw<'a>>,
}

/// What the output must be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OutputFormat<'a> {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// The schema's name.
        name: Option<Text<'a>>,
        /// What it is for.
        description: Option<Text<'a>>,
        /// Whether it is enforced.
        strict: Option<bool>,
        /// The schema.
        schema: Option<Raw<'a>>,
    },
}

/// How much to reason; resolved against the model in one place, never in a codec. Source: translation.md A.10, B44.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasoningControl {
    /// Off, automatic or on; `None` says nothing.
    pub mode: Option<ReasoningMode>,
    /// A level.
    pub level: Option<Level>,
    /// A budget in tokens.
    pub budget: Option<u32>,
    /// Whether the thoughts are wanted.
    pub summary: Summary,
}

/// Whether to reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasoningMode {
    /// Not at all.
    Off,
    /// As the model likes.
    Auto,
    /// As level or budget say.
    On,
}

/// Whether the thoughts are to be shown: its own intent, apart from the amount. Source: translation.md B44.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Summary {
    /// Nothing was said.
    #[default]
    Unspecified,
    /// They are not wanted.
    Disabled,
    /// They are wanted, in this detail (`auto`, `concise`, `detailed`, `summarized`).
    Enabled(Option<String>),
}

/// Who is behind a request, and what names the conversation. Source: translation.md A.11, B87.
#[derive(Clone, Debug, Default)]
pub struct Identity<'a> {
    /// The end user's id (Claude `metadata.user_id`, OpenAI `user`).
    pub user: Option<Text<'a>>,
    /// `user`, where the metadata names another one: that one goes first.
    pub user_beside: Option<Text<'a>>,
    /// `safety_identifier`
    pub safety_identifier: Option<Text<'a>>,
    /// `prompt_cache_key`
    pub prompt_cache_key: Option<Text<'a>>,
    /// The first session or conversation id that the body carries.
    pub session: Option<Text<'a>>,
    /// `metadata`, whole, except where it only holds the user id.
    pub metadata: Option<Raw<'a>>,
}

/// Streaming.
#[derive(Clone, Debug, Default)]
pub struct StreamSpec<'a> {
    /// Whether a stream is wanted.
    pub enabled: bool,
    /// Whether the client asked for usage in the stream (`stream_options.include_usage`).
    pub include_usage: bool,
    /// `stream_options`, whole.
    pub options: Option<Raw<'a>>,
}
