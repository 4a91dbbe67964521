//! What the hot paths cost: framing, splicing, decode and encode of agent-size bodies, one streamed event.
//! Run `cargo bench -p cliproxy-translator`; `memchr` and `serde_skip` are the yardsticks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "benchmarks fail by panicking"
)]

use bytes::Bytes;
use cliproxy_benches::bodies::{Shape, Size};
use cliproxy_benches::format::Format;
use cliproxy_benches::replies;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::json::Writer;
use cliproxy_translator::registry::{Registry, RequestCall, Translated};
use cliproxy_translator::splice::{Edits, TopLevel};
use cliproxy_translator::{Profile, ReplyContext};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// An agent's request.
fn body(format: Format) -> Vec<u8> {
    Shape { format, model: "some-model", stream: true }.body(Size::Agent)
}

/// A stream of 200 text events.
fn stream(format: Format) -> Vec<u8> {
    replies::stream(format, "some-model", 200).concat()
}

/// The yardstick for anything that looks at each byte once.
#[divan::bench]
fn memchr_whole_body(bencher: Bencher<'_, '_>) {
    let body = body(Format::Claude);
    bencher.counter(BytesCount::new(body.len())).bench(|| memchr::memchr(0, divan::black_box(&body)));
}

/// The yardstick for a scan that validates.
#[divan::bench]
fn serde_skip(bencher: Bencher<'_, '_>) {
    let body = body(Format::Claude);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| serde_json::from_slice::<serde::de::IgnoredAny>(divan::black_box(&body)).unwrap());
}

#[divan::bench]
fn scan(bencher: Bencher<'_, '_>) {
    let body = body(Format::Claude);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| TopLevel::scan(divan::black_box(&body)).unwrap().peek().unwrap().stream);
}

#[divan::bench]
fn splice_model(bencher: Bencher<'_, '_>) {
    let body = Bytes::from(body(Format::Claude));
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
    let stream = stream(Format::Claude);
    bencher.counter(BytesCount::new(stream.len())).bench(|| {
        let mut total = 0;
        let mut parser = SseParser::new();
        parser.push(divan::black_box(&stream), &mut |frame| total += frame.data.len()).unwrap();
        total
    });
}

#[divan::bench]
fn framing_200_events_cut_every_100_bytes(bencher: Bencher<'_, '_>) {
    let stream = stream(Format::Claude);
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
    let body = String::from_utf8(body(Format::Claude)).unwrap();
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

/// A client's format, and a provider's.
static DIRECTIONS: [(Format, Format); 6] = [
    (Format::Claude, Format::Chat),
    (Format::Chat, Format::Claude),
    (Format::Responses, Format::Gemini),
    (Format::Gemini, Format::Responses),
    (Format::Claude, Format::Claude),
    (Format::Chat, Format::Chat),
];

/// Its name in the registry.
fn registered(format: Format) -> &'static str {
    match format {
        Format::Chat => "openai",
        Format::Claude => "claude",
        Format::Responses => "openai-response",
        Format::Gemini => "gemini",
        other => panic!("{other} is not measured"),
    }
}

/// A translation of an agent's request, and what it is translated with.
struct Direction {
    registry: Registry,
    client: ClientFormat,
    provider: ProviderFormat,
    body: Bytes,
    profile: Profile,
}

impl Direction {
    fn new((client, provider): (Format, Format)) -> Self {
        Self {
            registry: Registry::with_builtin(),
            client: ClientFormat::from_static(registered(client)),
            provider: ProviderFormat::from_static(registered(provider)),
            body: Bytes::from(body(client)),
            profile: Profile::new("another-model", true),
        }
    }

    fn translate(&self) -> Translated {
        let call = RequestCall::new(&self.client, &self.provider, &self.body, &self.profile);
        self.registry.translate_request(&call, ReplyContext::default()).unwrap()
    }
}

fn named((client, provider): &(Format, Format)) -> String {
    format!("{client} to {provider}")
}

fn direction(name: &str) -> (Format, Format) {
    *DIRECTIONS.iter().find(|direction| named(direction) == name).unwrap()
}

#[divan::bench(args = Format::ALL)]
fn decode(bencher: Bencher<'_, '_>, format: Format) {
    let registry = Registry::with_builtin();
    let body = body(format);
    let codec = registry.codec(registered(format)).unwrap();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| drop(codec.decode_request(divan::black_box(&body)).unwrap()));
}

#[divan::bench(args = DIRECTIONS.iter().map(named))]
fn request(bencher: Bencher<'_, '_>, name: &str) {
    let direction = Direction::new(direction(name));
    bencher
        .counter(BytesCount::new(direction.body.len()))
        .bench(|| divan::black_box(&direction).translate().body);
}

/// 200 events, as fast as they come.
#[divan::bench(args = DIRECTIONS.iter().map(named))]
fn stream_of_200_events(bencher: Bencher<'_, '_>, name: &str) {
    let (client, provider) = direction(name);
    let direction = Direction::new((client, provider));
    let exchange = direction.translate().exchange.without_bodies();
    let stream = stream(provider);
    let chunks: Vec<Bytes> = stream.chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
    let mut out = Vec::with_capacity(stream.len() * 4);
    bencher.counter(BytesCount::new(stream.len())).bench_local(|| {
        out.clear();
        let mut pipe = direction.registry.stream(exchange.clone()).unwrap();
        for chunk in &chunks {
            pipe.push(divan::black_box(chunk), &mut out).unwrap();
        }
        pipe.finish(&mut out).unwrap();
        out.len()
    });
}
