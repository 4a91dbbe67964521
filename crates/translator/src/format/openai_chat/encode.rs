//! Requests, from the canonical model to the wire.

use cliproxy_core::Level;

use super::{NAME, media};
use crate::codec::{Encoded, Loss, Profile};
use crate::json::{Text, Writer};
use crate::model::{
    Args, Issuer, Media, MediaClass, OutputFormat, Part, PartKind, Request, Role, Tool, ToolCall, ToolChoice,
    ToolResult,
};
use crate::names::NameMap;
use crate::pass::args;
use crate::pass::names::openai_names;
use crate::pass::reasoning::resolve;
use crate::pass::schema::openai_parameters;
use crate::pass::turns::{OutPart, OutTurn, TurnPolicy, arrange, write_joined_text};
use crate::{CodecError, json::Raw};

pub(super) fn request(request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
    let names = openai_names(request);
    let mut losses = Vec::new();
    let own = request.source == NAME;
    let arranged =
        arrange(request, &TurnPolicy::chat(), &mut |_, part| keep(part, profile, own, &mut losses));
    losses.extend(arranged.losses);
    let mut out = Out { writer: Writer::new(Vec::with_capacity(16 * 1024)), names, profile, losses };
    let w = &mut out.writer;
    w.begin_object();
    w.field_string("model", &profile.model);
    w.key("messages");
    w.begin_array();
    if !arranged.system.is_empty() {
        out.message("system", None, &arranged.system, request.instructions_plain);
    }
    for turn in &arranged.turns {
        out.turn(turn);
    }
    out.writer.end_array();
    out.tools(request);
    out.sampling(request);
    out.output(request);
    out.reasoning(request)?;
    out.rest(request, own);
    out.writer.end_object();
    Ok(Encoded { body: out.writer.into_bytes(), names: out.names, losses: out.losses })
}

/// What Chat can say of a part.
fn keep<'r>(part: &'r Part<'r>, profile: &Profile, own: bool, losses: &mut Vec<Loss>) -> Option<OutPart<'r>> {
    let lost = |losses: &mut Vec<Loss>, what: &'static str, why: &'static str| {
        losses.push(Loss { what: what.into(), why: why.into() });
        None
    };
    match &part.kind {
        PartKind::Reasoning(thoughts) => {
            // Source: translation.md B36, E111 to E115: readable thoughts go back to those who take them, or when
            // their signature is a GPT's; everything else of that kind stays here.
            let ours = part.signature.as_ref().is_some_and(|signature| signature.issuer == Issuer::Gpt);
            let readable = thoughts.summary.iter().any(|text| !text.is_empty());
            if readable && (own || ours || profile.keeps_reasoning_text) {
                Some(OutPart::kept(part))
            } else {
                lost(losses, "reasoning", "the target does not take these thoughts back")
            }
        }
        PartKind::Server(_) => lost(losses, "server tool", "Chat Completions has no place for it"),
        PartKind::Opaque(opaque) if opaque.format != NAME => {
            lost(losses, "unknown part", "of another format")
        }
        PartKind::Media(medium) if medium.class == MediaClass::Video && profile.strict => {
            lost(losses, "video", "not documented for Chat Completions")
        }
        _ => Some(OutPart::kept(part)),
    }
}

struct Out<'p> {
    writer: Writer,
    names: NameMap,
    profile: &'p Profile,
    losses: Vec<Loss>,
}

