//! Tool names on the wire. Source: translation.md B5 to B9.

use std::borrow::Cow;
use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::ids::hex;
use crate::model::{PartKind, Request, Tool, ToolChoice};
use crate::names::NameMap;

/// The longest tool name OpenAI, Codex and Kiro take. Source: translation.md B6.
pub const MAX_NAME: usize = 64;

/// A name with its namespace, as formats without namespaces declare it (B9).
#[must_use]
pub fn qualified<'n>(name: &'n str, namespace: Option<&str>) -> Cow<'n, str> {
    let Some(space) = namespace.filter(|space| !space.is_empty()) else { return Cow::Borrowed(name) };
    if name == space || name.starts_with("mcp__") {
        return Cow::Borrowed(name);
    }
    if space.ends_with("__") {
        return if name.starts_with(space) {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(format!("{space}{name}"))
        };
    }
    if name.strip_prefix(space).is_some_and(|rest| rest.starts_with("__")) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("{space}__{name}"))
}

/// The declared names as OpenAI takes them, `[A-Za-z0-9_-]` and 64 of these at most, in the order of declaration; names
/// that fit stay. The map holds every declared name when one of them had to change, and nothing otherwise.
/// Source: translation.md A.6, B5, B6; OpenAI API reference, "tools".
#[must_use]
pub fn shorten_for_openai(tools: &[Tool<'_>]) -> NameMap {
    Shortened::of(tools).map
}

/// As [`shorten_for_openai`], for all names of a request: declared ones first, then those that only the history or
/// the tool choice mention (B5).
#[must_use]
pub fn openai_names(request: &Request<'_>) -> NameMap {
    let mut shortened = Shortened::of(&request.tools);
    let mut mention = |name: &str| {
        if shortened.map.is_empty() {
            if is_openai_name(name) {
                return;
            }
            shortened.note_all(&request.tools);
        }
        shortened.note(name);
    };
    match &request.tool_choice {
        Some(ToolChoice::Tool { name, .. }) => mention(name),
        Some(ToolChoice::Allowed { names, .. }) => names.iter().for_each(|name| mention(name)),
        _ => {}
    }
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        match &part.kind {
            PartKind::ToolCall(call) => mention(&call.name),
            PartKind::ToolResult(result) => {
                if let Some(name) = &result.name {
                    mention(name);
                }
            }
            _ => {}
        }
    }
    shortened.map
}

/// Names in their short forms.
#[derive(Default)]
struct Shortened {
    map: NameMap,
    numbers: Numbers,
}

impl Shortened {
    /// Those of all tools when one of them has to change.
    fn of(tools: &[Tool<'_>]) -> Self {
        let mut shortened = Self::default();
        if !tools.iter().filter_map(Tool::name).all(is_openai_name) {
            shortened.note_all(tools);
        }
        shortened
    }

    fn note_all(&mut self, tools: &[Tool<'_>]) {
        tools.iter().filter_map(Tool::name).for_each(|name| self.note(name));
    }

    /// Adds a name, unless it is known.
    fn note(&mut self, name: &str) {
        if !self.map.has_declared(name) {
            let wire = self.numbers.free(&self.map, &short(&clean(name)), MAX_NAME);
            self.map.insert(name, wire);
        }
    }
}

/// The numbers behind names that were taken. Any number of names may become one: counting goes on where it stopped, as
/// what was taken once stays so. It is kept for each beginning and each length of numbers, as longer numbers cut names
/// that fill the limit shorter.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    next: HashMap<(u32, String), u32>,
}

impl Numbers {
    /// The name, with the first number behind it that makes it free when it is taken: of at most so many bytes.
    pub(crate) fn free(&mut self, map: &NameMap, base: &str, most: usize) -> String {
        if !map.has_wire(base) {
            return base.to_owned();
        }
        for digits in 1.. {
            let room = most.saturating_sub(1 + usize::try_from(digits).unwrap_or(most));
            let begin = cut(base, room);
            let next =
                self.next.entry((digits, begin.to_owned())).or_insert(10_u32.saturating_pow(digits - 1));
            let end = 10_u32.saturating_pow(digits);
            while *next < end {
                let wire = format!("{begin}_{next}");
                *next += 1;
                if !map.has_wire(&wire) {
                    return wire;
                }
            }
        }
        base.to_owned()
    }
}

fn is_openai_name(name: &str) -> bool {
    name.len() <= MAX_NAME && name.bytes().all(is_plain)
}

/// What OpenAI and Claude take in names.
pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// A name with an underscore for every letter that OpenAI and Claude do not take.
pub(crate) fn clean(name: &str) -> Cow<'_, str> {
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let plain = |c: char| u8::try_from(c).is_ok_and(is_plain);
    Cow::Owned(name.chars().map(|c| if plain(c) { c } else { '_' }).collect())
}

/// A name within the limit: of an MCP tool its last part (B6).
fn short(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME {
        return Cow::Borrowed(name);
    }
    let tail = name
        .strip_prefix("mcp__")
        .and_then(|rest| rest.rsplit_once("__"))
        .map(|(_, tail)| tail)
        .filter(|tail| !tail.is_empty());
    match tail {
        Some(tail) => Cow::Owned(cut(&format!("mcp__{tail}"), MAX_NAME).to_owned()),
        None => Cow::Borrowed(cut(name, MAX_NAME)),
    }
}

