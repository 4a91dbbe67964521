//! Scripted stand-ins: an upstream that answers by credential, an executor that renews, a store in memory.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_conductor::{Builder, Conductor, Options};
use cliproxy_core::*;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;

pub const WALL: Timestamp = Timestamp::from_secs(1_795_000_000);

/// What an attempt does.
#[derive(Clone, Debug)]
pub enum Play {
    Whole,
    /// What is made up here, without asking.
    Estimate,
    /// A stream of some frames and a good end.
    Stream,
    /// A stream that breaks after its first frame.
    Broken(ErrorKind),
    /// A stream that stops without an end.
    Cut,
    Fail(ErrorKind),
    /// A failing reply: status, hint, body.
    Reply(u16, Option<u64>, &'static str),
    /// A limit of the whole account, with a hint in seconds.
    AccountLimit(u64),
    /// Never answers.
    Hang,
    /// Answers after a while.
    After(Duration, Box<Self>),
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub credential: String,
    pub token: Option<String>,
    pub model: String,
    pub suffix: Option<String>,
    pub shown: Option<String>,
    pub attempt: u32,
    pub info: Option<Arc<ModelInfo>>,
}

/// Plays scripts: each credential's own queue, then its standing answer, then the default, a whole reply.
#[derive(Debug, Default)]
pub struct Script {
    queues: Mutex<HashMap<String, VecDeque<Play>>>,
    standing: Mutex<HashMap<String, Play>>,
    seen: Mutex<Vec<Seen>>,
    /// Refuses old tokens: what a token has to be.
    pub token: Mutex<Option<String>>,
    /// Except of this credential.
    pub spared: Mutex<Option<String>>,
    /// What the exchange remarks after its next attempts.
    pub remarks: Mutex<VecDeque<Vec<String>>>,
}

impl Script {
    pub fn next(&self, credential: &str, plays: impl IntoIterator<Item = Play>) {
        self.queues.lock().entry(credential.to_owned()).or_default().extend(plays);
    }

    pub fn always(&self, credential: &str, play: Play) {
        self.standing.lock().insert(credential.to_owned(), play);
    }

    pub fn clear(&self, credential: &str) {
        self.queues.lock().remove(credential);
    }

    /// The credentials that were tried since the last look.
    pub fn tried(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.credential).collect()
    }

    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock())
    }

    fn play(&self, target: &Target) -> Play {
        let id = target.credential.id().as_str().to_owned();
        let token = target.credential.access_token().map(|token| token.expose().to_owned());
        self.seen.lock().push(Seen {
            credential: id.clone(),
            token: token.clone(),
            model: target.model.as_str().to_owned(),
            suffix: target.suffix.clone(),
            shown: target.shown_model.clone(),
            attempt: target.attempt,
            info: target.info.clone(),
        });
        let spared = self.spared.lock().as_ref() == Some(&id);
        if !spared && self.token.lock().as_ref().is_some_and(|wanted| token.as_ref() != Some(wanted)) {
            return Play::Reply(401, None, "{}");
        }
        let keyed = format!("{id}/{}", target.model);
        let queued = [&keyed, &id].into_iter().find_map(|key| self.queues.lock().get_mut(key)?.pop_front());
        let standing = || [&keyed, &id].into_iter().find_map(|key| self.standing.lock().get(key).cloned());
        queued.or_else(standing).unwrap_or(Play::Whole)
    }
}

#[derive(Debug)]
pub struct FakeUpstream(pub Arc<Script>);

struct FakeExchange(Arc<Script>);

impl Upstream for FakeUpstream {
    fn open(&self, request: Arc<ClientRequest>) -> Result<Box<dyn Exchange>, Box<ClientError>> {
        if request.body == "garbage" {
            return Err(Box::new(ClientError::new(ClientErrorKind::InvalidRequest, "garbage")));
        }
        Ok(Box::new(FakeExchange(Arc::clone(&self.0))))
    }
}

