//! A wire format of one line a frame, for tests of what stands around codecs.

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};
use cliproxy_translator::framing::write_sse;
use cliproxy_translator::json::{Text, Writer};
use cliproxy_translator::model::{
    BlockKind, Candidate, Delta, Event, Finish, Part, Request, Response, Role, Start, StreamError, Summary,
    Turn,
};
use cliproxy_translator::pass::{errors, reasoning};
use cliproxy_translator::splice::{Edits, TopLevel};
use cliproxy_translator::{
    Codec, CodecError, Encoded, ErrorText, Observed, Patch, Patched, Peek, Profile, ReplyContext,
    StreamDecoder, StreamEncoder, StreamFrame, StreamObserver, StreamSeen,
};

#[derive(Debug)]
pub struct ToyCodec(String);

impl ToyCodec {
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl Codec for ToyCodec {
    fn name(&self) -> &str {
        &self.0
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        TopLevel::scan(body)?.peek()
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        let top = TopLevel::scan(body)?;
        let text = top.string("text")?.unwrap_or_default();
        let effort = top.string("effort")?.and_then(|effort| reasoning::of_effort(&effort));
        let mut request = Request {
            source: "toy",
            model: top.string("model")?.unwrap_or_default(),
            turns: vec![Turn::new(Role::User, vec![Part::text(Text::plain(text))])],
            reasoning: effort.unwrap_or_default(),
            ..Request::default()
        };
        if let Some(summary) = top.string("summary")? {
            request.reasoning.summary = Summary::Enabled(Some(summary.into_owned()));
        }
        Ok(request)
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        let mut w = Writer::default();
        w.begin_object();
        w.field_string("model", &profile.model);
        if let Some(text) = request.turns.first().and_then(|turn| turn.parts[0].as_text()) {
            w.field_text("text", text);
        }
        if let Summary::Enabled(Some(summary)) = &request.reasoning.summary {
            w.field_string("summary", summary);
        }
        if let Some(effort) = reasoning::resolve(&request.reasoning, false, None)?.as_effort() {
            w.field_string("effort", effort);
        }
        w.end_object();
        Ok(Encoded { body: w.into_bytes(), ..Encoded::default() })
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
        match &patch.model {
            Some(model) => Edits::new().set_string("model", model).apply(body).map(Patched::whole),
            None => Ok(Patched::whole(body.clone())),
        }
    }

    fn decode_reply<'a>(&self, body: &'a [u8], _context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        let top = TopLevel::scan(body)?;
        let text = top.string("text")?.unwrap_or_default();
        Ok(Response {
            id: top.string("id")?.unwrap_or_default(),
            candidates: vec![Candidate {
                parts: vec![Part::text(Text::plain(text))],
                ..Candidate::default()
            }],
            ..Response::default()
        })
    }

    fn encode_reply(&self, response: &Response<'_>, _context: &ReplyContext) -> Vec<u8> {
        let mut w = Writer::default();
        w.begin_object();
        w.field_string("id", &response.id);
        let parts = response.candidates.iter().flat_map(|candidate| &candidate.parts);
        w.key("text");
        w.texts(parts.filter_map(Part::as_text).map(Text::reborrow));
        w.end_object();
        w.into_bytes()
    }

    fn patch_reply(
        &self,
        body: &Bytes,
        _context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
        TopLevel::scan(body)?;
        Ok((body.clone(), Usage::default(), None))
    }

    fn stream_decoder(&self, _context: &ReplyContext) -> Box<dyn StreamDecoder> {
        Box::new(Decoder::default())
    }

    fn stream_encoder(&self, _context: &ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(Encoder)
    }

    fn stream_observer(&self, _context: &ReplyContext) -> Box<dyn StreamObserver> {
        Box::new(Observer(StreamSeen::default()))
    }

    fn decode_error(&self, body: &[u8]) -> ErrorText {
        errors::probe_error(body)
    }

    fn is_own_error(&self, _body: &[u8]) -> bool {
        false
    }

    fn encode_error(&self, error: &ClientError, _request_id: &str) -> Vec<u8> {
        error.message.clone().into_bytes()
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        TopLevel::scan(body).ok()?.unsigned("tokens")
    }

    fn encode_count(&self, tokens: u64) -> Option<Vec<u8>> {
        Some(format!(r#"{{"tokens":{tokens}}}"#).into_bytes())
    }
}

#[derive(Default)]
struct Decoder {
    open: bool,
    ended: bool,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        let line = std::str::from_utf8(frame.data).map_err(|_| CodecError::protocol("not UTF-8"))?;
        let (word, rest) = line.split_once(':').unwrap_or((line, ""));
        match word {
            "start" => sink(Event::Start(Start::default())),
            "ping" => sink(Event::Ping),
            "text" => {
                if !std::mem::replace(&mut self.open, true) {
                    sink(Event::BlockStart { block: 0, candidate: 0, kind: BlockKind::Text });
                }
                sink(Event::Delta { block: 0, delta: Delta::Text(rest.into()) });
            }
            "usage" => sink(Event::Usage(Usage { output: rest.parse().ok(), ..Usage::default() })),
            "stop" => sink(Event::Finish { candidate: 0, finish: Finish::new(FinishReason::Stop) }),
            "error" => {
                self.ended = true;
                sink(Event::Error(StreamError { message: rest.into(), ..StreamError::default() }));
            }
            "end" => {
                self.ended = true;
                sink(Event::End);
            }
            _ => return Err(CodecError::protocol("no such frame")),
        }
        Ok(())
    }

    fn finish(&mut self, _sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        if self.ended { Ok(()) } else { Err(CodecError::protocol("the stream broke off before its end")) }
    }
}

struct Encoder;

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        let line = match event {
            Event::Start(_) => "start".to_owned(),
            Event::Ping => "ping".to_owned(),
            Event::Delta { delta: Delta::Text(text), .. } => format!("text:{}", text.decoded()),
            Event::Error(error) => format!("error:{}", error.message),
            Event::End => "end".to_owned(),
            _ => return,
        };
        write_sse(out, None, line.as_bytes());
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        write_sse(out, None, format!("error:{}", error.message).as_bytes());
    }
}

struct Observer(StreamSeen);

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        self.0.semantic |= frame.data.starts_with(b"text");
        self.0.terminal |= frame.data == b"end";
        Observed::Pass
    }

    fn seen(&self) -> &StreamSeen {
        &self.0
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        write_sse(out, None, format!("error:{}", error.message).as_bytes());
    }
}
