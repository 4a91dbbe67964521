//! A stream as a whole reply: for clients that want one of a provider that only streams. Source: translation.md
//! B74, B75.

use std::borrow::Cow;

use cliproxy_core::Usage;
use serde_json::value::RawValue;

use crate::format::kiro::is_counted;
use crate::json::{Raw, Text};
use crate::loss::Unread;
use crate::model::{
    Args, BlockKind, Candidate, Delta, Event, Finish, Opaque, Part, PartKind, Reasoning, Response,
    ServerPart, Signature, Start, StreamError, ToolCall, owned_raw,
};
use crate::splice::{Edits, TopLevel};

/// The name of the raw event that carries the whole reply as its format writes it.
pub(crate) const WHOLE: &str = "whole";
/// The name of the raw event that takes a picture back, as the next one is a later draft of it: the number of its block.
/// Who reads the stream has seen it by then.
pub(crate) const DRAFT: &str = "draft";
/// The name of the raw event that carries what Google found when it searched.
pub(crate) const GROUNDING: &str = "groundingMetadata";

/// Collects the events of one stream. Blocks stand in the reply in the order they began in (B75).
#[derive(Debug, Default)]
pub struct Aggregator {
    response: Response<'static>,
    usage: Usage,
    blocks: Vec<Block>,
    finishes: Vec<(u32, Finish<'static>)>,
    logprobs: Vec<(u32, Vec<Raw<'static>>)>,
    grounding: Option<Raw<'static>>,
    error: Option<StreamError<'static>>,
    unread: Unread,
}

#[derive(Debug)]
struct Block {
    id: u32,
    candidate: u32,
    kind: Kind,
    /// The text, the thoughts, or the arguments.
    text: Text<'static>,
    raw_text: Text<'static>,
    signature: Option<Signature<'static>>,
    citations: Vec<Raw<'static>>,
}

#[derive(Debug)]
enum Kind {
    Text,
    Refusal,
    Reasoning,
    Call { id: Text<'static>, name: Cow<'static, str>, custom: bool },
    Server(ServerPart<'static>),
    Whole(PartKind<'static>),
}

impl Aggregator {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event.
    pub fn push(&mut self, event: Event<'_>) {
        match event {
            Event::Start(start) => self.start(start),
            Event::BlockStart { block, candidate, kind } => {
                if let Some(kind) = Kind::of(kind) {
                    self.blocks.push(Block::new(block, candidate, kind));
                }
            }
            Event::Delta { block, delta } => self.delta(block, delta),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Finish { candidate, finish } => {
                if !self.finishes.iter().any(|(known, _)| *known == candidate) {
                    self.finishes.push((candidate, finish.into_owned()));
                }
            }
            Event::Error(error) => {
                self.error.get_or_insert_with(|| error.into_owned());
            }
            Event::Raw { format, name, data } if name == WHOLE => {
                self.response.whole =
                    Some(Opaque { format, kind: Cow::Borrowed(WHOLE), raw: owned_raw(data) });
            }
            Event::Raw { format: "openai-response", name, data } if name == DRAFT => {
                let draft = self.blocks.iter().rposition(|block| data.get().parse() == Ok(block.id));
                if let Some(at) = draft {
                    self.blocks.remove(at);
                }
            }
            Event::Raw { format, name, data } if name == GROUNDING => {
                self.response.source = format;
                self.grounding = Some(owned_raw(data));
            }
            // A whole reply has no place for an event of its own.
            Event::Raw { format, name, .. } if format != "kiro" || !is_counted(&name) => {
                self.unread.name("event", &name);
            }
            Event::BlockStop { .. } | Event::Ping | Event::End | Event::Raw { .. } => {}
        }
    }

    /// The reply.
    ///
    /// # Errors
    /// The error that the stream carried.
    pub fn finish(mut self) -> Result<Response<'static>, Box<StreamError<'static>>> {
        if let Some(error) = self.error {
            return Err(Box::new(error));
        }
        let mut candidates: Vec<Candidate<'static>> = Vec::new();
        for block in self.blocks {
            let index = block.candidate;
            if let Some(part) = block.part() {
                candidate(&mut candidates, index).parts.push(part);
            }
        }
        for (index, finish) in self.finishes {
            candidate(&mut candidates, index).finish = Some(finish);
        }
        for (index, pieces) in self.logprobs {
            candidate(&mut candidates, index).logprobs = joined_logprobs(pieces);
        }
        candidates.sort_by_key(|candidate| candidate.index);
        // The event names no candidate: Google searches for the one that it gives.
        if let Some(first) = candidates.first_mut() {
            first.grounding = self.grounding;
        }
        self.response.candidates = candidates;
        self.response.unread = self.unread.names().to_vec();
        self.response.usage = Some(self.usage).filter(|usage| !usage.is_empty());
        Ok(self.response)
    }

    fn start(&mut self, start: Start<'_>) {
        self.response.id = Cow::Owned(start.id.into_owned());
        self.response.model = Cow::Owned(start.model.into_owned());
        self.response.created = start.created;
        self.response.service_tier = start.service_tier.map(Text::into_owned);
    }

    fn delta(&mut self, id: u32, delta: Delta<'_>) {
        // Streams grow the block they opened last.
        let Some(block) = self.blocks.iter_mut().rev().find(|block| block.id == id) else { return };
        match delta {
            Delta::Text(text) | Delta::Reasoning(text) | Delta::Args(text) => text.push_onto(&mut block.text),
            Delta::RawReasoning(text) => text.push_onto(&mut block.raw_text),
            Delta::Signature(signature) => block.signature = Some(signature.into_owned()),
            Delta::Citation { format, raw } => {
                self.response.source = format;
                block.citations.push(owned_raw(raw));
            }
            Delta::Logprobs(raw) => {
                let candidate = block.candidate;
                let raw = owned_raw(raw);
                match self.logprobs.iter_mut().find(|(known, _)| *known == candidate) {
                    Some((_, pieces)) => pieces.push(raw),
                    None => self.logprobs.push((candidate, vec![raw])),
                }
            }
        }
    }
}

impl Kind {
    fn of(kind: BlockKind<'_>) -> Option<Self> {
        Some(match kind {
            BlockKind::Text => Self::Text,
            BlockKind::Refusal => Self::Refusal,
            BlockKind::Reasoning => Self::Reasoning,
            BlockKind::Redacted(data) => Self::Whole(PartKind::Reasoning(Reasoning {
                redacted: Some(data.into_owned()),
                ..Reasoning::default()
            })),
            BlockKind::ToolCall { id, name, custom } => {
                Self::Call { id: id.into_owned(), name: Cow::Owned(name.into_owned()), custom }
            }
            BlockKind::Server(server) => Self::Server(server.into_owned()),
            BlockKind::Media(media) => Self::Whole(PartKind::Media(media.into_owned()?)),
            BlockKind::Opaque(opaque) => Self::Whole(PartKind::Opaque(opaque.into_owned())),
        })
    }
}

impl Block {
    fn new(id: u32, candidate: u32, kind: Kind) -> Self {
        Self {
            id,
            candidate,
            kind,
            text: Text::default(),
            raw_text: Text::default(),
            signature: None,
            citations: Vec::new(),
        }
    }

    /// `None` when nothing came of it.
    fn part(self) -> Option<Part<'static>> {
        let Self { kind, text, raw_text, signature, citations, .. } = self;
        let some = |text: Text<'static>| if text.is_empty() { Vec::new() } else { vec![text] };
        let empty = text.is_empty() && raw_text.is_empty() && signature.is_none() && citations.is_empty();
        let kind = match kind {
            Kind::Text | Kind::Refusal | Kind::Reasoning if empty => return None,
            Kind::Text => PartKind::Text { text, citations: array(&citations) },
            Kind::Refusal => PartKind::Refusal(text),
            Kind::Reasoning => PartKind::Reasoning(Reasoning {
                summary: some(text),
                raw: some(raw_text),
                ..Reasoning::default()
            }),
            Kind::Call { id, name, custom } => {
                let args = if custom { Args::Freeform(text) } else { Args::Encoded(text) };
                PartKind::ToolCall(ToolCall { id, name, namespace: None, args })
            }
            Kind::Server(server) => PartKind::Server(with_input(server, &text)),
            Kind::Whole(kind) => kind,
        };
        Some(Part::new(kind).with_signature(signature))
    }
}

/// The input of a provider's own call comes as deltas too; in the whole block it is a member.
fn with_input(mut server: ServerPart<'static>, input: &Text<'_>) -> ServerPart<'static> {
    let input = input.decoded();
    if serde_json::from_str::<&RawValue>(&input).is_ok()
        && let Ok(whole) = Edits::new().set("input", input).apply_str(server.raw.get())
        && let Ok(raw) = RawValue::from_string(whole.into_owned())
    {
        server.raw = Cow::Owned(raw);
    }
    server
}

fn candidate<'l>(list: &'l mut Vec<Candidate<'static>>, index: u32) -> &'l mut Candidate<'static> {
    let at = list.iter().position(|candidate| candidate.index == index).unwrap_or(list.len());
    if at == list.len() {
        list.push(Candidate { index, ..Candidate::default() });
    }
    #[expect(clippy::indexing_slicing, reason = "`at` is a found position, or that of what was just pushed")]
    &mut list[at]
}

fn array(items: &[Raw<'_>]) -> Option<Raw<'static>> {
    if items.is_empty() {
        return None;
    }
    let items: Vec<_> = items.iter().map(|raw| raw.get()).collect();
    RawValue::from_string(format!("[{}]", items.join(","))).ok().map(Cow::Owned)
}

/// Chunks carry `{content:[…],refusal:[…]}` each with the tokens of the chunk: the lists are joined.
fn joined_logprobs(pieces: Vec<Raw<'static>>) -> Option<Raw<'static>> {
    if pieces.len() < 2 {
        return pieces.into_iter().next();
    }
    let mut lists: Vec<(String, Vec<&RawValue>)> = Vec::new();
    for piece in &pieces {
        let Ok(object) = TopLevel::scan(piece.get().as_bytes()) else { continue };
        for (key, value) in object.members() {
            let items: Vec<&RawValue> = serde_json::from_slice(value).unwrap_or_default();
            match lists.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => known.extend(items),
                None => lists.push((key.to_owned(), items)),
            }
        }
    }
    let mut writer = crate::json::Writer::default();
    writer.begin_object();
    for (key, items) in lists {
        writer.key(&key);
        if items.is_empty() {
            writer.null();
            continue;
        }
        writer.begin_array();
        for item in items {
            writer.raw(item.get());
        }
        writer.end_array();
    }
    writer.end_object();
    RawValue::from_string(String::from_utf8(writer.into_bytes()).ok()?).ok().map(Cow::Owned)
}
