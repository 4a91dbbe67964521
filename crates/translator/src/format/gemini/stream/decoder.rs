//! Chunks of a provider into canonical events. Source: translation.md B28, B52, B53, B68 to B70.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::decode::part::part;
use super::super::grounding::Told;
use super::super::invented::strip;
use super::super::reply::{blocked, finish, unix_seconds};
use super::super::{GEMINI, carrier, error, grounding, usage, wire};
use super::is_done;
use super::partial::Partial;
use super::plain::Plain;
use crate::aggregate::GROUNDING;
use crate::codec::{CodecError, StreamDecoder};
use crate::frame::StreamFrame;
use crate::invented::Invented;
use crate::json::read::{Reading, plain, read};
use crate::json::{List, Raw, Text};
use crate::loss::Unread;
use crate::model::{Bind, BlockKind, Delta, Event, Finish, Part, PartKind, Start};
use crate::numbered::Numbered;
use crate::pass::args::json_text;
use crate::pass::finish::settle;

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Reads a stream of chunks.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    state: State,
    candidates: Vec<Candidate>,
    places: Numbered,
    next: u32,
    invented: Vec<Invented>,
    unread: Unread,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Fresh,
    Started,
    Over,
}

/// What is known of one candidate.
#[derive(Debug)]
struct Candidate {
    index: u32,
    open: Option<(Kind, u32)>,
    /// What is open is whole, but for the citations that may follow.
    sealed: bool,
    calls: bool,
    /// Bytes and characters of its text are the same so far.
    ascii: bool,
    /// Citations of the text that is open, or comes next: told before its block closes.
    cited: Vec<Raw<'static>>,
    /// Those that came: Google tells all of them again whenever it found more.
    told: Told,
    /// A call whose arguments come in pieces.
    partial: Option<Partial>,
    /// Held until the end: usage, signatures and grounding come behind it (B53).
    finish: Option<Finish<'static>>,
}

/// A block that the next part of its kind continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: Sink<'_>) -> Result<(), CodecError> {
        let data = frame.data.trim_ascii();
        if self.state == State::Over || data.is_empty() {
            return Ok(());
        }
        if is_done(data) {
            // Nothing began: the caller sees a stream without an end (E422).
            return if self.state == State::Fresh { Ok(()) } else { self.end(true, sink) };
        }
        let text = std::str::from_utf8(data).map_err(|_| CodecError::protocol("a chunk is not UTF-8"))?;
        if self.state == State::Started
            && frame.event != "error"
            && let Some(plain) = Plain::of(text)
        {
            self.plain(plain, sink);
            return Ok(());
        }
        let unreadable = |error| CodecError::protocol(format!("a chunk cannot be read: {error}"));
        if text.starts_with('[') {
            // Without `alt=sse` failures come as a list. Source: providers-a.md 5.6.
            let items: List<&RawValue> = serde_json::from_str(text).map_err(unreadable)?;
            return items.0.into_iter().try_for_each(|raw| self.chunk(raw, frame.event, sink));
        }
        let raw: &RawValue = serde_json::from_str(text).map_err(unreadable)?;
        self.chunk(raw, frame.event, sink)
    }

    fn finish(&mut self, sink: Sink<'_>) -> Result<(), CodecError> {
        match self.state {
            State::Over => Ok(()),
            State::Fresh => Err(CodecError::protocol("the stream ended before it began")),
            State::Started => self.end(false, sink),
        }
    }

    fn unread(&self) -> &[String] {
        self.unread.names()
    }
}

impl Decoder {
    pub(in super::super) fn new(invented: &[Invented]) -> Self {
        Self { invented: invented.to_vec(), ..Self::default() }
    }

    /// A piece of text, as [`Self::chunk`] tells it.
    fn plain(&mut self, plain: Plain<'_>, sink: Sink<'_>) {
        for (within, name) in plain.unread.into_iter().flatten() {
            self.unread.member(GEMINI, within, name, "");
        }
        if let Some(used) = plain.usage.map(usage::read).filter(|usage| !usage.is_empty()) {
            sink(Event::Usage(used));
        }
        let at = self.place_of(plain.index);
        let Self { candidates, next, .. } = self;
        let Some(candidate) = candidates.get_mut(at) else { return };
        match plain.is_thought {
            _ if plain.text.is_empty() => {}
            true => candidate.say(Kind::Reasoning, Delta::Reasoning(plain.text), next, sink),
            false => candidate.text(plain.text, next, sink),
        }
        candidate.cite(sink);
    }

