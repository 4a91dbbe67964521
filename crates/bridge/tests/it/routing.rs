use std::sync::Arc;

use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ClientFormat, ErrorKind, Operation, ProviderFormat, ReplyModes};
use cliproxy_translator::CodecError;
use cliproxy_translator::StreamFrame;
use cliproxy_translator::registry::{
    Exchange, RequestCall, RequestEnvelope, RequestMiddleware, RequestTransform, ResponseEnvelope,
    ResponseMiddleware, ResponseNonStreamTransform, ResponseStream, ResponseStreamTransform,
    ResponseTransforms,
};

use crate::script::{
    HELLO, Scripted, attempt, body, bridge, chunk, frames, open, registry, request, request_in, streamed,
    target, text, whole,
};
use crate::toy;

#[tokio::test]
async fn the_client_s_own_format_is_preferred_else_the_first_that_can_be_reached() {
    for (offered, chosen) in [
        (&["beta", "alpha"][..], "alpha"),
        (&["alpha"][..], "alpha"),
        (&["unknown", "beta"][..], "beta"),
        (&["beta"][..], "beta"),
    ] {
        let executor = Arc::new(Scripted::new("x", [whole(toy::reply(chosen, "m", "t"))]).formats(offered));
        attempt(&executor, false).await.unwrap();
        let attempts = executor.watch.attempts.lock();
        assert_eq!(attempts[0].format.as_str(), chosen, "{offered:?}");
        assert_eq!(attempts[0].is_native(), chosen == "alpha");
    }
}

