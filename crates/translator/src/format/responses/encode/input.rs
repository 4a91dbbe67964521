//! `instructions` and `input`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::keep::replays;
use super::part::{self, Side};
use super::{Arrangement, Target, role_name};
use crate::format::responses::{ids, is_family};
use crate::json::{Extras, Text, Writer};
use crate::model::{Part, PartKind, Reasoning, Request, Role, Signature, ToolCall, ToolResult, Turn};
use crate::pass::args;
use crate::pass::ids::generated_id;
use crate::pass::turns::{OutPart, OutTurn};

/// Items as they came: one per turn, with everything that the format knows of them.
pub(super) fn write_native(w: &mut Writer, target: &Target<'_>, request: &Request<'_>) {
    let whole = request.extras.iter().find(|(key, _)| key == "instructions");
    match (whole, request.instructions.as_slice()) {
        (Some((_, raw)), _) => w.field_raw("instructions", raw.get()),
        (None, []) if target.is_codex() => w.field_string("instructions", ""),
        (None, []) => {}
        (None, parts) => {
            w.key("instructions");
            w.texts(parts.iter().filter_map(Part::as_text).map(Text::reborrow));
        }
    }
    w.key("input");
    if let [only] = request.turns.as_slice()
        && let [part] = only.parts.as_slice()
        && let Some(text) = part.as_text()
        && only.plain
        && only.role == Role::User
        && only.extras.is_empty()
        && !target.is_codex()
    {
        return w.text(text);
    }
    w.begin_array();
    let mut items = Items::new(w, target);
    for turn in &request.turns {
        items.native(turn);
    }
    w.end_array();
}

/// A conversation of another format. Codex has its instructions as a developer's message (A.2, E211).
pub(super) fn write_foreign(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    arranged: &Arrangement<'_>,
) {
    if target.is_codex() {
        w.field_string("instructions", "");
    } else if !arranged.system.is_empty() {
        w.key("instructions");
        let mut pieces = Vec::with_capacity(arranged.system.len() * 2);
        for text in arranged.system.iter().filter_map(|part| part.part().as_text()) {
            if !pieces.is_empty() {
                pieces.push(Text::plain("\n\n"));
            }
            pieces.push(text.reborrow());
        }
        w.texts(pieces);
    }
    w.key("input");
    w.begin_array();
    if target.is_codex() && !arranged.system.is_empty() {
        write_message(w, target, "developer", &arranged.system.iter().collect::<Vec<_>>());
    }
    let before = !arranged.turns.is_empty() || target.is_codex() && !arranged.system.is_empty();
    let mut items = Items::new(w, target);
    for (index, turn) in arranged.turns.iter().enumerate() {
        items.foreign(turn, index);
    }
    if !before && !request.instructions.is_empty() {
        // An empty input is refused (B26).
        let neutral = OutPart::made(Part::text(crate::pass::turns::NEUTRAL));
        write_message(w, target, "user", &[&neutral]);
    }
    w.end_array();
}

struct Items<'w, 't, 'n, 'r> {
    w: &'w mut Writer,
    target: &'t Target<'n>,
    calls: Calls<'r>,
}

/// The calls that were written, and which of them have no answer yet. There may be any number of them under one id: each
/// answer finds its call in a step or two.
#[derive(Default)]
struct Calls<'r> {
    written: Vec<Written<'r>>,
    /// All before it are answered.
    open: usize,
    ids: HashMap<Cow<'r, str>, Uses>,
}

struct Written<'r> {
    id: Cow<'r, str>,
    answered: bool,
    /// The next one with this id.
    next: Option<usize>,
}

/// The calls of one id.
struct Uses {
    /// Whether the last of them was free text: an answer is of its call's family (E277 to E280).
    custom: bool,
    /// The first of them, or one behind it: all between are answered.
    open: Option<usize>,
    last: usize,
}

impl<'r> Calls<'r> {
    fn add(&mut self, id: Cow<'r, str>, custom: bool) {
        let place = self.written.len();
        self.written.push(Written { id: id.clone(), answered: false, next: None });
        let uses = self.ids.entry(id).or_insert(Uses { custom, open: None, last: place });
        if uses.last != place
            && let Some(last) = self.written.get_mut(uses.last)
        {
            last.next = Some(place);
        }
        uses.custom = custom;
        uses.open = uses.open.or(Some(place));
        uses.last = place;
    }

