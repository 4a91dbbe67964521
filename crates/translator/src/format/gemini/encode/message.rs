//! Contents. Source: translation.md B12, B18 to B21, B24, B31, B35.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::bind::{Bound, bind};
use super::part::{self, STORED};
use super::{Content, Target};
use crate::format::gemini::carrier::SENTINELS;
use crate::format::gemini::decode::ROLE;
use crate::format::gemini::dialect::Maker;
use crate::format::gemini::hygiene::{needs_signatures, neutral_content};
use crate::json::{Text, Writer};
use crate::model::{Media, MediaSource, Part, PartKind, Role, ToolCall, ToolResult};
use crate::pass::call_ids::is_derived;
use crate::pass::media::{DataUrl, titled};
use crate::pass::turns::CallUse;

pub(super) fn write_all(w: &mut Writer, target: &Target<'_>, turns: &[Content<'_, '_>]) {
    w.begin_array();
    // A call has to follow the user. Source: providers-a.md 4.2 [H].
    if turns.first().is_some_and(|first| first.role == Role::Assistant) {
        w.raw(&neutral_content());
    }
    let mut calls = VecDeque::new();
    for content in turns {
        write_content(w, target, content, &mut calls);
    }
    w.end_array();
}

/// A call that was written: its id and its tool.
type Called<'c> = (Cow<'c, str>, &'c str);

fn write_content<'c>(
    w: &mut Writer,
    target: &Target<'_>,
    content: &Content<'c, '_>,
    called: &mut VecDeque<Called<'c>>,
) {
    w.begin_object();
    w.field_string("role", if content.role == Role::Assistant { "model" } else { "user" });
    w.key("parts");
    w.begin_array();
    let mut first = true;
    let mut siblings = Vec::new();
    let bound = bind(content.parts, target);
    for bound in bound.iter().filter(|bound| !bound.spent) {
        let part = bound.part;
        match &part.kind {
            PartKind::ToolCall(call) => {
                if first {
                    called.clear();
                }
                called.push_back((call.id.decoded(), &call.name));
                write_call(w, target, bound, call, std::mem::take(&mut first));
            }
            PartKind::ToolResult(result) => {
                let name = name_of(result, called);
                write_result(w, target, bound, (result, &name), &mut siblings);
            }
            _ => part::write(w, target, part, bound.signature),
        }
    }
    for media in siblings {
        part::write_media(w, target, &Part::new(PartKind::Media(media)), None);
    }
    w.end_array();
    if target.family
        && let Some(turn) = content.turn
    {
        for (key, raw) in turn.extras.iter().filter(|(key, _)| key != ROLE) {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
}

/// An id goes along where the client itself set it: other versions of the API refuse the member.
/// Source: providers-a.md 6.4 [H].
fn write_id(w: &mut Writer, target: &Target<'_>, call: Option<CallUse<'_>>) {
    let Some(CallUse { id, nth }) = call else { return };
    // Antigravity keeps them, and Claude's models want them. Source: translation.md A.4.
    if target.dialect.is_antigravity() {
        if !id.is_empty() {
            w.field_string("id", &target.ids.of_use(&id.decoded(), nth));
        }
    } else if target.family && !id.is_empty() && !is_derived(id) {
        w.field_text("id", id);
    }
}

/// In each content the first call must be signed, its siblings are as Gemini signed them (B31).
fn write_call(
    w: &mut Writer,
    target: &Target<'_>,
    &Bound { part, signature, call: used, .. }: &Bound<'_>,
    call: &ToolCall<'_>,
    first: bool,
) {
    w.begin_object();
    w.key("functionCall");
    w.begin_object();
    write_id(w, target, used);
    w.field_string("name", target.names.wire(&call.name));
    w.field_raw("args", &target.objects.of(&call.args));
    part::write_nested(w, target, part, "functionCall.");
    w.end_object();
    match signature {
        Some(signature) => part::write_signature(w, target, signature),
        None if first && target.maker == Maker::Google && needs_signatures(&target.profile.model) => {
            w.field_string("thoughtSignature", SENTINELS[0])
        }
        None => {}
    }
    part::write_extras(w, target, part);
    w.end_object();
}

fn write_result<'r>(
    w: &mut Writer,
    target: &Target<'_>,
    bound: &Bound<'_>,
    (result, name): (&'r ToolResult<'r>, &str),
    siblings: &mut Vec<Media<'r>>,
) {
    let part = bound.part;
    let (texts, media) = pieces(result, target.family);
    w.begin_object();
    w.key("functionResponse");
    w.begin_object();
    write_id(w, target, bound.call);
    w.field_string("name", target.names.wire(name));
    w.key("response");
    match part.extras.iter().find(|(key, _)| target.family && key == "functionResponse.response") {
        Some((_, raw)) => w.raw(raw.get()),
        None => write_response(w, result, target.dialect.result_key(), &texts),
    }
    if !media.is_empty() {
        if takes_media_in_results(&target.profile.model) {
            w.key("parts");
            w.begin_array();
            for media in media {
                part::write_media(w, target, &Part::new(PartKind::Media(media)), None);
            }
            w.end_array();
        } else {
            siblings.extend(media);
        }
    }
    part::write_nested(w, target, part, "functionResponse.");
    w.end_object();
    part::write_extras(w, target, part);
    w.end_object();
}

/// Since Gemini 3 results hold media themselves; before, they stand beside them (B21).
fn takes_media_in_results(model: &str) -> bool {
    !(model.starts_with("gemini-1") || model.starts_with("gemini-2"))
}

/// The name of the tool: its own, or that of the call with its id; an id stands in for one that nobody knows. Results
/// come in the order of their calls. Source: translation.md B19, E465, E466.
fn name_of<'r>(result: &'r ToolResult<'_>, called: &mut VecDeque<Called<'r>>) -> Cow<'r, str> {
    let id = result.call_id.decoded();
    let at = match id.is_empty() {
        true => (!called.is_empty()).then_some(0),
        false => called.iter().position(|(known, _)| *known == id),
    };
    let call = at.and_then(|at| called.remove(at)).map(|(_, name)| name);
    if let Some(name) = result.name.as_deref().filter(|name| !name.is_empty()).or(call) {
        return Cow::Borrowed(name);
    }
    let mut name = &*id;
    while let Some((head, tail)) = name.rsplit_once('-') {
        if head.is_empty() || tail.is_empty() || !tail.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        name = head;
    }
    match name.is_empty() {
        true => Cow::Borrowed("tool"),
        false => Cow::Owned(name.to_owned()),
    }
}

