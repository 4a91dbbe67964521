//! One choice of a stream: its open blocks and its end.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::decode::{details, images, said};
use super::super::{CHAT, wire};
use super::calls::{Calls, Piece};
use crate::codec::CodecError;
use crate::json::{List, Text};
use crate::loss::Unread;
use crate::model::{BlockKind, Delta, Event, Finish, PartKind};
use crate::pass::finish;

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// What is open of one choice.
#[derive(Debug)]
pub(super) struct Choice {
    index: u32,
    open: Option<(Kind, u32)>,
    /// The block that log probabilities belong to.
    last: Option<u32>,
    calls: Calls,
    refused: bool,
    /// Anything was said.
    spoke: bool,
    finished: bool,
}

/// A block that the next delta of its kind continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Refusal,
}

impl Choice {
    pub(super) fn new(index: u32) -> Self {
        Self {
            index,
            open: None,
            last: None,
            calls: Calls::default(),
            refused: false,
            spoke: false,
            finished: false,
        }
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes what a chunk says of the choice. Behind its finish nothing counts (E139).
    pub(super) fn take(
        &mut self,
        wire: wire::ChunkChoice<'_>,
        unread: &mut Unread,
        next: &mut u32,
        sink: Sink<'_>,
    ) -> Result<(), CodecError> {
        if self.finished {
            return Ok(());
        }
        unread.members(CHAT, "", &wire.extras);
        if let Some(raw) = wire.native {
            unread.member(CHAT, "", "native_finish_reason", raw.get());
        }
        let has_delta = wire.delta.is_some();
        // Beside deltas that speak a message repeats what was said so far.
        let message = wire.message.filter(|_| match &wire.delta {
            Some(delta) => !self.spoke && is_silent(delta),
            None => true,
        });
        if let Some(delta) = wire.delta {
            let refusal = wire::filled(delta.refusal);
            self.delta(delta, refusal, false, unread, next, sink);
        }
        if let Some(raw) = message {
            match message_of(raw) {
                Ok((message, refusal)) => self.delta(message, refusal, true, unread, next, sink),
                // Who speaks in deltas may have anything beside them.
                Err(_) if has_delta => unread.member(CHAT, "", "message", raw.get()),
                Err(error) => return Err(error),
            }
        } else if let Some(text) = wire::filled(wire.text).filter(|_| !has_delta) {
            self.say(Kind::Text, Delta::Text(text), next, sink);
        }
        if let (Some(logprobs), Some(block)) = (wire.logprobs, self.last) {
            sink(Event::Delta { block, delta: Delta::Logprobs(Cow::Borrowed(logprobs)) });
        }
        if let Some(word) = wire::filled(wire.finish_reason) {
            let word = word.into_decoded();
            finish::failure(&word, &wire.extras, None).map_or(Ok(()), Err)?;
            self.finish(Some(word), next, sink)?;
        }
        Ok(())
    }

    fn delta(
        &mut self,
        delta: wire::Delta<'_>,
        refusal: Option<Text<'_>>,
        whole: bool,
        unread: &mut Unread,
        next: &mut u32,
        sink: Sink<'_>,
    ) {
        note(&delta, unread);
        self.reason(&delta, next, sink);
        if let Some(raw) = delta.content {
            self.content(raw, unread, next, sink);
        }
        if let Some(annotations) = delta.annotations {
            self.annotate(annotations, next, sink);
        }
        if let Some(text) = refusal {
            self.refused = true;
            self.say(Kind::Refusal, Delta::Text(text), next, sink);
        }
        for media in images(delta.images) {
            self.close(sink);
            self.spoke = true;
            let block = number(next);
            sink(Event::BlockStart { block, candidate: self.index, kind: BlockKind::Media(media) });
            sink(Event::BlockStop { block });
        }
        if let Some(raw) = delta.audio {
            self.spoke = true;
            sink(Event::Raw { format: CHAT, name: Cow::Borrowed("delta.audio"), data: Cow::Borrowed(raw) });
        }
        let calls = delta.tool_calls.unwrap_or_default().0;
        if !calls.is_empty() || delta.function_call.is_some() {
            self.close(sink);
            self.spoke = true;
        }
        for (place, call) in calls.into_iter().enumerate() {
            let piece = Piece::of(call, whole.then_some(place));
            self.calls.take(piece, self.index, next, sink);
        }
        if let Some(function) = &delta.function_call {
            self.calls.take(Piece::legacy(function), self.index, next, sink);
        }
    }

    /// Thoughts, in whichever member a service has them; the details repeat the text but for their signature (A.5).
    fn reason(&mut self, delta: &wire::Delta<'_>, next: &mut u32, sink: Sink<'_>) {
        let text = [delta.reasoning_content, delta.reasoning, delta.reasoning_text]
            .into_iter()
            .find_map(wire::filled);
        let said = text.is_some();
        if let Some(text) = text {
            self.say(Kind::Reasoning, Delta::Reasoning(text), next, sink);
        }
        let Some(raw) = delta.reasoning_details else { return };
        for part in details(raw) {
            if let PartKind::Reasoning(reasoning) = part.kind {
                for text in reasoning.summary.into_iter().filter(|_| !said) {
                    self.say(Kind::Reasoning, Delta::Reasoning(text), next, sink);
                }
            }
            if let Some(signature) = part.signature {
                self.say(Kind::Reasoning, Delta::Signature(signature), next, sink);
            }
        }
    }

    /// A string, or a list of parts.
    fn content(&mut self, raw: &RawValue, unread: &mut Unread, next: &mut u32, sink: Sink<'_>) {
        if let Some(text) = Text::from_raw(raw) {
            if !text.is_empty() {
                self.say(Kind::Text, Delta::Text(text), next, sink);
            }
            return;
        }
        for part in said(raw).0 {
            unread.members(CHAT, "message", &part.extras);
            match part.kind {
                PartKind::Text { text, .. } if !text.is_empty() => {
                    self.say(Kind::Text, Delta::Text(text), next, sink);
                }
                PartKind::Reasoning(reasoning) => {
                    for text in reasoning.summary.into_iter().filter(|text| !text.is_empty()) {
                        self.say(Kind::Reasoning, Delta::Reasoning(text), next, sink);
                    }
                }
                PartKind::Refusal(text) if !text.is_empty() => {
                    self.refused = true;
                    self.say(Kind::Refusal, Delta::Text(text), next, sink);
                }
                PartKind::Media(_) => unread.name("message", "media"),
                PartKind::Opaque(part) => unread.name("message", &part.kind),
                _ => {}
            }
        }
    }

    fn annotate(&mut self, raw: &RawValue, next: &mut u32, sink: Sink<'_>) {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        for raw in items {
            self.say(Kind::Text, Delta::Citation { format: CHAT, raw: Cow::Borrowed(raw) }, next, sink);
        }
    }

