//! Claude events to canonical events.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::wire::{self, plain};
use super::super::{CLAUDE, block, carrier, error, reply, usage};
use super::open::{Open, OpenBlocks, State};
use crate::codec::{CodecError, StreamDecoder};
use crate::frame::StreamFrame;
use crate::json::read::Loose;
use crate::json::{self, Progress, Text};
use crate::loss::Unread;
use crate::model::{BlockKind, Delta, Event, Opaque, Start, StreamError};
use crate::pass::finish;
use crate::splice::Edits;

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    counts: usage::Counts,
    open: OpenBlocks,
    /// What came as the arguments of calls that are closed and is no JSON.
    broken: Option<Progress>,
    /// The reply was stopped.
    stopped: bool,
    next: u32,
    started: bool,
    over: bool,
    unread: Unread,
}

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Events that are read member by member.
const READ: [&str; 6] = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
];

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: Sink<'_>) -> Result<(), CodecError> {
        let data = frame.data.trim_ascii();
        // Compatible backends close with a sentinel of another format.
        if self.over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let data = std::str::from_utf8(data).map_err(|_| CodecError::protocol("an event is not UTF-8"))?;
        let event: wire::Event<'_> = serde_json::from_str(data)
            .map_err(|error| CodecError::protocol(format!("an event cannot be read: {error}")))?;
        let kind = match &event.kind {
            Some(kind) => kind.decoded().into_owned(),
            None if event.error.is_some() => "error".to_owned(),
            None => frame.event.to_owned(),
        };
        if !event.extras.is_empty() && READ.contains(&kind.as_str()) {
            self.unread.members(CLAUDE, "", &event.extras);
        }
        match kind.as_str() {
            "content_block_delta" => self.delta(event, sink),
            "content_block_start" => self.block_start(&event, sink)?,
            "content_block_stop" => self.block_stop(event.index.unwrap_or(0), sink),
            "message_start" => self.start(event.message, sink),
            "message_delta" => self.message_delta(event, sink)?,
            "message_stop" => {
                self.begin(sink);
                self.check(None)?;
                self.close_all(sink);
                self.over = true;
                sink(Event::End);
            }
            "ping" => sink(Event::Ping),
            "error" => {
                self.over = true;
                let raw: &RawValue = serde_json::from_str(data)?;
                let error: StreamError<'_> = error::from_event(event.error, raw);
                sink(Event::Error(error));
            }
            _ => {
                let raw: &RawValue = serde_json::from_str(data)?;
                sink(Event::Raw { format: CLAUDE, name: Cow::Owned(kind), data: Cow::Borrowed(raw) });
            }
        }
        Ok(())
    }

    fn finish(&mut self, _sink: Sink<'_>) -> Result<(), CodecError> {
        // Source: translation.md B68.
        if self.over { Ok(()) } else { Err(CodecError::protocol("the stream ended before message_stop")) }
    }

    fn unread(&self) -> &[String] {
        self.unread.names()
    }
}

impl Decoder {
    fn start(&mut self, message: Option<wire::Reply<'_>>, sink: Sink<'_>) {
        if self.started {
            return;
        }
        self.started = true;
        let message = message.unwrap_or_default();
        self.unread.members(CLAUDE, "", &message.extras);
        let usage = message.usage.and_then(Loose::known);
        let service_tier = usage.as_ref().and_then(|usage| usage.service_tier.clone()).and_then(Loose::known);
        sink(Event::Start(Start {
            id: plain(message.id),
            model: plain(message.model),
            created: None,
            service_tier,
        }));
        if let Some(usage) = &usage {
            self.usage(usage, sink);
        }
    }

    /// Backends that forget `message_start` get a nameless one.
    fn begin(&mut self, sink: Sink<'_>) {
        if !self.started {
            self.start(None, sink);
        }
    }

    fn usage(&mut self, usage: &wire::Usage<'_>, sink: Sink<'_>) {
        self.unread.members(CLAUDE, "usage", &usage.extras);
        self.counts.merge(usage);
        sink(Event::Usage(self.counts.canonical()));
    }

