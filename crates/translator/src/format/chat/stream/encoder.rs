//! Canonical events as chunks for a client. Source: translation.md B64, B72, B77; F12.

use std::collections::BTreeMap;

use cliproxy_core::{ClientError, FinishReason, Usage};

use super::super::reply::{annotation, finish_word, image_url, is_logprobs, write_image};
use super::super::{CHAT, error, is_audio, usage};
use super::call::{Call, CallPlace};
use super::{DONE_FRAME, Prefix};
use crate::codec::{ReplyContext, StreamEncoder};
use crate::json::{Raw, Text, Writer, one_line};
use crate::model::{BlockKind, Delta, Event, Finish, Start, owned_raw};
use crate::numbered::Numbered;
use crate::pass::finish::is_whole;

/// Writes a stream of chunks.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    context: ReplyContext,
    prefix: Prefix,
    candidates: Vec<Candidate>,
    places: Numbered,
    /// Open blocks by their ids.
    blocks: BTreeMap<u32, Block>,
    usage: Usage,
    over: bool,
}

#[derive(Debug)]
struct Candidate {
    index: u32,
    /// How many blocks began.
    begun: u32,
    /// How many calls went out: their index counts from 0 (F12).
    calls: u32,
    images: usize,
    /// How many characters of text went out.
    said: usize,
    /// A call that ended without arguments: it was cut if the candidate ends here and was stopped. What others say tells
    /// nothing of it.
    bare: Option<Call>,
    /// Why it ended, once that was said. It is written at the end: some providers go on after it.
    finish: Option<FinishReason>,
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
    /// Text, with where it began, and its citations, whose place is known when it ends, each with its format.
    Text {
        start: usize,
        citations: Vec<(&'static str, Raw<'static>)>,
    },
    Refusal,
    Reasoning,
    Call(Call),
    /// Nothing of it can be said here.
    Mute,
}

