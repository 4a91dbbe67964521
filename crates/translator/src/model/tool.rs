//! Tools: declarations, choice, calls and results. Schemas and arguments stay raw.

use std::borrow::Cow;

use super::{CacheMark, Part};
use crate::json::{Extras, Raw, Text};

/// A declared tool. Source: translation.md A.6.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Tool<'a> {
    /// A function with a JSON schema.
    Function(FunctionTool<'a>),
    /// A free-form tool, with or without a grammar.
    Custom(CustomTool<'a>),
    /// A tool that runs at the provider, or one whose meaning the provider knows.
    Builtin(Builtin<'a>),
}

impl<'a> Tool<'a> {
    /// The name that calls use.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Function(tool) => Some(&tool.name),
            Self::Custom(tool) => Some(&tool.name),
            Self::Builtin(tool) => tool.name.as_deref(),
        }
    }
}

/// Where a tool with a namespace comes from. Its `name` elsewhere is the qualified one, which formats without
/// namespaces use as it is. Source: translation.md B9.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace<'a> {
    /// The namespace.
    pub name: Cow<'a, str>,
    /// The tool's name inside it.
    pub local: Cow<'a, str>,
    /// What the namespace is for, where it is declared.
    pub description: Option<Text<'a>>,
}

/// A function with a JSON schema.
#[derive(Clone, Debug, Default)]
pub struct FunctionTool<'a> {
    /// Its name, qualified when it has a namespace.
    pub name: Cow<'a, str>,
    /// The namespace it was declared in.
    pub namespace: Option<Namespace<'a>>,
    /// What it does.
    pub description: Option<Text<'a>>,
    /// The schema of its arguments.
    pub schema: Option<Raw<'a>>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
    /// A prompt-cache breakpoint behind it.
    pub cache: Option<CacheMark<'a>>,
    /// Members that we do not know.
    pub extras: Extras<'a>,
}

/// A free-form tool.
#[derive(Clone, Debug, Default)]
pub struct CustomTool<'a> {
    /// Its name, qualified when it has a namespace.
    pub name: Cow<'a, str>,
    /// The namespace it was declared in.
    pub namespace: Option<Namespace<'a>>,
    /// What it does.
    pub description: Option<Text<'a>>,
    /// The form its input must have: the `format` object (text, or a grammar).
    pub format: Option<Raw<'a>>,
    /// Members that we do not know.
    pub extras: Extras<'a>,
}

/// A typed tool of one format, whole.
#[derive(Clone, Debug)]
pub struct Builtin<'a> {
    /// The format it is in.
    pub format: &'static str,
    /// Its type (`web_search_20250305`, `bash_20250124`, …).
    pub kind: Cow<'a, str>,
    /// Its name, when it has one.
    pub name: Option<Cow<'a, str>>,
    /// The whole declaration.
    pub raw: Raw<'a>,
    /// A prompt-cache breakpoint behind it (already inside `raw`).
    pub cache: Option<CacheMark<'a>>,
}

/// Which tools the model may call. Source: translation.md A.7.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ToolChoice<'a> {
    /// As it likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Any,
    /// This one.
    Tool {
        /// Its name.
        name: Cow<'a, str>,
        /// Whether the source said it is a custom tool.
        custom: bool,
    },
    /// These.
    Allowed {
        /// Whether at least one must be called.
        required: bool,
        /// Their names.
        names: Vec<Cow<'a, str>>,
    },
    /// A hosted tool, as its format writes it.
    Hosted {
        /// The format it is in.
        format: &'static str,
        /// The whole choice.
        raw: Raw<'a>,
    },
}

/// The input of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Args<'a> {
    /// A JSON value, as Claude and Gemini write it.
    Json(Raw<'a>),
    /// JSON inside a string, as OpenAI writes it. It may not be JSON at all: models err (B92).
    Encoded(Text<'a>),
    /// Free text for a custom tool.
    Freeform(Text<'a>),
}

/// The model calls a tool.
#[derive(Clone, Debug)]
pub struct ToolCall<'a> {
    /// The call's id; empty when the source had none.
    pub id: Text<'a>,
    /// The tool's name as its source wrote it, qualified when it has a namespace.
    pub name: Cow<'a, str>,
    /// The namespace, where calls carry one.
    pub namespace: Option<Namespace<'a>>,
    /// The input.
    pub args: Args<'a>,
}

/// What a tool answered.
#[derive(Clone, Debug)]
pub struct ToolResult<'a> {
    /// The id of the call; empty when the source had none.
    pub call_id: Text<'a>,
    /// The tool's name, where results carry one.
    pub name: Option<Cow<'a, str>>,
    /// The answer.
    pub content: Vec<Part<'a>>,
    /// Whether the tool failed.
    pub is_error: Option<bool>,
    /// The answer when it is neither text nor parts: kept as JSON.
    pub raw: Option<Raw<'a>>,
}
