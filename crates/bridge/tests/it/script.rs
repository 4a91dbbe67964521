//! An executor that plays a script, and what a test needs to watch a reply.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{
    Attempt, ClientFormat, ClientRequest, ClientStream, Credential, CredentialId, CredentialKind, Document,
    Exchange, ExecutorError, Frame, ModelInfo, Operation, Origin, ProviderExecutor, ProviderFormat,
    ProviderId, ReplyModes, RequestId, Secret, Settings, StreamEnd, Target, Timestamp, Upstream,
    UpstreamModel, UpstreamReply, WholeReply, WireReply, WireStream,
};
use cliproxy_translator::CodecError;
use cliproxy_translator::registry::{Registry, ResponseEnvelope, ResponseMiddleware};
use futures_core::Stream;
use http::HeaderMap;
use parking_lot::Mutex;

use crate::toy::Toy;

pub const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);

/// What comes next from upstream.
pub enum Item {
    Chunk(Bytes),
    Broken(ExecutorError),
    /// Nothing is there now; there will be at the next look.
    Later,
    /// Nothing comes any more, and no end either.
    Hang,
}

pub fn chunk(text: impl Into<String>) -> Item {
    Item::Chunk(Bytes::from(text.into()))
}

/// What a call is answered.
pub enum Answer {
    Whole(HeaderMap, Bytes),
    Stream(HeaderMap, Vec<Item>),
    Fail(ExecutorError),
}

pub fn whole(body: impl Into<String>) -> Answer {
    Answer::Whole(HeaderMap::new(), Bytes::from(body.into()))
}

pub fn streamed(items: impl IntoIterator<Item = Item>) -> Answer {
    Answer::Stream(HeaderMap::new(), items.into_iter().collect())
}

/// What a test may look at from outside.
#[derive(Debug, Default)]
pub struct Watch {
    pub attempts: Mutex<Vec<Attempt>>,
    pub polls: AtomicUsize,
    pub dropped: AtomicBool,
}

pub struct Scripted {
    provider: ProviderId,
    pub formats: Vec<ProviderFormat>,
    pub count_formats: Vec<ProviderFormat>,
    pub modes: ReplyModes,
    pub streams: bool,
    answers: Mutex<VecDeque<Answer>>,
    pub watch: Arc<Watch>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    pub fn new(format: &'static str, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            provider: ProviderId::from_static("scripted"),
            formats: vec![ProviderFormat::from_static(format)],
            count_formats: vec![ProviderFormat::from_static(format)],
            modes: ReplyModes::Both,
            streams: true,
            answers: Mutex::new(answers.into_iter().collect()),
            watch: Arc::default(),
        }
    }

    pub fn formats(mut self, formats: &[&'static str]) -> Self {
        self.formats = formats.iter().map(|name| ProviderFormat::from_static(name)).collect();
        self
    }

    pub fn modes(mut self, modes: ReplyModes) -> Self {
        self.modes = modes;
        self
    }

    fn answer(&self, attempt: Attempt) -> Answer {
        self.watch.attempts.lock().push(attempt);
        self.answers.lock().pop_front().expect("the script is over")
    }
}

#[async_trait]
impl ProviderExecutor for Scripted {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        if operation == Operation::CountTokens { &self.count_formats } else { &self.formats }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(Vec::new())
    }

    fn reply_modes(&self, _model: &UpstreamModel) -> ReplyModes {
        self.modes
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        match self.answer(attempt) {
            Answer::Whole(headers, body) => Ok(WireReply::new(headers, body)),
            Answer::Fail(error) => Err(error),
            Answer::Stream(..) => panic!("the script has a stream here"),
        }
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        if !self.streams {
            return Err(ExecutorError::unsupported(&self.provider, "execute_stream"));
        }
        match self.answer(attempt) {
            Answer::Stream(headers, items) => {
                let body = Played { items: items.into(), watch: Arc::clone(&self.watch) };
                Ok(WireStream::new(headers, Box::pin(body)))
            }
            Answer::Fail(error) => Err(error),
            Answer::Whole(..) => panic!("the script has a whole reply here"),
        }
    }

    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        self.execute(attempt).await
    }
}

struct Played {
    items: VecDeque<Item>,
    watch: Arc<Watch>,
}

impl Stream for Played {
    type Item = Result<Bytes, ExecutorError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.watch.polls.fetch_add(1, Ordering::Relaxed);
        match self.items.pop_front() {
            None => Poll::Ready(None),
            Some(Item::Chunk(bytes)) => Poll::Ready(Some(Ok(bytes))),
            Some(Item::Broken(error)) => Poll::Ready(Some(Err(error))),
            Some(Item::Later) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Item::Hang) => {
                self.items.push_front(Item::Hang);
                Poll::Pending
            }
        }
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.watch.dropped.store(true, Ordering::Relaxed);
    }
}

