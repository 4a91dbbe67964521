//! A whole reply as a stream: for clients that want one of a provider that gives none. Source: translation.md B74.

use std::borrow::Cow;

use crate::aggregate::GROUNDING;
use crate::json::{Raw, Text};
use crate::loss::Unread;
use crate::model::{Args, BlockKind, Candidate, Delta, Event, Part, PartKind, Reasoning, Response, Start};
use crate::pass::args;

/// Hands over the events that a stream of this reply would have had: what [`Aggregator`](crate::Aggregator) makes
/// of them is the reply again.
pub fn replay(response: &Response<'_>, sink: &mut dyn FnMut(Event<'_>)) {
    sink(Event::Start(Start {
        id: response.id.as_ref().into(),
        model: response.model.as_ref().into(),
        created: response.created,
        service_tier: response.service_tier.as_ref().map(Text::reborrow),
    }));
    let mut block = 0;
    for (place, candidate) in response.candidates.iter().enumerate() {
        let bearer = spoken(candidate);
        for (at, part) in candidate.parts.iter().enumerate() {
            let logprobs = candidate.logprobs.as_ref().filter(|_| bearer == Some(at));
            if replay_part((part, logprobs), candidate, block, response.source, sink) {
                block += 1;
            }
        }
        // The event names no candidate.
        if let Some(raw) = candidate.grounding.as_ref().filter(|_| place == 0) {
            sink(Event::Raw { format: response.source, name: GROUNDING.into(), data: raw.clone() });
        }
    }
    if let Some(usage) = response.usage {
        sink(Event::Usage(usage));
    }
    for candidate in &response.candidates {
        if let Some(finish) = &candidate.finish {
            sink(Event::Finish { candidate: candidate.index, finish: finish.clone() });
        }
    }
    sink(Event::End);
}

/// What of a reply no event carries: its stream is without these, by name.
#[must_use]
pub fn unsaid(response: &Response<'_>) -> Vec<String> {
    let mut unread = Unread::default();
    unread.members(response.source, "", &response.extras);
    for (place, candidate) in response.candidates.iter().enumerate() {
        if let Some(raw) = candidate.grounding.as_ref().filter(|_| place > 0) {
            unread.member(response.source, "", GROUNDING, raw.get());
        }
        if let Some(raw) = candidate.logprobs.as_ref().filter(|_| spoken(candidate).is_none()) {
            unread.member(response.source, "", "logprobs", raw.get());
        }
        unread.members(response.source, "", &candidate.extras);
        for part in &candidate.parts {
            unread.members(response.source, "message", &part.extras);
        }
    }
    unread.names().to_vec()
}

/// The part that the log probabilities belong to: what is said, else the last that is there.
fn spoken(candidate: &Candidate<'_>) -> Option<usize> {
    let last = |is: fn(&PartKind<'_>) -> bool| candidate.parts.iter().rposition(|part| is(&part.kind));
    last(|kind| matches!(kind, PartKind::Text { .. }))
        .or_else(|| last(|kind| matches!(kind, PartKind::Refusal(_))))
        .or_else(|| last(|kind| kind_of(kind).is_some()))
}

/// One part as one block, with its log probabilities. False when a reply cannot hold such a part.
fn replay_part(
    (part, logprobs): (&Part<'_>, Option<&Raw<'_>>),
    candidate: &Candidate<'_>,
    block: u32,
    source: &'static str,
    sink: &mut dyn FnMut(Event<'_>),
) -> bool {
    let Some(kind) = kind_of(&part.kind) else { return false };
    sink(Event::BlockStart { block, candidate: candidate.index, kind });
    let mut delta = |delta: Delta<'_>| sink(Event::Delta { block, delta });
    match &part.kind {
        PartKind::Text { text, citations } => {
            if !text.is_empty() {
                delta(Delta::Text(text.reborrow()));
            }
            let citations: Vec<&serde_json::value::RawValue> =
                citations.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            for raw in citations {
                delta(Delta::Citation { format: source, raw: Cow::Borrowed(raw) });
            }
        }
        PartKind::Refusal(text) => delta(Delta::Text(text.reborrow())),
        PartKind::Reasoning(reasoning) => replay_reasoning(reasoning, &mut delta),
        PartKind::ToolCall(call) => match &call.args {
            Args::Freeform(text) if !text.is_empty() => delta(Delta::Args(text.reborrow())),
            Args::Freeform(_) => {}
            Args::Encoded(text) if text.is_empty() => {}
            other => delta(Delta::Args(args::json_text(other))),
        },
        _ => {}
    }
    if let Some(signature) = &part.signature {
        delta(Delta::Signature(signature.clone()));
    }
    if let Some(logprobs) = logprobs {
        delta(Delta::Logprobs(logprobs.clone()));
    }
    sink(Event::BlockStop { block });
    true
}

/// Several summary parts are one block, joined by blank lines (B37).
fn replay_reasoning(reasoning: &Reasoning<'_>, delta: &mut dyn FnMut(Delta<'_>)) {
    if reasoning.redacted.is_some() {
        return;
    }
    for (index, text) in reasoning.summary.iter().enumerate() {
        if index > 0 {
            delta(Delta::Reasoning(Text::plain("\n\n")));
        }
        delta(Delta::Reasoning(text.reborrow()));
    }
    for text in &reasoning.raw {
        delta(Delta::RawReasoning(text.reborrow()));
    }
}

fn kind_of<'p>(kind: &'p PartKind<'_>) -> Option<BlockKind<'p>> {
    Some(match kind {
        PartKind::Text { .. } => BlockKind::Text,
        PartKind::Refusal(_) => BlockKind::Refusal,
        PartKind::Media(media) => BlockKind::Media(media.clone()),
        PartKind::Reasoning(Reasoning { redacted: Some(data), .. }) => BlockKind::Redacted(data.reborrow()),
        PartKind::Reasoning(_) => BlockKind::Reasoning,
        PartKind::ToolCall(call) => BlockKind::ToolCall {
            id: call.id.reborrow(),
            name: call.name.as_ref().into(),
            custom: matches!(call.args, Args::Freeform(_)),
        },
        PartKind::Server(server) => BlockKind::Server(server.clone()),
        PartKind::Opaque(opaque) => BlockKind::Opaque(opaque.clone()),
        PartKind::ToolResult(_) => return None,
    })
}