/// Cuts at a character, never inside one.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most.min(text.len()))).unwrap_or(text)
}

/// The declared name that a provider meant when it changed case or put underscores in front (B8). An exact match
/// wins; `None` when nothing fits.
#[must_use]
pub fn restore_case<'n>(declared: impl IntoIterator<Item = &'n str>, returned: &str) -> Option<&'n str> {
    let key = folded(returned);
    let mut found = None;
    for name in declared {
        if name == returned {
            return Some(name);
        }
        if found.is_none() && folded(name).eq_ignore_ascii_case(key) {
            found = Some(name);
        }
    }
    found
}

/// What B8 compares, but for case.
fn folded(name: &str) -> &str {
    name.trim().trim_start_matches('_')
}

/// The longest tool name that goes to Gemini. Source: translation.md B7; the API takes 128 by now, its dialects 64.
pub const MAX_GEMINI_NAME: usize = 64;

/// The names of all tools of a request as Gemini takes them: letters, digits, `_`, `.`, `:` and `-`, beginning with a
/// letter or `_` (B7, E576, E577). Empty when all go unchanged.
#[must_use]
pub fn gemini_names(request: &Request<'_>) -> NameMap {
    let names = mentioned(request, true);
    let mut clean = None;
    map_names(
        &names,
        |name| matches!(gemini_name(name), Cow::Borrowed(_)),
        |name, map| {
            let clean: &HashMap<_, _> = clean.get_or_insert_with(|| clean_gemini_names(&names));
            free_gemini_name(name, clean, map)
        },
    )
}

/// The names of the client's tools: those that are declared, then those that only the choice or the history mention.
/// Typed tools are never renamed. Source: translation.md B5; providers-a.md 2.7.
pub(crate) fn mentioned<'r>(request: &'r Request<'_>, of_results: bool) -> Vec<&'r str> {
    let mut names: Vec<&'r str> = Vec::new();
    for tool in &request.tools {
        match tool {
            Tool::Function(tool) => names.push(&tool.name),
            Tool::Custom(tool) => names.push(&tool.name),
            Tool::Builtin(_) => {}
        }
    }
    match &request.tool_choice {
        Some(ToolChoice::Tool { name, .. }) => names.push(name),
        Some(ToolChoice::Allowed { names: allowed, .. }) => names.extend(allowed.iter().map(|name| &**name)),
        _ => {}
    }
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        match &part.kind {
            PartKind::ToolCall(call) => names.push(&call.name),
            PartKind::ToolResult(result) if of_results => {
                names.extend(result.name.as_deref().filter(|name| !name.is_empty()));
            }
            _ => {}
        }
    }
    names
}

/// A free name on the wire for each. Empty when all are fine as they are.
pub(crate) fn map_names(
    names: &[&str],
    is_fine: impl Fn(&str) -> bool,
    mut free: impl FnMut(&str, &NameMap) -> String,
) -> NameMap {
    let mut map = NameMap::default();
    if names.iter().all(|name| is_fine(name)) {
        return map;
    }
    for name in names {
        if !map.has_declared(name) {
            let wire = free(name, &map);
            map.insert(*name, wire);
        }
    }
    map
}

/// One name as Gemini takes it; borrowed when it is fine.
#[must_use]
pub fn gemini_name(name: &str) -> Cow<'_, str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.len() <= MAX_GEMINI_NAME && name.chars().all(fine) {
        return Cow::Borrowed(name);
    }
    let mut clean: String = name.chars().map(|c| if fine(c) { c } else { '_' }).collect();
    if !clean.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        clean.insert(0, '_');
    }
    Cow::Owned(cut(&clean, MAX_GEMINI_NAME).to_owned())
}

/// What the names become: by that, the only one that does, or `None` where several do.
fn clean_gemini_names<'n>(names: &[&'n str]) -> HashMap<Cow<'n, str>, Option<&'n str>> {
    let mut clean = HashMap::with_capacity(names.len());
    for name in names {
        let only = clean.entry(gemini_name(name)).or_insert(Some(*name));
        if *only != Some(*name) {
            *only = None;
        }
    }
    clean
}

/// Names that would become one stay several: each gets twelve digits of its hash (B7).
fn free_gemini_name(name: &str, all: &HashMap<Cow<'_, str>, Option<&str>>, map: &NameMap) -> String {
    let clean = gemini_name(name);
    let shared = all.get(&clean).is_some_and(Option::is_none);
    if matches!(clean, Cow::Borrowed(_)) || !shared && !map.has_wire(&clean) {
        return clean.into_owned();
    }
    let base = cut(&clean, MAX_GEMINI_NAME - 13);
    let mut attempt = 0_u32;
    loop {
        let digest = hex(&Sha256::digest(format!("{name}\0{attempt}").as_bytes()));
        let wire = format!("{base}_{}", cut(&digest, 12));
        if !map.has_wire(&wire) {
            return wire;
        }
        attempt += 1;
    }
}
