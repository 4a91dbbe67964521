//! The wire formats that are measured.

use std::fmt;

/// A wire format, spoken by clients and by providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// OpenAI Chat Completions.
    Chat,
    /// Claude Messages.
    Claude,
    /// OpenAI Responses.
    Responses,
    /// Gemini.
    Gemini,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Claude, Self::Responses, Self::Gemini];

    /// The name in tables, and the first word of the names of the models that speak it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Claude => "claude",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
        }
    }

    /// The format whose name is the first word of a model's name.
    #[must_use]
    pub fn of_model(model: &str) -> Option<Self> {
        let first = model.split('-').next()?;
        Self::ALL.into_iter().find(|format| format.name() == first)
    }

    /// The path of a call, which for Gemini names the model.
    #[must_use]
    pub fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Claude => "/v1/messages".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Gemini if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// Text that every whole stream of this format ends with.
    #[must_use]
    pub const fn end_mark(self) -> &'static str {
        match self {
            Self::Chat => "[DONE]",
            Self::Claude => "message_stop",
            Self::Responses => "response.completed",
            Self::Gemini => "\"STOP\"",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
