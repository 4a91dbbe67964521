//! Frames of the service into canonical events. Source: providers-b.md 1.5.8 to 1.5.12; translation.md A.14, B52, B62,
//! B68.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::search::{SEARCHED, Searched};
use super::super::usage::Meter;
use super::super::wire::{Payload, ToolUse};
use super::super::{KIRO, error, is_counted};
use super::calls::{Arguments, Calls};
use super::tags::{Piece, Tags};
use crate::codec::{CodecError, ReplyContext, StreamDecoder};
use crate::format::responses::RESPONSES;
use crate::frame::{FrameKind, StreamFrame};
use crate::json::read::filled;
use crate::json::{List, Text};
use crate::loss::Unread;
use crate::model::{BlockKind, Delta, Event, Finish, ServerPart, Signature, Start};
use crate::pass::finish::{from_claude, is_whole, settle};
use crate::pass::searches::{CALL, Search};
use crate::pass::signature::classify;

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Reads a stream of frames.
#[derive(Debug)]
pub(in super::super) struct Decoder {
    state: State,
    tags: Tags,
    calls: Calls,
    blocks: Blocks,
    meter: Meter,
    stop: Option<String>,
    /// A call went out.
    called: bool,
    /// A call was cut off and did not go out.
    cut: bool,
    /// Anything went out that a client sees.
    said: bool,
    unread: Unread,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Started,
    Over,
}

/// The blocks of the reply: one is open at a time.
#[derive(Debug, Default)]
struct Blocks {
    open: Option<(Piece, u32)>,
    next: u32,
}

impl Decoder {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self {
            state: State::Fresh,
            tags: Tags::default(),
            calls: Calls::default(),
            blocks: Blocks::default(),
            meter: Meter::new(context),
            stop: None,
            called: false,
            cut: false,
            said: false,
            unread: Unread::default(),
        }
    }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: Sink<'_>) -> Result<(), CodecError> {
        if self.state == State::Over {
            return Ok(());
        }
        if frame.kind != FrameKind::Event {
            let raw = serde_json::from_slice::<&RawValue>(frame.data).ok();
            return self.fail(frame, raw, sink);
        }
        let raw = match serde_json::from_slice::<&RawValue>(frame.data) {
            Ok(raw) => raw,
            // What nobody reads may be anything.
            Err(_) if !is_read(frame.event) => return Ok(()),
            Err(error) => return Err(unreadable(frame.event, &error)),
        };
        let outer: Payload<'_> = match serde_json::from_str(raw.get()) {
            Ok(payload) => payload,
            Err(_) if !is_read(frame.event) => return Ok(()),
            Err(error) => return Err(unreadable(frame.event, &error)),
        };
        if is_error(frame.event, &outer) {
            return self.fail(frame, Some(raw), sink);
        }
        let payload = outer.of_event(frame.event);
        if self.state == State::Fresh {
            self.state = State::Started;
            sink(Event::Start(Start::default()));
        }
        self.event(frame.event, &payload, raw, sink)
    }

    fn finish(&mut self, sink: Sink<'_>) -> Result<(), CodecError> {
        match self.state {
            State::Over => return Ok(()),
            State::Fresh => return Err(CodecError::protocol("the stream ended before it began")),
            State::Started => self.state = State::Over,
        }
        self.settle_text(sink);
        self.send_calls(true, sink)?;
        if !self.said && self.stop.is_none() {
            return Err(CodecError::protocol("the stream ended with nothing in it"));
        }
        let usage = self.meter.whole();
        if !usage.is_empty() {
            sink(Event::Usage(usage));
        }
        let finish = self.finished();
        sink(Event::Finish { candidate: 0, finish });
        sink(Event::End);
        Ok(())
    }

    fn unread(&self) -> &[String] {
        self.unread.names()
    }
}

/// Events that a reply is made of: those must be readable.
fn is_read(event: &str) -> bool {
    matches!(event, "assistantResponseEvent" | "reasoningContentEvent" | "toolUseEvent")
}

fn unreadable(event: &str, error: &serde_json::Error) -> CodecError {
    CodecError::protocol(format!("{event} cannot be read: {error}"))
}

/// Source: providers-b.md 1.5.8 "Error payload", and the events that are named so.
pub(in super::super) fn is_error(event: &str, payload: &Payload<'_>) -> bool {
    matches!(event, "error" | "exception" | "internalServerException")
        || filled(payload.underscored).is_some()
        || filled(payload.kind).is_some_and(|kind| kind == "error" || kind == "exception")
}

