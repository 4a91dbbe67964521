//! Items that are open on the wire, and how they close. Source: translation.md B65, B66.

use super::frames::{Place, Sequence};
use super::output::Done;
use crate::format::responses::reply::{
    CallHead, annotation, body_string, call_item, message_item, reasoning_item, refusal_part, text_part,
    tokens,
};
use crate::json::{Raw, Text, Writer, one_line};
use crate::pass::args::{unwrapped, wrap_custom_input};

/// A message: parts that are whole, and the one that grows.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) index: u32,
    pub(super) id: String,
    /// The whole parts, as the inside of a list.
    parts: Vec<u8>,
    count: u32,
    pub(super) open: Option<Said>,
}

/// A part that grows: text, or a refusal.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) block: u32,
    refusal: bool,
    /// Its deltas up to their number.
    prefix: Vec<u8>,
    /// What was said, escaped.
    body: Vec<u8>,
    /// How many characters that is.
    length: usize,
    citations: Vec<Raw<'static>>,
    logprobs: Vec<u8>,
}

impl Message {
    pub(super) fn open(index: u32, id: String, events: &mut Sequence, out: &mut Vec<u8>) -> Self {
        events.event(out, "response.output_item.added", |w| {
            w.field_unsigned("output_index", u64::from(index));
            w.key("item");
            message_item(w, &id, "in_progress", b"");
        });
        Self { index, id, parts: Vec::new(), count: 0, open: None }
    }

    fn place(&self) -> Place<'_> {
        Place { item: &self.id, output: self.index, inner: Some(("content_index", self.count)) }
    }

    /// The part of a block, which opens when another one is open.
    pub(super) fn part(&mut self, block: u32, refusal: bool, events: &mut Sequence, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|open| open.block == block) {
            return;
        }
        self.close_part(events, out);
        let place = self.place();
        events.event(out, "response.content_part.added", |w| {
            place.write(w);
            w.key("part");
            write_part(w, refusal, b"", b"", b"");
        });
        let name = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        let prefix = place.delta_prefix(name, !refusal);
        self.open = Some(Said {
            block,
            refusal,
            prefix,
            body: Vec::new(),
            length: 0,
            citations: Vec::new(),
            logprobs: Vec::new(),
        });
    }

    pub(super) fn close_part(&mut self, events: &mut Sequence, out: &mut Vec<u8>) {
        let Some(said) = self.open.take() else { return };
        let place = self.place();
        let mut annotations = Writer::default();
        for (number, raw) in (0_u64..).zip(&said.citations) {
            let Some(json) = annotation(raw, 0, said.length) else { continue };
            let json = one_line(&json);
            events.event(out, "response.output_text.annotation.added", |w| {
                place.write(w);
                w.field_unsigned("annotation_index", number);
                w.field_raw("annotation", &json);
            });
            annotations.raw(&json);
        }
        let annotations = annotations.into_bytes();
        let (name, member) = match said.refusal {
            true => ("response.refusal.done", "refusal"),
            false => ("response.output_text.done", "text"),
        };
        events.event(out, name, |w| {
            place.write(w);
            w.key(member);
            body_string(w, &said.body);
            if !said.refusal {
                w.key("logprobs");
                w.begin_array();
                w.members(std::str::from_utf8(&said.logprobs).unwrap_or_default());
                w.end_array();
            }
        });
        let mut part = Writer::default();
        write_part(&mut part, said.refusal, &said.body, &annotations, &said.logprobs);
        let part = part.into_bytes();
        let json = std::str::from_utf8(&part).unwrap_or("{}");
        events.event(out, "response.content_part.done", |w| {
            place.write(w);
            w.field_raw("part", json);
        });
        if !self.parts.is_empty() {
            self.parts.push(b',');
        }
        self.parts.extend_from_slice(&part);
        self.count += 1;
    }

    pub(super) fn close(mut self, status: &str, events: &mut Sequence, done: &mut Done, out: &mut Vec<u8>) {
        self.close_part(events, out);
        done.item(self.index, events, out, |w| message_item(w, &self.id, status, &self.parts));
    }
}

