//! Wire formats by name. The two sides have different types, so that a swap does not compile
//! (Source: translation.md C.2, "direction trap").

use crate::name::name_type;

name_type! {
    /// A format that clients speak to us.
    ClientFormat
}
name_type! {
    /// A format that we speak to a provider.
    ProviderFormat
}

/// The identifiers of the reference's registry. Source: translation.md, "Format names".
macro_rules! formats {
    ($($(#[$meta:meta])* $constant:ident = $text:literal;)*) => {
        impl ClientFormat {
            $($(#[$meta])* pub const $constant: Self = Self::from_static($text);)*
        }
        impl ProviderFormat {
            $($(#[$meta])* pub const $constant: Self = Self::from_static($text);)*
        }
    };
}

formats! {
    /// OpenAI Chat Completions.
    OPENAI = "openai";
    /// OpenAI Responses.
    OPENAI_RESPONSES = "openai-response";
    /// Claude Messages.
    CLAUDE = "claude";
    /// Gemini generateContent.
    GEMINI = "gemini";
    /// The Gemini CLI envelope around Gemini.
    GEMINI_CLI = "gemini-cli";
    /// Codex, a restricted dialect of Responses.
    CODEX = "codex";
    /// The Antigravity envelope around Gemini.
    ANTIGRAVITY = "antigravity";
    /// Kiro, the conversation state of Amazon Q.
    KIRO = "kiro";
}

impl ClientFormat {
    /// Legacy OpenAI completions: a profile of Chat Completions, for clients only.
    pub const OPENAI_COMPLETIONS: Self = Self::from_static("openai-completions");

    /// Whether client and provider speak the same format, so that bytes may pass through.
    #[must_use]
    pub fn speaks(&self, provider: &ProviderFormat) -> bool {
        self.as_str() == provider.as_str()
    }
}

/// What a client asks for, independent of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Generate a reply.
    Generate,
    /// Count the tokens of a prompt without generating.
    CountTokens,
    /// Compact a conversation (Responses only).
    Compact,
}

impl Operation {
    /// The name used in logs and traces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::CountTokens => "count_tokens",
            Self::Compact => "compact",
        }
    }
}
