//! Chunks that say a piece of text and nothing else, which nearly all are. Source: translation.md A.14.

use crate::codec::CodecError;
use crate::json::Text;
use crate::splice::{Walk, text_in};

/// Such a chunk.
pub(super) struct Plain<'a> {
    /// Which candidate says it.
    pub(super) index: u32,
    pub(super) text: Text<'a>,
    pub(super) is_thought: bool,
    /// The counts so far.
    pub(super) usage: Option<&'a str>,
}

impl<'a> Plain<'a> {
    /// Reads a chunk in one pass. `None` when there is anything else in it that matters, or anything twice.
    pub(super) fn of(chunk: &'a str) -> Option<Self> {
        let mut walk = Walk::new(chunk);
        let mut seen = Seen::default();
        let mut is_wrapped = false;
        let is_object = walk.object(|walk, name| match name {
            "response" => {
                seen.more |= is_wrapped || seen.any();
                is_wrapped = true;
                walk.object(|walk, name| seen.member(walk, name)).map(|is_object| seen.more |= !is_object)
            }
            // Beside a reply in an envelope only these would matter.
            _ if is_wrapped => {
                seen.more |= matches!(name, "candidates" | "error");
                walk.skip()
            }
            _ => seen.member(walk, name),
        });
        if !is_object.ok()? || walk.end().is_err() || seen.more {
            return None;
        }
        let index = seen.index.map_or(Some(0), |json| json.parse().ok())?;
        let is_thought = match seen.thought {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return None,
        };
        Some(Self { index, text: text_in(seen.text?)?, is_thought, usage: seen.usage })
    }
}

#[derive(Default)]
struct Seen<'a> {
    index: Option<&'a str>,
    text: Option<&'a str>,
    thought: Option<&'a str>,
    usage: Option<&'a str>,
    /// Whether candidates were named, if none of them: an envelope behind them is none.
    named: bool,
    /// Whether there is more than is read here.
    more: bool,
}

impl<'a> Seen<'a> {
    fn any(&self) -> bool {
        self.named || self.text.is_some() || self.usage.is_some()
    }

    fn member(&mut self, walk: &mut Walk<'a>, name: &str) -> Result<(), CodecError> {
        match name {
            "candidates" => {
                self.named = true;
                self.only_item(walk, Self::candidate)
            }
            "usageMetadata" | "usage_metadata" | "cpaUsageMetadata" => {
                let json = walk.raw()?;
                self.more |= self.usage.replace(json).is_some() || !json.starts_with('{');
                Ok(())
            }
            "error" | "promptFeedback" | "prompt_feedback" | "response" => {
                self.more |= walk.said()?.is_some();
                Ok(())
            }
            _ => walk.skip(),
        }
    }

    fn candidate(&mut self, walk: &mut Walk<'a>, name: &str) -> Result<(), CodecError> {
        match name {
            "content" => {
                let is_object = walk.object(|walk, name| match name {
                    "parts" => self.only_item(walk, Self::part),
                    _ => walk.skip(),
                })?;
                self.more |= !is_object;
            }
            "index" => self.more |= self.index.replace(walk.raw()?).is_some(),
            "finishReason" | "finish_reason" | "groundingMetadata" | "grounding_metadata" => {
                self.more |= walk.said()?.is_some();
            }
            _ => walk.skip()?,
        }
        Ok(())
    }

    fn part(&mut self, walk: &mut Walk<'a>, name: &str) -> Result<(), CodecError> {
        let seen = match name {
            "text" => &mut self.text,
            "thought" => &mut self.thought,
            _ => {
                self.more = true;
                return walk.skip();
            }
        };
        self.more |= seen.replace(walk.raw()?).is_some();
        Ok(())
    }

    /// Reads an array of one object; a second text would be more than is read here.
    fn only_item(
        &mut self,
        walk: &mut Walk<'a>,
        member: impl Fn(&mut Self, &mut Walk<'a>, &str) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let is_array = walk.array(|walk, place| {
            let is_object = walk.object(|walk, name| member(self, walk, name))?;
            self.more |= place > 0 || !is_object;
            Ok(())
        })?;
        self.more |= !is_array;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_behind_candidates_is_read_thoroughly() {
        let chunk = r#"{"candidates":[],"response":{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}}"#;
        assert!(Plain::of(chunk).is_none());
        assert!(Plain::of(&chunk.replace(r#""candidates":[],"#, "")).is_some());
    }
}
