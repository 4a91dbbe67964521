//! What the name of a model says about how it is asked. Source: providers-b.md 1.5.5 "Model suffix", 1.5.6.

/// A model as Kiro names it, and what of its name is only for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model<'m> {
    /// `modelId`.
    pub(super) id: &'m str,
    /// Large files are to be written in pieces.
    pub(super) agentic: bool,
    /// How reasoning is asked for.
    pub(super) reasons: Reasons,
}

/// How reasoning is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reasons {
    /// By tags in front of the instructions.
    Tags,
    /// By a level, as Claude's newest models have it.
    Adaptive,
    /// By a level, as OpenAI's models have it.
    Effort,
}

/// What begins the names of models that take levels. Source: providers-b.md 1.5.6 [H].
const ADAPTIVE: [&str; 7] = [
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-sonnet-4-6",
    "claude-sonnet-5",
    "claude-fable-5",
];

impl<'m> Model<'m> {
    pub(super) fn of(name: &'m str) -> Self {
        let (id, agentic) = match name.strip_suffix("-agentic") {
            Some(id) => (id, true),
            None => (name, false),
        };
        let plain = id.replace('.', "-").to_ascii_lowercase();
        let reasons = if ADAPTIVE.iter().any(|known| plain.starts_with(known)) {
            Reasons::Adaptive
        } else if plain.starts_with("gpt-") {
            Reasons::Effort
        } else {
            Reasons::Tags
        };
        Self { id, agentic, reasons }
    }
}
