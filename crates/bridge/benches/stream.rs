//! What a stream costs: 200 events through the whole bridge, passed through and translated, as a flood (16 KiB chunks)
//! and paced (an event a chunk). The counter is events; design.md §10 allows 2 µs translated and 0.5 µs passed through.
//! Run `cargo bench -p cliproxy-bridge`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "benchmarks fail by panicking")]

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_benches::format::Format;
use cliproxy_benches::replies;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{
    Attempt, ClientFormat, ClientRequest, Credential, CredentialId, CredentialKind, Document, ExecutorError,
    Frame, ModelInfo, Operation, Origin, ProviderExecutor, ProviderFormat, ProviderId, RequestId, Settings,
    Target, Timestamp, Upstream as _, UpstreamModel, UpstreamReply, WireReply, WireStream,
};
use cliproxy_translator::registry::Registry;
use divan::Bencher;
use divan::counter::ItemsCount;
use futures_core::Stream;
use http::HeaderMap;

const EVENTS: usize = 200;

fn main() {
    divan::main();
}

#[divan::bench(args = [16 * 1024, 0])]
fn claude_passed_through(bencher: Bencher<'_, '_>, chunk: usize) {
    run(bencher, "claude", "claude", chunk);
}

#[divan::bench(args = [16 * 1024, 0])]
fn chat_passed_through(bencher: Bencher<'_, '_>, chunk: usize) {
    run(bencher, "openai", "openai", chunk);
}

#[divan::bench(args = [16 * 1024, 0])]
fn claude_to_chat(bencher: Bencher<'_, '_>, chunk: usize) {
    run(bencher, "openai", "claude", chunk);
}

#[divan::bench(args = [16 * 1024, 0])]
fn chat_to_claude(bencher: Bencher<'_, '_>, chunk: usize) {
    run(bencher, "claude", "openai", chunk);
}

fn run(bencher: Bencher<'_, '_>, client: &'static str, wire: &'static str, chunk: usize) {
    let bridge = Bridge::new(Arc::new(Registry::with_builtin()), Options::default());
    let chunks = Arc::new(chunks(wire, chunk));
    let executor = Arc::new(Played {
        id: ProviderId::from_static("p"),
        formats: [ProviderFormat::from_static(wire)],
        chunks,
    });
    let credential = Arc::new(Credential::new(
        CredentialId::from_static("c"),
        ProviderId::from_static("p"),
        CredentialKind::ApiKey,
        Origin::Runtime,
        Document::default(),
        Settings::new(""),
    ));
    let body = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let request = Arc::new(
        ClientRequest::new(
            RequestId::from_static("r"),
            ClientFormat::from_static(client),
            Operation::Generate,
            "m".into(),
            Bytes::from_static(body.as_bytes()),
        )
        .with_stream(true),
    );
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
        let exchange = bridge.open(Arc::clone(&request)).unwrap();
        let executor: Arc<dyn ProviderExecutor> = Arc::<Played>::clone(&executor);
        let target = Target::new(
            executor,
            Arc::clone(&credential),
            UpstreamModel::from_static("m"),
            Timestamp::from_secs(1),
        );
        let mut cx = Context::from_waker(Waker::noop());
        let mut attempt = exchange.attempt(target);
        let mut stream = loop {
            if let Poll::Ready(reply) = attempt.as_mut().poll(&mut cx) {
                let UpstreamReply::Stream(stream) = reply.unwrap() else { panic!("no stream") };
                break stream.frames;
            }
        };
        let mut read = 0;
        loop {
            match stream.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(Frame::Bytes(bytes))) => read += bytes.len(),
                Poll::Ready(Some(Frame::End(end))) => {
                    assert!(end.error.is_none());
                    return read;
                }
                Poll::Ready(_) => panic!("no end"),
                Poll::Pending => {}
            }
        }
    });
}

/// A stream of text, in chunks of a size; 0 is an event a chunk, with nothing ready between two.
fn chunks(wire: &str, size: usize) -> Vec<Bytes> {
    let format = if wire == "claude" { Format::Claude } else { Format::Chat };
    let events = replies::stream(format, "m", EVENTS);
    if size == 0 {
        return events;
    }
    let whole = Bytes::from(events.concat());
    (0..whole.len()).step_by(size).map(|at| whole.slice(at..whole.len().min(at + size))).collect()
}

#[derive(Debug)]
struct Played {
    id: ProviderId,
    formats: [ProviderFormat; 1],
    chunks: Arc<Vec<Bytes>>,
}

#[async_trait]
impl ProviderExecutor for Played {
    fn provider(&self) -> &ProviderId {
        &self.id
    }

    fn wire_formats(&self, _model: &UpstreamModel, _operation: Operation) -> &[ProviderFormat] {
        &self.formats
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(Vec::new())
    }

    async fn execute(&self, _attempt: Attempt) -> Result<WireReply, ExecutorError> {
        panic!("streams only")
    }

    async fn execute_stream(&self, _attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let paced = self.chunks.len() > EVENTS;
        let body = Chunks { left: self.chunks.iter().cloned().collect(), paced, wait: false };
        Ok(WireStream::new(HeaderMap::new(), Box::pin(body)))
    }
}

struct Chunks {
    left: VecDeque<Bytes>,
    paced: bool,
    wait: bool,
}

impl Stream for Chunks {
    type Item = Result<Bytes, ExecutorError>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.wait = self.paced && !self.wait;
        if self.wait {
            return Poll::Pending;
        }
        Poll::Ready(self.left.pop_front().map(Ok))
    }
}
