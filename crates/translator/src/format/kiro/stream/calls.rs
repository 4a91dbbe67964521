//! Calls that come in pieces, held until they are whole. Source: providers-b.md 1.5.10, 1.5.11; translation.md B62.

use std::collections::HashSet;

use serde::de::IgnoredAny;

use super::super::wire::{Payload, ToolUse};
use crate::codec::CodecError;
use crate::framing::MAX_EVENT_STREAM_FRAME;
use crate::json::Text;
use crate::json::read::filled;

/// Arguments that are held at a time.
const MOST_HELD: usize = MAX_EVENT_STREAM_FRAME;

/// One call.
#[derive(Debug, Default)]
pub(in super::super) struct Call {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
    /// As they came: a pair of surrogates may be cut between two pieces.
    arguments: Text<'static>,
    stopped: bool,
}

/// What the arguments of a finished call are.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Arguments {
    /// This JSON.
    Json(String),
    /// They were cut off.
    Cut,
    /// Something else than JSON.
    Broken,
}

/// Calls in the order they began in.
#[derive(Debug, Default)]
pub(in super::super) struct Calls {
    open: Vec<Call>,
    /// The ids of calls that went out: they are not told again.
    done: HashSet<String>,
    held: usize,
}

impl Calls {
    /// The call with this id, new or known; `None` for one that went out.
    fn call(&mut self, id: &str) -> Option<&mut Call> {
        if self.done.contains(id) {
            return None;
        }
        let at = self.open.iter().position(|call| call.id == id).unwrap_or_else(|| {
            self.open.push(Call { id: id.to_owned(), ..Call::default() });
            self.open.len() - 1
        });
        self.open.get_mut(at)
    }

    /// Takes a piece of a call, and says by how many characters its arguments grew.
    ///
    /// # Errors
    /// When more is held than may be.
    pub(in super::super) fn piece(&mut self, payload: &Payload<'_>) -> Result<usize, CodecError> {
        let id = filled(payload.call_id).map(Text::into_decoded).unwrap_or_default();
        let Some(call) = self.call(&id) else { return Ok(0) };
        if call.name.is_empty()
            && let Some(name) = filled(payload.name)
        {
            call.name = name.into_decoded().into_owned();
        }
        call.stopped |= payload.stop.is_some_and(|raw| raw.get() == "true");
        let before = call.arguments.size_hint();
        let more = match payload.input.map(|raw| (raw, Text::from_raw(raw))) {
            Some((_, Some(piece))) => {
                piece.push_onto(&mut call.arguments);
                piece.char_count()
            }
            // Whole at once.
            Some((raw, None)) if raw.get() != "{}" || call.arguments.is_empty() => {
                call.replace(Text::plain(raw.get().to_owned()))
            }
            _ => 0,
        };
        let after = call.arguments.size_hint();
        self.hold(before, after)?;
        Ok(more)
    }

    /// Takes a call that comes whole, and says by how many characters its arguments grew.
    ///
    /// # Errors
    /// As [`Self::piece`].
    pub(in super::super) fn whole(&mut self, used: &ToolUse<'_>) -> Result<usize, CodecError> {
        let id = filled(used.id).map(Text::into_decoded).unwrap_or_default();
        let Some(call) = self.call(&id) else { return Ok(0) };
        call.name = filled(used.name).map(Text::into_decoded).unwrap_or_default().into_owned();
        call.stopped = true;
        let before = call.arguments.size_hint();
        let more = call.replace(match used.input {
            Some(raw) => Text::from_raw(raw).unwrap_or_else(|| Text::plain(raw.get())).into_owned(),
            None => Text::default(),
        });
        let after = call.arguments.size_hint();
        self.hold(before, after)?;
        Ok(more)
    }

    /// Takes note of what is held: arguments that had so many bytes have so many now.
    fn hold(&mut self, before: usize, after: usize) -> Result<(), CodecError> {
        self.held = self.held.saturating_sub(before).saturating_add(after);
        if self.held > MOST_HELD {
            return Err(CodecError::protocol(format!(
                "the arguments of calls are larger than {MOST_HELD} bytes"
            )));
        }
        Ok(())
    }

    /// The next call that is whole, in the order of their beginnings. At the end of the stream all are.
    pub(in super::super) fn next(&mut self, at_end: bool) -> Option<Call> {
        if !self.open.first().is_some_and(|first| first.stopped || at_end) {
            return None;
        }
        let call = self.open.remove(0);
        self.held = self.held.saturating_sub(call.arguments.size_hint());
        if !call.id.is_empty() {
            self.done.insert(call.id.clone());
        }
        Some(call)
    }
}

