//! Tool arguments between their three forms: a JSON value, JSON inside a string, free text.
//! Source: translation.md B10, B92.

use std::borrow::Cow;
use std::cell::Cell;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::finish;
use crate::codec::CodecError;
use crate::json::{Progress, Text, Writer};
use crate::loss::{ARGUMENTS, Loss, NONE_LEFT, loss};
use crate::model::{Args, Candidate, Part, PartKind};
use crate::splice::TopLevel;

/// The arguments as a JSON object, for formats that demand one. What is not an object is repaired where single
/// quotes are all that is wrong, and is `{}` otherwise: a request never fails for it (B92). Free text goes under
/// `input` (B10).
#[must_use]
pub fn json_object<'a>(args: &'a Args<'_>) -> Cow<'a, str> {
    as_object(args).unwrap_or(Cow::Borrowed("{}"))
}

/// As [`json_object`]; `None` where nothing is left of what was there: it was cut, or is JSON of another kind. Nothing at
/// all, `null` and `[]` are a call without arguments.
#[must_use]
pub fn as_object<'a>(args: &'a Args<'_>) -> Option<Cow<'a, str>> {
    match Shape::of(args) {
        Shape::Object(object) => Some(object),
        Shape::Other | Shape::Broken => None,
    }
}

/// The arguments of a call of a reply, for a client that has objects there: those of another kind go without any (see
/// [`Shape::Other`]). `None` for what is no JSON: half a call is none.
pub(crate) fn said_object<'a>(args: &'a Args<'_>) -> Option<Cow<'a, str>> {
    match Shape::of(args) {
        Shape::Object(object) => Some(object),
        Shape::Other => Some(Cow::Borrowed("{}")),
        Shape::Broken => None,
    }
}

/// White space as JSON knows it.
const JSON_BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// What arguments are where a format has objects for them.
#[derive(Debug)]
pub(crate) enum Shape<'a> {
    /// An object, maybe mended.
    Object(Cow<'a, str>),
    /// JSON of another kind: the model called, with something that is none of the tool's.
    Other,
    /// No JSON.
    Broken,
}

impl<'a> Shape<'a> {
    pub(crate) fn of(args: &'a Args<'_>) -> Self {
        match args {
            Args::Json(raw) if raw.get().starts_with('{') => Self::Object(Cow::Borrowed(raw.get())),
            Args::Json(raw) => Self::of_text(&Cow::Borrowed(raw.get())),
            Args::Encoded(text) => Self::of_text(&text.as_json()),
            Args::Freeform(text) => Self::Object(Cow::Owned(wrap_custom_input(text))),
        }
    }

    fn of_text(text: &Cow<'a, str>) -> Self {
        // White space of any kind: what JSON knows of it is no more than four characters.
        let said = text.trim();
        if is_object(said) {
            return Self::Object(match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                Cow::Owned(_) => Cow::Owned(said.to_owned()),
            });
        }
        if is_nothing(said) {
            return Self::Object(Cow::Borrowed("{}"));
        }
        // Doubly encoded: models do that too.
        if said.starts_with('"')
            && let Ok(inner) = serde_json::from_str::<Text<'_>>(said)
        {
            let inner = inner.as_json();
            let inner = inner.trim();
            return match (is_nothing(inner), is_object(inner)) {
                (true, _) => Self::Object(Cow::Borrowed("{}")),
                (_, true) => Self::Object(Cow::Owned(inner.to_owned())),
                _ => {
                    single_quotes_repaired(inner).map_or(Self::Other, |inner| Self::Object(Cow::Owned(inner)))
                }
            };
        }
        match single_quotes_repaired(said) {
            Some(repaired) => Self::Object(Cow::Owned(repaired)),
            None if serde_json::from_str::<IgnoredAny>(said).is_ok() => Self::Other,
            None => Self::Broken,
        }
    }
}

/// Whether arguments are those of a call without any. `[]` is what languages write for them whose arrays are objects.
fn is_nothing(said: &str) -> bool {
    let within = said.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    said.is_empty() || said == "null" || within.is_some_and(|within| within.trim().is_empty())
}

/// Arguments for a target that has objects there, and whether any of them were none.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    lost: Cell<bool>,
}

impl Objects {
    /// As [`json_object`].
    pub(crate) fn of<'a>(&self, args: &'a Args<'_>) -> Cow<'a, str> {
        as_object(args).unwrap_or_else(|| {
            self.lost.set(true);
            Cow::Borrowed("{}")
        })
    }

    /// Tells it.
    pub(crate) fn tell(&self, losses: &mut Vec<Loss>) {
        if self.lost.get() {
            loss(losses, ARGUMENTS, NONE_LEFT);
        }
    }
}

/// The arguments of the call that a candidate ends in, where its reply was stopped.
fn stopped_in<'c, 'a>(candidate: &'c Candidate<'a>) -> Option<&'c Args<'a>> {
    let PartKind::ToolCall(call) = &candidate.parts.last()?.kind else { return None };
    let finish = candidate.finish.as_ref()?;
    (!finish::is_whole(finish.reason)).then_some(&call.args)
}

/// Whether a candidate ends in a call whose arguments never came, as its reply was stopped: it is no call without arguments.
pub(crate) fn never_came(candidate: &Candidate<'_>) -> bool {
    matches!(stopped_in(candidate), Some(Args::Encoded(text)) if text.is_blank())
}

/// As [`never_came`], or what came is no object. Claude's whole replies have `{}` in place of what was cut; calls of other
/// providers that have objects there are whole (E528).
pub(crate) fn is_cut_off(source: &str, candidate: &Candidate<'_>) -> bool {
    let Some(args) = stopped_in(candidate) else { return false };
    match args {
        Args::Json(raw) if raw.get() == "{}" => source == "claude",
        args => never_came(candidate) || as_object(args).is_none(),
    }
}

