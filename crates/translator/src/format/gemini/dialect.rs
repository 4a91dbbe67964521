//! What the dialects of the format do differently. A dialect is a row here, never a copy of the codec.
//! Source: translation.md A.15; providers-a.md 4, 5, 7.

use crate::pass::schema::Cleaning;

/// One way of speaking the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The public API, and Vertex AI.
    #[default]
    Gemini,
    /// Google's Code Assist: `{"model","project","request"}` and `{"response"}`.
    Cli,
    /// The same backend as Antigravity speaks to it, which serves models of other makers too.
    Antigravity,
}

impl Dialect {
    /// The name of the format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::Cli => "gemini-cli",
            Self::Antigravity => "antigravity",
        }
    }

    /// Whether requests and replies are wrapped.
    pub(super) fn wraps(self) -> bool {
        self != Self::Gemini
    }

    /// Whether requests may name their session. The public API has no such member. Source: providers-a.md 4.2, 5.4, 7.4.
    pub(super) fn names_sessions(self) -> bool {
        self.wraps()
    }

    pub(super) fn is_antigravity(self) -> bool {
        self == Self::Antigravity
    }

    /// How tool schemas are cleaned; not at all where the backend takes most of JSON Schema. Code Assist is an older one.
    /// Source: translation.md A.15, B48, B49.
    pub(super) fn cleaning(self, model: &str) -> Option<Cleaning> {
        match self {
            Self::Gemini => None,
            Self::Cli => Some(Cleaning::Gemini),
            Self::Antigravity => Some(Cleaning::AntigravityTool { placeholders: needs_placeholders(model) }),
        }
    }

    /// Who made the model. Other dialects have Google's own alone, whatever an operator calls them.
    pub(super) fn maker(self, model: &str) -> Maker {
        let names = |word: &str| contains(model, word);
        match self {
            Self::Antigravity if names("claude") => Maker::Anthropic,
            Self::Antigravity if names("gpt") => Maker::OpenAi,
            Self::Gemini | Self::Cli | Self::Antigravity => Maker::Google,
        }
    }

    /// The member of a result that holds what the tool said. Source: translation.md A.4 "Tool result text".
    pub(super) fn result_key(self) -> &'static str {
        if self.is_antigravity() { "result" } else { "output" }
    }
}

/// Who made a model, and so what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Google,
    Anthropic,
    OpenAi,
}

/// The models that refuse functions without arguments. Source: translation.md B49; providers-a.md 7.4 "Schemas".
fn needs_placeholders(model: &str) -> bool {
    ["claude", "gemini-3-pro", "gemini-3.1-pro"].into_iter().any(|name| contains(model, name))
}

/// Whether a name contains a word, in whatever case (E504).
fn contains(name: &str, word: &str) -> bool {
    name.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a format is this one, in whatever dialect: what only it can say is understood then.
pub(super) fn is_family(format: &str) -> bool {
    matches!(format, "gemini" | "gemini-cli" | "antigravity")
}
