//! The block machine of a Claude stream: one block open at a time, indexes without gaps, each block started and
//! stopped once. Canonical blocks may interleave; here they queue. Source: translation.md B60, B61, B63, B70.
//!
//! A call that is open keeps its place until it stops, as its arguments cannot be split; what comes meanwhile waits,
//! in order. Text and thoughts give way: what follows later of them is a block of its own. Text and thoughts open
//! with their first content, so that nothing empty is ever opened.

use std::collections::{BTreeMap, VecDeque};

use serde_json::value::RawValue;

use super::super::call_ids::CallIds;
use super::super::reply::are_citations;
use super::super::{CLAUDE, carrier, search};
use super::frames;
use crate::codec::ReplyContext;
use crate::json::{Text, Writer, one_line};
use crate::model::{Bind, BlockKind, Delta, Issuer};
use crate::names::NameMap;
use crate::splice::{Edits, TopLevel};

/// How many bytes may wait. A reply that interleaves more cannot be told in order without holding all of it.
pub(super) const MAX_WAITING: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Thinking,
    Call,
    /// Its arguments are free text and travel as `{"input":…}` (B10).
    Custom,
    /// Whole from the start: redacted thoughts, server tools.
    Whole,
}

impl Shape {
    fn gives_way(self) -> bool {
        matches!(self, Self::Text | Self::Thinking)
    }

    /// The block as it is announced, for shapes that announce nothing of their own.
    fn head(self) -> &'static [u8] {
        match self {
            Self::Thinking => br#"{"type":"thinking","thinking":"","signature":""}"#,
            _ => br#"{"type":"text","text":""}"#,
        }
    }

    fn delta(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("text_delta", "text"),
            Self::Thinking => ("thinking_delta", "thinking"),
            Self::Call | Self::Custom | Self::Whole => ("input_json_delta", "partial_json"),
        }
    }
}

/// The block that is open on the wire.
#[derive(Debug)]
struct Open {
    block: u32,
    shape: Shape,
    /// A summary came: a raw chain beside it would say the same again (E044).
    summarised: bool,
}

/// A canonical block that has not stopped.
#[derive(Debug)]
struct Live {
    shape: Shape,
    /// It waits: how many had waited before it.
    waits: Option<usize>,
}

/// A block that waits for its turn.
#[derive(Debug)]
struct Waiting {
    block: u32,
    shape: Shape,
    head: Vec<u8>,
    pieces: Vec<Piece>,
    stopped: bool,
}

