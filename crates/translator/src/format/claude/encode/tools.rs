//! Tool declarations and choice. Source: translation.md A.6, A.7, B10, B46, B84, F3, F5.

use std::borrow::Cow;

use super::{Loss, Marks, loss};
use crate::format::claude::{CLAUDE, hygiene};
use crate::json::{Text, Writer};
use crate::loss::{named, tool_members};
use crate::model::{Builtin, CustomTool, FunctionTool, Request, Tool, ToolChoice};
use crate::names::NameMap;
use crate::pass::cache::Place;
use crate::pass::custom::input_schema;
use crate::pass::index::{NameIndex, allowed_names};
use crate::pass::schema::{Cost, claude_enforced, claude_input_schema};
use crate::splice::TopLevel;

/// What Claude's own search is called.
pub(super) const SEARCH: &str = "web_search";

/// The tools to declare: those that Claude can have and that the choice allows; of two with one name the one that
/// was declared directly, else the first (B9).
pub(super) fn declared<'r>(
    request: &'r Request<'r>,
    names: &NameMap,
    losses: &mut Vec<Loss>,
) -> Vec<&'r Tool<'r>> {
    let native = request.source == CLAUDE;
    let allowed = allowed_names(request);
    let mut known = NameIndex::default();
    let mut tools: Vec<&Tool<'_>> = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        if let Tool::Builtin(builtin) = tool
            && builtin.format != CLAUDE
            && web_search(builtin).is_none()
        {
            named(losses, "tools", &builtin.kind, "Claude has no such tool");
            continue;
        }
        if let Tool::Builtin(builtin) = tool
            && builtin.format != CLAUDE
        {
            tool_members(
                losses,
                builtin,
                &["filters", "user_location", "external_web_access"],
                "Claude's search has no such setting",
            );
        }
        if let Some(allowed) = &allowed
            && !tool.name().is_some_and(|name| allowed.has(name))
        {
            continue;
        }
        let name = wire_name(tool, names);
        let place = if native || name.is_empty() { tools.len() } else { known.claim(name, tools.len()) };
        match tools.get_mut(place) {
            None => tools.push(tool),
            Some(known) => {
                if is_direct(tool) && !is_direct(known) {
                    *known = tool;
                }
                loss(losses, "tools.duplicate", "another tool has the same name");
            }
        }
    }
    tools
}

fn is_direct(tool: &Tool<'_>) -> bool {
    match tool {
        Tool::Function(tool) => tool.namespace.is_none(),
        Tool::Custom(tool) => tool.namespace.is_none(),
        Tool::Builtin(_) => true,
    }
}

fn wire_name<'n>(tool: &'n Tool<'_>, names: &'n NameMap) -> &'n str {
    match tool {
        Tool::Function(tool) => names.wire(&tool.name),
        Tool::Custom(tool) => names.wire(&tool.name),
        // A search of another format goes out under the name that Claude's own has.
        Tool::Builtin(builtin) if builtin.format != CLAUDE => SEARCH,
        Tool::Builtin(_) => tool.name().unwrap_or_default(),
    }
}

/// A declared name as it goes over the wire.
pub(super) fn renamed<'n>(name: Cow<'n, str>, names: &NameMap) -> Cow<'n, str> {
    match names.wire(&name) {
        wire if wire == name => name,
        wire => Cow::Owned(wire.to_owned()),
    }
}

/// The settings of declarations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style<'n> {
    pub(super) native: bool,
    /// Of another format's tools, in their order: the schemas that Claude is to enforce.
    pub(super) strict: &'n [Option<String>],
    pub(super) names: &'n NameMap,
}

/// Of each tool of another format, the schema that Claude is to enforce: of as many of the strict ones as it takes in one
/// request, as far as it has words for them.
pub(super) fn strict<'r>(
    tools: &[&'r Tool<'_>],
    enforces: bool,
    cost: &mut Cost,
    losses: &mut Vec<Loss>,
) -> Vec<Option<String>> {
    let mut schema_of = |tool: &&'r Tool<'_>| {
        let Tool::Function(tool) = tool else { return None };
        if !enforces || tool.strict != Some(true) {
            return None;
        }
        let schema = claude_input_schema(tool.schema.as_ref().map_or("{}", |schema| schema.get()));
        let enforced = claude_enforced(&schema).filter(|enforced| !enforced.less);
        let enforced =
            enforced.map(|enforced| enforced.schema.into_owned()).filter(|schema| cost.take_tool(schema));
        if enforced.is_none() {
            loss(losses, "tools.strict", "Claude enforces no such schema, or not as many");
        }
        enforced
    };
    tools.iter().map(&mut schema_of).collect()
}

