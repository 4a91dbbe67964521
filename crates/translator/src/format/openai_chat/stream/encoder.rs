//! Events to chunks. Source: translation.md B64; errors B77.

use cliproxy_core::{ClientError, FinishReason, Usage};

use crate::codec::{ReplyContext, StreamEncoder};
use crate::format::openai_chat::{error, reply, usage};
use crate::json::{Text, Writer};
use crate::model::{BlockKind, Delta, Event};
use crate::pass::args::unwrap_custom_input;
use crate::pass::finish::{chat_reason, settle};
use crate::pass::ids::generated_id;

pub(in crate::format::openai_chat) struct Encoder {
    context: ReplyContext,
    /// `data: {"id":…,"object":…,"created":…,"model":…,` written once.
    prefix: Vec<u8>,
    started: bool,
    over: bool,
    usage: Usage,
    blocks: Vec<Block>,
    candidates: Vec<Candidate>,
}

struct Block {
    id: u32,
    candidate: u32,
    kind: Kind,
}

enum Kind {
    Text,
    Refusal,
    Reasoning,
    Call {
        index: u64,
        custom: bool,
    },
    /// A custom tool that the provider took for a function: its JSON is unwrapped when it is whole (B10).
    Wrapped {
        index: u64,
        args: Text<'static>,
    },
    Hidden,
}

#[derive(Default)]
struct Candidate {
    index: u32,
    greeted: bool,
    calls: u64,
    thoughts: bool,
}

