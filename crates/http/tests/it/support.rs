//! A server with the routes, and a dispatcher that does as it is told.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_access::{Chain, ConfigKeys, Keyless, Open};
use cliproxy_core::{
    AccessProvider, ClientError, ClientRequest, ClientStream, Dispatched, Dispatcher, Explanation, Frame,
    ListedModel, ModelInfo, Secret, StreamEnd, StreamReply, UpstreamReply, WholeReply,
};
use cliproxy_http::{ClientRoutes, Codecs, Options};
use cliproxy_testkit::TestClient;
use cliproxy_translator::Codec;
use cliproxy_translator::registry::Registry;
use cliproxy_transport::{Server, ServerOptions, Shutdown};
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

pub const KEY: &str = "client-key-CANARY";

type Answer = Pin<Box<dyn Future<Output = Dispatched> + Send>>;
type Script = Box<dyn Fn(ClientRequest) -> Answer + Send + Sync>;

/// Answers every request by one script, and remembers what it was asked.
pub struct Scripted {
    script: Mutex<Arc<Script>>,
    seen: Mutex<Vec<ClientRequest>>,
    models: Mutex<Vec<ListedModel>>,
    /// Notified when a dispatch is given up.
    pub gone: Arc<Notify>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    /// Answers with this from now on.
    pub fn answer<F>(&self, script: impl Fn(ClientRequest) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Dispatched> + Send + 'static,
    {
        let script: Script = Box::new(move |request| Box::pin(script(request)));
        *self.script.lock() = Arc::new(script);
    }

    pub fn offer(&self, models: impl IntoIterator<Item = ModelInfo>) {
        let listed = models.into_iter().map(|info| ListedModel::new(Arc::new(info), vec!["toy".to_owned()]));
        *self.models.lock() = listed.collect();
    }

    /// The last request.
    #[track_caller]
    pub fn last(&self) -> ClientRequest {
        self.seen.lock().last().cloned().expect("nothing was dispatched")
    }

    pub fn count(&self) -> usize {
        self.seen.lock().len()
    }
}

/// Tells when it is dropped unless it was told not to.
struct Alarm(Option<Arc<Notify>>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(gone) = &self.0 {
            gone.notify_one();
        }
    }
}

#[async_trait]
impl Dispatcher for Scripted {
    async fn dispatch(&self, request: ClientRequest) -> Dispatched {
        self.seen.lock().push(request.clone());
        let mut alarm = Alarm(Some(Arc::clone(&self.gone)));
        let script = Arc::clone(&self.script.lock());
        let dispatched = script(request).await;
        alarm.0 = None;
        dispatched
    }

    fn models(&self) -> Vec<ListedModel> {
        self.models.lock().clone()
    }

    fn model(&self, id: &str) -> Option<ListedModel> {
        self.models.lock().iter().find(|model| model.info.id.as_str() == id).cloned()
    }

    /// Those that begin as it does.
    fn similar(&self, id: &str) -> Vec<String> {
        let names = self.models().into_iter().map(|model| model.info.id.as_str().to_owned());
        names.filter(|name| name.get(..4) == id.get(..4)).collect()
    }
}

pub fn whole(body: &'static str) -> Dispatched {
    replied(WholeReply::new(Bytes::from_static(body.as_bytes())))
}

pub fn replied(reply: WholeReply) -> Dispatched {
    Dispatched::new(Ok(UpstreamReply::Whole(Box::new(reply))), Explanation::default())
}

pub fn failed(error: ClientError) -> Dispatched {
    Dispatched::new(Err(Box::new(error)), Explanation::default())
}

pub fn streaming(frames: Steps) -> Dispatched {
    with_headers(frames, HeaderMap::new())
}

pub fn with_headers(frames: Steps, headers: HeaderMap) -> Dispatched {
    let reply = StreamReply::new(headers, Box::pin(frames));
    Dispatched::new(Ok(UpstreamReply::Stream(reply)), Explanation::default())
}

