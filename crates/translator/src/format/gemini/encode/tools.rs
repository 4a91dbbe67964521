//! Tool declarations and choice. Source: translation.md A.6, A.7, B7, B10, B84.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Target, loss};
use crate::codec::Loss;
use crate::format::gemini::dialect::is_family;
use crate::json::Writer;
use crate::model::{Builtin, CustomTool, FunctionTool, Tool, ToolChoice};
use crate::pass::custom::input_schema;
use crate::pass::schema::{Cleaning, clean, gemini_parameters};
use crate::pass::services::{Service, service_of};

/// Writes `tools` and `toolConfig`.
pub(super) fn write(w: &mut Writer, target: &Target<'_>, losses: &mut Vec<Loss>) {
    let functions = functions(target);
    let services = services(target, !functions.is_empty(), losses);
    if functions.is_empty() && services.is_empty() {
        if target.request.tool_choice.is_some() && !target.request.tools.is_empty() {
            loss(losses, "tool_choice", "no tool goes to this provider");
        }
        write_own_config(w, target);
        return;
    }
    w.key("tools");
    w.begin_array();
    if !functions.is_empty() {
        w.begin_object();
        w.key("functionDeclarations");
        w.begin_array();
        for tool in &functions {
            match tool {
                Tool::Function(function) => write_function(w, target, function),
                Tool::Custom(custom) => write_custom(w, target, custom),
                Tool::Builtin(_) => {}
            }
        }
        w.end_array();
        w.end_object();
    }
    for (kind, raw) in services {
        w.begin_object();
        w.field_raw(&kind, &raw);
        w.end_object();
    }
    w.end_array();
    write_config(w, target, &functions, losses);
}

/// The client's tools, each name once: the first declaration counts (E510, E579).
fn functions<'r>(target: &Target<'r>) -> Vec<&'r Tool<'r>> {
    let mut seen = HashSet::new();
    let functions = target.request.tools.iter().filter(|tool| {
        let name = match tool {
            Tool::Function(function) => &*function.name,
            Tool::Custom(custom) => &*custom.name,
            Tool::Builtin(_) => return false,
        };
        seen.insert(name)
    });
    functions.collect()
}

/// The provider's own tools. Models before Gemini 3 refuse them beside functions, which count for more (B84).
fn services<'r>(
    target: &Target<'r>,
    functions: bool,
    losses: &mut Vec<Loss>,
) -> Vec<(Cow<'r, str>, Cow<'r, str>)> {
    let mut services: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for tool in &target.request.tools {
        let Tool::Builtin(builtin) = tool else { continue };
        let service = match is_family(builtin.format) {
            true => Some((Cow::Borrowed(&*builtin.kind), Cow::Borrowed(builtin.raw.get()))),
            false => foreign(builtin),
        };
        match service {
            None => losses.push(Loss {
                what: Cow::Owned(format!("tools.{}", builtin.kind)),
                why: Cow::Borrowed("it runs at its own provider only"),
            }),
            Some(_) if functions && !target.family => losses.push(Loss {
                what: Cow::Owned(format!("tools.{}", builtin.kind)),
                why: Cow::Borrowed("Gemini's models take it only without functions"),
            }),
            Some((kind, _)) if services.iter().any(|(known, _)| *known == kind) => {}
            Some(service) => services.push(service),
        }
    }
    services
}

/// Another format's typed tool as Gemini's, where there is one.
fn foreign<'r>(builtin: &Builtin<'_>) -> Option<(Cow<'r, str>, Cow<'r, str>)> {
    let kind = match service_of(builtin)? {
        Service::WebSearch => "googleSearch",
        Service::WebFetch => "urlContext",
        Service::CodeExecution => "codeExecution",
    };
    Some((Cow::Borrowed(kind), Cow::Borrowed("{}")))
}

fn write_function(w: &mut Writer, target: &Target<'_>, tool: &FunctionTool<'_>) {
    w.begin_object();
    w.field_string("name", target.names.wire(&tool.name));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    let own = tool.extras.iter().find(|(key, _)| target.family && key == "parameters");
    match (own, &tool.schema) {
        (Some((_, raw)), _) => w.field_raw("parameters", raw.get()),
        (None, Some(schema)) if target.family => w.field_raw("parametersJsonSchema", schema.get()),
        (None, Some(schema)) => {
            // The dialects' backends take less of JSON Schema. Source: translation.md A.15, B48.
            let schema = match target.dialect.takes_json_schema() {
                true => gemini_parameters(schema.get()),
                false => clean(schema.get(), Cleaning::Gemini),
            };
            if let Some(schema) = schema {
                w.field_raw("parametersJsonSchema", &schema);
            }
        }
        (None, None) => {}
    }
    if target.family {
        for (key, raw) in tool.extras.iter().filter(|(key, _)| key != "parameters") {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
}

/// A free-form tool becomes a function with one text (B10).
fn write_custom(w: &mut Writer, target: &Target<'_>, tool: &CustomTool<'_>) {
    w.begin_object();
    w.field_string("name", target.names.wire(&tool.name));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    w.field_raw("parametersJsonSchema", &input_schema(tool));
    w.end_object();
}

/// `toolConfig` as a client of this format wrote it, unless names went out otherwise.
fn write_own_config(w: &mut Writer, target: &Target<'_>) -> bool {
    let own = target.request.extras.iter().find(|(key, _)| target.family && key == "toolConfig");
    match own {
        Some((_, raw)) if target.names.is_empty() => {
            w.field_raw("toolConfig", raw.get());
            true
        }
        _ => false,
    }
}

fn write_config(w: &mut Writer, target: &Target<'_>, functions: &[&Tool<'_>], losses: &mut Vec<Loss>) {
    if write_own_config(w, target) {
        return;
    }
    // Source: translation.md F5: Gemini has no word for it.
    if target.request.parallel_tools == Some(false) {
        loss(losses, "parallel_tool_calls", "Gemini calls as many tools as it likes");
    }
    let declared = |name: &str| functions.iter().any(|tool| tool.name() == Some(name));
    let (mode, names) = match &target.request.tool_choice {
        None => return,
        Some(_) if functions.is_empty() => return,
        Some(ToolChoice::Auto) => ("AUTO", Vec::new()),
        Some(ToolChoice::None) => ("NONE", Vec::new()),
        Some(ToolChoice::Any) => ("ANY", Vec::new()),
        Some(ToolChoice::Tool { name, .. }) if declared(name) => ("ANY", vec![name]),
        Some(ToolChoice::Allowed { required, names }) => {
            let names: Vec<_> = names.iter().filter(|name| declared(name)).collect();
            (if *required { "ANY" } else { "VALIDATED" }, names)
        }
        Some(ToolChoice::Tool { .. }) => return loss(losses, "tool_choice", "no such tool is declared"),
        Some(ToolChoice::Hosted { .. }) => {
            return loss(losses, "tool_choice", "Gemini calls its own tools as it likes");
        }
    };
    w.key("toolConfig");
    w.begin_object();
    w.key("functionCallingConfig");
    w.begin_object();
    w.field_string("mode", mode);
    if !names.is_empty() {
        w.key("allowedFunctionNames");
        w.begin_array();
        for name in names {
            w.string(target.names.wire(name));
        }
        w.end_array();
    }
    w.end_object();
    w.end_object();
}