    /// Arguments that are no JSON are none of a reply that says that it is whole; one that was stopped may be cut.
    fn check(&mut self, reason: Option<FinishReason>) -> Result<(), CodecError> {
        self.stopped |= reason.is_some_and(|reason| !finish::is_whole(reason));
        if self.stopped {
            return Ok(());
        }
        let open = self.open.iter().filter_map(|open| match &open.state {
            State::Call { arguments, .. } => Some(arguments),
            _ => None,
        });
        finish::broken(self.broken.iter().chain(open)).map_or(Ok(()), Err)
    }

    fn message_delta(&mut self, event: wire::Event<'_>, sink: Sink<'_>) -> Result<(), CodecError> {
        self.begin(sink);
        if let Some(usage) = &event.usage.and_then(Loose::known) {
            self.usage(usage, sink);
        }
        let delta = event.delta.unwrap_or_default();
        self.unread.members(CLAUDE, "", &delta.extras);
        if let Some(reason) = delta.stop_reason {
            let finish = reply::finish(reason, delta.stop_sequence, delta.stop_details.map(Cow::Borrowed));
            self.check(Some(finish.reason))?;
            sink(Event::Finish { candidate: 0, finish });
        }
        Ok(())
    }

    fn block_start(&mut self, event: &wire::Event<'_>, sink: Sink<'_>) -> Result<(), CodecError> {
        self.begin(sink);
        let index = event.index.unwrap_or(0);
        let Some(raw) = event.content_block else {
            return Err(CodecError::protocol("content_block_start without content_block"));
        };
        // An index that is used again ends its first use.
        self.block_stop(index, sink);
        let id = self.next;
        self.next += 1;
        let head: wire::BlockHead<'_> = wire::read(raw, "content_block")?;
        let kind = plain(head.kind);
        let start = |kind| Event::BlockStart { block: id, candidate: 0, kind };
        let state = match &*kind {
            "text" => {
                sink(start(BlockKind::Text));
                let block = read_block(raw, &mut self.unread)?;
                first_text(id, block, sink);
                State::Text
            }
            "thinking" => {
                sink(start(BlockKind::Reasoning));
                let block = read_block(raw, &mut self.unread)?;
                first_thought(id, block, sink);
                State::Thinking
            }
            "redacted_thinking" => {
                let block = read_block(raw, &mut self.unread)?;
                sink(start(BlockKind::Redacted(block.data.unwrap_or_default())));
                State::Whole
            }
            "tool_use" => {
                let block = read_block(raw, &mut self.unread)?;
                let call = BlockKind::ToolCall {
                    id: block.id.unwrap_or_default(),
                    name: plain(block.name),
                    custom: false,
                };
                sink(start(call));
                let whole_input = block.input.filter(|raw| !is_empty_input(raw)).map(ToOwned::to_owned);
                State::Call { whole_input, arguments: Progress::default() }
            }
            _ => State::Server { kind: kind.into_owned(), raw: raw.to_owned(), input: Text::default() },
        };
        self.open.push(Open { index, block: id, state });
        Ok(())
    }

    fn delta(&mut self, event: wire::Event<'_>, sink: Sink<'_>) {
        let index = event.index.unwrap_or(0);
        let Some(delta) = event.delta else { return };
        self.unread.members(CLAUDE, "message", &delta.extras);
        if self.open.taker(index, &delta).is_none() {
            self.stray(index, &delta, sink);
        }
        let Some(open) = self.open.taker(index, &delta) else { return };
        let block = open.block;
        let mut emit = |delta| sink(Event::Delta { block, delta });
        match &mut open.state {
            State::Text => {
                if let Some(text) = delta.text {
                    emit(Delta::Text(text));
                } else if let Some(raw) = delta.citation {
                    emit(Delta::Citation { format: CLAUDE, raw: Cow::Borrowed(raw) });
                }
            }
            State::Thinking => {
                if let Some(text) = delta.thinking {
                    emit(Delta::Reasoning(text));
                } else if let Some((signature, _)) = delta.signature.and_then(carrier::read) {
                    emit(Delta::Signature(signature));
                }
            }
            State::Call { whole_input, arguments } => {
                if let Some(text) =
                    delta.partial_json.and_then(|text| arguments.take(text)).filter(|text| !text.is_empty())
                {
                    *whole_input = None;
                    emit(Delta::Args(text));
                }
            }
            State::Server { input, .. } => {
                if let Some(text) = delta.partial_json {
                    text.push_onto(input);
                }
            }
            State::Whole => {}
        }
    }

