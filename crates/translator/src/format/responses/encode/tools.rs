//! Tool declarations and choice. Source: translation.md A.6, A.7, B84, E216 to E219, E286, E287.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Target, loss};
use crate::format::responses::is_family;
use crate::json::{Text, Writer};
use crate::loss::{Loss, named, tool_members};
use crate::model::{Builtin, CustomTool, FunctionTool, Namespace, Request, Tool, ToolChoice};
use crate::pass::index::NameIndex;
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
    // Those of the conversation are declared there again.
    let top = request.tools.len().saturating_sub(if target.native { request.late_tools } else { 0 });
    let going: Vec<_> = request.tools.iter().take(top).filter(|tool| goes(tool, losses)).collect();
    if going.is_empty() {
        return target.native && request.late_tools > 0;
    }
    if !target.vendor {
        strict::tell(&going, losses);
    }
    w.key("tools");
    write_list(w, target, &going);
    true
}

/// Writes every tool of a request of this format, for a reply that repeats them.
pub(in super::super) fn write_all(w: &mut Writer, target: &Target<'_>, tools: &[Tool<'_>]) {
    write_list(w, target, &tools.iter().collect::<Vec<_>>());
}

fn goes(tool: &Tool<'_>, losses: &mut Vec<Loss>) -> bool {
    let Tool::Builtin(builtin) = tool else { return true };
    // Chat clients declare hosted tools as this format does (E287).
    let fine = is_family(builtin.format) || builtin.format == "openai" || web_search(builtin).is_some();
    if !fine {
        named(losses, "tools", &builtin.kind, "it runs at its own provider only");
    } else if !is_family(builtin.format) && builtin.format != "openai" {
        tool_members(
            losses,
            builtin,
            &["allowed_domains", "user_location"],
            "the provider's search has no such setting",
        );
    }
    fine
}

fn write_list(w: &mut Writer, target: &Target<'_>, tools: &[&Tool<'_>]) {
    w.begin_array();
    let mut rest = tools;
    while let Some((tool, behind)) = rest.split_first() {
        rest = behind;
        let Some(space) = namespace_of(tool).filter(|_| target.native) else {
            write_tool(w, target, tool, None);
            continue;
        };
        // Neighbours of one namespace were declared together.
        w.begin_object();
        w.field_string("type", "namespace");
        w.field_string("name", &space.name);
        w.key("description");
        w.text(space.description.as_ref().unwrap_or(&Text::default()));
        w.key("tools");
        w.begin_array();
        write_tool(w, target, tool, Some(space));
        while let Some((next, behind)) = rest.split_first()
            && let Some(inner) = namespace_of(next).filter(|inner| inner.name == space.name)
        {
            write_tool(w, target, next, Some(inner));
            rest = behind;
        }
        w.end_array();
        w.end_object();
    }
    w.end_array();
}

fn namespace_of<'t>(tool: &'t Tool<'_>) -> Option<&'t Namespace<'t>> {
    match tool {
        Tool::Function(tool) => tool.namespace.as_ref(),
        Tool::Custom(tool) => tool.namespace.as_ref(),
        Tool::Builtin(_) => None,
    }
}

fn write_tool(w: &mut Writer, target: &Target<'_>, tool: &Tool<'_>, space: Option<&Namespace<'_>>) {
    match tool {
        Tool::Function(tool) => write_function(w, target, tool, space),
        Tool::Custom(tool) => write_custom(w, target, tool, space),
        Tool::Builtin(builtin) => write_builtin(w, target, builtin),
    }
}

fn name_of<'n>(target: &'n Target<'_>, name: &'n str, space: Option<&'n Namespace<'_>>) -> &'n str {
    space.map_or_else(|| target.names.wire(name), |space| &*space.local)
}

