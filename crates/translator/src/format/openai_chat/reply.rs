//! Whole replies, both ways.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};

use super::decode::{lenient, raw, thoughts, tool_call};
use super::wire::{Message, Reply, ReplyChoice};
use super::{error, usage};
use crate::CodecError;
use crate::codec::ReplyContext;
use crate::json::{Text, Writer};
use crate::model::{Args, Candidate, Finish, Part, PartKind, Response, ToolCall};
use crate::pass::args::{unwrap_custom_input, write_arguments_string};
use crate::pass::finish::{chat_reason, from_chat, settle};
use crate::pass::ids::generated_id;
use crate::splice::{Edits, TopLevel};

pub(super) fn decode<'a>(body: &'a [u8], context: &ReplyContext) -> Result<Response<'a>, CodecError> {
    let wire: Reply<'a> = serde_json::from_slice(body)?;
    refuse_error(body, wire.error.is_some(), wire.choices.is_some())?;
    let choices = wire.choices.unwrap_or_default().0;
    Ok(Response {
        source: super::NAME,
        id: wire.id.map(Text::into_decoded).unwrap_or_default(),
        model: wire.model.map(Text::into_decoded).unwrap_or_default(),
        created: wire.created.and_then(|raw| raw.get().parse().ok()),
        candidates: choices.into_iter().map(|choice| candidate(choice, context)).collect(),
        usage: wire.usage.as_ref().map(usage::read),
        service_tier: wire.service_tier,
        extras: wire.extras,
    })
}

/// A 2xx body that is an error, or no reply at all. Source: providers-b.md 6.3.
fn refuse_error(body: &[u8], has_error: bool, has_choices: bool) -> Result<(), CodecError> {
    if has_choices {
        return Ok(());
    }
    let said = error::decode(body);
    Err(if has_error {
        CodecError::protocol(format!("the provider answered with an error: {}", said.message))
    } else {
        CodecError::protocol("the provider's reply has no `choices`")
    })
}

fn candidate<'a>(choice: ReplyChoice<'a>, context: &ReplyContext) -> Candidate<'a> {
    let parts = choice.message.map(|message| parts(message, context)).unwrap_or_default();
    let calls = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let finish = choice.finish_reason.map(|word| {
        let native = word.into_decoded();
        let reason = settle(from_chat(&native), calls);
        Finish { native: Some(native), ..Finish::new(reason) }
    });
    Candidate {
        index: choice.index.unwrap_or(0),
        parts,
        finish,
        logprobs: raw(choice.logprobs),
        extras: choice.extras,
    }
}

fn parts<'a>(message: Message<'a>, context: &ReplyContext) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> =
        thoughts(message.reasoning_content.or(message.reasoning)).into_iter().collect();
    if let Some(text) = lenient(message.content) {
        let citations = message.annotations.filter(|raw| raw.get() != "[]").map(Cow::Borrowed);
        parts.push(Part::new(PartKind::Text { text, citations }));
    }
    if let Some(text) = lenient(message.refusal) {
        parts.push(Part::new(PartKind::Refusal(text)));
    }
    for call in message.tool_calls.unwrap_or_default().0 {
        let mut call = tool_call(call);
        let declared = context.names.declared(&call.name).to_owned();
        if declared != call.name {
            call.name = Cow::Owned(declared);
        }
        parts.push(Part::new(PartKind::ToolCall(call)));
    }
    if let Some(function) = message.function_call {
        let name = lenient(function.name).map(Text::into_decoded).unwrap_or_default();
        let args = Args::Encoded(lenient(function.arguments).unwrap_or_default());
        parts.push(Part::new(PartKind::ToolCall(ToolCall {
            id: Text::default(),
            name,
            namespace: None,
            args,
        })));
    }
    parts
}

pub(super) fn encode(response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
    let mut w = Writer::new(Vec::with_capacity(1024));
    w.begin_object();
    w.field_string("id", &id(&response.id, context));
    w.field_string("object", "chat.completion");
    w.field_signed("created", response.created.unwrap_or(context.created));
    w.field_string("model", model(&response.model, context));
    w.key("choices");
    w.begin_array();
    for candidate in &response.candidates {
        choice(&mut w, candidate, context);
    }
    w.end_array();
    if let Some(counts) = &response.usage {
        w.key("usage");
        usage::write(&mut w, counts);
    }
    w.end_object();
    w.into_bytes()
}

/// The provider's id, or one that is the same whenever this request is answered (B4a).
pub(super) fn id(given: &str, context: &ReplyContext) -> String {
    if given.is_empty() { generated_id("chatcmpl-", &[&context.seed]) } else { given.to_owned() }
}