impl Out<'_> {
    fn turn(&mut self, turn: &OutTurn<'_>) {
        match turn.role {
            Role::System => self.message("system", turn.name, &turn.parts, turn.plain),
            Role::Developer => {
                let word = if self.profile.developer_role { "developer" } else { "system" };
                self.message(word, turn.name, &turn.parts, turn.plain);
            }
            Role::User => self.message("user", turn.name, &turn.parts, turn.plain),
            Role::Assistant => self.assistant(turn),
            Role::Tool => {
                for part in &turn.parts {
                    if let PartKind::ToolResult(result) = &part.part().kind {
                        self.result(result);
                    }
                }
            }
        }
    }

    fn message(&mut self, role: &str, name: Option<&Text<'_>>, parts: &[OutPart<'_>], plain: bool) {
        self.writer.begin_object();
        self.writer.field_string("role", role);
        if let Some(name) = name {
            self.writer.field_text("name", name);
        }
        self.writer.key("content");
        match parts {
            [only] if plain && only.cache().is_none() && only.part().as_text().is_some() => {
                if let Some(text) = only.part().as_text() {
                    self.writer.text(text);
                }
            }
            _ => {
                self.writer.begin_array();
                for part in parts {
                    self.part(part.part());
                }
                self.writer.end_array();
            }
        }
        self.writer.end_object();
    }

    fn part(&mut self, part: &Part<'_>) {
        match &part.kind {
            PartKind::Text { text, .. } => text_part(&mut self.writer, text),
            PartKind::Refusal(text) => {
                self.writer.begin_object();
                self.writer.field_string("type", "refusal");
                self.writer.field_text("refusal", text);
                self.writer.end_object();
            }
            PartKind::Media(medium) => {
                let written = media::write(&mut self.writer, medium);
                self.note_unwritten(medium, written);
            }
            PartKind::Opaque(opaque) => self.writer.raw(opaque.raw.get()),
            _ => {}
        }
    }

    /// Says in words that something could not go along.
    fn note_unwritten(&mut self, medium: &Media<'_>, written: bool) {
        if written {
            return;
        }
        let note = medium.name.as_ref().map_or_else(String::new, |name| format!(" {}", name.decoded()));
        text_part(&mut self.writer, &Text::plain(format!("[attachment{note} that this model cannot read]")));
        self.losses.push(Loss { what: "media".into(), why: "Chat Completions cannot carry it".into() });
    }

    fn assistant(&mut self, turn: &OutTurn<'_>) {
        let parts = || turn.parts.iter().map(OutPart::part);
        let texts: Vec<&Text<'_>> = parts().filter_map(Part::as_text).collect();
        let refusal = parts().find_map(|part| match &part.kind {
            PartKind::Refusal(text) => Some(text),
            _ => None,
        });
        let calls: Vec<&ToolCall<'_>> = parts()
            .filter_map(|part| match &part.kind {
                PartKind::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        let thoughts: Vec<&Text<'_>> = parts()
            .filter_map(|part| match &part.kind {
                PartKind::Reasoning(thoughts) => Some(thoughts.summary.iter()),
                _ => None,
            })
            .flatten()
            .collect();
        if texts.is_empty() && calls.is_empty() && refusal.is_none() {
            // Only thoughts: a message that says nothing (E113).
            return;
        }
        let w = &mut self.writer;
        w.begin_object();
        w.field_string("role", "assistant");
        if let Some(name) = turn.name {
            w.field_text("name", name);
        }
        w.key("content");
        if texts.is_empty() {
            w.null();
        } else if let [only] = texts.as_slice() {
            w.text(only);
        } else {
            w.begin_array();
            for text in &texts {
                text_part(w, text);
            }
            w.end_array();
        }
        if let Some(text) = refusal {
            w.field_text("refusal", text);
        }
        if !thoughts.is_empty() {
            w.key("reasoning_content");
            write_joined_text(w, thoughts.iter().copied());
        }
        if !calls.is_empty() {
            w.key("tool_calls");
            w.begin_array();
            for call in calls {
                w.begin_object();
                w.field_text("id", &call.id);
                let name = self.names.wire(&call.name);
                if let Args::Freeform(text) = &call.args {
                    w.field_string("type", "custom");
                    w.key("custom");
                    w.begin_object();
                    w.field_string("name", name);
                    w.field_text("input", text);
                } else {
                    w.field_string("type", "function");
                    w.key("function");
                    w.begin_object();
                    w.field_string("name", name);
                    w.key("arguments");
                    args::write_arguments_string(w, &call.args);
                }
                w.end_object();
                w.end_object();
            }
            w.end_array();
        }
        w.end_object();
    }

    /// A tool message. Source: translation.md B20 to B22, E119 to E122.
    fn result(&mut self, result: &ToolResult<'_>) {
        let failed = result.is_error == Some(true);
        let images = result
            .content
            .iter()
            .any(|part| matches!(&part.kind, PartKind::Media(m) if m.class == MediaClass::Image));
        let w = &mut self.writer;
        w.begin_object();
        w.field_string("role", "tool");
        w.field_text("tool_call_id", &result.call_id);
        w.key("content");
        if images {
            w.begin_array();
            if failed {
                text_part(w, &Text::plain("Error:"));
            }
            for part in &result.content {
                self.part(part);
            }
            self.writer.end_array();
        } else {
            let mut texts: Vec<Text<'_>> = Vec::new();
            if failed {
                texts.push(Text::plain("Error: "));
            }
            let mut first = true;
            for part in &result.content {
                if let Some(text) = part.as_text() {
                    if !first {
                        texts.push(Text::plain("\n"));
                    }
                    first = false;
                    texts.push(text.reborrow());
                }
            }
            if first && let Some(raw) = &result.raw {
                // Neither text nor parts: its JSON, as text (E120).
                texts.push(Text::plain(raw.get()));
            }
            w.texts(texts);
        }
        self.writer.end_object();
    }

    fn tools(&mut self, request: &Request<'_>) {
        let tools: Vec<&Tool<'_>> = request.tools.iter().filter(|tool| self.takes(tool)).collect();
        if tools.is_empty() {
            return;
        }
        let w = &mut self.writer;
        w.key("tools");
        w.begin_array();
        for tool in tools {
            w.begin_object();
            match tool {
                Tool::Function(tool) => {
                    w.field_string("type", "function");
                    w.key("function");
                    w.begin_object();
                    w.field_string("name", self.names.wire(&tool.name));
                    if let Some(text) = &tool.description {
                        w.field_text("description", text);
                    }
                    if let Some(schema) = &tool.schema {
                        w.field_raw("parameters", &openai_parameters(schema.get()));
                    }
                    if let Some(strict) = tool.strict {
                        w.field_boolean("strict", strict);
                    }
                    w.end_object();
                }
                Tool::Custom(tool) => {
                    w.field_string("type", "custom");
                    w.key("custom");
                    w.begin_object();
                    w.field_string("name", self.names.wire(&tool.name));
                    if let Some(text) = &tool.description {
                        w.field_text("description", text);
                    }
                    raw(w, "format", tool.format.as_ref());
                    w.end_object();
                }
                Tool::Builtin(tool) => w.field_string("type", &tool.kind),
            }
            w.end_object();
        }
        w.end_array();
        if let Some(choice) = &request.tool_choice {
            self.choice(choice);
        }
        if let Some(parallel) = request.parallel_tools {
            self.writer.field_boolean("parallel_tool_calls", parallel);
        }
    }

    fn takes(&mut self, tool: &Tool<'_>) -> bool {
        let foreign = matches!(tool, Tool::Builtin(tool) if tool.format != NAME);
        if foreign {
            self.losses.push(Loss { what: "built-in tool".into(), why: "of another format".into() });
        }
        !foreign
    }

    fn choice(&mut self, choice: &ToolChoice<'_>) {
        let w = &mut self.writer;
        match choice {
            ToolChoice::Auto => w.field_string("tool_choice", "auto"),
            ToolChoice::None => w.field_string("tool_choice", "none"),
            ToolChoice::Any => w.field_string("tool_choice", "required"),
            ToolChoice::Tool { name, custom } => {
                let kind = if *custom { "custom" } else { "function" };
                w.key("tool_choice");
                w.begin_object();
                w.field_string("type", kind);
                w.key(kind);
                w.begin_object();
                w.field_string("name", self.names.wire(name));
                w.end_object();
                w.end_object();
            }
            ToolChoice::Allowed { required, names } => {
                w.key("tool_choice");
                w.begin_object();
                w.field_string("type", "allowed_tools");
                w.key("allowed_tools");
                w.begin_object();
                w.field_string("mode", if *required { "required" } else { "auto" });
                w.key("tools");
                w.begin_array();
                for name in names {
                    w.begin_object();
                    w.field_string("type", "function");
                    w.key("function");
                    w.begin_object();
                    w.field_string("name", self.names.wire(name));
                    w.end_object();
                    w.end_object();
                }
                w.end_array();
                w.end_object();
                w.end_object();
            }
            ToolChoice::Hosted { format, raw } if *format == NAME => w.field_raw("tool_choice", raw.get()),
            ToolChoice::Hosted { .. } => {
                self.losses
                    .push(Loss { what: "tool_choice".into(), why: "a hosted tool of another format".into() });
            }
        }
    }

    fn sampling(&mut self, request: &Request<'_>) {
        let (w, s) = (&mut self.writer, &request.sampling);
        if let Some(most) = request.max_output {
            // First-party models refuse the old name, old services do not know the new one.
            w.field_unsigned(if self.profile.strict { "max_completion_tokens" } else { "max_tokens" }, most);
        }
        // Source: translation.md F6: both go.
        raw(w, "temperature", s.temperature.as_ref());
        raw(w, "top_p", s.top_p.as_ref());
        if !self.profile.strict {
            raw(w, "top_k", s.top_k.as_ref());
        }
        raw(w, "frequency_penalty", s.frequency_penalty.as_ref());
        raw(w, "presence_penalty", s.presence_penalty.as_ref());
        raw(w, "logit_bias", s.logit_bias.as_ref());
        raw(w, "seed", s.seed.as_ref());
        if let Some(count) = s.candidates {
            w.field_unsigned("n", count);
        }
        if let Some(wanted) = s.logprobs {
            w.field_boolean("logprobs", wanted);
        }
        raw(w, "top_logprobs", s.top_logprobs.as_ref());
        if !s.stop.is_empty() {
            // Source: E126: any length, in order.
            w.key("stop");
            w.begin_array();
            s.stop.iter().for_each(|text| w.text(text));
            w.end_array();
        }
    }

    fn output(&mut self, request: &Request<'_>) {
        let (w, output) = (&mut self.writer, &request.output);
        match &output.format {
            None => {}
            Some(OutputFormat::Text) => w.field_raw("response_format", r#"{"type":"text"}"#),
            Some(OutputFormat::JsonObject) => w.field_raw("response_format", r#"{"type":"json_object"}"#),
            Some(OutputFormat::JsonSchema { name, description, strict, schema }) => {
                w.key("response_format");
                w.begin_object();
                w.field_string("type", "json_schema");
                w.key("json_schema");
                w.begin_object();
                w.field_text("name", name.as_ref().unwrap_or(&Text::plain("reply")));
                if let Some(text) = description {
                    w.field_text("description", text);
                }
                if let Some(strict) = strict {
                    w.field_boolean("strict", *strict);
                }
                raw(w, "schema", schema.as_ref());
                w.end_object();
                w.end_object();
            }
        }
        if let Some(text) = &output.verbosity {
            w.field_text("verbosity", text);
        }
        raw(w, "modalities", output.modalities.as_ref());
        raw(w, "audio", output.audio.as_ref());
        raw(w, "prediction", output.prediction.as_ref());
    }

    fn reasoning(&mut self, request: &Request<'_>) -> Result<(), CodecError> {
        let resolved = resolve(&request.reasoning, request.source == NAME, self.profile.info.as_deref())?;
        let Some(effort) = resolved.as_effort() else { return Ok(()) };
        // `auto` is an extension: a first party takes it as silence.
        if effort != "auto" || !self.profile.strict {
            self.writer.field_string("reasoning_effort", effort);
        }
        debug_assert!(
            effort == "none" || effort == "auto" || Level::parse(effort).is_some(),
            "a known effort"
        );
        Ok(())
    }

    fn rest(&mut self, request: &Request<'_>, own: bool) {
        let w = &mut self.writer;
        let identity = &request.identity;
        if let Some(user) = &identity.user {
            w.field_text("user", user);
        }
        if let Some(text) = &identity.safety_identifier {
            w.field_text("safety_identifier", text);
        }
        if let Some(text) = &identity.prompt_cache_key {
            w.field_text("prompt_cache_key", text);
        }
        if own {
            raw(w, "metadata", identity.metadata.as_ref());
            if let Some(text) = &request.service_tier {
                w.field_text("service_tier", text);
            }
        }
        if self.profile.stream {
            w.field_boolean("stream", true);
            // Usage is always asked for; the encoder keeps it from clients that did not ask (design.md §12).
            w.field_raw("stream_options", r#"{"include_usage":true}"#);
        }
        if own {
            for (key, value) in &request.extras {
                w.field_raw(key, value.get());
            }
        }
    }
}

pub(super) fn text_part(writer: &mut Writer, text: &Text<'_>) {
    writer.begin_object();
    writer.field_string("type", "text");
    writer.field_text("text", text);
    writer.end_object();
}

fn raw(writer: &mut Writer, key: &str, value: Option<&Raw<'_>>) {
    if let Some(value) = value {
        writer.field_raw(key, value.get());
    }
}
