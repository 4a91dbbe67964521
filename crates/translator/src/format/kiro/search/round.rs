//! One reply of the service on the way to the client.

use std::collections::HashSet;

use bytes::Bytes;

use super::super::stream::calls::{Arguments, Calls};
use super::super::stream::is_error;
use super::super::stream::tags::{Piece, Tags};
use super::super::wire::{Payload, ToolUse};
use crate::codec::CodecError;
use crate::frame::{FrameKind, StreamFrame};
use crate::framing::{EventStreamParser, write_event_stream};
use crate::json::List;
use crate::json::read::filled;
use crate::pass::ids::generated_id;
use crate::splice::{Edits, TopLevel};

/// How much of what the model said before its searches is kept for the next request: all of it, unless it never ends.
const MOST_SAID: usize = 1024 * 1024;

/// Reads the frames of one reply: those of a search are kept, all others go on as they came.
#[derive(Debug)]
pub struct SearchRound {
    parser: EventStreamParser,
    kept: Kept,
}

#[derive(Debug)]
struct Kept {
    tool: String,
    calls: Calls,
    /// The calls of the search.
    ids: HashSet<String>,
    tags: Tags,
    said: String,
    client_called: bool,
    /// The service said why it ends.
    stopped: bool,
    failed: bool,
}

/// A search that the model asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskedSearch {
    /// The id of the call.
    pub id: String,
    /// What it looks for; `None` where the call does not say.
    pub query: Option<String>,
    /// The call's arguments, a JSON object.
    pub(super) input: String,
}

/// How a reply ended.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RoundEnd {
    /// The searches that it asks for, in order.
    pub searches: Vec<AskedSearch>,
    /// The model called tools of the client besides: the turn is the client's.
    pub client_called: bool,
    /// What the model said before.
    pub(super) said: String,
}

impl SearchRound {
    pub(super) fn new(tool: &str) -> Self {
        let kept = Kept {
            tool: tool.to_owned(),
            calls: Calls::default(),
            ids: HashSet::new(),
            tags: Tags::default(),
            said: String::new(),
            client_called: false,
            stopped: false,
            failed: false,
        };
        Self { parser: EventStreamParser::new(), kept }
    }

    /// Takes bytes as they came, cut anywhere, and appends what goes on to the client.
    ///
    /// # Errors
    /// When the stream breaks the rules of its format.
    pub fn push(&mut self, bytes: &Bytes, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let Self { parser, kept } = self;
        let mut result = Ok(());
        parser.push_raw(bytes, &mut |frame, raw| {
            if result.is_ok() {
                result = kept.take(frame, &raw, out);
            }
        })?;
        result
    }

    /// The bytes ended.
    ///
    /// # Errors
    /// When they ended inside a frame or a search.
    pub fn finish(mut self) -> Result<RoundEnd, CodecError> {
        self.parser.finish()?;
        let Kept { tags, said, .. } = &mut self.kept;
        tags.flush(&mut |piece, text| say(said, piece, text));
        let mut searches = Vec::new();
        while let Some(mut call) = self.kept.calls.next(true) {
            if call.id.is_empty() {
                call.id = generated_id("tooluse_", &["search", &searches.len().to_string()]);
            }
            let asked = match call.settled() {
                Arguments::Json(json) => AskedSearch::new(call.id, json),
                Arguments::Broken => AskedSearch { id: call.id, query: None, input: "{}".to_owned() },
                // The reply reached a limit, which the client is told: half a question is none.
                Arguments::Cut if call.is_stopped() || self.kept.stopped => continue,
                Arguments::Cut => return Err(CodecError::protocol("the stream ended inside a call")),
            };
            searches.push(asked);
        }
        if self.kept.failed {
            // An error ended the reply: there is nothing to go on from.
            searches.clear();
        }
        Ok(RoundEnd { searches, client_called: self.kept.client_called, said: self.kept.said })
    }
}

