//! What the dialects of the format do differently. A dialect is a row here, never a copy of the codec.
//! Source: translation.md A.15; providers-a.md 4, 5, 7.

/// One way of speaking the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The public API, and Vertex AI.
    #[default]
    Gemini,
    /// Google's Code Assist: `{"model","project","request"}` and `{"response"}`.
    Cli,
}

impl Dialect {
    /// The name of the format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::Cli => "gemini-cli",
        }
    }

    /// Whether requests and replies are wrapped.
    pub(super) fn wraps(self) -> bool {
        self != Self::Gemini
    }

    /// Whether the backend takes most of JSON Schema. Code Assist is an older one. Source: translation.md A.15, B48.
    pub(super) fn takes_json_schema(self) -> bool {
        self == Self::Gemini
    }
}

/// Whether a format is this one, in whatever dialect: what only it can say is understood then.
pub(super) fn is_family(format: &str) -> bool {
    matches!(format, "gemini" | "gemini-cli" | "antigravity")
}
