//! What third parties leave behind is in the report, whoever of them it was. Source: issue 4, "Deliver" 6.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::model::{Event, Request, Response};
use cliproxy_translator::registry::{
    Exchange, ModelHook, Registry, RequestCall, RequestEnvelope, RequestMiddleware, RequestTransform,
    ResponseEnvelope, ResponseMiddleware, ResponseNonStreamTransform, ResponseStream,
    ResponseStreamTransform, ResponseTransforms, TranslationHooks,
};
use cliproxy_translator::{CodecError, Loss, Profile, ReplyContext, StreamFrame};
use serde_json::json;

const CHAT: ClientFormat = ClientFormat::from_static("openai");
const CLAUDE: ProviderFormat = ProviderFormat::from_static("claude");
const ACME: ProviderFormat = ProviderFormat::from_static("acme");

fn lost(what: &'static str) -> Loss {
    Loss::new(what, "a third party has no use for it")
}

/// Tells what it is called, in every role that a third party can have.
#[derive(Debug)]
struct Teller(&'static str);

impl RequestTransform for Teller {
    fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
        Ok(call.body.clone())
    }

    fn transform_telling(&self, call: &RequestCall<'_>, losses: &mut Vec<Loss>) -> Result<Bytes, CodecError> {
        losses.extend([lost(self.0), lost(self.0)]);
        RequestTransform::transform(self, call)
    }
}

impl ResponseNonStreamTransform for Teller {
    fn transform(&self, _exchange: &Exchange, body: &Bytes) -> Result<Bytes, CodecError> {
        Ok(body.clone())
    }

    fn transform_telling(
        &self,
        exchange: &Exchange,
        body: &Bytes,
        losses: &mut Vec<Loss>,
    ) -> Result<Bytes, CodecError> {
        losses.push(lost(self.0));
        ResponseNonStreamTransform::transform(self, exchange, body)
    }
}

impl ResponseStreamTransform for Teller {
    fn begin(&self, _exchange: &Exchange) -> Box<dyn ResponseStream> {
        Box::new(TellingStream(self.0, Vec::new()))
    }
}

struct TellingStream(&'static str, Vec<Loss>);

impl ResponseStream for TellingStream {
    fn push(&mut self, frame: StreamFrame<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.1.is_empty() {
            self.1.push(lost(self.0));
        }
        out.extend_from_slice(frame.data);
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.1.push(lost("at the end"));
        Ok(())
    }

    fn losses(&self) -> &[Loss] {
        &self.1
    }
}

impl RequestMiddleware for Teller {
    fn handle(
        &self,
        envelope: RequestEnvelope,
        next: &mut dyn FnMut(RequestEnvelope) -> Result<RequestEnvelope, CodecError>,
    ) -> Result<RequestEnvelope, CodecError> {
        let mut done = next(envelope)?;
        done.losses.push(lost(self.0));
        Ok(done)
    }
}

impl ResponseMiddleware for Teller {
    fn handle(
        &self,
        envelope: ResponseEnvelope,
        next: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
    ) -> Result<ResponseEnvelope, CodecError> {
        let mut done = next(envelope)?;
        done.losses.push(lost(self.0));
        Ok(done)
    }
}

impl ModelHook for Teller {
    fn on_request_telling(
        &self,
        _call: &RequestCall<'_>,
        request: &mut Request<'_>,
        losses: &mut Vec<Loss>,
    ) -> Result<(), CodecError> {
        request.tools.clear();
        losses.push(lost(self.0));
        Ok(())
    }

    fn on_response_telling(
        &self,
        _exchange: &Exchange,
        _response: &mut Response<'_>,
        losses: &mut Vec<Loss>,
    ) {
        losses.push(lost(self.0));
    }

    fn on_event_telling<'e>(
        &self,
        _exchange: &Exchange,
        event: Event<'e>,
        losses: &mut Vec<Loss>,
    ) -> Option<Event<'e>> {
        losses.push(lost(self.0));
        Some(event)
    }
}

impl TranslationHooks for Teller {
    fn translate_request_telling(
        &self,
        _call: &RequestCall<'_>,
        body: &Bytes,
        losses: &mut Vec<Loss>,
    ) -> Option<Bytes> {
        losses.push(lost(self.0));
        Some(body.clone())
    }

    fn translate_response_telling(
        &self,
        _exchange: &Exchange,
        body: &Bytes,
        losses: &mut Vec<Loss>,
    ) -> Option<Bytes> {
        losses.push(lost(self.0));
        Some(body.clone())
    }
}