pub(super) fn write(w: &mut Writer, tools: &[&Tool<'_>], style: Style<'_>, marks: &mut Marks<'_>) {
    w.begin_array();
    for (index, tool) in tools.iter().enumerate() {
        let auto = index + 1 == tools.len();
        match tool {
            Tool::Function(function) => {
                let enforced = style.strict.get(index).and_then(Option::as_deref);
                write_function(w, tool, function, (style, enforced), marks, auto);
            }
            Tool::Custom(custom) => write_custom(w, tool, custom, style, marks, auto),
            Tool::Builtin(builtin) => write_builtin(w, builtin, marks, auto),
        }
    }
    w.end_array();
}

fn write_function(
    w: &mut Writer,
    tool: &Tool<'_>,
    function: &FunctionTool<'_>,
    (style, enforced): (Style<'_>, Option<&str>),
    marks: &mut Marks<'_>,
    auto: bool,
) {
    w.begin_object();
    w.field_string("name", wire_name(tool, style.names));
    if let Some(description) = &function.description {
        w.field_text("description", description);
    }
    let schema = function.schema.as_ref().map_or("{}", |schema| schema.get());
    match enforced {
        Some(enforced) => w.field_raw("input_schema", enforced),
        None if style.native && function.schema.is_some() => w.field_raw("input_schema", schema),
        None => w.field_raw("input_schema", &claude_input_schema(schema)),
    }
    if let Some(strict) = if style.native { function.strict } else { enforced.map(|_| true) } {
        w.field_boolean("strict", strict);
    }
    write_mark(w, marks.next(Place::Tool, function.cache.is_some(), auto));
    if style.native {
        for (key, raw) in &function.extras {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
}

/// A free-form tool becomes a function with one text (B10). The grammar is told in words: it cannot be enforced.
fn write_custom(
    w: &mut Writer,
    tool: &Tool<'_>,
    custom: &CustomTool<'_>,
    style: Style<'_>,
    marks: &mut Marks<'_>,
    auto: bool,
) {
    w.begin_object();
    w.field_string("name", wire_name(tool, style.names));
    if let Some(description) = &custom.description {
        w.field_text("description", description);
    }
    w.field_raw("input_schema", &input_schema(custom));
    write_mark(w, marks.next(Place::Tool, false, auto));
    w.end_object();
}

fn write_builtin(w: &mut Writer, builtin: &Builtin<'_>, marks: &mut Marks<'_>, auto: bool) {
    if builtin.format != CLAUDE {
        if let Some(json) = web_search(builtin) {
            let mark = marks.next(Place::Tool, false, auto);
            match mark {
                Some(mark) => w.raw(&with_mark(&json, &mark)),
                None => w.raw(&json),
            }
        }
        return;
    }
    let raw = hygiene::without_empty_domains(builtin.raw.get());
    match marks.next(Place::Tool, builtin.cache.is_some(), auto) {
        Some(mark) => w.raw(&with_mark(&raw, &mark)),
        None => w.raw(&hygiene::marked(&raw, Place::Tool, &mut |_, _| None)),
    }
}

pub(super) fn with_mark(object: &str, mark: &str) -> String {
    let edits = crate::splice::Edits::new().set("cache_control", mark);
    edits.apply_str(object).map_or_else(|_| object.to_owned(), Cow::into_owned)
}

pub(super) fn write_mark(w: &mut Writer, mark: Option<Cow<'_, str>>) {
    if let Some(mark) = mark {
        w.field_raw("cache_control", &mark);
    }
}

/// Web search of OpenAI formats, as Claude declares it; `None` when it is no web search or must not reach the web
/// (B84).
pub(super) fn web_search(builtin: &Builtin<'_>) -> Option<String> {
    if !builtin.kind.starts_with("web_search") {
        return None;
    }
    let scanned = TopLevel::scan(builtin.raw.get().as_bytes()).ok()?;
    if scanned.value("external_web_access") == Some(b"false") {
        return None;
    }
    let filters = scanned.object("filters");
    let domains = filters.as_ref().and_then(|filters| filters.raw("allowed_domains").ok().flatten());
    let location = scanned.raw("user_location").ok().flatten().filter(|json| json.starts_with('{'));
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "web_search_20250305");
    w.field_string("name", SEARCH);
    if let Some(domains) = domains.filter(|json| json.starts_with('[')) {
        w.field_raw("allowed_domains", domains);
    }
    if let Some(location) = location {
        w.field_raw("user_location", location);
    }
    w.end_object();
    let json = String::from_utf8(w.into_bytes()).ok()?;
    Some(hygiene::without_empty_domains(&json).into_owned())
}

/// What `tool_choice` says.
#[derive(Clone, Debug)]
pub(super) enum Choice<'r> {
    Auto,
    None,
    Any,
    Tool(Cow<'r, str>),
    Raw(&'r str),
}

impl Choice<'_> {
    /// Whether a call is forced: thinking is not possible then.
    pub(super) fn forces(&self) -> bool {
        matches!(self, Self::Any | Self::Tool(_))
    }
}

/// The choice for the tools that are declared.
pub(super) fn choice<'r>(
    request: &'r Request<'r>,
    declared: &[&Tool<'_>],
    names: &NameMap,
    losses: &mut Vec<Loss>,
) -> Option<Choice<'r>> {
    let native = request.source == CLAUDE;
    if declared.is_empty() && !native {
        return None;
    }
    let serial = request.parallel_tools == Some(false);
    Some(match &request.tool_choice {
        None if serial => Choice::Auto,
        None => return None,
        Some(ToolChoice::Auto) => Choice::Auto,
        Some(ToolChoice::None) => Choice::None,
        Some(ToolChoice::Any) => Choice::Any,
        Some(ToolChoice::Allowed { required, .. }) => {
            if *required {
                Choice::Any
            } else {
                Choice::Auto
            }
        }
        Some(ToolChoice::Tool { name, .. }) => {
            // An unknown name would be refused (E062).
            let known = declared.iter().any(|tool| tool.name().is_some_and(|known| known == &**name))
                || declared.iter().any(|tool| wire_name(tool, names) == &**name);
            if !known && !native {
                loss(losses, "tool_choice", "no such tool is declared");
                return serial.then_some(Choice::Auto);
            }
            Choice::Tool(renamed(Cow::Borrowed(&**name), names))
        }
        Some(ToolChoice::Hosted { format, raw }) if *format == CLAUDE => Choice::Raw(raw.get()),
        Some(ToolChoice::Hosted { raw, .. }) => {
            let searches = TopLevel::scan(raw.get().as_bytes())
                .ok()
                .and_then(|scanned| scanned.string("type").ok().flatten())
                .is_some_and(|kind| kind.starts_with("web_search"));
            if !searches {
                loss(losses, "tool_choice", "Claude has no such tool");
                return serial.then_some(Choice::Auto);
            }
            Choice::Tool(Cow::Borrowed(SEARCH))
        }
    })
}

pub(super) fn write_choice(w: &mut Writer, choice: &Choice<'_>, request: &Request<'_>) {
    let kind = match choice {
        Choice::Raw(raw) => return w.raw(raw),
        Choice::Auto => "auto",
        Choice::None => "none",
        Choice::Any => "any",
        Choice::Tool(_) => "tool",
    };
    w.begin_object();
    w.field_string("type", kind);
    if let Choice::Tool(name) = choice {
        w.field_text("name", &Text::plain(&**name));
    }
    let native = request.source == CLAUDE;
    // Source: translation.md F5. Without calls there is nothing to say about several.
    if let Some(parallel) = request.parallel_tools.filter(|parallel| native || !parallel)
        && !matches!(choice, Choice::None)
    {
        w.field_boolean("disable_parallel_tool_use", !parallel);
    }
    if native {
        super::write_nested(w, request, "tool_choice.");
    }
    w.end_object();
}
