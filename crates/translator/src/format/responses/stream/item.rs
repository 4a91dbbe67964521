//! What the decoder knows of one output item.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::json::{Progress, Text};
use crate::model::{BlockKind, Delta, Event, Signature};

/// What an item is, as far as its deltas go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Message,
    Reasoning,
    Call,
    /// It is told when it is done.
    Whole,
}

/// One output item.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) class: Class,
    pub(super) id: String,
    pub(super) output_index: Option<u32>,
    /// The block that is open.
    pub(super) block: Option<u32>,
    /// Which content part the block is, and whether it is a refusal.
    pub(super) part: (u32, bool),
    /// How many characters of it went out, or were held.
    pub(super) sent: usize,
    /// Anything was said: what the whole item repeats is known.
    pub(super) said: bool,
    /// The parts that were said: of a message those of its content, texts and refusals, of thoughts their summary and
    /// their chain. The flag is that of `part`; of a chain it is set.
    pub(super) parts: BTreeMap<(u32, bool), Told>,
    /// A part of the summary began: what it says comes behind a blank line.
    pub(super) gap: bool,
    pub(super) closed: bool,
    pub(super) call: CallState,
    /// The state as the item began; only what it ends with counts, if there is any (B37).
    pub(super) early: Option<Signature<'static>>,
    /// What the last picture was, and its block.
    pub(super) picture: Option<(u64, u32)>,
}

/// What went out of a part.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) chars: usize,
    pub(super) citations: usize,
    /// It came at once: pieces of it that follow behind the item's end repeat it.
    pub(super) whole: bool,
}

/// A call that waits for its name (E240).
#[derive(Debug, Default)]
pub(super) struct CallState {
    pub(super) call_id: String,
    pub(super) name: String,
    pub(super) custom: bool,
    /// How far its arguments are JSON.
    pub(super) arguments: Progress,
    held: Text<'static>,
}

impl Item {
    pub(super) fn new(class: Class, id: &str, output_index: Option<u32>) -> Self {
        Self {
            class,
            id: id.to_owned(),
            output_index,
            block: None,
            part: (0, false),
            sent: 0,
            said: false,
            parts: BTreeMap::new(),
            gap: false,
            closed: false,
            call: CallState::default(),
            early: None,
            picture: None,
        }
    }

    /// Whether an item of that id and call id is another one, for all that is known of this.
    pub(super) fn is_other(&self, id: &str, call_id: &str) -> bool {
        if !call_id.is_empty() && !self.call.call_id.is_empty() {
            return call_id != self.call.call_id;
        }
        !id.is_empty() && !self.id.is_empty() && id != self.id
    }

    /// Counts what goes out of a part.
    pub(super) fn tell(&mut self, part: (u32, bool), chars: usize) -> &mut Told {
        self.said = true;
        self.sent += chars;
        let told = self.parts.entry(part).or_default();
        told.chars += chars;
        told
    }

    /// Sends the blank line between two parts of the summary, once it is known that there is more.
    pub(super) fn part_summary(&mut self, block: u32, sink: &mut dyn FnMut(Event<'_>)) {
        if std::mem::take(&mut self.gap) {
            sink(Event::Delta { block, delta: Delta::Reasoning(Text::plain("\n\n")) });
        }
    }

    /// Whether a piece of a part repeats what the whole item had.
    pub(super) fn repeats(&self, part: (u32, bool)) -> bool {
        self.closed && self.parts.get(&part).is_some_and(|told| told.whole)
    }

    /// Opens the block of a call whose name is known by now; what was held goes out.
    pub(super) fn open_call(&mut self, next: &mut u32, sink: &mut dyn FnMut(Event<'_>)) {
        if self.block.is_some() || self.closed || self.call.name.is_empty() {
            return;
        }
        let block = number(next);
        self.block = Some(block);
        sink(Event::BlockStart {
            block,
            candidate: 0,
            kind: BlockKind::ToolCall {
                id: Text::plain(&*self.call.call_id),
                name: self.call.name.as_str().into(),
                custom: self.call.custom,
            },
        });
        let held = std::mem::take(&mut self.call.held);
        if !held.is_empty() {
            sink(Event::Delta { block, delta: Delta::Args(held) });
        }
    }

    pub(super) fn grow_call(&mut self, text: Text<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        if text.is_empty() || self.closed {
            return;
        }
        self.sent += text.char_count();
        let text = match self.call.custom {
            true => Some(text),
            false => self.call.arguments.take(text),
        };
        let Some(text) = text else { return };
        match self.block {
            Some(block) => sink(Event::Delta { block, delta: Delta::Args(text) }),
            None => text.push_onto(&mut self.call.held),
        }
    }

    /// The whole arguments: what of them did not go out yet does now (B63, E243, E294).
    pub(super) fn complete_call(&mut self, whole: Option<&RawValue>, sink: &mut dyn FnMut(Event<'_>)) {
        let Some(whole) = whole else { return };
        let text = Text::from_raw(whole).unwrap_or_else(|| Text::plain(whole.get()));
        if self.sent == 0 {
            return self.grow_call(text, sink);
        }
        if text.char_count() <= self.sent {
            return;
        }
        let decoded = text.decoded();
        if let Some((at, _)) = decoded.char_indices().nth(self.sent) {
            let rest = decoded.get(at..).unwrap_or_default().to_owned();
            self.grow_call(Text::plain(rest), sink);
        }
    }

    pub(super) fn close(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if let Some(block) = self.block.take() {
            sink(Event::BlockStop { block });
        }
    }
}

pub(super) fn number(next: &mut u32) -> u32 {
    let block = *next;
    *next += 1;
    block
}
