//! Items that are whole: what of them did not go out yet does now.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Decoder, Sink, parts_of};
use crate::format::responses::decode::image_mime;
use crate::format::responses::stream::item::{Class, number};
use crate::format::responses::stream::pieces::hash_of;
use crate::format::responses::{RESPONSES, wire};
use crate::json::Text;
use crate::json::read::filled;
use crate::model::{BlockKind, Delta, Event, Media, MediaClass, MediaSource, PartKind};

impl Decoder {
    /// Text that only the whole item brings (E246, E330).
    pub(super) fn whole_message(&mut self, at: usize, raw: &RawValue, sink: Sink<'_>) {
        let Some(item) = self.items.get_mut(at) else { return };
        if item.said {
            return item.close(sink);
        }
        for part in parts_of(raw) {
            let (text, citations, refusal) = match part.kind {
                PartKind::Text { text, citations } => (text, citations, false),
                PartKind::Refusal(text) => (text, None, true),
                _ => continue,
            };
            if text.is_empty() && citations.is_none() {
                continue;
            }
            let place = self.items.get(at).map_or(0, |item| item.part.0 + 1);
            let Some(block) = self.text_block(at, (place, refusal), sink) else { return };
            sink(Event::Delta { block, delta: Delta::Text(text) });
            let citations: Vec<&RawValue> =
                citations.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            for raw in citations {
                let raw = Cow::Borrowed(raw);
                sink(Event::Delta { block, delta: Delta::Citation { format: RESPONSES, raw } });
            }
        }
        if let Some(item) = self.items.get_mut(at) {
            item.close(sink);
        }
    }

    /// One state per item, and what it ends with counts (B37, E231 to E235).
    pub(super) fn whole_reasoning(&mut self, at: usize, raw: &RawValue, sink: Sink<'_>) {
        let Some(block) = self.reasoning_block(at, sink) else { return };
        let Some(item) = self.items.get_mut(at) else { return };
        let mut state = None;
        for part in parts_of(raw) {
            if let PartKind::Reasoning(reasoning) = part.kind {
                if !item.said {
                    for (index, text) in reasoning.summary.into_iter().enumerate() {
                        if index > 0 {
                            sink(Event::Delta { block, delta: Delta::Reasoning(Text::plain("\n\n")) });
                        }
                        sink(Event::Delta { block, delta: Delta::Reasoning(text) });
                    }
                    for text in reasoning.raw {
                        sink(Event::Delta { block, delta: Delta::RawReasoning(text) });
                    }
                }
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
                    let hash = hash_of(&media);
                    let known = self.items.get_mut(at).and_then(|item| item.picture.replace(hash));
                    // The last draft and the picture are often the same (E301).
                    if known == Some(hash) {
                        continue;
                    }
                    BlockKind::Media(media)
                }
                PartKind::Server(server) => {
                    self.searches += 1;
                    BlockKind::Server(server)
                }
                PartKind::Opaque(opaque) if !kind.is_empty() => BlockKind::Opaque(opaque),
                _ => continue,
            };
            let id = number(&mut self.next);
            sink(Event::BlockStart { block: id, candidate: 0, kind: block });
            sink(Event::BlockStop { block: id });
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
        let hash = hash_of(&media);
        let known = self.items.get_mut(at).and_then(|item| item.picture.replace(hash));
        if known == Some(hash) {
            return;
        }
        let block = number(&mut self.next);
        sink(Event::BlockStart { block, candidate: 0, kind: BlockKind::Media(media) });
        sink(Event::BlockStop { block });
    }
}
