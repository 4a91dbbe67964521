//! Tool declarations and choice. Source: translation.md A.6, A.7, B9.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::super::{RESPONSES, wire};
use super::mark;
use crate::codec::CodecError;
use crate::json::read::{at, plain, read, schema, wrong};
use crate::json::{Text, kind_of};
use crate::model::{Builtin, CustomTool, FunctionTool, Namespace, PartKind, Tool, ToolChoice, Turn};
use crate::pass::index::NameIndex;
use crate::pass::names::qualified;

/// The declared tools: of those that produce one name only the winner (B9).
pub(super) struct Table<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) late: usize,
}

/// What decides between two declarations of one name: where it stands, then whether it is direct, then its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    late: bool,
    nested: bool,
}

pub(super) fn declarations<'a>(
    tools: Vec<&'a RawValue>,
    late: &[&'a RawValue],
) -> Result<Table<'a>, CodecError> {
    let mut all: Vec<(Rank, Tool<'a>)> = Vec::with_capacity(tools.len() + late.len());
    for (index, raw) in tools.into_iter().enumerate() {
        declaration(raw, false, &mut all).map_err(|error| at(&format!("tools[{index}]"), &error))?;
    }
    for raw in late {
        declaration(raw, true, &mut all).map_err(|error| at("input.tools", &error))?;
    }
    let firsts = firsts(&all);
    for (place, first) in firsts.iter().enumerate() {
        // Where a late declaration wins nothing, and a direct one over a nested, it takes the place (E057).
        if let (Some((rank, _)), Some((known, _))) = (all.get(place), all.get(*first))
            && rank < known
        {
            all.swap(place, *first);
        }
    }
    let mut wins = firsts.iter().enumerate().map(|(place, first)| place == *first);
    all.retain(|_| wins.next().unwrap_or_default());
    let late = all.iter().filter(|(rank, _)| rank.late).count();
    // The late ones come last already: top-level declarations were read before them.
    Ok(Table { tools: all.into_iter().map(|(_, tool)| tool).collect(), late })
}

/// Where the first tool with the name of each stands.
fn firsts(all: &[(Rank, Tool<'_>)]) -> Vec<usize> {
    let mut names = NameIndex::default();
    let tools = all.iter().enumerate();
    let first = tools.map(|(place, (_, tool))| match tool {
        // Hosted tools have no name of their own: several may stand side by side.
        Tool::Builtin(_) => place,
        Tool::Function(_) | Tool::Custom(_) => names.claim(tool.name().unwrap_or_default(), place),
    });
    first.collect()
}

fn declaration<'a>(raw: &'a RawValue, late: bool, all: &mut Vec<(Rank, Tool<'a>)>) -> Result<(), CodecError> {
    let mut tool: wire::Tool<'a> = read(raw, "")?;
    let kind = match tool.kind.take().map(Text::into_decoded) {
        Some(kind) => kind,
        None if tool.function.is_some() => Cow::Borrowed("function"),
        None => return Err(wrong("type", "missing")),
    };
    if kind != "namespace" {
        all.push((Rank { late, nested: false }, one(raw, tool, kind, None)?));
        return Ok(());
    }
    let Some(space) = tool.name.take().map(Text::into_decoded) else { return Err(wrong("name", "missing")) };
    for (index, raw) in tool.tools.take().unwrap_or_default().0.into_iter().enumerate() {
        let place = |error: CodecError| at(&format!("tools[{index}]"), &error);
        let mut child: wire::Tool<'a> = read(raw, "").map_err(place)?;
        let kind = plain(child.kind.take());
        let within =
            Namespace { name: space.clone(), local: Cow::default(), description: tool.description.clone() };
        all.push((Rank { late, nested: true }, one(raw, child, kind, Some(within)).map_err(place)?));
    }
    Ok(())
}

fn one<'a>(
    raw: &'a RawValue,
    tool: wire::Tool<'a>,
    kind: Cow<'a, str>,
    within: Option<Namespace<'a>>,
) -> Result<Tool<'a>, CodecError> {
    let is_function = matches!(&*kind, "function" | "");
    if !is_function && kind != "custom" {
        return Ok(Tool::Builtin(Builtin {
            format: RESPONSES,
            kind,
            name: tool.name.map(Text::into_decoded),
            raw: Cow::Borrowed(raw),
            cache: tool.cache_control.map(mark),
        }));
    }
    let nested = tool.function.unwrap_or_default();
    let Some(local) = tool.name.or(nested.name).map(Text::into_decoded) else {
        return Err(wrong("name", "missing"));
    };
    let (name, namespace) = match within {
        None => (local, None),
        Some(within) => {
            let name = Cow::Owned(qualified(&local, Some(&within.name)).into_owned());
            (name, Some(Namespace { local, ..within }))
        }
    };
    Ok(if is_function {
        Tool::Function(FunctionTool {
            name,
            namespace,
            description: tool.description.or(nested.description),
            schema: match tool.parameters {
                Some(_) => schema(tool.parameters, "parameters")?,
                None => schema(nested.parameters, "function.parameters")?,
            }
            .map(Cow::Borrowed),
            strict: tool.strict.or(nested.strict),
            cache: tool.cache_control.map(mark),
            extras: tool.extras,
        })
    } else {
        Tool::Custom(CustomTool {
            name,
            namespace,
            description: tool.description,
            format: tool.format.map(Cow::Borrowed),
            extras: tool.extras,
        })
    })
}