fn write_part(w: &mut Writer, refusal: bool, body: &[u8], annotations: &[u8], logprobs: &[u8]) {
    if refusal {
        refusal_part(w, body);
    } else {
        text_part(w, body, annotations, logprobs);
    }
}

impl Said {
    /// The hot path: text into the open part.
    pub(super) fn grow(&mut self, text: &Text<'_>, events: &mut Sequence, out: &mut Vec<u8>) {
        let body = &mut self.body;
        let before = body.len();
        text.write_body(body);
        let piece = body.get(before..).unwrap_or_default();
        events.delta(out, &self.prefix, |out| out.extend_from_slice(piece));
        self.length += text.char_count();
    }

    /// Its place is known when the part is whole.
    pub(super) fn cite(&mut self, raw: Raw<'static>) {
        self.citations.push(raw);
    }

    pub(super) fn weigh(&mut self, raw: &Raw<'_>) {
        let tokens = tokens(raw);
        if !tokens.is_empty() {
            if !self.logprobs.is_empty() {
                self.logprobs.push(b',');
            }
            self.logprobs.extend_from_slice(one_line(&String::from_utf8_lossy(&tokens)).as_bytes());
        }
    }
}

/// A reasoning item.
#[derive(Debug)]
pub(super) struct Thought {
    pub(super) block: u32,
    pub(super) index: u32,
    id: String,
    summary: Stretch,
    raw: Stretch,
    pub(super) state: Option<String>,
}

/// A text of a reasoning item; there is none until something is said.
#[derive(Debug, Default)]
struct Stretch {
    prefix: Vec<u8>,
    body: Vec<u8>,
}

impl Thought {
    pub(super) fn open(block: u32, index: u32, id: String, events: &mut Sequence, out: &mut Vec<u8>) -> Self {
        events.event(out, "response.output_item.added", |w| {
            w.field_unsigned("output_index", u64::from(index));
            w.key("item");
            reasoning_item(w, &id, b"", b"", None);
        });
        Self { block, index, id, summary: Stretch::default(), raw: Stretch::default(), state: None }
    }

