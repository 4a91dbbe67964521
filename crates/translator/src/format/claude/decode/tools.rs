//! Tool declarations and choice.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::wire::{self, wrong};
use super::super::{CLAUDE, block};
use crate::codec::CodecError;
use crate::json::Extras;
use crate::json::read::each;
use crate::model::{Builtin, FunctionTool, Tool, ToolChoice};

pub(super) fn declarations(tools: Vec<&RawValue>) -> Result<Vec<Tool<'_>>, CodecError> {
    each(tools.into_iter().enumerate(), |(index, raw)| declaration(raw, index))
}

/// A tool without a type, or of type `custom`, is the client's; any other type has a meaning of its own and stays
/// whole (A.6).
fn declaration(raw: &RawValue, index: usize) -> Result<Tool<'_>, CodecError> {
    let tool: wire::Tool<'_> = wire::read(raw, &format!("tools[{index}]"))?;
    let cache = tool.cache_control.map(block::mark);
    let kind = wire::plain(tool.kind);
    if !matches!(&*kind, "" | "custom") {
        return Ok(Tool::Builtin(Builtin {
            format: CLAUDE,
            kind,
            name: tool.name.map(crate::json::Text::into_decoded),
            raw: Cow::Borrowed(raw),
            cache,
        }));
    }
    let Some(name) = tool.name else { return Err(wrong(&format!("tools[{index}].name"), "missing")) };
    let schema = wire::schema(tool.input_schema, "input_schema")
        .map_err(|error| wire::at(&format!("tools[{index}]"), &error))?;
    Ok(Tool::Function(FunctionTool {
        name: name.into_decoded(),
        namespace: None,
        description: tool.description,
        schema: schema.map(Cow::Borrowed),
        strict: tool.strict,
        cache,
        extras: tool.extras,
    }))
}

/// The choice, and whether several calls at once are fine.
pub(super) fn choice<'a>(
    raw: Option<&'a RawValue>,
    extras: &mut Extras<'a>,
) -> Result<(Option<ToolChoice<'a>>, Option<bool>), CodecError> {
    let Some(raw) = raw else { return Ok((None, None)) };
    let choice: wire::ToolChoice<'_> = wire::read(raw, "tool_choice")?;
    let parallel = choice.disable_parallel_tool_use.map(|disabled| !disabled);
    let known = match &*wire::plain(choice.kind) {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" => ToolChoice::Any,
        "tool" => ToolChoice::Tool { name: wire::plain(choice.name), custom: false },
        _ => return Ok((Some(ToolChoice::Hosted { format: CLAUDE, raw: Cow::Borrowed(raw) }), parallel)),
    };
    extras
        .extend(choice.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("tool_choice.{key}")), raw)));
    Ok((Some(known), parallel))
}
