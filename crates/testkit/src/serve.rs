//! The fake's server: hyper, with bodies that can pause, stall and break.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, header};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::received::{Received, key_of};
use crate::reply::{Head, Piece, Reply};
use crate::upstream::Book;

/// Runs until the token is cancelled, which drops every connection.
pub(crate) fn start(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    book: Arc<Book>,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let spawner = tasks.clone();
    spawner.spawn(async move {
        let accepting = stop.clone();
        accepting
            .run_until_cancelled(async {
                loop {
                    let Ok((socket, _)) = listener.accept().await else { continue };
                    if socket.set_nodelay(true).is_err() {
                        continue;
                    }
                    book.note(|pages| pages.connections += 1);
                    let (book, tls, stop, spawner) =
                        (Arc::clone(&book), tls.clone(), stop.clone(), tasks.clone());
                    tasks.spawn(async move {
                        stop.run_until_cancelled(async {
                            match tls {
                                None => converse(socket, book, spawner).await,
                                Some(acceptor) => {
                                    if let Ok(stream) = acceptor.accept(socket).await {
                                        converse(stream, book, spawner).await;
                                    }
                                }
                            }
                        })
                        .await;
                    });
                }
            })
            .await;
    });
}

async fn converse<S>(socket: S, book: Arc<Book>, tasks: TaskTracker)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, Arc::clone(&book)));
    let connection = auto::Builder::new(Spawner(tasks));
    // An error here is the caller's disconnect, or a cut of ours.
    drop(connection.serve_connection(TokioIo::new(socket), service).await);
}

async fn answer(request: Request<Incoming>, book: Arc<Book>) -> Result<Response<Script>, Closed> {
    let (parts, body) = request.into_parts();
    let Some(body) = read(body).await else { return Err(Closed) };
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let key = key_of(&parts.headers, &query);
    let path = parts.uri.path().to_owned();
    let (method, version, headers) = (parts.method, parts.version, parts.headers);
    let reply = book.take(Received { method, path, query, version, headers, body, key });
    let mut abandoned = Abandoned { book, ended: false };
    match reply.head {
        Head::After(delay) if delay.is_zero() => {}
        Head::After(delay) => tokio::time::sleep(delay).await,
        Head::Never => std::future::pending::<()>().await,
        Head::Closed => {
            abandoned.ended = true;
            return Err(Closed);
        }
    }
    let mut response =
        Response::builder().status(reply.status).body(Script::new(&reply, abandoned)).expect("valid");
    *response.headers_mut() = reply.headers;
    response
        .headers_mut()
        .entry(header::DATE)
        .or_insert(header::HeaderValue::from_static("Tue, 03 Nov 2026 08:00:00 GMT"));
    Ok(response)
}

async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    Some(whole.freeze())
}

/// Notes when a reply is dropped before its end.
struct Abandoned {
    book: Arc<Book>,
    ended: bool,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if !self.ended {
            self.book.note(|pages| pages.abandoned += 1);
        }
    }
}

/// A body that plays its pieces.
struct Script {
    pieces: std::vec::IntoIter<Piece>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Lets hyper flush what it has before the connection breaks.
    flushed: u8,
    exact: Option<u64>,
    abandoned: Abandoned,
}

impl Script {
    fn new(reply: &Reply, mut abandoned: Abandoned) -> Self {
        let exact = match reply.pieces.as_slice() {
            [] => Some(0),
            [Piece::Bytes(bytes)] => Some(bytes.len() as u64),
            _ => None,
        };
        abandoned.ended = exact == Some(0);
        Self { pieces: reply.pieces.clone().into_iter(), sleep: None, flushed: 0, exact, abandoned }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        let this = self.get_mut();
        loop {
            if let Some(sleep) = &mut this.sleep {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.sleep = None;
            }
            match this.pieces.as_slice().first() {
                None => {
                    this.abandoned.ended = true;
                    return Poll::Ready(None);
                }
                Some(Piece::Stall) => return Poll::Pending,
                Some(Piece::Cut) if this.flushed < 3 => {
                    this.flushed += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Piece::Cut) => {
                    this.abandoned.ended = true;
                    return Poll::Ready(Some(Err(Closed)));
                }
                Some(Piece::Pause(_) | Piece::Bytes(_)) => {}
            }
            match this.pieces.next() {
                Some(Piece::Pause(length)) => this.sleep = Some(Box::pin(tokio::time::sleep(length))),
                Some(Piece::Bytes(bytes)) => {
                    this.abandoned.book.note(|pages| pages.pieces_sent += 1);
                    if this.exact.is_some() {
                        this.abandoned.ended = true; // hyper stops asking once the length is reached
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Piece::Cut | Piece::Stall) | None => {}
            }
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.exact.map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }

    fn is_end_stream(&self) -> bool {
        self.exact == Some(0)
    }
}

/// The fake closes the connection on purpose.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script cuts the connection here")
    }
}

impl std::error::Error for Closed {}

impl From<Infallible> for Closed {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// hyper's tasks, tracked.
#[derive(Clone)]
struct Spawner(TaskTracker);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
