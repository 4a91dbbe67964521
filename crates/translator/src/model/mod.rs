//! The canonical model: a superset of what the formats can say. One turn per source message, never merged here;
//! merging, hoisting and reordering are encoder passes (Source: translation.md A.1).

mod event;
mod owned;
mod part;
mod reply;
pub(crate) mod request;
mod tool;

pub(crate) use owned::raw as owned_raw;

pub use event::{BlockKind, Delta, Event, Start, StreamError};
pub use part::{
    Bind, CacheMark, Issuer, Media, MediaClass, MediaSource, Opaque, Part, PartKind, Reasoning, ServerPart,
    Signature,
};
pub use reply::{Candidate, Finish, Response};
pub use request::{
    Identity, OutputFormat, OutputSpec, ReasoningControl, ReasoningMode, Request, Role, Sampling, StreamSpec,
    Summary, Turn,
};
pub use tool::{Args, Builtin, CustomTool, FunctionTool, Namespace, Tool, ToolCall, ToolChoice, ToolResult};
