//! What is known of a model.

use crate::{ModelId, UpstreamModel};

/// A reasoning level, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The weakest level that still reasons.
    Minimal,
    /// Little reasoning.
    Low,
    /// The usual amount.
    Medium,
    /// Much reasoning.
    High,
    /// More than high.
    Xhigh,
    /// As much as the model can.
    Max,
}

impl Level {
    /// All levels, weakest first.
    pub const ALL: [Self; 6] = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The spelling that OpenAI and Claude share.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads a level without regard to case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(text.trim()))
    }
}

/// What reasoning a model can do. Source: runtime.md E.8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasoningProfile {
    /// Smallest and largest token budget, when the model counts in budgets.
    pub budget: Option<(u32, u32)>,
    /// Whether reasoning can be switched off.
    pub zero_allowed: bool,
    /// Whether the model may choose the amount itself.
    pub dynamic_allowed: bool,
    /// The levels it knows, weakest first; empty when it counts in budgets only.
    pub levels: Vec<Level>,
}

/// What a model takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modality {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Sound.
    Audio,
    /// Moving images.
    Video,
    /// Documents such as PDF.
    Document,
}

impl Modality {
    /// The lower-case name used in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }

    /// Reads a name without regard to case; `pdf` and `file` mean documents.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "image" => Some(Self::Image),
            "audio" => Some(Self::Audio),
            "video" => Some(Self::Video),
            "document" | "pdf" | "file" => Some(Self::Document),
            _ => None,
        }
    }
}

/// One model that a credential offers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The id under which it is offered; for an executor's own list the provider's id.
    pub id: ModelId,
    /// What the provider calls it, where that is not the id: an executor may offer names that tell its models from
    /// those of others.
    pub upstream: Option<UpstreamModel>,
    /// A name for people.
    pub display_name: Option<String>,
    /// A sentence for people.
    pub description: Option<String>,
    /// Who made it (`anthropic`, `openai`, …).
    pub owned_by: Option<String>,
    /// When it appeared, in Unix seconds.
    pub created: Option<i64>,
    /// Input tokens that fit.
    pub context_length: Option<u64>,
    /// Output tokens it can give.
    pub max_output: Option<u64>,
    /// Its reasoning; `None` is a model that cannot reason, unless `user_defined`.
    pub reasoning: Option<ReasoningProfile>,
    /// What it takes; empty when unknown.
    pub input: Vec<Modality>,
    /// What it gives; empty when unknown.
    pub output: Vec<Modality>,
    /// The endpoints it serves, when the provider restricts them.
    pub endpoints: Vec<String>,
    /// Named by the user's configuration, so its parameters pass unvalidated. Source: runtime.md E.5, E.8.
    pub user_defined: bool,
}

impl ModelInfo {
    /// A model of which only the id is known.
    #[must_use]
    pub fn new(id: impl Into<ModelId>) -> Self {
        Self {
            id: id.into(),
            upstream: None,
            display_name: None,
            description: None,
            owned_by: None,
            created: None,
            context_length: None,
            max_output: None,
            reasoning: None,
            input: Vec::new(),
            output: Vec::new(),
            endpoints: Vec::new(),
            user_defined: false,
        }
    }

    /// Sets what the provider calls it.
    #[must_use]
    pub fn with_upstream(mut self, upstream: impl Into<UpstreamModel>) -> Self {
        self.upstream = Some(upstream.into());
        self
    }

    /// What the provider calls it.
    #[must_use]
    pub fn upstream_name(&self) -> &str {
        self.upstream.as_ref().map_or(self.id.as_str(), UpstreamModel::as_str)
    }

    /// Sets the maker.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<String>) -> Self {
        self.owned_by = Some(owner.into());
        self
    }

    /// Sets the name for people.
    #[must_use]
    pub fn with_display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// Sets when it appeared, in Unix seconds.
    #[must_use]
    pub fn with_created(mut self, created: i64) -> Self {
        self.created = Some(created);
        self
    }

    /// Sets how many tokens fit and how many it can give.
    #[must_use]
    pub fn with_limits(mut self, context: u64, output: u64) -> Self {
        self.context_length = Some(context);
        self.max_output = Some(output);
        self
    }

    /// Sets its reasoning.
    #[must_use]
    pub fn with_reasoning(mut self, profile: ReasoningProfile) -> Self {
        self.reasoning = Some(profile);
        self
    }
}
