//! A page as AI Studio has it: it does for the server what the server cannot, and sends back what came of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::TestSocket;

/// A page that performs the requests of a relay with real HTTP calls, several at once. It closes when it is dropped.
///
/// Streams are asked for by the name of the method, as in Google's URLs; their pieces are sent on as they come.
// Source: providers-a.md 8.2.
#[derive(Debug)]
pub struct RelayPage {
    asked: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

/// What a `fetch` that finds nobody says in a browser.
const FETCH_FAILED: &str = "Failed to fetch";

impl RelayPage {
    /// Serves what comes through this socket.
    #[must_use]
    pub fn serve(socket: TestSocket) -> Self {
        let asked = Arc::<AtomicUsize>::default();
        let task = TaskTracker::new().spawn(run(socket, Arc::clone(&asked)));
        Self { asked, _task: AbortOnDropHandle::new(task) }
    }

    /// How many requests it was sent.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn run(mut socket: TestSocket, asked: Arc<AtomicUsize>) {
    let tasks = TaskTracker::new();
    let mut calls = Vec::new();
    // Small, so that what the server does not take is not taken from the provider either.
    let (replies, mut outgoing) = mpsc::channel::<Value>(4);
    loop {
        tokio::select! {
            message = socket.next() => {
                let Some(message) = message else { return };
                if message["type"] != "http_request" {
                    continue;
                }
                asked.fetch_add(1, Ordering::SeqCst);
                calls.push(AbortOnDropHandle::new(tasks.spawn(answer(message, replies.clone()))));
            }
            reply = outgoing.recv() => {
                let Some(reply) = reply else { return };
                if !socket.try_send_text(reply.to_string()).await {
                    return;
                }
            }
        }
    }
}

async fn answer(message: Value, replies: mpsc::Sender<Value>) {
    let id = message["id"].clone();
    let say = async |kind: &str, payload: Value| {
        drop(replies.send(json!({"id": id, "type": kind, "payload": payload})).await);
    };
    let Some((status, headers, mut body, _connection)) = fetch(&message["payload"]).await else {
        return say("error", json!({"error": FETCH_FAILED})).await;
    };
    let streams = message["payload"]["url"].as_str().is_some_and(|url| url.contains(":stream"));
    if streams {
        say("stream_start", json!({"status": status, "headers": headers})).await;
    }
    let mut text = BytesMut::new();
    while let Some(piece) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(piece) = piece else { return say("error", json!({"error": "network error"})).await };
        text.extend_from_slice(&piece.into_data().unwrap_or_default());
        if streams {
            // As `TextDecoder` does: half a character waits for its other half.
            let whole = std::str::from_utf8(&text).map_or_else(|error| error.valid_up_to(), str::len);
            let data = text.split_to(whole);
            if !data.is_empty() {
                say("stream_chunk", json!({"data": String::from_utf8_lossy(&data)})).await;
            }
        }
    }
    if streams {
        say("stream_end", json!({})).await;
    } else {
        let body = String::from_utf8_lossy(&text);
        say("http_response", json!({"status": status, "headers": headers, "body": body})).await;
    }
}

type Fetched = (u16, Map<String, Value>, Incoming, AbortOnDropHandle<()>);

async fn fetch(request: &Value) -> Option<Fetched> {
    let uri: Uri = request["url"].as_str()?.parse().ok()?;
    let host = uri.authority()?.to_string();
    let socket = TcpStream::connect(&host).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.ok()?;
    let connection = AbortOnDropHandle::new(TaskTracker::new().spawn(async move { drop(connection.await) }));
    let method = Method::from_bytes(request["method"].as_str()?.as_bytes()).ok()?;
    let body = Full::new(Bytes::copy_from_slice(request["body"].as_str()?.as_bytes()));
    let path = uri.path_and_query()?.as_str();
    let mut call = Request::builder().method(method).uri(path).header("host", &host).body(body).ok()?;
    for (name, values) in request["headers"].as_object()? {
        for value in values.as_array()? {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            call.headers_mut().append(name, HeaderValue::from_str(value.as_str()?).ok()?);
        }
    }
    let (head, body) = sender.send_request(call).await.ok()?.into_parts();
    Some((head.status.as_u16(), listed(&head.headers), body, connection))
}

/// As `fetch` lists headers: one text a name.
fn listed(headers: &HeaderMap) -> Map<String, Value> {
    let mut map = Map::new();
    for name in headers.keys() {
        let values: Vec<&str> =
            headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        map.insert(name.to_string(), json!(values.join(", ")));
    }
    map
}
