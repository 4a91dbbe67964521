//! The canonical reply.

use std::borrow::Cow;

use cliproxy_core::{FinishReason, Usage};

use super::{Opaque, Part};
use crate::json::{Extras, Raw, Text};

/// A whole reply.
#[derive(Clone, Debug, Default)]
pub struct Response<'a> {
    /// The name of the format it was read from: what is "in the source format's shape" is in that one's.
    pub source: &'static str,
    /// The provider's id; empty when it gave none.
    pub id: Cow<'a, str>,
    /// The model the provider names.
    pub model: Cow<'a, str>,
    /// When, in Unix seconds, if the provider says.
    pub created: Option<i64>,
    /// The candidates; one but for Chat `n` and Gemini `candidateCount`.
    pub candidates: Vec<Candidate<'a>>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// The tier it ran on.
    pub service_tier: Option<Text<'a>>,
    /// Members that we do not know.
    pub extras: Extras<'a>,
    /// What a stream that the reply was put together from had no place for, by name.
    pub unread: Vec<String>,
    /// The whole reply as its own format writes it, where a stream carries it (Responses' terminal event): that
    /// format passes it on instead of putting the parts together again.
    pub whole: Option<Opaque<'a>>,
}

/// One candidate.
#[derive(Clone, Debug, Default)]
pub struct Candidate<'a> {
    /// Its index.
    pub index: u32,
    /// What it says, in source order.
    pub parts: Vec<Part<'a>>,
    /// Why it ended.
    pub finish: Option<Finish<'a>>,
    /// Log probabilities, in the source format's shape.
    pub logprobs: Option<Raw<'a>>,
    /// What Google found when it searched (`groundingMetadata`), as it came; the citations of the texts are of it.
    pub grounding: Option<Raw<'a>>,
    /// Members that we do not know.
    pub extras: Extras<'a>,
}

/// Why a candidate ended, with the provider's own word beside ours.
#[derive(Clone, Debug)]
pub struct Finish<'a> {
    /// The canonical reason.
    pub reason: FinishReason,
    /// The provider's word.
    pub native: Option<Cow<'a, str>>,
    /// The stop sequence that matched (B54).
    pub stop_sequence: Option<Text<'a>>,
    /// Details of a refusal, in the source format's shape.
    pub details: Option<Raw<'a>>,
}

impl<'a> Finish<'a> {
    /// A reason alone.
    #[must_use]
    pub fn new(reason: FinishReason) -> Self {
        Self { reason, native: None, stop_sequence: None, details: None }
    }
}
