//! Canonical events as the events of a response. Source: translation.md B65 to B68, B77.

use std::borrow::Cow;

use cliproxy_core::{ClientError, Usage};

use super::frames::Sequence;
use super::open::{Call, Message, Thought};
use super::output::Done;
use crate::codec::{ReplyContext, StreamEncoder};
use crate::format::responses::error::{Failure, of_client_error, of_stream_error};
use crate::format::responses::reply::{CallHead, Head, Status, image_item, reasoning_item, search_item};
use crate::format::responses::{carrier, ids, is_family};
use crate::json::{Text, Writer, one_line};
use crate::model::{
    Bind, BlockKind, Delta, Event, Finish, Issuer, Media, MediaSource, Signature, Start, owned_raw,
};
use crate::pass::searches::Pairs;

/// Writes a stream for a client of this format.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    context: ReplyContext,
    head: Option<Head>,
    events: Sequence,
    next: u32,
    blocks: Vec<Block>,
    message: Option<Message>,
    thoughts: Vec<Thought>,
    calls: Vec<Call>,
    /// Calls that are whole but not closed: whether they were cut shows when the reason is known.
    closing: Vec<Call>,
    done: Done,
    usage: Usage,
    finish: Option<Finish<'static>>,
    searches: Pairs,
    refused: bool,
    over: bool,
}

/// A canonical block that has started and not stopped.
#[derive(Debug)]
struct Block {
    id: u32,
    kind: Kind,
    /// State that came with a text or call: it follows in an item of its own.
    state: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Thought,
    Call,
    /// Nothing of it can be said here (E083).
    Mute,
}

