//! Canonical events to Claude events.

use cliproxy_core::{ClientError, Usage};
use serde_json::value::RawValue;

use super::super::reply::{write_finish, write_id};
use super::super::{CLAUDE, GROUNDING, error, shown_model, usage};
use super::blocks::Blocks;
use super::frames;
use super::odd::Odd;
use crate::codec::{ReplyContext, StreamEncoder};
use crate::framing::write_sse;
use crate::json::one_line;
use crate::loss::Loss;
use crate::model::{BlockKind, Delta, Event, Finish, Start, StreamError};

/// How far the message has come.
#[derive(Debug)]
enum Phase {
    /// Nothing was said.
    Fresh,
    /// The reply began; `message_start` waits for the usage that may come right behind.
    Begun(Begun),
    /// `message_start` is out.
    Open,
    /// The message is over: nothing follows.
    Done,
}

#[derive(Debug, Default)]
struct Begun {
    id: String,
    model: String,
    service_tier: Option<String>,
}

/// Writes a stream for a client of this format. Source: translation.md B60.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    context: ReplyContext,
    phase: Phase,
    blocks: Blocks,
    odd: Odd,
    usage: Usage,
    finish: Option<Finish<'static>>,
    /// What Gemini grounded the reply on, as told last; told behind the text, which does not wait for it (E482).
    grounding: Option<Box<RawValue>>,
}

impl Encoder {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self {
            blocks: Blocks::new(context),
            odd: Odd::default(),
            context: context.clone(),
            phase: Phase::Fresh,
            usage: Usage::default(),
            finish: None,
            grounding: None,
        }
    }

    fn begin(&mut self, start: &Start<'_>) {
        if matches!(self.phase, Phase::Fresh) {
            self.phase = Phase::Begun(Begun {
                id: start.id.clone().into_owned(),
                model: start.model.clone().into_owned(),
                service_tier: start.service_tier.as_ref().map(|tier| tier.decoded().into_owned()),
            });
        }
    }

    /// Sends `message_start`, once. Source: translation.md F29.
    fn greet(&mut self, out: &mut Vec<u8>) {
        let begun = match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Fresh => Begun::default(),
            Phase::Begun(begun) => begun,
            later => {
                self.phase = later;
                return;
            }
        };
        frames::event(out, "message_start", |w| {
            w.key("message");
            w.begin_object();
            w.key("id");
            write_id(w, &begun.id, &self.context.seed);
            w.field_string("type", "message");
            w.field_string("role", "assistant");
            w.field_string("model", &shown_model(&self.context, &begun.model));
            w.field_raw("content", "[]");
            w.field_raw("stop_reason", "null");
            w.field_raw("stop_sequence", "null");
            w.key("usage");
            w.begin_object();
            usage::write_message_members(w, &self.usage, begun.service_tier.as_deref());
            w.end_object();
            w.end_object();
        });
    }

    /// Sends the arguments of a call that waited for their end.
    fn settle(&mut self, block: u32, out: &mut Vec<u8>) {
        if let Some(arguments) = self.odd.stop(block) {
            self.blocks.delta(block, &Delta::Args(arguments), out);
        }
    }

    /// Sends the end, once: what waits, one `message_delta`, one `message_stop`.
    fn end(&mut self, out: &mut Vec<u8>) {
        self.greet(out);
        if let Some(raw) = self.grounding.take()
            && self.blocks.ground(&raw, out)
        {
            self.usage.web_searches.get_or_insert(1);
        }
        while let Some(block) = self.odd.first() {
            self.settle(block, out);
        }
        self.blocks.finish(out);
        frames::event(out, "message_delta", |w| {
            w.key("delta");
            w.begin_object();
            write_finish(w, self.finish.as_ref(), self.blocks.any_call(), self.blocks.refused());
            w.end_object();
            w.key("usage");
            w.begin_object();
            usage::write_members(w, &self.usage);
            w.end_object();
        });
        frames::event(out, "message_stop", |_| {});
        self.phase = Phase::Done;
    }

    fn relay(&mut self, stream_error: &StreamError<'_>, out: &mut Vec<u8>) {
        error::relay_event(stream_error, out);
        self.phase = Phase::Done;
    }

    /// A reply that interleaves without bound ends as an error, as it cannot be told (B61).
    fn guard(&mut self, out: &mut Vec<u8>) {
        if self.blocks.overflows() || self.odd.overflows() {
            let message = "the provider interleaves its output beyond what can be put in order".into();
            self.relay(&StreamError { kind: "api_error".into(), message, ..StreamError::default() }, out);
        }
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Done) {
            return;
        }
        match event {
            Event::Start(start) => self.begin(&start),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::BlockStart { block, candidate: 0, kind } => {
                self.greet(out);
                if matches!(kind, BlockKind::ToolCall { custom: false, .. }) {
                    self.odd.start(block);
                }
                self.blocks.start(block, &kind, out);
                self.guard(out);
            }
            Event::Delta { block, delta } => {
                if !self.odd.takes(block, &delta) {
                    self.blocks.delta(block, &delta, out);
                }
                self.guard(out);
            }
            Event::BlockStop { block } => {
                self.settle(block, out);
                self.blocks.stop(block, out);
            }
            Event::Finish { candidate: 0, finish } => {
                self.greet(out);
                self.finish = Some(finish.into_owned());
            }
            // Claude has one candidate (F49).
            Event::BlockStart { .. } | Event::Finish { .. } => {}
            Event::Error(error) => self.relay(&error, out),
            Event::Ping => {
                if !matches!(self.phase, Phase::Fresh) {
                    self.greet(out);
                    out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
                }
            }
            Event::End => self.end(out),
            Event::Raw { format: "gemini", name, data } if name == GROUNDING => {
                self.grounding = Some(data.into_owned());
            }
            Event::Raw { format, name, data } => {
                if format == CLAUDE && !name.is_empty() && !name.contains(['\n', '\r']) {
                    self.greet(out);
                    write_sse(out, Some(&name), one_line(data.get()).as_bytes());
                }
            }
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !matches!(self.phase, Phase::Done) {
            error::encode_event(error, out);
            self.phase = Phase::Done;
        }
    }

    fn losses(&self) -> &[Loss] {
        self.odd.losses()
    }
}