impl Call {
    /// Whether its last piece came.
    pub(in super::super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes its arguments whole, and says by how many characters they grew.
    fn replace(&mut self, arguments: Text<'static>) -> usize {
        let before = std::mem::replace(&mut self.arguments, arguments);
        self.arguments.char_count().saturating_sub(before.char_count())
    }

    /// Its arguments. Nothing at all is a tool without arguments.
    pub(in super::super) fn settled(&self) -> Arguments {
        let json = self.arguments.as_json();
        let text = json.trim();
        if text.is_empty() {
            // Those of one that never ended never came.
            return if self.stopped { Arguments::Json("{}".to_owned()) } else { Arguments::Cut };
        }
        if is_json(text) {
            return Arguments::Json(text.to_owned());
        }
        let mended = mended(text);
        if is_json(&mended.text) {
            return Arguments::Json(mended.text);
        }
        // Source: providers-b.md 1.5.11 "unparseable and looks cut".
        let open_end = text.ends_with(['\\', ':', ',']);
        if mended.open || open_end { Arguments::Cut } else { Arguments::Broken }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

struct Mended {
    text: String,
    /// Brackets or a string are open at its end.
    open: bool,
}

/// JSON as models err in it: control characters inside strings become escapes, a comma before a closing bracket goes.
/// Nothing is closed that was left open: what is missing cannot be known.
fn mended(text: &str) -> Mended {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut depth, mut inside, mut escaped) = (0_usize, false, false);
    for c in text.chars() {
        if inside {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => inside = false,
                '\n' => {
                    out.push_str("\\n");
                    continue;
                }
                '\r' => {
                    out.push_str("\\r");
                    continue;
                }
                '\t' => {
                    out.push_str("\\t");
                    continue;
                }
                _ => {}
            }
            out.push(c);
            continue;
        }
        match c {
            '"' => inside = true,
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                let said = out.trim_end();
                if let Some(bare) = said.strip_suffix(',') {
                    out.truncate(bare.len());
                }
            }
            _ => {}
        }
        out.push(c);
    }
    Mended { text: out, open: depth > 0 || inside }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(arguments: &str) -> Arguments {
        Call { arguments: Text::plain(arguments.to_owned()), stopped: true, ..Call::default() }.settled()
    }

    #[test]
    fn arguments_are_json_or_told_to_be_cut_or_broken() {
        let json = |text: &str| Arguments::Json(text.to_owned());
        for (arguments, expected) in [
            ("", json("{}")),
            (" \n", json("{}")),
            (r#" {"a":1} "#, json(r#"{"a":1}"#)),
            ("{\"a\":\"x\ny\tz\\\" \r\"}", json(r#"{"a":"x\ny\tz\" \r"}"#)),
            (r#"{"a":[1,2, ],}"#, json(r#"{"a":[1,2]}"#)),
            (r#"{"a":",}"}"#, json(r#"{"a":",}"}"#)),
            (r#"{"a":"x"#, Arguments::Cut),
            (r#"{"a":[1"#, Arguments::Cut),
            (r#"{"a":"#, Arguments::Cut),
            (r#"{"a":1},"#, Arguments::Cut),
            ("read the file", Arguments::Broken),
            (r#"{"a":1}}"#, Arguments::Broken),
        ] {
            assert_eq!(settled(arguments), expected, "{arguments}");
        }
        assert_eq!(Call::default().settled(), Arguments::Cut);
    }
    #[test]
    fn a_pair_that_is_cut_between_two_pieces_is_one_character_and_what_is_held_is_counted() {
        let mut calls = Calls::default();
        let piece = |calls: &mut Calls, input: &str| {
            let json = format!(r#"{{"toolUseId":"t","name":"f","input":{input}}}"#);
            calls.piece(&serde_json::from_str(&json).unwrap()).unwrap()
        };
        for (pieces, expected) in [
            ([r#""{\"a\":\"\ud83d""#, r#""\ude00\"}""#], "{\"a\":\"\u{1f600}\"}"),
            ([r#""{ ""#, r#""\"a\":\"\ud83d\"}""#], "{ \"a\":\"\\ud83d\"}"),
            ([r#""{\"a\"""#, r#"":1}""#], "{\"a\":1}"),
            // What comes whole takes the place of what came before.
            ([r#""{\"a\":\"and so on\"""#, r#"{"b":2}"#], "{\"b\":2}"),
        ] {
            let mut wrote = 0;
            for input in pieces {
                wrote += piece(&mut calls, input);
            }
            assert!(calls.held > 0 && wrote > 0, "{pieces:?}");
            let call = calls.next(true).unwrap();
            assert_eq!(call.settled(), Arguments::Json(expected.to_owned()), "{pieces:?}");
            assert_eq!(calls.held, 0, "{pieces:?}");
            calls.done.clear();
        }
        assert_eq!(piece(&mut calls, r#""é\n世""#), 3);
    }
}