    fn place(&self, inner: &'static str) -> Place<'_> {
        Place { item: &self.id, output: self.index, inner: Some((inner, 0)) }
    }

    pub(super) fn summarise(&mut self, text: &Text<'_>, events: &mut Sequence, out: &mut Vec<u8>) {
        if self.summary.prefix.is_empty() {
            let place = self.place("summary_index");
            events.event(out, "response.reasoning_summary_part.added", |w| {
                place.write(w);
                w.field_raw("part", r#"{"type":"summary_text","text":""}"#);
            });
            self.summary.prefix = place.delta_prefix("response.reasoning_summary_text.delta", false);
        }
        self.summary.grow(text, events, out);
    }

    pub(super) fn reason(&mut self, text: &Text<'_>, events: &mut Sequence, out: &mut Vec<u8>) {
        if self.raw.prefix.is_empty() {
            let place = self.place("content_index");
            events.event(out, "response.content_part.added", |w| {
                place.write(w);
                w.field_raw("part", r#"{"type":"reasoning_text","text":""}"#);
            });
            self.raw.prefix = place.delta_prefix("response.reasoning_text.delta", false);
        }
        self.raw.grow(text, events, out);
    }

    pub(super) fn close(self, events: &mut Sequence, done: &mut Done, out: &mut Vec<u8>) {
        let summary = self.summary.typed("summary_text");
        let content = self.raw.typed("reasoning_text");
        for (stretch, part, inner, text_done, part_done) in [
            (
                &self.summary,
                &summary,
                "summary_index",
                "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.done",
            ),
            (
                &self.raw,
                &content,
                "content_index",
                "response.reasoning_text.done",
                "response.content_part.done",
            ),
        ] {
            if stretch.prefix.is_empty() {
                continue;
            }
            let place = self.place(inner);
            events.event(out, text_done, |w| {
                place.write(w);
                w.key("text");
                body_string(w, &stretch.body);
            });
            events.event(out, part_done, |w| {
                place.write(w);
                w.key("part");
                w.raw(std::str::from_utf8(part).unwrap_or("{}"));
            });
        }
        let state = self.state.as_deref();
        done.item(self.index, events, out, |w| reasoning_item(w, &self.id, &summary, &content, state));
    }
}

impl Stretch {
    fn grow(&mut self, text: &Text<'_>, events: &mut Sequence, out: &mut Vec<u8>) {
        let before = self.body.len();
        text.write_body(&mut self.body);
        let piece = self.body.get(before..).unwrap_or_default();
        events.delta(out, &self.prefix, |out| out.extend_from_slice(piece));
    }

    /// The text as the one part of its list; nothing when nothing was said.
    fn typed(&self, kind: &str) -> Vec<u8> {
        if self.prefix.is_empty() {
            return Vec::new();
        }
        let mut w = Writer::default();
        w.begin_object();
        w.field_string("type", kind);
        w.key("text");
        body_string(&mut w, &self.body);
        w.end_object();
        w.into_bytes()
    }
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) block: u32,
    pub(super) index: u32,
    head: CallHead,
    prefix: Vec<u8>,
    body: Vec<u8>,
    input: Input,
}

/// How the input goes out.
#[derive(Debug)]
enum Input {
    /// As it comes.
    Live,
    /// JSON that carries the free text of a custom tool; it is unwrapped when it is whole (B10).
    Unwrap(Text<'static>),
    /// Free text for a tool that the client knows as a function; it is wrapped when it is whole (F25).
    Wrap(Text<'static>),
}

impl Call {
    pub(super) fn open(
        block: u32,
        index: u32,
        head: CallHead,
        freeform: bool,
        events: &mut Sequence,
        out: &mut Vec<u8>,
    ) -> Self {
        events.event(out, "response.output_item.added", |w| {
            w.field_unsigned("output_index", u64::from(index));
            w.key("item");
            call_item(w, &head, "in_progress", b"");
        });
        let place = Place { item: &head.id, output: index, inner: None };
        let prefix = place.delta_prefix(name_of(head.custom).0, false);
        let input = match (freeform, head.custom) {
            (false, true) => Input::Unwrap(Text::default()),
            (true, false) => Input::Wrap(Text::default()),
            _ => Input::Live,
        };
        Self { block, index, head, prefix, body: Vec::new(), input }
    }

    pub(super) fn grow(&mut self, text: &Text<'_>, events: &mut Sequence, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        match &mut self.input {
            Input::Live => self.write(text, events, out),
            Input::Unwrap(held) | Input::Wrap(held) => text.push_onto(held),
        }
    }

    fn write(&mut self, text: &Text<'_>, events: &mut Sequence, out: &mut Vec<u8>) {
        let before = self.body.len();
        text.write_body(&mut self.body);
        let piece = self.body.get(before..).unwrap_or_default();
        if !piece.is_empty() {
            events.delta(out, &self.prefix, |out| out.extend_from_slice(piece));
        }
    }

    /// Arguments that were cut stay as they are; a call that is whole and has none has `{}` (E087, E186).
    pub(super) fn close(
        mut self,
        status: &str,
        cut: bool,
        events: &mut Sequence,
        done: &mut Done,
        out: &mut Vec<u8>,
    ) {
        match std::mem::replace(&mut self.input, Input::Live) {
            Input::Live => {}
            Input::Unwrap(held) => {
                self.write(&unwrapped(&held), events, out);
            }
            Input::Wrap(held) => self.write(&Text::plain(wrap_custom_input(&held)), events, out),
        }
        if self.body.is_empty() && !self.head.custom && !cut {
            self.write(&Text::plain("{}"), events, out);
        }
        let place = Place { item: &self.head.id, output: self.index, inner: None };
        events.event(out, name_of(self.head.custom).1, |w| {
            place.write(w);
            w.key(self.head.member());
            body_string(w, &self.body);
        });
        done.item(self.index, events, out, |w| call_item(w, &self.head, status, &self.body));
    }
}

fn name_of(custom: bool) -> (&'static str, &'static str) {
    match custom {
        true => ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"),
        false => ("response.function_call_arguments.delta", "response.function_call_arguments.done"),
    }
}
