//! A client for tests: one connection a request, everything visible.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::TestSocket;

/// Calls a server under test. Every request uses its own connection, closed when the reply is dropped.
#[derive(Clone, Debug)]
pub struct TestClient {
    base: String,
    headers: HeaderMap,
    http2: bool,
    root: Option<Vec<u8>>,
}

/// A reply that is read as it comes.
#[derive(Debug)]
pub struct TestReply {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    held: BytesMut,
    upgrade: Option<OnUpgrade>,
    _connection: AbortOnDropHandle<()>,
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent {
    /// The `event:` field; empty when absent.
    pub event: String,
    /// The `data:` lines, joined by line feeds; empty for a comment.
    pub data: String,
    /// Comment lines.
    pub comments: Vec<String>,
}

impl SseEvent {
    /// The data as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.data))
    }
}

impl TestClient {
    /// Calls paths below this URL.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        let base = base.into().trim_end_matches('/').to_owned();
        Self { base, headers: HeaderMap::new(), http2: false, root: None }
    }

    /// Sends this header with every request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a valid header name");
        self.headers.insert(name, HeaderValue::from_str(value).expect("a valid header value"));
        self
    }

    /// Sends `Authorization: Bearer` with every request.
    #[must_use]
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Speaks HTTP/2: by prior knowledge, or by ALPN with TLS.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Trusts this certificate.
    #[must_use]
    pub fn trusting(mut self, der: Vec<u8>) -> Self {
        self.root = Some(der);
        self
    }

    /// GET.
    pub async fn get(&self, path: &str) -> TestReply {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// POST with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> TestReply {
        let client = if self.headers.contains_key("content-type") {
            self.clone()
        } else {
            self.clone().header("content-type", "application/json")
        };
        client.call(Method::POST, path, body.to_string()).await
    }

    /// Any method, any bytes.
    pub async fn call(&self, method: Method, path: &str, body: impl Into<Bytes>) -> TestReply {
        let uri: Uri = format!("{}{path}", self.base).parse().expect("a valid address");
        let mut request =
            Request::builder().method(method).uri(uri).body(Full::new(body.into())).expect("valid");
        *request.headers_mut() = self.headers.clone();
        self.send(request).await
    }

    /// Opens a websocket, as a browser does: over HTTP/1.1, with the headers of this client.
    ///
    /// # Errors
    /// The server's reply, when it is not the one that opens it.
    ///
    /// # Panics
    /// When the server is not there, or promises a websocket and then has none.
    pub async fn websocket(&self, path: &str) -> Result<TestSocket, TestReply> {
        // Source: RFC 6455 §1.3, the example's key.
        let upgrading = self
            .clone()
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let mut reply = upgrading.get(path).await;
        if reply.status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(reply);
        }
        assert_eq!(reply.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        let upgraded = reply.upgrade.take().expect("a connection to take over").await;
        Ok(TestSocket::over(TokioIo::new(upgraded.expect("a connection"))))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> TestReply {
        let authority = request.uri().authority().expect("an absolute address").clone();
        let https = request.uri().scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let socket = TcpStream::connect((host.as_str(), port)).await.expect("the server accepts connections");
        socket.set_nodelay(true).expect("a live socket");
        if !https {
            return self.speak(request, socket).await;
        }
        let mut roots = RootCertStore::empty();
        let root = self.root.clone().expect("a certificate to trust");
        roots.add(CertificateDer::from(root)).expect("a valid certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![if self.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let name = ServerName::try_from(host).expect("a valid server name");
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, socket).await.expect("a TLS handshake");
        self.speak(request, stream).await
    }

    async fn speak<S>(&self, mut request: Request<Full<Bytes>>, socket: S) -> TestReply
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let tasks = TaskTracker::new();
        let io = TokioIo::new(socket);
        let (response, connection) = if self.http2 {
            let executor = hyper_util::rt::TokioExecutor::new();
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(executor, io).await.expect("a handshake");
            let connection = tasks.spawn(async move { drop(connection.await) });
            (sender.send_request(request).await, connection)
        } else {
            if !request.headers().contains_key("host") {
                let host = request.uri().authority().expect("an absolute address").as_str();
                let host = HeaderValue::from_str(host).expect("a valid host");
                request.headers_mut().insert("host", host);
            }
            *request.uri_mut() =
                request.uri().path_and_query().expect("a path").as_str().parse().expect("a path");
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(io).await.expect("a handshake");
            let connection = tasks.spawn(async move { drop(connection.with_upgrades().await) });
            (sender.send_request(request).await, connection)
        };
        TestReply::new(response.expect("a reply"), AbortOnDropHandle::new(connection))
    }
}

impl TestReply {
    fn new(response: Response<Incoming>, connection: AbortOnDropHandle<()>) -> Self {
        let (mut parts, body) = response.into_parts();
        let (held, upgrade) = (BytesMut::new(), parts.extensions.remove());
        Self { status: parts.status, headers: parts.headers, body, held, upgrade, _connection: connection }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header's text, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// When the connection broke before the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The rest of the body.
    ///
    /// # Panics
    /// When the connection breaks before the end.
    pub async fn bytes(mut self) -> Bytes {
        let mut whole = std::mem::take(&mut self.held);
        while let Some(chunk) = self.chunk().await.expect("a whole reply") {
            whole.extend_from_slice(&chunk);
        }
        whole.freeze()
    }

    /// The rest of the body as text.
    ///
    /// # Panics
    /// When the connection breaks, or it is not UTF-8.
    pub async fn text(self) -> String {
        String::from_utf8(self.bytes().await.to_vec()).expect("UTF-8")
    }

    /// The rest of the body as JSON.
    ///
    /// # Panics
    /// When the connection breaks, or it is none.
    pub async fn json(self) -> Value {
        let bytes = self.bytes().await;
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("no JSON ({error}): {bytes:?}"))
    }

    /// The next server-sent event, as soon as it is complete; `None` at the end of the stream.
    ///
    /// # Panics
    /// When the connection breaks before the end.
    pub async fn event(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.take_event() {
                return Some(event);
            }
            let chunk = self.chunk().await.expect("a whole stream")?;
            self.held.extend_from_slice(&chunk);
        }
    }

    /// All events to the end of the stream.
    ///
    /// # Panics
    /// When the connection breaks before the end.
    pub async fn events(mut self) -> Vec<SseEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }

    fn take_event(&mut self) -> Option<SseEvent> {
        let text = std::str::from_utf8(&self.held).map_or_else(|e| e.valid_up_to(), str::len);
        let text = String::from_utf8_lossy(&self.held[..text]).into_owned();
        let plain = text.find("\n\n").map(|at| (at, 2));
        let windows = text.find("\r\n\r\n").map(|at| (at, 4));
        let (end, gap) = match (plain, windows) {
            (Some(a), Some(b)) => a.min(b),
            (one, other) => one.or(other)?,
        };
        drop(self.held.split_to(end + gap));
        let mut event = SseEvent { event: String::new(), data: String::new(), comments: Vec::new() };
        let mut lines = Vec::new();
        for line in text.get(..end)?.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => event.comments.push(value.to_owned()),
                "event" => value.clone_into(&mut event.event),
                "data" => lines.push(value),
                _ => {}
            }
        }
        event.data = lines.join("\n");
        Some(event)
    }
}