#[async_trait]
impl Exchange for FakeExchange {
    async fn attempt(&self, target: Target) -> Result<UpstreamReply, ExecutorError> {
        let mut play = self.0.play(&target);
        while let Play::After(wait, then) = play {
            tokio::time::sleep(wait).await;
            play = *then;
        }
        match play {
            Play::Whole => {
                let usage = Usage { output: Some(7), ..Usage::default() };
                Ok(UpstreamReply::Whole(Box::new(
                    WholeReply::new(Bytes::from_static(b"ok")).with_end(usage, Some(FinishReason::Stop)),
                )))
            }
            Play::Estimate => Ok(UpstreamReply::Whole(Box::new(WholeReply::new("8".into()).made_here()))),
            Play::Stream => stream(vec![bytes("a"), bytes("b"), done()]),
            Play::Broken(kind) => stream(vec![bytes("a"), broken(kind)]),
            Play::Cut => stream(vec![bytes("a")]),
            Play::Fail(kind) => Err(ExecutorError::new(kind, kind.as_str())),
            Play::Reply(status, hint, body) => Err(reply(status, hint, body)),
            Play::AccountLimit(secs) => {
                let evidence = Evidence::new(ErrorKind::RateLimited)
                    .with_scope(Scope::Credential)
                    .with_retry_after(Some(Duration::from_secs(secs)));
                Err(ExecutorError::from_evidence(evidence, "limit"))
            }
            Play::Hang => std::future::pending().await,
            Play::After(..) => unreachable!(),
        }
    }

    fn explain(&self, _target: &Target, error: &ExecutorError) -> Box<ClientError> {
        let status = error.status().unwrap_or_else(|| error.kind().status());
        let kind = ClientErrorKind::from_status(status);
        let told = ClientError::new(kind, error.message()).with_status(status);
        Box::new(told.with_retry_after(error.evidence().retry_after))
    }

    fn remarks(&self) -> Vec<String> {
        self.0.remarks.lock().pop_front().unwrap_or_default()
    }
}

pub fn reply(status: u16, hint: Option<u64>, body: &'static str) -> ExecutorError {
    let status = StatusCode::from_u16(status).unwrap();
    let mut headers = HeaderMap::new();
    if let Some(secs) = hint {
        headers.insert("retry-after", secs.into());
    }
    let evidence = Evidence::standard(&Failure::http(status, &headers, body.as_bytes(), WALL));
    ExecutorError::from_evidence(evidence, "upstream said no").with_reply(
        status,
        headers,
        Bytes::from_static(body.as_bytes()),
    )
}

fn bytes(text: &'static str) -> Frame {
    Frame::Bytes(Bytes::from_static(text.as_bytes()))
}

fn done() -> Frame {
    let usage = Usage { output: Some(3), ..Usage::default() };
    Frame::End(Box::new(StreamEnd::done(usage, Some(FinishReason::Stop))))
}

fn broken(kind: ErrorKind) -> Frame {
    Frame::End(Box::new(StreamEnd::failed(Usage::default(), ExecutorError::new(kind, "broke off"))))
}

struct Frames(VecDeque<Frame>);

fn stream(frames: Vec<Frame>) -> Result<UpstreamReply, ExecutorError> {
    Ok(UpstreamReply::Stream(StreamReply::new(HeaderMap::new(), Box::pin(Frames(frames.into())))))
}

impl ClientStream for Frames {
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Frame>> {
        Poll::Ready(self.0.pop_front())
    }

    fn fail(self: Pin<&mut Self>, error: &ClientError) -> Bytes {
        Bytes::from(format!("failed: {error}"))
    }
}

/// Reads a stream to its end.
pub async fn read(reply: UpstreamReply) -> Vec<Frame> {
    let UpstreamReply::Stream(mut stream) = reply else { panic!("not a stream") };
    let mut frames = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| stream.frames.as_mut().poll_frame(cx)).await {
        let last = matches!(frame, Frame::End(_));
        frames.push(frame);
        if last {
            break;
        }
    }
    frames
}

type Refresher = dyn Fn(&Credential) -> Result<Credential, ExecutorError> + Send + Sync;

/// An executor that is never asked to execute: the upstream plays that part.
pub struct FakeExecutor {
    provider: ProviderId,
    pub models: Mutex<Vec<ModelInfo>>,
    pub lead: Mutex<Renewal>,
    /// Whether its refresh tokens work once.
    pub spends: AtomicBool,
    /// Whether its provider counts tokens.
    pub counts: AtomicBool,
    pub refreshes: AtomicUsize,
    pub takes: Mutex<Duration>,
    pub refresher: Mutex<Arc<Refresher>>,
}

