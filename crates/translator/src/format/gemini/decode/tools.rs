//! Tool declarations and choice.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::{GEMINI, wire};
use super::part::word;
use crate::codec::CodecError;
use crate::json::read::{Reading, at, read, schema as schema_of, wrong};
use crate::json::{Extras, Text};
use crate::model::{Builtin, FunctionTool, Tool, ToolChoice};
use crate::pass::schema;

/// Every member of a tool object but its functions is a tool of the provider's own.
pub(super) fn declarations(tools: Vec<&RawValue>) -> Result<Vec<Tool<'_>>, CodecError> {
    let mut all = Vec::new();
    for (index, raw) in tools.into_iter().enumerate() {
        let place = format!("tools[{index}]");
        let tool: wire::Tool<'_> = read(raw, &place)?;
        for (number, declaration) in tool.functions.unwrap_or_default().0.into_iter().enumerate() {
            let function = function(declaration)
                .map_err(|error| at(&format!("{place}.functionDeclarations[{number}]"), &error))?;
            all.push(Tool::Function(function));
        }
        for (key, raw) in tool.extras {
            all.push(Tool::Builtin(Builtin {
                format: GEMINI,
                kind: camel(key),
                name: None,
                raw: Cow::Borrowed(raw),
                cache: None,
            }));
        }
    }
    Ok(all)
}

fn function(wire: wire::Declaration<'_>) -> Result<FunctionTool<'_>, CodecError> {
    if wire.name.is_none() {
        return Err(wrong("name", "missing"));
    }
    let name = word(wire.name, "name", Reading::Request)?;
    let mut extras = wire.extras;
    let native = schema_of(wire.parameters_json_schema, "parametersJsonSchema")?;
    let subset = schema_of(wire.parameters, "parameters")?;
    let schema = native.map(Cow::Borrowed).or_else(|| {
        extras.push((Cow::Borrowed("parameters"), subset?));
        subset.map(schema::from_openapi)
    });
    Ok(FunctionTool { name, description: wire.description, schema, extras, ..FunctionTool::default() })
}

/// `google_search` as `googleSearch`.
pub(in super::super) fn camel(key: Cow<'_, str>) -> Cow<'_, str> {
    if !key.contains('_') {
        return key;
    }
    let mut camel = String::with_capacity(key.len());
    let mut raise = false;
    for c in key.chars() {
        if c == '_' {
            raise = true;
        } else {
            camel.push(if std::mem::take(&mut raise) { c.to_ascii_uppercase() } else { c });
        }
    }
    Cow::Owned(camel)
}

/// Source: translation.md A.7. The whole configuration is kept too, for the format's own dialects.
pub(super) fn choice<'a>(
    raw: Option<&'a RawValue>,
    extras: &mut Extras<'a>,
) -> Result<Option<ToolChoice<'a>>, CodecError> {
    let Some(raw) = raw else { return Ok(None) };
    extras.push((Cow::Borrowed("toolConfig"), raw));
    let config: wire::ToolConfig<'_> = read(raw, "toolConfig")?;
    let Some(calling) = config.calling else { return Ok(None) };
    let mut names: Vec<_> =
        calling.allowed.unwrap_or_default().0.into_iter().map(Text::into_decoded).collect();
    let mode = Reading::Request.text(calling.mode, "toolConfig.functionCallingConfig.mode")?;
    let mode = mode.map(|mode| mode.decoded().to_ascii_uppercase());
    Ok(match (mode.as_deref(), names.len()) {
        (Some("NONE"), _) => Some(ToolChoice::None),
        (Some("ANY"), 0) => Some(ToolChoice::Any),
        (Some("ANY"), 1) => names.pop().map(|name| ToolChoice::Tool { name, custom: false }),
        (Some("ANY"), _) => Some(ToolChoice::Allowed { required: true, names }),
        (Some("AUTO" | "VALIDATED"), 0) => Some(ToolChoice::Auto),
        (None | Some("MODE_UNSPECIFIED"), 0) => None,
        (Some(_), 0) => Some(ToolChoice::Hosted { format: GEMINI, raw: Cow::Borrowed(raw) }),
        _ => Some(ToolChoice::Allowed { required: false, names }),
    })
}
