//! Tool declarations and choice. Source: translation.md A.6, A.7, B7, B10, B84.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Target, loss};
use crate::format::gemini::dialect::{Dialect, Maker, is_family};
use crate::invented::Invented;
use crate::json::Writer;
use crate::loss::{Loss, named, tool_members};
use crate::model::{Builtin, CustomTool, FunctionTool, Tool, ToolChoice};
use crate::pass::custom::input_schema;
use crate::pass::index::NameIndex;
use crate::pass::schema::{clean_kept, gemini_parameters};
use crate::pass::services::{Service, service_of};
use crate::splice::TopLevel;

/// The schema of a function that has none.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// Writes `tools` and `toolConfig`, and says which arguments were put into schemas.
pub(super) fn write(w: &mut Writer, target: &Target<'_>, losses: &mut Vec<Loss>) -> Vec<Invented> {
    let mut invented = Vec::new();
    let functions = functions(target);
    let builtins = target.request.tools.iter().filter(|tool| matches!(tool, Tool::Builtin(_))).count();
    if functions.len() + builtins < target.request.tools.len() {
        loss(losses, "tools.duplicate", "another tool has the same name");
    }
    let services = services(target, !functions.is_empty(), losses);
    if functions.is_empty() && services.is_empty() {
        if target.request.tool_choice.is_some() && !target.request.tools.is_empty() {
            loss(losses, "tool_choice", "no tool goes to this provider");
        }
        write_own_config(w, target);
        return invented;
    }
    w.key("tools");
    w.begin_array();
    if !functions.is_empty() {
        w.begin_object();
        w.key("functionDeclarations");
        w.begin_array();
        for tool in &functions {
            match tool {
                Tool::Function(function) => write_function(w, target, function, &mut invented),
                Tool::Custom(custom) => write_custom(w, target, custom),
                Tool::Builtin(_) => {}
            }
        }
        w.end_array();
        w.end_object();
    }
    for (kind, raw) in services {
        w.begin_object();
        w.field_raw(kind, &raw);
        w.end_object();
    }
    w.end_array();
    write_config(w, target, &functions, losses);
    invented
}

/// Whether a request wants nothing but a search of the web. Source: translation.md A.15, E435.
pub(super) fn searches_only(target: &Target<'_>) -> bool {
    let services = services(target, false, &mut Vec::new());
    functions(target).is_empty()
        && !services.is_empty()
        && services.iter().all(|(kind, _)| *kind == "googleSearch")
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
) -> Vec<(&'r str, Cow<'r, str>)> {
    let mut known = NameIndex::default();
    let mut services: Vec<(&str, Cow<'_, str>)> = Vec::new();
    for tool in &target.request.tools {
        let Tool::Builtin(builtin) = tool else { continue };
        let service = match is_family(builtin.format) {
            true => Some((&*builtin.kind, Cow::Borrowed(builtin.raw.get()))),
            false => foreign(builtin, target.dialect),
        };
        match service {
            // Google's tools run with Google's models (E438).
            Some(_) if target.maker != Maker::Google => {
                named(losses, "tools", &builtin.kind, "the provider has it for its own models only")
            }
            None => named(losses, "tools", &builtin.kind, "it runs at its own provider only"),
            Some(_) if functions && !target.family => {
                named(losses, "tools", &builtin.kind, "Gemini's models take it only without functions")
            }
            Some((kind, _)) if known.claim(kind, services.len()) < services.len() => {}
            Some(service) => {
                if !is_family(builtin.format) {
                    // How often Claude may search is not how many pages Google may find, which the reference makes of it
                    // (B84, E436).
                    let known = if target.dialect.is_antigravity() { &["blocked_domains"][..] } else { &[] };
                    tool_members(losses, builtin, known, "Gemini's tool has no such setting");
                }
                services.push(service);
            }
        }
    }
    services
}

/// Whether another format's tool goes to a model of Google's.
pub(super) fn is_declared(tool: &Tool<'_>, dialect: Dialect) -> bool {
    match tool {
        Tool::Function(_) | Tool::Custom(_) => true,
        Tool::Builtin(builtin) => foreign(builtin, dialect).is_some(),
    }
}

/// Another format's typed tool as Gemini's, where there is one.
fn foreign<'r>(builtin: &Builtin<'_>, dialect: Dialect) -> Option<(&'r str, Cow<'r, str>)> {
    let kind = match service_of(builtin)? {
        Service::WebSearch => {
            let config = if dialect.is_antigravity() { search_config(builtin) } else { "{}".into() };
            return Some(("googleSearch", config));
        }
        Service::WebFetch => "urlContext",
        Service::CodeExecution => "codeExecution",
    };
    Some((kind, Cow::Borrowed("{}")))
}

