//! The registry: who translates what, and in which order hooks and middleware see it.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, ClientFormat, FinishReason, ProviderFormat};
use cliproxy_translator::model::{Event, Request, Response, Summary};
use cliproxy_translator::registry::{
    Exchange, ModelHook, Registry, RequestCall, RequestEnvelope, RequestMiddleware, RequestTransform,
    ResponseEnvelope, ResponseMiddleware, ResponseNonStreamTransform, ResponseStream,
    ResponseStreamTransform, ResponseTransforms, Route, TokenCountTransform, Translated, TranslationHooks,
};
use cliproxy_translator::{CodecError, CodecErrorKind, Profile, ReplyContext, StreamFrame};

use crate::toy::ToyCodec;

const A: ClientFormat = ClientFormat::from_static("a");
const B: ProviderFormat = ProviderFormat::from_static("b");

/// Appends its name to whatever comes by.
#[derive(Debug)]
struct Mark(&'static str);

fn marked(body: &[u8], mark: &str) -> Bytes {
    Bytes::from([body, b"+", mark.as_bytes()].concat())
}

impl RequestTransform for Mark {
    fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
        Ok(marked(call.body, self.0))
    }
}

impl ResponseNonStreamTransform for Mark {
    fn transform(&self, _exchange: &Exchange, body: &Bytes) -> Result<Bytes, CodecError> {
        Ok(marked(body, self.0))
    }
}

impl ResponseStreamTransform for Mark {
    fn begin(&self, _exchange: &Exchange) -> Box<dyn ResponseStream> {
        Box::new(MarkStream { name: self.0, count: 0 })
    }
}

impl TokenCountTransform for Mark {
    fn transform(&self, tokens: u64) -> Vec<u8> {
        format!("{tokens}+{}", self.0).into_bytes()
    }
}

/// Counts its frames: state is that of one stream. Says nothing for `quiet`.
struct MarkStream {
    name: &'static str,
    count: u32,
}

impl ResponseStream for MarkStream {
    fn push(&mut self, frame: StreamFrame<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.count += 1;
        if frame.data != b"quiet" {
            out.extend_from_slice(
                format!("{}{}+{};", String::from_utf8_lossy(frame.data), self.count, self.name).as_bytes(),
            );
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(b"end;");
        Ok(())
    }
}

/// Marks every stage.
#[derive(Debug)]
struct Hooks {
    translates: bool,
}

impl TranslationHooks for Hooks {
    fn normalize_request(&self, _call: &RequestCall<'_>, body: Bytes) -> Bytes {
        marked(&body, "norm")
    }

    fn translate_request(&self, _call: &RequestCall<'_>, body: &Bytes) -> Option<Bytes> {
        self.translates.then(|| marked(body, "plugin"))
    }

    fn normalize_response_before(&self, _exchange: &Exchange, body: Bytes) -> Bytes {
        marked(&body, "before")
    }

    fn translate_response(&self, _exchange: &Exchange, body: &Bytes) -> Option<Bytes> {
        self.translates.then(|| marked(body, "plugin"))
    }

    fn normalize_response_after(&self, _exchange: &Exchange, body: Bytes) -> Bytes {
        marked(&body, "after")
    }
}

fn pair(request: bool, stream: bool, whole: bool) -> Registry {
    let mut registry = Registry::new();
    let mut response = ResponseTransforms::none();
    if stream {
        response = response.with_stream(Arc::new(Mark("native")));
    }
    if whole {
        response = response.with_whole(Arc::new(Mark("native")));
    }
    registry.register(A, B, request.then(|| Arc::new(Mark("native")) as Arc<dyn RequestTransform>), response);
    registry
}

fn hub() -> Registry {
    let mut registry = Registry::new();
    registry.add_codec(Arc::new(ToyCodec::new("a")));
    registry.add_codec(Arc::new(ToyCodec::new("b")));
    registry
}

fn translate(
    registry: &Registry,
    client: &ClientFormat,
    provider: &ProviderFormat,
    body: &str,
) -> Result<Translated, CodecError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let profile = Profile::new("m", true);
    registry.translate_request(
        &RequestCall::new(client, provider, &body, &profile),
        ReplyContext::new("alias", "seed"),
    )
}

fn request(registry: &Registry, body: &str) -> String {
    String::from_utf8(translate(registry, &A, &B, body).unwrap().body.to_vec()).unwrap()
}

