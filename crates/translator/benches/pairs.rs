//! What each pair of formats costs: requests of 110 KB and 1 MB, streams of 2 000 events, and the most heap that each
//! needs at a time (`max alloc`). Run `cargo bench -p cliproxy-translator --bench pairs`.
#![allow(
    clippy::unwrap_used,
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
use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::registry::{Registry, RequestCall, Translated};
use cliproxy_translator::{Profile, ReplyContext};
use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Client formats, with the generator of their bodies.
const CLIENTS: [(&str, Format); 4] = [
    ("openai", Format::Chat),
    ("claude", Format::Claude),
    ("openai-response", Format::Responses),
    ("gemini", Format::Gemini),
];

const PROVIDERS: [&str; 8] =
    ["openai", "claude", "openai-response", "codex", "gemini", "gemini-cli", "antigravity", "kiro"];

const EVENTS: usize = 2_000;

fn pairs() -> Vec<String> {
    CLIENTS
        .iter()
        .flat_map(|(client, _)| PROVIDERS.iter().map(move |provider| format!("{client} to {provider}")))
        .collect()
}

/// A translation of a request, and what it is translated with.
struct Pair {
    registry: Registry,
    client: ClientFormat,
    provider: ProviderFormat,
    body: Bytes,
    profile: Profile,
}

impl Pair {
    fn new(name: &str, size: Size) -> Self {
        let (client, provider) = name.split_once(" to ").unwrap();
        let format = CLIENTS.iter().find(|(known, _)| *known == client).unwrap().1;
        let body = Bytes::from(Shape { format, model: "some-model", stream: true }.body(size));
        let mut profile = Profile::new("another-model", true);
        profile.size_hint = body.len();
        Self {
            registry: Registry::with_builtin(),
            client: ClientFormat::from(client.to_owned()),
            provider: ProviderFormat::from(provider.to_owned()),
            body,
            profile,
        }
    }

    fn translate(&self) -> Translated {
        let call = RequestCall::new(&self.client, &self.provider, &self.body, &self.profile);
        self.registry.translate_request(&call, ReplyContext::default()).unwrap()
    }

    fn run(&self, bencher: Bencher<'_, '_>) {
        bencher.counter(BytesCount::new(self.body.len())).bench(|| divan::black_box(self).translate().body);
    }

    /// A provider's stream, told by its own encoder.
    fn stream(&self) -> Vec<u8> {
        let context = ReplyContext::default();
        let chat = self.registry.codec("openai").unwrap();
        let provider = self.registry.codec(self.provider.as_str()).unwrap();
        let mut decoder = chat.stream_decoder(&context);
        let mut encoder = provider.stream_encoder(&context);
        let mut out = Vec::new();
        let mut parser = FrameParser::new(chat.framing());
        let stream = replies::stream(Format::Chat, "some-model", EVENTS).concat();
        parser
            .push(&stream, &mut |frame| {
                decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).unwrap();
            })
            .unwrap();
        decoder.finish(&mut |event| encoder.encode(event, &mut out)).unwrap();
        out
    }
}

#[divan::bench(args = pairs(), max_time = 0.25)]
fn request_110_kb(bencher: Bencher<'_, '_>, name: &str) {
    Pair::new(name, Size::Agent).run(bencher);
}

#[divan::bench(args = pairs(), max_time = 0.4)]
fn request_1_mb(bencher: Bencher<'_, '_>, name: &str) {
    Pair::new(name, Size::Large(1_000_000)).run(bencher);
}

/// In chunks of 16 KiB, as they come when nothing waits; the client's bytes are given away chunk by chunk.
#[divan::bench(args = pairs(), max_time = 0.25)]
fn stream_of_2_000_events(bencher: Bencher<'_, '_>, name: &str) {
    let pair = Pair::new(name, Size::Small);
    let exchange = pair.translate().exchange.without_bodies();
    let stream = pair.stream();
    let chunks: Vec<Bytes> = stream.chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
    bencher.counter(BytesCount::new(stream.len())).bench_local(|| {
        let mut pipe = pair.registry.stream(exchange.clone()).unwrap();
        let mut out = Vec::new();
        let mut written = 0;
        for chunk in &chunks {
            pipe.push(divan::black_box(chunk), &mut out).unwrap();
            written += out.len();
            out.clear();
        }
        pipe.finish(&mut out).unwrap();
        written + out.len()
    });
}

/// The declarations alone: the same tools, one word of conversation. What a cache of them could save at most.
#[divan::bench(args = pairs(), max_time = 0.25)]
fn declarations(bencher: Bencher<'_, '_>, name: &str) {
    let mut pair = Pair::new(name, Size::Agent);
    let mut body: Value = serde_json::from_slice(&pair.body).unwrap();
    for key in ["messages", "input", "contents"] {
        if let Some(Value::Array(turns)) = body.get_mut(key) {
            // System messages and the first of the user.
            turns.truncate(2);
            turns.retain(|turn| turn["role"] != "assistant" && turn["role"] != "model");
        }
    }
    pair.body = Bytes::from(body.to_string());
    pair.run(bencher);
}
