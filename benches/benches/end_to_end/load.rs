//! Clients: as many connections as asked for, one request after the other on each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use cliproxy_benches::bodies::{Shape, Size};
use cliproxy_benches::format::Format;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::children::CLIENT_KEY;

/// How much of the end of a reply is looked at.
const TAIL: usize = 128 * 1024;

/// A request that is sent again and again.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) path: String,
    pub(crate) body: Bytes,
    /// What must be at the end of the reply.
    pub(crate) end: &'static str,
}

impl Job {
    /// A client of one format that asks for a model.
    pub(crate) fn new(format: Format, model: &str, stream: bool, size: Size) -> Self {
        Self {
            path: format.path(model, stream),
            body: Bytes::from(Shape { format, model, stream }.body(size)),
            end: if stream { format.end_mark() } else { "}" },
        }
    }

    fn request(&self, address: SocketAddr) -> Request<Full<Bytes>> {
        Request::post(&self.path)
            .header(HOST, address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {CLIENT_KEY}"))
            .body(Full::new(self.body.clone()))
            .expect("a request")
    }
}

/// A runtime for the clients: they share one thread.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A connection; its driver runs until it is dropped.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    address: SocketAddr,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        let driver = tokio::spawn(connection);
        Self { sender, driver, address }
    }

    /// Closes the connection, and waits until that is done.
    pub(crate) async fn close(self) {
        drop(self.sender);
        // However it ends, it has ended.
        drop(self.driver.await);
    }

    pub(crate) async fn send(&mut self, job: &Job) -> Response<Incoming> {
        self.sender.ready().await.expect("the connection is open");
        self.sender.send_request(job.request(self.address)).await.expect("a reply")
    }

    /// Sends a request and reads the reply to its end. Returns its size.
    pub(crate) async fn call(&mut self, job: &Job) -> Result<usize, String> {
        let reply = self.send(job).await;
        let status = reply.status();
        let mut body = reply.into_body();
        let (mut size, mut tail) = (0, Vec::new());
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
            size += data.len();
            tail.extend_from_slice(&data);
            // The last event of a format may repeat the whole text.
            if tail.len() > 2 * TAIL {
                tail.drain(..tail.len() - TAIL);
            }
        }
        if status.is_success() && memmem::rfind(&tail, job.end.as_bytes()).is_some() {
            return Ok(size);
        }
        Err(format!("status {status}, which ends in {}", String::from_utf8_lossy(&tail)))
    }
}

/// Sends `requests` in all over `connections`, and returns the bytes of all replies.
pub(crate) fn run(
    runtime: &Runtime,
    address: SocketAddr,
    job: &Job,
    connections: usize,
    requests: usize,
) -> usize {
    let left = AtomicUsize::new(requests);
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    let one = || async {
        let mut client = Client::connect(address).await;
        let mut size = 0;
        while take() {
            size += client.call(job).await.unwrap_or_else(|problem| panic!("{}: {problem}", job.path));
        }
        client.close().await;
        size
    };
    runtime.block_on(join_all((0..connections).map(|_| one()))).into_iter().sum()
}

/// Whether a request of this kind is served at all.
pub(crate) fn probe(runtime: &Runtime, address: SocketAddr, job: &Job) -> Result<usize, String> {
    runtime.block_on(async {
        let mut client = Client::connect(address).await;
        let size = client.call(job).await;
        client.close().await;
        size
    })
}