fn exchange(registry: &Registry) -> Exchange {
    let body = if registry.has_request_transform(&A, &B) { "x" } else { r#"{"model":"q"}"# };
    match translate(registry, &A, &B, body) {
        Ok(translated) => translated.exchange,
        // Nothing serves the request: borrow an exchange from a registry where something does.
        Err(_) => translate(&pair(true, false, false), &A, &B, "x").unwrap().exchange,
    }
}

fn whole(registry: &Registry, body: &str) -> Result<String, CodecError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let (body, _, _) = registry.translate_reply(&exchange(registry), &body)?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

fn stream(registry: &Registry, frames: &[&str]) -> Result<String, CodecError> {
    let mut pipe = registry.stream(exchange(registry))?;
    let mut out = Vec::new();
    for frame in frames {
        pipe.push(&Bytes::from(format!("data: {frame}\n\n")), &mut out)?;
    }
    pipe.finish(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn e662_without_a_transform_only_the_model_is_named() {
    let registry = Registry::new();
    let (client, provider) = (ClientFormat::new("same"), ProviderFormat::new("same"));
    for (body, model, expected) in [
        (r#"{"model":"team/m","x": [1.50]}"#, "m", r#"{"model":"m","x": [1.50]}"#),
        (r#"{"x":1}"#, "m", r#"{"x":1,"model":"m"}"#),
        (r#"{"model":"m","x":1}"#, "m", r#"{"model":"m","x":1}"#),
        (r#"{"model":"team/m"}"#, "", r#"{"model":"team/m"}"#),
    ] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let profile = Profile::new(model, false);
        let call = RequestCall::new(&client, &provider, &body, &profile);
        let translated = registry.translate_request(&call, ReplyContext::default()).unwrap();
        assert_eq!(
            (translated.body.as_ref(), translated.route),
            (expected.as_bytes(), Route::PassThrough),
            "E662"
        );
        assert_eq!(
            translated.body.as_ptr() == body.as_ptr(),
            body == expected,
            "E662: untouched bytes are the same"
        );
    }
}

#[test]
fn an_unknown_pair_is_an_error_and_no_guess() {
    let error = translate(&Registry::new(), &A, &B, "{}").unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (CodecErrorKind::Inexpressible, "nothing translates between a and b")
    );
    assert_eq!(Registry::new().request_route(&A, &B), None);
    assert!(whole(&Registry::new(), "{}").is_err());
    assert!(stream(&Registry::new(), &["x"]).is_err());
}

#[test]
fn e663_a_transform_for_the_same_format_beats_the_pass_through() {
    let mut registry = Registry::new();
    let (client, provider) = (ClientFormat::new("same"), ProviderFormat::new("same"));
    registry.register(
        client.clone(),
        provider.clone(),
        Some(Arc::new(Mark("own"))),
        ResponseTransforms::none(),
    );
    let translated = translate(&registry, &client, &provider, "x").unwrap();
    assert_eq!((translated.body.as_ref(), translated.route), (&b"x+own"[..], Route::Pair));
}

#[test]
fn a_pair_wins_over_the_hub_for_exactly_that_pair() {
    let mut registry = hub();
    registry.add_codec(Arc::new(ToyCodec::new("c")));
    registry.register(
        A,
        B,
        Some(Arc::new(Mark("own"))),
        ResponseTransforms::none().with_whole(Arc::new(Mark("own"))),
    );
    assert_eq!(request(&registry, "x"), "x+own");
    assert_eq!(whole(&registry, r#"{"text":"t"}"#).unwrap(), r#"{"text":"t"}+own"#);
    let c = ProviderFormat::new("c");
    for (provider, request_route, whole_route, stream_route) in
        [(&B, Route::Pair, Route::Pair, Route::Hub), (&c, Route::Hub, Route::Hub, Route::Hub)]
    {
        assert_eq!(registry.request_route(&A, provider), Some(request_route));
        assert_eq!(registry.response_route(&A, provider, false), Some(whole_route));
        assert_eq!(registry.response_route(&A, provider, true), Some(stream_route));
    }
    let swapped = (ClientFormat::new("b"), ProviderFormat::new("a"));
    assert_eq!(registry.request_route(&swapped.0, &swapped.1), Some(Route::Hub), "not the other way round");
}

#[test]
fn e664_e665_what_is_registered_is_reported_kind_by_kind() {
    for (stream, whole) in [(false, false), (true, false), (false, true), (true, true)] {
        let found = pair(false, stream, whole).response_transforms(&A, &B);
        assert_eq!((found.stream.is_some(), found.whole.is_some()), (stream, whole), "E665");
        assert_eq!(found.is_empty(), !stream && !whole, "E664");
    }
    let mut registry = pair(true, true, true);
    registry.register(A, B, None, ResponseTransforms::none());
    assert!(registry.has_request_transform(&A, &B), "C.1: no request transform leaves the earlier one");
    assert!(registry.response_transforms(&A, &B).is_empty(), "C.1: responses are always overwritten");
}

#[test]
fn c5_each_stream_has_its_own_state() {
    let registry = pair(true, true, false);
    for _ in 0..2 {
        assert_eq!(stream(&registry, &["x", "y"]).unwrap(), "x1+native;y2+native;end;");
    }
}

#[test]
fn e666_e667_e669_hooks_translate_only_what_nothing_else_does() {
    let hooked = |mut registry: Registry| {
        registry.set_hooks(Some(Arc::new(Hooks { translates: true })));
        registry
    };
    assert_eq!(
        request(&hooked(pair(true, false, false)), "x"),
        "x+native+norm",
        "E666, E670: native, then norm"
    );
    assert_eq!(
        request(&hooked(pair(false, true, true)), "x"),
        "x+norm+plugin",
        "E666, E672: norm, then plugin"
    );
    assert_eq!(whole(&hooked(pair(true, false, true)), "y").unwrap(), "y+before+native+after", "E667, E670");
    assert_eq!(whole(&hooked(pair(true, true, false)), "y").unwrap(), "y+before+plugin+after", "E667");
    assert_eq!(
        stream(&hooked(pair(true, true, false)), &["y"]).unwrap(),
        "y+before1+native;+afterend;+after",
        "E670"
    );
    assert_eq!(
        stream(&hooked(pair(true, false, true)), &["y"]).unwrap(),
        "data: y+before+plugin\n\n+after",
        "E669"
    );
    let mut silent = pair(false, false, false);
    silent.set_hooks(Some(Arc::new(Hooks { translates: false })));
    assert!(translate(&silent, &A, &B, "x").is_err(), "hooks that do not translate are no route");
    let mut removed = hooked(pair(true, false, false));
    removed.set_hooks(None);
    assert_eq!(request(&removed, "x"), "x+native", "C.9: none clears them");
}

#[test]
fn e668_what_a_transform_suppresses_stays_suppressed() {
    let mut registry = pair(true, true, false);
    assert_eq!(stream(&registry, &["quiet", "x"]).unwrap(), "x2+native;end;");
    registry.set_hooks(Some(Arc::new(QuietAfter)));
    assert_eq!(stream(&registry, &["quiet", "x"]).unwrap(), "x2+native;!end;!", "nor do hooks see it");
}

#[derive(Debug)]
struct QuietAfter;

impl TranslationHooks for QuietAfter {
    fn normalize_response_after(&self, _exchange: &Exchange, body: Bytes) -> Bytes {
        Bytes::from([&body[..], b"!"].concat())
    }
}

/// Deletes the summary that the hub has written.
#[derive(Debug)]
struct NoSummary;

impl TranslationHooks for NoSummary {
    fn normalize_request(&self, _call: &RequestCall<'_>, body: Bytes) -> Bytes {
        cliproxy_translator::splice::Edits::new().remove("summary").apply(&body).unwrap()
    }
}

#[test]
fn e671_e673_the_summary_intent_crosses_the_hub_and_hooks_have_the_last_word() {
    let mut registry = hub();
    let body = r#"{"model":"q","text":"t","summary":"auto"}"#;
    assert_eq!(request(&registry, body), r#"{"model":"m","text":"t","summary":"auto"}"#, "E673");
    registry.set_hooks(Some(Arc::new(NoSummary)));
    assert_eq!(request(&registry, body), r#"{"model":"m","text":"t"}"#, "E671");
}

#[test]
fn a_suffix_beats_the_body_but_not_its_summary() {
    let registry = hub();
    let body = Bytes::from_static(br#"{"model":"q","text":"t","summary":"auto","effort":"low"}"#);
    let profile = Profile::new("m", false);
    let suffix = cliproxy_translator::pass::reasoning::parse_suffix("high").unwrap();
    let (client, provider) = (A, B);
    let call = RequestCall::new(&client, &provider, &body, &profile).with_suffix(Some(&suffix));
    let translated = registry.translate_request(&call, ReplyContext::default()).unwrap();
    assert_eq!(translated.body, r#"{"model":"m","text":"t","summary":"auto","effort":"high"}"#);
}

#[test]
fn e674_token_counts() {
    let mut registry = hub();
    assert_eq!(registry.count(&A, &B, 7).unwrap(), br#"{"tokens":7}"#, "the client codec's");
    registry.register(A, B, None, ResponseTransforms::none().with_count(Arc::new(Mark("own"))));
    assert_eq!(registry.count(&A, &B, 7).unwrap(), b"7+own");
    assert_eq!(Registry::new().count(&A, &B, 7), None, "the caller passes the provider's bytes on");
}

/// Sees the canonical model.
#[derive(Debug)]
struct Shout;

impl ModelHook for Shout {
    fn on_request(&self, _call: &RequestCall<'_>, request: &mut Request<'_>) -> Result<(), CodecError> {
        if request.model == "forbidden" {
            return Err(CodecError::inexpressible("not here"));
        }
        request.reasoning.summary = Summary::Enabled(Some("loud".to_owned()));
        Ok(())
    }

    fn on_response(&self, _exchange: &Exchange, response: &mut Response<'_>) {
        response.id = "hooked".into();
    }

    fn on_event<'e>(&self, _exchange: &Exchange, event: Event<'e>) -> Option<Event<'e>> {
        (!matches!(event, Event::Ping)).then_some(event)
    }
}

#[test]
fn a_typed_hook_sees_the_canonical_model() {
    let mut registry = hub();
    registry.add_model_hook(Arc::new(Shout));
    assert_eq!(
        request(&registry, r#"{"model":"q","text":"t"}"#),
        r#"{"model":"m","text":"t","summary":"loud"}"#
    );
    assert!(translate(&registry, &A, &B, r#"{"model":"forbidden"}"#).is_err());
    assert_eq!(whole(&registry, r#"{"id":"i","text":"t"}"#).unwrap(), r#"{"id":"hooked","text":"t"}"#);
    let frames = ["ping", "start", "text:x", "end"];
    assert_eq!(stream(&registry, &frames).unwrap(), "data: start\n\ndata: text:x\n\ndata: end\n\n");
    assert_eq!(
        stream(&hub(), &frames).unwrap(),
        "data: ping\n\ndata: start\n\ndata: text:x\n\ndata: end\n\n"
    );
}

#[derive(Debug)]
struct Around(&'static str);

impl RequestMiddleware for Around {
    fn handle(
        &self,
        mut envelope: RequestEnvelope,
        next: &mut dyn FnMut(RequestEnvelope) -> Result<RequestEnvelope, CodecError>,
    ) -> Result<RequestEnvelope, CodecError> {
        match self.0 {
            "stop" => return Ok(RequestEnvelope::new("b", "m", false, Bytes::from_static(b"stopped"))),
            "fail" => return Err(CodecError::inexpressible("failed")),
            _ => {}
        }
        assert_eq!(envelope.format, "a");
        envelope.body = marked(&envelope.body, self.0);
        let mut envelope = next(envelope)?;
        assert_eq!(envelope.format, "b", "C.8: the terminal names the target");
        envelope.body = marked(&envelope.body, &self.0.to_uppercase());
        Ok(envelope)
    }
}

impl ResponseMiddleware for Around {
    fn handle(
        &self,
        mut envelope: ResponseEnvelope,
        next: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
    ) -> Result<ResponseEnvelope, CodecError> {
        if !envelope.stream {
            envelope.body = marked(&envelope.body, self.0);
        }
        let mut envelope = next(envelope)?;
        envelope.body = marked(&envelope.body, &self.0.to_uppercase());
        Ok(envelope)
    }
}

#[test]
fn c8_middleware_wraps_the_translation_first_outermost() {
    let mut registry = pair(true, true, true);
    for name in ["one", "two"] {
        registry.use_request(Arc::new(Around(name)));
        registry.use_response(Arc::new(Around(name)));
    }
    assert_eq!(request(&registry, "x"), "x+one+two+native+TWO+ONE");
    assert_eq!(whole(&registry, "y").unwrap(), "y+one+two+native+TWO+ONE");
    assert_eq!(stream(&registry, &["y"]).unwrap(), "y1+native;+TWO+ONEend;+TWO+ONE");
    let mut stopped = pair(true, false, false);
    stopped.use_request(Arc::new(Around("stop")));
    assert_eq!(request(&stopped, "x"), "stopped");
    let mut failed = pair(true, false, false);
    failed.use_request(Arc::new(Around("fail")));
    assert_eq!(translate(&failed, &A, &B, "x").unwrap_err().to_string(), "failed");
}

#[test]
fn b68_a_stream_that_breaks_off_is_no_good_end_and_nothing_follows_one() {
    let registry = hub();
    assert_eq!(stream(&registry, &["start", "text:x"]).unwrap_err().kind(), CodecErrorKind::Protocol);
    let after = stream(&registry, &["start", "text:x", "end", "text:y"]).unwrap();
    assert_eq!(after, "data: start\n\ndata: text:x\n\ndata: end\n\n");
    let mut pipe = registry.stream(exchange(&registry)).unwrap();
    let mut out = Vec::new();
    pipe.push(&Bytes::from_static(b"data: start\n\n"), &mut out).unwrap();
    assert!(!pipe.seen().semantic, "a start commits nothing");
    pipe.push(&Bytes::from_static(b"data: text:x\n\n"), &mut out).unwrap();
    assert!(pipe.seen().semantic && !pipe.seen().terminal);
    out.clear();
    let error = ClientError::new(ClientErrorKind::BadGateway, "gone");
    pipe.fail(&error, &mut out);
    pipe.fail(&error, &mut out);
    pipe.push(&Bytes::from_static(b"data: text:z\n\n"), &mut out).unwrap();
    assert_eq!(out, b"data: error:gone\n\n", "an error ends it, once");
}

#[test]
fn b77_an_error_of_the_provider_s_is_seen_and_told_by_whoever_ends_the_stream() {
    let registry = hub();
    let mut pipe = registry.stream(exchange(&registry)).unwrap();
    let mut out = Vec::new();
    pipe.push(&Bytes::from_static(b"data: start\n\ndata: error:our secret\n\ndata: text:x\n\n"), &mut out)
        .unwrap();
    assert_eq!(out, b"data: start\n\n");
    assert_eq!(pipe.seen().error.as_ref().unwrap().message, "our secret");
    pipe.fail(&ClientError::new(ClientErrorKind::BadGateway, "gone"), &mut out);
    assert_eq!(out, b"data: start\n\ndata: error:gone\n\n");
}

#[test]
fn usage_and_finish_are_seen_on_the_way() {
    let registry = hub();
    let mut pipe = registry.stream(exchange(&registry)).unwrap();
    let mut out = Vec::new();
    for frame in ["start", "text:x", "usage:5", "stop", "end"] {
        pipe.push(&Bytes::from(format!("data: {frame}\n\n")), &mut out).unwrap();
    }
    pipe.finish(&mut out).unwrap();
    let seen = pipe.seen();
    assert_eq!((seen.usage.output, seen.finish, seen.terminal), (Some(5), Some(FinishReason::Stop), true));
}

#[test]
fn b74_a_stream_becomes_the_whole_reply() {
    let registry = hub();
    let body = b"data: start\n\ndata: text:x\n\ndata: text:y\n\ndata: usage:5\n\ndata: stop\n\ndata: end\n\n";
    let (reply, usage, finish) = registry.aggregate_reply(&exchange(&registry), body).unwrap();
    assert_eq!(reply, r#"{"id":"","text":"xy"}"#);
    assert_eq!((usage.output, finish), (Some(5), Some(FinishReason::Stop)));
    for (broken, message) in [
        (&b"data: start\n\ndata: text:x\n\n"[..], "the stream broke off before its end"),
        (b"data: start\n\ndata: error:down\n\n", "the stream carried an error: down"),
        (b"data: nonsense\n\n", "no such frame"),
    ] {
        assert_eq!(registry.aggregate_reply(&exchange(&registry), broken).unwrap_err().to_string(), message);
    }
}
