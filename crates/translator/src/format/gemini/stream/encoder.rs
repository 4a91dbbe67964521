//! Canonical events as chunks for a client. Source: translation.md B56, B69, B77.

use std::collections::BTreeMap;

use cliproxy_core::{ClientError, FinishReason, Usage};

use super::super::dialect::{Dialect, is_family};
use super::super::grounding::Grounds;
use super::super::reply::{arguments, is_logprobs, write_finish, write_media};
use super::super::{call_id, carrier, error, shown_id, shown_model, usage};
use crate::aggregate::GROUNDING;
use crate::codec::{ReplyContext, StreamEncoder};
use crate::json::{Text, Writer, one_line};
use crate::loss::{ARGUMENTS, CALL, Loss, NO_OBJECT, NONE_LEFT, loss};
use crate::model::{Bind, BlockKind, Delta, Event, Finish, Signature, Start};
use crate::numbered::Numbered;
use crate::pass::args::Shape;
use crate::pass::finish::is_whole;

/// What every chunk begins with, up to its candidates.
const HEAD: &[u8] = br#"{"candidates":["#;

/// What a candidate begins with, up to its parts.
const CONTENT: &[u8] = br#"{"content":{"parts":["#;

/// Writes a stream of chunks.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    context: ReplyContext,
    dialect: Dialect,
    /// `,"modelVersion":…,"responseId":…}` and the end of the frame; empty before the start.
    tail: Vec<u8>,
    /// Open blocks by their ids.
    blocks: BTreeMap<u32, Block>,
    /// A call that ended without an object for arguments: it was cut if its reply ends here and was stopped.
    bare: Option<(u32, Call, Shape<'static>)>,
    candidates: Vec<Candidate>,
    places: Numbered,
    grounds: Grounds,
    usage: Usage,
    losses: Vec<Loss>,
    over: bool,
}

#[derive(Debug)]
struct Candidate {
    index: u32,
    /// How many blocks began.
    begun: u32,
    calls: u32,
    finish: Option<Finish<'static>>,
}

#[derive(Debug)]
struct Block {
    /// The place of its candidate.
    candidate: usize,
    /// How many blocks of its candidate had begun, with it: when there are more, something follows it.
    begun: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    /// Whether a summary came: a raw chain beside it would say the same again.
    Reasoning {
        summarised: bool,
    },
    Call(Call),
    /// Nothing of it can be said here.
    Mute,
}

/// A call; calls are whole here, so that it waits for its end (B69).
#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    custom: bool,
    args: Text<'static>,
    signature: Option<Signature<'static>>,
}

impl Encoder {
    pub(in super::super) fn new(context: &ReplyContext, dialect: Dialect) -> Self {
        Self {
            context: context.clone(),
            dialect,
            tail: Vec::new(),
            blocks: BTreeMap::new(),
            bare: None,
            candidates: Vec::new(),
            places: Numbered::default(),
            grounds: Grounds::default(),
            usage: Usage::default(),
            losses: Vec::new(),
            over: false,
        }
    }

    fn start(&mut self, start: &Start<'_>) {
        let mut w = Writer::default();
        w.begin_object();
        w.field_string("modelVersion", shown_model(&self.context, &start.model));
        w.field_string("responseId", &shown_id(&start.id, &self.context));
        w.end_object();
        self.tail = w.into_bytes();
        // The chunk's own object is open there.
        if let Some(first) = self.tail.first_mut() {
            *first = b',';
        }
        if self.dialect.wraps() {
            self.tail.push(b'}');
        }
        self.tail.extend_from_slice(b"\n\n");
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        if self.tail.is_empty() {
            // No decoder of ours leaves the start out, but the stream is valid without it too.
            self.start(&Start::default());
        }
        out.extend_from_slice(if self.dialect.wraps() {
            b"data: {\"response\":".as_slice()
        } else {
            b"data: "
        });
        out.extend_from_slice(HEAD);
    }