    fn chunk(&mut self, raw: &RawValue, event: &str, sink: Sink<'_>) -> Result<(), CodecError> {
        let outer: wire::Reply<'_> = serde_json::from_str(raw.get())
            .map_err(|error| CodecError::protocol(format!("a chunk cannot be read: {error}")))?;
        if outer.error.is_some() || event == "error" {
            self.state = State::Over;
            sink(Event::Error(error::from_frame(raw)));
            return Ok(());
        }
        let wire = match outer.response {
            Some(inner) if outer.candidates.is_none() => read(inner, "response")?,
            _ => outer,
        };
        self.unread.members(GEMINI, "", &wire.extras);
        if let Some(raw) = wire.prompt_feedback {
            self.unread.member(GEMINI, "", "promptFeedback", raw.get());
        }
        let blocked = blocked(&wire)?;
        let candidates = wire.candidates.unwrap_or_default().0;
        // What holds only trace data is no chunk of the reply. Source: providers-a.md 5.7.
        if self.state == State::Fresh
            && (!candidates.is_empty() || blocked.is_some() || wire.response_id.is_some())
        {
            self.state = State::Started;
            sink(Event::Start(Start {
                id: plain(wire.response_id),
                model: plain(wire.model_version),
                created: wire.create_time.and_then(|time| unix_seconds(&time.decoded())),
                service_tier: None,
            }));
        }
        // Ahead of the parts, so that formats that begin with usage have it.
        if let Some(used) = wire.usage.as_ref().map(usage::decode).filter(|usage| !usage.is_empty()) {
            sink(Event::Usage(used));
        }
        for (place, candidate) in candidates.into_iter().enumerate() {
            self.candidate(candidate, place, sink)?;
        }
        if let Some(finish) = blocked {
            let at = self.place_of(0);
            if let Some(candidate) = self.candidates.get_mut(at) {
                candidate.finish.get_or_insert(finish.into_owned());
            }
        }
        Ok(())
    }

    fn candidate(
        &mut self,
        wire: wire::Candidate<'_>,
        place: usize,
        sink: Sink<'_>,
    ) -> Result<(), CodecError> {
        let index = wire.index.unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX));
        let at = self.place_of(index);
        let Self { candidates, next, invented, unread, .. } = self;
        let Some(candidate) = candidates.get_mut(at) else { return Ok(()) };
        unread.members(GEMINI, "", &wire.extras);
        for (key, raw) in [("finishMessage", wire.finish_message), ("logprobs", wire.logprobs)] {
            if let Some(raw) = raw {
                unread.member(GEMINI, "", key, raw.get());
            }
        }
        if let Some(content) = &wire.content {
            unread.members(GEMINI, "content", &content.extras);
        }
        let parts: List<&RawValue> = match wire.content.and_then(|content| content.parts) {
            Some(raw) => read(raw, "candidates.content.parts")?,
            None => List::default(),
        };
        // Google tells the sources with the last of the text.
        if let Some(raw) = wire.grounding {
            let plain = |raw: &&RawValue| raw.get().is_ascii() && !raw.get().contains("\\u");
            let ascii = candidate.ascii && parts.0.iter().all(plain);
            candidate.cited.extend(grounding::citations(raw, ascii, &mut candidate.told));
        }
        for raw in parts.0 {
            let mut part = part(raw, Reading::Reply, &mut |text| {
                carrier::of_provider(text).map(|signature| (signature, Bind::Own))
            })?;
            unread.members(GEMINI, "message", &part.extras);
            if matches!(part.kind, PartKind::ToolCall(_)) {
                match Partial::take(&mut candidate.partial, raw, part)? {
                    Some(whole) => part = whole,
                    None => continue,
                }
            }
            if let PartKind::ToolCall(call) = &mut part.kind {
                strip(call, invented);
            }
            candidate.take(part, next, sink);
        }
        candidate.cite(sink);
        if let Some(data) = wire.grounding {
            sink(Event::Raw { format: GEMINI, name: Cow::Borrowed(GROUNDING), data: Cow::Borrowed(data) });
        }
        if let Some(reason) = wire.finish_reason.filter(|reason| *reason != "FINISH_REASON_UNSPECIFIED") {
            candidate.finish = Some(finish(reason, false).into_owned());
        }
        Ok(())
    }

    fn place_of(&mut self, index: u32) -> usize {
        self.places.place(&self.candidates, index, |candidate| candidate.index).unwrap_or_else(|| {
            if self.candidates.is_empty() {
                // Nearly always the only one.
                self.candidates.reserve_exact(1);
            }
            self.candidates.push(Candidate {
                index,
                open: None,
                sealed: false,
                calls: false,
                ascii: true,
                cited: Vec::new(),
                told: Told::default(),
                partial: None,
                finish: None,
            });
            self.candidates.len() - 1
        })
    }

    /// The reply is whole when every candidate said why it ended, or the provider said that this is all (B68).
    fn end(&mut self, said: bool, sink: Sink<'_>) -> Result<(), CodecError> {
        self.state = State::Over;
        if !said
            && (self.candidates.is_empty()
                || self.candidates.iter().any(|candidate| candidate.finish.is_none()))
        {
            return Err(CodecError::protocol("the stream ended before its finish reason"));
        }
        if self.candidates.iter().any(|candidate| candidate.partial.is_some()) {
            return Err(CodecError::protocol("the stream ended within the arguments of a call"));
        }
        for candidate in &mut self.candidates {
            candidate.end(sink);
            if !candidate.cited.is_empty() {
                // Their text is over.
                self.unread.name("message", "citations");
            }
        }
        sink(Event::End);
        Ok(())
    }
}

