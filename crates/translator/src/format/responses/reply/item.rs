//! Output items as they are written, whole, for replies and streams alike.

use crate::codec::{ReplyContext, ToolPath};
use crate::json::{Text, Writer};

/// A `message` item around parts that are rendered already.
pub(in super::super) fn message_item(w: &mut Writer, id: &str, status: &str, parts: &[u8]) {
    w.begin_object();
    w.field_string("id", id);
    w.field_string("type", "message");
    w.field_string("status", status);
    w.field_string("role", "assistant");
    w.key("content");
    w.begin_array();
    if let Ok(parts) = std::str::from_utf8(parts)
        && !parts.is_empty()
    {
        w.raw(parts);
    }
    w.end_array();
    w.end_object();
}

/// An `output_text` part. Text, annotations and log probabilities are the insides of a string and of two lists.
pub(in super::super) fn text_part(w: &mut Writer, body: &[u8], annotations: &[u8], logprobs: &[u8]) {
    w.begin_object();
    w.field_string("type", "output_text");
    w.key("text");
    body_string(w, body);
    w.key("annotations");
    list(w, annotations);
    w.key("logprobs");
    list(w, logprobs);
    w.end_object();
}

pub(in super::super) fn refusal_part(w: &mut Writer, body: &[u8]) {
    w.begin_object();
    w.field_string("type", "refusal");
    w.key("refusal");
    body_string(w, body);
    w.end_object();
}

/// A string whose body is escaped already.
pub(in super::super) fn body_string(w: &mut Writer, body: &[u8]) {
    let mut json = Vec::with_capacity(body.len() + 2);
    json.push(b'"');
    json.extend_from_slice(body);
    json.push(b'"');
    w.raw(std::str::from_utf8(&json).unwrap_or(r#""""#));
}

fn list(w: &mut Writer, inside: &[u8]) {
    w.begin_array();
    if let Ok(inside) = std::str::from_utf8(inside)
        && !inside.is_empty()
    {
        w.raw(inside);
    }
    w.end_array();
}

/// A `reasoning` item. Summary and content are the insides of lists.
pub(in super::super) fn reasoning_item(
    w: &mut Writer,
    id: &str,
    summary: &[u8],
    content: &[u8],
    state: Option<&str>,
) {
    w.begin_object();
    w.field_string("id", id);
    w.field_string("type", "reasoning");
    w.key("summary");
    list(w, summary);
    if !content.is_empty() {
        w.key("content");
        list(w, content);
    }
    if let Some(state) = state {
        w.field_string("encrypted_content", state);
    }
    w.end_object();
}

/// Who a call is to the client.
#[derive(Debug)]
pub(in super::super) struct CallHead {
    pub(in super::super) id: String,
    pub(in super::super) call_id: String,
    pub(in super::super) path: ToolPath,
    pub(in super::super) custom: bool,
}

impl CallHead {
    /// What the client calls the tool that the provider called so: its own name, namespace and family (B5, B9,
    /// B10).
    pub(in super::super) fn new(
        id: String,
        call_id: String,
        wire_name: &str,
        custom: bool,
        context: &ReplyContext,
    ) -> Self {
        let mut name = context.names.declared(wire_name);
        if let Some(only) = context.only_custom.as_deref()
            && is_placeholder(name)
        {
            // The provider named nothing, and there was only one to name (E181).
            name = only;
        }
        let declared = context.custom_tools.iter().any(|tool| tool == name);
        let path = match context.namespaces.get(name) {
            Some(path) => path.clone(),
            None => ToolPath { namespace: String::new(), name: name.to_owned() },
        };
        // The request's table decides, unless it does not know the tool at all.
        let known = !context.custom_tools.is_empty() || context.request_echo.is_some();
        Self { id, call_id, path, custom: if known { declared } else { declared || custom } }
    }

    pub(in super::super) fn prefix(custom: bool) -> &'static str {
        if custom { "ctc_" } else { "fc_" }
    }

    /// The member that holds what the tool is given.
    pub(in super::super) fn member(&self) -> &'static str {
        if self.custom { "input" } else { "arguments" }
    }
}

/// The name that decoders give a call without one (B62).
fn is_placeholder(name: &str) -> bool {
    name.strip_prefix("tool_").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A call; the input is the body of a string.
pub(in super::super) fn call_item(w: &mut Writer, head: &CallHead, status: &str, input: &[u8]) {
    w.begin_object();
    w.field_string("id", &head.id);
    w.field_string("type", if head.custom { "custom_tool_call" } else { "function_call" });
    w.field_string("status", status);
    w.field_string("call_id", &head.call_id);
    w.field_string("name", &head.path.name);
    if !head.path.namespace.is_empty() {
        w.field_string("namespace", &head.path.namespace);
    }
    w.key(head.member());
    body_string(w, input);
    w.end_object();
}

/// A picture that the model made.
pub(in super::super) fn image_item(
    w: &mut Writer,
    id: &str,
    status: &str,
    mime: &str,
    data: Option<&Text<'_>>,
) {
    w.begin_object();
    w.field_string("id", id);
    w.field_string("type", "image_generation_call");
    w.field_string("status", status);
    match data {
        Some(data) => {
            let format = mime.strip_prefix("image/").unwrap_or("png");
            let format = if format == "svg+xml" { "svg" } else { format };
            w.field_string("output_format", format);
            w.field_text("result", data);
        }
        None => w.field_raw("result", "null"),
    }
    w.end_object();
}