impl std::fmt::Debug for FakeExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeExecutor").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl FakeExecutor {
    pub fn new(provider: &str, models: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            provider: ProviderId::new(provider),
            models: Mutex::new(models.iter().map(|id| ModelInfo::new(*id)).collect()),
            lead: Mutex::new(Renewal::Never),
            spends: AtomicBool::new(true),
            counts: AtomicBool::new(true),
            refreshes: AtomicUsize::new(0),
            takes: Mutex::new(Duration::ZERO),
            refresher: Mutex::new(Arc::new(|credential| {
                Err(ExecutorError::unsupported(credential.provider(), "refresh"))
            })),
        })
    }

    pub fn refreshes_with(
        &self,
        refresher: impl Fn(&Credential) -> Result<Credential, ExecutorError> + Send + Sync + 'static,
    ) {
        *self.refresher.lock() = Arc::new(refresher);
    }

    pub fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ProviderExecutor for FakeExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        const FORMATS: &[ProviderFormat] = &[ProviderFormat::OPENAI];
        let offered = operation != Operation::CountTokens || self.counts.load(Ordering::SeqCst);
        if offered { FORMATS } else { &[] }
    }

    async fn models(&self, _: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(self.models.lock().clone())
    }

    async fn execute(&self, _: Attempt) -> Result<WireReply, ExecutorError> {
        unreachable!("the fake upstream answers")
    }

    fn renewal(&self, _: &Credential) -> Renewal {
        *self.lead.lock()
    }

    fn renewal_spends(&self, _: &Credential) -> bool {
        self.spends.load(Ordering::SeqCst)
    }

    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        self.refreshes.fetch_add(1, Ordering::SeqCst);
        let takes = *self.takes.lock();
        tokio::time::sleep(takes).await;
        let refresher = Arc::clone(&self.refresher.lock());
        refresher(credential)
    }
}

/// A conductor with its script and one executor.
pub struct World {
    pub script: Arc<Script>,
    pub executor: Arc<FakeExecutor>,
    pub conductor: Arc<Conductor>,
}

pub fn world(options: Options) -> World {
    world_with(options, |builder| builder)
}

pub fn world_with(options: Options, more: impl FnOnce(Builder) -> Builder) -> World {
    let script = Arc::new(Script::default());
    let executor = FakeExecutor::new("p", &["m", "n"]);
    let builder = Conductor::builder(Arc::new(FakeUpstream(Arc::clone(&script))))
        .options(options)
        .executor(Arc::clone(&executor) as Arc<dyn ProviderExecutor>)
        .wall(WALL);
    World { script, executor, conductor: more(builder).build() }
}

impl World {
    /// Registers plain keys.
    pub fn keys(&self, ids: &[&str]) {
        for id in ids {
            self.add(key(id, |_| {}));
        }
    }

    pub fn add(&self, credential: Credential) {
        self.add_to(&self.executor, credential);
    }

    pub fn add_to(&self, executor: &Arc<FakeExecutor>, credential: Credential) {
        let models = executor.models.lock().clone();
        self.conductor.register(
            Arc::clone(executor) as Arc<dyn ProviderExecutor>,
            Arc::new(credential),
            models,
        );
    }

    pub async fn ask(&self, model: &str) -> Dispatched {
        self.conductor.dispatch(request(model)).await
    }

    /// Asks for a token count.
    pub async fn count(&self, model: &str) -> Dispatched {
        let mut request = request(model);
        request.operation = Operation::CountTokens;
        self.conductor.dispatch(request).await
    }

    pub async fn ask_stream(&self, model: &str) -> Dispatched {
        self.conductor.dispatch(request(model).with_stream(true)).await
    }

    pub fn state(&self, id: &str, model: &str) -> cliproxy_conductor::Availability {
        let status = self.conductor.credential(&CredentialId::new(id)).unwrap();
        status.models.iter().find(|one| one.id.as_str() == model).unwrap().availability
    }

    pub fn is_ready(&self, id: &str, model: &str) -> bool {
        self.state(id, model).is_usable()
    }
}

pub fn key(id: &str, settings: impl FnOnce(&mut Settings)) -> Credential {
    key_of("p", id, settings)
}

pub fn key_of(provider: &str, id: &str, settings: impl FnOnce(&mut Settings)) -> Credential {
    let mut own = Settings::new(id);
    settings(&mut own);
    Credential::new(
        CredentialId::new(id),
        ProviderId::new(provider),
        CredentialKind::ApiKey,
        Origin::Config(id.to_owned()),
        Document::with_api_key(&Secret::from("CANARY-key")),
        own,
    )
}

/// An account in the store, with its document as JSON.
pub fn account(id: &str, document: &str) -> Credential {
    Credential::new(
        CredentialId::new(id),
        ProviderId::from_static("p"),
        CredentialKind::Account,
        Origin::Store(id.to_owned()),
        Document::new(serde_json::from_str(document).unwrap()),
        Settings::new(id),
    )
}

pub fn request(model: &str) -> ClientRequest {
    ClientRequest::new(
        RequestId::from_static("r"),
        ClientFormat::OPENAI,
        Operation::Generate,
        ModelId::new(model),
        Bytes::from_static(b"{}"),
    )
}

pub async fn sleep(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
}

/// Lets every task that can run do so.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
