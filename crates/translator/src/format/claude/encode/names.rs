//! Tool names as Claude takes them: `[A-Za-z0-9_-]`, at most 128. Source: translation.md B5, B9; Messages API
//! reference, "tools".

use std::borrow::Cow;

use crate::model::{PartKind, Request, Tool, ToolChoice};
use crate::names::NameMap;

const MAX_NAME: usize = 128;

/// The names of all tools, and of those that only the history or the choice mention. Empty when all go unchanged.
pub(super) fn wire_names(request: &Request<'_>) -> NameMap {
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    for tool in &request.tools {
        match tool {
            Tool::Function(tool) => names.push(Cow::Borrowed(&*tool.name)),
            Tool::Custom(tool) => names.push(Cow::Borrowed(&*tool.name)),
            // Typed tools are never renamed (providers-a.md 2.7).
            Tool::Builtin(_) => {}
        }
    }
    match &request.tool_choice {
        Some(ToolChoice::Tool { name, .. }) => names.push(Cow::Borrowed(&**name)),
        Some(ToolChoice::Allowed { names: allowed, .. }) => {
            names.extend(allowed.iter().map(|name| Cow::Borrowed(&**name)));
        }
        _ => {}
    }
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        if let PartKind::ToolCall(call) = &part.kind {
            names.push(Cow::Borrowed(&*call.name));
        }
    }
    let mut map = NameMap::default();
    if names.iter().all(|name| is_fine(name)) {
        return map;
    }
    for name in &names {
        if !map.has_declared(name) {
            let wire = free(&map, &clean(name));
            map.insert(name.clone().into_owned(), wire);
        }
    }
    map
}

fn is_fine(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_fine_byte)
}

fn is_fine_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn clean(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_ascii() && u8::try_from(c).is_ok_and(is_fine_byte) { c } else { '_' })
        .take(MAX_NAME)
        .collect();
    if clean.is_empty() { "_".to_owned() } else { clean }
}

/// The name, with a number behind it when it is taken.
fn free(map: &NameMap, base: &str) -> String {
    let mut wire = base.to_owned();
    let mut count = 0_u32;
    while map.has_wire(&wire) {
        count += 1;
        let suffix = format!("_{count}");
        let room = MAX_NAME.saturating_sub(suffix.len()).min(base.len());
        // The base is ASCII.
        wire = format!("{}{suffix}", base.get(..room).unwrap_or(base));
    }
    wire
}