/// A bridge over the toy formats `alpha` and `beta`.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add_codec(Arc::new(Toy::new("alpha")));
    registry.add_codec(Arc::new(Toy::new("beta")));
    registry
}

pub fn bridge() -> Bridge {
    Bridge::new(Arc::new(registry()), Options::default())
}

/// The request of an `alpha` client.
pub fn request(body: &str, stream: bool) -> ClientRequest {
    request_in("alpha", body, stream)
}

pub fn request_in(format: &'static str, body: &str, stream: bool) -> ClientRequest {
    ClientRequest::new(
        RequestId::from_static("req-1"),
        ClientFormat::from_static(format),
        Operation::Generate,
        "asked-model".into(),
        Bytes::from(body.to_owned()),
    )
    .with_stream(stream)
}

pub const HELLO: &str = r#"{"model":"asked-model","prompt":"hi"}"#;

pub fn credential() -> Credential {
    let document = Document::with_api_key(&Secret::from("CANARY-key-0123456789"));
    Credential::new(
        CredentialId::from_static("scripted:1"),
        ProviderId::from_static("scripted"),
        CredentialKind::ApiKey,
        Origin::Runtime,
        document,
        Settings::new("label"),
    )
}

pub fn target(executor: &Arc<Scripted>) -> Target {
    let executor: Arc<dyn ProviderExecutor> = Arc::<Scripted>::clone(executor);
    Target::new(executor, Arc::new(credential()), UpstreamModel::from_static("up-model"), NOW)
}

pub fn open(bridge: &Bridge, request: ClientRequest) -> Box<dyn Exchange> {
    bridge.open(Arc::new(request)).unwrap()
}

/// One attempt of an `alpha` client on an executor.
pub async fn attempt(executor: &Arc<Scripted>, stream: bool) -> Result<UpstreamReply, ExecutorError> {
    open(&bridge(), request(HELLO, stream)).attempt(target(executor)).await
}

/// Middleware that changes nothing.
#[derive(Debug)]
pub struct Onlooker;

impl ResponseMiddleware for Onlooker {
    fn handle(
        &self,
        envelope: ResponseEnvelope,
        next: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
    ) -> Result<ResponseEnvelope, CodecError> {
        next(envelope)
    }
}

/// The usual bridge, and one where somebody looks on: what comes out must be the same.
pub fn bridges() -> [Bridge; 2] {
    let mut watched = registry();
    watched.use_response(Arc::new(Onlooker));
    [bridge(), Bridge::new(Arc::new(watched), Options::default())]
}

/// As [`attempt`], over a bridge.
pub async fn attempt_over(
    bridge: &Bridge,
    executor: &Arc<Scripted>,
    stream: bool,
) -> Result<UpstreamReply, ExecutorError> {
    open(bridge, request(HELLO, stream)).attempt(target(executor)).await
}

pub type Frames = Pin<Box<dyn ClientStream>>;

pub fn frames(reply: UpstreamReply) -> Frames {
    match reply {
        UpstreamReply::Stream(stream) => stream.frames,
        other => panic!("expected a stream: {other:?}"),
    }
}

pub fn body(reply: UpstreamReply) -> WholeReply {
    match reply {
        UpstreamReply::Whole(whole) => *whole,
        other => panic!("expected a whole reply: {other:?}"),
    }
}

/// Every piece of a stream, and how it ended.
pub async fn pieces(frames: &mut Frames) -> (Vec<Bytes>, StreamEnd) {
    let mut pieces = Vec::new();
    loop {
        match poll_fn(|cx| frames.as_mut().poll_frame(cx)).await {
            Some(Frame::Bytes(bytes)) => {
                assert!(!bytes.is_empty(), "an empty piece says nothing");
                pieces.push(bytes);
            }
            Some(Frame::End(end)) => {
                let after = poll_fn(|cx| frames.as_mut().poll_frame(cx)).await;
                assert!(after.is_none(), "nothing follows the end: {after:?}");
                return (pieces, *end);
            }
            other => panic!("no end: {other:?}"),
        }
    }
}

/// The whole text of a stream, and how it ended.
pub async fn text(mut frames: Frames) -> (String, StreamEnd) {
    let (pieces, end) = pieces(&mut frames).await;
    (String::from_utf8(pieces.concat()).unwrap(), end)
}

/// One look without waiting.
pub fn look(frames: &mut Frames) -> Poll<Option<Frame>> {
    frames.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()))
}

/// Cuts text into chunks of a size.
pub fn cut(text: &str, size: usize) -> Vec<Item> {
    text.as_bytes().chunks(size).map(|part| Item::Chunk(Bytes::copy_from_slice(part))).collect()
}
