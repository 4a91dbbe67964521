//! Chunks that pass through: only what can matter is looked at. Source: design.md §12.

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason};
use serde_json::value::RawValue;

use super::super::reply::{blocked, finish};
use super::super::{error, usage, wire};
use super::is_done;
use crate::codec::{Observed, ReplyContext, StreamObserver, StreamSeen};
use crate::frame::StreamFrame;
use crate::framing::write_sse;
use crate::json::{Names, Text, Writer, value_behind};
use crate::splice::{Edits, TopLevel};

/// Watches a stream.
#[derive(Debug)]
pub(in super::super) struct Observer {
    shown_model: Option<String>,
    /// The same as it stands in JSON.
    shown: Vec<u8>,
    calls: bool,
    seen: StreamSeen,
}

/// What a chunk must contain to matter.
static WORDS: Names<7> = Names::new([
    "usageMetadata",
    "text",
    "functionCall",
    "modelVersion",
    "finishReason",
    "error",
    "blockReason",
]);

/// What was found in a chunk.
#[derive(Default)]
struct Found<'d> {
    /// The first usage, and whatever follows it.
    usage: Option<&'d [u8]>,
    /// Some text is not empty.
    text: bool,
    call: bool,
    /// A model is named, and it is not the one that the client asked for.
    model: bool,
    /// It says more than that.
    more: bool,
}

impl<'d> Found<'d> {
    /// `shown` is the client's model as it stands in JSON.
    fn of(data: &'d [u8], shown: &[u8]) -> Self {
        let mut found = Self::default();
        WORDS.each(data, |which, behind| match which {
            0 => found.usage = found.usage.or(Some(value_behind(behind))),
            1 => {
                let value = value_behind(behind);
                found.text |= value.starts_with(b"\"") && !value.starts_with(b"\"\"");
            }
            2 => found.call = true,
            3 => found.model |= !value_behind(behind).starts_with(shown),
            _ => found.more = true,
        });
        found
    }
}

impl Observer {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        let mut shown = Writer::default();
        shown.string(context.shown_model.as_deref().unwrap_or_default());
        Self {
            shown_model: context.shown_model.clone(),
            shown: shown.into_bytes(),
            calls: false,
            seen: StreamSeen::default(),
        }
    }

    /// The usage alone: Google repeats it in every chunk, and it lies at the end.
    fn count(&mut self, value: &[u8]) {
        let text = std::str::from_utf8(value)
            .or_else(|error| std::str::from_utf8(value.get(..error.valid_up_to()).unwrap_or_default()));
        if let Ok(Ok(counts)) = text.map(usage::next) {
            self.seen.usage.merge(&counts);
        }
    }

    /// Reads a chunk that says more than text.
    fn read(&mut self, data: &[u8]) {
        let Ok(raw) = serde_json::from_slice::<&RawValue>(data) else { return };
        let Ok(outer) = serde_json::from_str::<wire::Reply<'_>>(raw.get()) else { return };
        if outer.error.is_some() {
            self.seen.error = Some(error::from_frame(raw).into_owned());
            return;
        }
        let inner = outer.response.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let wire: wire::Reply<'_> = inner.unwrap_or(outer);
        if let Ok(Some(blocked)) = blocked(&wire) {
            self.seen.semantic = true;
            self.seen.finish.get_or_insert(blocked.reason);
        }
        for candidate in wire.candidates.unwrap_or_default().0 {
            let Some(word) = candidate.finish_reason else { continue };
            if word != "FINISH_REASON_UNSPECIFIED" {
                self.seen.semantic = true;
                self.seen.finish.get_or_insert(finish(word, self.calls).reason);
            }
        }
    }

    /// The frame with the client's model, when the provider's is another.
    fn renamed(&self, frame: StreamFrame<'_>) -> Option<Bytes> {
        let shown = self.shown_model.as_deref()?;
        let text = std::str::from_utf8(frame.data).ok()?;
        let data = named(text, shown)?;
        let mut out = Vec::with_capacity(data.len() + 16);
        write_sse(&mut out, Some(frame.event).filter(|event| !event.is_empty()), data.as_bytes());
        Some(Bytes::from(out))
    }
}

/// The chunk with this model in it, envelope or not; `None` when it has it already, or none at all.
fn named(json: &str, shown: &str) -> Option<String> {
    let top = TopLevel::scan(json.as_bytes()).ok()?;
    let edits = if let Some(inner) = top.raw("response").ok().flatten().filter(|inner| inner.starts_with('{'))
    {
        Edits::new().set("response", named(inner, shown)?)
    } else {
        let known: Text<'_> = serde_json::from_str(top.raw("modelVersion").ok()??).ok()?;
        if known == shown {
            return None;
        }
        Edits::new().set_string("modelVersion", shown)
    };
    edits.apply_str(json).ok().map(std::borrow::Cow::into_owned)
}

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        let data = frame.data;
        if is_done(data.trim_ascii()) {
            // No client of this format expects a sentinel. Source: http-api.md A.5.
            self.seen.terminal |= self.seen.semantic;
            return Observed::Drop;
        }
        let found = Found::of(data, &self.shown);
        if let Some(usage) = found.usage {
            self.count(usage);
        }
        self.calls |= found.call;
        self.seen.semantic |= found.call || found.text;
        if found.more || frame.event == "error" {
            self.read(data);
        }
        // Wherever a model stands, it is the right one: this costs a look where the other way costs a scan.
        let renamed = if found.model { self.renamed(frame) } else { None };
        renamed.map_or(Observed::Pass, Observed::Replace)
    }

    fn seen(&self) -> &StreamSeen {
        &self.seen
    }

    /// The format has no terminal event: a stream is whole when it said why it ended (B68).
    fn finish(&mut self, _out: &mut Vec<u8>) {
        if self.seen.finish.is_some() && self.seen.error.is_none() {
            if self.calls && self.seen.finish == Some(FinishReason::Stop) {
                self.seen.finish = Some(FinishReason::ToolUse);
            }
            self.seen.terminal = true;
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.seen.terminal, true) {
            error::encode_event(error, out);
        }
    }
}
