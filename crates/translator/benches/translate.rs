//! What the hot paths cost: framing, splicing, decode and encode of agent-size bodies, one streamed event.
//! Run `cargo bench -p cliproxy-translator`; `memchr` and `serde_skip` are the yardsticks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used,
    missing_docs,
    reason = "benchmarks fail by panicking"
)]

mod bodies;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::json::Writer;
use cliproxy_translator::registry::{Registry, RequestCall};
use cliproxy_translator::splice::{Edits, TopLevel};
use cliproxy_translator::{Profile, ReplyContext};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// The yardstick for anything that looks at each byte once.
#[divan::bench]
fn memchr_whole_body(bencher: Bencher<'_, '_>) {
    let body = bodies::claude();
    bencher.counter(BytesCount::new(body.len())).bench(|| memchr::memchr(0, divan::black_box(&body)));
}

/// The yardstick for a scan that validates.
#[divan::bench]
fn serde_skip(bencher: Bencher<'_, '_>) {
    let body = bodies::claude();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| serde_json::from_slice::<serde::de::IgnoredAny>(divan::black_box(&body)).unwrap());
}

#[divan::bench]
fn scan(bencher: Bencher<'_, '_>) {
    let body = bodies::claude();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| TopLevel::scan(divan::black_box(&body)).unwrap().peek().unwrap().stream);
}

#[divan::bench]
fn splice_model(bencher: Bencher<'_, '_>) {
    let body = Bytes::from(bodies::claude());
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| Edits::new().set_string("model", "m").apply(divan::black_box(&body)).unwrap());
}

#[divan::bench]
fn splice_model_of_a_chunk(bencher: Bencher<'_, '_>) {
    let chunk = Bytes::from_static(
        br#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-5","choices":[{"index":0,"delta":{"content":" word"}}]}"#,
    );
    bencher.bench(|| Edits::new().set_string("model", "m").apply(divan::black_box(&chunk)).unwrap());
}

#[divan::bench]
fn framing_200_events(bencher: Bencher<'_, '_>) {
    let stream = bodies::claude_stream();
    bencher.counter(BytesCount::new(stream.len())).bench(|| {
        let mut total = 0;
        let mut parser = SseParser::new();
        parser.push(divan::black_box(&stream), &mut |frame| total += frame.data.len()).unwrap();
        total
    });
}

#[divan::bench]
fn framing_200_events_cut_every_100_bytes(bencher: Bencher<'_, '_>) {
    let stream = bodies::claude_stream();
    bencher.counter(BytesCount::new(stream.len())).bench(|| {
        let mut total = 0;
        let mut parser = SseParser::new();
        for chunk in divan::black_box(&stream).chunks(100) {
            parser.push(chunk, &mut |frame| total += frame.data.len()).unwrap();
        }
        total
    });
}

#[divan::bench]
fn escape_code(bencher: Bencher<'_, '_>) {
    let body = String::from_utf8(bodies::claude()).unwrap();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let mut writer = Writer::new(Vec::with_capacity(body.len() * 2));
        writer.string(divan::black_box(&body));
        writer.into_bytes()
    });
}

#[divan::bench]
fn escape_prose(bencher: Bencher<'_, '_>) {
    let text = "the build fails because module config cannot find symbol ".repeat(2000);
    bencher.counter(BytesCount::new(text.len())).bench(|| {
        let mut writer = Writer::new(Vec::with_capacity(text.len() * 2));
        writer.string(divan::black_box(&text));
        writer.into_bytes()
    });
}

/// A client's format, a provider's, and a body of the client's.
type Direction = (ClientFormat, ProviderFormat, fn() -> Vec<u8>);

static DIRECTIONS: [(&str, Direction); 4] = [
    ("claude to openai", (ClientFormat::CLAUDE, ProviderFormat::OPENAI, bodies::claude)),
    ("openai to claude", (ClientFormat::OPENAI, ProviderFormat::CLAUDE, bodies::chat)),
    ("claude to claude", (ClientFormat::CLAUDE, ProviderFormat::CLAUDE, bodies::claude)),
    ("openai to openai", (ClientFormat::OPENAI, ProviderFormat::OPENAI, bodies::chat)),
];

fn direction(name: &str) -> &'static Direction {
    &DIRECTIONS.iter().find(|(known, _)| *known == name).unwrap().1
}

#[divan::bench(args = ["claude", "openai"])]
fn decode(bencher: Bencher<'_, '_>, format: &str) {
    let registry = Registry::with_builtin();
    let body = if format == "claude" { bodies::claude() } else { bodies::chat() };
    let codec = registry.codec(format).unwrap();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| drop(codec.decode_request(divan::black_box(&body)).unwrap()));
}

#[divan::bench(args = DIRECTIONS.iter().map(|(name, _)| *name))]
fn request(bencher: Bencher<'_, '_>, name: &str) {
    let registry = Registry::with_builtin();
    let (client, provider, body) = direction(name);
    let body = Bytes::from(body());
    let profile = Profile::new("another-model", true);
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let call = RequestCall::new(client, provider, divan::black_box(&body), &profile);
        registry.translate_request(&call, ReplyContext::default()).unwrap().body
    });
}

/// 200 events, as fast as they come.
#[divan::bench(args = DIRECTIONS.iter().map(|(name, _)| *name))]
fn stream_of_200_events(bencher: Bencher<'_, '_>, name: &str) {
    let registry = Registry::with_builtin();
    let (client, provider, body) = direction(name);
    let body = Bytes::from(body());
    let profile = Profile::new("another-model", true);
    let call = RequestCall::new(client, provider, &body, &profile);
    let exchange =
        registry.translate_request(&call, ReplyContext::default()).unwrap().exchange.without_bodies();
    let stream = if provider.as_str() == "claude" { bodies::claude_stream() } else { bodies::chat_stream() };
    let chunks: Vec<Bytes> = stream.chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
    let mut out = Vec::with_capacity(stream.len() * 4);
    bencher.counter(BytesCount::new(stream.len())).bench_local(|| {
        out.clear();
        let mut pipe = registry.stream(exchange.clone()).unwrap();
        for chunk in &chunks {
            pipe.push(divan::black_box(chunk), &mut out).unwrap();
        }
        pipe.finish(&mut out).unwrap();
        out.len()
    });
}