impl Encoder {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.clone(),
            head: None,
            events: Sequence::default(),
            next: 0,
            blocks: Vec::with_capacity(2),
            message: None,
            thoughts: Vec::new(),
            calls: Vec::new(),
            closing: Vec::new(),
            done: Done::default(),
            usage: Usage::default(),
            finish: None,
            searches: Pairs::default(),
            refused: false,
            over: false,
        }
    }

    fn start(&mut self, start: &Start<'_>, out: &mut Vec<u8>) {
        if self.head.is_some() {
            return;
        }
        let tier = start.service_tier.as_ref();
        let head = Head::new(&start.id, &start.model, start.created, tier, &self.context);
        for name in ["response.created", "response.in_progress"] {
            self.events.event(out, name, |w| {
                w.key("response");
                head.write(w, Status::InProgress, None, b"", None);
            });
        }
        self.head = Some(head);
    }

    /// The id of the response, which has begun by now.
    fn response(&mut self, out: &mut Vec<u8>) -> String {
        // No decoder of ours leaves the start out, but the stream is valid without it too.
        self.start(&Start::default(), out);
        self.head.as_ref().map(|head| head.id.clone()).unwrap_or_default()
    }

    fn index(&mut self) -> u32 {
        let index = self.next;
        self.next += 1;
        index
    }

    fn block_start(&mut self, id: u32, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        self.flush(false, out);
        let kind = match kind {
            BlockKind::Text => Kind::Text,
            BlockKind::Refusal => Kind::Refusal,
            BlockKind::Reasoning => {
                self.close_message("completed", out);
                let response = self.response(out);
                let index = self.index();
                let item = ids::derived("rs_", &response, index);
                self.thoughts.push(Thought::open(id, index, item, &mut self.events, out));
                Kind::Thought
            }
            BlockKind::Redacted(data) => {
                self.state_item(&carrier::redacted(data), out);
                Kind::Mute
            }
            BlockKind::ToolCall { id: call_id, name, custom } => {
                self.open_call(id, call_id, name, *custom, out);
                Kind::Call
            }
            BlockKind::Media(media) => {
                self.image(media, out);
                Kind::Mute
            }
            BlockKind::Server(part) if is_family(part.format) => {
                self.whole(part.raw.get(), out);
                Kind::Mute
            }
            BlockKind::Opaque(part) if is_family(part.format) => {
                self.whole(part.raw.get(), out);
                Kind::Mute
            }
            BlockKind::Server(part) => {
                // As in whole replies (F17).
                let search = self.context.searches_web.then(|| self.searches.take(part)).flatten();
                if let Some(search) = search {
                    let mut w = Writer::default();
                    search_item(&mut w, search);
                    self.whole(&String::from_utf8(w.into_bytes()).unwrap_or_default(), out);
                }
                Kind::Mute
            }
            BlockKind::Opaque(_) => Kind::Mute,
        };
        self.blocks.push(Block { id, kind, state: None });
    }

    fn open_call(&mut self, block: u32, call_id: &Text<'_>, name: &str, freeform: bool, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let response = self.response(out);
        let index = self.index();
        let call_id = match call_id.is_empty() {
            false => call_id.decoded().into_owned(),
            true => ids::derived("call_", &response, index),
        };
        let mut head = CallHead::new(String::new(), call_id, name, freeform, &self.context);
        head.id = ids::derived(CallHead::prefix(head.custom), &response, index);
        self.calls.push(Call::open(block, index, head, freeform, &mut self.events, out));
    }

    fn delta(&mut self, id: u32, delta: Delta<'_>, out: &mut Vec<u8>) {
        // Streams grow the block they opened last.
        let Some(at) = self.blocks.iter().rposition(|block| block.id == id) else { return };
        let Some(block) = self.blocks.get_mut(at) else { return };
        match (block.kind, delta) {
            (Kind::Text | Kind::Refusal, Delta::Text(text)) if !text.is_empty() => {
                self.say(id, block_is_refusal(&self.blocks, at), &text, out);
            }
            (Kind::Text, Delta::Citation { raw, .. }) => {
                self.open_part(id, false, out);
                if let Some(said) = self.message.as_mut().and_then(|message| message.open.as_mut()) {
                    said.cite(owned_raw(raw));
                }
            }
            (Kind::Text, Delta::Logprobs(raw)) => {
                if let Some(said) = self.message.as_mut().and_then(|message| message.open.as_mut()) {
                    said.weigh(&raw);
                }
            }
            (Kind::Thought, Delta::Reasoning(text)) => {
                if let Some(thought) = self.thoughts.iter_mut().rev().find(|thought| thought.block == id)
                    && !text.is_empty()
                {
                    thought.summarise(&text, &mut self.events, out);
                }
            }
            (Kind::Thought, Delta::RawReasoning(text)) => {
                if let Some(thought) = self.thoughts.iter_mut().rev().find(|thought| thought.block == id)
                    && !text.is_empty()
                {
                    thought.reason(&text, &mut self.events, out);
                }
            }
            // No event at that moment (E079): the state is on the item when it is done.
            (Kind::Thought, Delta::Signature(signature)) => {
                if let Some(thought) = self.thoughts.iter_mut().rev().find(|thought| thought.block == id) {
                    thought.state = Some(carrier::for_client(&signature, Bind::Own, false).into_owned());
                }
            }
            (Kind::Call, Delta::Args(text)) => {
                if let Some(call) = self.calls.iter_mut().rev().find(|call| call.block == id) {
                    call.grow(&text, &mut self.events, out);
                }
            }
            (Kind::Text, Delta::Signature(signature)) => block.state = carried(&signature),
            (Kind::Call, Delta::Signature(signature)) => block.state = carried(&signature),
            _ => {}
        }
    }

    /// Opens message and part as far as they are not.
    fn open_part(&mut self, block: u32, refusal: bool, out: &mut Vec<u8>) {
        if self.message.is_none() {
            let response = self.response(out);
            let index = self.index();
            let id = ids::derived("msg_", &response, index);
            self.message = Some(Message::open(index, id, &mut self.events, out));
        }
        if let Some(message) = &mut self.message {
            message.part(block, refusal, &mut self.events, out);
        }
    }

    fn say(&mut self, block: u32, refusal: bool, text: &Text<'_>, out: &mut Vec<u8>) {
        let open = self.message.as_ref().and_then(|message| message.open.as_ref());
        if open.is_none_or(|open| open.block != block) {
            self.refused |= refusal;
            self.open_part(block, refusal, out);
        }
        if let Some(said) = self.message.as_mut().and_then(|message| message.open.as_mut()) {
            said.grow(text, &mut self.events, out);
        }
    }

    fn block_stop(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().rposition(|block| block.id == id) else { return };
        let Block { kind, state, .. } = self.blocks.remove(at);
        match kind {
            Kind::Text | Kind::Refusal => {
                // The message stays open: text that follows belongs to it (B66, E080).
                if let Some(message) = &mut self.message
                    && message.open.as_ref().is_some_and(|open| open.block == id)
                {
                    message.close_part(&mut self.events, out);
                }
            }
            Kind::Thought => {
                if let Some(at) = self.thoughts.iter().position(|thought| thought.block == id) {
                    self.thoughts.remove(at).close(&mut self.events, &mut self.done, out);
                }
            }
            Kind::Call => {
                if let Some(at) = self.calls.iter().position(|call| call.block == id) {
                    let call = self.calls.remove(at);
                    self.closing.push(call);
                }
            }
            Kind::Mute => {}
        }
        if let Some(state) = state {
            self.flush(false, out);
            self.state_item(&state, out);
        }
    }

    /// Closes the calls that are whole.
    fn flush(&mut self, cut: bool, out: &mut Vec<u8>) {
        let status = if cut { "incomplete" } else { "completed" };
        for call in std::mem::take(&mut self.closing) {
            call.close(status, cut, &mut self.events, &mut self.done, out);
        }
    }

    fn close_message(&mut self, status: &str, out: &mut Vec<u8>) {
        if let Some(message) = self.message.take() {
            message.close(status, &mut self.events, &mut self.done, out);
        }
    }

    /// An item that is nothing but state.
    fn state_item(&mut self, state: &str, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let response = self.response(out);
        let index = self.index();
        let id = ids::derived("rs_", &response, index);
        self.added(index, out, |w| reasoning_item(w, &id, b"", b"", Some(state)));
        self.done.item(index, &mut self.events, out, |w| reasoning_item(w, &id, b"", b"", Some(state)));
    }

    fn added(&mut self, index: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
        self.events.event(out, "response.output_item.added", |w| {
            w.field_unsigned("output_index", u64::from(index));
            w.key("item");
            write(w);
        });
    }

    fn image(&mut self, media: &Media<'_>, out: &mut Vec<u8>) {
        let MediaSource::Base64 { mime, data } = &media.source else { return };
        if !mime.starts_with("image/") {
            return;
        }
        self.close_message("completed", out);
        let response = self.response(out);
        let index = self.index();
        let id = ids::derived("ig_", &response, index);
        self.added(index, out, |w| image_item(w, &id, "in_progress", mime, None));
        self.done.item(index, &mut self.events, out, |w| image_item(w, &id, "completed", mime, Some(data)));
    }

    /// An item of this family, as it came.
    fn whole(&mut self, raw: &str, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let _begun = self.response(out);
        let index = self.index();
        let raw = one_line(raw);
        self.added(index, out, |w| w.raw(&raw));
        self.done.item(index, &mut self.events, out, |w| w.raw(&raw));
    }

    /// Closes everything, in the order of the items, and sends the terminal event.
    fn end(&mut self, out: &mut Vec<u8>) {
        let _begun = self.response(out);
        let status = Status::of(self.finish.as_ref(), self.refused);
        let cut = matches!(status, Status::Incomplete(_));
        for thought in std::mem::take(&mut self.thoughts) {
            thought.close(&mut self.events, &mut self.done, out);
        }
        let open = std::mem::take(&mut self.calls);
        self.closing.extend(open);
        self.closing.sort_by_key(|call| call.index);
        let message_first = match (&self.message, self.closing.first()) {
            (Some(message), Some(call)) => message.index < call.index,
            _ => true,
        };
        if message_first {
            self.close_message(status.as_str(), out);
        }
        self.flush(cut, out);
        self.close_message(status.as_str(), out);
        let name = if cut { "response.incomplete" } else { "response.completed" };
        let output = self.done.list();
        // Nothing is known, nothing is said (B59, E172).
        let used = Some(&self.usage).filter(|usage| !usage.is_empty());
        let Self { events, head, .. } = self;
        if let Some(head) = head {
            events.event(out, name, |w| {
                w.key("response");
                head.write(w, status, None, &output, used);
            });
        }
    }

    /// `response.failed` when a response was begun, else `error` (B77). Open items need not be closed.
    fn failed(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        self.over = true;
        let output = self.done.list();
        let used = Some(&self.usage).filter(|usage| !usage.is_empty());
        match &self.head {
            Some(head) => self.events.event(out, "response.failed", |w| {
                w.key("response");
                let error = (&*failure.code, &*failure.message);
                head.write(w, Status::Completed, Some(error), &output, used);
            }),
            None => write_error(&mut self.events, failure, out),
        }
    }
}

