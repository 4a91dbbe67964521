//! Two formats that a stranger might have made. They say the same things under different names, so that a test sees
//! at a glance which one it looks at; a frame is `{"alpha":"text","v":…}`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};
use cliproxy_translator::framing::write_sse;
use cliproxy_translator::model::{
    BlockKind, Candidate, Delta, Event, Finish, Part, ReasoningMode, Request, Response, Role, Start,
    StreamError, Turn,
};
use cliproxy_translator::{
    Codec, CodecError, Encoded, ErrorText, Loss, Observed, Patch, Patched, Peek, Profile, ReplyContext,
    StreamDecoder, StreamEncoder, StreamFrame, StreamObserver, StreamSeen,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// What a codec was asked to do.
#[derive(Debug, Default)]
pub struct Calls {
    pub encoded: AtomicUsize,
    pub patched: AtomicUsize,
    pub encoded_on: Mutex<Option<ThreadId>>,
}

#[derive(Debug)]
pub struct Toy {
    pub name: &'static str,
    /// Whether the format has a token-count endpoint.
    pub counts: bool,
    pub calls: Arc<Calls>,
}

impl Toy {
    pub fn new(name: &'static str) -> Self {
        Self { name, counts: true, calls: Arc::default() }
    }
}

fn parse(body: &[u8]) -> Result<Value, CodecError> {
    Ok(serde_json::from_slice(body)?)
}

/// The kind and value of a frame, or of an error body.
fn said<'v>(name: &str, value: &'v Value) -> Option<(&'v str, &'v Value)> {
    Some((value.get(name)?.as_str()?, value.get("v").unwrap_or(&Value::Null)))
}

/// One frame, framing included.
pub fn frame(name: &str, kind: &str, value: impl Into<Value>) -> String {
    format!("data: {}\n\n", json!({ name: kind, "v": value.into() }))
}

/// The usual stream: a start, two texts, usage, a finish, the end.
pub fn stream(name: &str) -> String {
    [
        frame(name, "start", "up-model"),
        frame(name, "text", "Hé"),
        frame(name, "text", "llo 世界"),
        frame(name, "usage", 7),
        frame(name, "finish", Value::Null),
        frame(name, "end", Value::Null),
    ]
    .concat()
}

/// The usual whole reply.
pub fn reply(name: &str, model: &str, text: &str) -> String {
    json!({ "format": name, "model": model, "text": text, "usage": 7 }).to_string()
}

fn usage(tokens: u64) -> Usage {
    Usage { output: Some(tokens), ..Usage::default() }
}

fn stream_error(value: &Value, raw: &[u8]) -> StreamError<'static> {
    let raw = String::from_utf8(raw.to_vec()).unwrap();
    StreamError {
        status: value.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()),
        message: value.get("message").and_then(Value::as_str).unwrap_or("").to_owned().into(),
        raw: cliproxy_translator::json::raw(raw).ok().map(std::borrow::Cow::Owned),
        ..StreamError::default()
    }
}

impl Codec for Toy {
    fn name(&self) -> &str {
        self.name
    }

    fn peek<'a>(&self, _body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        Ok(Peek::default())
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        let value = parse(body)?;
        let Some(prompt) = value.get("prompt").and_then(Value::as_str).map(str::to_owned) else {
            return Err(CodecError::malformed("a prompt is missing").with_param("prompt"));
        };
        let mut request = Request { source: self.name, ..Request::default() };
        request.turns.push(Turn::new(Role::User, vec![Part::text(prompt)]));
        request.stream.include_usage = value.get("include_usage") == Some(&Value::Bool(true));
        Ok(request)
    }

    fn encode_request(&self, request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
        self.calls.encoded.fetch_add(1, Ordering::Relaxed);
        *self.calls.encoded_on.lock() = Some(thread::current().id());
        let prompt = request.turns[0].parts[0].as_text().unwrap().decoded().into_owned();
        if prompt == "unspeakable" {
            return Err(CodecError::inexpressible("this format cannot say that"));
        }
        let body = json!({
            "format": self.name, "model": profile.model, "stream": profile.stream, "prompt": prompt,
            "off": request.reasoning.mode == Some(ReasoningMode::Off),
            "strict": profile.strict, "developer": profile.developer_role,
        });
        let losses = vec![Loss { what: "manners".into(), why: "no word for it".into() }];
        Ok(Encoded { body: body.to_string().into_bytes(), losses, ..Encoded::default() })
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
        self.calls.patched.fetch_add(1, Ordering::Relaxed);
        let before = parse(body)?;
        let mut after = before.clone();
        if let Some(model) = &patch.model {
            after["model"] = json!(model);
        }
        if let Some(stream) = patch.stream {
            after["stream"] = json!(stream);
        }
        if patch.include_usage {
            after["include_usage"] = json!(true);
        }
        if let Some(control) = &patch.reasoning {
            after["off"] = json!(control.mode == Some(ReasoningMode::Off));
        }
        let changed = before != after;
        Ok(Patched::whole(if changed { Bytes::from(after.to_string()) } else { body.clone() }))
    }

    fn decode_reply<'a>(&self, body: &'a [u8], _context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        let value = parse(body)?;
        let mut response = Response { source: "toy", ..Response::default() };
        response.model = value.get("model").and_then(Value::as_str).unwrap_or("").to_owned().into();
        response.usage = value.get("usage").and_then(Value::as_u64).map(usage);
        if let Some(text) = value.get("text").and_then(Value::as_str) {
            let parts = vec![Part::text(text.to_owned())];
            let finish = Some(Finish::new(FinishReason::Stop));
            response.candidates.push(Candidate { parts, finish, ..Candidate::default() });
        }
        Ok(response)
    }

    fn encode_reply(&self, response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
        let mut text = String::new();
        for part in &response.candidates[0].parts {
            text.push_str(&part.as_text().unwrap().decoded());
        }
        let model = context.shown_model.as_deref().unwrap_or(&response.model);
        let usage = response.usage.and_then(|usage| usage.output).unwrap_or(0);
        json!({ "format": self.name, "model": model, "text": text, "usage": usage }).to_string().into_bytes()
    }

    fn patch_reply(
        &self,
        body: &Bytes,
        context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
        let mut value = parse(body)?;
        let tokens = value.get("usage").and_then(Value::as_u64).unwrap_or(0);
        if value.get("text").is_none() {
            return Err(CodecError::malformed("this is no reply"));
        }
        let body = match &context.shown_model {
            Some(model) if value["model"] != json!(model) => {
                value["model"] = json!(model);
                Bytes::from(value.to_string())
            }
            _ => body.clone(),
        };
        Ok((body, usage(tokens), Some(FinishReason::Stop)))
    }

    fn stream_decoder(&self, _context: &ReplyContext) -> Box<dyn StreamDecoder> {
        Box::new(Decoder { name: self.name, open: false })
    }

    fn stream_encoder(&self, context: &ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(Encoder { name: self.name, context: context.clone() })
    }

    fn stream_observer(&self, context: &ReplyContext) -> Box<dyn StreamObserver> {
        Box::new(Observer { name: self.name, context: context.clone(), seen: StreamSeen::default() })
    }

    fn decode_error(&self, body: &[u8]) -> ErrorText {
        cliproxy_translator::pass::errors::probe_error(body)
    }

    fn is_own_error(&self, body: &[u8]) -> bool {
        parse(body).is_ok_and(|value| {
            value.get("error").is_some_and(|error| error.get("toy") == Some(&json!(self.name)))
        })
    }

    fn encode_error(&self, error: &ClientError, _request_id: &str) -> Vec<u8> {
        json!({ "error": { "toy": self.name, "message": error.message } }).to_string().into_bytes()
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        parse(body).ok()?.get(self.name)?.as_u64()
    }

    fn encode_count(&self, tokens: u64) -> Option<Vec<u8>> {
        self.counts.then(|| json!({ self.name: tokens }).to_string().into_bytes())
    }
}