/// What is told of a request, of a whole reply and of a stream.
fn told(registry: &Registry, provider: &ProviderFormat) -> [Vec<String>; 3] {
    let body = Bytes::from(r#"{"model":"m","seed":7,"messages":[{"role":"user","content":"q"}]}"#);
    let profile = Profile::new("m", true);
    let client = CHAT;
    let call = RequestCall::new(&client, provider, &body, &profile);
    let names = |losses: &[Loss]| losses.iter().map(|loss| loss.what.to_string()).collect();
    let done = registry.translate_request(&call, ReplyContext::new("m", "seed")).unwrap();
    let reply = json!({"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "a"}],
        "stop_reason": "stop_sequence", "stop_sequence": "x"});
    let whole = registry.translate_whole(&done.exchange, &Bytes::from(reply.to_string())).unwrap();
    let mut pipe = registry.stream(done.exchange.clone()).unwrap();
    let (mut out, mut frames) = (Vec::new(), Vec::new());
    for event in [
        json!({"type": "message_start", "message": {"id": "m1", "model": "m", "content": []}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "x"}}),
        json!({"type": "message_stop"}),
    ] {
        frames.extend_from_slice(format!("data: {event}\n\n").as_bytes());
    }
    for piece in frames.chunks(40) {
        pipe.push(&Bytes::copy_from_slice(piece), &mut out).unwrap();
    }
    pipe.finish(&mut out).unwrap();
    [names(&done.losses), names(&whole.losses), names(pipe.losses())]
}

#[test]
fn what_a_pair_leaves_behind_is_told() {
    let mut registry = Registry::with_builtin();
    let response = ResponseTransforms::none()
        .with_whole(Arc::new(Teller("of the whole")))
        .with_stream(Arc::new(Teller("of the stream")));
    registry.register(CHAT, CLAUDE, Some(Arc::new(Teller("of the request"))), response);
    let [request, whole, stream] = told(&registry, &CLAUDE);
    assert_eq!(request, ["of the request"]);
    assert_eq!(whole, ["of the whole"]);
    assert_eq!(stream, ["of the stream", "at the end"]);
}

#[test]
fn what_middleware_leaves_behind_is_told_beside_what_the_translation_does() {
    let mut registry = Registry::with_builtin();
    registry.use_request(Arc::new(Teller("outer")));
    registry.use_request(Arc::new(Teller("inner")));
    registry.use_response(Arc::new(Teller("reply")));
    let [request, whole, stream] = told(&registry, &CLAUDE);
    assert_eq!(request, ["seed", "inner", "outer"]);
    assert_eq!(whole, ["stop_sequence", "reply"]);
    assert_eq!(stream, ["reply", "stop_sequence"], "each kind once, however many pieces there are");
}

#[test]
fn what_a_hook_on_the_model_takes_out_is_told() {
    let mut registry = Registry::with_builtin();
    registry.add_model_hook(Arc::new(Teller("hook")));
    let [request, whole, stream] = told(&registry, &CLAUDE);
    assert_eq!(request, ["seed", "hook"]);
    assert_eq!(whole, ["stop_sequence", "hook"]);
    assert_eq!(stream, ["hook", "stop_sequence"]);
}

#[test]
fn what_hooks_leave_behind_that_translate_is_told() {
    let mut registry = Registry::with_builtin();
    registry.set_hooks(Some(Arc::new(Teller("translator"))));
    let [request, whole, stream] = told(&registry, &ACME);
    assert_eq!([request, whole, stream], [["translator"], ["translator"], ["translator"]]);
}

#[test]
fn a_third_party_that_says_nothing_loses_nothing_and_one_that_says_too_much_is_cut_short() {
    #[derive(Debug)]
    struct Silent;
    impl RequestTransform for Silent {
        fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
            Ok(call.body.clone())
        }
    }
    #[derive(Debug)]
    struct Chatty;
    impl RequestTransform for Chatty {
        fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
            Ok(call.body.clone())
        }
        fn transform_telling(
            &self,
            call: &RequestCall<'_>,
            losses: &mut Vec<Loss>,
        ) -> Result<Bytes, CodecError> {
            losses.extend((0..10_000).map(|n| Loss::new(format!("n{n}"), "why not")));
            RequestTransform::transform(self, call)
        }
    }
    let request = |transform: Arc<dyn RequestTransform>| {
        let mut registry = Registry::new();
        let response = ResponseTransforms::none().with_whole(Arc::new(Teller("whole")));
        registry.register(CHAT, ACME, Some(transform), response);
        let body = Bytes::from("{}");
        let profile = Profile::new("m", false);
        let (client, provider) = (CHAT, ACME);
        registry
            .translate_request(
                &RequestCall::new(&client, &provider, &body, &profile),
                ReplyContext::new("m", "seed"),
            )
            .unwrap()
            .losses
    };
    assert_eq!(request(Arc::new(Silent)), []);
    let losses = request(Arc::new(Chatty));
    assert!(losses.len() < 70 && losses.last().unwrap().what == "others", "{}", losses.len());
}
