//! Messages.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

use super::super::{CHAT, call};
use super::Target;
use super::part::{self, Piece};
use crate::json::{Text, Writer};
use crate::model::{Media, MediaClass, Part, PartKind, Request, Role, ToolCall, ToolResult};
use crate::pass::args;
use crate::pass::ids::{generated_id, shortened};
use crate::pass::turns::{Arranged, OutPart, OutTurn};

/// The longest id of a call that OpenAI takes: it answers 400 to "string too long".
const LONGEST_ID: usize = 40;

const NO_IMAGE: &str = "[an image that this model cannot see]";

pub(super) fn write_all(w: &mut Writer, target: &Target<'_>, request: &Request<'_>, arranged: &Arranged<'_>) {
    w.begin_array();
    if !arranged.system.is_empty() {
        // One message with all of them (E117).
        w.begin_object();
        w.field_string("role", "system");
        write_content(w, target, &arranged.system, request.instructions_plain);
        w.end_object();
    }
    let mut messages = Messages { target, ids: VecDeque::new(), follow_up: Vec::new() };
    for (index, turn) in arranged.turns.iter().enumerate() {
        messages.write(w, turn, index);
    }
    messages.write_follow_up(w);
    w.end_array();
}

struct Messages<'t, 'n, 'r> {
    target: &'t Target<'n>,
    /// The ids of the calls that were written and not answered yet, as the client has them and as they went out.
    ids: VecDeque<(Cow<'r, str>, Cow<'r, str>)>,
    /// Media of tool results, for a user message behind the results.
    follow_up: Vec<(Cow<'r, str>, &'r Media<'r>)>,
}

impl<'r> Messages<'_, '_, 'r> {
    fn write(&mut self, w: &mut Writer, turn: &'r OutTurn<'r>, index: usize) {
        if turn.role != Role::Tool {
            self.write_follow_up(w);
        }
        match turn.role {
            Role::Tool => {
                for part in &turn.parts {
                    if let PartKind::ToolResult(result) = &part.part().kind {
                        self.write_result(w, result, part);
                    }
                }
            }
            Role::Assistant => self.write_assistant(w, turn, index),
            Role::System | Role::Developer | Role::User => {
                w.begin_object();
                w.field_string("role", role_name(self.target, turn.role));
                if let Some(name) = turn.name {
                    w.field_text("name", name);
                }
                write_content(w, self.target, &turn.parts, turn.plain);
                write_extras(w, self.target, turn);
                w.end_object();
            }
        }
    }

    fn write_assistant(&mut self, w: &mut Writer, turn: &'r OutTurn<'r>, index: usize) {
        let calls: Vec<(&'r Part<'r>, &'r ToolCall<'r>)> = turn
            .parts
            .iter()
            .filter_map(|part| match &part.part().kind {
                PartKind::ToolCall(call) => Some((part.part(), call)),
                _ => None,
            })
            .collect();
        w.begin_object();
        w.field_string("role", "assistant");
        if let Some(name) = turn.name {
            w.field_text("name", name);
        }
        write_said(w, self.target, turn, !calls.is_empty());
        self.ids.clear();
        if !calls.is_empty() {
            w.key("tool_calls");
            w.begin_array();
            for (place, (part, call)) in calls.into_iter().enumerate() {
                self.write_call(w, part, call, index, place);
            }
            w.end_array();
        }
        write_extras(w, self.target, turn);
        w.end_object();
    }

    fn write_call(
        &mut self,
        w: &mut Writer,
        part: &'r Part<'r>,
        call: &'r ToolCall<'r>,
        turn: usize,
        place: usize,
    ) {
        let own = call.id.decoded();
        let id = match own.is_empty() {
            false => self.wire_id(own.clone()),
            // The same conversation always gives the same id (B4).
            true => {
                let arguments = args::json_text(&call.args);
                let place = [turn.to_string(), place.to_string()];
                let [turn, place] = &place;
                Cow::Owned(generated_id("call_", &[turn, place, &call.name, &arguments.decoded()]))
            }
        };
        w.begin_object();
        w.field_string("id", &id);
        self.ids.push_back((own, id));
        let name = self.target.names.wire(&call.name);
        // Only the call itself has room for what was beside its parts.
        call::write_callee(w, name, &call.args, self.target.is_custom(&call.name));
        if self.target.extensions() {
            for (key, raw) in part.extras.iter().filter(|(key, _)| !key.starts_with("function.")) {
                w.field_raw(key, raw.get());
            }
        }
        w.end_object();
    }