/// An `error` event. Source: http-api.md A.5.
pub(super) fn write_error(events: &mut Sequence, failure: &Failure<'_>, out: &mut Vec<u8>) {
    events.event(out, "error", |w| {
        w.field_string("code", &failure.code);
        w.field_string("message", &failure.message);
        w.field_raw("param", "null");
    });
}

fn block_is_refusal(blocks: &[Block], at: usize) -> bool {
    blocks.get(at).is_some_and(|block| block.kind == Kind::Refusal)
}

/// State of Gemini on a text or call; other issuers sign none.
fn carried(signature: &Signature<'_>) -> Option<String> {
    is_carried(signature).then(|| carrier::for_client(signature, Bind::Previous, false).into_owned())
}

/// Whether a state of a text or call goes along: those who sign thoughts alone have none.
pub(in super::super) fn is_carried(signature: &Signature<'_>) -> bool {
    !matches!(signature.issuer, Issuer::Gpt | Issuer::Claude)
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start, out),
            Event::BlockStart { block, kind, .. } => self.block_start(block, &kind, out),
            Event::Delta { block, delta } => self.delta(block, delta, out),
            Event::BlockStop { block } => self.block_stop(block, out),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Finish { finish, .. } => {
                self.finish.get_or_insert_with(|| finish.into_owned());
            }
            Event::Error(error) => self.failed(&of_stream_error(&error), out),
            // The edge keeps connections alive with comments (B72). Other formats' own events mean nothing here.
            Event::Ping | Event::Raw { .. } => {}
            Event::End => {
                self.over = true;
                self.end(out);
            }
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !self.over {
            let failure = of_client_error(error);
            let failure = Failure { code: Cow::Owned(failure.code.into_owned()), message: failure.message };
            self.failed(&failure, out);
        }
    }
}