/// `{"output":…}`, or `{"error":…}`: one text is a string, several are an array, JSON stays JSON (B20).
fn write_response(w: &mut Writer, result: &ToolResult<'_>, key: &str, texts: &[Text<'_>]) {
    w.begin_object();
    w.key(if result.is_error == Some(true) { "error" } else { key });
    match (&result.raw, texts) {
        (Some(raw), _) => w.raw(raw.get()),
        (None, []) => w.string(""),
        (None, [only]) => w.text(only),
        (None, several) => {
            w.begin_array();
            several.iter().for_each(|text| w.text(text));
            w.end_array();
        }
    }
    w.end_object();
}

/// Whether a result holds a medium itself, or only names it: what has no data here (E345), and what has to be fetched.
pub(super) fn is_shown(media: &Media<'_>, family: bool) -> bool {
    match &media.source {
        MediaSource::Base64 { data, .. } => !data.is_empty(),
        MediaSource::Url(url) => family || DataUrl::parse(&url.decoded()).is_some(),
        MediaSource::File(_) => family,
        MediaSource::Text(_) | MediaSource::Parts(_) => true,
    }
}

/// What a tool said, and what it showed.
fn pieces<'r>(result: &'r ToolResult<'r>, family: bool) -> (Vec<Text<'r>>, Vec<Media<'r>>) {
    let (mut texts, mut media) = (Vec::new(), Vec::new());
    for part in &result.content {
        piece(part, family, &mut texts, &mut media);
    }
    (texts, media)
}

fn piece<'r>(part: &'r Part<'r>, family: bool, texts: &mut Vec<Text<'r>>, media: &mut Vec<Media<'r>>) {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) if !text.is_empty() => {
            texts.push(text.reborrow())
        }
        PartKind::Media(found) => match &found.source {
            MediaSource::Text(text) => texts.push(titled(found, text)),
            MediaSource::Parts(parts) => parts.iter().for_each(|part| piece(part, family, texts, media)),
            _ if is_shown(found, family) => media.push(found.clone()),
            MediaSource::Url(url) => texts.push(url.reborrow()),
            MediaSource::File(_) => texts.push(Text::plain(STORED)),
            MediaSource::Base64 { .. } => {}
        },
        PartKind::Opaque(opaque) => texts.push(Text::plain(opaque.raw.get())),
        PartKind::Server(server) => texts.push(Text::plain(server.raw.get())),
        _ => {}
    }
}
