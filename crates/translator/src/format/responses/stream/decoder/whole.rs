//! Items that are whole: what of them did not go out yet does now.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{Decoder, Sink, call_id_of, parts_of};
use crate::aggregate::DRAFT;
use crate::format::responses::decode::image_mime;
use crate::format::responses::reply::of_raw;
use crate::format::responses::stream::item::{Class, Item, number};
use crate::format::responses::stream::pieces::{class_of, hash_of};
use crate::format::responses::{RESPONSES, wire};
use crate::json::read::{filled, plain};
use crate::json::{self, Text};
use crate::loss::Unread;
use crate::model::{BlockKind, Delta, Event, Media, MediaClass, MediaSource, Part, PartKind, Reasoning};

/// An item that is whole, and what names it.
pub(super) struct Whole<'r> {
    pub(super) raw: &'r RawValue,
    pub(super) item: wire::Item<'r>,
    pub(super) kind: Cow<'r, str>,
    pub(super) class: Class,
    pub(super) id: Cow<'r, str>,
    pub(super) call_id: String,
}

impl<'r> Whole<'r> {
    /// `None` for what is no item.
    pub(super) fn read(raw: &'r RawValue) -> Option<Self> {
        let item: wire::Item<'r> = serde_json::from_str(raw.get()).ok()?;
        let kind = plain(item.kind.clone());
        let class = class_of(&kind);
        Some(Self { raw, kind, class, id: of_raw(item.id), call_id: call_id_of(&item), item })
    }

    /// How many characters of text or thought it has; `None` for what has neither.
    pub(super) fn chars(&self) -> Option<usize> {
        if !matches!(self.class, Class::Message | Class::Reasoning) {
            return None;
        }
        let chars = |part: Part<'_>| match part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => text.char_count(),
            PartKind::Reasoning(reasoning) => {
                reasoning.summary.iter().chain(&reasoning.raw).map(Text::char_count).sum()
            }
            _ => 0,
        };
        Some(parts_of(self.raw).into_iter().map(chars).sum())
    }
}

impl Decoder {
    /// What only the whole item brings (E246, E330): parts that were not said, citations that were not told.
    pub(super) fn whole_message(&mut self, at: usize, parts: Vec<Part<'_>>, sink: Sink<'_>) {
        let mut misplaced = self.misplaced(at, &parts);
        for (index, part) in (0_u32..).zip(parts) {
            let (text, citations, refusal) = match part.kind {
                PartKind::Text { text, citations } => (text, citations, false),
                PartKind::Refusal(text) => (text, None, true),
                PartKind::Media(media) => {
                    self.at_once(at, BlockKind::Media(media), sink);
                    continue;
                }
                PartKind::Opaque(opaque) => {
                    self.at_once(at, BlockKind::Opaque(opaque), sink);
                    continue;
                }
                _ => continue,
            };
            if text.is_empty() && citations.is_none() {
                continue;
            }
            let place = (index, refusal);
            let Some(item) = self.items.get(at) else { return };
            let (block, told) = match item.parts.get(&place) {
                Some(told) => (item.block.filter(|_| item.part == place), told.citations),
                None => {
                    if let Some(left) = misplaced.get_mut(&(refusal, text.char_count()))
                        && *left > 0
                    {
                        *left -= 1;
                        continue;
                    }
                    (self.tell_part(at, place, text, sink), 0)
                }
            };
            let citations: Vec<&RawValue> =
                citations.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            for raw in citations.into_iter().skip(told) {
                match block {
                    Some(block) => {
                        let raw = Cow::Borrowed(raw);
                        sink(Event::Delta { block, delta: Delta::Citation { format: RESPONSES, raw } });
                    }
                    // The block of its text has ended.
                    None => self.unread.name("message", "citations"),
                }
            }
        }
        if let Some(item) = self.items.get_mut(at) {
            item.close(sink);
        }
    }