/// What waits of a block: text in its escaped form, so that neighbours join.
#[derive(Debug)]
struct Piece {
    kind: PieceKind,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PieceKind {
    /// The shape's own text.
    Content,
    Signature,
    Citation,
}

/// Where a delta goes.
enum Place {
    Open,
    Waiting(usize),
    Nowhere,
}

#[derive(Debug)]
pub(super) struct Blocks {
    next: u32,
    open: Option<Open>,
    /// Everything of a delta of the open block up to its text.
    prefix: Vec<u8>,
    /// Canonical blocks that have started and not stopped.
    live: BTreeMap<u32, Live>,
    waiting: VecDeque<Waiting>,
    /// How many waited and wait no more.
    passed: usize,
    held: usize,
    ids: CallIds,
    names: NameMap,
    /// The client knows how a search is told.
    searches_web: bool,
    refused: bool,
}

impl Blocks {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            next: 0,
            open: None,
            prefix: Vec::new(),
            live: BTreeMap::new(),
            waiting: VecDeque::new(),
            passed: 0,
            held: 0,
            ids: CallIds::new(&context.seed),
            names: context.names.clone(),
            searches_web: context.searches_web,
            refused: false,
        }
    }

    /// Whether a call went out or waits to.
    pub(super) fn any_call(&self) -> bool {
        self.ids.any()
    }

    /// Whether a refusal began.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// Whether more waits than may.
    pub(super) fn overflows(&self) -> bool {
        self.held > MAX_WAITING
    }

    pub(super) fn start(&mut self, block: u32, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        match kind {
            BlockKind::Text => self.begin(block, Shape::Text),
            BlockKind::Refusal => {
                self.refused = true;
                self.begin(block, Shape::Text);
            }
            BlockKind::Reasoning => self.begin(block, Shape::Thinking),
            BlockKind::Redacted(data) => {
                let head = rendered(|w| {
                    w.field_string("type", "redacted_thinking");
                    w.field_text("data", data);
                });
                self.submit(whole(block, head, Vec::new()), out);
            }
            BlockKind::Server(part) if part.format == CLAUDE => {
                self.submit(server(block, part.kind.ends_with("tool_use"), part.raw.get()), out);
            }
            BlockKind::Server(part) => {
                // A search that ran at another provider is a pair of blocks here.
                if let Some([asked, found]) = search::blocks(part) {
                    self.submit(server(block, true, &asked), out);
                    self.submit(server(block, false, &found), out);
                }
            }
            BlockKind::Opaque(opaque) if opaque.format == CLAUDE => {
                let head = one_line(opaque.raw.get()).into_owned().into_bytes();
                self.submit(whole(block, head, Vec::new()), out);
            }
            // Claude's replies hold no media and nothing of other formats.
            BlockKind::Opaque(_) | BlockKind::Media(_) => {}
            BlockKind::ToolCall { id, name, custom } => {
                let head = rendered(|w| {
                    w.field_string("type", "tool_use");
                    w.field_string("id", self.ids.next(id));
                    w.field_string("name", self.names.declared(name));
                    w.field_raw("input", "{}");
                });
                let shape = if *custom { Shape::Custom } else { Shape::Call };
                self.begin(block, shape);
                let mut pieces = Vec::new();
                if *custom {
                    pieces.push(Piece { kind: PieceKind::Content, body: br#"{\"input\":\""#.to_vec() });
                }
                self.submit(Waiting { block, shape, head, pieces, stopped: false }, out);
            }
        }
    }

    fn begin(&mut self, block: u32, shape: Shape) {
        self.live.insert(block, Live { shape, waits: None });
    }

    pub(super) fn delta(&mut self, block: u32, delta: &Delta<'_>, out: &mut Vec<u8>) {
        let shape = match &self.open {
            Some(open) if open.block == block => open.shape,
            _ => match self.live.get(&block) {
                Some(live) => live.shape,
                None => return,
            },
        };
        let summarised = self.open.as_ref().is_some_and(|open| open.block == block && open.summarised);
        match (shape, delta) {
            // An empty piece opens nothing.
            (
                _,
                Delta::Text(text) | Delta::Reasoning(text) | Delta::RawReasoning(text) | Delta::Args(text),
            ) if text.is_empty() => {}
            (Shape::Text, Delta::Text(text))
            | (Shape::Thinking, Delta::Reasoning(text))
            | (Shape::Call, Delta::Args(text)) => {
                let summary = matches!(delta, Delta::Reasoning(_));
                self.content(block, summary, |out| text.write_body(out), out);
            }
            (Shape::Thinking, Delta::RawReasoning(text)) if !summarised => {
                self.content(block, false, |out| text.write_body(out), out);
            }
            (Shape::Custom, Delta::Args(text)) => {
                self.content(block, false, |out| frames::twice_escaped(text, out), out);
            }
            // Gemini signs texts and calls: their state follows them in an empty thought (B28, B34).
            (Shape::Text | Shape::Call | Shape::Custom, Delta::Signature(signature))
                if signature.issuer == Issuer::Gemini =>
            {
                let mut body = Vec::new();
                carrier::for_client(signature, Bind::Previous).write_body(&mut body);
                let pieces = vec![Piece { kind: PieceKind::Signature, body }];
                let (shape, head) = (Shape::Thinking, Shape::Thinking.head().to_vec());
                self.submit(Waiting { block: u32::MAX, shape, head, pieces, stopped: true }, out);
            }
            (Shape::Thinking, Delta::Signature(signature)) => {
                let mut body = Vec::new();
                carrier::for_client(signature, Bind::Own).write_body(&mut body);
                self.piece(block, PieceKind::Signature, body, out);
            }
            (Shape::Text, Delta::Citation { format, raw })
                if *format == CLAUDE && are_citations(&format!("[{}]", raw.get())) =>
            {
                self.piece(block, PieceKind::Citation, one_line(raw.get()).into_owned().into_bytes(), out);
            }
            (Shape::Text, Delta::Citation { format: "gemini", raw }) if self.searches_web => {
                if let Some(json) = search::location(raw) {
                    self.piece(block, PieceKind::Citation, json.into_bytes(), out);
                }
            }
            // Signatures of texts and calls, log probabilities, citations of other formats: Claude has no place.
            _ => {}
        }
    }

    /// What the reply was grounded on, if the client knows how a search is told; whether it was (E480, E481).
    pub(super) fn ground(&mut self, raw: &RawValue, out: &mut Vec<u8>) -> bool {
        let Some([asked, found]) = search::grounded(raw).filter(|_| self.searches_web) else { return false };
        self.submit(server(u32::MAX, true, &asked), out);
        self.submit(server(u32::MAX, false, &found), out);
        true
    }

    pub(super) fn stop(&mut self, block: u32, out: &mut Vec<u8>) {
        let live = self.live.remove(&block);
        if self.open.as_ref().is_some_and(|open| open.block == block) {
            self.close(out);
            self.drain(out);
        } else if let Some(at) = live.and_then(|live| live.waits)
            && let Some(waiting) = self.waiting.get_mut(at.wrapping_sub(self.passed))
        {
            waiting.stopped = true;
        }
    }

    /// Closes what is open and sends what waits. A reply without any block gets an empty one (B71).
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        for waiting in &mut self.waiting {
            waiting.stopped = true;
        }
        self.close(out);
        self.drain(out);
        self.live.clear();
        if self.next == 0 {
            frames::block_start(out, 0, Shape::Text.head());
            frames::block_stop(out, 0);
            self.next = 1;
        }
    }

    /// The hot path: the shape's own text, into the open block.
    fn content(&mut self, block: u32, summary: bool, body: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        match self.place(block, out) {
            Place::Open => {
                if summary && let Some(open) = &mut self.open {
                    open.summarised = true;
                }
                out.extend_from_slice(&self.prefix);
                body(out);
                out.extend_from_slice(frames::DELTA_END);
            }
            Place::Waiting(at) => {
                let Some(waiting) = self.waiting.get_mut(at) else { return };
                if waiting.pieces.last().is_none_or(|piece| piece.kind != PieceKind::Content) {
                    waiting.pieces.push(Piece { kind: PieceKind::Content, body: Vec::new() });
                }
                if let Some(piece) = waiting.pieces.last_mut() {
                    let before = piece.body.len();
                    body(&mut piece.body);
                    self.held += piece.body.len() - before;
                }
            }
            Place::Nowhere => {}
        }
    }

    fn piece(&mut self, block: u32, kind: PieceKind, body: Vec<u8>, out: &mut Vec<u8>) {
        match self.place(block, out) {
            Place::Open => self.write_piece(kind, &body, out),
            Place::Waiting(at) => {
                self.held += body.len();
                if let Some(waiting) = self.waiting.get_mut(at) {
                    waiting.pieces.push(Piece { kind, body });
                }
            }
            Place::Nowhere => {}
        }
    }

    /// Finds the place of a live block's next content; opens the block when nothing keeps it from it.
    fn place(&mut self, block: u32, out: &mut Vec<u8>) -> Place {
        if self.open.as_ref().is_some_and(|open| open.block == block) {
            return Place::Open;
        }
        let Some(&Live { shape, waits }) = self.live.get(&block) else { return Place::Nowhere };
        if let Some(at) = waits {
            return Place::Waiting(at.wrapping_sub(self.passed));
        }
        let head = shape.head().to_vec();
        self.submit(Waiting { block, shape, head, pieces: Vec::new(), stopped: false }, out);
        if self.waiting.is_empty() { Place::Open } else { Place::Waiting(self.waiting.len() - 1) }
    }

    /// Sends a block if it is its turn, else lets it wait.
    fn submit(&mut self, block: Waiting, out: &mut Vec<u8>) {
        self.held += block.head.len();
        if !block.stopped
            && let Some(live) = self.live.get_mut(&block.block)
        {
            live.waits = Some(self.passed + self.waiting.len());
        }
        self.waiting.push_back(block);
        if self.open.as_ref().is_none_or(|open| open.shape.gives_way()) {
            self.close(out);
            self.drain(out);
        }
    }

    /// Sends waiting blocks until one stays open.
    fn drain(&mut self, out: &mut Vec<u8>) {
        while let Some(block) = self.waiting.pop_front() {
            if let Some(live) = self.live.get_mut(&block.block).filter(|live| live.waits == Some(self.passed))
            {
                live.waits = None;
            }
            self.passed += 1;
            frames::block_start(out, self.next, &block.head);
            let (kind, member) = block.shape.delta();
            self.prefix.clear();
            frames::delta_head(&mut self.prefix, self.next, kind, member);
            self.open = Some(Open { block: block.block, shape: block.shape, summarised: false });
            self.held = self.held.saturating_sub(block.head.len());
            for piece in &block.pieces {
                self.held = self.held.saturating_sub(piece.body.len());
                self.write_piece(piece.kind, &piece.body, out);
            }
            if !(block.stopped || block.shape.gives_way() && !self.waiting.is_empty()) {
                return;
            }
            self.close(out);
        }
    }

    fn write_piece(&self, kind: PieceKind, body: &[u8], out: &mut Vec<u8>) {
        match kind {
            PieceKind::Citation => return frames::citation(out, self.next, body),
            PieceKind::Content => out.extend_from_slice(&self.prefix),
            PieceKind::Signature => frames::delta_head(out, self.next, "signature_delta", "signature"),
        }
        out.extend_from_slice(body);
        out.extend_from_slice(frames::DELTA_END);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        if open.shape == Shape::Custom {
            self.write_piece(PieceKind::Content, br#"\"}"#, out);
        }
        frames::block_stop(out, self.next);
        self.next += 1;
    }
}

fn rendered(members: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new(Vec::with_capacity(96));
    w.begin_object();
    members(&mut w);
    w.end_object();
    w.into_bytes()
}

fn whole(block: u32, head: Vec<u8>, pieces: Vec<Piece>) -> Waiting {
    Waiting { block, shape: Shape::Whole, head, pieces, stopped: true }
}

/// A server tool's block. The input of a call comes as a delta, as clients expect of every call (B63).
fn server(block: u32, is_call: bool, raw: &str) -> Waiting {
    let raw = one_line(raw);
    if is_call
        && let Some(input) =
            TopLevel::scan(raw.as_bytes()).ok().and_then(|scanned| scanned.raw("input").ok().flatten())
        && input.starts_with('{')
        && let Ok(head) = Edits::new().set("input", "{}").apply_str(&raw)
    {
        let mut body = Vec::new();
        Text::plain(input).write_body(&mut body);
        let pieces = vec![Piece { kind: PieceKind::Content, body }];
        let head = head.into_owned().into_bytes();
        return whole(block, head, if input == "{}" { Vec::new() } else { pieces });
    }
    whole(block, raw.into_owned().into_bytes(), Vec::new())
}