impl Candidate {
    fn take(&mut self, part: Part<'_>, next: &mut u32, sink: Sink<'_>) {
        match part.kind {
            PartKind::Text { text, .. } => {
                if !text.is_empty() {
                    self.text(text, next, sink);
                }
                self.sign(Kind::Text, part.signature, next, sink);
            }
            PartKind::Reasoning(reasoning) => {
                for text in reasoning.summary {
                    self.say(Kind::Reasoning, Delta::Reasoning(text), next, sink);
                }
                self.sign(Kind::Reasoning, part.signature, next, sink);
            }
            PartKind::ToolCall(call) => {
                self.close(sink);
                self.calls = true;
                let block = number(next);
                let kind = BlockKind::ToolCall {
                    id: call.id.reborrow(),
                    name: Cow::Borrowed(&call.name),
                    custom: false,
                };
                sink(Event::BlockStart { block, candidate: self.index, kind });
                if let Some(signature) = part.signature {
                    sink(Event::Delta { block, delta: Delta::Signature(signature) });
                }
                sink(Event::Delta { block, delta: Delta::Args(json_text(&call.args)) });
                sink(Event::BlockStop { block });
            }
            PartKind::Media(media) => self.whole(BlockKind::Media(media), part.signature, next, sink),
            PartKind::Server(server) => self.whole(BlockKind::Server(server), part.signature, next, sink),
            PartKind::Opaque(opaque) => self.whole(BlockKind::Opaque(opaque), part.signature, next, sink),
            PartKind::Refusal(_) | PartKind::ToolResult(_) => {}
        }
    }

    fn text(&mut self, text: Text<'_>, next: &mut u32, sink: Sink<'_>) {
        self.ascii = self.ascii && text.is_ascii();
        self.say(Kind::Text, Delta::Text(text), next, sink);
    }

    /// A signature ends the segment that it signs: what follows is another (E408, E409, E418).
    fn sign(
        &mut self,
        kind: Kind,
        signature: Option<crate::model::Signature<'_>>,
        next: &mut u32,
        sink: Sink<'_>,
    ) {
        if let Some(signature) = signature {
            self.say(kind, Delta::Signature(signature), next, sink);
            self.sealed = true;
        }
    }

    fn whole(
        &mut self,
        kind: BlockKind<'_>,
        signature: Option<crate::model::Signature<'_>>,
        next: &mut u32,
        sink: Sink<'_>,
    ) {
        self.close(sink);
        let block = number(next);
        sink(Event::BlockStart { block, candidate: self.index, kind });
        if let Some(signature) = signature {
            sink(Event::Delta { block, delta: Delta::Signature(signature) });
        }
        sink(Event::BlockStop { block });
    }