/// Mends the arguments of calls in a reply that came whole: single quotes become double ones, and white space that is none of
/// JSON's goes.
///
/// # Errors
/// When `whole`, the reply says that it is whole, and arguments are no JSON: a client parses them, as those of streams.
/// Those of a reply that was stopped stay as they are.
pub(crate) fn settle<'a>(parts: &mut [Part<'a>], whole: bool) -> Result<(), CodecError> {
    for part in parts {
        let PartKind::ToolCall(call) = &mut part.kind else { continue };
        let Args::Encoded(text) = &call.args else { continue };
        let json = text.as_json();
        let said = json.trim();
        if said.is_empty() {
            continue;
        }
        if serde_json::from_str::<IgnoredAny>(said).is_ok() {
            if said.len() < json.trim_matches(JSON_BLANKS).len() {
                call.args = Args::Encoded(Text::plain(said.to_owned()));
            }
            continue;
        }
        match single_quotes_repaired(said) {
            Some(repaired) => call.args = Args::Encoded(Text::plain(repaired)),
            None if whole => {
                let mut progress = Progress::default();
                let _begun = progress.take(text.reborrow());
                return finish::broken([&progress]).map_or(Ok(()), Err);
            }
            None => {}
        }
    }
    Ok(())
}

/// The arguments as the text that OpenAI formats put into a string: unchanged, however broken, except that no
/// arguments at all, or white space alone, are `{}`: clients parse them.
#[must_use]
pub fn json_text<'a>(args: &'a Args<'_>) -> Text<'a> {
    match args {
        Args::Json(raw) => Text::plain(raw.get()),
        Args::Encoded(text) if text.is_blank() => Text::plain("{}"),
        Args::Encoded(text) => text.reborrow(),
        Args::Freeform(text) => Text::plain(wrap_custom_input(text)),
    }
}

/// Writes [`json_text`] as a JSON string, escaping once and copying nothing in between.
pub fn write_arguments_string(writer: &mut Writer, args: &Args<'_>) {
    writer.text(&json_text(args));
}

/// The arguments as free text, for formats that have custom tools.
#[must_use]
pub fn freeform<'a>(args: &'a Args<'_>) -> Text<'a> {
    match args {
        Args::Freeform(text) => text.reborrow(),
        Args::Json(raw) => unwrap_custom_input(raw.get()),
        Args::Encoded(text) => unwrapped(text),
    }
}

/// `{"input":"…"}`: how a JSON-only format carries the input of a custom tool (B10).
#[must_use]
pub fn wrap_custom_input(text: &Text<'_>) -> String {
    let mut writer = Writer::new(Vec::with_capacity(text.size_hint() + 12));
    writer.begin_object();
    writer.field_text("input", text);
    writer.end_object();
    String::from_utf8(writer.into_bytes()).unwrap_or_default()
}

/// The free text inside the arguments of an emulated custom tool: `input` when it is a string, its JSON when it is
/// something else, nothing for `{}` or no arguments, and the whole text when there is no `input` (B10, E581).
#[must_use]
pub fn unwrap_custom_input(arguments: &str) -> Text<'_> {
    input_of(arguments).unwrap_or_else(|| Text::plain(arguments))
}

/// As [`unwrap_custom_input`], of arguments in a string. A text that is no such JSON stays as it is.
pub(crate) fn unwrapped(arguments: &Text<'_>) -> Text<'static> {
    input_of(&arguments.as_json()).unwrap_or_else(|| arguments.reborrow()).into_owned()
}

/// `None` where the whole text is the input.
fn input_of(arguments: &str) -> Option<Text<'_>> {
    let trimmed = arguments.trim();
    if trimmed.is_empty() || trimmed == "null" {
        return Some(Text::default());
    }
    if trimmed.starts_with('"')
        && let Ok(text) = serde_json::from_str::<Text<'_>>(trimmed)
    {
        return Some(text);
    }
    if !is_object(trimmed) {
        return None;
    }
    let object = TopLevel::scan(trimmed.as_bytes()).ok()?;
    match object.raw("input") {
        Ok(Some(json)) => Some(serde_json::from_str(json).unwrap_or_else(|_| Text::plain(json))),
        _ => object.members().next().is_none().then(Text::default),
    }
}

/// Whether the text is one JSON object.
#[must_use]
pub fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Repairs `{'a': 'b'}`: single-quoted strings become double-quoted ones. `None` when that is not enough.
/// Source: translation.md B92.
#[must_use]
pub fn single_quotes_repaired(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with('{') || !text.contains('\'') {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                out.push('"');
            }
            (None, c) => out.push(c),
            (Some(_), '\\') => match chars.next() {
                Some('\'') => out.push('\''),
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => return None,
            },
            (Some(open), c) if c == open => {
                quote = None;
                out.push('"');
            }
            (Some('\''), '"') => out.push_str("\\\""),
            (Some('\''), '\n') => out.push_str("\\n"),
            (Some(_), c) => out.push(c),
        }
    }
    is_object(&out).then_some(out)
}

/// Arguments of a format that has objects there. What is none is made one as by [`as_object`], or stays as it is.
#[must_use]
pub fn object(raw: &RawValue) -> Args<'_> {
    let args = Args::Json(Cow::Borrowed(raw));
    if raw.get().starts_with('{') {
        return args;
    }
    let object = as_object(&args).and_then(|object| RawValue::from_string(object.into_owned()).ok());
    object.map_or(args, |object| Args::Json(Cow::Owned(object)))
}
