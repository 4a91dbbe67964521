//! Content parts: a value plus optional attachments.

use std::borrow::Cow;

use super::{ToolCall, ToolResult};
use crate::json::{Extras, Raw, Text};

/// One piece of content with what may be attached to any piece. Source: translation.md A.1 rule 2.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// What it is.
    pub kind: PartKind<'a>,
    /// The item id of formats that have one (Responses).
    pub id: Option<Text<'a>>,
    /// A provider's signature. Gemini signs text, images and calls too (B28).
    pub signature: Option<Signature<'a>>,
    /// A prompt-cache breakpoint behind it.
    pub cache: Option<CacheMark<'a>>,
    /// Members of the source that we do not know.
    pub extras: Extras<'a>,
}

impl<'a> Part<'a> {
    /// A part with nothing attached.
    #[must_use]
    pub fn new(kind: PartKind<'a>) -> Self {
        Self { kind, id: None, signature: None, cache: None, extras: Vec::new() }
    }

    /// Plain text.
    #[must_use]
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::new(PartKind::Text { text: text.into(), citations: None })
    }

    /// The text of a text part.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text<'a>> {
        match &self.kind {
            PartKind::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// With a cache breakpoint.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<CacheMark<'a>>) -> Self {
        self.cache = cache;
        self
    }
}

/// What a part is. Source: translation.md A.4, A.5.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PartKind<'a> {
    /// Text that people read.
    Text {
        /// The text.
        text: Text<'a>,
        /// Citations or annotations, in the source format's own shape.
        citations: Option<Raw<'a>>,
    },
    /// The model's refusal.
    Refusal(Text<'a>),
    /// An image, document, sound or film.
    Media(Media<'a>),
    /// What the model thought.
    Reasoning(Reasoning<'a>),
    /// The model calls a client's tool.
    ToolCall(ToolCall<'a>),
    /// What a tool answered.
    ToolResult(ToolResult<'a>),
    /// A call or result of a tool that runs at the provider.
    Server(ServerPart<'a>),
    /// What we do not know: re-emitted in its own format family, dropped elsewhere.
    Opaque(Opaque<'a>),
}

/// What the model thought. A redacted block has only `redacted`.
#[derive(Clone, Debug, Default)]
pub struct Reasoning<'a> {
    /// The readable text: a summary, or the provider's thinking text; several summary parts stay several.
    pub summary: Vec<Text<'a>>,
    /// The raw chain text, where a format has it beside the summary.
    pub raw: Vec<Text<'a>>,
    /// Encrypted content in place of text.
    pub redacted: Option<Text<'a>>,
    /// What its signature belongs to: a neighbour where the block is empty and only carries that neighbour's state
    /// through a format that signs nothing but thoughts.
    pub bind: Bind,
}

/// Which part a signature belongs to. Source: translation.md B28, B34.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bind {
    /// The part that it is on.
    #[default]
    Own,
    /// The part behind it.
    Next,
    /// The part before it.
    Previous,
    /// Nobody said: the state came without a mark of ours.
    Unsaid,
}

/// Who issued a signature, as far as its form tells. Source: translation.md B29.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Issuer {
    /// Anthropic.
    Claude,
    /// OpenAI.
    Gpt,
    /// Google.
    Gemini,
    /// Moonshot.
    Kimi,
    /// xAI.
    Grok,
    /// Not told by its form.
    Unknown,
}

/// Opaque state that only its issuer can read.
#[derive(Clone, Debug)]
pub struct Signature<'a> {
    /// Who issued it.
    pub issuer: Issuer,
    /// The value. Never logged.
    pub value: Text<'a>,
}

/// A prompt-cache breakpoint: `{type:"ephemeral",ttl}` as its source wrote it, extensions included.
#[derive(Clone, Debug)]
pub struct CacheMark<'a> {
    /// The whole object.
    pub raw: Raw<'a>,
}

/// The class of a medium. Source: translation.md B80.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaClass {
    /// `image/*`
    Image,
    /// `application/*`, `text/*`
    Document,
    /// `audio/*`
    Audio,
    /// `video/*`
    Video,
}

/// An image, document, sound or film.
#[derive(Clone, Debug)]
pub struct Media<'a> {
    /// What class it is of.
    pub class: MediaClass,
    /// Where its bytes are.
    pub source: MediaSource<'a>,
    /// Its title or file name.
    pub name: Option<Text<'a>>,
    /// The detail wanted (`auto`, `low`, `high`, `original`).
    pub detail: Option<Text<'a>>,
    /// A context note (Claude documents).
    pub context: Option<Text<'a>>,
    /// The citations switch of Claude documents, as its source wrote it.
    pub citations: Option<Raw<'a>>,
}

impl<'a> Media<'a> {
    /// Media of which nothing is known but its bytes.
    #[must_use]
    pub fn new(class: MediaClass, source: MediaSource<'a>) -> Self {
        Self { class, source, name: None, detail: None, context: None, citations: None }
    }
}

/// Where a medium's bytes are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MediaSource<'a> {
    /// Here, in base64, never decoded by us.
    Base64 {
        /// The media type, lower case.
        mime: Cow<'a, str>,
        /// The base64 text.
        data: Text<'a>,
    },
    /// At a URL.
    Url(Text<'a>),
    /// In the provider's file store.
    File(Text<'a>),
    /// A document given as plain text.
    Text(Text<'a>),
    /// A document given as content parts.
    Parts(Vec<Part<'a>>),
}

/// A call or result of a tool that runs at the provider, whole.
#[derive(Clone, Debug)]
pub struct ServerPart<'a> {
    /// The format the raw block is in.
    pub format: &'static str,
    /// The block's own type (`server_tool_use`, `web_search_tool_result`, …).
    pub kind: Cow<'a, str>,
    /// Its id, or the id of the call it answers.
    pub id: Option<Text<'a>>,
    /// The service (`web_search`, …) when the block names it.
    pub name: Option<Cow<'a, str>>,
    /// The whole block.
    pub raw: Raw<'a>,
}

/// A part or item of a type that we do not know.
#[derive(Clone, Debug)]
pub struct Opaque<'a> {
    /// The format it is in.
    pub format: &'static str,
    /// Its type.
    pub kind: Cow<'a, str>,
    /// The whole of it.
    pub raw: Raw<'a>,
}
