//! What several tests need: a server around a closure, small proxies, and short ways to call.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_testkit::{FakeUpstream, TestClient};
use cliproxy_transport::{
    ClientOptions, HttpClient, InboundBody, OutboundBody, Peer, Routed, Routes, Server, ServerOptions,
    Shutdown, TrustRoots,
};
use http::{Request, Response};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

pub fn post(url: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(url).body(body.into()).unwrap()
}

pub fn trusting(upstreams: &[&FakeUpstream]) -> ClientOptions {
    let mut roots = TrustRoots::empty();
    for upstream in upstreams {
        roots = roots.with_certificate(upstream.root_der());
    }
    ClientOptions::new().with_roots(roots)
}

pub fn client() -> HttpClient {
    HttpClient::new(ClientOptions::new().with_roots(TrustRoots::empty()))
}

/// Lets everything that is ready run.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
}

pub fn text(body: impl Into<Bytes>) -> Response<OutboundBody> {
    Response::new(OutboundBody::full(body))
}

/// Routes made of a closure.
pub struct On<F>(pub F);

impl<F> fmt::Debug for On<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("On")
    }
}

impl<F, Fut> Routes for On<F>
where
    F: Fn(Request<InboundBody>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<OutboundBody>> + Send + 'static,
{
    fn handle(&self, request: Request<InboundBody>, _peer: Peer) -> Routed {
        Routed::reply((self.0)(request))
    }
}

pub struct Running {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub ended: AbortOnDropHandle<()>,
}

impl Running {
    pub fn client(&self) -> TestClient {
        TestClient::new(format!("http://{}", self.address))
    }
}

pub async fn serve(options: ServerOptions, shutdown: Shutdown, routes: impl Routes) -> Running {
    let server = Server::bind(options).await.unwrap();
    let address = server.local_addr();
    let ended = AbortOnDropHandle::new(TaskTracker::new().spawn(server.run(routes, shutdown.clone())));
    Running { address, shutdown, ended }
}

pub async fn serve_default(routes: impl Routes) -> Running {
    serve(ServerOptions::default(), Shutdown::new(Duration::from_secs(5)), routes).await
}

/// A proxy that notes whom it was asked for and by whom, and always leads to one place.
pub struct FakeProxy {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<String>>>,
    _running: AbortOnDropHandle<()>,
}

#[derive(Clone, Copy)]
pub enum Speaks {
    Connect,
    Socks5,
}

impl FakeProxy {
    /// Leads to `target`; asks for `login` (`user:password`) when there is one.
    pub async fn start(speaks: Speaks, target: SocketAddr, login: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let tasks = TaskTracker::new();
        let running = tasks.clone().spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let notes = Arc::clone(&notes);
                tasks.spawn(async move {
                    let led = match speaks {
                        Speaks::Connect => connect(socket, target, login, &notes).await,
                        Speaks::Socks5 => socks5(socket, target, login, &notes).await,
                    };
                    drop(led);
                });
            }
        });
        Self { address, seen, _running: AbortOnDropHandle::new(running) }
    }

    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().clone()
    }
}

/// CONNECT leads to the target; anything else is answered by the proxy itself.
pub async fn connect<S>(
    mut socket: S,
    target: SocketAddr,
    login: Option<&str>,
    notes: &Mutex<Vec<String>>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let authorization = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.to_owned())
    });
    notes.lock().push(format!(
        "{} {}",
        head.lines().next().unwrap(),
        authorization.clone().unwrap_or_default()
    ));
    let expected = login.map(|login| format!("Basic {}", base64(login)));
    if expected != authorization {
        return socket
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            .await;
    }
    if !head.starts_with("CONNECT ") {
        return socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nforwarded").await;
    }
    let mut onward = TcpStream::connect(target).await?;
    socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut socket, &mut onward).await.map(|_| ())
}

async fn socks5(
    mut socket: TcpStream,
    target: SocketAddr,
    login: Option<&str>,
    notes: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut greeting = [0; 2];
    socket.read_exact(&mut greeting).await?;
    let mut methods = vec![0; greeting[1].into()];
    socket.read_exact(&mut methods).await?;
    let mut who = String::new();
    if let Some(login) = login {
        if !methods.contains(&2) {
            return socket.write_all(&[5, 0xff]).await;
        }
        socket.write_all(&[5, 2]).await?;
        assert_eq!(socket.read_u8().await?, 1);
        who = format!("{}:{}", counted(&mut socket).await?, counted(&mut socket).await?);
        if who != login {
            return socket.write_all(&[1, 1]).await;
        }
        socket.write_all(&[1, 0]).await?;
    } else {
        socket.write_all(&[5, 0]).await?;
    }
    let mut request = [0; 4];
    socket.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => std::net::Ipv4Addr::from(socket.read_u32().await?).to_string(),
        3 => counted(&mut socket).await?,
        other => panic!("unexpected kind of address {other}"),
    };
    let port = socket.read_u16().await?;
    notes.lock().push(format!("{host}:{port} {who}"));
    let mut onward = TcpStream::connect(target).await?;
    socket.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    tokio::io::copy_bidirectional(&mut socket, &mut onward).await.map(|_| ())
}

async fn counted(socket: &mut TcpStream) -> io::Result<String> {
    let mut text = vec![0; socket.read_u8().await?.into()];
    socket.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

pub fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