impl AskedSearch {
    fn new(id: String, json: String) -> Self {
        let object = TopLevel::scan(json.as_bytes()).ok();
        let query = object.as_ref().and_then(|object| object.string("query").ok().flatten());
        let query = query.map(std::borrow::Cow::into_owned).filter(|query| !query.trim().is_empty());
        let input = if object.is_some() { json } else { "{}".to_owned() };
        Self { id, query, input }
    }
}

fn say(said: &mut String, piece: Piece, text: &str) {
    // A conversation state has no place for thoughts.
    if piece == Piece::Text && said.len() < MOST_SAID {
        said.push_str(text);
    }
}

impl Kept {
    fn take(&mut self, frame: StreamFrame<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        if frame.kind != FrameKind::Event {
            self.failed = true;
            out.extend_from_slice(raw);
            return Ok(());
        }
        // What cannot be read is the decoder's to judge.
        let outer: Option<Payload<'_>> = serde_json::from_slice(frame.data).ok();
        self.failed |= outer.as_ref().is_some_and(|payload| is_error(frame.event, payload));
        let Some(payload) = outer.map(|payload| payload.of_event(frame.event)) else {
            out.extend_from_slice(raw);
            return Ok(());
        };
        self.stopped |= payload.stop_reason.is_some();
        match frame.event {
            "toolUseEvent" if self.is_search(&payload) => return self.piece(&payload),
            "toolUseEvent" => self.client_called = true,
            "assistantResponseEvent" => {
                if let Some(text) = filled(payload.content) {
                    let Self { tags, said, .. } = self;
                    tags.feed(&text.decoded(), &mut |piece, text| say(said, piece, text));
                }
                if let Some(calls) = payload.calls {
                    return self.whole_calls(frame, calls.get(), raw, out);
                }
            }
            "reasoningContentEvent" => {
                let Self { tags, said, .. } = self;
                tags.native(&mut |piece, text| say(said, piece, text));
            }
            _ => {}
        }
        out.extend_from_slice(raw);
        Ok(())
    }

    /// Whether a piece is of a call of the search: only the first needs to name its tool.
    fn is_search(&mut self, payload: &Payload<'_>) -> bool {
        let id = filled(payload.call_id).map(|id| id.into_decoded().into_owned()).unwrap_or_default();
        if self.ids.contains(&id) {
            return true;
        }
        let named = filled(payload.name).is_some_and(|name| *name.decoded() == *self.tool);
        named && self.ids.insert(id)
    }

    fn piece(&mut self, payload: &Payload<'_>) -> Result<(), CodecError> {
        self.calls.piece(payload).map(drop)
    }

    /// Calls that come whole with a text: those of the search are taken out.
    fn whole_calls(
        &mut self,
        frame: StreamFrame<'_>,
        calls: &str,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let Ok(uses) = serde_json::from_str::<List<&serde_json::value::RawValue>>(calls) else {
            out.extend_from_slice(raw);
            return Ok(());
        };
        let (mut others, mut found) = (Vec::new(), 0);
        for used in uses.0 {
            let call: ToolUse<'_> = serde_json::from_str(used.get()).unwrap_or_default();
            if filled(call.name).is_none_or(|name| *name.decoded() != *self.tool) {
                others.push(used.get());
                continue;
            }
            found += 1;
            let _more = self.calls.whole(&call)?;
        }
        self.client_called |= !others.is_empty();
        if found == 0 {
            out.extend_from_slice(raw);
            return Ok(());
        }
        let text =
            std::str::from_utf8(frame.data).map_err(|_| CodecError::protocol("a frame is not UTF-8"))?;
        let left = format!("[{}]", others.join(","));
        // It may be nested under its own name.
        let inner = TopLevel::scan(frame.data)?.raw(frame.event)?;
        let data = match inner {
            Some(inner) => {
                let inner = Edits::new().set("toolUses", left).apply_str(inner)?.into_owned();
                Edits::new().set(frame.event, inner).apply_str(text)?
            }
            None => Edits::new().set("toolUses", left).apply_str(text)?,
        };
        write_event_stream(out, StreamFrame::named(frame.event, data.as_bytes()));
        Ok(())
    }
}
