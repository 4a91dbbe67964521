//! Canonical replies as response objects.

use std::borrow::Cow;

use cliproxy_core::{FinishReason, Usage};

use super::annotation;
use super::item::{CallHead, call_item, image_item, message_item, reasoning_item, refusal_part, text_part};
use crate::codec::ReplyContext;
use crate::format::responses::echo::{self, RequestEcho};
use crate::format::responses::{carrier, ids, is_family, is_tier, patch, shown_model, usage};
use crate::json::{Raw, Text, Writer};
use crate::model::{
    Args, Bind, Finish, MediaSource, Part, PartKind, Reasoning, Response, ServerPart, Signature, ToolCall,
};
use crate::pass::args::{json_text, never_came, unwrapped, wrap_custom_input};
use crate::pass::searches::{Pairs, Search};
use crate::splice::TopLevel;

/// How a response stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Status {
    InProgress,
    Completed,
    /// With the reason.
    Incomplete(&'static str),
}

impl Status {
    /// Source: translation.md B51, B52, B67.
    pub(in super::super) fn of(finish: Option<&Finish<'_>>, refused: bool) -> Self {
        match finish.map(|finish| finish.reason) {
            Some(FinishReason::Length | FinishReason::ContextWindow) => Self::Incomplete("max_output_tokens"),
            Some(FinishReason::Safety) => Self::Incomplete("content_filter"),
            // A refusal that is told in a part of its own is a reply like any other.
            Some(FinishReason::Refusal) if !refused => Self::Incomplete("content_filter"),
            _ => Self::Completed,
        }
    }

    pub(in super::super) fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// About what a response object takes beside what it repeats and its output.
const OBJECT: usize = 1024;

/// What every response object of one reply says.
#[derive(Debug)]
pub(in super::super) struct Head {
    pub(in super::super) id: String,
    model: String,
    created: i64,
    tier: Option<String>,
    echo: Option<RequestEcho>,
}

impl Head {
    pub(in super::super) fn new(
        id: &str,
        model: &str,
        created: Option<i64>,
        tier: Option<&Text<'_>>,
        context: &ReplyContext,
    ) -> Self {
        Self {
            id: ids::response_id(id, context),
            model: shown_model(context, model).to_owned(),
            created: created.unwrap_or(context.created),
            tier: tier.map(|tier| tier.decoded().into_owned()).filter(|tier| is_tier(tier)),
            echo: context.request_echo.clone(),
        }
    }

    /// Writes the object. The output is the inside of a list.
    pub(in super::super) fn write(
        &self,
        w: &mut Writer,
        status: Status,
        error: Option<(&str, &str)>,
        output: &[u8],
        used: Option<&Usage>,
    ) {
        let echo = self.echo.as_ref().map_or(0, RequestEcho::size);
        w.reserve(OBJECT + echo + output.len());
        w.begin_object();
        w.field_string("id", &self.id);
        w.field_string("object", "response");
        w.field_signed("created_at", self.created);
        w.field_string("status", if error.is_some() { "failed" } else { status.as_str() });
        w.key("error");
        match error {
            Some((code, message)) => {
                w.begin_object();
                w.field_string("code", code);
                w.field_string("message", message);
                w.end_object();
            }
            None => w.null(),
        }
        w.key("incomplete_details");
        match status {
            Status::Incomplete(reason) if error.is_none() => {
                w.begin_object();
                w.field_string("reason", reason);
                w.end_object();
            }
            _ => w.null(),
        }
        w.field_string("model", &self.model);
        w.key("output");
        w.begin_array();
        if let Ok(output) = std::str::from_utf8(output)
            && !output.is_empty()
        {
            w.raw(output);
        }
        w.end_array();
        match &self.echo {
            Some(echo) => echo.write(w),
            None => w.members(echo::NO_ECHO),
        }
        if let Some(tier) = &self.tier {
            w.field_string("service_tier", tier);
        }
        if let Some(used) = used {
            w.key("usage");
            usage::write(w, used);
        }
        w.end_object();
    }
}

pub(in super::super) fn encode(response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
    if let Some(whole) = response.whole.as_ref().filter(|whole| is_family(whole.format)) {
        return patch::named_response(&whole.raw, context).into_owned().into_bytes();
    }
    let native = is_family(response.source);
    let tier = response.service_tier.as_ref();
    let head = Head::new(&response.id, &response.model, response.created, tier, context);
    let parts = response.candidates.iter().flat_map(|candidate| &candidate.parts);
    let refused = parts.clone().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let finish = response.candidates.first().and_then(|first| first.finish.as_ref());
    let status = Status::of(finish, refused);
    let logprobs = response.candidates.first().and_then(|first| first.logprobs.as_ref());
    let mut output = Output {
        context,
        native,
        head: &head,
        out: Vec::new(),
        next: 0,
        message: None,
        logprobs,
        searches: Pairs::default(),
        ending: "completed",
        cut: false,
    };
    let cut = response.candidates.first().is_some_and(never_came);
    let last = response.candidates.first().and_then(|first| first.parts.last());
    for part in parts {
        if last.is_some_and(|last| std::ptr::eq(last, part)) {
            (output.ending, output.cut) = (status.as_str(), cut);
        }
        output.part(part);
        (output.ending, output.cut) = ("completed", false);
    }
    output.close(status.as_str());
    let mut w = Writer::new(Vec::with_capacity(1024 + output.out.len()));
    // Source: translation.md E095: a whole reply has all counts, zero where nothing is known.
    let used = response.usage.unwrap_or_default();
    head.write(&mut w, status, None, &output.out, Some(&used));
    w.into_bytes()
}

/// The items of a reply.
struct Output<'o> {
    context: &'o ReplyContext,
    native: bool,
    head: &'o Head,
    /// The inside of the list.
    out: Vec<u8>,
    next: u32,
    message: Option<Message>,
    logprobs: Option<&'o Raw<'o>>,
    searches: Pairs,
    /// How the part stands that is written: the last one of a reply that was stopped is not whole.
    ending: &'static str,
    /// Its arguments never came.
    cut: bool,
}

