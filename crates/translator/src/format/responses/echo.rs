//! What the reply side must know of a request: how tools are called here, and the members that a response object
//! repeats. Rendered once per request and bounded, so that a stream pins no body. Source: translation.md B67, E.3.

use std::sync::Arc;

use super::encode::{Target, write_choice_value, write_reasoning_members, write_text_members, write_tools};
use super::{Dialect, RESPONSES, is_family};
use crate::codec::{Profile, ReplyContext, ToolPath};
use crate::json::{Text, Writer, one_line};
use crate::model::{Part, Request, Tool};
use crate::names::NameMap;
use crate::pass::common::CommonText;
use crate::pass::services::{Service, service_of};

/// The most that instructions, tools or metadata may take; what is longer is told as if there were none. A response
/// object is sent up to three times in a stream, and agents declare a hundred kilobytes of tools.
const MAX_ECHO: usize = 8 * 1024;

/// What a response object says when nothing is known of its request: these are required.
pub(super) const NO_ECHO: &str = r#""parallel_tool_calls":true,"tool_choice":"auto","tools":[]"#;

pub(super) fn note_request(request: &Request<'_>, context: &mut ReplyContext) {
    context.include_usage = true;
    if context.requested_model.is_empty() {
        context.requested_model = request.model.clone().into_owned();
    }
    let custom = request.tools.iter().filter_map(|tool| match tool {
        Tool::Custom(tool) => Some(tool.name.clone().into_owned()),
        _ => None,
    });
    context.custom_tools = custom.collect();
    for tool in &request.tools {
        let namespace = match tool {
            Tool::Function(tool) => tool.namespace.as_ref(),
            Tool::Custom(tool) => tool.namespace.as_ref(),
            Tool::Builtin(_) => None,
        };
        if let (Some(name), Some(space)) = (tool.name(), namespace) {
            let path = ToolPath { namespace: space.name.to_string(), name: space.local.to_string() };
            context.namespaces.insert(name.to_owned(), path);
        }
    }
    context.searches_web |= request.tools.iter().any(
        |tool| matches!(tool, Tool::Builtin(builtin) if service_of(builtin) == Some(Service::WebSearch)),
    );
    context.only_custom = match request.tools.as_slice() {
        [Tool::Custom(tool)] => Some(tool.name.clone().into_owned()),
        _ => None,
    };
    if is_family(request.source) {
        debug_assert!(request.source == RESPONSES, "only this format is decoded so");
        context.request_echo = Some(RequestEcho::new(request));
    }
}

/// The members of a request that a response object repeats. Instructions and tools, which are long and the same in many
/// requests, are shared with them.
#[derive(Clone, Debug)]
pub struct RequestEcho(Arc<[CommonText; 4]>);

impl RequestEcho {
    fn new(request: &Request<'_>) -> Self {
        let parts: [fn(&mut Writer, &Request<'_>); 4] =
            [write_instructions, write_settings, write_declarations, write_labels];
        Self(Arc::new(parts.map(|part| {
            let mut w = scratch();
            w.begin_object();
            part(&mut w, request);
            w.end_object();
            let json = String::from_utf8(w.into_bytes()).unwrap_or_default();
            let members = json.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
            CommonText::new(&one_line(members))
        })))
    }

    /// Writes the members into an object.
    pub(super) fn write(&self, w: &mut Writer) {
        self.0.iter().for_each(|members| w.members(members));
    }

    /// How many bytes of JSON it is.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|members| members.len()).sum()
    }
}

fn write_instructions(w: &mut Writer, request: &Request<'_>) {
    let instructions = request.instructions.iter().filter_map(Part::as_text);
    let size: usize = instructions.clone().map(Text::size_hint).sum();
    w.key("instructions");
    if request.instructions.is_empty() || size > MAX_ECHO {
        w.null();
    } else {
        w.texts(instructions.map(Text::reborrow));
    }
}

fn write_settings(w: &mut Writer, request: &Request<'_>) {
    w.key("max_output_tokens");
    match request.max_output {
        Some(most) => w.unsigned(most),
        None => w.null(),
    }
    w.field_boolean("parallel_tool_calls", request.parallel_tools.unwrap_or(true));
    w.key("reasoning");
    w.begin_object();
    write_reasoning_members(w, &request.reasoning);
    w.end_object();
    for (key, value) in [("temperature", &request.sampling.temperature), ("top_p", &request.sampling.top_p)] {
        w.field_raw(key, value.as_ref().map_or("1.0", |raw| raw.get()));
    }
    w.key("text");
    w.begin_object();
    if request.output.format.is_none() {
        w.field_raw("format", r#"{"type":"text"}"#);
    }
    write_text_members(w, request.output.format.as_ref(), request, false);
    w.end_object();
}

fn write_declarations(w: &mut Writer, request: &Request<'_>) {
    let profile = Profile::default();
    let mut target = Target::new(request, &profile, Dialect::Responses);
    // The client has its own names back.
    target.names = NameMap::default();
    w.key("tool_choice");
    let mut choice = Writer::default();
    if let Some(said) = &request.tool_choice {
        write_choice_value(&mut choice, &target, request, said, &mut Vec::new());
    }
    w.raw(bounded(choice).as_deref().filter(|json| !json.is_empty()).unwrap_or(r#""auto""#));
    w.key("tools");
    let mut tools = scratch();
    write_tools(&mut tools, &target, &request.tools);
    w.raw(bounded(tools).as_deref().unwrap_or("[]"));
}

fn write_labels(w: &mut Writer, request: &Request<'_>) {
    if let Some(metadata) = request.identity.metadata.as_ref().filter(|raw| raw.get().len() <= MAX_ECHO) {
        w.field_raw("metadata", metadata.get());
    }
    for (key, raw) in request.extras.iter().filter(|(_, raw)| raw.get().len() <= 256) {
        if matches!(&**key, "store" | "truncation" | "max_tool_calls" | "background") {
            w.field_raw(key, raw.get());
        }
    }
}

/// Room for the longest part at once. Growing there would use, and leave touched, blocks of the sizes that connections
/// take their buffers of, which then cost their whole length.
fn scratch() -> Writer {
    Writer::new(Vec::with_capacity(2 * MAX_ECHO))
}

fn bounded(w: Writer) -> Option<String> {
    String::from_utf8(w.into_bytes()).ok().filter(|json| json.len() <= MAX_ECHO)
}
