//! Tool declarations and choice.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::CHAT;
use super::Target;
use crate::json::{Raw, Text, Writer};
use crate::loss::{Loss, loss, named};
use crate::model::{CustomTool, FunctionTool, Request, Tool, ToolChoice};
use crate::pass::custom::input_schema;
use crate::pass::index::{NameIndex, allowed_names};
use crate::pass::schema::openai_parameters;
use crate::pass::strict;
use crate::splice::{Edits, TopLevel};

/// Writes `tools`; whether there were any.
pub(super) fn write(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    losses: &mut Vec<Loss>,
) -> bool {
    // Few services know `allowed_tools`: the others are told of the allowed ones only (A.7).
    let allowed = if target.custom { None } else { allowed_names(request) };
    let goes = |tool: &&Tool<'_>| goes(target, allowed.as_ref(), tool, losses);
    let going: Vec<_> = request.tools.iter().filter(goes).collect();
    if going.is_empty() {
        return false;
    }
    if !target.family {
        strict::tell(&going, losses);
    }
    w.key("tools");
    w.begin_array();
    for tool in going {
        match tool {
            Tool::Function(function) => {
                let strict = if target.family { function.strict } else { strict::strict(function) };
                write_function(w, target, function, strict);
            }
            Tool::Custom(custom) if target.custom => write_custom(w, target, custom),
            Tool::Custom(custom) => write_emulated(w, target, custom),
            Tool::Builtin(builtin) => w.raw(builtin.raw.get()),
        }
    }
    w.end_array();
    true
}

fn goes(
    target: &Target<'_>,
    allowed: Option<&NameIndex<'_>>,
    tool: &Tool<'_>,
    losses: &mut Vec<Loss>,
) -> bool {
    if let Tool::Builtin(builtin) = tool {
        // A typed tool declared as a function without schema would only mislead the model (F6).
        let fine = target.own && builtin.format == CHAT;
        if !fine {
            named(losses, "tools", &builtin.kind, "it runs at its own provider only");
        }
        return fine;
    }
    allowed.is_none_or(|allowed| tool.name().is_some_and(|name| allowed.has(name)))
}

fn write_function(w: &mut Writer, target: &Target<'_>, tool: &FunctionTool<'_>, strict: Option<bool>) {
    w.begin_object();
    w.field_string("type", "function");
    w.key("function");
    w.begin_object();
    w.field_string("name", target.names.wire(&tool.name));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    if let Some(schema) = &tool.schema {
        match target.own {
            true => w.field_raw("parameters", schema.get()),
            // Source: translation.md B47, E118.
            false => w.field_raw("parameters", &openai_parameters(schema.get())),
        }
    }
    if let Some(strict) = strict {
        w.field_boolean("strict", strict);
    }
    if target.extensions() {
        for (key, raw) in tool.extras.iter().filter(|(key, _)| !key.starts_with("tool.")) {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
    if target.extensions() {
        for (key, raw) in &tool.extras {
            if let Some(key) = key.strip_prefix("tool.") {
                w.field_raw(key, raw.get());
            }
        }
        if let Some(mark) = &tool.cache {
            w.field_raw("cache_control", mark.raw.get());
        }
    }
    w.end_object();
}

fn write_custom(w: &mut Writer, target: &Target<'_>, tool: &CustomTool<'_>) {
    w.begin_object();
    w.field_string("type", "custom");
    w.key("custom");
    w.begin_object();
    w.field_string("name", target.names.wire(&tool.name));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    if let Some(format) = &tool.format {
        write_format(w, format);
    }
    w.end_object();
    w.end_object();
}

/// A grammar is nested here and flat in Responses.
fn write_format(w: &mut Writer, format: &RawValue) {
    let flat = TopLevel::scan(format.get().as_bytes()).ok().filter(|format| !format.has("grammar"));
    let member = |key| flat.as_ref().and_then(|format| format.raw(key).ok().flatten());
    let (Some(syntax), Some(definition)) = (member("syntax"), member("definition")) else {
        return w.field_raw("format", format.get());
    };
    w.key("format");
    w.begin_object();
    w.field_string("type", "grammar");
    w.key("grammar");
    w.begin_object();
    w.field_raw("syntax", syntax);
    w.field_raw("definition", definition);
    w.end_object();
    w.end_object();
}

fn write_emulated(w: &mut Writer, target: &Target<'_>, tool: &CustomTool<'_>) {
    let closed =
        Edits::new().set("additionalProperties", "false").apply_str(&input_schema(tool)).map(Cow::into_owned);
    let schema: Option<Raw<'_>> =
        closed.ok().and_then(|json| RawValue::from_string(json).ok()).map(Cow::Owned);
    write_function(
        w,
        target,
        &FunctionTool {
            name: Cow::Borrowed(&tool.name),
            description: tool.description.as_ref().map(Text::reborrow),
            schema,
            ..FunctionTool::default()
        },
        None,
    );
}

/// Writes `tool_choice` and `parallel_tool_calls`. Both are refused without tools.
pub(super) fn write_choice(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    losses: &mut Vec<Loss>,
) {
    let declared = |name: &str| {
        let mut tools = request.tools.iter().filter(|tool| target.own || !matches!(tool, Tool::Builtin(_)));
        tools.any(|tool| tool.name() == Some(name))
    };
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => w.field_string("tool_choice", "auto"),
        // Source: translation.md F4.
        Some(ToolChoice::None) => w.field_string("tool_choice", "none"),
        Some(ToolChoice::Any) => w.field_string("tool_choice", "required"),
        Some(ToolChoice::Tool { name, custom }) if declared(name) => {
            w.key("tool_choice");
            write_named(w, target, name, *custom);
        }
        Some(ToolChoice::Tool { .. }) => {
            loss(losses, "tool_choice", "the tool it names does not go to this provider");
        }
        Some(ToolChoice::Allowed { required, names }) if target.custom => {
            w.key("tool_choice");
            w.begin_object();
            w.field_string("type", "allowed_tools");
            w.key("allowed_tools");
            w.begin_object();
            w.field_string("mode", if *required { "required" } else { "auto" });
            w.key("tools");
            w.begin_array();
            names.iter().for_each(|name| write_named(w, target, name, false));
            w.end_array();
            w.end_object();
            w.end_object();
        }
        Some(ToolChoice::Allowed { required, .. }) => {
            w.field_string("tool_choice", if *required { "required" } else { "auto" });
        }
        Some(ToolChoice::Hosted { format, raw }) if target.own && *format == CHAT => {
            w.field_raw("tool_choice", raw.get());
        }
        Some(ToolChoice::Hosted { .. }) => {
            loss(losses, "tool_choice", "it names a tool of another provider");
        }
    }
    // Source: translation.md F5.
    if let Some(parallel) = request.parallel_tools {
        w.field_boolean("parallel_tool_calls", parallel);
    }
}

fn write_named(w: &mut Writer, target: &Target<'_>, name: &str, custom: bool) {
    let kind = if target.custom && (custom || target.is_custom(name)) { "custom" } else { "function" };
    w.begin_object();
    w.field_string("type", kind);
    w.key(kind);
    w.begin_object();
    w.field_string("name", target.names.wire(name));
    w.end_object();
    w.end_object();
}
