//! What of a reply its client has no words for. Whole replies and streams are looked at by the same eyes; a stream costs a
//! look at the kind of each event, and nothing is held of it but what was lost, each kind once.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::{ARGUMENTS, CALL, Loss, NO_OBJECT, NONE_LEFT, loss, named, told};
use crate::aggregate::{DRAFT, WHOLE};
use crate::codec::Codec;
use crate::format::kiro::is_counted;
use crate::json::Text;
use crate::model::{
    BlockKind, Candidate, Delta, Event, Finish, Media, Opaque, Part, PartKind, Response, ServerPart,
    Signature,
};
use crate::pass::args::{Shape, is_cut_off};
use crate::pass::finish::is_known;

/// Something of a reply that not every format has words for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Rare<'r> {
    /// Thoughts that can be read.
    Thoughts,
    /// A raw chain of thought beside its summary.
    Chain,
    /// Thoughts that are encrypted.
    Redacted,
    /// The state of a part.
    Signature(Bearer, &'r Signature<'r>),
    /// A call of a tool.
    Call,
    /// A call or result of a tool that ran at the provider.
    Server(&'r ServerPart<'r>),
    /// What of a tool's results only its provider can read.
    Sealed,
    /// What its own format has alone.
    Opaque(&'r Opaque<'r>),
    /// An image or sound that the model made.
    Media(&'r Media<'r>),
    /// A citation, in the shape of a format.
    Citation(&'r str, &'r RawValue),
    /// Log probabilities, in the shape of a format.
    Logprobs(&'r str, &'r RawValue),
    /// The tier that it ran on.
    ServiceTier(&'r Text<'r>),
    /// The stop sequence that matched.
    StopSequence,
    /// Details of a refusal.
    StopDetails(&'r RawValue),
    /// A candidate beside the first.
    Candidate,
    /// A member that its own format has alone.
    Member(&'r str, &'r str),
    /// Such a member of a part.
    PartMember(Bearer, &'r str, &'r str),
    /// A call of a tool whose arguments were cut, or are no object.
    CutCall,
    /// A word for the end that has no meaning here, or none but for its own format.
    FinishWord(&'r str),
    /// An event that its own format has alone.
    Event(&'r str, &'r str, &'r RawValue),
}

/// What a state, or a member, belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bearer {
    /// A thought.
    Thought,
    /// A text, a picture.
    Said,
    /// A call.
    Call,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ReplyScope {
    /// The client's tools search the web at the provider: it understands the blocks that tell of a search.
    pub searches_web: bool,
    /// The reply is a stream.
    pub stream: bool,
}

/// Why it goes.
const WHY: &str = "the client's format has no word for it";

/// Finds out what of a reply a client's format cannot say.
pub struct ReplyMeter {
    client: Arc<dyn Codec>,
    scope: ReplyScope,
    /// Kinds that are told already.
    told: u16,
    /// The blocks that began last, and whose state they would carry.
    bearers: [Option<(u32, Bearer)>; 4],
    next: usize,
    /// The block whose thoughts were summarised.
    summarised: Option<u32>,
    /// How many names of a decoder are told.
    unread: usize,
    losses: Vec<Loss>,
}

impl ReplyMeter {
    /// For a client that searches the web at its provider, or does not.
    #[must_use]
    pub fn new(client: Arc<dyn Codec>, searches_web: bool) -> Self {
        let scope = ReplyScope { searches_web, stream: false };
        Self {
            client,
            scope,
            told: 0,
            bearers: [None; 4],
            next: 0,
            summarised: None,
            unread: 0,
            losses: Vec::new(),
        }
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// What was lost.
    #[must_use]
    pub fn into_losses(self) -> Vec<Loss> {
        self.losses
    }

    /// Tells what a decoder had no place for, of what [`StreamDecoder::unread`](crate::StreamDecoder::unread) has beyond
    /// what was told of it before: no format has words for that.
    pub fn unread(&mut self, names: &[String]) {
        for name in names.get(self.unread..).unwrap_or_default() {
            // What a decoder leaves out of calls are those that were cut.
            named(&mut self.losses, "", name, if name == CALL { NO_OBJECT } else { WHY });
        }
        self.unread = self.unread.max(names.len());
    }

    /// Takes over what an encoder left out ([`StreamEncoder::losses`](crate::StreamEncoder::losses)).
    pub fn encoder(&mut self, losses: &[Loss]) {
        if !losses.is_empty() {
            told(&mut self.losses, losses.to_vec());
        }
    }

    /// Looks at one event.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            // Nearly all of a stream.
            Event::Delta { delta: Delta::Text(_) | Delta::Args(_), .. }
            | Event::BlockStop { .. }
            | Event::Usage(_)
            | Event::Error(_)
            | Event::Ping
            | Event::End => {}
            Event::Delta { block, delta } => self.delta(*block, delta),
            Event::Start(start) => {
                self.scope.stream = true;
                self.tier(start.service_tier.as_ref());
            }
            Event::BlockStart { block, candidate, kind } => {
                self.candidate(*candidate);
                self.block(*block, kind);
            }
            Event::Finish { candidate, finish } => {
                self.candidate(*candidate);
                self.finish(finish);
            }
            Event::Raw { name, .. } if *name == WHOLE => {}
            // What a picture was before it was done.
            Event::Raw { format: "openai-response", name, .. } if *name == DRAFT => {}
            // Counts and reasons: they are read.
            Event::Raw { format: "kiro", name, .. } if is_counted(name) => {}
            Event::Raw { format, name, data } => {
                if !self.says(Rare::Event(format, name, data)) {
                    named(&mut self.losses, "event", name, WHY);
                }
            }
        }
    }

    fn block(&mut self, block: u32, kind: &BlockKind<'_>) {
        let bearer = match kind {
            BlockKind::Text | BlockKind::Refusal => Bearer::Said,
            BlockKind::Reasoning => Bearer::Thought,
            BlockKind::ToolCall { .. } => {
                self.ask(0, CALL, Rare::Call);
                Bearer::Call
            }
            BlockKind::Redacted(_) => return self.ask(1, "message.redacted_thinking", Rare::Redacted),
            BlockKind::Server(part) => return self.server(part),
            BlockKind::Opaque(part) => return self.opaque(part),
            BlockKind::Media(media) => return self.media(media),
        };
        if let Some(slot) = self.bearers.get_mut(self.next % 4) {
            *slot = Some((block, bearer));
        }
        self.next = self.next.wrapping_add(1);
    }

    fn delta(&mut self, block: u32, delta: &Delta<'_>) {
        match delta {
            Delta::Reasoning(text) if !text.is_empty() => {
                self.summarised = Some(block);
                self.ask(2, "message.thinking", Rare::Thoughts);
            }
            Delta::RawReasoning(text) if !text.is_empty() => {
                self.ask(2, "message.thinking", Rare::Thoughts);
                if self.summarised == Some(block) {
                    self.ask(3, "message.reasoning_text", Rare::Chain);
                }
            }
            Delta::Signature(signature) => {
                let known = self.bearers.iter().flatten().find(|(known, _)| *known == block);
                let bearer = known.map_or(Bearer::Said, |(_, bearer)| *bearer);
                self.ask(4, "message.signature", Rare::Signature(bearer, signature));
            }
            Delta::Citation { format, raw } => self.ask(5, "message.citations", Rare::Citation(format, raw)),
            Delta::Logprobs(raw) => self.ask(6, "logprobs", Rare::Logprobs("", raw)),
            Delta::Text(_) | Delta::Args(_) | Delta::Reasoning(_) | Delta::RawReasoning(_) => {}
        }
    }

    /// Looks at a whole reply.
    pub fn response(&mut self, response: &Response<'_>) {
        // Its own format passes it on as it is.
        if let Some(whole) = &response.whole
            && self.says(Rare::Opaque(whole))
        {
            return;
        }
        self.unread(&response.unread);
        self.tier(response.service_tier.as_ref());
        self.members(response.source, &response.extras);
        for (place, candidate) in response.candidates.iter().enumerate() {
            self.candidate(u32::try_from(place).unwrap_or(u32::MAX));
            self.said(response.source, candidate);
        }
    }

    fn said(&mut self, source: &str, candidate: &Candidate<'_>) {
        candidate.parts.iter().for_each(|part| self.part(source, part));
        self.calls(source, candidate);
        if let Some(raw) = &candidate.logprobs {
            self.ask(6, "logprobs", Rare::Logprobs(source, raw));
        }
        if let Some(raw) = &candidate.grounding
            && !self.says(Rare::Event(source, crate::aggregate::GROUNDING, raw))
        {
            named(&mut self.losses, "event", crate::aggregate::GROUNDING, WHY);
        }
        if let Some(finish) = &candidate.finish {
            self.finish(finish);
        }
        self.members(source, &candidate.extras);
    }

    fn part(&mut self, source: &str, part: &Part<'_>) {
        let bearer = match &part.kind {
            PartKind::Reasoning(_) => Bearer::Thought,
            PartKind::ToolCall(_) => Bearer::Call,
            _ => Bearer::Said,
        };
        if let Some(signature) = &part.signature {
            self.ask(4, "message.signature", Rare::Signature(bearer, signature));
        }
        for (key, _) in part.extras.iter().filter(|(key, raw)| is_said(source, key, raw)) {
            if !self.says(Rare::PartMember(bearer, source, key)) {
                named(&mut self.losses, "message", key, WHY);
            }
        }
        match &part.kind {
            PartKind::Text { citations: Some(raw), .. } => {
                let all: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
                for raw in all {
                    self.ask(5, "message.citations", Rare::Citation(source, raw));
                }
            }
            PartKind::Reasoning(reasoning) if reasoning.redacted.is_some() => {
                self.ask(1, "message.redacted_thinking", Rare::Redacted);
            }
            PartKind::Reasoning(reasoning) => {
                let told = |texts: &[Text<'_>]| texts.iter().any(|text| !text.is_empty());
                let (summary, chain) = (told(&reasoning.summary), told(&reasoning.raw));
                if summary || chain {
                    self.ask(2, "message.thinking", Rare::Thoughts);
                }
                if summary && chain {
                    self.ask(3, "message.reasoning_text", Rare::Chain);
                }
            }
            // Its arguments are looked at with its candidate.
            PartKind::ToolCall(_) => self.ask(0, CALL, Rare::Call),
            PartKind::Server(part) => self.server(part),
            PartKind::Opaque(part) => self.opaque(part),
            PartKind::Media(media) => self.media(media),
            PartKind::Text { citations: None, .. } | PartKind::Refusal(_) | PartKind::ToolResult(_) => {}
        }
    }

    /// Calls that are none, or are without their arguments, where only whole ones with objects can be said.
    fn calls(&mut self, source: &str, candidate: &Candidate<'_>) {
        if !self.says(Rare::Call) || self.says(Rare::CutCall) {
            return;
        }
        let cut = usize::from(is_cut_off(source, candidate));
        if cut > 0 {
            loss(&mut self.losses, CALL, NO_OBJECT);
        }
        for part in candidate.parts.iter().take(candidate.parts.len() - cut) {
            let PartKind::ToolCall(call) = &part.kind else { continue };
            match Shape::of(&call.args) {
                Shape::Object(_) => {}
                Shape::Other => loss(&mut self.losses, ARGUMENTS, NONE_LEFT),
                Shape::Broken => loss(&mut self.losses, CALL, NO_OBJECT),
            }
        }
    }

    fn tier(&mut self, tier: Option<&Text<'_>>) {
        if let Some(tier) = tier {
            self.ask(7, "service_tier", Rare::ServiceTier(tier));
        }
    }

    fn candidate(&mut self, index: u32) {
        if index > 0 {
            self.ask(8, "candidates", Rare::Candidate);
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) {
        if finish.stop_sequence.is_some() {
            self.ask(9, "stop_sequence", Rare::StopSequence);
        }
        if let Some(raw) = &finish.details {
            self.ask(10, "stop_details", Rare::StopDetails(raw));
        }
        let Some(word) = &finish.native else { return };
        // A filter is told as one, whatever it is called.
        let is_told = match finish.reason {
            FinishReason::Safety | FinishReason::Refusal => true,
            FinishReason::BadToolCall => false,
            _ => is_known(word),
        };
        if !is_told {
            self.ask(13, "finish_reason", Rare::FinishWord(word));
        }
    }

    fn media(&mut self, media: &Media<'_>) {
        self.ask(11, "message.media", Rare::Media(media));
    }

    fn server(&mut self, part: &ServerPart<'_>) {
        if !self.says(Rare::Server(part)) {
            named(&mut self.losses, "message", &part.kind, WHY);
        } else if part.raw.get().contains("\"encrypted_content\"") {
            self.ask(12, "message.encrypted_content", Rare::Sealed);
        }
    }

    fn opaque(&mut self, part: &Opaque<'_>) {
        if !self.says(Rare::Opaque(part)) {
            named(&mut self.losses, "message", &part.kind, WHY);
        }
    }

    fn members(&mut self, source: &str, extras: &[(Cow<'_, str>, &RawValue)]) {
        for (key, _) in extras.iter().filter(|(key, raw)| is_said(source, key, raw)) {
            if !self.says(Rare::Member(source, key)) {
                named(&mut self.losses, "", key, WHY);
            }
        }
    }

    /// Asks about a kind that is told once.
    fn ask(&mut self, bit: u8, what: &'static str, rare: Rare<'_>) {
        if self.told & (1 << bit) == 0 && !self.says(rare) {
            self.told |= 1 << bit;
            loss(&mut self.losses, what, WHY);
        }
    }

    fn says(&self, rare: Rare<'_>) -> bool {
        self.client.can_say(rare, self.scope)
    }
}

/// Whether a member says anything that its client does not learn otherwise.
fn is_said(source: &str, key: &str, raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "[]") && !is_bookkeeping(source, key)
}

/// What a response object repeats of its request.
const REPEATED: [&str; 24] = [
    "background",
    "billing",
    "completed_at",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "object",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// What a service repeats of the request, what a decoder has read into the model, and what names the reply's pieces.
pub(super) fn is_bookkeeping(source: &str, key: &str) -> bool {
    matches!(key, "object" | "id" | "status" | "thought" | "extra_content" | "message.reasoning_details")
        || matches!(source, "openai-response" | "codex") && REPEATED.contains(&key)
        || source == "kiro" && matches!(key, "modelId" | "conversationId" | "messageId" | "utteranceId")
}

impl fmt::Debug for ReplyMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyMeter").field("losses", &self.losses).finish_non_exhaustive()
    }
}