    /// Gives the first call of this id its answer, if one waits for it.
    fn answer(&mut self, id: &str) {
        let Some(uses) = self.ids.get_mut(id) else { return };
        while let Some(call) = uses.open.and_then(|place| self.written.get_mut(place)) {
            uses.open = call.next;
            if !std::mem::replace(&mut call.answered, true) {
                return;
            }
        }
    }

    /// The id of the first call without an answer, which it has now.
    fn next(&mut self) -> Option<Cow<'r, str>> {
        let waiting = self.written.iter().skip(self.open).position(|call| !call.answered);
        self.open = waiting.map_or(self.written.len(), |more| self.open + more);
        let call = self.written.get_mut(self.open)?;
        call.answered = true;
        Some(call.id.clone())
    }

    fn is_custom(&self, id: &str) -> bool {
        self.ids.get(id).is_some_and(|uses| uses.custom)
    }
}

impl<'w, 't, 'n, 'r> Items<'w, 't, 'n, 'r> {
    fn new(w: &'w mut Writer, target: &'t Target<'n>) -> Self {
        Self { w, target, calls: Calls::default() }
    }

    fn native(&mut self, turn: &'r Turn<'r>) {
        let is_message = turn.parts.iter().all(|part| part.id.is_none()) && turn.role != Role::Tool;
        if is_message {
            let w = &mut *self.w;
            w.begin_object();
            w.field_string("type", "message");
            w.field_string("role", role_name(self.target, turn.role));
            w.key("content");
            match turn.parts.as_slice() {
                [only] if turn.plain && only.as_text().is_some() => {
                    w.texts(only.as_text().map(Text::reborrow));
                }
                parts => {
                    w.begin_array();
                    let side = Side::of(turn.role);
                    for part in parts {
                        part::write(w, self.target, side, part, part.cache.as_ref());
                    }
                    w.end_array();
                }
            }
            write_extras(w, &turn.extras);
            if let Some(mark) = turn.cache.as_ref().filter(|_| !self.target.is_codex()) {
                w.field_raw("cache_control", mark.raw.get());
            }
            w.end_object();
            return;
        }
        for (place, part) in turn.parts.iter().enumerate() {
            self.item(part, 0, place);
        }
    }

    fn foreign(&mut self, turn: &'r OutTurn<'r>, index: usize) {
        let mut said: Vec<&OutPart<'_>> = Vec::new();
        let role = role_name(self.target, turn.role);
        for (place, out) in turn.parts.iter().enumerate() {
            let part = out.part();
            match &part.kind {
                PartKind::Text { .. } | PartKind::Refusal(_) | PartKind::Media(_) => said.push(out),
                _ => {
                    // The order of a turn is kept (E222).
                    if !said.is_empty() {
                        write_message(self.w, self.target, role, &std::mem::take(&mut said));
                    }
                    self.item(part, index, place);
                }
            }
        }
        if !said.is_empty() {
            write_message(self.w, self.target, role, &said);
        }
    }

    /// Everything that is an item of its own.
    fn item(&mut self, part: &'r Part<'r>, turn: usize, place: usize) {
        match &part.kind {
            PartKind::ToolCall(call) => self.call(part, call, turn, place),
            PartKind::ToolResult(result) => self.result(part, result),
            PartKind::Reasoning(reasoning) => write_reasoning(self.w, self.target, part, reasoning),
            PartKind::Server(server) if is_family(server.format) => self.w.raw(server.raw.get()),
            PartKind::Opaque(opaque) if is_family(opaque.format) => self.w.raw(opaque.raw.get()),
            _ => {}
        }
    }