    /// The block of a delta that none of its index takes, as none began or it is of another kind: what is said is kept, in a
    /// block of its own, and everything else is told.
    fn stray(&mut self, index: u32, delta: &wire::Delta<'_>, sink: Sink<'_>) {
        let filled = |text: &Option<Text<'_>>| text.as_ref().is_some_and(|text| !text.is_empty());
        let (state, kind) = if filled(&delta.text) {
            (State::Text, BlockKind::Text)
        } else if filled(&delta.thinking) {
            (State::Thinking, BlockKind::Reasoning)
        } else {
            if filled(&delta.partial_json) || filled(&delta.signature) || delta.citation.is_some() {
                self.unread.name("event", "content_block_delta");
            }
            return;
        };
        self.begin(sink);
        let block = self.next;
        self.next += 1;
        sink(Event::BlockStart { block, candidate: 0, kind });
        self.open.push(Open { index, block, state });
    }

    fn block_stop(&mut self, index: u32, sink: Sink<'_>) {
        while let Some(open) = self.open.take(index) {
            if let State::Call { arguments, .. } = &open.state
                && !arguments.is_json()
            {
                self.broken = Some(arguments.clone());
            }
            close(open, sink);
        }
    }

    fn close_all(&mut self, sink: Sink<'_>) {
        for open in std::mem::take(&mut self.open).into_list() {
            close(open, sink);
        }
    }
}

/// A block that is read member by member.
fn read_block<'a>(raw: &'a RawValue, unread: &mut Unread) -> Result<wire::Block<'a>, CodecError> {
    let block: wire::Block<'a> = wire::read(raw, "content_block")?;
    unread.members(CLAUDE, "message", &block.extras);
    Ok(block)
}

fn close(open: Open, sink: Sink<'_>) {
    let block = open.block;
    match open.state {
        State::Call { whole_input: Some(input), .. } => {
            sink(Event::Delta { block, delta: Delta::Args(Text::plain(input.get())) });
        }
        State::Server { kind, raw, input } => {
            let raw = with_input(raw, &input);
            let head: wire::BlockHead<'_> = wire::read(&raw, "").unwrap_or_default();
            let kind = if block::is_server(&kind) {
                BlockKind::Server(block::server(
                    &raw,
                    Cow::Owned(kind),
                    head.id.or(head.tool_use_id),
                    head.name,
                ))
            } else {
                BlockKind::Opaque(Opaque {
                    format: CLAUDE,
                    kind: Cow::Owned(kind),
                    raw: Cow::Borrowed(&*raw),
                })
            };
            sink(Event::BlockStart { block, candidate: 0, kind });
        }
        State::Call { whole_input: None, .. } | State::Text | State::Thinking | State::Whole => {}
    }
    sink(Event::BlockStop { block });
}

/// A server tool's block with the input that came in deltas; one that is no JSON leaves the block as it started.
fn with_input(raw: Box<RawValue>, input: &Text<'_>) -> Box<RawValue> {
    if input.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(&input.decoded()).is_err() {
        return raw;
    }
    let patched = Edits::new().set("input", input.decoded()).apply_str(raw.get()).map(Cow::into_owned);
    patched.ok().and_then(|text| json::raw(text).ok()).unwrap_or(raw)
}

fn first_text(block: u32, start: wire::Block<'_>, sink: Sink<'_>) {
    if let Some(text) = start.text.filter(|text| !text.is_empty()) {
        sink(Event::Delta { block, delta: Delta::Text(text) });
    }
    let citations = start.citations.and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok());
    for raw in citations.unwrap_or_default() {
        sink(Event::Delta { block, delta: Delta::Citation { format: CLAUDE, raw: Cow::Borrowed(raw) } });
    }
}

fn first_thought(block: u32, start: wire::Block<'_>, sink: Sink<'_>) {
    if let Some(text) = start.thinking.filter(|text| !text.is_empty()) {
        sink(Event::Delta { block, delta: Delta::Reasoning(text) });
    }
    if let Some((signature, _)) = start.signature.and_then(carrier::read) {
        sink(Event::Delta { block, delta: Delta::Signature(signature) });
    }
}

fn is_empty_input(raw: &RawValue) -> bool {
    let text = raw.get();
    text == "null"
        || text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .is_some_and(|rest| rest.trim().is_empty())
}
