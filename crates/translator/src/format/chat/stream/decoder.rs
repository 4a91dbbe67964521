//! Chunks of a provider into canonical events.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::{CHAT, error, usage, wire};
use super::choice::Choice;
use super::is_done;
use crate::codec::{CodecError, StreamDecoder};
use crate::frame::StreamFrame;
use crate::loss::Unread;
use crate::model::{Event, Start};
use crate::numbered::Numbered;
use crate::pass::errors::is_unset;

/// Reads a stream of chunks.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    state: State,
    next_block: u32,
    choices: Vec<Choice>,
    places: Numbered,
    unread: Unread,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Fresh,
    Started,
    /// The end or an error went out: nothing follows (B68, B77, E194).
    Over,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        if self.state == State::Over || frame.data.trim_ascii().is_empty() {
            return Ok(());
        }
        if is_done(frame.data) {
            return self.done(sink);
        }
        let text =
            std::str::from_utf8(frame.data).map_err(|_| CodecError::protocol("a chunk is not UTF-8"))?;
        let chunk: wire::Chunk<'_> = match serde_json::from_str(text) {
            Ok(chunk) => chunk,
            // An error may have any shape.
            Err(_) if frame.event == "error" => return self.fail(text, sink),
            Err(error) => return Err(wire::misread(&error, "")),
        };
        if frame.event == "error" || is_error(&chunk) {
            return self.fail(text, sink);
        }
        self.chunk(chunk, sink)
    }

    fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        if self.state == State::Over {
            return Ok(());
        }
        // No `[DONE]` is an end that is forgiven, but only behind a finish. Source: providers-b.md 6.3; F39, B68.
        if self.choices.is_empty() || self.choices.iter().any(|choice| !choice.is_finished()) {
            return Err(CodecError::protocol("the stream broke off before its end"));
        }
        self.state = State::Over;
        sink(Event::End);
        Ok(())
    }

    fn unread(&self) -> &[String] {
        self.unread.names()
    }
}

/// Whether a chunk is none, but the failure of a service. Source: providers-b.md 6.3.
pub(super) fn is_error(chunk: &wire::Chunk<'_>) -> bool {
    let says = |(key, raw): &(Cow<'_, str>, &RawValue)| {
        matches!(&**key, "message" | "detail" | "msg" | "errors" | "code" | "error_code")
            && raw.get() != "null"
    };
    chunk
        .error
        .is_some_and(|error| !is_unset(error.get()) || chunk.choices.is_none() && chunk.usage.is_none())
        || chunk.object.is_some_and(|object| object.get() == r#""error""#)
        || chunk.choices.is_none() && chunk.usage.is_none() && chunk.extras.iter().any(says)
}

impl Decoder {
    fn fail(&mut self, text: &str, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        self.state = State::Over;
        if let Ok(data) = serde_json::from_str::<&RawValue>(text) {
            sink(Event::Error(error::from_frame(data)));
            return Ok(());
        }
        Err(CodecError::protocol(format!("the provider failed: {}", text.trim())))
    }

    fn chunk(&mut self, chunk: wire::Chunk<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        for (key, raw) in [("system_fingerprint", chunk.fingerprint), ("provider", chunk.provider)] {
            if let Some(raw) = raw {
                self.unread.member(CHAT, "", key, raw.get());
            }
        }
        self.unread.members(CHAT, "", &chunk.extras);
        let choices = chunk.choices.unwrap_or_default().0;
        let id = wire::filled(chunk.id);
        // What comes before the reply (Azure's prompt filter results) has neither, nor knows the model yet.
        if self.state == State::Fresh && (id.is_some() || !choices.is_empty()) {
            self.state = State::Started;
            sink(Event::Start(Start {
                id: wire::plain(id),
                model: wire::plain(wire::filled(chunk.model)),
                created: chunk.created.and_then(|raw| raw.get().parse().ok()),
                service_tier: wire::filled(chunk.service_tier),
            }));
        }
        for (place, wire) in choices.into_iter().enumerate() {
            let used = wire.usage;
            let index = wire.index.unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX));
            let at = self.place_of(index);
            if let Some(choice) = self.choices.get_mut(at) {
                choice.take(wire, &mut self.unread, &mut self.next_block, sink)?;
            }
            if let Some(used) = used {
                sink(Event::Usage(usage::decode(used)));
            }
        }
        if let Some(used) = chunk.usage {
            sink(Event::Usage(usage::decode(used)));
        }
        Ok(())
    }

    fn place_of(&mut self, index: u32) -> usize {
        self.places.place(&self.choices, index, Choice::index).unwrap_or_else(|| {
            self.choices.push(Choice::new(index));
            self.choices.len() - 1
        })
    }

    /// `[DONE]`: the reply is whole, unless arguments were cut (B68).
    fn done(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        self.state = State::Over;
        let Self { choices, next_block, .. } = self;
        for choice in choices.iter_mut().filter(|choice| !choice.is_finished()) {
            choice.finish(None, next_block, sink)?;
        }
        sink(Event::End);
        Ok(())
    }
}