/// Adjacent texts are one message with a part each (B66).
struct Message {
    id: String,
    parts: Vec<u8>,
}

impl Output<'_> {
    fn part(&mut self, part: &Part<'_>) {
        match &part.kind {
            PartKind::Text { text, citations } => {
                if text.is_empty() && citations.is_none() && part.signature.is_none() {
                    return;
                }
                let mut body = Vec::with_capacity(text.size_hint());
                text.write_body(&mut body);
                let annotations = annotations(citations.as_ref(), text.char_count());
                let logprobs = self.logprobs.take().map(|raw| tokens(raw)).unwrap_or_default();
                self.say(part, |w| text_part(w, &body, &annotations, &logprobs));
                self.carry(part.signature.as_ref());
            }
            PartKind::Refusal(text) => {
                let mut body = Vec::with_capacity(text.size_hint());
                text.write_body(&mut body);
                self.say(part, |w| refusal_part(w, &body));
            }
            PartKind::Reasoning(reasoning) => self.reasoning(part, reasoning),
            PartKind::ToolCall(call) => {
                self.call(part, call);
                self.carry(part.signature.as_ref());
            }
            PartKind::Media(media) => {
                if let MediaSource::Base64 { mime, data } = &media.source
                    && mime.starts_with("image/")
                {
                    let id = self.id(part, "ig_");
                    self.item(|w| image_item(w, &id, "completed", mime, Some(data)));
                }
            }
            PartKind::Server(ServerPart { format, raw, .. }) if is_family(format) => {
                self.item(|w| w.raw(raw.get()));
            }
            PartKind::Opaque(opaque) if is_family(opaque.format) => self.item(|w| w.raw(opaque.raw.get())),
            // A search is an item where the client knows them (F17); other tools of a provider take none (E083).
            PartKind::Server(server) if self.context.searches_web => {
                if let Some(search) = self.searches.take(server) {
                    self.item(|w| search_item(w, search));
                }
            }
            PartKind::Server(_) | PartKind::Opaque(_) | PartKind::ToolResult(_) => {}
        }
    }

    fn id(&self, part: &Part<'_>, prefix: &str) -> String {
        match part.id.as_ref().filter(|id| !id.is_empty()) {
            Some(id) => id.decoded().into_owned(),
            None => ids::derived(prefix, &self.head.id, self.next),
        }
    }

    /// Adds to the open message, or begins one.
    fn say(&mut self, part: &Part<'_>, write: impl FnOnce(&mut Writer)) {
        let other = match (&self.message, &part.id) {
            (Some(open), Some(id)) => !id.is_empty() && *id != *open.id,
            _ => false,
        };
        if other {
            self.close("completed");
        }
        if self.message.is_none() {
            self.message = Some(Message { id: self.id(part, "msg_"), parts: Vec::new() });
            self.next += 1;
        }
        let Some(message) = &mut self.message else { return };
        if !message.parts.is_empty() {
            message.parts.push(b',');
        }
        let mut w = Writer::new(std::mem::take(&mut message.parts));
        write(&mut w);
        message.parts = w.into_bytes();
    }

    fn close(&mut self, status: &str) {
        if let Some(message) = self.message.take() {
            self.push(|w| message_item(w, &message.id, status, &message.parts));
        }
    }

    /// An item that is no message.
    fn item(&mut self, write: impl FnOnce(&mut Writer)) {
        self.close("completed");
        self.next += 1;
        self.push(write);
    }

    fn push(&mut self, write: impl FnOnce(&mut Writer)) {
        if !self.out.is_empty() {
            self.out.push(b',');
        }
        let mut w = Writer::new(std::mem::take(&mut self.out));
        write(&mut w);
        self.out = w.into_bytes();
    }

    fn reasoning(&mut self, part: &Part<'_>, reasoning: &Reasoning<'_>) {
        self.close("completed");
        let id = self.id(part, "rs_");
        let state = match &reasoning.redacted {
            Some(data) => Some(Cow::Owned(carrier::redacted(data))),
            None => part
                .signature
                .as_ref()
                .map(|signature| carrier::for_client(signature, reasoning.bind, self.native)),
        };
        let summary = typed("summary_text", &reasoning.summary);
        let content = typed("reasoning_text", &reasoning.raw);
        self.item(|w| reasoning_item(w, &id, &summary, &content, state.as_deref()));
    }

    fn call(&mut self, part: &Part<'_>, call: &ToolCall<'_>) {
        self.close("completed");
        let freeform = matches!(call.args, Args::Freeform(_));
        let call_id = match call.id.is_empty() {
            false => call.id.decoded().into_owned(),
            true => ids::derived("call_", &self.head.id, self.next),
        };
        let mut head = CallHead::new(String::new(), call_id, &call.name, freeform, self.context);
        head.id = self.id(part, CallHead::prefix(head.custom));
        let mut body = Vec::new();
        match (&call.args, head.custom) {
            (Args::Freeform(text), true) => text.write_body(&mut body),
            (Args::Freeform(text), false) => Text::plain(wrap_custom_input(text)).write_body(&mut body),
            // No `{}` for what never came (E186).
            (_, _) if self.cut => {}
            (args, true) => {
                unwrapped(&json_text(args)).write_body(&mut body);
            }
            (args, false) => json_text(args).write_body(&mut body),
        }
        let status = self.ending;
        self.item(|w| call_item(w, &head, status, &body));
    }

    /// A state of Gemini on a text or call, which has no slot here, follows in an item of its own (B33, B34).
    fn carry(&mut self, signature: Option<&Signature<'_>>) {
        let Some(signature) = signature else { return };
        self.close("completed");
        let id = ids::derived("rs_", &self.head.id, self.next);
        let state = carrier::for_client(signature, Bind::Previous, false);
        self.item(|w| reasoning_item(w, &id, b"", b"", Some(&state)));
    }
}