fn write_function(
    w: &mut Writer,
    target: &Target<'_>,
    tool: &FunctionTool<'_>,
    space: Option<&Namespace<'_>>,
) {
    w.begin_object();
    w.field_string("type", "function");
    w.field_string("name", name_of(target, &tool.name, space));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    match &tool.schema {
        Some(schema) if target.native => w.field_raw("parameters", schema.get()),
        // Source: translation.md B47, E327.
        Some(schema) => {
            let schema = openai_parameters(schema.get());
            let closed = target.closed_schemas.then(|| closed(&schema)).flatten();
            w.field_raw("parameters", closed.as_deref().unwrap_or(&schema));
        }
        None if target.native => {}
        None => w.field_raw("parameters", r#"{"type":"object","properties":{}}"#),
    }
    match if target.vendor { tool.strict } else { strict::strict(tool) } {
        Some(strict) => w.field_boolean("strict", strict),
        // Leaving it out means `true` here, and `false` wherever else tools come from.
        None if !target.native => w.field_boolean("strict", false),
        None => {}
    }
    if target.native {
        tool.extras.iter().for_each(|(key, raw)| w.field_raw(key, raw.get()));
        if let Some(mark) = tool.cache.as_ref().filter(|_| !target.is_codex()) {
            w.field_raw("cache_control", mark.raw.get());
        }
    }
    w.end_object();
}

/// A schema that says nothing of more members than it names, as one that forbids them.
fn closed(schema: &str) -> Option<String> {
    let scanned =
        TopLevel::scan(schema.as_bytes()).ok().filter(|scanned| !scanned.has("additionalProperties"))?;
    let edits = Edits::new().set("additionalProperties", "false");
    edits.apply_str(schema).ok().filter(|_| scanned.has("properties")).map(Cow::into_owned)
}

fn write_custom(w: &mut Writer, target: &Target<'_>, tool: &CustomTool<'_>, space: Option<&Namespace<'_>>) {
    w.begin_object();
    w.field_string("type", "custom");
    w.field_string("name", name_of(target, &tool.name, space));
    if let Some(description) = &tool.description {
        w.field_text("description", description);
    }
    if let Some(format) = &tool.format {
        write_format(w, format);
    }
    if target.native {
        tool.extras.iter().for_each(|(key, raw)| w.field_raw(key, raw.get()));
    }
    w.end_object();
}

/// A grammar is flat here and nested in Chat Completions.
fn write_format(w: &mut Writer, format: &RawValue) {
    let nested = TopLevel::scan(format.get().as_bytes()).ok().and_then(|format| format.object("grammar"));
    let member = |key| nested.as_ref().and_then(|grammar| grammar.raw(key).ok().flatten());
    let (Some(syntax), Some(definition)) = (member("syntax"), member("definition")) else {
        return w.field_raw("format", format.get());
    };
    w.key("format");
    w.begin_object();
    w.field_string("type", "grammar");
    w.field_raw("syntax", syntax);
    w.field_raw("definition", definition);
    w.end_object();
}

/// The preview names of web search. Source: translation.md A.15, E314, E315.
pub(in super::super) const PREVIEWS: [&str; 2] = ["web_search_preview", "web_search_preview_2025_03_11"];

fn write_builtin(w: &mut Writer, target: &Target<'_>, builtin: &Builtin<'_>) {
    if !is_family(builtin.format) && builtin.format != "openai" {
        if let Some(json) = web_search(builtin) {
            w.raw(&json);
        }
        return;
    }
    if target.is_codex() && PREVIEWS.contains(&&*builtin.kind) {
        let renamed = Edits::new().set_string("type", "web_search").apply_str(builtin.raw.get());
        return w.raw(&renamed.unwrap_or(Cow::Borrowed(builtin.raw.get())));
    }
    w.raw(builtin.raw.get());
}

/// Claude's web search as this format declares it (B84). `None` when it is something else.
fn web_search(builtin: &Builtin<'_>) -> Option<String> {
    if !builtin.kind.starts_with("web_search") {
        return None;
    }
    let scanned = TopLevel::scan(builtin.raw.get().as_bytes()).ok()?;
    let of = |key: &str, open: char| scanned.raw(key).ok().flatten().filter(|json| json.starts_with(open));
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "web_search");
    if let Some(domains) = of("allowed_domains", '[').filter(|json| json.len() > 2) {
        w.key("filters");
        w.begin_object();
        w.field_raw("allowed_domains", domains);
        w.end_object();
    }
    if let Some(location) = of("user_location", '{') {
        w.field_raw("user_location", location);
    }
    w.end_object();
    String::from_utf8(w.into_bytes()).ok()
}

/// Writes `tool_choice` and `parallel_tool_calls`. Neither says anything without tools; Codex refuses the second
/// (providers-a.md 3.8).
pub(super) fn write_choice(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    declared: bool,
    losses: &mut Vec<Loss>,
) {
    if declared || target.native && !target.is_codex() {
        match &request.tool_choice {
            Some(choice) => {
                let mut value = Writer::default();
                write_choice_value(&mut value, target, request, choice, losses);
                let json = value.into_bytes();
                if let Some(json) = std::str::from_utf8(&json).ok().filter(|json| !json.is_empty()) {
                    w.field_raw("tool_choice", json);
                }
            }
            // Source: translation.md E216.
            None if target.is_codex() && !target.native => w.field_string("tool_choice", "auto"),
            None => {}
        }
    }
    match request.parallel_tools {
        _ if target.is_codex() && !declared => {}
        Some(parallel) if declared || target.native => w.field_boolean("parallel_tool_calls", parallel),
        // Source: translation.md E213.
        None if target.is_codex() => w.field_boolean("parallel_tool_calls", true),
        _ => {}
    }
}