    /// Continues the open block, or closes it and opens one of the kind.
    fn say(&mut self, kind: Kind, delta: Delta<'_>, next: &mut u32, sink: Sink<'_>) {
        let block = match self.open {
            Some((open, block)) if open == kind && !self.sealed => block,
            _ => {
                self.close(sink);
                let block = number(next);
                self.open = Some((kind, block));
                let kind = match kind {
                    Kind::Text => BlockKind::Text,
                    Kind::Reasoning => BlockKind::Reasoning,
                };
                sink(Event::BlockStart { block, candidate: self.index, kind });
                block
            }
        };
        sink(Event::Delta { block, delta });
    }

    /// Tells the citations of the text that is open.
    fn cite(&mut self, sink: Sink<'_>) {
        if let Some((Kind::Text, block)) = self.open {
            for raw in self.cited.drain(..) {
                sink(Event::Delta { block, delta: Delta::Citation { format: GEMINI, raw } });
            }
        }
    }

    fn close(&mut self, sink: Sink<'_>) {
        self.cite(sink);
        self.sealed = false;
        if let Some((_, block)) = self.open.take() {
            sink(Event::BlockStop { block });
        }
    }

    fn end(&mut self, sink: Sink<'_>) {
        self.close(sink);
        let mut finish = self.finish.take().unwrap_or_else(|| Finish::new(FinishReason::Stop));
        finish.reason = match settle(finish.reason, self.calls) {
            FinishReason::Length if self.calls => FinishReason::ToolUse,
            reason => reason,
        };
        sink(Event::Finish { candidate: self.index, finish });
    }
}

