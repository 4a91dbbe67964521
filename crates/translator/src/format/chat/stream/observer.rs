//! Chunks that pass through: only those that can matter are parsed. Source: design.md §12.

use bytes::Bytes;
use cliproxy_core::ClientError;
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use super::super::{error, usage, wire};
use super::decoder::is_error;
use super::{DONE_FRAME, is_done};
use crate::codec::{Observed, ReplyContext, StreamObserver, StreamSeen};
use crate::frame::StreamFrame;
use crate::framing::write_sse;
use crate::json::{Names, Text, value_behind};
use crate::pass::finish;
use crate::splice::Edits;

/// Watches a stream.
#[derive(Debug)]
pub(in super::super) struct Observer {
    include_usage: bool,
    shown_model: Option<String>,
    /// `"model":"…"` as the provider writes it, where it has to be written otherwise; looked for once.
    renaming: Renaming,
    seen: StreamSeen,
}

#[derive(Debug)]
enum Renaming {
    /// The first chunk that names a model decides.
    Undecided,
    Not,
    /// What stands there, and what is to stand there.
    Splice(Box<Finder<'static>>, Vec<u8>),
}

/// What a chunk must contain to matter.
static WORDS: Names<3> = Names::new(["finish_reason", "usage", "error"]);

impl Observer {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self {
            include_usage: context.include_usage,
            shown_model: context.shown_model.clone(),
            renaming: if context.shown_model.is_some() { Renaming::Undecided } else { Renaming::Not },
            seen: StreamSeen::default(),
        }
    }

    /// Reads a chunk. True when it has nothing but usage.
    fn read(&mut self, frame: StreamFrame<'_>) -> bool {
        let Ok(chunk) = serde_json::from_slice::<wire::Chunk<'_>>(frame.data) else {
            if frame.event == "error"
                && let Ok(data) = serde_json::from_slice::<&RawValue>(frame.data)
            {
                self.seen.error = Some(error::from_frame(data).into_owned());
            }
            return false;
        };
        if frame.event == "error" || is_error(&chunk) {
            if let Ok(data) = serde_json::from_slice::<&RawValue>(frame.data) {
                self.seen.error = Some(error::from_frame(data).into_owned());
            }
            return false;
        }
        let choices = chunk.choices.unwrap_or_default().0;
        for used in choices.iter().filter_map(|choice| choice.usage).chain(chunk.usage) {
            self.seen.usage.merge(&usage::decode(used));
        }
        for choice in &choices {
            self.seen.semantic |= says_something(choice);
            if let Some(word) = wire::filled(choice.finish_reason) {
                self.seen.semantic = true;
                self.seen.finish.get_or_insert(finish::from_word(&word.decoded()));
            }
        }
        choices.is_empty() && chunk.usage.is_some()
    }

    /// The frame with the client's model, when the provider's is another.
    fn renamed(&mut self, frame: StreamFrame<'_>) -> Option<Bytes> {
        let shown = self.shown_model.as_deref()?;
        if matches!(self.renaming, Renaming::Undecided) {
            let chunk: wire::Chunk<'_> = serde_json::from_slice(frame.data).ok()?;
            let named = wire::filled(chunk.model)?;
            self.renaming = match named == shown {
                true => Renaming::Not,
                false => Renaming::of(&named, shown),
            };
        }
        let Renaming::Splice(there, instead) = &self.renaming else { return None };
        let mut out = Vec::with_capacity(frame.data.len() + instead.len() + 16);
        if !frame.event.is_empty() {
            out.extend_from_slice(b"event: ");
            out.extend_from_slice(frame.event.as_bytes());
            out.push(b'\n');
        }
        match there.find(frame.data).filter(|_| !frame.data.contains(&b'\n')) {
            Some(at) => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(frame.data.get(..at).unwrap_or_default());
                out.extend_from_slice(instead);
                out.extend_from_slice(frame.data.get(at + there.needle().len()..).unwrap_or_default());
                out.extend_from_slice(b"\n\n");
            }
            None => {
                let data = Bytes::copy_from_slice(frame.data);
                let edited = Edits::new().set_string("model", shown).apply(&data).ok()?;
                write_sse(&mut out, None, &edited);
            }
        }
        Some(Bytes::from(out))
    }
}

impl Renaming {
    fn of(named: &Text<'_>, shown: &str) -> Self {
        let member = |name: &Text<'_>| {
            let mut member = br#""model":""#.to_vec();
            name.write_body(&mut member);
            member.push(b'"');
            member
        };
        Self::Splice(Box::new(Finder::new(&member(named)).into_owned()), member(&Text::plain(shown)))
    }
}

/// Whether a delta adds anything: the first one of most providers does not.
fn says_something(choice: &wire::ChunkChoice<'_>) -> bool {
    let filled = |raw: Option<&RawValue>| raw.is_some_and(|raw| !matches!(raw.get(), r#""""# | "[]"));
    let delta = choice.delta.as_ref().is_some_and(|delta| {
        filled(delta.content)
            || filled(delta.refusal)
            || filled(delta.reasoning_content)
            || filled(delta.reasoning)
            || filled(delta.reasoning_text)
            || filled(delta.reasoning_details)
            || filled(delta.images)
            || delta.audio.is_some()
            || delta.function_call.is_some()
            || delta.tool_calls.as_ref().is_some_and(|calls| !calls.0.is_empty())
    });
    delta || choice.message.is_some() || filled(choice.text)
}

/// Whether a chunk says more than the text that it passes on. Providers repeat these members in every chunk, as null.
fn matters(data: &[u8]) -> bool {
    let mut matters = false;
    WORDS.each(data, |_, behind| matters |= !value_behind(behind).starts_with(b"null"));
    matters
}

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        // Source: translation.md E194.
        if self.seen.terminal {
            return Observed::Drop;
        }
        if is_done(frame.data) {
            self.seen.terminal = true;
            return Observed::Pass;
        }
        let read = !self.seen.semantic || !frame.event.is_empty() || matters(frame.data);
        let only_usage = read && self.read(frame);
        // The edge asks for usage in any case: a client that did not must not see the extra chunk.
        if only_usage && !self.include_usage {
            return Observed::Drop;
        }
        if self.seen.error.is_some() {
            return Observed::Pass;
        }
        self.renamed(frame).map_or(Observed::Pass, Observed::Replace)
    }

    fn seen(&self) -> &StreamSeen {
        &self.seen
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        // Source: providers-b.md 6.3, "EOF without `[DONE]`".
        if self.seen.finish.is_some() && self.seen.error.is_none() && !self.seen.terminal {
            self.seen.terminal = true;
            out.extend_from_slice(DONE_FRAME);
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.seen.terminal, true) {
            error::encode_event(error, out);
        }
    }
}