/// The declared tools by what calls say.
pub(super) struct Names<'t, 'a> {
    tools: &'t [Tool<'a>],
    declared: NameIndex<'t>,
    locals: OnceCell<Locals<'t>>,
}

/// The names inside namespaces.
#[derive(Default)]
struct Locals<'t> {
    all: NameIndex<'t>,
    /// Those that several tools have.
    shared: NameIndex<'t>,
}

impl<'t, 'a> Names<'t, 'a> {
    pub(super) fn of(tools: &'t [Tool<'a>]) -> Self {
        Self { tools, declared: tools.iter().filter_map(Tool::name).collect(), locals: OnceCell::new() }
    }

    /// A turn whose calls are named as their declarations are: what a client calls by its name inside a namespace
    /// has the qualified name here.
    pub(super) fn named(&self, mut turn: Turn<'a>) -> Turn<'a> {
        for part in &mut turn.parts {
            let PartKind::ToolCall(call) = &mut part.kind else { continue };
            if call.namespace.is_none()
                && let Some(found) = self.local(&call.name)
            {
                call.namespace = namespace_of(found).cloned();
                call.name = Cow::Owned(found.name().unwrap_or_default().to_owned());
            }
        }
        turn
    }

    /// The tool that a name inside some namespace means, when no declared name is equal and only one fits.
    fn local(&self, name: &str) -> Option<&'t Tool<'a>> {
        if self.declared.has(name) {
            return None;
        }
        let locals = self.locals.get_or_init(|| Locals::of(self.tools));
        let place = locals.all.get(name).filter(|_| !locals.shared.has(name))?;
        self.tools.get(place)
    }

    fn final_name(&self, name: Text<'a>, namespace: Option<Text<'a>>) -> Cow<'a, str> {
        let name = name.into_decoded();
        if let Some(space) = namespace {
            return Cow::Owned(qualified(&name, Some(&space.decoded())).into_owned());
        }
        match self.local(&name) {
            Some(tool) => Cow::Owned(tool.name().unwrap_or_default().to_owned()),
            None => name,
        }
    }
}

impl<'t> Locals<'t> {
    fn of(tools: &'t [Tool<'_>]) -> Self {
        let mut locals = Self::default();
        for (place, tool) in tools.iter().enumerate() {
            let Some(space) = namespace_of(tool) else { continue };
            if locals.all.claim(&space.local, place) != place {
                locals.shared.claim(&space.local, place);
            }
        }
        locals
    }
}

fn namespace_of<'t, 'a>(tool: &'t Tool<'a>) -> Option<&'t Namespace<'a>> {
    match tool {
        Tool::Function(tool) => tool.namespace.as_ref(),
        Tool::Custom(tool) => tool.namespace.as_ref(),
        Tool::Builtin(_) => None,
    }
}

/// `tool_choice`: flat as here, or nested as in Chat Completions (E160).
pub(super) fn choice<'a>(
    raw: Option<&'a RawValue>,
    names: &Names<'_, 'a>,
) -> Result<Option<ToolChoice<'a>>, CodecError> {
    let Some(raw) = raw else { return Ok(None) };
    if let Some(word) = Text::from_raw(raw) {
        return match &*word.decoded() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" | "any" => Ok(Some(ToolChoice::Any)),
            other => Err(wrong("tool_choice", &format!("expected auto, none or required, found {other:?}"))),
        };
    }
    if !raw.get().starts_with('{') {
        let what = format!("expected a string or an object, found {}", kind_of(raw));
        return Err(wrong("tool_choice", &what));
    }
    let choice: wire::ToolChoice<'a> = read(raw, "tool_choice")?;
    let kind = plain(choice.kind);
    let hosted = ToolChoice::Hosted { format: RESPONSES, raw: Cow::Borrowed(raw) };
    Ok(Some(match &*kind {
        // The words as objects, as Claude's clients write them.
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" | "required" => ToolChoice::Any,
        "function" | "custom" | "tool" => {
            let nested = choice.function.or(choice.custom).and_then(|named| named.name);
            let Some(name) = choice.name.or(nested) else {
                return Err(wrong("tool_choice", "names no tool"));
            };
            ToolChoice::Tool { name: names.final_name(name, choice.namespace), custom: kind == "custom" }
        }
        "allowed_tools" => {
            let required = choice.mode.is_some_and(|mode| mode == "required");
            let allowed: Option<Vec<_>> =
                choice.tools.unwrap_or_default().0.into_iter().map(|raw| allowed(raw, names)).collect();
            match allowed {
                Some(names) => ToolChoice::Allowed { required, names },
                // Hosted tools among them.
                None => hosted,
            }
        }
        _ => hosted,
    }))
}

fn allowed<'a>(raw: &'a RawValue, names: &Names<'_, 'a>) -> Option<Cow<'a, str>> {
    let choice: wire::ToolChoice<'a> = serde_json::from_str(raw.get()).ok()?;
    let nested = choice.function.or(choice.custom).and_then(|named| named.name);
    Some(names.final_name(choice.name.or(nested)?, choice.namespace))
}