impl Encoder {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.clone(),
            prefix: Prefix::default(),
            candidates: Vec::with_capacity(1),
            places: Numbered::default(),
            blocks: BTreeMap::new(),
            usage: Usage::default(),
            over: false,
        }
    }

    fn start(&mut self, start: &Start<'_>) {
        self.prefix = Prefix::new(start, &self.context, "chatcmpl-", "chat.completion.chunk");
    }

    /// The state of a candidate; its first chunk carries the role (B64).
    fn candidate(&mut self, index: u32, out: &mut Vec<u8>) -> usize {
        if let Some(place) = self.places.place(&self.candidates, index, |candidate| candidate.index) {
            return place;
        }
        if self.prefix.is_empty() {
            // No decoder of ours leaves the start out, but the stream is valid without it too.
            self.start(&Start::default());
        }
        self.prefix.open(index, out);
        out.extend_from_slice(br#","delta":{"role":"assistant","content":""}"#);
        Prefix::close(out);
        self.candidates.push(Candidate {
            index,
            begun: 0,
            calls: 0,
            images: 0,
            said: 0,
            bare: None,
            finish: None,
        });
        self.candidates.len() - 1
    }

    fn block_start(&mut self, id: u32, index: u32, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        let place = self.candidate(index, out);
        self.settle_bare(place, false, out);
        let Some(candidate) = self.candidates.get_mut(place) else { return };
        candidate.begun = candidate.begun.wrapping_add(1);
        let begun = candidate.begun;
        let kind = match kind {
            BlockKind::Text => Kind::Text { start: candidate.said, citations: Vec::new() },
            BlockKind::Refusal => Kind::Refusal,
            BlockKind::Reasoning => Kind::Reasoning,
            BlockKind::ToolCall { id, name, custom } => {
                let call = CallPlace { candidate: index, index: candidate.calls };
                candidate.calls += 1;
                Kind::Call(Call::start(call, id, name, *custom, &self.context, &self.prefix, out))
            }
            BlockKind::Media(media) => {
                if let Some(url) = image_url(media) {
                    let number = candidate.images;
                    candidate.images += 1;
                    self.delta_with(index, out, |out| {
                        out.extend_from_slice(br#""images":["#);
                        let mut w = Writer::new(std::mem::take(out));
                        write_image(&mut w, &url, number);
                        *out = w.into_bytes();
                        out.push(b']');
                    });
                }
                Kind::Mute
            }
            BlockKind::Opaque(opaque) if is_audio(opaque) => {
                self.audio(index, opaque.raw.get(), out);
                Kind::Mute
            }
            BlockKind::Redacted(_) | BlockKind::Server(_) | BlockKind::Opaque(_) => Kind::Mute,
        };
        self.blocks.insert(id, Block { candidate: place, begun, kind });
    }

    fn delta(&mut self, id: u32, delta: Delta<'_>, out: &mut Vec<u8>) {
        let Some(block) = self.blocks.get_mut(&id) else { return };
        let Some(candidate) = self.candidates.get_mut(block.candidate) else { return };
        let index = candidate.index;
        match (&mut block.kind, delta) {
            (Kind::Text { .. }, Delta::Text(text)) => {
                candidate.said += text.char_count();
                self.text(index, br#""content":""#, &text, out);
            }
            (Kind::Text { citations, .. }, Delta::Citation { format, raw }) => {
                citations.push((format, owned_raw(raw)));
            }
            (Kind::Refusal, Delta::Text(text)) => self.text(index, br#""refusal":""#, &text, out),
            (Kind::Reasoning, Delta::Reasoning(text) | Delta::RawReasoning(text)) => {
                self.text(index, br#""reasoning_content":""#, &text, out);
            }
            (Kind::Call(call), Delta::Args(text)) => call.grow(&text, &self.prefix, out),
            (Kind::Call(call), Delta::Signature(signature)) => call.sign(&signature, &self.prefix, out),
            (_, Delta::Logprobs(raw)) => self.logprobs(index, &raw, out),
            _ => {}
        }
    }

    /// A chunk with one text member in its delta.
    fn text(&self, candidate: u32, key: &[u8], text: &Text<'_>, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.delta_with(candidate, out, |out| {
                out.extend_from_slice(key);
                text.write_body(out);
                out.push(b'"');
            });
        }
    }

    fn delta_with(&self, candidate: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.prefix.open(candidate, out);
        out.extend_from_slice(br#","delta":{"#);
        write(out);
        out.push(b'}');
        Prefix::close(out);
    }

    fn logprobs(&self, candidate: u32, raw: &Raw<'_>, out: &mut Vec<u8>) {
        if is_logprobs(raw) {
            self.prefix.open(candidate, out);
            out.extend_from_slice(br#","delta":{},"logprobs":"#);
            out.extend_from_slice(one_line(raw.get()).as_bytes());
            Prefix::close(out);
        }
    }

    fn audio(&self, candidate: u32, json: &str, out: &mut Vec<u8>) {
        self.delta_with(candidate, out, |out| {
            out.extend_from_slice(br#""audio":"#);
            out.extend_from_slice(one_line(json).as_bytes());
        });
    }

    fn block_stop(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(Block { candidate: place, begun, kind }) = self.blocks.remove(&id) else { return };
        let Some(candidate) = self.candidates.get(place) else { return };
        let (index, end, followed) = (candidate.index, candidate.said, candidate.begun != begun);
        match kind {
            Kind::Call(call) if !followed && call.is_bare() => {
                self.settle_bare(place, false, out);
                if let Some(candidate) = self.candidates.get_mut(place) {
                    candidate.bare = Some(call);
                }
            }
            Kind::Call(call) => call.stop(&self.prefix, out),
            Kind::Text { start, citations } => {
                let told = citations.iter().filter_map(|(format, raw)| annotation(format, raw, start, end));
                for annotation in told {
                    self.delta_with(index, out, |out| {
                        out.extend_from_slice(br#""annotations":["#);
                        out.extend_from_slice(one_line(&annotation).as_bytes());
                        out.push(b']');
                    });
                }
            }
            Kind::Refusal | Kind::Reasoning | Kind::Mute => {}
        }
    }

    /// A call without arguments ends as `{}`, unless its reply was cut before they came.
    fn settle_bare(&mut self, place: usize, cut: bool, out: &mut Vec<u8>) {
        let candidate = self.candidates.get_mut(place);
        if let Some(call) = candidate.and_then(|candidate| candidate.bare.take())
            && !cut
        {
            call.stop(&self.prefix, out);
        }
    }

    /// Exactly one chunk per choice, behind everything else of it (B53).
    fn finish(&mut self, place: usize, out: &mut Vec<u8>) {
        let Some(Candidate { index, calls, finish, .. }) = self.candidates.get(place) else { return };
        let (index, calls, finish) = (*index, *calls, *finish);
        let cut = finish.is_some_and(|reason| !is_whole(reason));
        self.settle_bare(place, cut, out);
        let word = finish_word(finish.map(Finish::new).as_ref(), calls > 0);
        self.prefix.open(index, out);
        out.extend_from_slice(br#","delta":{},"finish_reason":""#);
        out.extend_from_slice(word.as_bytes());
        out.push(b'"');
        Prefix::close(out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.prefix.is_empty() && self.candidates.is_empty() {
            // Source: translation.md B71.
            self.candidate(0, out);
        }
        let open: Vec<u32> = self.blocks.keys().copied().collect();
        open.into_iter().for_each(|block| self.block_stop(block, out));
        (0..self.candidates.len()).for_each(|place| self.finish(place, out));
        // Nothing is known, nothing is said (B59).
        if self.context.include_usage && !self.usage.is_empty() && !self.prefix.is_empty() {
            let mut w = Writer::default();
            usage::write(&mut w, &self.usage);
            self.prefix.bare("usage", &w.into_bytes(), out);
        }
        out.extend_from_slice(DONE_FRAME);
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start(start) => {
                self.start(&start);
                self.candidate(0, out);
            }
            Event::BlockStart { block, candidate, kind } => self.block_start(block, candidate, &kind, out),
            Event::Delta { block, delta } => self.delta(block, delta, out),
            Event::BlockStop { block } => self.block_stop(block, out),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Finish { candidate, finish } => {
                let place = self.candidate(candidate, out);
                if let Some(candidate) = self.candidates.get_mut(place) {
                    candidate.finish.get_or_insert(finish.reason);
                }
            }
            Event::Error(error) => {
                self.over = true;
                error::relay_event(&error, out);
            }
            // The edge keeps connections alive with comments (B72).
            Event::Ping => {}
            Event::End => {
                self.over = true;
                self.end(out);
            }
            Event::Raw { format, name, data } => {
                if format == CHAT && name == "delta.audio" {
                    self.candidate(0, out);
                    self.audio(0, data.get(), out);
                }
            }
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            error::encode_event(error, out);
        }
    }
}
