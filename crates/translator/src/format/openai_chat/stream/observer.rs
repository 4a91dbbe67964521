//! Watches chunks that pass through: only frames that can matter are parsed, by substring first.

use bytes::Bytes;
use cliproxy_core::ClientError;
use memchr::memmem;

use crate::codec::{Observed, ReplyContext, StreamObserver, StreamSeen};
use crate::format::openai_chat::wire::Reply;
use crate::format::openai_chat::{error, usage};
use crate::frame::StreamFrame;
use crate::framing::write_sse;
use crate::json::Text;
use crate::model::StreamError;
use crate::pass::errors::chat_status;
use crate::pass::finish::from_chat;
use crate::splice::Edits;

pub(in crate::format::openai_chat) struct Observer {
    shown_model: Option<String>,
    include_usage: bool,
    seen: StreamSeen,
    /// Whether the first chunk named another model than the one to show: then every chunk is spliced.
    splice: Option<bool>,
}

impl Observer {
    pub(in crate::format::openai_chat) fn new(context: &ReplyContext) -> Self {
        Self {
            shown_model: context.shown_model.clone(),
            include_usage: context.include_usage,
            seen: StreamSeen::default(),
            splice: None,
        }
    }

    fn matters(&self, data: &[u8]) -> bool {
        let has = |word: &str| memmem::find(data, word.as_bytes()).is_some();
        has("\"usage\":{")
            || has("\"usage\": {")
            || has("\"error\"")
            || has("\"finish_reason\":\"")
            || has("\"finish_reason\": \"")
    }

    /// Usage, errors and the end. True when the chunk has nothing but usage.
    fn look(&mut self, data: &[u8]) -> bool {
        let Ok(chunk) = serde_json::from_slice::<Reply<'_>>(data) else { return false };
        if let Some(tokens) = &chunk.usage {
            self.seen.usage.merge(&usage::read(tokens));
        }
        if chunk.error.is_some() {
            let said = error::decode(data);
            let (kind, code) = (said.kind.unwrap_or_default(), said.code.unwrap_or_default());
            self.seen.error = Some(StreamError {
                status: chat_status(&kind, &code),
                kind: kind.into(),
                code: code.into(),
                message: said.message.into(),
                raw: None,
            });
            return false;
        }
        let choices = chunk.choices.unwrap_or_default().0;
        if let Some(word) = choices.iter().find_map(|choice| choice.finish_reason.as_ref()) {
            self.seen.finish = Some(from_chat(&word.decoded()));
        }
        choices.is_empty() && chunk.usage.is_some()
    }

    fn renamed(&mut self, data: &[u8]) -> Option<Bytes> {
        let shown = self.shown_model.as_deref()?;
        if self.splice.is_none() {
            let chunk: Reply<'_> = serde_json::from_slice(data).ok()?;
            self.splice = Some(chunk.model.as_ref().map(Text::decoded).is_some_and(|model| model != shown));
        }
        if self.splice != Some(true) {
            return None;
        }
        let changed = Edits::new().set_string("model", shown).apply(&Bytes::copy_from_slice(data)).ok()?;
        let mut frame = Vec::with_capacity(changed.len() + 8);
        write_sse(&mut frame, None, &changed);
        Some(Bytes::from(frame))
    }
}

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        let data = frame.data.trim_ascii();
        if self.seen.terminal {
            // After [DONE] nothing counts (E194).
            return Observed::Drop;
        }
        if data == b"[DONE]" {
            self.seen.terminal = true;
            return Observed::Pass;
        }
        let mut only_usage = false;
        if frame.event == "error" || self.matters(data) {
            only_usage = self.look(data);
        }
        if self.seen.error.is_some() {
            return Observed::Pass;
        }
        // Whatever has a choice with content counts; the greeting with an empty delta does not.
        if !self.seen.semantic && (self.seen.finish.is_some() || says_something(data)) {
            self.seen.semantic = true;
        }
        if only_usage && !self.include_usage {
            return Observed::Drop;
        }
        match self.renamed(data) {
            Some(frame) => Observed::Replace(frame),
            None => Observed::Pass,
        }
    }

    fn seen(&self) -> &StreamSeen {
        &self.seen
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        // A reply with its finish reason is whole, though the service closed without the sentinel.
        // Source: providers-b.md 6.3 "EOF without `[DONE]`".
        if self.seen.finish.is_some() && self.seen.error.is_none() && !self.seen.terminal {
            self.seen.terminal = true;
            out.extend_from_slice(b"data: [DONE]\n\n");
        }
    }

    fn fail(&mut self, failure: &ClientError, out: &mut Vec<u8>) {
        self.seen.terminal = true;
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&error::encode(failure));
        out.extend_from_slice(b"\n\n");
    }
}

/// Whether a chunk carries text, thoughts, a refusal or a call.
fn says_something(data: &[u8]) -> bool {
    let Ok(chunk) = serde_json::from_slice::<Reply<'_>>(data) else { return false };
    let filled = |raw: Option<&serde_json::value::RawValue>| {
        raw.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "null"))
    };
    chunk.choices.unwrap_or_default().0.iter().any(|choice| {
        choice.delta.as_ref().or(choice.message.as_ref()).is_some_and(|delta| {
            filled(delta.content)
                || filled(delta.refusal)
                || filled(delta.reasoning_content.or(delta.reasoning))
                || delta.tool_calls.as_ref().is_some_and(|calls| !calls.0.is_empty())
                || delta.function_call.is_some()
        })
    })
}