/// Writes the value of `tool_choice`; nothing when the target cannot have what it names.
pub(in super::super) fn write_choice_value(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    choice: &ToolChoice<'_>,
    losses: &mut Vec<Loss>,
) {
    match choice {
        ToolChoice::Auto => w.string("auto"),
        ToolChoice::None => w.string("none"),
        ToolChoice::Any => w.string("required"),
        ToolChoice::Tool { name, custom } => {
            let tool = request.tools.iter().find(|tool| tool.name() == Some(name));
            match tool {
                Some(Tool::Builtin(builtin)) if web_search(builtin).is_some() => {
                    // Source: translation.md B84, E219.
                    w.begin_object();
                    w.field_string("type", "web_search");
                    w.end_object();
                }
                None if !target.native => {
                    loss(losses, "tool_choice", "the tool it names is not declared");
                }
                _ => write_named(w, target, tool, name, *custom),
            }
        }
        ToolChoice::Allowed { required, names } => {
            w.begin_object();
            w.field_string("type", "allowed_tools");
            w.field_string("mode", if *required { "required" } else { "auto" });
            w.key("tools");
            w.begin_array();
            let known = request.tools.iter().enumerate();
            let known: NameIndex<'_> =
                known.filter_map(|(place, tool)| Some((tool.name()?, place))).collect();
            for name in names {
                let tool = known.get(name).and_then(|place| request.tools.get(place));
                write_named(w, target, tool, name, false);
            }
            w.end_array();
            w.end_object();
        }
        ToolChoice::Hosted { format, raw } if is_family(format) || *format == "openai" => {
            if target.is_codex() {
                w.raw(&without_previews(raw.get()));
            } else {
                w.raw(raw.get());
            }
        }
        ToolChoice::Hosted { .. } => loss(losses, "tool_choice", "it names a tool of another provider"),
    }
}

fn write_named(w: &mut Writer, target: &Target<'_>, tool: Option<&Tool<'_>>, name: &str, custom: bool) {
    w.begin_object();
    w.field_string("type", if target.is_custom(name, custom) { "custom" } else { "function" });
    match tool.and_then(namespace_of).filter(|_| target.native) {
        Some(space) => {
            w.field_string("name", &space.local);
            w.field_string("namespace", &space.name);
        }
        None => w.field_string("name", target.names.wire(name)),
    }
    w.end_object();
}

/// A choice without the preview names of web search: its own type, and those of the tools in it (E314, E315).
pub(in super::super) fn without_previews(choice: &str) -> Cow<'_, str> {
    let Ok(scanned) = TopLevel::scan(choice.as_bytes()) else { return Cow::Borrowed(choice) };
    let mut edits = Edits::new();
    if scanned.string("type").ok().flatten().is_some_and(|kind| PREVIEWS.contains(&&*kind)) {
        edits = edits.set_string("type", "web_search");
    }
    if let Some(tools) = scanned.raw("tools").ok().flatten().and_then(tools_without_previews) {
        edits = edits.set("tools", tools);
    }
    edits.apply_str(choice).unwrap_or(Cow::Borrowed(choice))
}

/// A list of tools without the preview names of web search; `None` when nothing changes.
pub(in super::super) fn tools_without_previews(tools: &str) -> Option<String> {
    memchr::memmem::find(tools.as_bytes(), b"web_search_preview")?;
    let items: Vec<&RawValue> = serde_json::from_str(tools).ok()?;
    let mut changed = false;
    let mut w = Writer::new(Vec::with_capacity(tools.len()));
    w.begin_array();
    for raw in items {
        let kind = TopLevel::scan(raw.get().as_bytes()).ok();
        let kind = kind.and_then(|tool| tool.string("type").ok().flatten().map(Cow::into_owned));
        if kind.is_some_and(|kind| PREVIEWS.contains(&kind.as_str()))
            && let Ok(renamed) = Edits::new().set_string("type", "web_search").apply_str(raw.get())
        {
            changed = true;
            w.raw(&renamed);
        } else {
            w.raw(raw.get());
        }
    }
    w.end_array();
    changed.then(|| String::from_utf8(w.into_bytes()).unwrap_or_default())
}