    fn write_result(&mut self, w: &mut Writer, result: &'r ToolResult<'r>, part: &OutPart<'_>) {
        let id = self.id_of(result);
        let mut pieces = Vec::new();
        pieces.extend(result.raw.as_ref().map(|raw| Piece::Text(Text::plain(raw.get()))));
        part::pieces(&result.content, &mut pieces);
        let images = !self.target.profile.strict && !self.target.is_blind();
        let mut texts = Vec::new();
        let mut inline: Vec<&Media<'_>> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => texts.push(text),
                Piece::Media(media) if media.class == MediaClass::Image && self.target.is_blind() => {
                    texts.push(Text::plain(NO_IMAGE));
                }
                Piece::Media(media) if !self.target.shows(media) => {
                    texts.push(Text::plain("[a file that cannot be sent to this provider]"));
                }
                Piece::Media(media) if media.class == MediaClass::Image && images => inline.push(media),
                // Officially a tool says only text: what else it returned follows as the user's.
                Piece::Media(media) => self.follow_up.push((id.clone(), media)),
            }
        }
        if result.is_error == Some(true) {
            mark_failed(&mut texts);
        }
        w.begin_object();
        w.field_string("role", "tool");
        w.field_string("tool_call_id", &id);
        w.key("content");
        let listed = self.target.own && texts.len() > 1;
        if inline.is_empty() && !listed {
            write_joined(w, &texts);
        } else {
            // Source: translation.md B21, E121, E122.
            w.begin_array();
            texts.iter().filter(|text| !text.is_empty()).for_each(|text| part::write_text(w, text));
            inline.iter().for_each(|media| part::write_media(w, self.target, media, None));
            w.end_array();
        }
        if self.target.extensions()
            && let Some(mark) = part.cache()
        {
            w.field_raw("cache_control", mark.raw.get());
        }
        w.end_object();
    }

    /// The id of the call it answers: its own, or that of the first call without an answer (B17).
    fn id_of(&mut self, result: &'r ToolResult<'r>) -> Cow<'r, str> {
        let own = result.call_id.decoded();
        let place = match own.is_empty() {
            true => 0,
            false => self.ids.iter().position(|(known, _)| *known == own).unwrap_or(usize::MAX),
        };
        self.ids.remove(place).map_or_else(|| self.wire_id(own), |(_, id)| id)
    }

    /// An id within the provider's limit.
    fn wire_id(&self, id: Cow<'r, str>) -> Cow<'r, str> {
        let is_short = self.target.profile.strict || self.target.profile.short_call_ids;
        if is_short { shortened(id, LONGEST_ID) } else { id }
    }

    fn write_follow_up(&mut self, w: &mut Writer) {
        let media = std::mem::take(&mut self.follow_up);
        if media.is_empty() {
            return;
        }
        w.begin_object();
        w.field_string("role", "user");
        w.key("content");
        w.begin_array();
        let mut last: Option<Cow<'_, str>> = None;
        for (id, media) in media {
            if last.as_ref() != Some(&id) {
                part::write_text(w, &Text::plain(format!("Returned by tool call {id}:")));
            }
            part::write_media(w, self.target, media, None);
            last = Some(id);
        }
        w.end_array();
        w.end_object();
    }
}