pub(super) fn model<'m>(given: &'m str, context: &'m ReplyContext) -> &'m str {
    match &context.shown_model {
        Some(shown) => shown,
        None if given.is_empty() => &context.requested_model,
        None => given,
    }
}

fn choice(w: &mut Writer, candidate: &Candidate<'_>, context: &ReplyContext) {
    let parts = &candidate.parts;
    let texts: Vec<Text<'_>> = parts.iter().filter_map(Part::as_text).map(Text::reborrow).collect();
    let calls: Vec<&ToolCall<'_>> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => Some(call),
            _ => None,
        })
        .collect();
    w.begin_object();
    w.field_unsigned("index", u64::from(candidate.index));
    w.key("message");
    w.begin_object();
    w.field_string("role", "assistant");
    w.key("content");
    if texts.is_empty() && !calls.is_empty() {
        w.null();
    } else {
        // Text blocks join without a separator (B75).
        w.texts(texts);
    }
    w.key("refusal");
    let refusal = parts.iter().find_map(|part| match &part.kind {
        PartKind::Refusal(text) => Some(text),
        _ => None,
    });
    match refusal {
        Some(text) => w.text(text),
        None => w.null(),
    }
    let thoughts: Vec<Text<'_>> = parts.iter().flat_map(readable).collect();
    if !thoughts.is_empty() {
        w.key("reasoning_content");
        w.texts(joined(thoughts));
    }
    if !calls.is_empty() {
        w.key("tool_calls");
        w.begin_array();
        calls.iter().enumerate().for_each(|(index, call)| write_call(w, index, call, context));
        w.end_array();
    }
    w.end_object();
    w.key("logprobs");
    match &candidate.logprobs {
        Some(raw) => w.raw(raw.get()),
        None => w.null(),
    }
    let reason = candidate.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
    w.field_string("finish_reason", chat_reason(settle(reason, !calls.is_empty())));
    w.end_object();
}

fn readable<'r>(part: &'r Part<'_>) -> Vec<Text<'r>> {
    match &part.kind {
        PartKind::Reasoning(thoughts) => {
            thoughts.summary.iter().filter(|text| !text.is_empty()).map(Text::reborrow).collect()
        }
        _ => Vec::new(),
    }
}

/// Blocks of thoughts are parted by a blank line (B36).
fn joined(texts: Vec<Text<'_>>) -> Vec<Text<'_>> {
    let mut out = Vec::with_capacity(texts.len() * 2);
    for text in texts {
        if !out.is_empty() {
            out.push(Text::plain("\n\n"));
        }
        out.push(text);
    }
    out
}

fn write_call(w: &mut Writer, index: usize, call: &ToolCall<'_>, context: &ReplyContext) {
    w.begin_object();
    if call.id.is_empty() {
        w.field_string("id", &generated_id("call_", &[&context.seed, &index.to_string(), &call.name]));
    } else {
        w.field_text("id", &call.id);
    }
    // A tool that the client declared as free-form comes back as such (B10, F25).
    let custom = context.custom_tools.iter().any(|name| *name == call.name);
    match &call.args {
        Args::Freeform(text) => custom_call(w, &call.name, &text.decoded()),
        other if custom => {
            let text = crate::pass::args::json_text(other);
            custom_call(w, &call.name, &unwrap_custom_input(&text.decoded()));
        }
        other => {
            w.field_string("type", "function");
            w.key("function");
            w.begin_object();
            w.field_string("name", &call.name);
            w.key("arguments");
            write_arguments_string(w, other);
            w.end_object();
        }
    }
    w.end_object();
}

fn custom_call(w: &mut Writer, name: &str, input: &str) {
    w.field_string("type", "custom");
    w.key("custom");
    w.begin_object();
    w.field_string("name", name);
    w.field_string("input", input);
    w.end_object();
}

/// Names the client's model, everything else byte for byte.
pub(super) fn patch(
    body: &Bytes,
    context: &ReplyContext,
) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
    let response = decode(body, context)?;
    let counts = response.usage.unwrap_or_default();
    let finish = response
        .candidates
        .first()
        .and_then(|candidate| candidate.finish.as_ref())
        .map(|finish| finish.reason);
    let differs = context.shown_model.as_ref().filter(|shown| **shown != response.model);
    let bytes = match differs {
        Some(shown) => Edits::new().set_string("model", shown).apply(body)?,
        None => body.clone(),
    };
    debug_assert!(TopLevel::scan(&bytes).is_ok(), "an edit keeps the body an object");
    Ok((bytes, counts, finish))
}