    /// How many parts were said where the whole item has none of their kind, by their sizes: some number the parts another
    /// way when the item is whole.
    fn misplaced(&self, at: usize, parts: &[Part<'_>]) -> HashMap<(bool, usize), usize> {
        let mut misplaced = HashMap::new();
        let told = self.items.get(at).into_iter().flat_map(|item| &item.parts);
        for ((index, refusal), told) in told {
            let whole = usize::try_from(*index).ok().and_then(|index| parts.get(index));
            let is_there = whole.is_some_and(|part| match part.kind {
                PartKind::Text { .. } => !refusal,
                PartKind::Refusal(_) => *refusal,
                _ => false,
            });
            if !is_there {
                *misplaced.entry((*refusal, told.chars)).or_default() += 1;
            }
        }
        misplaced
    }

    /// A block that is whole from the start, behind what the item has open.
    fn at_once(&mut self, at: usize, kind: BlockKind<'_>, sink: Sink<'_>) {
        if let Some(item) = self.items.get_mut(at) {
            item.close(sink);
        }
        let block = number(&mut self.next);
        sink(Event::BlockStart { block, candidate: 0, kind });
        sink(Event::BlockStop { block });
    }

    /// One state per item, and what it ends with counts (B37, E231 to E235).
    pub(super) fn whole_reasoning(&mut self, at: usize, raw: &RawValue, sink: Sink<'_>) {
        let Some(block) = self.reasoning_block(at, sink) else { return };
        let Some(item) = self.items.get_mut(at) else { return };
        let mut state = None;
        for part in parts_of(raw) {
            if let PartKind::Reasoning(reasoning) = part.kind {
                tell_thoughts(item, block, reasoning, &mut self.unread, sink);
                state = part.signature;
            }
        }
        if let Some(signature) = state.or_else(|| item.early.take()) {
            sink(Event::Delta { block, delta: Delta::Signature(signature) });
        }
        item.close(sink);
    }

    /// What is told at once: searches, pictures, and what only this format has.
    pub(super) fn whole(&mut self, at: usize, raw: &RawValue, kind: &str, sink: Sink<'_>) {
        for part in parts_of(raw) {
            let block = match part.kind {
                PartKind::Media(media) => {
                    self.draw(at, media, sink);
                    continue;
                }
                PartKind::Server(server) => {
                    self.searches += 1;
                    BlockKind::Server(server)
                }
                PartKind::Opaque(opaque) if !kind.is_empty() => BlockKind::Opaque(opaque),
                _ => continue,
            };
            self.at_once(at, block, sink);
        }
    }

    /// A draft of a picture, if it differs from the last one (B73, E300).
    pub(super) fn picture(&mut self, event: &wire::Event<'_>, sink: Sink<'_>) {
        let Some(data) = filled(event.partial_image_b64) else { return };
        let at = self.item(event, Class::Whole, sink);
        let mime = image_mime(filled(event.output_format).as_ref(), &data);
        let source = MediaSource::Base64 { mime, data };
        let media = Media {
            class: MediaClass::Image,
            source,
            name: None,
            detail: None,
            context: None,
            citations: None,
        };
        self.draw(at, media, sink);
    }

    /// A picture in place of the last one of its item. That and the last draft are often the same (E301).
    fn draw(&mut self, at: usize, media: Media<'_>, sink: Sink<'_>) {
        let Some(item) = self.items.get_mut(at) else { return };
        let hash = hash_of(&media);
        let known = item.picture;
        if known.is_some_and(|(known, _)| known == hash) {
            return;
        }
        item.picture = Some((hash, self.next));
        if let Some(data) = known.and_then(|(_, block)| json::raw(block.to_string()).ok()) {
            let name = Cow::Borrowed(DRAFT);
            sink(Event::Raw { format: RESPONSES, name, data: Cow::Owned(data) });
        }
        self.at_once(at, BlockKind::Media(media), sink);
    }
}

/// What was not said of a summary and a chain of thought.
fn tell_thoughts(item: &mut Item, block: u32, thoughts: Reasoning<'_>, unread: &mut Unread, sink: Sink<'_>) {
    // Where the pieces were numbered another way, nobody knows which of the parts were said.
    let is_exact = item.parts.iter().all(|((index, is_chain), told)| {
        let texts = if *is_chain { &thoughts.raw } else { &thoughts.summary };
        let whole = usize::try_from(*index).ok().and_then(|index| texts.get(index));
        whole.is_some_and(|text| text.char_count() == told.chars)
    });
    let said = item.said;
    for (is_chain, texts) in [(false, thoughts.summary), (true, thoughts.raw)] {
        // One beside the other says the same again (E044).
        if said && !item.parts.keys().any(|(_, kind)| *kind == is_chain) {
            // What was said under the other name is not lost.
            let said: usize = item.parts.values().map(|told| told.chars).sum();
            let whole: usize = texts.iter().map(Text::char_count).sum();
            if whole > 0 && whole != said {
                unread.name("message", if is_chain { "reasoning_text" } else { "summary" });
            }
            continue;
        }
        for (index, text) in (0_u32..).zip(texts) {
            let place = (index, is_chain);
            if !is_exact || text.is_empty() || item.parts.contains_key(&place) {
                continue;
            }
            item.tell(place, text.char_count()).whole = true;
            item.gap |= index > 0 && !is_chain;
            item.part_summary(block, sink);
            let delta = if is_chain { Delta::RawReasoning(text) } else { Delta::Reasoning(text) };
            sink(Event::Delta { block, delta });
        }
    }
}
