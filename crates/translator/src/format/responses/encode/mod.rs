//! Canonical requests for a provider of this format, or of its dialect Codex. Source: translation.md A (columns RS,
//! CX), A.15, B, D.13, D.15, D.18; providers-a.md 3.5.

use super::{Dialect, is_family};
use crate::codec::{CodecError, Encoded, Profile};
use crate::json::Writer;
use crate::loss::loss;
use crate::model::{Part, PartKind, Request, Role, Tool};
use crate::names::NameMap;
use crate::pass::form;
use crate::pass::index::NameIndex;
use crate::pass::names::openai_names;
use crate::pass::turns::{Arranged, TurnPolicy, arrange};

mod ambiguous;
mod input;
mod keep;
mod options;
mod part;
mod tools;

pub(super) use options::{ENCRYPTED, write_reasoning_members, write_text_members};
pub(super) use tools::write_all as write_tools;
pub(super) use tools::{tools_without_previews, without_previews, write_choice_value};

/// What every piece of the encoder knows.
pub(super) struct Target<'r> {
    pub(super) profile: &'r Profile,
    pub(super) dialect: Dialect,
    /// The request came in this format: items go as they came.
    pub(super) native: bool,
    /// The form of the output is asked for in words.
    worded: bool,
    /// Files in the vendor's store can be named: the client speaks a format of the same vendor.
    pub(super) vendor: bool,
    /// The request came in Gemini's format, whose schemas never allow more than they name (B47).
    pub(super) closed_schemas: bool,
    /// The names of the tools that are free-form (B11).
    custom_tools: NameIndex<'r>,
    function_tools: NameIndex<'r>,
    pub(super) names: NameMap,
}

impl<'r> Target<'r> {
    pub(super) fn new(request: &'r Request<'r>, profile: &'r Profile, dialect: Dialect) -> Self {
        let names = |wanted: fn(&Tool<'_>) -> bool| {
            request.tools.iter().filter(|tool| wanted(tool)).filter_map(Tool::name).collect()
        };
        Self {
            profile,
            dialect,
            native: is_family(request.source),
            worded: !is_family(request.source) && form::is_no_object(request.output.format.as_ref()),
            vendor: is_family(request.source) || request.source == "openai",
            closed_schemas: request.source == "gemini",
            custom_tools: names(|tool| matches!(tool, Tool::Custom(_))),
            function_tools: names(|tool| matches!(tool, Tool::Function(_))),
            names: openai_names(request),
        }
    }

    /// Whether calls of a tool are free text; a name that is declared both ways is a function's (B11, E275).
    fn is_custom(&self, name: &str, freeform: bool) -> bool {
        !self.function_tools.has(name) && (freeform || self.custom_tools.has(name))
    }

    pub(super) fn is_codex(&self) -> bool {
        self.dialect == Dialect::Codex
    }
}

pub(super) fn request(
    request: &Request<'_>,
    profile: &Profile,
    dialect: Dialect,
) -> Result<Encoded, CodecError> {
    let target = Target::new(request, profile, dialect);
    let mut losses = Vec::new();
    let mut w = Writer::new(profile.room());
    w.begin_object();
    w.field_string("model", &profile.model);
    if target.native {
        input::write_native(&mut w, &target, request);
    } else {
        let mut kept = keep::Kept::new(&target, request);
        let mut arranged = arrange(request, &policy(), &mut |role, part| kept.keep(role, part));
        if let Some(refused) = kept.refused {
            return Err(refused);
        }
        losses.extend(arranged.losses.iter().cloned());
        losses.append(&mut kept.losses);
        if target.worded {
            form::ask(&mut arranged, request.output.format.as_ref(), form::NO_OBJECT, &mut losses);
        }
        options::tell(&target, request, &arranged, &mut losses);
        input::write_foreign(&mut w, &target, request, &arranged);
    }
    let declared = tools::write(&mut w, &target, request, &mut losses);
    tools::write_choice(&mut w, &target, request, declared, &mut losses);
    options::write(&mut w, &target, request, &mut losses)?;
    w.end_object();
    Ok(Encoded { body: w.into_bytes(), names: target.names, losses, ..Encoded::default() })
}

/// What Responses wants of turns: all in place; a call without a result is refused, so it gets one.
fn policy() -> TurnPolicy {
    TurnPolicy { strip_attribution: true, ..TurnPolicy::chat() }
}

/// Whether anything of a conversation is an answer or a call.
fn is_tool_part(part: &Part<'_>) -> bool {
    matches!(part.kind, PartKind::ToolCall(_) | PartKind::ToolResult(_))
}

fn role_name(target: &Target<'_>, role: Role) -> &'static str {
    match role {
        // Codex takes no system role. Source: providers-a.md 3.5.
        Role::System if !target.is_codex() => "system",
        Role::System | Role::Developer => "developer",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    }
}

type Arrangement<'r> = Arranged<'r>;
