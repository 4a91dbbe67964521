//! Chunks that pass through: only what can matter is looked at. Source: design.md §12.

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason};
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use super::super::reply::{blocked, finish};
use super::super::{error, usage, wire};
use super::is_done;
use crate::codec::{Observed, ReplyContext, StreamObserver, StreamSeen};
use crate::frame::StreamFrame;
use crate::framing::write_sse;
use crate::json::{Text, Writer};
use crate::splice::{Edits, TopLevel};

/// Watches a stream.
#[derive(Debug)]
pub(in super::super) struct Observer {
    shown_model: Option<String>,
    /// The same as it stands in JSON.
    shown: Vec<u8>,
    words: Words,
    calls: bool,
    seen: StreamSeen,
}

/// What a chunk must contain to matter. Quotes inside texts are escaped, so these are members.
#[derive(Debug)]
struct Words {
    usage: Finder<'static>,
    finish: Finder<'static>,
    error: Finder<'static>,
    blocked: Finder<'static>,
    call: Finder<'static>,
    text: Finder<'static>,
    model: Finder<'static>,
}

impl Observer {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        let mut shown = Writer::default();
        shown.string(context.shown_model.as_deref().unwrap_or_default());
        Self {
            shown_model: context.shown_model.clone(),
            shown: shown.into_bytes(),
            words: Words {
                usage: Finder::new(br#""usageMetadata""#),
                finish: Finder::new(br#""finishReason""#),
                error: Finder::new(br#""error""#),
                blocked: Finder::new(br#""blockReason""#),
                call: Finder::new(br#""functionCall""#),
                text: Finder::new(br#""text""#),
                model: Finder::new(br#""modelVersion""#),
            },
            calls: false,
            seen: StreamSeen::default(),
        }
    }

    /// The usage alone: Google repeats it in every chunk, and it lies at the end.
    fn count(&mut self, data: &[u8]) {
        let Some(at) = self.words.usage.find(data) else { return };
        let value = member(&self.words.usage, data, at);
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
        let mut named_so = |at| member(&self.words.model, frame.data, at).starts_with(&self.shown);
        // Wherever a model stands, it is the right one: this costs a search where the other way costs a scan.
        if self.words.model.find_iter(frame.data).all(&mut named_so) {
            return None;
        }
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
        self.count(data);
        if !self.calls && self.words.call.find(data).is_some() {
            self.calls = true;
            self.seen.semantic = true;
        }
        self.seen.semantic = self.seen.semantic || says_text(&self.words.text, data);
        let matters = frame.event == "error"
            || self.words.finish.find(data).is_some()
            || self.words.error.find(data).is_some()
            || self.words.blocked.find(data).is_some();
        if matters {
            self.read(data);
        }
        self.renamed(frame).map_or(Observed::Pass, Observed::Replace)
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

/// The value behind a member's name that stands at a place, and whatever follows it.
fn member<'d>(name: &Finder<'_>, data: &'d [u8], at: usize) -> &'d [u8] {
    let rest = data.get(at + name.needle().len()..).unwrap_or_default().trim_ascii_start();
    rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start()
}

/// Whether some text is not empty.
fn says_text(word: &Finder<'_>, data: &[u8]) -> bool {
    word.find_iter(data).any(|at| {
        let value = member(word, data, at);
        value.starts_with(b"\"") && !value.starts_with(b"\"\"")
    })
}