/// Source: translation.md B22: once.
fn mark_failed(texts: &mut Vec<Text<'_>>) {
    const MARK: &str = "Error: ";
    match texts.first_mut() {
        Some(first) if first.decoded().starts_with(MARK.trim_end()) => {}
        Some(first) => {
            let mut marked = Text::plain(MARK).into_owned();
            first.push_onto(&mut marked);
            *first = marked;
        }
        None => texts.push(Text::plain(MARK)),
    }
}

/// Texts of a tool as one string: a blank line keeps them apart.
fn write_joined(w: &mut Writer, texts: &[Text<'_>]) {
    let mut joined = Vec::with_capacity(texts.len() * 2);
    for text in texts.iter().filter(|text| !text.is_empty()) {
        if !joined.is_empty() {
            joined.push(Text::plain("\n\n"));
        }
        joined.push(text.reborrow());
    }
    w.texts(joined);
}

fn role_name(target: &Target<'_>, role: Role) -> &'static str {
    match role {
        Role::Developer if target.profile.developer_role => "developer",
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

/// `content`: a string where it is one text, else a list.
fn write_content(w: &mut Writer, target: &Target<'_>, parts: &[OutPart<'_>], plain: bool) {
    w.key("content");
    if let [only] = parts
        && let Some(text) = only.part().as_text()
        && (plain || !target.own)
        && !part::has_attachments(target, only)
    {
        return w.text(text);
    }
    w.begin_array();
    parts.iter().for_each(|part| part::write(w, target, part));
    w.end_array();
}

/// What an assistant said: text, refusal, thoughts, the sound of it.
fn write_said(w: &mut Writer, target: &Target<'_>, turn: &OutTurn<'_>, calls: bool) {
    let texts: Vec<_> = turn.parts.iter().filter(|part| part.part().as_text().is_some()).collect();
    let refusals = turn.parts.iter().filter_map(|part| match &part.part().kind {
        PartKind::Refusal(text) => Some(text.reborrow()),
        _ => None,
    });
    let refusals: Vec<_> = refusals.collect();
    let audio = turn.parts.iter().find_map(|part| match &part.part().kind {
        PartKind::Opaque(opaque) if opaque.format == CHAT && opaque.kind == "audio" => Some(opaque.raw.get()),
        _ => None,
    });
    w.key("content");
    match texts.as_slice() {
        [] if calls || !refusals.is_empty() || audio.is_some() => w.null(),
        [] => w.string(""),
        [only] if (turn.plain || !target.own) && !part::has_attachments(target, only) => {
            w.texts(only.part().as_text().map(Text::reborrow));
        }
        several => {
            w.begin_array();
            several.iter().for_each(|text| part::write(w, target, text));
            w.end_array();
        }
    }
    if !refusals.is_empty() {
        w.key("refusal");
        w.texts(refusals);
    }
    write_reasoning(w, turn);
    if let Some(audio) = audio {
        w.field_raw("audio", audio);
    }
}

/// Thoughts joined by blank lines (B36); what was thought twice is told once (E153).
fn write_reasoning(w: &mut Writer, turn: &OutTurn<'_>) {
    let mut pieces: Vec<Text<'_>> = Vec::new();
    let mut told: HashSet<Vec<Cow<'_, str>>> = HashSet::new();
    for part in &turn.parts {
        let PartKind::Reasoning(reasoning) = &part.part().kind else { continue };
        // The summary is what other formats call the text; the raw chain stands in where there is none.
        let texts = if reasoning.summary.is_empty() { &reasoning.raw } else { &reasoning.summary };
        if !told.insert(texts.iter().map(Text::decoded).collect()) {
            continue;
        }
        for text in texts.iter().filter(|text| !text.is_empty()) {
            if !pieces.is_empty() {
                pieces.push(Text::plain("\n\n"));
            }
            pieces.push(text.reborrow());
        }
    }
    if !pieces.is_empty() {
        w.key("reasoning_content");
        w.texts(pieces);
    }
}

fn write_extras(w: &mut Writer, target: &Target<'_>, turn: &OutTurn<'_>) {
    if target.extensions() {
        for (key, raw) in turn.extras {
            w.field_raw(key, raw.get());
        }
    }
}
