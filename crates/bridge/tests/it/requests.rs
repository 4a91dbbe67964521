use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options, ProfileHints, ProfileRule, ProfileRules};
use cliproxy_core::{ErrorKind, Scope, UpstreamModel, Verdict};
use cliproxy_translator::registry::Registry;
use serde_json::{Value, json};

use crate::script::{
    HELLO, NOW, Scripted, bridge, chunk, credential, open, request, request_in, streamed, target, whole,
};
use crate::toy::{self, Toy};

fn sent(executor: &Scripted, index: usize) -> Value {
    serde_json::from_slice(&executor.watch.attempts.lock()[index].body).unwrap()
}

#[tokio::test]
async fn a_body_that_needs_no_change_is_sent_as_the_buffer_it_is() {
    let executor = Arc::new(Scripted::new("alpha", [whole(toy::reply("alpha", "m", "t"))]));
    let asked = request(r#"{ "model" : "up-model", "prompt":"hi" }"#, false);
    let buffer = asked.body.clone();
    open(&bridge(), asked).attempt(target(&executor)).await.unwrap();
    assert_eq!(executor.watch.attempts.lock()[0].body.as_ptr(), buffer.as_ptr());
}

#[tokio::test]
async fn what_goes_out_names_the_model_the_stream_and_the_suffix() {
    for (wire, stream, suffix, expected) in [
        ("alpha", false, None, json!({"model":"up-model","prompt":"hi"})),
        ("alpha", true, None, json!({"model":"up-model","prompt":"hi","include_usage":true})),
        ("alpha", false, Some("none"), json!({"model":"up-model","prompt":"hi","off":true})),
        ("alpha", false, Some("gibberish"), json!({"model":"up-model","prompt":"hi"})),
        (
            "beta",
            true,
            Some("none"),
            json!({"format":"beta","model":"up-model","stream":true,"prompt":"hi","off":true,"strict":false,"developer":true}),
        ),
        (
            "beta",
            false,
            None,
            json!({"format":"beta","model":"up-model","stream":false,"prompt":"hi","off":false,"strict":false,"developer":true}),
        ),
    ] {
        let answer =
            if stream { streamed([chunk(toy::stream(wire))]) } else { whole(toy::reply(wire, "m", "t")) };
        let executor = Arc::new(Scripted::new(wire, [answer]));
        let mut target = target(&executor);
        target.suffix = suffix.map(str::to_owned);
        open(&bridge(), request(HELLO, stream)).attempt(target).await.unwrap();
        assert_eq!(sent(&executor, 0), expected, "{wire} {stream} {suffix:?}");
        let attempts = executor.watch.attempts.lock();
        assert_eq!((attempts[0].stream, attempts[0].now), (stream, NOW));
    }
}

#[tokio::test]
async fn a_retry_on_the_same_format_and_model_encodes_nothing_again() {
    let toy = Toy::new("beta");
    let calls = Arc::clone(&toy.calls);
    let mut registry = Registry::new();
    registry.add_codec(Arc::new(Toy::new("alpha")));
    registry.add_codec(Arc::new(toy));
    let bridge = Bridge::new(Arc::new(registry), Options::default());
    let answers = (0..3).map(|_| whole(toy::reply("beta", "m", "t")));
    let executor = Arc::new(Scripted::new("beta", answers));
    let exchange = bridge.exchange(Arc::new(request(HELLO, false))).unwrap();

    use cliproxy_core::Exchange as _;
    exchange.attempt(target(&executor)).await.unwrap();
    exchange.attempt(target(&executor)).await.unwrap();
    assert_eq!(calls.encoded.load(Ordering::Relaxed), 1);
    {
        let attempts = executor.watch.attempts.lock();
        assert_eq!(attempts[0].body.as_ptr(), attempts[1].body.as_ptr());
    }
    let mut other = target(&executor);
    other.model = UpstreamModel::from_static("other-model");
    exchange.attempt(other).await.unwrap();
    assert_eq!(calls.encoded.load(Ordering::Relaxed), 2);
    assert_eq!(sent(&executor, 2)["model"], "other-model");
    assert_eq!(exchange.losses()[0].what, "manners");
}

#[tokio::test]
async fn a_large_body_is_translated_away_from_the_runtime_s_thread() {
    for (size, elsewhere) in [(1_000, false), (300_000, true)] {
        let toy = Toy::new("beta");
        let calls = Arc::clone(&toy.calls);
        let mut registry = Registry::new();
        registry.add_codec(Arc::new(Toy::new("alpha")));
        registry.add_codec(Arc::new(toy));
        let bridge = Bridge::new(Arc::new(registry), Options::default());
        let executor = Arc::new(Scripted::new("beta", [whole(toy::reply("beta", "m", "t"))]));
        let asked = json!({"model":"asked-model","prompt":"x".repeat(size)}).to_string();
        open(&bridge, request(&asked, false)).attempt(target(&executor)).await.unwrap();
        let thread_id = calls.encoded_on.lock().unwrap();
        assert_eq!(thread_id != thread::current().id(), elsewhere, "{size}");
    }
}

#[tokio::test]
async fn what_cannot_be_said_tries_another_target_and_what_cannot_be_read_gives_up() {
    for (asked, kind, verdict, param) in [
        (r#"{"prompt":"unspeakable"}"#, ErrorKind::ModelNotSupported, Verdict::NextCredential, None),
        (r#"{"model":"m"}"#, ErrorKind::InvalidRequest, Verdict::GiveUp, Some("prompt")),
        ("no json", ErrorKind::InvalidRequest, Verdict::GiveUp, None),
    ] {
        let executor = Arc::new(Scripted::new("beta", []));
        let exchange = open(&bridge(), request(asked, false));
        let error = exchange.attempt(target(&executor)).await.unwrap_err();
        assert_eq!((error.kind(), error.kind().verdict()), (kind, verdict), "{asked}");
        assert_eq!(error.evidence().scope, Scope::Request, "{asked}");
        let told = exchange.explain(&target(&executor), &error);
        assert_eq!((told.status.as_u16(), told.param.as_deref()), (400, param), "{asked}");
    }
}

#[tokio::test]
async fn rules_say_what_a_target_understands_and_the_later_rule_wins() {
    let set = |strict, developer_role| ProfileHints { strict, developer_role, ..ProfileHints::default() };
    let rules = ProfileRules::none()
        .with(ProfileRule::new(set(Some(true), None)).hosts([""]))
        .with(ProfileRule::new(set(None, Some(false))).hosts(["*.example.com"]).providers(["scripted"]))
        .with(ProfileRule::new(set(Some(false), None)).models(["up-*"]).formats(["alpha"]));
    for (base_url, strict, developer) in [
        (None, true, true),
        (Some("https://api.example.com/v1"), false, false),
        (Some("https://elsewhere.org"), false, true),
    ] {
        let mut options = Options::default();
        options.profiles = rules.clone();
        let mut registry = Registry::new();
        registry.add_codec(Arc::new(Toy::new("alpha")));
        registry.add_codec(Arc::new(Toy::new("beta")));
        let bridge = Bridge::new(Arc::new(registry), options);
        let executor = Arc::new(Scripted::new("beta", [whole(toy::reply("beta", "m", "t"))]));
        let mut target = target(&executor);
        let mut settings = credential().settings().clone();
        settings.base_url = base_url.map(str::to_owned);
        target.credential = Arc::new(credential().with_settings(settings));
        open(&bridge, request(HELLO, false)).attempt(target).await.unwrap();
        let sent = sent(&executor, 0);
        assert_eq!(
            (&sent["strict"], &sent["developer"]),
            (&json!(strict), &json!(developer)),
            "{base_url:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_does_not_hold_on_to_the_request_s_body() {
    // Passed through the body is the client's own buffer, or a spliced copy of it; translated it is another one.
    for (wire, asked) in [
        ("alpha", HELLO),
        ("alpha", r#"{"model":"up-model","prompt":"hi","include_usage":true}"#),
        ("beta", HELLO),
    ] {
        let executor = Arc::new(Scripted::new(wire, [streamed([chunk(toy::stream(wire))])]));
        let asked = request(asked, true);
        let weak = asked.body.clone();
        let exchange = open(&bridge(), asked);
        let reply = exchange.attempt(target(&executor)).await.unwrap();
        drop(exchange);
        executor.watch.attempts.lock().clear();
        // Unique again: nobody but this test holds the buffer, though the stream is alive.
        assert!(weak.is_unique(), "{wire}");
        drop(reply);
        let _: Bytes = weak;
    }
}

#[tokio::test]
async fn media_at_a_url_are_named_to_the_provider_or_refused_and_never_fetched() {
    // Source: design.md §12 "Remote media is fetched only when switched on"; nothing switches it on yet.
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let url = format!("http://{}/media", host.local_addr().unwrap());
    let bridge = Bridge::new(Arc::new(Registry::with_builtin()), Options::default());
    for (kind, base_url, refused) in [
        ("image", "https://api.openai.com/v1", false),
        ("image", "https://router.example.com/v1", false),
        // The first party takes documents as data only.
        ("document", "https://api.openai.com/v1", true),
    ] {
        let asked = json!({"model": "asked-model", "max_tokens": 9, "messages": [{"role": "user", "content": [
            {"type": kind, "source": {"type": "url", "url": url}}, {"type": "text", "text": "what is it?"}]}]});
        let reply = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a cat"}, "finish_reason": "stop"}]});
        let executor = Arc::new(Scripted::new("openai", [whole(reply.to_string())]));
        let mut target = target(&executor);
        let mut settings = credential().settings().clone();
        settings.base_url = Some(base_url.to_owned());
        target.credential = Arc::new(credential().with_settings(settings));
        let exchange = open(&bridge, request_in("claude", &asked.to_string(), false));
        match exchange.attempt(target.clone()).await {
            Ok(_) => {
                assert!(!refused, "{kind} {base_url}");
                assert!(sent(&executor, 0).to_string().contains(&url), "{kind} {base_url}");
            }
            Err(error) => {
                assert!(refused, "{kind} {base_url}: {error}");
                let told = exchange.explain(&target, &error);
                assert_eq!((told.status.as_u16(), told.param.as_deref()), (400, Some("messages")));
                assert!(told.message.contains("by URL cannot be sent; send its data"), "{}", told.message);
                assert_eq!(executor.watch.attempts.lock().len(), 0);
            }
        }
    }
    let fetched = host.accept();
    assert!(fetched.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
}

#[tokio::test]
async fn e622_openrouter_is_asked_in_its_own_object_and_no_other_host_is() {
    // Source: translation.md A.10, E622.
    let bridge = Bridge::new(Arc::new(Registry::with_builtin()), Options::default());
    for (base_url, reasoning, effort) in [
        ("https://openrouter.ai/api/v1", json!({"effort": "high", "exclude": true}), Value::Null),
        ("https://router.example.com/v1", Value::Null, json!("high")),
        ("https://notopenrouter.ai/v1", Value::Null, json!("high")),
    ] {
        let asked = json!({"model": "asked-model", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}],
            "thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}});
        let reply = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a cat"}, "finish_reason": "stop"}]});
        let executor = Arc::new(Scripted::new("openai", [whole(reply.to_string())]));
        let mut target = target(&executor);
        let mut settings = credential().settings().clone();
        settings.base_url = Some(base_url.to_owned());
        target.credential = Arc::new(credential().with_settings(settings));
        open(&bridge, request_in("claude", &asked.to_string(), false)).attempt(target).await.unwrap();
        let sent = sent(&executor, 0);
        assert_eq!((&sent["reasoning"], &sent["reasoning_effort"]), (&reasoning, &effort), "{base_url}");
    }
}