    fn call(&mut self, part: &'r Part<'r>, call: &'r ToolCall<'r>, turn: usize, place: usize) {
        let id = match call.id.is_empty() {
            false => match call.id.decoded() {
                Cow::Borrowed(id) => ids::call_id(id),
                Cow::Owned(id) => Cow::Owned(ids::call_id(&id).into_owned()),
            },
            // The same conversation always gives the same id (B4, B17).
            true => {
                let arguments = args::json_text(&call.args);
                let (turn, place) = (turn.to_string(), place.to_string());
                Cow::Owned(generated_id("call_", &[&turn, &place, &call.name, &arguments.decoded()]))
            }
        };
        let freeform = matches!(call.args, crate::model::Args::Freeform(_));
        let custom = match self.target.native {
            // What the client wrote is what the provider knows.
            true => freeform,
            false => self.target.is_custom(&call.name, freeform),
        };
        let w = &mut *self.w;
        w.begin_object();
        w.field_string("type", if custom { "custom_tool_call" } else { "function_call" });
        write_id(w, part);
        w.field_string("call_id", &id);
        match &call.namespace {
            Some(space) => {
                w.field_string("name", &space.local);
                w.field_string("namespace", &space.name);
            }
            None => w.field_string("name", self.target.names.wire(&call.name)),
        }
        if custom {
            w.field_text("input", &args::freeform(&call.args));
        } else {
            w.key("arguments");
            args::write_arguments_string(w, &call.args);
        }
        if self.target.native {
            write_extras(w, &part.extras);
        }
        w.end_object();
        self.calls.add(id, custom);
    }

    fn result(&mut self, part: &'r Part<'r>, result: &'r ToolResult<'r>) {
        let own = match result.call_id.decoded() {
            Cow::Borrowed(id) => ids::call_id(id),
            Cow::Owned(id) => Cow::Owned(ids::call_id(&id).into_owned()),
        };
        // An empty id is that of the first call without an answer (B17).
        let id = match own.is_empty() {
            true => self.calls.next().unwrap_or(own),
            false => {
                self.calls.answer(&own);
                own
            }
        };
        let custom = self.calls.is_custom(&id);
        let w = &mut *self.w;
        w.begin_object();
        w.field_string("type", if custom { "custom_tool_call_output" } else { "function_call_output" });
        write_id(w, part);
        w.field_string("call_id", &id);
        w.key("output");
        part::write_output(w, self.target, result);
        if self.target.native {
            write_extras(w, &part.extras);
        }
        w.end_object();
    }
}

fn write_message(w: &mut Writer, target: &Target<'_>, role: &str, parts: &[&OutPart<'_>]) {
    w.begin_object();
    w.field_string("type", "message");
    w.field_string("role", role);
    w.key("content");
    w.begin_array();
    let side = if role == "assistant" { Side::Output } else { Side::Input };
    for out in parts {
        part::write(w, target, side, out.part(), None);
    }
    w.end_array();
    w.end_object();
}

fn write_id(w: &mut Writer, part: &Part<'_>) {
    if let Some(id) = part.id.as_ref().filter(|id| !id.is_empty()) {
        w.field_string("id", &ids::item_id(&id.decoded()));
    }
}

fn write_extras(w: &mut Writer, extras: &Extras<'_>) {
    for (key, raw) in extras {
        w.field_raw(key, raw.get());
    }
}

/// A reasoning item; nothing where only a foreign state would remain (B30).
fn write_reasoning(w: &mut Writer, target: &Target<'_>, part: &Part<'_>, reasoning: &Reasoning<'_>) {
    let state: Option<&Signature<'_>> =
        part.signature.as_ref().filter(|signature| replays(target, signature));
    if part.signature.is_some() && state.is_none() || reasoning.redacted.is_some() {
        return;
    }
    w.begin_object();
    w.field_string("type", "reasoning");
    write_id(w, part);
    w.key("summary");
    w.begin_array();
    // Foreign thoughts are no summary of the provider's: its own state says it all (E220).
    let tells = target.native || state.is_none();
    for text in reasoning.summary.iter().filter(|_| tells) {
        part::write_typed_text(w, "summary_text", text);
    }
    w.end_array();
    if target.native && !reasoning.raw.is_empty() {
        w.key("content");
        w.begin_array();
        for text in &reasoning.raw {
            part::write_typed_text(w, "reasoning_text", text);
        }
        w.end_array();
    }
    match state {
        Some(signature) => w.field_text("encrypted_content", &signature.value),
        // What services that keep unsigned thoughts expect (E226).
        None if !target.native => w.field_string("encrypted_content", ""),
        None => {}
    }
    if target.native {
        write_extras(w, &part.extras);
    }
    w.end_object();
}