/// One step of a scripted stream.
pub enum Step {
    Say(&'static str),
    /// Waits until the test notifies it.
    Until(Arc<Notify>),
    /// Nothing more comes.
    Never,
}

/// A stream that plays steps. Its farewell is one line with the error's words.
pub struct Steps {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    remarks: Vec<String>,
    _alarm: Alarm,
}

pub fn steps(steps: impl IntoIterator<Item = Step>) -> Steps {
    Steps { steps: steps.into_iter().collect(), waiting: None, remarks: Vec::new(), _alarm: Alarm(None) }
}

impl Steps {
    /// Ends with this to say.
    pub fn remarking(mut self, remark: &str) -> Self {
        self.remarks.push(remark.to_owned());
        self
    }

    /// Notifies this when the stream is dropped.
    pub fn telling(mut self, gone: &Arc<Notify>) -> Self {
        self._alarm = Alarm(Some(Arc::clone(gone)));
        self
    }
}

impl ClientStream for Steps {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                if waiting.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.waiting = None;
            }
            match self.steps.pop_front() {
                Some(Step::Say(text)) => {
                    return Poll::Ready(Some(Frame::Bytes(Bytes::from_static(text.as_bytes()))));
                }
                Some(Step::Until(notify)) => {
                    self.waiting = Some(Box::pin(async move { notify.notified().await }));
                }
                Some(Step::Never) => {
                    self.steps.push_front(Step::Never);
                    return Poll::Pending;
                }
                None => {
                    let end = StreamEnd::default().with_remarks(std::mem::take(&mut self.remarks));
                    return Poll::Ready(Some(Frame::End(Box::new(end))));
                }
            }
        }
    }

    fn fail(self: Pin<&mut Self>, error: &ClientError) -> Bytes {
        Bytes::from(format!("data: farewell: {}\n\n", error.message))
    }
}

/// A server with the routes.
pub struct Edge {
    pub dispatcher: Arc<Scripted>,
    pub routes: ClientRoutes,
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub ended: AbortOnDropHandle<()>,
}

pub fn codecs() -> Codecs {
    let registry = Registry::with_builtin();
    let codec = |name: &str| -> Arc<dyn Codec> { Arc::clone(registry.codec(name).unwrap()) };
    let mut codecs = Codecs::new(codec("openai"), codec("openai-completions"), codec("claude"));
    codecs.responses = registry.codec("openai-response").cloned();
    codecs.gemini = registry.codec("gemini").cloned();
    codecs.gemini_cli = registry.codec("gemini-cli").cloned();
    codecs
}

impl Edge {
    pub async fn start() -> Self {
        Self::with_options(Options::default()).await
    }

    pub async fn with_options(options: Options) -> Self {
        let keys = if options.keyed { vec![Secret::new(KEY)] } else { Vec::new() };
        let keys = Arc::new(ConfigKeys::new(keys, Keyless::Admit));
        let open = Open::while_keyless(Arc::clone(&keys));
        let access = Arc::new(Chain::new(vec![keys]).or_open(open));
        Self::with(options, access, ServerOptions::default()).await
    }

    pub async fn with(options: Options, access: Arc<dyn AccessProvider>, server: ServerOptions) -> Self {
        let first: Script = Box::new(|_| Box::pin(async { whole(r#"{"ok":true}"#) }));
        let dispatcher = Arc::new(Scripted {
            script: Mutex::new(Arc::new(first)),
            seen: Mutex::default(),
            models: Mutex::default(),
            gone: Arc::default(),
        });
        let shutdown = Shutdown::new(Duration::from_secs(30));
        let server = Server::bind(server).await.unwrap();
        let address = server.local_addr();
        let behind: Arc<dyn Dispatcher> = Arc::clone(&dispatcher) as _;
        let routes = ClientRoutes::new(behind, access, codecs(), options, shutdown.clone());
        let running = server.run(routes.clone(), shutdown.clone());
        let ended = AbortOnDropHandle::new(TaskTracker::new().spawn(running));
        Self { dispatcher, routes, address, shutdown, ended }
    }

    /// A client without a key.
    pub fn stranger(&self) -> TestClient {
        TestClient::new(format!("http://{}", self.address))
    }

    pub fn client(&self) -> TestClient {
        self.stranger().bearer(KEY)
    }
}

/// Options with a short patience, for tests of what happens when it ends.
pub fn impatient() -> Options {
    let mut options = Options::default();
    options.keepalive = Some(Duration::from_millis(10));
    options.whole_keepalive = Some(Duration::from_millis(10));
    options
}
