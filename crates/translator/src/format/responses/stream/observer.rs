//! Watches a stream that passes through: deltas, nearly all of it, are told by the event's name alone. Source:
//! design.md §12; translation.md B68, B74, B93, E321; http-api.md A.5.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason};
use serde_json::value::RawValue;

use super::encoder::write_error;
use super::frames::Sequence;
use crate::codec::{Observed, ReplyContext, StreamObserver, StreamSeen};
use crate::format::responses::error::{from_event, of_client_error};
use crate::format::responses::patch::named_response;
use crate::format::responses::reply::{Head, Status, end_of, is_failed, of_raw, seconds, settled};
use crate::format::responses::{Dialect, usage, wire};
use crate::frame::StreamFrame;
use crate::framing::write_sse;
use crate::model::StreamError;
use crate::splice::{Edits, TopLevel};

/// What is kept of items that are done, at most, to fill in a terminal event that has none.
const MAX_KEPT: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(in super::super) struct Observer {
    context: ReplyContext,
    head: Option<Head>,
    /// How many events went by: the number of the next.
    events: u64,
    items: Items,
    called: bool,
    refused: bool,
    seen: StreamSeen,
    failed: bool,
}

/// Items that are done. Codex may leave them out of its terminal event. Source: providers-a.md 3.8.
#[derive(Debug)]
enum Items {
    Ignored,
    Kept(Vec<(Option<u32>, String)>, usize),
}

impl Observer {
    pub(in super::super) fn new(context: &ReplyContext, dialect: Dialect) -> Self {
        Self {
            context: context.clone(),
            head: None,
            events: 0,
            items: match dialect {
                Dialect::Codex => Items::Kept(Vec::new(), 0),
                Dialect::Responses => Items::Ignored,
            },
            called: false,
            refused: false,
            seen: StreamSeen::default(),
            failed: false,
        }
    }

    /// `response.created` and its like: the model is shown as the client asked for it.
    fn begun(&mut self, frame: StreamFrame<'_>, kind: &str) -> Observed {
        let Some(event) = read(frame) else { return Observed::Pass };
        let Some(raw) = event.response else { return Observed::Pass };
        if self.head.is_none() {
            let response: wire::Response<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            let created = response.created_at.and_then(seconds);
            let (id, model) = (of_raw(response.id), of_raw(response.model));
            self.head = Some(Head::new(&id, &model, created, None, &self.context));
        }
        match named_response(raw, &self.context) {
            Cow::Borrowed(_) => Observed::Pass,
            Cow::Owned(response) => replaced(frame, kind, &response),
        }
    }

    fn ended(&mut self, frame: StreamFrame<'_>, kind: &str) -> Observed {
        let event = read(frame);
        let response = event.as_ref().and_then(|event| event.response);
        let response: wire::Response<'_> =
            response.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        if is_failed(&response) {
            self.error(frame.data);
            return Observed::Pass;
        }
        self.seen.terminal = true;
        self.seen.semantic = true;
        let Some(event) = event else { return Observed::Pass };
        if let Some(used) = response.usage {
            self.seen.usage.merge(&usage::decode(used));
        }
        let reason = end_of(&response, kind == "response.incomplete").reason;
        let called = self.called || reason == FinishReason::ToolUse;
        self.seen.finish = Some(settled(reason, called, self.refused));
        let Some(raw) = event.response else { return Observed::Pass };
        let empty = response.output.as_ref().is_none_or(|list| list.0.is_empty());
        let named = named_response(raw, &self.context);
        match self.items.list().filter(|_| empty) {
            Some(list) => match Edits::new().set("output", list).apply_str(&named) {
                Ok(filled) => replaced(frame, kind, &filled),
                Err(_) => Observed::Pass,
            },
            None => match named {
                Cow::Borrowed(_) => Observed::Pass,
                Cow::Owned(response) => replaced(frame, kind, &response),
            },
        }
    }

    fn item_done(&mut self, frame: StreamFrame<'_>) {
        let Items::Kept(items, size) = &mut self.items else { return };
        let Some(event) = read(frame) else { return };
        let Some(raw) = event.item else { return };
        *size += raw.get().len();
        if *size > MAX_KEPT {
            self.items = Items::Ignored;
            return;
        }
        items.push((event.output_index, raw.get().to_owned()));
    }

