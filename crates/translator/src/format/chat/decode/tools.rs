//! Tool declarations and choice, today's and legacy ones.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::CHAT;
use super::super::wire::{self, wrong};
use super::part::mark;
use crate::codec::CodecError;
use crate::json::{Text, kind_of};
use crate::model::{Builtin, CustomTool, FunctionTool, Tool, ToolChoice};

pub(super) fn declarations<'a>(
    tools: Vec<&'a RawValue>,
    functions: Vec<&'a RawValue>,
) -> Result<Vec<Tool<'a>>, CodecError> {
    let mut all = Vec::with_capacity(tools.len() + functions.len());
    for (index, raw) in tools.into_iter().enumerate() {
        all.push(declaration(raw).map_err(|error| wire::at(&format!("tools[{index}]"), &error))?);
    }
    for (index, raw) in functions.into_iter().enumerate() {
        let spec: wire::FunctionSpec<'_> = wire::read(raw, &format!("functions[{index}]"))?;
        let tool = function(spec).map_err(|error| wire::at(&format!("functions[{index}]"), &error))?;
        all.push(Tool::Function(tool));
    }
    Ok(all)
}

/// Both spellings are read: nested as here, and flat as in Responses (F23).
fn declaration(raw: &RawValue) -> Result<Tool<'_>, CodecError> {
    let tool: wire::Tool<'_> = wire::read(raw, "")?;
    let kind = match tool.kind.clone().map(Text::into_decoded) {
        Some(kind) => kind,
        None if tool.function.is_some() => Cow::Borrowed("function"),
        None => return Err(wrong("type", "missing")),
    };
    match &*kind {
        "function" => {
            let nested = tool.function.is_some();
            let spec = tool.function.unwrap_or_else(|| wire::FunctionSpec {
                name: tool.name,
                description: tool.description,
                parameters: tool.parameters,
                strict: tool.strict,
                ..wire::FunctionSpec::default()
            });
            let mut found =
                function(spec).map_err(|error| if nested { wire::at("function", &error) } else { error })?;
            // On the tool or on its function (E018).
            found.cache = tool.cache_control.map(mark).or(found.cache);
            found
                .extras
                .extend(tool.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("tool.{key}")), raw)));
            Ok(Tool::Function(found))
        }
        "custom" => {
            let spec = tool.custom.unwrap_or_else(|| wire::CustomSpec {
                name: tool.name,
                description: tool.description,
                format: tool.format,
                ..wire::CustomSpec::default()
            });
            let Some(name) = spec.name else { return Err(wrong("custom.name", "missing")) };
            Ok(Tool::Custom(CustomTool {
                name: name.into_decoded(),
                namespace: None,
                description: spec.description,
                format: spec.format.map(Cow::Borrowed),
                extras: spec.extras,
            }))
        }
        _ => Ok(Tool::Builtin(Builtin {
            format: CHAT,
            name: tool.name.map(Text::into_decoded),
            kind,
            raw: Cow::Borrowed(raw),
            cache: tool.cache_control.map(mark),
        })),
    }
}

fn function(spec: wire::FunctionSpec<'_>) -> Result<FunctionTool<'_>, CodecError> {
    let Some(name) = spec.name else { return Err(wrong("name", "missing")) };
    Ok(FunctionTool {
        name: name.into_decoded(),
        namespace: None,
        description: spec.description,
        schema: wire::schema(spec.parameters, "parameters")?.map(Cow::Borrowed),
        strict: spec.strict,
        cache: spec.cache_control.map(mark),
        extras: spec.extras,
    })
}

/// `tool_choice`, else the legacy `function_call`.
pub(super) fn choice<'a>(
    choice: Option<&'a RawValue>,
    legacy: Option<&'a RawValue>,
) -> Result<Option<ToolChoice<'a>>, CodecError> {
    match (choice, legacy) {
        (Some(raw), _) => read_choice(raw, "tool_choice").map(Some),
        (None, Some(raw)) => match word(raw, "function_call")? {
            Some(known) => Ok(Some(known)),
            None => {
                let named: wire::Named<'_> = wire::read(raw, "function_call")?;
                Ok(Some(named_tool(named.name, false, "function_call")?))
            }
        },
        (None, None) => Ok(None),
    }
}

fn word<'a>(raw: &RawValue, place: &str) -> Result<Option<ToolChoice<'a>>, CodecError> {
    let Some(word) = Text::from_raw(raw) else {
        return match raw.get().starts_with('{') {
            true => Ok(None),
            false => Err(wrong(place, &format!("expected a string or an object, found {}", kind_of(raw)))),
        };
    };
    match &*word.decoded() {
        "auto" => Ok(Some(ToolChoice::Auto)),
        "none" => Ok(Some(ToolChoice::None)),
        "required" | "any" => Ok(Some(ToolChoice::Any)),
        other => Err(wrong(place, &format!("expected auto, none or required, found {other:?}"))),
    }
}

fn read_choice<'a>(raw: &'a RawValue, place: &str) -> Result<ToolChoice<'a>, CodecError> {
    if let Some(known) = word(raw, place)? {
        return Ok(known);
    }
    let choice: wire::ToolChoice<'_> = wire::read(raw, place)?;
    let kind = wire::plain(choice.kind);
    match &*kind {
        "function" | "tool" | "" => {
            named_tool(choice.function.and_then(|named| named.name).or(choice.name), false, place)
        }
        // The words as objects, as Claude's clients write them.
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "any" | "required" => Ok(ToolChoice::Any),
        "custom" => named_tool(choice.custom.and_then(|named| named.name).or(choice.name), true, place),
        "allowed_tools" => {
            let (mode, tools) = match choice.allowed_tools {
                Some(allowed) => (allowed.mode, allowed.tools),
                None => (choice.mode, choice.tools),
            };
            let names: Option<Vec<_>> = tools.unwrap_or_default().0.into_iter().map(allowed_name).collect();
            match names {
                Some(names) => {
                    Ok(ToolChoice::Allowed { required: mode.is_some_and(|mode| mode == "required"), names })
                }
                // Hosted tools among them.
                None => Ok(ToolChoice::Hosted { format: CHAT, raw: Cow::Borrowed(raw) }),
            }
        }
        _ => Ok(ToolChoice::Hosted { format: CHAT, raw: Cow::Borrowed(raw) }),
    }
}

fn named_tool<'a>(name: Option<Text<'a>>, custom: bool, place: &str) -> Result<ToolChoice<'a>, CodecError> {
    match name {
        Some(name) => Ok(ToolChoice::Tool { name: name.into_decoded(), custom }),
        None => Err(wrong(place, "names no tool")),
    }
}

fn allowed_name(raw: &RawValue) -> Option<Cow<'_, str>> {
    let choice: wire::ToolChoice<'_> = serde_json::from_str(raw.get()).ok()?;
    let nested = choice.function.or(choice.custom).and_then(|named| named.name);
    nested.or(choice.name).map(Text::into_decoded)
}