/// Where not to search. Google has no word for where alone, nor for how often.
fn search_config<'r>(builtin: &Builtin<'_>) -> Cow<'r, str> {
    let blocked = TopLevel::scan(builtin.raw.get().as_bytes())
        .ok()
        .and_then(|tool| tool.raw("blocked_domains").ok().flatten())
        .filter(|json| json.starts_with('[') && *json != "[]");
    match blocked {
        Some(json) => Cow::Owned(format!(r#"{{"excludeDomains":{json}}}"#)),
        None => Cow::Borrowed("{}"),
    }
}

fn write_function(
    w: &mut Writer,
    target: &Target<'_>,
    tool: &FunctionTool<'_>,
    invented: &mut Vec<Invented>,
) {
    w.begin_object();
    w.field_string("name", target.names.wire(&tool.name));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    if target.dialect.is_antigravity() {
        write_parameters(w, target, tool, invented);
        w.end_object();
        return;
    }
    let own = tool.extras.iter().find(|(key, _)| target.family && key == "parameters");
    match (own, &tool.schema) {
        (Some((_, raw)), _) => w.field_raw("parameters", raw.get()),
        (None, Some(schema)) if target.family => w.field_raw("parametersJsonSchema", schema.get()),
        (None, Some(schema)) => {
            // The dialects' backends take less of JSON Schema. Source: translation.md A.15, B48.
            let schema = match target.dialect.cleaning(&target.profile.model) {
                None => gemini_parameters(schema.get()),
                Some(cleaning) => clean_kept(schema.get(), cleaning).map(|(schema, _)| schema),
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

/// What Antigravity takes of a declaration beside its name: `parameters` in its own words, whoever declares it.
/// Source: translation.md A.15, B49; providers-a.md 7.4 "Shape".
fn write_parameters(
    w: &mut Writer,
    target: &Target<'_>,
    tool: &FunctionTool<'_>,
    invented: &mut Vec<Invented>,
) {
    let Some(cleaning) = target.dialect.cleaning(&target.profile.model) else { return };
    let schema = tool.schema.as_ref().map_or(NO_ARGUMENTS, |schema| schema.get());
    if let Some((schema, places)) = clean_kept(schema, cleaning) {
        w.field_raw("parameters", &schema);
        if !places.is_empty() {
            invented.push(Invented { tool: target.names.wire(&tool.name).to_owned(), places });
        }
    }
    let own = |key: &str| matches!(key, "behavior" | "response" | "responseJsonSchema");
    for (key, raw) in tool.extras.iter().filter(|(key, _)| target.family && own(key)) {
        w.field_raw(key, raw.get());
    }
}

/// A free-form tool becomes a function with one text (B10).
fn write_custom(w: &mut Writer, target: &Target<'_>, tool: &CustomTool<'_>) {
    w.begin_object();
    w.field_string("name", target.names.wire(&tool.name));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    let key = if target.dialect.is_antigravity() { "parameters" } else { "parametersJsonSchema" };
    w.field_raw(key, &input_schema(tool));
    w.end_object();
}

/// `toolConfig` as a client of this format wrote it, unless names went out otherwise.
fn write_own_config(w: &mut Writer, target: &Target<'_>) -> bool {
    let own = target.request.extras.iter().find(|(key, _)| target.family && key == "toolConfig");
    match own {
        Some((_, raw)) if target.names.is_empty() && !target.is_claude() => {
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
        None if target.is_claude() && !functions.is_empty() => ("VALIDATED", Vec::new()),
        None => return,
        Some(_) if functions.is_empty() => return,
        Some(ToolChoice::Auto) => ("AUTO", Vec::new()),
        Some(ToolChoice::None) => ("NONE", Vec::new()),
        Some(ToolChoice::Any) => ("ANY", Vec::new()),
        Some(ToolChoice::Tool { name, .. }) if declared(name) => ("ANY", vec![name]),
        Some(ToolChoice::Allowed { required, names }) => {
            let declared: NameIndex<'_> = functions.iter().filter_map(|tool| tool.name()).collect();
            let names: Vec<_> = names.iter().filter(|name| declared.has(name)).collect();
            (if *required { "ANY" } else { "VALIDATED" }, names)
        }
        Some(ToolChoice::Tool { .. }) => return loss(losses, "tool_choice", "no such tool is declared"),
        Some(ToolChoice::Hosted { .. }) => {
            return loss(losses, "tool_choice", "Gemini calls its own tools as it likes");
        }
    };
    // Claude's models know no other mode here, but that none is called. Source: translation.md A.15.
    if mode == "ANY" && target.is_claude() {
        loss(losses, "tool_choice", "Claude's models cannot be made to call a tool here");
    }
    w.key("toolConfig");
    w.begin_object();
    w.key("functionCallingConfig");
    w.begin_object();
    w.field_string("mode", if mode != "NONE" && target.is_claude() { "VALIDATED" } else { mode });
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
