//! Canonical events as frames. Source: providers-b.md 1.5.8, 1.5.10.

use std::collections::HashMap;

use cliproxy_core::{ClientError, FinishReason, Usage};

use super::super::error;
use crate::codec::{ReplyContext, StreamEncoder};
use crate::frame::StreamFrame;
use crate::framing::write_event_stream;
use crate::json::{Text, Writer};
use crate::model::{BlockKind, Delta, Event};
use crate::names::NameMap;
use crate::pass::ids::generated_id;

/// Writes a stream of frames.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    seed: String,
    names: NameMap,
    /// Calls that are open: id and name by block.
    calls: HashMap<u32, (String, String)>,
}

impl Encoder {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self { seed: context.seed.clone(), names: context.names.clone(), calls: HashMap::new() }
    }

    fn begin(&mut self, block: u32, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        match kind {
            BlockKind::ToolCall { id, name, .. } => {
                let id = match id.is_empty() {
                    true => generated_id("tooluse_", &[&self.seed, &block.to_string()]),
                    false => id.decoded().into_owned(),
                };
                let name = self.names.declared(name).to_owned();
                self.calls.insert(block, (id, name));
                self.call(block, None, false, out);
            }
            BlockKind::Redacted(data) => frame(out, "reasoningContentEvent", |w| {
                w.field_text("redactedContent", data);
            }),
            _ => {}
        }
    }

    fn call(&self, block: u32, input: Option<&Text<'_>>, stop: bool, out: &mut Vec<u8>) {
        let Some((id, name)) = self.calls.get(&block) else { return };
        frame(out, "toolUseEvent", |w| {
            w.field_string("toolUseId", id);
            w.field_string("name", name);
            if let Some(input) = input {
                w.field_text("input", input);
            }
            if stop {
                w.field_boolean("stop", true);
            }
        });
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::BlockStart { block, kind, .. } => self.begin(block, &kind, out),
            Event::Delta { block, delta } => match delta {
                Delta::Text(text) => {
                    frame(out, "assistantResponseEvent", |w| w.field_text("content", &text));
                }
                Delta::Reasoning(text) | Delta::RawReasoning(text) => {
                    frame(out, "reasoningContentEvent", |w| w.field_text("text", &text));
                }
                Delta::Signature(signature) => {
                    frame(out, "reasoningContentEvent", |w| w.field_text("signature", &signature.value));
                }
                Delta::Args(text) => self.call(block, Some(&text), false, out),
                Delta::Citation { .. } | Delta::Logprobs(_) => {}
            },
            Event::BlockStop { block } => {
                self.call(block, None, true, out);
                self.calls.remove(&block);
            }
            Event::Usage(usage) => frame(out, "metadataEvent", |w| write_usage(w, &usage)),
            Event::Finish { finish, .. } => {
                frame(out, "messageStopEvent", |w| w.field_string("stopReason", reason(finish.reason)));
            }
            Event::Error(error) => error::relay_frame(&error, out),
            Event::Raw { format: super::super::KIRO, name, data } => {
                write_event_stream(out, StreamFrame::named(&name, data.get().as_bytes()));
            }
            Event::Start(_) | Event::Ping | Event::End | Event::Raw { .. } => {}
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        error::encode_frame(error, out);
    }
}

fn frame(out: &mut Vec<u8>, event: &str, write: impl FnOnce(&mut Writer)) {
    let mut w = Writer::default();
    w.begin_object();
    write(&mut w);
    w.end_object();
    write_event_stream(out, StreamFrame::named(event, &w.into_bytes()));
}

fn write_usage(w: &mut Writer, usage: &Usage) {
    w.key("tokenUsage");
    w.begin_object();
    let cached = usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    let counts = [
        ("uncachedInputTokens", usage.input.map(|input| input.saturating_sub(cached))),
        ("cacheReadInputTokens", usage.cache_read),
        ("cacheWriteInputTokens", usage.cache_write),
        ("outputTokens", usage.output),
        ("totalTokens", usage.input.zip(usage.output).map(|_| usage.total())),
    ];
    for (key, tokens) in counts {
        if let Some(tokens) = tokens {
            w.field_unsigned(key, tokens);
        }
    }
    w.end_object();
}

/// Source: providers-b.md 1.5.8, the vendor's enumeration.
fn reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::ToolUse => "TOOL_USE",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContextWindow => "MODEL_CONTEXT_WINDOW_EXCEEDED",
        FinishReason::Safety | FinishReason::Refusal => "CONTENT_FILTERED",
        FinishReason::Pause => "PAUSE_TURN",
        // A reason that core learns later ends a reply like any other.
        _ => "END_TURN",
    }
}
