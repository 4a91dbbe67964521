//! A provider that plays scripts.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::received::Received;
use crate::reply::{Reply, status};
use crate::serve;

/// A real HTTP server on a loopback port that answers from scripts and remembers what it was asked.
///
/// It speaks HTTP/1.1 and HTTP/2 (by prior knowledge, or by ALPN with TLS). Dropping it closes its sockets.
#[derive(Debug)]
pub struct FakeUpstream {
    pub(crate) book: Arc<Book>,
    address: SocketAddr,
    root: Option<Vec<u8>>,
    _stop: DropGuard,
}

/// What is to be answered, and what was asked.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) pages: Mutex<Pages>,
    pub(crate) changed: Notify,
}

type Answerer = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

#[derive(Default)]
pub(crate) struct Pages {
    interruptions: VecDeque<Reply>,
    answerer: Option<Arc<Answerer>>,
    scripts: HashMap<String, VecDeque<Reply>>,
    paths: HashMap<String, VecDeque<Reply>>,
    fallback: VecDeque<Reply>,
    pub(crate) received: Vec<Received>,
    pub(crate) connections: usize,
    pub(crate) abandoned: usize,
    pub(crate) pieces_sent: usize,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("received", &self.received).finish_non_exhaustive()
    }
}

impl Book {
    /// Remembers a request and finds its reply.
    pub(crate) fn take(&self, request: Received) -> Reply {
        let (interruption, answerer) = {
            let mut pages = self.pages.lock();
            (pages.interruptions.pop_front(), pages.answerer.clone())
        };
        let reply = match (interruption, answerer) {
            (Some(reply), _) => reply,
            (None, Some(answerer)) => answerer(&request),
            (None, None) => self.next(&request.path, &request.key),
        };
        self.note(|pages| pages.received.push(request));
        reply
    }

    /// The path's own script, else the key's, else the common one. The last reply of a script stays.
    fn next(&self, path: &str, key: &str) -> Reply {
        let mut pages = self.pages.lock();
        let pages = &mut *pages;
        let script = match (pages.paths.get_mut(path), pages.scripts.get_mut(key)) {
            (Some(script), _) | (None, Some(script)) => script,
            (None, None) => &mut pages.fallback,
        };
        if script.len() > 1 {
            return script.pop_front().expect("more than one");
        }
        script.front().cloned().unwrap_or_else(|| {
            status(599).body(format!("the fake upstream has no script for the key {key:?} and path {path:?}"))
        })
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Pages)) {
        change(&mut self.pages.lock());
        self.changed.notify_waiters();
    }
}

impl FakeUpstream {
    /// Starts on a free port of 127.0.0.1, without TLS.
    pub async fn start() -> Self {
        Self::listen(None, None).await
    }

    /// Starts with TLS; trust [`root_der`](Self::root_der) to call it.
    pub async fn start_tls() -> Self {
        Self::listen_tls(&[b"h2", b"http/1.1"]).await
    }

    /// As [`start_tls`](Self::start_tls), offering HTTP/1.1 only.
    pub async fn start_tls_http1() -> Self {
        Self::listen_tls(&[b"http/1.1"]).await
    }

    async fn listen_tls(alpn: &[&[u8]]) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let root = made.cert.der().to_vec();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key_pair.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a matching key");
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), Some(root)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, root: Option<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let book = Arc::new(Book::default());
        let stop = CancellationToken::new();
        serve::start(listener, tls, Arc::clone(&book), stop.clone());
        Self { book, address, root, _stop: stop.drop_guard() }
    }

    /// The base URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.root.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate to trust.
    ///
    /// # Panics
    /// Without TLS.
    #[must_use]
    pub fn root_der(&self) -> Vec<u8> {
        self.root.clone().expect("started with start_tls")
    }

    /// Replaces the script of an API key: each request takes the next reply, the last one stays.
    pub fn script(&self, key: &str, replies: impl IntoIterator<Item = Reply>) {
        self.book.pages.lock().scripts.insert(key.to_owned(), replies.into_iter().collect());
    }

    /// Replaces the script of a path. It wins over those of keys.
    pub fn script_path(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.book.pages.lock().paths.insert(path.to_owned(), replies.into_iter().collect());
    }

    /// Replaces the script of everything that has none of its own.
    pub fn script_all(&self, replies: impl IntoIterator<Item = Reply>) {
        self.book.pages.lock().fallback = replies.into_iter().collect();
    }

    /// Computes every reply from its request, in place of scripts.
    pub fn answer_with(&self, answerer: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        self.book.pages.lock().answerer = Some(Arc::new(Box::new(answerer)));
    }

    /// The next requests take these replies first, whatever the scripts say.
    pub fn interrupt(&self, replies: impl IntoIterator<Item = Reply>) {
        self.book.pages.lock().interruptions.extend(replies);
    }

    /// What was received so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.book.pages.lock().received.clone()
    }

    /// Forgets what was received so far, such as what a server asks when it starts.
    pub fn forget_requests(&self) {
        self.book.pages.lock().received.clear();
    }

    /// The last request.
    ///
    /// # Panics
    /// When there was none.
    #[must_use]
    #[track_caller]
    pub fn last(&self) -> Received {
        self.book.pages.lock().received.last().cloned().expect("the upstream was not called")
    }

    /// The keys of the requests, in order.
    #[must_use]
    pub fn keys_seen(&self) -> Vec<String> {
        self.book.pages.lock().received.iter().map(|request| request.key.clone()).collect()
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.book.pages.lock().connections
    }

    /// How many replies the caller gave up before their end.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.book.pages.lock().abandoned
    }

    /// How many pieces of bytes were handed to connections. Those that nobody reads stop counting once the sockets
    /// are full.
    #[must_use]
    pub fn pieces_sent(&self) -> usize {
        self.book.pages.lock().pieces_sent
    }

    /// Waits until this many requests have come.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait_until(|pages| pages.received.len() >= count).await;
    }

    /// Waits until this many replies were given up.
    pub async fn wait_for_abandoned(&self, count: usize) {
        self.wait_until(|pages| pages.abandoned >= count).await;
    }

    async fn wait_until(&self, reached: impl Fn(&Pages) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.book.changed.notified());
            changed.as_mut().enable();
            if reached(&self.book.pages.lock()) {
                return;
            }
            changed.await;
        }
    }
}