struct Decoder {
    name: &'static str,
    open: bool,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, frame: StreamFrame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        let value = parse(frame.data)?;
        let Some((kind, v)) = said(self.name, &value) else {
            return Err(CodecError::protocol("a frame of another format"));
        };
        match kind {
            "start" => {
                sink(Event::Start(Start { model: v.as_str().unwrap_or("").into(), ..Start::default() }));
            }
            "text" => {
                if !std::mem::replace(&mut self.open, true) {
                    sink(Event::BlockStart { block: 0, candidate: 0, kind: BlockKind::Text });
                }
                sink(Event::Delta { block: 0, delta: Delta::Text(v.as_str().unwrap_or("").into()) });
            }
            "usage" => sink(Event::Usage(usage(v.as_u64().unwrap_or(0)))),
            "finish" => sink(Event::Finish { candidate: 0, finish: Finish::new(FinishReason::Stop) }),
            "ping" => sink(Event::Ping),
            "error" => sink(Event::Error(stream_error(v, frame.data))),
            "end" => sink(Event::End),
            _ => return Err(CodecError::protocol("an unknown frame")),
        }
        Ok(())
    }

    fn finish(&mut self, _sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        Err(CodecError::protocol("no end came"))
    }
}

struct Encoder {
    name: &'static str,
    context: ReplyContext,
}

impl Encoder {
    fn put(&self, out: &mut Vec<u8>, kind: &str, value: impl Into<Value>) {
        write_sse(out, None, json!({ self.name: kind, "v": value.into() }).to_string().as_bytes());
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => {
                self.put(out, "start", self.context.shown_model.as_deref().unwrap_or(&start.model));
            }
            Event::Delta { delta: Delta::Text(text), .. } => self.put(out, "text", text.decoded().as_ref()),
            Event::Usage(usage) => self.put(out, "usage", usage.output.unwrap_or(0)),
            Event::Finish { .. } => self.put(out, "finish", Value::Null),
            Event::Ping => self.put(out, "ping", Value::Null),
            Event::End => self.put(out, "end", Value::Null),
            _ => {}
        }
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        self.put(out, "error", json!({ "status": error.status.as_u16(), "message": error.message }));
    }
}

struct Observer {
    name: &'static str,
    context: ReplyContext,
    seen: StreamSeen,
}

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        let Ok(value) = parse(frame.data) else { return Observed::Pass };
        let Some((kind, v)) = said(self.name, &value) else { return Observed::Pass };
        match kind {
            "start" => {
                if let Some(model) = &self.context.shown_model {
                    return Observed::Replace(Bytes::from(self::frame(self.name, "start", model.as_str())));
                }
            }
            "text" | "finish" => {
                self.seen.semantic = true;
                if kind == "finish" {
                    self.seen.finish = Some(FinishReason::Stop);
                }
            }
            "usage" => {
                self.seen.usage.merge(&usage(v.as_u64().unwrap_or(0)));
                if !self.context.include_usage {
                    return Observed::Drop;
                }
            }
            "error" => self.seen.error = Some(stream_error(v, frame.data)),
            "end" => self.seen.terminal = true,
            _ => {}
        }
        Observed::Pass
    }

    fn seen(&self) -> &StreamSeen {
        &self.seen
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        Encoder { name: self.name, context: self.context.clone() }.fail(error, out);
    }
}
