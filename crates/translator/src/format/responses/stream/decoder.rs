//! Events of a provider into canonical events. Source: translation.md A.14, B37, B61 to B63, B73, D.14, D.16, D.18.

mod whole;

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::item::{Class, Item, number};
use super::pieces::{class_of, wrapped};
use crate::aggregate::WHOLE;
use crate::codec::{CodecError, StreamDecoder};
use crate::format::responses::decode::output_part;
use crate::format::responses::reply::{end_of, is_failed, of_raw, seconds, settled};
use crate::format::responses::{RESPONSES, error, ids, usage, wire};
use crate::frame::StreamFrame;
use crate::json::Text;
use crate::json::read::{filled, misread, plain};
use crate::loss::Unread;
use crate::model::{BlockKind, Delta, Event, Part, Start, StreamError};
use crate::pass::finish;

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Reads a stream of events.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    state: State,
    next: u32,
    items: Vec<Item>,
    called: bool,
    refused: bool,
    searches: u64,
    unread: Unread,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Fresh,
    Started,
    /// The end or an error went out: nothing follows (B68, B77).
    Over,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        let data = frame.data.trim_ascii();
        // Some services end with the sentinel of Chat Completions.
        if self.state == State::Over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let text = std::str::from_utf8(data).map_err(|_| CodecError::protocol("an event is not UTF-8"))?;
        let event: wire::Event<'_> = match serde_json::from_str(text) {
            Ok(event) => event,
            // An error may have any shape.
            Err(_) if frame.event == "error" => return self.fail(text, sink),
            Err(error) => return Err(misread(&error, "")),
        };
        let kind = match &event.kind {
            Some(kind) => kind.clone().into_decoded(),
            None if frame.event.is_empty() && event.extras.iter().any(|(key, _)| key == "error") => {
                Cow::Borrowed("error")
            }
            None => Cow::Borrowed(frame.event),
        };
        self.event(&kind, &event, text, sink)
    }

    fn finish(&mut self, _sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        if self.state == State::Over {
            return Ok(());
        }
        Err(CodecError::protocol("the stream broke off before its end"))
    }

    fn unread(&self) -> &[String] {
        self.unread.names()
    }
}