/// A search that ran at another provider. Source: translation.md B85, F17.
pub(in super::super) fn search_item(w: &mut Writer, search: Search) {
    let id = search.id.as_deref().map(|id| format!("ws_{}", id.strip_prefix("srvtoolu_").unwrap_or(id)));
    Search { id, ..search }.write(w);
}

/// The inside of a list of typed texts.
fn typed(kind: &str, texts: &[Text<'_>]) -> Vec<u8> {
    let mut w = Writer::default();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        w.begin_object();
        w.field_string("type", kind);
        w.field_text("text", text);
        w.end_object();
    }
    w.into_bytes()
}

/// The inside of the list of annotations of a text.
fn annotations(citations: Option<&Raw<'_>>, end: usize) -> Vec<u8> {
    let items: Vec<&serde_json::value::RawValue> =
        citations.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let mut w = Writer::default();
    for json in items.into_iter().filter_map(|raw| annotation(raw, 0, end)) {
        w.raw(&json);
    }
    w.into_bytes()
}

/// The inside of the list of log probabilities: Chat Completions has it under `content` (F50).
pub(in super::super) fn tokens(raw: &Raw<'_>) -> Vec<u8> {
    let json = raw.get();
    let list = match json.as_bytes().first() {
        Some(b'[') => Some(json),
        _ => TopLevel::scan(json.as_bytes()).ok().and_then(|object| object.raw("content").ok().flatten()),
    };
    let inside = list.and_then(|list| list.strip_prefix('[')).and_then(|list| list.strip_suffix(']'));
    inside.map(str::trim).unwrap_or_default().as_bytes().to_vec()
}