    fn error(&mut self, data: &[u8]) {
        let told =
            std::str::from_utf8(data).ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        self.seen.error = Some(match told {
            Some(raw) => from_event(raw).into_owned(),
            None => StreamError {
                message: Cow::Owned(String::from_utf8_lossy(data).into_owned()),
                ..StreamError::default()
            },
        });
    }
}

impl Items {
    /// The list, in the order of places; items without one come last.
    fn list(&self) -> Option<String> {
        let Self::Kept(items, _) = self else { return None };
        if items.is_empty() {
            return None;
        }
        let mut sorted: Vec<_> = items.iter().collect();
        sorted.sort_by_key(|(index, _)| index.unwrap_or(u32::MAX));
        let items: Vec<_> = sorted.into_iter().map(|(_, json)| json.as_str()).collect();
        Some(format!("[{}]", items.join(",")))
    }
}

fn read<'f>(frame: StreamFrame<'f>) -> Option<wire::Event<'f>> {
    serde_json::from_slice(frame.data).ok()
}

/// The frame with another response object in it.
fn replaced(frame: StreamFrame<'_>, kind: &str, response: &str) -> Observed {
    let Some(data) = std::str::from_utf8(frame.data)
        .ok()
        .and_then(|data| Edits::new().set("response", response).apply_str(data).ok())
    else {
        return Observed::Pass;
    };
    let mut out = Vec::with_capacity(data.len() + 40);
    let name = Some(kind).filter(|_| !frame.event.is_empty());
    write_sse(&mut out, name, data.as_bytes());
    Observed::Replace(Bytes::from(out))
}

/// The type inside the data, for services that do not name their events. It stands first nearly always.
fn kind_of(data: &[u8]) -> Cow<'_, str> {
    let first = data.strip_prefix(br#"{"type":""#).and_then(|rest| {
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        std::str::from_utf8(rest.get(..end)?).ok()
    });
    if let Some(kind) = first {
        return Cow::Borrowed(kind);
    }
    let Ok(scanned) = TopLevel::scan(data) else { return Cow::Borrowed("") };
    match scanned.string("type") {
        Ok(Some(kind)) => Cow::Owned(kind.into_owned()),
        _ if scanned.has("error") => Cow::Borrowed("error"),
        _ => Cow::Borrowed(""),
    }
}

/// Whether an item commits the stream as soon as it is announced, and whether it is a call of a client's tool. Text and
/// thoughts do not: their first delta does.
fn commits(data: &[u8]) -> (bool, bool) {
    let item = TopLevel::scan(data).ok().and_then(|scanned| scanned.object("item"));
    match item.and_then(|item| item.string("type").ok().flatten()).as_deref() {
        None | Some("message" | "reasoning") => (false, false),
        Some(kind) => (true, matches!(kind, "function_call" | "custom_tool_call")),
    }
}

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        let kind = match frame.event {
            "" => kind_of(frame.data),
            named => Cow::Borrowed(named),
        };
        self.events += 1;
        match &*kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                return self.begun(frame, &kind);
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                return self.ended(frame, &kind);
            }
            "response.failed" | "error" => self.error(frame.data),
            "response.output_item.added" => {
                let (commits, calls) = commits(frame.data);
                self.seen.semantic |= commits;
                self.called |= calls;
            }
            "response.output_item.done" => {
                self.seen.semantic = true;
                // One that was not announced.
                let may_be = !self.called && memchr::memmem::find(frame.data, br#"_call""#).is_some();
                self.called |= may_be && commits(frame.data).1;
                self.item_done(frame);
            }
            // Openings of text and thoughts, and handshakes, say nothing yet.
            "response.content_part.added" | "response.reasoning_summary_part.added" | "" => {
                // The sentinel of another format.
                if frame.data == b"[DONE]" {
                    return Observed::Drop;
                }
            }
            "response.refusal.delta" => {
                self.refused = true;
                self.seen.semantic = true;
            }
            other => self.seen.semantic |= other.starts_with("response."),
        }
        Observed::Pass
    }

    fn seen(&self) -> &StreamSeen {
        &self.seen
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        // After a terminal event there is nothing left to end.
        if self.seen.terminal || std::mem::replace(&mut self.failed, true) {
            return;
        }
        let failure = of_client_error(error);
        let mut events = Sequence::at(self.events);
        match &self.head {
            Some(head) => events.event(out, "response.failed", |w| {
                w.key("response");
                head.write(w, Status::Completed, Some((&*failure.code, &*failure.message)), b"", None);
            }),
            None => write_error(&mut events, &failure, out),
        }
    }
}