impl Encoder {
    pub(in crate::format::openai_chat) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.clone(),
            prefix: Vec::new(),
            started: false,
            over: false,
            usage: Usage::default(),
            blocks: Vec::new(),
            candidates: Vec::new(),
        }
    }

    fn start(&mut self, id: &str, model: &str, created: Option<i64>) {
        if self.started {
            return;
        }
        self.started = true;
        let mut w = Writer::new(b"data: ".to_vec());
        w.begin_object();
        w.field_string("id", &reply::id(id, &self.context));
        w.field_string("object", "chat.completion.chunk");
        w.field_signed("created", created.unwrap_or(self.context.created));
        w.field_string("model", reply::model(model, &self.context));
        self.prefix = w.into_bytes();
        self.prefix.push(b',');
    }

    fn candidate(&mut self, index: u32) -> Option<&mut Candidate> {
        let at = self.candidates.iter().position(|candidate| candidate.index == index).unwrap_or_else(|| {
            self.candidates.push(Candidate { index, ..Candidate::default() });
            self.candidates.len() - 1
        });
        self.candidates.get_mut(at)
    }

    /// A chunk with one delta; the first of a candidate carries the role.
    fn delta(&mut self, index: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
        self.start("", "", None);
        let greeted =
            self.candidate(index).is_some_and(|candidate| std::mem::replace(&mut candidate.greeted, true));
        out.extend_from_slice(&self.prefix);
        let mut w = Writer::new(std::mem::take(out));
        w.key("choices");
        w.begin_array();
        w.begin_object();
        w.field_unsigned("index", u64::from(index));
        w.key("delta");
        w.begin_object();
        if !greeted {
            w.field_string("role", "assistant");
        }
        write(&mut w);
        w.end_object();
        w.field_raw("finish_reason", "null");
        w.end_object();
        w.end_array();
        *out = w.into_bytes();
        out.extend_from_slice(b"}\n\n");
    }

    fn open(&mut self, id: u32, candidate: u32, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        let kind = match kind {
            BlockKind::Text => Kind::Text,
            BlockKind::Refusal => Kind::Refusal,
            BlockKind::Reasoning => {
                let again = self
                    .candidate(candidate)
                    .is_some_and(|state| std::mem::replace(&mut state.thoughts, true));
                if again {
                    self.delta(candidate, out, |w| w.field_string("reasoning_content", "\n\n"));
                }
                Kind::Reasoning
            }
            BlockKind::ToolCall { id, name, custom } => self.open_call(candidate, id, name, *custom, out),
            _ => Kind::Hidden,
        };
        self.blocks.push(Block { id, candidate, kind });
    }

    /// The index counts calls from 0, not blocks (F12).
    fn open_call(
        &mut self,
        candidate: u32,
        id: &Text<'_>,
        name: &str,
        custom: bool,
        out: &mut Vec<u8>,
    ) -> Kind {
        let Some(state) = self.candidate(candidate) else { return Kind::Hidden };
        let index = state.calls;
        state.calls += 1;
        let declared_custom = self.context.custom_tools.iter().any(|known| known == name);
        let free = custom || declared_custom;
        let id = if id.is_empty() {
            Text::plain(generated_id("call_", &[&self.context.seed, &index.to_string(), name]))
        } else {
            id.reborrow()
        };
        self.delta(candidate, out, |w| {
            w.key("tool_calls");
            w.begin_array();
            w.begin_object();
            w.field_unsigned("index", index);
            w.field_text("id", &id);
            w.field_string("type", if free { "custom" } else { "function" });
            w.key(if free { "custom" } else { "function" });
            w.begin_object();
            w.field_string("name", name);
            w.field_string(if free { "input" } else { "arguments" }, "");
            w.end_object();
            w.end_object();
            w.end_array();
        });
        match (custom, declared_custom) {
            (false, true) => Kind::Wrapped { index, args: Text::default() },
            _ => Kind::Call { index, custom },
        }
    }

    fn arguments(&mut self, candidate: u32, index: u64, custom: bool, text: &Text<'_>, out: &mut Vec<u8>) {
        self.delta(candidate, out, |w| {
            w.key("tool_calls");
            w.begin_array();
            w.begin_object();
            w.field_unsigned("index", index);
            w.key(if custom { "custom" } else { "function" });
            w.begin_object();
            w.field_text(if custom { "input" } else { "arguments" }, text);
            w.end_object();
            w.end_object();
            w.end_array();
        });
    }

    fn grow(&mut self, id: u32, delta: Delta<'_>, out: &mut Vec<u8>) {
        let Some(block) = self.blocks.iter_mut().rev().find(|block| block.id == id) else { return };
        let candidate = block.candidate;
        match (&mut block.kind, delta) {
            (Kind::Text, Delta::Text(text)) => self.delta(candidate, out, |w| w.field_text("content", &text)),
            (Kind::Refusal, Delta::Text(text)) => {
                self.delta(candidate, out, |w| w.field_text("refusal", &text))
            }
            (Kind::Reasoning, Delta::Reasoning(text)) => {
                self.delta(candidate, out, |w| w.field_text("reasoning_content", &text));
            }
            (Kind::Call { index, custom }, Delta::Args(text)) => {
                let (index, custom) = (*index, *custom);
                self.arguments(candidate, index, custom, &text, out);
            }
            (Kind::Wrapped { args, .. }, Delta::Args(text)) => text.push_onto(args),
            // Signatures, citations of other formats and raw chains have no place in a chunk.
            _ => {}
        }
    }

    fn stop(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().position(|block| block.id == id) else { return };
        let block = self.blocks.swap_remove(at);
        if let Kind::Wrapped { index, args } = block.kind {
            let text = unwrap_custom_input(&args.decoded()).into_owned();
            if !text.is_empty() {
                self.arguments(block.candidate, index, true, &Text::plain(text), out);
            }
        }
    }

    fn finish(&mut self, index: u32, reason: FinishReason, out: &mut Vec<u8>) {
        self.start("", "", None);
        let calls = self.candidate(index).is_some_and(|candidate| candidate.calls > 0);
        if self.candidate(index).is_some_and(|candidate| !candidate.greeted) {
            // An empty reply still has its role and an empty text (B71).
            self.delta(index, out, |w| w.field_string("content", ""));
        }
        out.extend_from_slice(&self.prefix);
        let mut w = Writer::new(std::mem::take(out));
        w.key("choices");
        w.begin_array();
        w.begin_object();
        w.field_unsigned("index", u64::from(index));
        w.field_raw("delta", "{}");
        w.field_string("finish_reason", chat_reason(settle(reason, calls)));
        w.end_object();
        w.end_array();
        *out = w.into_bytes();
        out.extend_from_slice(b"}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        self.over = true;
        if self.context.include_usage && !self.usage.is_empty() {
            self.start("", "", None);
            out.extend_from_slice(&self.prefix);
            let mut w = Writer::new(std::mem::take(out));
            w.field_raw("choices", "[]");
            w.key("usage");
            usage::write(&mut w, &self.usage);
            *out = w.into_bytes();
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start.id, &start.model, start.created),
            Event::BlockStart { block, candidate, kind } => self.open(block, candidate, &kind, out),
            Event::Delta { block, delta } => self.grow(block, delta, out),
            Event::BlockStop { block } => self.stop(block, out),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Finish { candidate, finish } => self.finish(candidate, finish.reason, out),
            Event::End => self.end(out),
            // Whoever drives the stream turns an error into `fail`; pings are the edge's (B72).
            Event::Error(_) | Event::Ping | Event::Raw { .. } => {}
        }
    }

    /// One data line with the error, and no `[DONE]`. Source: http-api.md A.5, B77.
    fn fail(&mut self, failure: &ClientError, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&error::encode(failure));
            out.extend_from_slice(b"\n\n");
        }
    }
}
