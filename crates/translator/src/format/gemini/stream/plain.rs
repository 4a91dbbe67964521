//! Chunks that say a piece of text and nothing else, which nearly all are. Source: translation.md A.14.

use std::borrow::Cow;

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
    /// What else is said, and where.
    pub(super) unread: [Option<(&'static str, &'a str)>; MOST_ELSE],
}

/// So many members that are not read may stand in such a chunk.
const MOST_ELSE: usize = 4;

impl<'a> Plain<'a> {
    /// Reads a chunk in one pass. `None` when there is anything else in it that matters, or anything twice.
    pub(super) fn of(chunk: &'a str) -> Option<Self> {
        let mut walk = Walk::new(chunk);
        let mut seen = Seen::default();
        let mut is_wrapped = false;
        let is_object = walk.members(|walk, name| match &*name {
            "response" => {
                seen.more |= is_wrapped || seen.any();
                is_wrapped = true;
                // What stands in front of it is the envelope's.
                seen.unread = [None; MOST_ELSE];
                walk.members(|walk, name| seen.member(walk, name)).map(|is_object| seen.more |= !is_object)
            }
            // Beside a reply in an envelope only these would matter.
            _ if is_wrapped => {
                seen.more |= matches!(&*name, "candidates" | "error");
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
        let text = text_in(seen.text?)?;
        Some(Self { index, text, is_thought, usage: seen.usage, unread: seen.unread })
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
    unread: [Option<(&'static str, &'a str)>; MOST_ELSE],
}

impl<'a> Seen<'a> {
    fn any(&self) -> bool {
        self.named || self.text.is_some() || self.usage.is_some()
    }

    /// Skips a member that is not read; what it is called is told if it says anything.
    fn pass(
        &mut self,
        walk: &mut Walk<'a>,
        within: &'static str,
        name: Cow<'a, str>,
    ) -> Result<(), CodecError> {
        if matches!(walk.raw()?, "null" | "[]") {
            return Ok(());
        }
        match (self.unread.iter_mut().find(|place| place.is_none()), name) {
            (Some(place), Cow::Borrowed(name)) => *place = Some((within, name)),
            _ => self.more = true,
        }
        Ok(())
    }

    fn member(&mut self, walk: &mut Walk<'a>, name: Cow<'a, str>) -> Result<(), CodecError> {
        match &*name {
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
            "modelVersion" | "model_version" | "responseId" | "response_id" | "createTime"
            | "create_time" => walk.skip(),
            _ => self.pass(walk, "", name),
        }
    }

    fn candidate(&mut self, walk: &mut Walk<'a>, name: Cow<'a, str>) -> Result<(), CodecError> {
        match &*name {
            "content" => {
                let is_object = walk.members(|walk, name| match &*name {
                    "parts" => self.only_item(walk, Self::part),
                    "role" => walk.skip(),
                    _ => self.pass(walk, "content", name),
                })?;
                self.more |= !is_object;
            }
            "index" => self.more |= self.index.replace(walk.raw()?).is_some(),
            "finishReason" | "finish_reason" | "groundingMetadata" | "grounding_metadata"
            | "finishMessage" | "finish_message" | "logprobsResult" | "logprobs_result" => {
                self.more |= walk.said()?.is_some();
            }
            _ => self.pass(walk, "", name)?,
        }
        Ok(())
    }

    #[expect(clippy::needless_pass_by_value, reason = "as every reader of members takes it")]
    fn part(&mut self, walk: &mut Walk<'a>, name: Cow<'a, str>) -> Result<(), CodecError> {
        let seen = match &*name {
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
        member: impl Fn(&mut Self, &mut Walk<'a>, Cow<'a, str>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let is_array = walk.array(|walk, place| {
            let is_object = walk.members(|walk, name| member(self, walk, name))?;
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
