//! The canonical stream: block events with opaque block ids. Blocks may interleave; an encoder whose format cannot
//! do that serialises them. A stream's end without a terminal event is a failure (Source: translation.md A.14, B68).

use std::borrow::Cow;

use cliproxy_core::Usage;

use super::{Finish, Media, Opaque, ServerPart, Signature};
use crate::json::{Raw, Text};

/// One event of a stream, borrowed from the frame it was read from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The reply begins. Once, first.
    Start(Start<'a>),
    /// A block opens. Ids are unique in the stream.
    BlockStart {
        /// The block.
        block: u32,
        /// The candidate it belongs to.
        candidate: u32,
        /// What it is.
        kind: BlockKind<'a>,
    },
    /// A block grows.
    Delta {
        /// The block.
        block: u32,
        /// By what.
        delta: Delta<'a>,
    },
    /// A block is whole.
    BlockStop {
        /// The block.
        block: u32,
    },
    /// Usage so far: cumulative, later fields replace earlier ones (B55).
    Usage(Usage),
    /// A candidate ended.
    Finish {
        /// The candidate.
        candidate: u32,
        /// Why.
        finish: Finish<'a>,
    },
    /// The provider failed inside the stream. Nothing follows.
    Error(StreamError<'a>),
    /// The provider is alive.
    Ping,
    /// The format's own terminal event: the reply is whole. Nothing follows.
    End,
    /// What only one format can say.
    Raw {
        /// The format.
        format: &'static str,
        /// The event's name or type.
        name: Cow<'a, str>,
        /// Its data.
        data: Raw<'a>,
    },
}

impl Event<'_> {
    /// Whether it commits the stream: text, reasoning, a call, a server tool, a finish. After it no other
    /// credential may be tried (Source: design.md §1). An end alone is no content: a stream of nothing else is empty.
    /// Nor is a delta that adds nothing, as the first one of many providers does.
    #[must_use]
    pub fn is_semantic(&self) -> bool {
        match self {
            Self::Delta { delta, .. } => !delta.is_blank(),
            Self::Finish { .. } => true,
            Self::BlockStart { kind, .. } => {
                !matches!(kind, BlockKind::Text | BlockKind::Reasoning | BlockKind::Refusal)
            }
            // What we cannot read may be anything, a gateway's chatter included: it waits with the preamble.
            Self::Raw { .. } => false,
            Self::Start(_)
            | Self::BlockStop { .. }
            | Self::Usage(_)
            | Self::Error(_)
            | Self::Ping
            | Self::End => false,
        }
    }
}

/// How a reply begins.
#[derive(Clone, Debug, Default)]
pub struct Start<'a> {
    /// The provider's id; empty when it gave none.
    pub id: Cow<'a, str>,
    /// The model the provider names.
    pub model: Cow<'a, str>,
    /// When, in Unix seconds, if the provider says.
    pub created: Option<i64>,
    /// The tier it runs on.
    pub service_tier: Option<Text<'a>>,
}

/// What a block is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BlockKind<'a> {
    /// Text.
    Text,
    /// A refusal.
    Refusal,
    /// Thoughts.
    Reasoning,
    /// Thoughts that are encrypted, whole.
    Redacted(Text<'a>),
    /// A call of a client's tool. Id and name are known by now: a decoder waits for them (B62).
    ToolCall {
        /// The call's id; empty when the provider never gave one.
        id: Text<'a>,
        /// The tool's name as the provider wrote it.
        name: Cow<'a, str>,
        /// Whether its input is free text.
        custom: bool,
    },
    /// A call or result of a tool that runs at the provider.
    Server(ServerPart<'a>),
    /// An image or sound that the model made, whole.
    Media(Media<'a>),
    /// What only one format can say, whole.
    Opaque(Opaque<'a>),
}

/// How a block grows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Delta<'a> {
    /// Text, of a text or refusal block.
    Text(Text<'a>),
    /// Readable thoughts.
    Reasoning(Text<'a>),
    /// The raw chain of thought.
    RawReasoning(Text<'a>),
    /// The signature of the block.
    Signature(Signature<'a>),
    /// Argument text of a call: JSON, or free text for a custom tool.
    Args(Text<'a>),
    /// A citation, in the source format's shape.
    Citation {
        /// The format of the shape.
        format: &'static str,
        /// The citation.
        raw: Raw<'a>,
    },
    /// Log probabilities, in the source format's shape.
    Logprobs(Raw<'a>),
}

impl Delta<'_> {
    /// Whether it adds nothing.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) | Self::Reasoning(text) | Self::RawReasoning(text) | Self::Args(text) => {
                text.is_empty()
            }
            Self::Signature(_) | Self::Citation { .. } | Self::Logprobs(_) => false,
        }
    }
}

/// An error inside a stream, in the provider's words.
#[derive(Clone, Debug, Default)]
pub struct StreamError<'a> {
    /// The status it names, when it does.
    pub status: Option<u16>,
    /// Its type.
    pub kind: Cow<'a, str>,
    /// Its code.
    pub code: Cow<'a, str>,
    /// Its message.
    pub message: Cow<'a, str>,
    /// The whole of it, for classification.
    pub raw: Option<Raw<'a>>,
}
