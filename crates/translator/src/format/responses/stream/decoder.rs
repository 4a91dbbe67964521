//! Events of a provider into canonical events. Source: translation.md A.14, B37, B61 to B63, B73, D.14, D.16, D.18.

mod terminal;
mod whole;

use std::borrow::Cow;

use serde_json::value::RawValue;

use self::whole::Whole;
use super::item::{Class, Item, number};
use super::items::Items;
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
    items: Items,
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
                    self.done(raw, event.output_index, sink);
                }
            }
            "response.output_text.done" | "response.refusal.done" => {
                self.said(event, kind.contains("refusal"), sink);
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
                let custom = kind.contains("custom");
                let at = self.known(event, Class::Call).unwrap_or_else(|| self.call_of(event, custom));
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

    /// The item of an id, else that at a place (E295, E298).
    fn find(&self, class: Class, id: &str, output_index: Option<u32>) -> Option<usize> {
        let found = if id.is_empty() { None } else { self.items.by_id(class, id) };
        found.or_else(|| self.items.by_place(class, output_index?))
    }

    /// The item that an event is about, as far as it is known. Some number all their items alike.
    fn known(&self, event: &wire::Event<'_>, class: Class) -> Option<usize> {
        let id = event.item_id.as_ref().map(Text::decoded).unwrap_or_default();
        self.find(class, &id, event.output_index)
    }

    /// As [`Self::known`], for what may be the first of an item: it is not of another one that has ended.
    fn growing(&self, id: &str, event: &wire::Event<'_>, class: Class) -> Option<usize> {
        let is_over = |item: &Item| item.closed && item.is_other(id, "");
        let found = self.find(class, id, event.output_index);
        found.filter(|at| !self.items.get(*at).is_some_and(is_over))
    }

    /// The item of a piece, else the open one of its class (E295, E298), else a new one.
    fn item(&mut self, event: &wire::Event<'_>, class: Class, sink: Sink<'_>) -> usize {
        let id = event.item_id.as_ref().map(Text::decoded).unwrap_or_default();
        if let Some(at) = self.growing(&id, event, class) {
            return at;
        }
        if id.is_empty()
            && event.output_index.is_none()
            && let Some(at) = self.items.last_open(class)
        {
            return at;
        }
        self.begun(sink);
        self.items.push(Item::new(class, &id, event.output_index))
    }

    /// The call of an argument event; one that nothing announced waits for its name.
    fn call_of(&mut self, event: &wire::Event<'_>, custom: bool) -> usize {
        let id = event.item_id.as_ref().map(Text::decoded).unwrap_or_default();
        if let Some(at) = self.growing(&id, event, Class::Call) {
            return at;
        }
        if let Some(at) = self.items.last_open(Class::Call)
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
        self.items.push(item)
    }

    /// The hot path: text into its block.
    fn say(&mut self, event: &wire::Event<'_>, refusal: bool, sink: Sink<'_>) {
        let Some(text) = filled(event.delta) else { return };
        let at = self.item(event, Class::Message, sink);
        let part = (event.content_index.unwrap_or(0), refusal);
        if self.items.get(at).is_some_and(|item| item.repeats(part)) {
            return;
        }
        if let Some(block) = self.text_block(at, part, text.char_count(), sink) {
            sink(Event::Delta { block, delta: Delta::Text(text) });
            if let Some(logprobs) = event.logprobs.and_then(wrapped) {
                sink(Event::Delta { block, delta: Delta::Logprobs(logprobs) });
            }
        }
    }

    /// The block of a content part, which opens when another one is open, for so many characters. What follows behind the
    /// end of its item has one too.
    fn text_block(&mut self, at: usize, part: (u32, bool), chars: usize, sink: Sink<'_>) -> Option<u32> {
        let item = self.items.get_mut(at)?;
        item.tell(part, chars);
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
        let known = self.known(event, Class::Message);
        let at = known.unwrap_or_else(|| self.item(event, Class::Message, sink));
        let part = (event.content_index.unwrap_or(0), refusal);
        let Some(text) = filled(if refusal { event.refusal } else { event.text }) else { return };
        let chars = text.char_count();
        let Some(item) = self.items.get(at) else { return };
        // Some number the parts another way when these are whole: of two that are alike the whole item tells.
        let is_open = item.block.is_some()
            && item.part.1 == refusal
            && item.parts.get(&item.part).is_some_and(|told| told.chars == chars);
        if !is_open && !item.parts.contains_key(&part) {
            self.tell_part(at, part, text, sink);
        }
    }

    /// A part that no delta brought. Its block is open then.
    fn tell_part(&mut self, at: usize, part: (u32, bool), text: Text<'_>, sink: Sink<'_>) -> Option<u32> {
        let block = self.text_block(at, part, text.char_count(), sink)?;
        self.items.get_mut(at)?.tell(part, 0).whole = true;
        if !text.is_empty() {
            sink(Event::Delta { block, delta: Delta::Text(text) });
        }
        Some(block)
    }

    fn cite(&mut self, event: &wire::Event<'_>, sink: Sink<'_>) {
        let known = self.known(event, Class::Message);
        let at = known.unwrap_or_else(|| self.item(event, Class::Message, sink));
        let (Some(raw), Some(item)) = (event.annotation, self.items.get_mut(at)) else { return };
        match item.block {
            Some(block) => {
                let part = event.content_index.map(|index| (index, false));
                let part = part.filter(|part| item.parts.contains_key(part)).unwrap_or(item.part);
                item.tell(part, 0).citations += 1;
                let raw = Cow::Borrowed(raw);
                sink(Event::Delta { block, delta: Delta::Citation { format: RESPONSES, raw } });
            }
            // In front of its text: the whole item has both.
            None if !item.closed => {}
            None => self.unread.name("message", "citations"),
        }
    }

    fn reasoning_block(&mut self, at: usize, sink: Sink<'_>) -> Option<u32> {
        let item = self.items.get_mut(at)?;
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
        let index = if summary { event.summary_index } else { event.content_index };
        let part = (index.unwrap_or(0), !summary);
        if self.items.get(at).is_some_and(|item| item.repeats(part)) {
            return;
        }
        let Some(block) = self.reasoning_block(at, sink) else { return };
        if let Some(item) = self.items.get_mut(at) {
            item.tell(part, text.char_count());
            item.part_summary(block, sink);
        }
        let delta = if summary { Delta::Reasoning(text) } else { Delta::RawReasoning(text) };
        sink(Event::Delta { block, delta });
    }

    /// Parts of a summary are one block, a blank line apart (B37, E230).
    fn next_summary(&mut self, event: &wire::Event<'_>, sink: Sink<'_>) {
        let at = self.item(event, Class::Reasoning, sink);
        if let Some(item) = self.items.get_mut(at) {
            item.gap = item.said && item.block.is_some();
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
            let _parts = self.note(&item, raw);
        }
        let id = of_raw(item.id);
        let found = self.find(class, &id, event.output_index).and_then(|at| self.items.get(at));
        // What begins is no other that began, unless it is told again.
        if found.is_some_and(|known| !known.is_other(&id, &call_id_of(&item))) {
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
        let at = self.items.push(known);
        if class == Class::Reasoning {
            let _opened = self.reasoning_block(at, sink);
        }
    }

    /// An item is whole.
    fn done(&mut self, raw: &RawValue, output_index: Option<u32>, sink: Sink<'_>) {
        self.begun(sink);
        let Some(whole) = Whole::read(raw) else {
            self.unread.name("event", "response.output_item.done");
            return;
        };
        let known =
            self.find(whole.class, &whole.id, output_index).filter(|at| !self.is_another(*at, &whole));
        let at = known
            .or_else(|| self.same_call(&whole))
            .or_else(|| self.anonymous(&whole.id, output_index, whole.class))
            .unwrap_or_else(|| self.items.push(Item::new(whole.class, &whole.id, output_index)));
        self.complete(at, whole, sink);
    }

    /// Whether an item that has ended is another one than this, which has its place: not if it said the same.
    fn is_another(&self, at: usize, whole: &Whole<'_>) -> bool {
        self.items.get(at).is_some_and(|known| {
            known.closed
                && known.is_other(&whole.id, &whole.call_id)
                && (known.sent == 0 || Some(known.sent) != whole.chars())
        })
    }

    /// What of an item did not go out yet does now, and its block closes.
    fn complete(&mut self, at: usize, whole: Whole<'_>, sink: Sink<'_>) {
        let Whole { raw, item, kind, class, .. } = whole;
        let parts = self.note(&item, raw);
        if self.items.get(at).is_none_or(|item| item.closed) {
            return;
        }
        match class {
            Class::Call => {
                if let Some(known) = self.items.get_mut(at) {
                    let is_new = known.call.call_id.is_empty();
                    learn(known, &item, &kind);
                    known.open_call(&mut self.next, sink);
                    let whole = if known.call.custom { item.input } else { item.arguments };
                    known.complete_call(whole.filter(|raw| raw.get() != r#""""#), sink);
                    self.called |= known.block.is_some();
                    // One that was never named may still be in the terminal event (E244).
                    known.closed = known.block.is_some();
                    known.close(sink);
                    if is_new {
                        self.items.learned(at);
                    }
                }
            }
            Class::Message => self.whole_message(at, parts, sink),
            Class::Reasoning => self.whole_reasoning(at, raw, sink),
            Class::Whole => self.whole(at, raw, &kind, sink),
        }
        if class != Class::Call
            && let Some(item) = self.items.get_mut(at)
        {
            item.closed = true;
        }
    }

    /// Notes what of an item is not read; what a message says is read for it. Items of other kinds ride along whole.
    fn note<'r>(&mut self, item: &wire::Item<'_>, raw: &'r RawValue) -> Vec<Part<'r>> {
        let kind = item.kind.as_ref().map(Text::decoded).unwrap_or_default();
        if !matches!(&*kind, "message" | "reasoning" | "function_call" | "custom_tool_call") {
            return Vec::new();
        }
        self.unread.members(RESPONSES, "message", &item.extras);
        if kind != "message" {
            return Vec::new();
        }
        let parts = parts_of(raw);
        for part in &parts {
            self.unread.members(RESPONSES, "message", &part.extras);
        }
        parts
    }

    /// A call that was announced under another id, or none (E241).
    fn same_call(&mut self, whole: &Whole<'_>) -> Option<usize> {
        if whole.class != Class::Call || whole.call_id.is_empty() {
            return None;
        }
        self.items.open_call(&whole.call_id)
    }

    /// The open item of its class, for an item without identity.
    fn anonymous(&mut self, id: &str, output_index: Option<u32>, class: Class) -> Option<usize> {
        if output_index.is_some() && !id.is_empty() || class == Class::Whole {
            return None;
        }
        self.items.first_open(class, !id.is_empty(), output_index.is_some())
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
        self.hydrate(&output, sink);
        for item in self.items.iter_mut() {
            if !item.closed
                && let (Some(block), Some(early)) = (item.block, item.early.take())
            {
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
}

/// Takes over what an item tells of a call; what is known already stays.
fn learn(known: &mut Item, item: &wire::Item<'_>, kind: &str) {
    let call = &mut known.call;
    if known.block.is_some() {
        return;
    }
    call.custom = kind == "custom_tool_call";
    if call.call_id.is_empty() {
        call.call_id = call_id_of(item);
    }
    if call.name.is_empty() {
        let local = of_raw(item.name);
        let space = filled(item.namespace).map(Text::into_decoded);
        call.name = crate::pass::names::qualified(&local, space.as_deref()).into_owned();
    }
}

fn call_id_of(item: &wire::Item<'_>) -> String {
    ids::call_id(&of_raw(item.call_id)).into_owned()
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