fn number(next: &mut u32) -> u32 {
    let block = *next;
    *next += 1;
    block
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// What the second chunk of a stream tells, read in one pass where that is possible, or thoroughly.
    fn told(chunk: &str, thoroughly: bool) -> Result<Vec<String>, CodecError> {
        let mut told = Vec::new();
        let mut decoder = Decoder::new(&[]);
        let first = r#"{"candidates":[{"content":{"parts":[{"text":"first"}]}}],"responseId":"r"}"#;
        let chunks = [(first, false), (chunk, thoroughly)];
        for (chunk, thoroughly) in chunks {
            let sink: Sink<'_> = &mut |event| told.push(format!("{event:?}"));
            match thoroughly {
                true => decoder.chunk(serde_json::from_str(chunk).unwrap(), "", sink)?,
                false => decoder.decode(StreamFrame::of(chunk.as_bytes()), sink)?,
            }
        }
        let mut unread = decoder.unread().to_vec();
        unread.sort();
        told.extend(unread);
        Ok(told)
    }

    fn one_of(values: Value) -> BoxedStrategy<Option<Value>> {
        let Value::Array(values) = values else { return Just(None).boxed() };
        prop_oneof![1 => Just(None), 3 => prop::sample::select(values).prop_map(Some)].boxed()
    }

    fn object(members: Vec<(&'static str, BoxedStrategy<Option<Value>>)>) -> BoxedStrategy<Value> {
        let (names, values): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let object = move |values: Vec<Option<Value>>| {
            let members =
                names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
            Value::Object(members.collect())
        };
        values.prop_map(object).boxed()
    }

    fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Option<Value>> {
        let items = prop::collection::vec(item, 1..=2).prop_map(|items| Some(Value::Array(items)));
        prop_oneof![1 => one_of(json!([null, 5, []])), 6 => items].boxed()
    }

    fn rare() -> BoxedStrategy<Option<Value>> {
        prop_oneof![4 => Just(None), 1 => one_of(json!([1, "a", [], null, {}]))].boxed()
    }

    /// What nearly all chunks are, with what nobody reads anywhere.
    fn text() -> BoxedStrategy<Value> {
        let one = |item: BoxedStrategy<Value>| item.prop_map(|item| Some(json!([item]))).boxed();
        let part = object(vec![("text", one_of(json!(["a", "b\n"]))), ("thought", one_of(json!([true])))]);
        let content = object(vec![("parts", one(part)), ("role", rare()), ("inContent", rare())]);
        let candidate = object(vec![
            ("content", content.prop_map(Some).boxed()),
            ("safetyRatings", rare()),
            ("inCandidate", rare()),
        ]);
        object(vec![
            ("a", rare()),
            ("b", rare()),
            ("candidates", one(candidate)),
            ("c", rare()),
            ("d", rare()),
        ])
    }

    fn reply() -> BoxedStrategy<Value> {
        prop_oneof![1 => text(), 3 => any_reply()].boxed()
    }

    fn any_reply() -> BoxedStrategy<Value> {
        let part = object(vec![
            ("text", one_of(json!(["a", "a", "\"\u{e9}\n\"", "", 5, null]))),
            (
                "thought",
                prop_oneof![3 => Just(None), 2 => one_of(json!([true, false, null, "true"]))].boxed(),
            ),
            ("thoughtSignature", prop_oneof![5 => Just(None), 1 => one_of(json!(["AAAA", null]))].boxed()),
            ("functionCall", prop_oneof![5 => Just(None), 1 => Just(Some(json!({"name":"f"})))].boxed()),
        ]);
        let content =
            object(vec![("role", one_of(json!(["model"]))), ("parts", list(part)), ("inContent", rare())]);
        let candidate = object(vec![
            ("content", content.prop_map(Some).boxed()),
            ("index", one_of(json!([0, 1, null, "0", -1]))),
            ("finishReason", prop_oneof![3 => Just(None), 1 => one_of(json!(["STOP", null]))].boxed()),
            ("groundingMetadata", prop_oneof![5 => Just(None), 1 => one_of(json!([{}, null]))].boxed()),
            ("safetyRatings", rare()),
            ("finishMessage", rare()),
            ("logprobsResult", rare()),
        ]);
        object(vec![
            ("candidates", list(candidate)),
            ("usageMetadata", one_of(json!([{"promptTokenCount":1,"totalTokenCount":3}, {}, null]))),
            ("modelVersion", one_of(json!(["m"]))),
            ("traceId", rare()),
            ("a", rare()),
            ("b", rare()),
            ("c", rare()),
            ("error", prop_oneof![8 => Just(None), 1 => one_of(json!([{"code":500}, null]))].boxed()),
        ])
    }

    proptest! {
        #[test]
        fn a_chunk_that_is_read_in_one_pass_tells_what_the_thorough_reader_tells(
            inner in reply(), outer in reply(), wrapped in any::<bool>(),
        ) {
            let mut chunk = inner.clone();
            if wrapped {
                chunk = outer;
                chunk["response"] = inner;
            }
            let chunk = chunk.to_string();
            // What the thorough reader refuses may be in a member that the other one does not look at.
            if let Ok(expected) = told(&chunk, true) {
                prop_assert_eq!(told(&chunk, false).unwrap(), expected, "{}", chunk);
            }
        }
    }

    #[test]
    fn text_is_read_in_one_pass_and_nothing_else_is() {
        let chunk = |part: &str, more: &str| {
            format!(r#"{{"candidates":[{{"content":{{"role":"model","parts":[{part}]}},"index":0{more}}}]}}"#)
        };
        for (part, more, plain) in [
            (r#"{"text":"a\n"}"#, "", true),
            (r#"{"text":"a","thought":true}"#, r#","safetyRatings":[]"#, true),
            (r#"{"text":"a\q"}"#, "", false),
            (r#"{"text":"a","text":"b"}"#, "", false),
            (r#"{"text":"a"},{"text":"b"}"#, "", false),
            (r#"{"text":"a","thoughtSignature":"AAAA"}"#, "", false),
            (r#"{"functionCall":{"name":"f"}}"#, "", false),
            (r#"{"text":"a"}"#, r#","finishReason":"STOP""#, false),
            (r#"{"text":"a"}"#, r#","groundingMetadata":{}"#, false),
            (r#"{"text":"a"}"#, r#","index":1"#, false),
        ] {
            let bare = chunk(part, more);
            assert_eq!(Plain::of(&bare).is_some(), plain, "{bare}");
            let wrapped = format!(r#"{{"response":{bare},"traceId":"t"}}"#);
            assert_eq!(Plain::of(&wrapped).is_some(), plain, "{wrapped}");
        }
    }
}
