//! The blocks that a provider has open. It has one, or a few; one that stops none of its blocks may have any number, so
//! all but the last few are found by their index.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::wire;
use crate::json::{Progress, Text};
use crate::numbered::FEW;

/// A block that the provider has open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) index: u32,
    pub(super) block: u32,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Text,
    Thinking,
    /// The input that the start event held: sent when no delta came (B63).
    Call {
        whole_input: Option<Box<RawValue>>,
        arguments: Progress,
    },
    /// A block of a server tool, or one that we do not know, waits until it is whole.
    Server {
        kind: String,
        raw: Box<RawValue>,
        input: Text<'static>,
    },
    /// Whole from the start.
    Whole,
}

impl State {
    /// Whether a delta is of the block's kind.
    fn takes(&self, delta: &wire::Delta<'_>) -> bool {
        match self {
            Self::Text => delta.text.is_some() || delta.citation.is_some(),
            Self::Thinking => delta.thinking.is_some() || delta.signature.is_some(),
            Self::Call { .. } | Self::Server { .. } => delta.partial_json.is_some(),
            Self::Whole => false,
        }
    }
}

/// In the order in which they began.
#[derive(Debug, Default)]
pub(super) struct OpenBlocks {
    last: Vec<Open>,
    /// Those that began before the last ones, by index and number.
    earlier: BTreeMap<(u32, u32), Open>,
}

impl OpenBlocks {
    pub(super) fn push(&mut self, open: Open) {
        self.last.push(open);
        if self.last.len() > FEW {
            let first = self.last.remove(0);
            self.earlier.insert((first.index, first.block), first);
        }
    }

    /// The first block of an index that takes a delta.
    pub(super) fn taker(&mut self, index: u32, delta: &wire::Delta<'_>) -> Option<&mut Open> {
        let takes = |open: &&mut Open| open.index == index && open.state.takes(delta);
        if self.earlier.is_empty() {
            return self.last.iter_mut().find(takes);
        }
        let earlier = self.earlier.range_mut((index, 0)..=(index, u32::MAX)).map(|(_, open)| open);
        earlier.chain(&mut self.last).find(takes)
    }

    /// Takes out the first block of an index.
    pub(super) fn take(&mut self, index: u32) -> Option<Open> {
        if !self.earlier.is_empty()
            && let Some((key, _)) = self.earlier.range((index, 0)..=(index, u32::MAX)).next()
        {
            let key = *key;
            return self.earlier.remove(&key);
        }
        let at = self.last.iter().position(|open| open.index == index)?;
        Some(self.last.remove(at))
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.earlier.values().chain(&self.last)
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<Open> {
        let mut list: Vec<Open> = self.earlier.into_values().collect();
        list.sort_unstable_by_key(|open| open.block);
        list.extend(self.last);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_blocks_are_found_and_end_as_few_do() {
        let mut open = OpenBlocks::default();
        for block in 0..100 {
            // Two of each index.
            let state = if block < 50 { State::Whole } else { State::Text };
            open.push(Open { index: 49 - block % 50, block, state });
        }
        let delta = wire::Delta { text: Some(Text::plain("a")), ..wire::Delta::default() };
        assert_eq!(open.taker(49, &delta).map(|open| open.block), Some(50));
        assert_eq!(open.taker(0, &delta).map(|open| open.block), Some(99));
        assert!(open.taker(50, &delta).is_none());
        assert_eq!(open.take(0).map(|open| open.block), Some(49));
        assert_eq!(open.take(0).map(|open| open.block), Some(99));
        assert!(open.take(0).is_none());
        assert_eq!(open.take(7).map(|open| open.block), Some(42));
        assert_eq!(open.iter().count(), 97);
        let blocks: Vec<u32> = open.into_list().into_iter().map(|open| open.block).collect();
        assert!(blocks.is_sorted() && blocks.len() == 97, "{blocks:?}");
    }
}
