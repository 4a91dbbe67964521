//! Chunks to events. A call opens only when its name and id are known (B62); calls may interleave.

use std::borrow::Cow;

use crate::CodecError;
use crate::codec::{ReplyContext, StreamDecoder};
use crate::format::openai_chat::decode::{lenient, raw};
use crate::format::openai_chat::wire::{Call, Message, Reply};
use crate::format::openai_chat::{error, reply, usage};
use crate::frame::StreamFrame;
use crate::json::Text;
use crate::model::{BlockKind, Delta, Event, Finish, Start, StreamError};
use crate::names::NameMap;
use crate::pass::errors::chat_status;
use crate::pass::finish::{from_chat, settle};
use crate::pass::ids::generated_id;
use crate::replay::replay;

pub(in crate::format::openai_chat) struct Decoder {
    context: ReplyContext,
    started: bool,
    /// `[DONE]` came, or an error: nothing counts any more (E194).
    over: bool,
    next_block: u32,
    choices: Vec<Choice>,
}

/// One candidate's open blocks.
#[derive(Default)]
struct Choice {
    index: u32,
    open: Option<(Kind, u32)>,
    calls: Vec<PendingCall>,
    finish: Option<Finish<'static>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Reasoning,
}

/// A call, by its index in the provider's list.
#[derive(Default)]
struct PendingCall {
    index: u32,
    id: String,
    name: String,
    custom: bool,
    /// Argument text that came before the block could open.
    held: Text<'static>,
    block: Option<u32>,
}

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

impl Decoder {
    pub(in crate::format::openai_chat) fn new(context: &ReplyContext) -> Self {
        Self { context: context.clone(), started: false, over: false, next_block: 0, choices: Vec::new() }
    }

    fn chunk(&mut self, chunk: Reply<'_>, sink: Sink<'_>) {
        if !self.started {
            self.started = true;
            sink(Event::Start(Start {
                id: chunk.id.as_ref().map(Text::decoded).unwrap_or_default(),
                model: chunk.model.as_ref().map(Text::decoded).unwrap_or_default(),
                created: chunk.created.and_then(|raw| raw.get().parse().ok()),
                service_tier: chunk.service_tier.as_ref().map(Text::reborrow),
            }));
        }
        for choice in chunk.choices.unwrap_or_default().0 {
            let at = self.choice(choice.index.unwrap_or(0));
            let Some(state) = self.choices.get_mut(at) else { continue };
            if let Some(delta) = choice.delta.or(choice.message) {
                state.delta(delta, &mut self.next_block, &self.context.names, sink);
            }
            if let (Some(raw), Some((_, block))) = (raw(choice.logprobs), state.open) {
                sink(Event::Delta { block, delta: Delta::Logprobs(raw) });
            }
            if let Some(word) = choice.finish_reason.filter(|word| !word.is_empty()) {
                let native = word.into_decoded().into_owned();
                state.finish = Some(Finish {
                    native: Some(Cow::Owned(native.clone())),
                    ..Finish::new(from_chat(&native))
                });
            }
        }
        if let Some(tokens) = &chunk.usage {
            sink(Event::Usage(usage::read(tokens)));
        }
    }

    fn choice(&mut self, index: u32) -> usize {
        self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        })
    }

    /// Closes every block and says how each candidate ended.
    fn close(&mut self, sink: Sink<'_>) {
        self.over = true;
        for choice in &mut self.choices {
            choice.close(&mut self.next_block, &self.context, sink);
        }
        sink(Event::End);
    }
}

impl Choice {
    fn delta(&mut self, delta: Message<'_>, next: &mut u32, names: &NameMap, sink: Sink<'_>) {
        if let Some(text) = lenient(delta.reasoning_content.or(delta.reasoning)) {
            let block = self.text_block(Kind::Reasoning, next, sink);
            sink(Event::Delta { block, delta: Delta::Reasoning(text) });
        }
        if let Some(text) = lenient(delta.content) {
            let block = self.text_block(Kind::Text, next, sink);
            sink(Event::Delta { block, delta: Delta::Text(text) });
        }
        if let Some(text) = lenient(delta.refusal) {
            let block = self.text_block(Kind::Refusal, next, sink);
            sink(Event::Delta { block, delta: Delta::Text(text) });
        }
        if let (Some(list), Some((Kind::Text, block))) = (delta.annotations, self.open) {
            sink(Event::Delta {
                block,
                delta: Delta::Citation { format: super::super::NAME, raw: Cow::Borrowed(list) },
            });
        }
        for call in delta.tool_calls.unwrap_or_default().0 {
            self.call(call, next, names, sink);
        }
        if let Some(function) = delta.function_call {
            // The legacy form has one call and no id.
            let call = Call { index: Some(0), function: Some(function), ..Call::default() };
            self.call(call, next, names, sink);
        }
    }

    fn text_block(&mut self, kind: Kind, next: &mut u32, sink: Sink<'_>) -> u32 {
        if let Some((open, block)) = self.open {
            if open == kind {
                return block;
            }
            sink(Event::BlockStop { block });
        }
        let block = take(next);
        self.open = Some((kind, block));
        let kind = match kind {
            Kind::Text => BlockKind::Text,
            Kind::Refusal => BlockKind::Refusal,
            Kind::Reasoning => BlockKind::Reasoning,
        };
        sink(Event::BlockStart { block, candidate: self.index, kind });
        block
    }