    /// Continues the open block, or closes it and opens one of the kind.
    fn say(&mut self, kind: Kind, delta: Delta<'_>, next: &mut u32, sink: Sink<'_>) {
        let block = match self.open {
            Some((open, block)) if open == kind => block,
            _ => {
                self.close(sink);
                let block = number(next);
                self.open = Some((kind, block));
                let kind = match kind {
                    Kind::Text => BlockKind::Text,
                    Kind::Reasoning => BlockKind::Reasoning,
                    Kind::Refusal => BlockKind::Refusal,
                };
                sink(Event::BlockStart { block, candidate: self.index, kind });
                block
            }
        };
        self.last = Some(block);
        self.spoke = true;
        sink(Event::Delta { block, delta });
    }

    fn close(&mut self, sink: Sink<'_>) {
        if let Some((_, block)) = self.open.take() {
            sink(Event::BlockStop { block });
        }
    }

    /// Once per choice: a second word changes nothing (B53). Source for the reason: B51, B52.
    ///
    /// # Errors
    /// When it says that all is well and the arguments of a call are no JSON, or cut (B68, E185).
    pub(super) fn finish(
        &mut self,
        word: Option<Cow<'_, str>>,
        next: &mut u32,
        sink: Sink<'_>,
    ) -> Result<(), CodecError> {
        self.finished = true;
        let reason = word.as_deref().map_or(FinishReason::Stop, finish::from_word);
        if let Some(error) = self.calls.broken().filter(|_| finish::is_whole(reason)) {
            return Err(error);
        }
        self.close(sink);
        self.calls.finish(self.index, next, sink);
        let reason = match finish::settle(reason, self.calls.any()) {
            FinishReason::Stop if self.refused => FinishReason::Refusal,
            reason => reason,
        };
        sink(Event::Finish { candidate: self.index, finish: Finish { native: word, ..Finish::new(reason) } });
        Ok(())
    }
}

/// Whether a delta says nothing: its role tells no more than that it is one.
fn is_silent(delta: &wire::Delta<'_>) -> bool {
    let members = [
        delta.content,
        delta.refusal,
        delta.reasoning_content,
        delta.reasoning,
        delta.reasoning_text,
        delta.reasoning_details,
        delta.annotations,
        delta.audio,
        delta.images,
    ];
    members.into_iter().flatten().all(|raw| matches!(raw.get(), "\"\"" | "[]" | "{}"))
        && delta.tool_calls.as_ref().is_none_or(|calls| calls.0.is_empty())
        && delta.function_call.is_none()
}

/// The members of a whole message that a delta has too, and its refusal.
fn message_of(raw: &RawValue) -> Result<(wire::Delta<'_>, Option<Text<'_>>), CodecError> {
    let mut message: wire::Message<'_> = wire::read(raw, "choices.message")?;
    let refusal = message.refusal.take().filter(|text| !text.is_empty());
    let calls = message.tool_calls.unwrap_or_default().0;
    let calls: Result<Vec<wire::Call<'_>>, _> =
        calls.into_iter().map(|raw| wire::read(raw, "choices.message.tool_calls")).collect();
    let legacy = message.function_call.map(|raw| wire::read(raw, "choices.message.function_call"));
    let delta = wire::Delta {
        content: message.content,
        tool_calls: Some(List(calls?)),
        function_call: legacy.transpose()?,
        reasoning_content: message.reasoning_content,
        reasoning: message.reasoning,
        reasoning_text: message.reasoning_text,
        reasoning_details: message.reasoning_details,
        annotations: message.annotations,
        audio: message.audio,
        images: message.images,
        extras: message.extras,
        ..wire::Delta::default()
    };
    Ok((delta, refusal))
}

/// Notes what of a delta is not read.
fn note(delta: &wire::Delta<'_>, unread: &mut Unread) {
    unread.members(CHAT, "message", &delta.extras);
    for call in delta.tool_calls.iter().flat_map(|calls| &calls.0) {
        let inside = [call.function.as_ref().map(|of| &of.extras), call.custom.as_ref().map(|of| &of.extras)];
        for extras in inside.into_iter().flatten().chain([&call.extras]) {
            unread.members(CHAT, "message", extras);
        }
    }
}

fn number(next: &mut u32) -> u32 {
    let block = *next;
    *next += 1;
    block
}
