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
    pub(in super::super) arguments: String,
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

    /// Takes a piece of a call, and says by how many bytes its arguments grew.
    pub(in super::super) fn piece(&mut self, payload: &Payload<'_>) -> usize {
        let id = filled(payload.call_id).map(Text::into_decoded).unwrap_or_default();
        let Some(call) = self.call(&id) else { return 0 };
        if call.name.is_empty()
            && let Some(name) = filled(payload.name)
        {
            call.name = name.into_decoded().into_owned();
        }
        let before = call.arguments.len();
        match payload.input {
            Some(raw) if raw.get().starts_with('"') => {
                if let Some(piece) = Text::from_raw(raw) {
                    call.arguments.push_str(&piece.decoded());
                }
            }
            // Whole at once.
            Some(raw) if raw.get() != "{}" || call.arguments.is_empty() => {
                raw.get().clone_into(&mut call.arguments)
            }
            _ => {}
        }
        call.stopped |= payload.stop.is_some_and(|raw| raw.get() == "true");
        call.arguments.len().saturating_sub(before)
    }

    /// Takes a call that comes whole, and says how many bytes its arguments have.
    pub(in super::super) fn whole(&mut self, used: &ToolUse<'_>) -> usize {
        let id = filled(used.id).map(Text::into_decoded).unwrap_or_default();
        let Some(call) = self.call(&id) else { return 0 };
        call.name = filled(used.name).map(Text::into_decoded).unwrap_or_default().into_owned();
        call.arguments = match used.input {
            Some(raw) => match Text::from_raw(raw) {
                Some(text) => text.into_decoded().into_owned(),
                None => raw.get().to_owned(),
            },
            None => String::new(),
        };
        call.stopped = true;
        call.arguments.len()
    }

    /// Takes note of what is held.
    pub(in super::super) fn hold(&mut self, more: usize) -> Result<(), CodecError> {
        self.held = self.held.saturating_add(more);
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
        self.held = self.held.saturating_sub(call.arguments.len());
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

    /// Its arguments. Nothing at all is a tool without arguments.
    pub(in super::super) fn settled(&self) -> Arguments {
        let text = self.arguments.trim();
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
        Call { arguments: arguments.to_owned(), stopped: true, ..Call::default() }.settled()
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
}
