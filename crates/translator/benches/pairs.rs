//! What each pair of formats costs: requests of 110 KB and 1 MB, streams of 2 000 events, and the most heap that each
//! needs at a time (`max alloc`). Run `cargo bench -p cliproxy-translator --bench pairs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "benchmarks fail by panicking"
)]

mod pair;

use bytes::Bytes;
use cliproxy_benches::bodies::Size;
use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use pair::{Pair, pairs};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn request(pair: &Pair, bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(pair.body.len())).bench(|| divan::black_box(pair).translate().body);
}

#[divan::bench(args = pairs(), max_time = 0.25)]
fn request_110_kb(bencher: Bencher<'_, '_>, name: &str) {
    request(&Pair::new(name, Size::Agent), bencher);
}

#[divan::bench(args = pairs(), max_time = 0.4)]
fn request_1_mb(bencher: Bencher<'_, '_>, name: &str) {
    request(&Pair::new(name, Size::Large(1_000_000)), bencher);
}

/// In chunks of 16 KiB, as they come when nothing waits; the client's bytes are given away chunk by chunk.
#[divan::bench(args = pairs(), max_time = 0.25)]
fn stream_of_2_000_events(bencher: Bencher<'_, '_>, name: &str) {
    let pair = Pair::new(name, Size::Small);
    let streaming = pair.streaming();
    let size: usize = streaming.chunks.iter().map(|chunk| chunk.len()).sum();
    bencher.counter(BytesCount::new(size)).bench_local(|| streaming.run(&pair.registry));
}

/// The declarations alone: the same tools, one word of conversation. What a cache of them could save at most.
#[divan::bench(args = pairs(), max_time = 0.25)]
fn declarations(bencher: Bencher<'_, '_>, name: &str) {
    let mut pair = Pair::new(name, Size::Agent);
    let mut body: Value = serde_json::from_slice(&pair.body).unwrap();
    for key in ["/messages", "/input", "/contents", "/request/contents"] {
        if let Some(Value::Array(turns)) = body.pointer_mut(key) {
            // System messages and the first of the user.
            turns.truncate(2);
            turns.retain(|turn| turn["role"] != "assistant" && turn["role"] != "model");
        }
    }
    pair.body = Bytes::from(body.to_string());
    request(&pair, bencher);
}
