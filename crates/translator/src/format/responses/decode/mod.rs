//! Requests into canonical form: one turn per input item, nothing merged, hoisted or reordered.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{RESPONSES, peek, wire};
use crate::codec::CodecError;
use crate::json::read::{at, boolean, misread, plain, read, wrong};
use crate::json::{List, Text, kind_of};
use crate::model::{CacheMark, Part, Request, Role, Sampling, Turn};

mod item;
mod options;
mod part;
mod tools;

pub(super) use item::{image_mime, output_part};
pub(super) use options::session;
pub(super) use part::unwrapped_images;

pub(super) fn request(body: &[u8]) -> Result<Request<'_>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the body is not UTF-8"))?;
    let mut wire: wire::Request<'_> = serde_json::from_str(text).map_err(|error| misread(&error, ""))?;
    let mut extras = std::mem::take(&mut wire.extras);
    let (instructions, instructions_plain) = instructions(wire.instructions, &mut extras)?;
    let (turns, late) = input(wire.input)?;
    let table = tools::declarations(wire.tools.take().unwrap_or_default().0, &late)?;
    let names = tools::Names::of(&table.tools);
    let turns = turns.into_iter().map(|turn| names.named(turn)).collect();
    let tool_choice = tools::choice(wire.tool_choice, &names)?;
    let reasoning = options::reasoning(&mut extras)?;
    let output = options::output(wire.text, &mut extras)?;
    let identity = options::identity(&mut wire, &extras);
    let logprobs = options::include(wire.include, &mut extras);
    let request = Request {
        source: RESPONSES,
        model: plain(wire.model),
        instructions,
        instructions_plain,
        turns,
        late_tools: table.late,
        tools: table.tools,
        tool_choice,
        parallel_tools: boolean(wire.parallel_tool_calls, "parallel_tool_calls")?,
        sampling: Sampling {
            temperature: wire.temperature.map(Cow::Borrowed),
            top_p: wire.top_p.map(Cow::Borrowed),
            logprobs: logprobs.then_some(true),
            top_logprobs: wire.top_logprobs.map(Cow::Borrowed),
            ..Sampling::default()
        },
        max_output: wire.max_output_tokens.map(|count| count.0),
        output,
        reasoning,
        identity,
        service_tier: wire.service_tier.and_then(Text::from_raw),
        stream: options::stream(wire.stream, wire.stream_options),
        cache: wire.cache_control.map(mark),
        extras,
    };
    // What a service keeps may be all that is said: whether it can be had is asked where it goes.
    if peek::continues(&request.extras) { Ok(request) } else { request.said_something("input") }
}

fn mark(raw: &RawValue) -> CacheMark<'_> {
    CacheMark { raw: Cow::Borrowed(raw) }
}

/// `instructions`: a string, or the items that a stored prompt has, whose texts count.
fn instructions<'a>(
    raw: Option<&'a RawValue>,
    extras: &mut crate::json::Extras<'a>,
) -> Result<(Vec<Part<'a>>, bool), CodecError> {
    let Some(raw) = raw else { return Ok((Vec::new(), false)) };
    if let Some(text) = Text::from_raw(raw) {
        return Ok((vec![Part::text(text)], true));
    }
    if !raw.get().starts_with('[') {
        let what = format!("expected a string or an array, found {}", kind_of(raw));
        return Err(wrong("instructions", &what));
    }
    let (turns, _) = items(raw, "instructions")?;
    // For the way back into this family: whole.
    extras.push((Cow::Borrowed("instructions"), raw));
    let parts = turns.into_iter().flat_map(|turn| turn.parts).filter(|part| part.as_text().is_some());
    Ok((parts.collect(), false))
}

/// `input`: a string is what a user says.
fn input(raw: Option<&RawValue>) -> Result<(Vec<Turn<'_>>, Vec<&RawValue>), CodecError> {
    let Some(raw) = raw else { return Ok((Vec::new(), Vec::new())) };
    if let Some(text) = Text::from_raw(raw) {
        let turn = Turn { plain: true, ..Turn::new(Role::User, vec![Part::text(text)]) };
        return Ok((vec![turn], Vec::new()));
    }
    if !raw.get().starts_with('[') {
        return Err(wrong("input", &format!("expected a string or an array, found {}", kind_of(raw))));
    }
    items(raw, "input")
}

/// The turns of a list of items, and the tools that are declared among them.
fn items<'a>(raw: &'a RawValue, place: &str) -> Result<(Vec<Turn<'a>>, Vec<&'a RawValue>), CodecError> {
    let list: List<wire::Item<'a>> = read(raw, place)?;
    let mut turns: Vec<Turn<'a>> = Vec::with_capacity(list.0.len());
    let mut late = Vec::new();
    let within = |index: usize, error: CodecError| at(&format!("{place}[{index}]"), &error);
    for (index, mut item) in list.0.into_iter().enumerate() {
        let kind = plain(item.kind.take());
        match item::known(&kind, item).map_err(|error| within(index, error))? {
            Some(turn) => push(&mut turns, turn),
            // Few have to stay whole: from here on the text of each is needed.
            None => {
                let texts: List<&'a RawValue> = read(raw, place)?;
                for (index, raw) in texts.0.into_iter().enumerate().skip(index) {
                    let turn = item::turn(raw, &mut late).map_err(|error| within(index, error))?;
                    push(&mut turns, turn);
                }
                break;
            }
        }
    }
    Ok((turns, late))
}

/// Adds a turn; one that only carries the state of the part before it is none.
fn push<'a>(turns: &mut Vec<Turn<'a>>, turn: Turn<'a>) {
    match turns.last_mut().and_then(|before| item::bearer(before, &turn)) {
        Some(part) => part.signature = turn.parts.into_iter().find_map(|carrier| carrier.signature),
        None => turns.push(turn),
    }
}