#[tokio::test]
async fn an_unknown_pair_of_formats_is_an_error_and_not_a_guess() {
    for offered in [&["unknown"][..], &[][..]] {
        let executor = Arc::new(Scripted::new("x", []).formats(offered));
        let error = attempt(&executor, false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{offered:?}");
        assert!(executor.watch.attempts.lock().is_empty());
    }
    let unknown = bridge().exchange(Arc::new(request_in("unknown", HELLO, false))).unwrap_err();
    assert_eq!(unknown.status.as_u16(), 501);
}

#[tokio::test]
async fn a_compacted_conversation_stays_in_its_format_and_passes_as_it_is() {
    let mut asked = request(HELLO, false);
    asked.operation = Operation::Compact;
    let answer = r#"{"object":"response.compaction","blob":"…"}"#;
    // Source: providers-a.md 3.5: whole, also where the provider only streams otherwise.
    for modes in [ReplyModes::Both, ReplyModes::StreamOnly] {
        let native = Arc::new(Scripted::new("alpha", [whole(answer)]).modes(modes));
        let reply = open(&bridge(), asked.clone()).attempt(target(&native)).await.unwrap();
        assert_eq!(body(reply).body, answer);
    }

    let foreign = Arc::new(Scripted::new("beta", []));
    let error = open(&bridge(), asked).attempt(target(&foreign)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// A stranger's transform for one exact pair.
#[derive(Debug)]
struct Exact;

impl RequestTransform for Exact {
    fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
        Ok(Bytes::from(format!("exact request for {}", call.profile.model)))
    }
}

impl ResponseNonStreamTransform for Exact {
    fn transform(&self, _exchange: &Exchange, body: &Bytes) -> Result<Bytes, CodecError> {
        Ok(Bytes::from(format!("exact reply of {} bytes", body.len())))
    }
}

impl ResponseStreamTransform for Exact {
    fn begin(&self, _exchange: &Exchange) -> Box<dyn ResponseStream> {
        Box::new(Self)
    }
}

impl ResponseStream for Exact {
    fn push(&mut self, _frame: StreamFrame<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(b"data: exact\n\n");
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(())
    }
}

fn with_pair(provider: &'static str) -> Bridge {
    let mut registry = registry();
    let responses = ResponseTransforms::none().with_whole(Arc::new(Exact)).with_stream(Arc::new(Exact));
    registry.register(
        ClientFormat::from_static("alpha"),
        ProviderFormat::from_static(provider),
        Some(Arc::new(Exact)),
        responses,
    );
    Bridge::new(Arc::new(registry), Options::default())
}

#[tokio::test]
async fn a_stranger_s_exact_pair_wins_over_what_is_built_in() {
    // Over the hub, over passing through, and where there is no codec at all.
    for provider in ["beta", "alpha", "gamma"] {
        let bridge = with_pair(provider);
        let executor =
            Arc::new(Scripted::new(provider, [whole("12345"), streamed([chunk("data: 1\n\ndata: 2\n\n")])]));
        let reply = open(&bridge, request(HELLO, false)).attempt(target(&executor)).await.unwrap();
        assert_eq!(body(reply).body, "exact reply of 5 bytes", "{provider}");
        let reply = open(&bridge, request(HELLO, true)).attempt(target(&executor)).await.unwrap();
        let (text, end) = text(frames(reply)).await;
        assert_eq!(text, "data: exact\n\ndata: exact\n\n", "{provider}");
        assert!(end.error.is_none());
        assert_eq!(executor.watch.attempts.lock()[0].body, "exact request for up-model");
    }
    // Every other pair is as before.
    let executor = Arc::new(Scripted::new("beta", [whole(toy::reply("beta", "m", "t"))]));
    let reply = open(&with_pair("gamma"), request(HELLO, false)).attempt(target(&executor)).await.unwrap();
    assert_eq!(body(reply).body, toy::reply("alpha", "m", "t"));
}

/// A stranger's stream that breaks at its second frame.
#[derive(Debug)]
struct Breaking(bool);

impl ResponseStreamTransform for Breaking {
    fn begin(&self, _exchange: &Exchange) -> Box<dyn ResponseStream> {
        Box::new(Self(false))
    }
}

impl ResponseStream for Breaking {
    fn push(&mut self, _frame: StreamFrame<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if std::mem::replace(&mut self.0, true) {
            return Err(CodecError::protocol("it broke"));
        }
        out.extend_from_slice(toy::frame("alpha", "text", "Hi").as_bytes());
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(())
    }
}

#[tokio::test]
async fn b77_a_stranger_s_pair_that_breaks_ends_in_the_client_s_own_format() {
    for provider in ["beta", "gamma"] {
        let mut registry = registry();
        registry.register(
            ClientFormat::from_static("alpha"),
            ProviderFormat::from_static(provider),
            Some(Arc::new(Exact)),
            ResponseTransforms::none().with_stream(Arc::new(Breaking(false))),
        );
        let bridge = Bridge::new(Arc::new(registry), Options::default());
        let items = [chunk("data: 1\n\n"), chunk("data: 2\n\n")];
        let executor = Arc::new(Scripted::new(provider, [streamed(items)]));
        let reply = open(&bridge, request(HELLO, true)).attempt(target(&executor)).await.unwrap();
        let (text, end) = text(frames(reply)).await;
        assert_eq!(end.error.unwrap().kind(), ErrorKind::BadReply, "{provider}");
        let said = text.strip_prefix(&toy::frame("alpha", "text", "Hi")).unwrap();
        assert!(
            said.starts_with("data: {\"alpha\":\"error\",") && said.matches("data: ").count() == 1,
            "{said}"
        );
    }
}

/// Middleware that leaves a mark.
#[derive(Debug)]
struct Mark;

impl RequestMiddleware for Mark {
    fn handle(
        &self,
        envelope: RequestEnvelope,
        next: &mut dyn FnMut(RequestEnvelope) -> Result<RequestEnvelope, CodecError>,
    ) -> Result<RequestEnvelope, CodecError> {
        let mut done = next(envelope)?;
        done.body = Bytes::from([&done.body[..], b" marked"].concat());
        Ok(done)
    }
}

impl ResponseMiddleware for Mark {
    fn handle(
        &self,
        envelope: ResponseEnvelope,
        next: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
    ) -> Result<ResponseEnvelope, CodecError> {
        let mut done = next(envelope)?;
        done.body = Bytes::from(String::from_utf8_lossy(&done.body).replace("llo", "LLO"));
        Ok(done)
    }
}

#[tokio::test]
async fn middleware_wraps_what_passes_and_what_is_translated() {
    for wire in ["alpha", "beta"] {
        let mut registry = registry();
        registry.use_request(Arc::new(Mark));
        registry.use_response(Arc::new(Mark));
        let bridge = Bridge::new(Arc::new(registry), Options::default());
        let answers = [whole(toy::reply(wire, "up-model", "hello")), streamed([chunk(toy::stream(wire))])];
        let executor = Arc::new(Scripted::new(wire, answers));
        let reply = open(&bridge, request(HELLO, false)).attempt(target(&executor)).await.unwrap();
        assert_eq!(body(reply).body, toy::reply("alpha", "up-model", "heLLO"), "{wire}");
        let reply = open(&bridge, request(HELLO, true)).attempt(target(&executor)).await.unwrap();
        let (text, end) = text(frames(reply)).await;
        assert!(text.contains("LLO 世界") && end.error.is_none(), "{wire}: {text}");
        let attempts = executor.watch.attempts.lock();
        assert!(attempts.iter().all(|attempt| attempt.body.ends_with(b" marked")), "{wire}");
    }
}