    /// A chunk of one part.
    fn part(&mut self, candidate: u32, out: &mut Vec<u8>, part: impl FnOnce(&mut Vec<u8>)) {
        self.open(out);
        out.extend_from_slice(CONTENT);
        part(out);
        out.extend_from_slice(br#"],"role":"model"},"index":"#);
        out.extend_from_slice(itoa::Buffer::new().format(candidate).as_bytes());
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
    }

    fn text(&mut self, candidate: u32, text: &Text<'_>, thought: bool, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.part(candidate, out, |out| {
            out.extend_from_slice(br#"{"text":""#);
            text.write_body(out);
            out.extend_from_slice(if thought { br#"","thought":true}"#.as_slice() } else { b"\"}" });
        });
    }

    /// A part that has nothing but a signature (B28, E109).
    fn signature(&mut self, candidate: u32, signature: &Signature<'_>, thought: bool, out: &mut Vec<u8>) {
        self.part(candidate, out, |out| {
            out.extend_from_slice(br#"{"text":"","#);
            out.extend_from_slice(if thought { br#""thought":true,"#.as_slice() } else { b"" });
            out.extend_from_slice(br#""thoughtSignature":""#);
            carrier::for_client(signature, Bind::Own).write_body(out);
            out.extend_from_slice(b"\"}");
        });
    }

    fn block_start(&mut self, id: u32, candidate: u32, kind: BlockKind<'_>, out: &mut Vec<u8>) {
        let place = self.candidate(candidate);
        let Some(of) = self.candidates.get_mut(place) else { return };
        of.begun = of.begun.wrapping_add(1);
        let begun = of.begun;
        let kind = match kind {
            BlockKind::Text | BlockKind::Refusal => Kind::Text,
            BlockKind::Reasoning => Kind::Reasoning { summarised: false },
            BlockKind::ToolCall { id, name, custom } => {
                let number = of.calls;
                of.calls += 1;
                Kind::Call(Call {
                    id: call_id(&id, &self.context, candidate, number).into_owned(),
                    name: self.context.names.declared(&name).to_owned(),
                    custom,
                    args: Text::default(),
                    signature: None,
                })
            }
            BlockKind::Media(media) => {
                let mut w = Writer::default();
                w.begin_object();
                write_media(&mut w, &media);
                w.end_object();
                self.part(candidate, out, |out| out.extend_from_slice(&w.into_bytes()));
                Kind::Text
            }
            BlockKind::Server(part) if is_family(part.format) => {
                self.part(candidate, out, |out| out.extend_from_slice(one_line(part.raw.get()).as_bytes()));
                Kind::Mute
            }
            BlockKind::Opaque(part) if is_family(part.format) => {
                self.part(candidate, out, |out| out.extend_from_slice(one_line(part.raw.get()).as_bytes()));
                Kind::Mute
            }
            BlockKind::Server(part) => {
                self.grounds.add(&part);
                Kind::Mute
            }
            BlockKind::Redacted(_) | BlockKind::Opaque(_) => Kind::Mute,
        };
        self.blocks.insert(id, Block { candidate: place, begun, kind });
    }

    /// The place of a candidate.
    fn candidate(&mut self, index: u32) -> usize {
        self.places.place(&self.candidates, index, |candidate| candidate.index).unwrap_or_else(|| {
            self.candidates.push(Candidate { index, begun: 0, calls: 0, finish: None });
            self.candidates.len() - 1
        })
    }

    fn delta(&mut self, id: u32, delta: Delta<'_>, out: &mut Vec<u8>) {
        let Some(block) = self.blocks.get_mut(&id) else { return };
        let Some(Candidate { index: candidate, .. }) = self.candidates.get(block.candidate) else { return };
        let candidate = *candidate;
        match (&mut block.kind, delta) {
            (Kind::Text, Delta::Text(text)) => self.text(candidate, &text, false, out),
            (Kind::Text, Delta::Signature(signature)) => self.signature(candidate, &signature, false, out),
            (Kind::Reasoning { summarised }, Delta::Reasoning(text)) => {
                *summarised = true;
                self.text(candidate, &text, true, out);
            }
            (Kind::Reasoning { summarised: false }, Delta::RawReasoning(text)) => {
                self.text(candidate, &text, true, out);
            }
            (Kind::Reasoning { .. }, Delta::Signature(signature)) => {
                self.signature(candidate, &signature, true, out);
            }
            (Kind::Call(call), Delta::Args(text)) => text.push_onto(&mut call.args),
            (Kind::Call(call), Delta::Signature(signature)) => call.signature = Some(signature.into_owned()),
            (_, Delta::Logprobs(raw)) if is_logprobs(&raw) => {
                self.alone(candidate, "logprobsResult", raw.get(), out);
            }
            _ => {}
        }
    }

    /// A chunk of one member of a candidate.
    fn alone(&mut self, candidate: u32, member: &str, json: &str, out: &mut Vec<u8>) {
        self.open(out);
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(member.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(one_line(json).as_bytes());
        out.extend_from_slice(br#","index":"#);
        out.extend_from_slice(itoa::Buffer::new().format(candidate).as_bytes());
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
    }

    fn block_stop(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(Block { candidate: place, begun, kind }) = self.blocks.remove(&id) else { return };
        let Kind::Call(mut call) = kind else { return };
        let Some(of) = self.candidates.get(place) else { return };
        let (candidate, followed) = (of.index, of.begun != begun);
        let text = std::mem::take(&mut call.args);
        let may_be_cut = !followed && text.decoded().trim().is_empty();
        let args = arguments(call.custom, text);
        if may_be_cut || !followed && matches!(args, Shape::Other) {
            self.settle_bare(&Event::BlockStop { block: id }, out);
            self.bare = Some((candidate, call, args));
            return;
        }
        self.call(candidate, &call, args, out);
    }

    fn call(&mut self, candidate: u32, call: &Call, args: Shape<'_>, out: &mut Vec<u8>) {
        let args = match args {
            Shape::Object(args) => args,
            Shape::Other => {
                loss(&mut self.losses, ARGUMENTS, NONE_LEFT);
                "{}".into()
            }
            // Half a call is none: a client would run it.
            Shape::Broken => return loss(&mut self.losses, CALL, NO_OBJECT),
        };
        let mut w = Writer::default();
        w.begin_object();
        w.key("functionCall");
        w.begin_object();
        w.field_string("id", &call.id);
        w.field_string("name", &call.name);
        w.field_raw("args", &one_line(&args));
        w.end_object();
        if let Some(signature) = &call.signature {
            w.field_text("thoughtSignature", &carrier::for_client(signature, Bind::Own));
        }
        w.end_object();
        let json = w.into_bytes();
        self.part(candidate, out, |out| out.extend_from_slice(&json));
    }

    /// What follows a call without arguments tells whether they never came.
    fn settle_bare(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let of = self.bare.as_ref().map(|(of, ..)| *of);
        let cut = match event {
            Event::Usage(_) | Event::Ping | Event::Raw { .. } => return,
            Event::Finish { candidate, finish } => !is_whole(finish.reason) && of == Some(*candidate),
            // Blocks that end behind the end of their reply.
            Event::BlockStop { .. } | Event::End => {
                of.and_then(|of| self.finish_of(of)).is_some_and(|reason| !is_whole(reason))
            }
            _ => false,
        };
        match self.bare.take() {
            Some(_) if cut => loss(&mut self.losses, CALL, NO_OBJECT),
            Some((candidate, call, args)) => self.call(candidate, &call, args, out),
            None => {}
        }
    }

    fn finish_of(&mut self, index: u32) -> Option<FinishReason> {
        let place = self.places.place(&self.candidates, index, |candidate| candidate.index)?;
        self.candidates.get(place)?.finish.as_ref().map(|finish| finish.reason)
    }

    /// The last chunk: why every candidate ended, and what it cost.
    fn end(&mut self, out: &mut Vec<u8>) {
        let open: Vec<u32> = self.blocks.keys().copied().collect();
        open.into_iter().for_each(|block| self.block_stop(block, out));
        self.settle_bare(&Event::End, out);
        let all = std::mem::take(&mut self.candidates).into_iter();
        let mut finishes: Vec<_> = all.filter_map(|of| Some((of.index, of.finish?))).collect();
        finishes.sort_by_key(|(candidate, _)| *candidate);
        self.open(out);
        let mut w = Writer::default();
        w.begin_array();
        // The first is the one that searched: no event names another.
        let mut grounds = self.grounds.metadata();
        if finishes.is_empty() {
            write_end(&mut w, 0, None, grounds.take());
        }
        for (candidate, finish) in &finishes {
            write_end(&mut w, *candidate, Some(finish), grounds.take());
        }
        w.end_array();
        out.extend_from_slice(w.into_bytes().get(1..).unwrap_or_default());
        if !self.usage.is_empty() {
            let mut w = Writer::new(std::mem::take(out));
            w.raw(r#","usageMetadata":"#);
            *out = w.into_bytes();
            let mut w = Writer::new(std::mem::take(out));
            usage::write(&mut w, &self.usage);
            *out = w.into_bytes();
        }
        out.extend_from_slice(&self.tail);
    }
}

fn write_end(w: &mut Writer, candidate: u32, finish: Option<&Finish<'_>>, grounds: Option<String>) {
    w.begin_object();
    // As Google itself writes the last chunk.
    w.field_raw("content", r#"{"parts":[{"text":""}],"role":"model"}"#);
    write_finish(w, finish);
    w.field_unsigned("index", u64::from(candidate));
    if let Some(grounds) = grounds {
        w.field_raw("groundingMetadata", &grounds);
    }
    w.end_object();
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        if self.bare.is_some() {
            self.settle_bare(&event, out);
        }
        match event {
            Event::Start(start) => self.start(&start),
            Event::BlockStart { block, candidate, kind } => self.block_start(block, candidate, kind, out),
            Event::Delta { block, delta } => self.delta(block, delta, out),
            Event::BlockStop { block } => self.block_stop(block, out),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Finish { candidate, finish } => {
                let place = self.candidate(candidate);
                if let Some(of) = self.candidates.get_mut(place) {
                    of.finish.get_or_insert_with(|| finish.into_owned());
                }
            }
            Event::Error(error) => {
                self.over = true;
                error::relay_event(&error, out);
            }
            // The edge keeps connections alive (B72).
            Event::Ping => {}
            Event::End => {
                self.over = true;
                self.end(out);
            }
            Event::Raw { format, name, data } => {
                if is_family(format) && name == GROUNDING {
                    self.alone(0, GROUNDING, data.get(), out);
                }
            }
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            error::encode_event(error, out);
        }
    }

    fn losses(&self) -> &[Loss] {
        &self.losses
    }
}
