//! One call on its way to a client. Source: translation.md B10, B64; F12, F25.

use super::super::reply::{call_id, is_custom, write_extra_content};
use super::Prefix;
use crate::codec::ReplyContext;
use crate::json::{Text, Writer};
use crate::model::Signature;
use crate::pass::args::{unwrapped, wrap_custom_input};

/// Which call of which candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallPlace {
    pub(super) candidate: u32,
    pub(super) index: u32,
}

/// A call that has begun.
#[derive(Debug)]
pub(super) struct Call {
    place: CallPlace,
    input: Input,
}

/// How the input goes out.
#[derive(Debug)]
enum Input {
    /// As it comes: JSON for a function. Whether any came.
    Arguments(bool),
    /// As it comes: free text for a custom tool.
    Freeform,
    /// JSON that carries the free text of a custom tool; it is unwrapped when it is whole (B10).
    Unwrap(Text<'static>),
    /// Free text for a tool that the client knows as a function; it is wrapped when it is whole (F25).
    Wrap(Text<'static>),
}

impl Call {
    /// Index, id, type, name and empty arguments come first.
    pub(super) fn start(
        place: CallPlace,
        id: &Text<'_>,
        name: &str,
        custom: bool,
        context: &ReplyContext,
        prefix: &Prefix,
        out: &mut Vec<u8>,
    ) -> Self {
        let name = context.names.declared(name);
        let as_custom = is_custom(context, name, custom);
        open(place, prefix, out);
        out.extend_from_slice(br#","id":""#);
        if id.is_empty() {
            let index = usize::try_from(place.index).unwrap_or(usize::MAX);
            out.extend_from_slice(call_id(context, place.candidate, index).as_bytes());
        } else {
            id.write_body(out);
        }
        let (head, tail) = match as_custom {
            true => (br#"","type":"custom","custom":{"name":""#.as_slice(), br#"","input":""}"#.as_slice()),
            false => (
                br#"","type":"function","function":{"name":""#.as_slice(),
                br#"","arguments":""}"#.as_slice(),
            ),
        };
        out.extend_from_slice(head);
        Text::plain(name).write_body(out);
        out.extend_from_slice(tail);
        close(out);
        let input = match (custom, as_custom) {
            (false, false) => Input::Arguments(false),
            (true, true) => Input::Freeform,
            (false, true) => Input::Unwrap(Text::default()),
            (true, false) => Input::Wrap(Text::default()),
        };
        Self { place, input }
    }

    pub(super) fn grow(&mut self, text: &Text<'_>, prefix: &Prefix, out: &mut Vec<u8>) {
        match &mut self.input {
            Input::Arguments(any) => {
                *any |= !text.is_empty();
                self.write(false, text, prefix, out);
            }
            Input::Freeform => self.write(true, text, prefix, out),
            Input::Unwrap(held) | Input::Wrap(held) => text.push_onto(held),
        }
    }

    pub(super) fn sign(&self, signature: &Signature<'_>, prefix: &Prefix, out: &mut Vec<u8>) {
        let mut w = Writer::default();
        write_extra_content(&mut w, Some(signature));
        let member = w.into_bytes();
        // Another issuer's has no place here.
        if !member.is_empty() {
            open(self.place, prefix, out);
            // The SDKs refuse a piece of a call that has no function in it.
            // Source: openai-python 3.57 and @ai-sdk/openai-compatible, seen by the real clients.
            out.extend_from_slice(match self.input {
                Input::Freeform | Input::Unwrap(_) => br#","custom":{"input":""},"#.as_slice(),
                Input::Arguments(_) | Input::Wrap(_) => br#","function":{"arguments":""},"#.as_slice(),
            });
            out.extend_from_slice(&member);
            close(out);
        }
    }

    /// Whether it may be what the reply was cut in, before any argument came, if nothing began behind it.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.input, Input::Arguments(false))
    }

    pub(super) fn stop(self, prefix: &Prefix, out: &mut Vec<u8>) {
        match &self.input {
            Input::Arguments(true) | Input::Freeform => {}
            // Clients parse what they got, and nothing is no JSON.
            Input::Arguments(false) => self.write(false, &Text::plain("{}"), prefix, out),
            Input::Unwrap(held) => {
                self.write(true, &unwrapped(held), prefix, out);
            }
            Input::Wrap(held) => self.write(false, &Text::plain(wrap_custom_input(held)), prefix, out),
        }
    }

    fn write(&self, custom: bool, text: &Text<'_>, prefix: &Prefix, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        open(self.place, prefix, out);
        out.extend_from_slice(match custom {
            true => br#","custom":{"input":""#.as_slice(),
            false => br#","function":{"arguments":""#.as_slice(),
        });
        text.write_body(out);
        out.extend_from_slice(b"\"}");
        close(out);
    }
}

fn open(place: CallPlace, prefix: &Prefix, out: &mut Vec<u8>) {
    prefix.open(place.candidate, out);
    out.extend_from_slice(br#","delta":{"tool_calls":[{"index":"#);
    out.extend_from_slice(itoa::Buffer::new().format(place.index).as_bytes());
}

fn close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}]}");
    Prefix::close(out);
}