impl Decoder {
    fn fail(
        &mut self,
        frame: StreamFrame<'_>,
        raw: Option<&RawValue>,
        sink: Sink<'_>,
    ) -> Result<(), CodecError> {
        self.state = State::Over;
        sink(Event::Error(error::from_frame(frame, raw)));
        Ok(())
    }

    fn event(
        &mut self,
        name: &str,
        payload: &Payload<'_>,
        raw: &RawValue,
        sink: Sink<'_>,
    ) -> Result<(), CodecError> {
        if is_read(name) || is_counted(name) {
            let within = if is_read(name) { "message" } else { "usage" };
            self.unread.members(KIRO, within, &payload.extras);
        }
        match name {
            "assistantResponseEvent" => {
                if let Some(text) = filled(payload.content) {
                    self.text(&text, sink);
                }
                if let Some(calls) = payload.calls {
                    self.whole_calls(calls, sink)?;
                }
            }
            "reasoningContentEvent" => self.thought(payload, sink),
            "toolUseEvent" => self.piece_of_call(payload, sink)?,
            SEARCHED => return self.searched(raw, sink),
            // Nothing of it is for clients. Source: providers-b.md 1.5.8.
            "followupPromptEvent"
            | "citationEvent"
            | "codeReferenceEvent"
            | "codeEvent"
            | "intentsEvent"
            | "interactionComponentsEvent"
            | "dryRunSucceedEvent"
            | "toolResultEvent" => {
                self.unread.name("event", name);
                return Ok(());
            }
            _ => {
                // Credits, links and states have no place of their own: hooks on the model see them.
                sink(Event::Raw { format: KIRO, name: Cow::Borrowed(name), data: Cow::Borrowed(raw) });
            }
        }
        if let Some(reason) = filled(payload.stop_reason) {
            self.stop = Some(reason.decoded().into_owned());
        }
        if name != "toolUseEvent" && self.meter.read(payload) {
            let known = self.meter.known();
            if !known.is_empty() {
                sink(Event::Usage(known));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &Text<'_>, sink: Sink<'_>) {
        self.said = true;
        self.meter.wrote(text.char_count());
        let Self { tags, blocks, .. } = self;
        let whole = match text.as_plain() {
            Some(plain) => tags.whole(plain),
            None => {
                let mut body = Vec::with_capacity(text.size_hint());
                text.write_body(&mut body);
                tags.whole(std::str::from_utf8(&body).unwrap_or("<"))
            }
        };
        match whole {
            Some(piece) => blocks.say(piece, text.reborrow(), sink),
            None => {
                tags.feed(&text.decoded(), &mut |piece, text| blocks.say(piece, Text::plain(text), sink));
            }
        }
    }

    fn thought(&mut self, payload: &Payload<'_>, sink: Sink<'_>) {
        let Self { tags, blocks, meter, said, .. } = self;
        tags.native(&mut |piece, text| blocks.say(piece, Text::plain(text), sink));
        if let Some(text) = filled(payload.text) {
            *said = true;
            meter.wrote(text.char_count());
            blocks.say(Piece::Thought, text, sink);
        }
        // Signed by whoever made it; none is ever invented (F31).
        if let Some(value) = filled(payload.signature) {
            let issuer = classify(&value.decoded());
            let block = blocks.block(Piece::Thought, sink);
            sink(Event::Delta { block, delta: Delta::Signature(Signature { issuer, value }) });
            blocks.close(sink);
        }
        if let Some(data) = filled(payload.redacted) {
            *said = true;
            blocks.close(sink);
            let block = blocks.number();
            sink(Event::BlockStart { block, candidate: 0, kind: BlockKind::Redacted(data) });
            sink(Event::BlockStop { block });
        }
    }

    fn piece_of_call(&mut self, payload: &Payload<'_>, sink: Sink<'_>) -> Result<(), CodecError> {
        self.meter.wrote(self.calls.piece(payload)?);
        self.send_calls(false, sink)
    }

    /// `toolUses`: calls that come whole with a text.
    fn whole_calls(&mut self, raw: &RawValue, sink: Sink<'_>) -> Result<(), CodecError> {
        let uses: List<ToolUse<'_>> =
            serde_json::from_str(raw.get()).map_err(|error| unreadable("toolUses", &error))?;
        for used in uses.0 {
            self.meter.wrote(self.calls.whole(&used)?);
            self.send_calls(false, sink)?;
        }
        Ok(())
    }

    /// Searches ran, and another reply of the service follows.
    fn searched(&mut self, raw: &RawValue, sink: Sink<'_>) -> Result<(), CodecError> {
        let told: Searched<'_> =
            serde_json::from_str(raw.get()).map_err(|error| unreadable(SEARCHED, &error))?;
        self.settle_text(sink);
        self.send_calls(true, sink)?;
        self.tags = Tags::default();
        self.stop = told.paused.unwrap_or(false).then(|| "pause_turn".to_owned());
        self.meter.next_reply();
        for raw in told.searches.unwrap_or_default().0 {
            let kind = Cow::Borrowed(CALL);
            let part = ServerPart { format: RESPONSES, kind, id: None, name: None, raw: Cow::Borrowed(raw) };
            // One that asked for nothing is nothing to a client.
            let Some(search) = Search::read(&part) else { continue };
            self.meter.searched(search.failure.is_none());
            let block = self.blocks.number();
            sink(Event::BlockStart { block, candidate: 0, kind: BlockKind::Server(part) });
            sink(Event::BlockStop { block });
            self.said = true;
        }
        Ok(())
    }

    /// Hands over the calls that are whole.
    fn send_calls(&mut self, at_end: bool, sink: Sink<'_>) -> Result<(), CodecError> {
        while let Some(call) = self.calls.next(at_end) {
            let arguments = match call.settled() {
                Arguments::Json(json) => json,
                // The service cut it off: the reply reached a limit, and half a call is none.
                Arguments::Cut if call.is_stopped() || self.stop.is_some() => {
                    self.cut = true;
                    self.unread.name("message", "tool_call");
                    self.said = true;
                    continue;
                }
                Arguments::Cut => return Err(CodecError::protocol("the stream ended inside a call")),
                Arguments::Broken => {
                    return Err(CodecError::protocol("the arguments of a call are no JSON"));
                }
            };
            self.settle_text(sink);
            let block = self.blocks.number();
            // Source: translation.md B62.
            let name = match call.name.is_empty() {
                true => Cow::Owned(format!("tool_{block}")),
                false => Cow::Owned(call.name),
            };
            let id = Text::plain(call.id);
            sink(Event::BlockStart {
                block,
                candidate: 0,
                kind: BlockKind::ToolCall { id, name, custom: false },
            });
            sink(Event::Delta { block, delta: Delta::Args(Text::plain(arguments)) });
            sink(Event::BlockStop { block });
            self.called = true;
            self.said = true;
        }
        Ok(())
    }

    /// Ends the text that is open.
    fn settle_text(&mut self, sink: Sink<'_>) {
        let Self { tags, blocks, .. } = self;
        tags.flush(&mut |piece, text| blocks.say(piece, Text::plain(text), sink));
        blocks.close(sink);
    }

    fn finished(&mut self) -> Finish<'static> {
        // The vendor's words are Claude's in upper case. Source: providers-b.md 1.5.8 "stop-reason case".
        let native = self.stop.take().map(|word| word.to_ascii_lowercase());
        let reason = match native.as_deref() {
            Some("unknown") | None => FinishReason::Stop,
            Some(word) => from_claude(word),
        };
        let mut finish = Finish::new(settle(reason, self.called));
        // A filter that cut it has said so.
        if self.cut && is_whole(finish.reason) {
            finish.reason = FinishReason::Length;
        }
        finish.native = native.map(Cow::Owned);
        finish
    }
}

impl Blocks {
    fn number(&mut self) -> u32 {
        let block = self.next;
        self.next += 1;
        block
    }

    /// The open block of a kind; another one is closed first.
    fn block(&mut self, piece: Piece, sink: Sink<'_>) -> u32 {
        match self.open {
            Some((open, block)) if open == piece => block,
            _ => {
                self.close(sink);
                let block = self.number();
                self.open = Some((piece, block));
                let kind = match piece {
                    Piece::Text => BlockKind::Text,
                    Piece::Thought => BlockKind::Reasoning,
                };
                sink(Event::BlockStart { block, candidate: 0, kind });
                block
            }
        }
    }

    fn say(&mut self, piece: Piece, text: Text<'_>, sink: Sink<'_>) {
        let block = self.block(piece, sink);
        let delta = match piece {
            Piece::Text => Delta::Text(text),
            Piece::Thought => Delta::Reasoning(text),
        };
        sink(Event::Delta { block, delta });
    }

    fn close(&mut self, sink: Sink<'_>) {
        if let Some((_, block)) = self.open.take() {
            sink(Event::BlockStop { block });
        }
    }
}
