//! Watches a stream that passes through. Deltas, nearly all of a stream, are told by the event's name alone.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::ClientError;
use serde_json::value::RawValue;

use super::super::{error, reply, usage, wire};
use crate::codec::{Observed, ReplyContext, StreamObserver, StreamSeen};
use crate::frame::StreamFrame;
use crate::framing::write_sse;
use crate::json::read::Loose;
use crate::model::StreamError;
use crate::splice::{Edits, TopLevel};

#[derive(Debug)]
pub(in super::super) struct Observer {
    shown_model: Option<String>,
    counts: usage::Counts,
    seen: StreamSeen,
    failed: bool,
}

impl Observer {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self {
            shown_model: context.shown_model.clone(),
            counts: usage::Counts::default(),
            seen: StreamSeen::default(),
            failed: false,
        }
    }

    fn message_start(&mut self, frame: StreamFrame<'_>) -> Observed {
        let Ok(event) = serde_json::from_slice::<wire::Event<'_>>(frame.data) else { return Observed::Pass };
        let Some(message) = event.message else { return Observed::Pass };
        self.count(message.usage.and_then(Loose::known).as_ref());
        match &self.shown_model {
            Some(shown) if message.model.as_ref().is_none_or(|model| *model != shown.as_str()) => {
                renamed(frame.data, shown).unwrap_or(Observed::Pass)
            }
            _ => Observed::Pass,
        }
    }

    fn message_delta(&mut self, data: &[u8]) {
        let Ok(event) = serde_json::from_slice::<wire::Event<'_>>(data) else { return };
        self.count(event.usage.and_then(Loose::known).as_ref());
        if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
            self.seen.finish = Some(reply::reason_of(&reason.decoded()));
            self.seen.semantic = true;
        }
    }

    fn count(&mut self, usage: Option<&wire::Usage<'_>>) {
        if let Some(usage) = usage {
            self.counts.merge(usage);
            self.seen.usage = self.counts.canonical();
        }
    }

    fn error(&mut self, data: &[u8]) {
        let told =
            std::str::from_utf8(data).ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        let Some(raw) = told else {
            let message = Cow::Owned(String::from_utf8_lossy(data).into_owned());
            self.seen.error = Some(StreamError { message, ..StreamError::default() });
            return;
        };
        let event: wire::Event<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        let found = error::from_event(event.error, raw);
        self.seen.error = Some(StreamError {
            status: found.status,
            kind: Cow::Owned(found.kind.into_owned()),
            code: Cow::Owned(found.code.into_owned()),
            message: Cow::Owned(found.message.into_owned()),
            raw: Some(Cow::Owned(raw.to_owned())),
        });
    }
}

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        let kind = match frame.event {
            "" => Cow::Owned(kind_of(frame.data)),
            named => Cow::Borrowed(named),
        };
        match &*kind {
            "content_block_delta" => self.seen.semantic = true,
            "content_block_start" => self.seen.semantic |= starts_semantic(frame.data),
            "message_start" => return self.message_start(frame),
            "message_delta" => self.message_delta(frame.data),
            "message_stop" => {
                self.seen.terminal = true;
                self.seen.semantic = true;
            }
            "error" => self.error(frame.data),
            // A sentinel of another format: the terminal event is message_stop.
            _ if frame.data == b"[DONE]" => return Observed::Drop,
            _ => {}
        }
        Observed::Pass
    }

    fn seen(&self) -> &StreamSeen {
        &self.seen
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        // After a terminal event there is nothing left to end.
        if !self.seen.terminal && !std::mem::replace(&mut self.failed, true) {
            error::encode_event(error, out);
        }
    }
}

/// The type inside the data, for backends that do not name their events.
fn kind_of(data: &[u8]) -> String {
    let Ok(scanned) = TopLevel::scan(data) else { return String::new() };
    match scanned.string("type") {
        Ok(Some(kind)) => kind.into_owned(),
        _ if scanned.has("error") => "error".to_owned(),
        _ => String::new(),
    }
}

/// Whether a block commits the stream by its start: not text and thoughts, whose first delta does.
fn starts_semantic(data: &[u8]) -> bool {
    let block = TopLevel::scan(data).ok().and_then(|scanned| scanned.object("content_block"));
    let kind = block.and_then(|block| block.string("type").ok().flatten());
    kind.is_some_and(|kind| !matches!(&*kind, "text" | "thinking"))
}

/// The event with another model's name in it.
fn renamed(data: &[u8], shown: &str) -> Option<Observed> {
    let data = std::str::from_utf8(data).ok()?;
    let scanned = TopLevel::scan(data.as_bytes()).ok()?;
    let message = Edits::new().set_string("model", shown).apply_str(scanned.raw("message").ok()??).ok()?;
    let data = Edits::new().set("message", message).apply_str(data).ok()?;
    let mut out = Vec::with_capacity(data.len() + 40);
    write_sse(&mut out, Some("message_start"), data.as_bytes());
    Some(Observed::Replace(Bytes::from(out)))
}