    fn call(&mut self, call: Call<'_>, next: &mut u32, names: &NameMap, sink: Sink<'_>) {
        if let Some((_, block)) = self.open.take() {
            sink(Event::BlockStop { block });
        }
        let index = call.index.unwrap_or(0);
        let candidate = self.index;
        let at = self.calls.iter().position(|known| known.index == index).unwrap_or_else(|| {
            self.calls.push(PendingCall { index, ..PendingCall::default() });
            self.calls.len() - 1
        });
        let Some(pending) = self.calls.get_mut(at) else { return };
        if pending.id.is_empty()
            && let Some(id) = call.id
        {
            pending.id = id.into_decoded().into_owned();
        }
        let custom = call.custom.is_some();
        let Some(function) = call.custom.or(call.function) else {
            pending.open(candidate, next, names, false, sink);
            return;
        };
        pending.custom |= custom;
        // Null, empty, repeated and non-string names do not count (E128, E131, E132).
        if pending.name.is_empty()
            && let Some(name) = lenient(function.name)
        {
            pending.name = name.into_decoded().into_owned();
        }
        pending.open(candidate, next, names, false, sink);
        let text = if custom { function.input } else { lenient(function.arguments) };
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            match pending.block {
                Some(block) => sink(Event::Delta { block, delta: Delta::Args(text) }),
                None => text.push_onto(&mut pending.held),
            }
        }
    }

    fn close(&mut self, next: &mut u32, context: &ReplyContext, sink: Sink<'_>) {
        if let Some((_, block)) = self.open.take() {
            sink(Event::BlockStop { block });
        }
        // Belated calls open in the order of the provider's indexes (E138).
        self.calls.sort_by_key(|call| call.index);
        for call in &mut self.calls {
            if call.block.is_none() {
                call.complete(context);
                call.open(self.index, next, &context.names, true, sink);
            }
        }
        let mut any = false;
        for call in &self.calls {
            if let Some(block) = call.block {
                any = true;
                sink(Event::BlockStop { block });
            }
        }
        let mut finish = self.finish.take().unwrap_or_else(|| Finish::new(from_chat("stop")));
        // Calls win over what the provider says, and `tool_calls` without a call is a stop (B52, E134).
        finish.reason = settle(finish.reason, any);
        sink(Event::Finish { candidate: self.index, finish });
    }
}

impl PendingCall {
    /// Opens the block once name and id are known, or whatever is known when `late`.
    fn open(&mut self, candidate: u32, next: &mut u32, names: &NameMap, late: bool, sink: Sink<'_>) {
        let known = !self.name.is_empty() && !self.id.is_empty();
        if self.block.is_some() || self.name.is_empty() || !(known || late) {
            return;
        }
        let block = take(next);
        self.block = Some(block);
        let name = Cow::Borrowed(names.declared(&self.name));
        let kind = BlockKind::ToolCall { id: Text::plain(self.id.as_str()), name, custom: self.custom };
        sink(Event::BlockStart { block, candidate, kind });
        if !self.held.is_empty() {
            sink(Event::Delta { block, delta: Delta::Args(std::mem::take(&mut self.held)) });
        }
    }

    /// At the end: a missing name is `tool_<index>` if anything else came, a missing id is generated; nothing at all
    /// stays suppressed (B62, E129, E134, E137, E141).
    fn complete(&mut self, context: &ReplyContext) {
        if self.name.is_empty() && (!self.id.is_empty() || !self.held.is_empty()) {
            self.name = format!("tool_{}", self.index);
        }
        if self.id.is_empty() {
            self.id = generated_id("toolu_", &[&context.seed, &self.index.to_string()]);
        }
    }
}

fn take(next: &mut u32) -> u32 {
    let block = *next;
    *next += 1;
    block
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: Sink<'_>) -> Result<(), CodecError> {
        let data = frame.data.trim_ascii();
        if self.over || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.close(sink);
            return Ok(());
        }
        let chunk: Reply<'_> = serde_json::from_slice(data)?;
        if chunk.error.is_some() || frame.event == "error" {
            self.over = true;
            let said = error::decode(data);
            let (kind, code) = (said.kind.unwrap_or_default(), said.code.unwrap_or_default());
            let status = chat_status(&kind, &code);
            let raw = serde_json::from_slice(data).ok().map(Cow::Borrowed);
            let (kind, code, message) = (Cow::Owned(kind), Cow::Owned(code), Cow::Owned(said.message));
            sink(Event::Error(StreamError { status, kind, code, message, raw }));
            return Ok(());
        }
        // HTTP 200 with a whole reply in place of a stream (providers-b.md 6.3).
        if !self.started && chunk.object.as_ref().is_some_and(|object| *object == "chat.completion") {
            self.over = true;
            replay(&reply::decode(data, &self.context)?, sink);
            return Ok(());
        }
        self.chunk(chunk, sink);
        Ok(())
    }

    /// A stream whose candidates all said why they ended is whole, with or without `[DONE]`; any other broke off
    /// (B68, F39).
    fn finish(&mut self, sink: Sink<'_>) -> Result<(), CodecError> {
        if self.over {
            return Ok(());
        }
        if self.choices.is_empty() || self.choices.iter().any(|choice| choice.finish.is_none()) {
            return Err(CodecError::protocol("the stream ended without a finish reason"));
        }
        self.close(sink);
        Ok(())
    }
}
