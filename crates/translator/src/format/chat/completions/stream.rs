//! Canonical events as text chunks. What is neither text nor an end says nothing here. Source: http-api.md A.5.

use cliproxy_core::{ClientError, FinishReason, Usage};

use super::super::stream::{DONE_FRAME, Prefix};
use super::super::{error, usage};
use super::{echo, finish_word, logprobs};
use crate::codec::{ReplyContext, StreamEncoder};
use crate::json::{Raw, Text, Writer};
use crate::model::{BlockKind, Delta, Event, Start};

/// Writes a stream of text chunks.
#[derive(Debug)]
pub(super) struct Encoder {
    context: ReplyContext,
    prefix: Prefix,
    candidates: Vec<Candidate>,
    /// The candidate that each open block of text belongs to.
    blocks: Vec<(u32, u32)>,
    usage: Usage,
    over: bool,
}

#[derive(Debug)]
struct Candidate {
    index: u32,
    /// Where the next token stands, for log probabilities.
    offset: usize,
    finished: bool,
}

impl Encoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.clone(),
            prefix: Prefix::default(),
            candidates: Vec::with_capacity(1),
            blocks: Vec::with_capacity(1),
            usage: Usage::default(),
            over: false,
        }
    }

    fn start(&mut self, start: Start<'_>) {
        // The format knows no tiers.
        let start = Start { service_tier: None, ..start };
        self.prefix = Prefix::new(&start, &self.context, "cmpl-", "text_completion");
    }

    /// The state of a candidate; its first chunk is the echo, if one is wanted.
    fn candidate(&mut self, index: u32, out: &mut Vec<u8>) -> usize {
        if let Some(place) = self.candidates.iter().position(|candidate| candidate.index == index) {
            return place;
        }
        if self.prefix.is_empty() {
            self.start(Start::default());
        }
        let mut offset = 0;
        if let Some(echo) = echo(&self.context) {
            offset = echo.char_count();
            self.chunk(index, &echo, "null", None, out);
        }
        self.candidates.push(Candidate { index, offset, finished: false });
        self.candidates.len() - 1
    }

    fn chunk(&self, index: u32, text: &Text<'_>, logprobs: &str, finish: Option<&str>, out: &mut Vec<u8>) {
        self.prefix.open(index, out);
        out.extend_from_slice(br#","text":""#);
        text.write_body(out);
        out.extend_from_slice(br#"","logprobs":"#);
        out.extend_from_slice(logprobs.as_bytes());
        match finish {
            Some(word) => {
                out.extend_from_slice(br#","finish_reason":""#);
                out.extend_from_slice(word.as_bytes());
                out.push(b'"');
            }
            None => out.extend_from_slice(br#","finish_reason":null"#),
        }
        Prefix::close(out);
    }

    fn candidate_of(&self, block: u32) -> Option<u32> {
        self.blocks.iter().rev().find(|(open, _)| *open == block).map(|(_, candidate)| *candidate)
    }

    fn logprobs(&mut self, block: u32, raw: &Raw<'_>, out: &mut Vec<u8>) {
        let Some(index) = self.candidate_of(block) else { return };
        let place = self.candidate(index, out);
        let Some(candidate) = self.candidates.get_mut(place) else { return };
        let mut w = Writer::default();
        candidate.offset = logprobs::write(&mut w, Some(raw), candidate.offset);
        let lists = w.into_bytes();
        if let Some(lists) = std::str::from_utf8(&lists).ok().filter(|lists| *lists != "null") {
            self.chunk(index, &Text::default(), lists, None, out);
        }
    }

    fn finish(&mut self, index: u32, reason: FinishReason, out: &mut Vec<u8>) {
        let place = self.candidate(index, out);
        let Some(candidate) = self.candidates.get_mut(place) else { return };
        if !std::mem::replace(&mut candidate.finished, true) {
            self.chunk(index, &Text::default(), "null", Some(finish_word(reason)), out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.prefix.is_empty() && self.candidates.is_empty() {
            // Source: translation.md B71.
            self.candidate(0, out);
        }
        let open: Vec<u32> = self
            .candidates
            .iter()
            .filter(|candidate| !candidate.finished)
            .map(|candidate| candidate.index)
            .collect();
        open.into_iter().for_each(|index| self.finish(index, FinishReason::Stop, out));
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
            Event::Start(start) => self.start(start),
            Event::BlockStart { block, candidate, kind: BlockKind::Text | BlockKind::Refusal } => {
                self.blocks.push((block, candidate));
            }
            Event::BlockStop { block } => self.blocks.retain(|(open, _)| *open != block),
            Event::Delta { block, delta: Delta::Text(text) } => {
                if let Some(index) = self.candidate_of(block).filter(|_| !text.is_empty()) {
                    self.candidate(index, out);
                    self.chunk(index, &text, "null", None, out);
                }
            }
            Event::Delta { block, delta: Delta::Logprobs(raw) } => self.logprobs(block, &raw, out),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Finish { candidate, finish } => self.finish(candidate, finish.reason, out),
            Event::Error(error) => {
                self.over = true;
                error::relay_event(&error, out);
            }
            Event::End => {
                self.over = true;
                self.end(out);
            }
            Event::BlockStart { .. } | Event::Delta { .. } | Event::Ping | Event::Raw { .. } => {}
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            error::encode_event(error, out);
        }
    }
}