impl Decoder {
    fn event(
        &mut self,
        kind: &str,
        event: &wire::Event<'_>,
        text: &str,
        sink: Sink<'_>,
    ) -> Result<(), CodecError> {
        match kind {
            "response.output_text.delta" => self.say(event, false, sink),
            "response.refusal.delta" => self.say(event, true, sink),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let at = self.call_of(event, kind.contains("custom"));
                if let (Some(item), Some(text)) = (self.items.get_mut(at), filled(event.delta)) {
                    item.grow_call(text, sink);
                }
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.think(event, kind.contains("summary"), sink);
            }
            "response.reasoning_summary_part.added" => self.next_summary(event, sink),
            "response.output_item.added" => self.added(event, sink),
            "response.output_item.done" => {
                if let Some(raw) = event.item {
                    self.done(raw, event.output_index, sink)?;
                }
            }
            "response.output_text.done" | "response.refusal.done" => {
                self.said(event, kind.contains("refusal"), sink);
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
                let custom = kind.contains("custom");
                let at = self.call_of(event, custom);
                let whole = if custom { event.input } else { event.arguments };
                if let Some(item) = self.items.get_mut(at) {
                    item.complete_call(whole.filter(|raw| raw.get() != r#""""#), sink);
                }
            }
            "response.output_text.annotation.added" => self.cite(event, sink),
            "response.image_generation_call.partial_image" => self.picture(event, sink),
            "response.created" | "response.in_progress" | "response.queued" => {
                let response = event.response.and_then(|raw| serde_json::from_str(raw.get()).ok());
                let response: wire::Response<'_> = response.unwrap_or_default();
                self.unread.members(RESPONSES, "", &response.extras);
                self.start(&response, sink);
            }
            // The websocket's word for it. Source: providers-a.md 3.7.
            "response.completed" | "response.incomplete" | "response.done" => {
                return self.end((event, text), kind == "response.incomplete", sink);
            }
            "response.failed" | "error" => return self.fail(text, sink),
            // Progress of what its item tells whole, and handshakes: nothing that could be lost.
            kind if is_progress(kind) => return Ok(()),
            kind => {
                self.unread.name("event", kind);
                return Ok(());
            }
        }
        self.unread.members(RESPONSES, "", &event.extras);
        Ok(())
    }

    fn fail(&mut self, text: &str, sink: Sink<'_>) -> Result<(), CodecError> {
        self.state = State::Over;
        if let Ok(data) = serde_json::from_str::<&RawValue>(text) {
            sink(Event::Error(error::from_event(data)));
            return Ok(());
        }
        let message = Cow::Borrowed(text);
        sink(Event::Error(StreamError { status: Some(502), message, ..StreamError::default() }));
        Ok(())
    }

    fn start(&mut self, response: &wire::Response<'_>, sink: Sink<'_>) {
        if self.state != State::Fresh {
            return;
        }
        self.state = State::Started;
        sink(Event::Start(Start {
            id: of_raw(response.id),
            model: of_raw(response.model),
            created: response.created_at.and_then(seconds),
            service_tier: filled(response.service_tier),
        }));
    }

    /// The reply begins with whatever comes first (E290).
    fn begun(&mut self, sink: Sink<'_>) {
        self.start(&wire::Response::default(), sink);
    }

    /// The item that an event is about: by its id, else by its place, else the open one of its class (E295, E298).
    fn find(&self, id: &str, output_index: Option<u32>, class: Option<Class>) -> Option<usize> {
        let fits = |item: &Item| class.is_none_or(|class| item.class == class);
        let by_id = || self.items.iter().rposition(|item| item.id == id && fits(item));
        let by_place = || self.items.iter().rposition(|item| item.output_index == output_index && fits(item));
        let found = if id.is_empty() { None } else { by_id() };
        found.or_else(|| output_index.and_then(|_| by_place()))
    }

    fn item(&mut self, event: &wire::Event<'_>, class: Class, sink: Sink<'_>) -> usize {
        let id = event.item_id.as_ref().map(Text::decoded).unwrap_or_default();
        let latest = || self.items.iter().rposition(|item| item.class == class && !item.closed);
        let anonymous = id.is_empty() && event.output_index.is_none();
        let found = self.find(&id, event.output_index, Some(class));
        if let Some(at) = found.or_else(|| if anonymous { latest() } else { None }) {
            return at;
        }
        self.begun(sink);
        self.items.push(Item::new(class, &id, event.output_index));
        self.items.len() - 1
    }

    /// The call of an argument event; one that nothing announced waits for its name.
    fn call_of(&mut self, event: &wire::Event<'_>, custom: bool) -> usize {
        let id = event.item_id.as_ref().map(Text::decoded).unwrap_or_default();
        if let Some(at) = self.find(&id, event.output_index, Some(Class::Call)) {
            return at;
        }
        if let Some(at) = self.items.iter().rposition(|item| item.class == Class::Call && !item.closed)
            && (id.is_empty()
                || self
                    .items
                    .get(at)
                    .is_some_and(|item| item.output_index.is_none() || event.output_index.is_none()))
        {
            return at;
        }
        let mut item = Item::new(Class::Call, &id, event.output_index);
        item.call.custom = custom;
        self.items.push(item);
        self.items.len() - 1
    }

    /// The hot path: text into its block.
    fn say(&mut self, event: &wire::Event<'_>, refusal: bool, sink: Sink<'_>) {
        let Some(text) = filled(event.delta) else { return };
        let at = self.item(event, Class::Message, sink);
        let part = (event.content_index.unwrap_or(0), refusal);
        let block = self.text_block(at, part, sink);
        if let Some(block) = block {
            sink(Event::Delta { block, delta: Delta::Text(text) });
            if let Some(logprobs) = event.logprobs.and_then(wrapped) {
                sink(Event::Delta { block, delta: Delta::Logprobs(logprobs) });
            }
        }
    }

    /// The block of a content part, which opens when another one is open.
    fn text_block(&mut self, at: usize, part: (u32, bool), sink: Sink<'_>) -> Option<u32> {
        let item = self.items.get_mut(at)?;
        if item.closed {
            return None;
        }
        item.said = true;
        if let Some(block) = item.block
            && item.part == part
        {
            return Some(block);
        }
        item.close(sink);
        let block = number(&mut self.next);
        item.block = Some(block);
        item.part = part;
        self.refused |= part.1;
        let kind = if part.1 { BlockKind::Refusal } else { BlockKind::Text };
        sink(Event::BlockStart { block, candidate: 0, kind });
        Some(block)
    }

    /// A part is whole; its text goes out if no delta brought it.
    fn said(&mut self, event: &wire::Event<'_>, refusal: bool, sink: Sink<'_>) {
        let at = self.item(event, Class::Message, sink);
        let part = (event.content_index.unwrap_or(0), refusal);
        let open = self.items.get(at).is_some_and(|item| item.block.is_some() && item.part == part);
        let whole = filled(if refusal { event.refusal } else { event.text });
        let fresh =
            self.items.get(at).is_some_and(|item| !item.said || item.part != part && item.block.is_none());
        if !open
            && fresh
            && let Some(text) = whole
            && let Some(block) = self.text_block(at, part, sink)
        {
            sink(Event::Delta { block, delta: Delta::Text(text) });
        }
    }

    fn cite(&mut self, event: &wire::Event<'_>, sink: Sink<'_>) {
        let at = self.item(event, Class::Message, sink);
        let Some(raw) = event.annotation else { return };
        if let Some(block) = self.items.get(at).and_then(|item| item.block) {
            sink(Event::Delta {
                block,
                delta: Delta::Citation { format: RESPONSES, raw: Cow::Borrowed(raw) },
            });
        }
    }

    fn reasoning_block(&mut self, at: usize, sink: Sink<'_>) -> Option<u32> {
        let item = self.items.get_mut(at).filter(|item| !item.closed)?;
        if item.block.is_none() {
            let block = number(&mut self.next);
            item.block = Some(block);
            sink(Event::BlockStart { block, candidate: 0, kind: BlockKind::Reasoning });
        }
        item.block
    }

    fn think(&mut self, event: &wire::Event<'_>, summary: bool, sink: Sink<'_>) {
        let Some(text) = filled(event.delta) else { return };
        let at = self.item(event, Class::Reasoning, sink);
        let Some(block) = self.reasoning_block(at, sink) else { return };
        if let Some(item) = self.items.get_mut(at) {
            item.said = true;
        }
        let delta = if summary { Delta::Reasoning(text) } else { Delta::RawReasoning(text) };
        sink(Event::Delta { block, delta });
    }

    /// Parts of a summary are one block, a blank line apart (B37, E230).
    fn next_summary(&mut self, event: &wire::Event<'_>, sink: Sink<'_>) {
        let at = self.item(event, Class::Reasoning, sink);
        if let Some(item) = self.items.get(at)
            && item.said
            && let Some(block) = item.block
        {
            sink(Event::Delta { block, delta: Delta::Reasoning(Text::plain("\n\n")) });
        }
    }

    fn added(&mut self, event: &wire::Event<'_>, sink: Sink<'_>) {
        let Some(item): Option<wire::Item<'_>> =
            event.item.and_then(|raw| serde_json::from_str(raw.get()).ok())
        else {
            return;
        };
        self.begun(sink);
        let kind = plain(item.kind.clone());
        let class = class_of(&kind);
        if let Some(raw) = event.item {
            self.note(&item, raw);
        }
        let id = of_raw(item.id);
        if self.find(&id, event.output_index, Some(class)).is_some() {
            return;
        }
        let mut known = Item::new(class, &id, event.output_index);
        if class == Class::Call {
            learn(&mut known, &item, &kind);
            known.open_call(&mut self.next, sink);
            self.called |= known.block.is_some();
        }
        if class == Class::Reasoning {
            known.early = signature(event.item);
        }
        self.items.push(known);
        if class == Class::Reasoning {
            let _opened = self.reasoning_block(self.items.len() - 1, sink);
        }
    }

    /// An item is whole: what did not go out yet does now, and its block closes.
    fn done(&mut self, raw: &RawValue, output_index: Option<u32>, sink: Sink<'_>) -> Result<(), CodecError> {
        let item: wire::Item<'_> =
            serde_json::from_str(raw.get()).map_err(|error| misread(&error, "item"))?;
        self.begun(sink);
        self.note(&item, raw);
        let kind = plain(item.kind.clone());
        let class = class_of(&kind);
        let id = of_raw(item.id);
        let at = self.find(&id, output_index, Some(class)).or_else(|| self.same_call(&item, class));
        let at = at.or_else(|| self.anonymous(&id, output_index, class)).unwrap_or_else(|| {
            self.items.push(Item::new(class, &id, output_index));
            self.items.len() - 1
        });
        if self.items.get(at).is_none_or(|item| item.closed) {
            return Ok(());
        }
        match class {
            Class::Call => {
                if let Some(known) = self.items.get_mut(at) {
                    learn(known, &item, &kind);
                    known.open_call(&mut self.next, sink);
                    let whole = if known.call.custom { item.input } else { item.arguments };
                    known.complete_call(whole.filter(|raw| raw.get() != r#""""#), sink);
                    self.called |= known.block.is_some();
                    // One that was never named may still be in the terminal event (E244).
                    known.closed = known.block.is_some();
                    known.close(sink);
                }
            }
            Class::Message => self.whole_message(at, raw, sink),
            Class::Reasoning => self.whole_reasoning(at, raw, sink),
            Class::Whole => self.whole(at, raw, &kind, sink),
        }
        if class != Class::Call
            && let Some(item) = self.items.get_mut(at)
        {
            item.closed = true;
        }
        Ok(())
    }

    /// Notes what of an item is not read. Items of other kinds ride along whole.
    fn note(&mut self, item: &wire::Item<'_>, raw: &RawValue) {
        let kind = item.kind.as_ref().map(Text::decoded).unwrap_or_default();
        if !matches!(&*kind, "message" | "reasoning" | "function_call" | "custom_tool_call") {
            return;
        }
        self.unread.members(RESPONSES, "message", &item.extras);
        if kind == "message" {
            for part in parts_of(raw) {
                self.unread.members(RESPONSES, "message", &part.extras);
            }
        }
    }

    /// A call that was announced under another id, or none (E241).
    fn same_call(&self, item: &wire::Item<'_>, class: Class) -> Option<usize> {
        let call_id = filled(item.call_id).filter(|_| class == Class::Call)?;
        self.items.iter().position(|known| !known.closed && call_id == known.call.call_id.as_str())
    }

    /// The open item of its class, for an item without identity.
    fn anonymous(&self, id: &str, output_index: Option<u32>, class: Class) -> Option<usize> {
        if output_index.is_some() && !id.is_empty() || class == Class::Whole {
            return None;
        }
        let fits = |item: &Item| {
            item.class == class
                && !item.closed
                && (output_index.is_none() || item.output_index.is_none())
                && (id.is_empty() || item.id.is_empty())
        };
        self.items.iter().position(fits)
    }

    /// The terminal event: what only it brings goes out, everything closes (E243 to E245, E257, E258).
    fn end(
        &mut self,
        (event, text): (&wire::Event<'_>, &str),
        cut: bool,
        sink: Sink<'_>,
    ) -> Result<(), CodecError> {
        let raw = event.response;
        let mut response: wire::Response<'_> = match raw {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|error| misread(&error, "response"))?,
            None => wire::Response::default(),
        };
        if is_failed(&response) {
            return self.fail(text, sink);
        }
        self.unread.members(RESPONSES, "", &event.extras);
        self.start(&response, sink);
        self.unread.members(RESPONSES, "", &response.extras);
        let mut finish = end_of(&response, cut);
        let output = response.output.take().unwrap_or_default().0;
        let has_output = !output.is_empty();
        for (index, raw) in (0_u32..).zip(output) {
            self.hydrate(raw, index, sink)?;
        }
        for at in 0..self.items.len() {
            let Some(item) = self.items.get_mut(at).filter(|item| !item.closed) else { continue };
            if let (Some(block), Some(early)) = (item.block, item.early.take()) {
                sink(Event::Delta { block, delta: Delta::Signature(early) });
            }
            item.closed = true;
            item.close(sink);
        }
        finish.reason = settled(finish.reason, self.called, self.refused);
        // Source: B68; issue 4, "Proof". A reply that was stopped may be cut anywhere.
        if finish::is_whole(finish.reason) {
            let calls = self.items.iter().filter(|item| item.class == Class::Call && !item.call.custom);
            finish::broken(calls.map(|item| &item.call.arguments)).map_or(Ok(()), Err)?;
        }
        self.state = State::Over;
        let mut used = response.usage.map(usage::decode).unwrap_or_default();
        if self.searches > 0 {
            used.web_searches = Some(self.searches);
        }
        if !used.is_empty() {
            sink(Event::Usage(used));
        }
        if let Some(raw) = raw.filter(|_| has_output) {
            let name = Cow::Borrowed(WHOLE);
            sink(Event::Raw { format: RESPONSES, name, data: Cow::Borrowed(raw) });
        }
        sink(Event::Finish { candidate: 0, finish });
        sink(Event::End);
        Ok(())
    }

    /// An item of the terminal event: one that is known is completed, one that never came is told (E244).
    fn hydrate(&mut self, raw: &RawValue, index: u32, sink: Sink<'_>) -> Result<(), CodecError> {
        let item: wire::Item<'_> =
            serde_json::from_str(raw.get()).map_err(|error| misread(&error, "output"))?;
        let class = class_of(&plain(item.kind.clone()));
        let id = of_raw(item.id);
        let known = |known: &Item| {
            known.class == class
                && (!id.is_empty() && known.id == id
                    || known.output_index == Some(index)
                    || class == Class::Call
                        && filled(item.call_id).is_some_and(|id| id == known.call.call_id.as_str()))
        };
        if self.items.iter().any(|item| known(item) && item.closed) {
            self.note(&item, raw);
            return Ok(());
        }
        self.done(raw, Some(index), sink)
    }
}

/// Takes over what an item tells of a call; what is known already stays.
fn learn(known: &mut Item, item: &wire::Item<'_>, kind: &str) {
    let call = &mut known.call;
    if known.block.is_some() {
        return;
    }
    call.custom = kind == "custom_tool_call";
    if call.call_id.is_empty() {
        call.call_id = ids::call_id(&of_raw(item.call_id)).into_owned();
    }
    if call.name.is_empty() {
        let local = of_raw(item.name);
        let space = filled(item.namespace).map(Text::into_decoded);
        call.name = crate::pass::names::qualified(&local, space.as_deref()).into_owned();
    }
}

/// Whether an event tells how far a piece of the reply is, that it begins or that it is whole, or brings pieces of what
/// its item has whole: other events have what there is to know of it.
fn is_progress(kind: &str) -> bool {
    match kind.rsplit_once('.') {
        // Sound is in no item.
        _ if kind.starts_with("response.audio.") => false,
        Some((of, "delta")) => matches!(
            of,
            "response.code_interpreter_call_code"
                | "response.mcp_call_arguments"
                | "response.shell_call_command"
                | "response.shell_call_output_content"
        ),
        Some((_, last)) => matches!(
            last,
            "added"
                | "done"
                | "in_progress"
                | "searching"
                | "interpreting"
                | "generating"
                | "compacting"
                | "completed"
                | "failed"
                | "rate_limits"
                | "metadata"
        ),
        None => matches!(kind, "keepalive" | "ping"),
    }
}

fn parts_of(raw: &RawValue) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    // An item that cannot be read says nothing.
    if output_part(raw, &mut parts).is_err() {
        parts.clear();
    }
    parts
}

fn signature(item: Option<&RawValue>) -> Option<crate::model::Signature<'static>> {
    parts_of(item?).into_iter().find_map(|part| part.signature).map(crate::model::Signature::into_owned)
}
