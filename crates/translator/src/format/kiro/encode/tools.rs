//! Declared tools: only on the current message, each with a description. Source: providers-b.md 1.5.3, 1.5.5;
//! translation.md A.6, A.7 (columns KI), B6, B10.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Target, loss};
use crate::codec::Loss;
use crate::json::{Text, Writer};
use crate::model::{Tool, ToolChoice};
use crate::pass::custom::input_schema;
use crate::pass::names::cut;
use crate::pass::schema::claude_input_schema;

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

/// The tools that may be called. A choice of none, or of some, is kept by declaring no others.
pub(super) fn declared<'r>(target: &Target<'r>, losses: &mut Vec<Loss>) -> Vec<Declared<'r>> {
    let request = target.request;
    if let Some(ToolChoice::Hosted { .. }) = &request.tool_choice {
        loss(losses, "tool_choice", "no tool runs at this provider");
    }
    let allowed = |name: &str| match &request.tool_choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        _ => true,
    };
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for tool in &request.tools {
        let (name, description, schema) = match tool {
            Tool::Function(tool) => {
                let schema = tool.schema.as_ref().map_or("{}", |schema| schema.get());
                (&*tool.name, tool.description.as_ref(), claude_input_schema(schema))
            }
            Tool::Custom(tool) => (&*tool.name, tool.description.as_ref(), Cow::Owned(input_schema(tool))),
            Tool::Builtin(builtin) => {
                losses.push(Loss {
                    what: Cow::Owned(format!("tools.{}", builtin.kind)),
                    why: Cow::Borrowed("it runs at its own provider only"),
                });
                continue;
            }
        };
        if !seen.insert(name) || !allowed(name) {
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
