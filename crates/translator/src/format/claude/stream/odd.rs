//! Arguments that do not begin as an object: they wait until they are whole, and are made one as in whole replies.
//! Source: translation.md B92.

use super::blocks::MAX_WAITING;
use crate::json::Text;
use crate::loss::{ARGUMENTS, Loss, NONE_LEFT, loss};
use crate::model::{Args, Delta};
use crate::pass::args::Shape;

/// The calls whose arguments are not known to begin as an object.
#[derive(Debug, Default)]
pub(super) struct Odd {
    calls: Vec<(u32, Option<Text<'static>>)>,
    held: usize,
    losses: Vec<Loss>,
}

impl Odd {
    pub(super) fn start(&mut self, block: u32) {
        self.calls.push((block, None));
    }

    /// Whether a delta waits.
    pub(super) fn takes(&mut self, block: u32, delta: &Delta<'_>) -> bool {
        let Delta::Args(text) = delta else { return false };
        if self.calls.is_empty() || text.is_empty() {
            return false;
        }
        let Some(at) = self.calls.iter().position(|(known, _)| *known == block) else { return false };
        let Some((_, held)) = self.calls.get_mut(at) else { return false };
        let before = held.as_ref().map_or(0, Text::size_hint);
        match held {
            Some(held) => text.push_onto(held),
            None => {
                match text.decoded().trim_start().as_bytes().first() {
                    Some(b'{') => {
                        self.calls.swap_remove(at);
                        return false;
                    }
                    // Blanks in front of what comes say nothing.
                    None => return true,
                    Some(_) => {}
                }
                *held = Some(text.reborrow().into_owned());
            }
        }
        self.held += held.as_ref().map_or(0, Text::size_hint).saturating_sub(before);
        true
    }

    /// Whether more waits than may.
    pub(super) fn overflows(&self) -> bool {
        self.held > MAX_WAITING
    }

    /// What waited of a call that stops. No arguments are no delta (B63).
    pub(super) fn stop(&mut self, block: u32) -> Option<Text<'static>> {
        let at = self.calls.iter().position(|(known, _)| *known == block)?;
        let held = self.calls.swap_remove(at).1?;
        self.held = self.held.saturating_sub(held.size_hint());
        let args = Args::Encoded(held);
        Some(match Shape::of(&args) {
            Shape::Object(object) if object == "{}" => return None,
            Shape::Object(object) => Text::plain(object.into_owned()),
            Shape::Other => {
                loss(&mut self.losses, ARGUMENTS, NONE_LEFT);
                return None;
            }
            // They go as they came: the end says that they were cut (E186).
            Shape::Broken => match args {
                Args::Encoded(text) => text,
                _ => return None,
            },
        })
    }

    /// A call that has not stopped.
    pub(super) fn first(&self) -> Option<u32> {
        self.calls.first().map(|(block, _)| *block)
    }

    pub(super) fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_of_calls_that_stopped_is_held_no_more() {
        let mut odd = Odd::default();
        for block in 0..3 {
            odd.start(block);
            // A plain text that grows by an escaped one is escaped, and longer.
            for piece in ["\"[", "\"\"\"\"", r"\ud83d", "]\""] {
                let json = format!("\"{piece}\"");
                let text = match piece.starts_with('\\') {
                    true => serde_json::from_str(&json).unwrap(),
                    false => Text::plain(piece.to_owned()),
                };
                assert!(odd.takes(block, &Delta::Args(text)), "{piece}");
            }
            let held: usize = odd.calls.iter().flat_map(|(_, held)| held).map(Text::size_hint).sum();
            assert!(held > 0 && odd.held == held, "{held} {}", odd.held);
        }
        for block in 0..3 {
            let _settled = odd.stop(block);
        }
        assert_eq!(odd.held, 0);
    }
}
