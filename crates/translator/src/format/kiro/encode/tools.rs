//! Declared tools: only on the current message, each with a description. Source: providers-b.md 1.5.3, 1.5.5;
//! translation.md A.6, A.7 (columns KI), B6, B10.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::search::Wanted;
use super::{Target, loss};
use crate::json::{Text, Writer};
use crate::loss::{Loss, named};
use crate::model::{Request, Tool, ToolChoice};
use crate::names::NameMap;
use crate::pass::custom::input_schema;
use crate::pass::index::{NameIndex, allowed_names};
use crate::pass::names::cut;
use crate::pass::schema::claude_input_schema;
use crate::pass::services::{Service, service_of};
use crate::splice::TopLevel;

/// The longest description that is taken, in bytes, and what is left of a longer one.
const MAX_DESCRIPTION: usize = 10_237;
const CUT_DESCRIPTION: usize = MAX_DESCRIPTION - 30;

/// A tool as it goes out.
pub(super) struct Declared<'r> {
    declared: &'r str,
    wire: String,
    description: Text<'r>,
    schema: Cow<'r, str>,
}

impl Declared<'_> {
    /// The name the client gave it.
    pub(super) fn name(&self) -> &str {
        self.declared
    }
}

/// What the search is called on the wire. Source: providers-b.md 1.5.9.
const SEARCH: &str = "remote_web_search";

/// What it is for, in our own words.
const SEARCH_DESCRIPTION: &str = "Searches the web and gives titles, addresses and excerpts of the pages that it finds. \
    Use it for what is newer than your knowledge, and for what has to be looked up. Say in the answer which pages it \
    comes from, with their addresses.";

const SEARCH_SCHEMA: &str = r#"{"type":"object","properties":{"query":{"type":"string","description":"What to look for, as one would type it into a search engine; at most 200 characters"}},"required":["query"]}"#;

/// The client's web search: a tool here, which whoever sends the request runs.
pub(super) struct WebSearch {
    /// Its name on the wire, which no other tool has.
    pub(super) tool: String,
    pub(super) wanted: Wanted,
    /// The client asks for a search.
    pub(super) required: bool,
}

impl WebSearch {
    /// The first web search that is declared and may be called.
    pub(super) fn of(request: &Request<'_>, names: &NameMap, losses: &mut Vec<Loss>) -> Option<Self> {
        let builtin = request.tools.iter().find_map(|tool| match tool {
            Tool::Builtin(builtin) if service_of(builtin) == Some(Service::WebSearch) => Some(builtin),
            _ => None,
        })?;
        let named = |name: &str| builtin.name.as_deref() == Some(name) || name == builtin.kind;
        let required = match &request.tool_choice {
            Some(ToolChoice::None) => return None,
            Some(ToolChoice::Allowed { names, .. }) if !names.iter().any(|name| named(name)) => return None,
            Some(ToolChoice::Tool { name, .. }) => named(name),
            Some(ToolChoice::Hosted { raw, .. }) => is_of_search(raw.get()),
            _ => false,
        };
        let mut tool = SEARCH.to_owned();
        let declared: NameIndex<'_> = request.tools.iter().filter_map(Tool::name).collect();
        let taken = |name: &str| names.has_wire(name) || declared.has(name);
        while taken(&tool) {
            tool.push('_');
        }
        Some(Self { tool, wanted: Wanted::of(builtin, losses), required })
    }
}

/// Whether a choice is that of a web search.
fn is_of_search(choice: &str) -> bool {
    let kind = TopLevel::scan(choice.as_bytes()).ok().and_then(|choice| choice.string("type").ok().flatten());
    kind.is_some_and(|kind| kind.starts_with("web_search"))
}

/// The tools that may be called. A choice of none, or of some, is kept by declaring no others.
pub(super) fn declared<'r>(target: &'r Target<'r>, losses: &mut Vec<Loss>) -> Vec<Declared<'r>> {
    let request = target.request;
    let search = target.search.as_ref();
    if matches!(&request.tool_choice, Some(ToolChoice::Hosted { .. }))
        && !search.is_some_and(|search| search.required)
    {
        loss(losses, "tool_choice", "no tool runs at this provider");
    }
    let none = matches!(request.tool_choice, Some(ToolChoice::None));
    let allowed = allowed_names(request);
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for tool in &request.tools {
        let (name, description, schema) = match tool {
            Tool::Function(tool) => {
                let schema = tool.schema.as_ref().map_or("{}", |schema| schema.get());
                (&*tool.name, tool.description.as_ref(), claude_input_schema(schema))
            }
            Tool::Custom(tool) => (&*tool.name, tool.description.as_ref(), Cow::Owned(input_schema(tool))),
            // It is declared below, or the client said that no tool may be called.
            Tool::Builtin(builtin)
                if (search.is_some() || none) && service_of(builtin) == Some(Service::WebSearch) =>
            {
                continue;
            }
            Tool::Builtin(builtin) => {
                named(losses, "tools", &builtin.kind, "it runs at its own provider only");
                continue;
            }
        };
        if !seen.insert(name) {
            loss(losses, "tools.duplicate", "another tool has the same name");
            continue;
        }
        if none || allowed.as_ref().is_some_and(|allowed| !allowed.has(name)) {
            continue;
        }
        let wire = target.names.wire(name).to_owned();
        all.push(Declared {
            declared: name,
            description: described(&wire, description, losses),
            wire,
            schema,
        });
    }
    all.extend(search.map(|search| Declared {
        declared: &search.tool,
        wire: search.tool.clone(),
        description: Text::plain(SEARCH_DESCRIPTION),
        schema: Cow::Borrowed(SEARCH_SCHEMA),
    }));
    all
}

/// A description within the limit, and never an empty one.
fn described<'r>(wire: &str, given: Option<&Text<'r>>, losses: &mut Vec<Loss>) -> Text<'r> {
    let Some(text) = given.filter(|text| !text.is_blank()) else {
        return Text::plain(format!("Tool: {wire}"));
    };
    // Escaped text is never shorter than what it says.
    if text.size_hint() <= MAX_DESCRIPTION || text.decoded().len() <= MAX_DESCRIPTION {
        return text.clone();
    }
    loss(losses, "tools.description", "Kiro takes 10237 bytes of a description");
    Text::plain(format!("{}… (truncated)", cut(&text.decoded(), CUT_DESCRIPTION)))
}

pub(super) fn write(w: &mut Writer, tools: &[Declared<'_>]) {
    w.begin_array();
    for tool in tools {
        w.begin_object();
        w.key("toolSpecification");
        w.begin_object();
        w.field_string("name", &tool.wire);
        w.field_text("description", &tool.description);
        w.key("inputSchema");
        w.begin_object();
        w.field_raw("json", &tool.schema);
        w.end_object();
        w.end_object();
        w.end_object();
    }
    w.end_array();
}
