//! Routes, limits and accidents.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_testkit::TestClient;
use cliproxy_transport::{
    InboundBody, OutboundBody, Peer, RouteTable, Routed, Routes, ServeError, Server, ServerOptions,
    ServerTls, Shutdown,
};
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{On, serve, serve_default, text};

fn grace() -> Shutdown {
    Shutdown::new(Duration::from_secs(5))
}

#[derive(Debug)]
struct Under(&'static str);

impl Routes for Under {
    fn handle(&self, request: Request<InboundBody>, peer: Peer) -> Routed {
        if !request.uri().path().starts_with(self.0) {
            return Routed::Unmatched(request);
        }
        let name = self.0;
        Routed::reply(async move { text(format!("{name} for {}, tls {}", peer.address.ip(), peer.tls)) })
    }

    fn busy(&self, request: &Request<InboundBody>) -> Option<Response<OutboundBody>> {
        let ours = request.uri().path().starts_with(self.0);
        ours.then(|| {
            Response::builder().status(503).body(OutboundBody::full(format!("{} is busy", self.0))).unwrap()
        })
    }
}

#[tokio::test]
async fn several_routes_share_a_port_and_the_rest_is_404() {
    let server = serve_default(RouteTable::new().with(Under("/a")).with(Under("/b"))).await;
    for client in [server.client(), server.client().http2()] {
        assert_eq!(client.get("/a/x").await.text().await, "/a for 127.0.0.1, tls false");
        assert_eq!(client.get("/b/x").await.text().await, "/b for 127.0.0.1, tls false");
        let missing = client.get("/c").await;
        assert_eq!((missing.status(), missing.header("content-type")), (404, Some("text/plain")));
        assert_eq!(missing.text().await, "404 page not found");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_goes_on() {
    #[derive(Debug)]
    struct Rash;
    impl Routes for Rash {
        fn handle(&self, request: Request<InboundBody>, _peer: Peer) -> Routed {
            match request.uri().path() {
                "/at-once" => panic!("at once"),
                "/later" => Routed::reply(async {
                    tokio::task::yield_now().await;
                    panic!("later")
                }),
                _ => Routed::reply(async { text("fine") }),
            }
        }
    }
    let server = serve_default(Rash).await;
    for path in ["/at-once", "/later", "/at-once"] {
        let reply = server.client().get(path).await;
        assert_eq!((reply.status(), reply.bytes().await), (500, Bytes::new()), "{path}");
    }
    assert_eq!(server.client().get("/").await.text().await, "fine");
}

#[tokio::test]
async fn a_panic_in_a_stream_breaks_that_reply_only() {
    let server = serve_default(On(|request: Request<InboundBody>| async move {
        if request.uri().path() == "/fine" {
            return text("fine");
        }
        // The pause lets the pieces before the panic leave.
        Response::new(OutboundBody::stream(stream::iter(0..3).then(|n| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(n < 2, "mid-stream");
            Ok::<_, std::io::Error>(Bytes::from("x"))
        })))
    }))
    .await;
    for client in [server.client(), server.client().http2()] {
        let mut reply = client.get("/").await;
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "x");
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "x");
        assert!(reply.chunk().await.is_err());
        assert_eq!(client.get("/fine").await.text().await, "fine");
    }
}

#[tokio::test]
async fn requests_beyond_the_limit_are_answered_as_busy_in_the_routes_own_words() {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let held = On(move |_| {
        let gate = Arc::clone(&opened);
        async move {
            let once = stream::once(async move {
                gate.notified().await;
                Ok::<_, std::io::Error>(Bytes::from("held"))
            });
            Response::new(OutboundBody::stream(once))
        }
    });
    let table = RouteTable::new().with(Under("/a")).with(held);
    let server = serve(ServerOptions::default().with_max_requests(1), grace(), table).await;
    let holding = server.client().get("/held").await; // its body is still to come
    let busy = server.client().get("/a").await;
    assert_eq!((busy.status(), busy.text().await), (503, "/a is busy".to_owned()));
    let busy = server.client().get("/other").await;
    assert_eq!((busy.status(), busy.header("retry-after")), (503, Some("1")));
    gate.notify_one();
    assert_eq!(holding.text().await, "held");
    assert_eq!(server.client().get("/a").await.status(), 200);
}

#[tokio::test]
async fn ready_pieces_leave_together_and_others_at_once() {
    let server = serve_default(On(|_| async {
        let burst = stream::iter((0..100).map(|n| Ok::<_, std::io::Error>(Bytes::from(format!("{n};")))));
        let late = stream::once(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Bytes::from("late"))
        });
        Response::new(OutboundBody::stream(burst.chain(late)))
    }))
    .await;
    let mut reply = server.client().get("/").await;
    let first = reply.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"0;1;") && first.ends_with(b"99;"), "{first:?}");
    assert_eq!(reply.chunk().await.unwrap().unwrap(), "late");
    assert!(reply.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn an_error_in_a_stream_is_not_a_clean_end() {
    let server = serve_default(On(|_| async {
        let pieces = stream::iter([Ok(Bytes::from("x")), Err(std::io::Error::other("broken"))]);
        // The pause lets the first piece, and the head before it, leave.
        Response::new(OutboundBody::stream(pieces.then(|piece| async {
            if piece.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            piece
        })))
    }))
    .await;
    let mut reply = server.client().http2().get("/").await;
    let mut outcome = reply.chunk().await;
    while let Ok(Some(_)) = outcome {
        outcome = reply.chunk().await;
    }
    assert!(outcome.is_err());
}

#[tokio::test]
async fn a_client_that_goes_away_drops_the_reply() {
    struct Told(Arc<Notify>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let gone = Arc::new(Notify::new());
    let told = Arc::clone(&gone);
    let server = serve_default(On(move |_| {
        let guard = Told(Arc::clone(&told));
        async move {
            let endless = stream::unfold((guard, false), |(guard, started)| async move {
                if started {
                    std::future::pending::<()>().await;
                }
                Some((Ok::<_, std::io::Error>(Bytes::from("x")), (guard, true)))
            });
            Response::new(OutboundBody::stream(endless))
        }
    }))
    .await;
    for client in [server.client(), server.client().http2()] {
        let mut reply = client.get("/").await;
        reply.chunk().await.unwrap().unwrap();
        drop(reply);
        gone.notified().await;
    }
}

struct Certificate {
    _dir: tempfile::TempDir,
    tls: ServerTls,
    root: Vec<u8>,
}

fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.key_pair.serialize_pem()).unwrap();
    Certificate { tls: ServerTls::new(cert, key), root: made.cert.der().to_vec(), _dir: dir }
}

#[tokio::test]
async fn tls_serves_both_protocols_and_a_stalled_handshake_blocks_nobody() {
    let certificate = certificate();
    let options = ServerOptions::default()
        .with_tls(certificate.tls.clone())
        .with_tls_handshake_timeout(Duration::from_millis(300));
    let server = serve(options, grace(), RouteTable::new().with(Under("/"))).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let url = format!("https://localhost:{}", server.address.port());
    let client = TestClient::new(url).trusting(certificate.root.clone());
    for client in [client.clone(), client.http2()] {
        assert_eq!(client.get("/").await.text().await, "/ for 127.0.0.1, tls true");
    }
    let mut byte = [0];
    assert_eq!(silent.read(&mut byte).await.unwrap(), 0, "and it is closed when its time is up");
}

#[tokio::test]
async fn mistakes_in_the_set_up_show_before_anything_runs() {
    let certificate = certificate();
    let missing = ServerTls::new("/nonexistent/cert.pem", certificate.tls.key.clone());
    let swapped = ServerTls::new(certificate.tls.key.clone(), certificate.tls.cert.clone());
    for tls in [missing, swapped] {
        let error = Server::bind(ServerOptions::default().with_tls(tls)).await.unwrap_err();
        assert!(matches!(error, ServeError::Tls(_)), "{error:?}");
    }
    let taken = Server::bind(ServerOptions::default()).await.unwrap();
    let again = ServerOptions::new("127.0.0.1", taken.local_addr().port());
    assert!(matches!(Server::bind(again).await, Err(ServeError::Bind { .. })));
}

#[tokio::test]
async fn an_empty_host_is_every_interface() {
    let server = serve(ServerOptions::new("", 0), grace(), Under("/")).await;
    let url = format!("http://127.0.0.1:{}", server.address.port());
    assert_eq!(TestClient::new(url).get("/").await.status(), 200);
    if server.address.is_ipv6() {
        let url = format!("http://[::1]:{}", server.address.port());
        assert_eq!(TestClient::new(url).get("/").await.status(), 200);
    }
}

async fn is_closed_after(server: std::net::SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(server).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    rest
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed_each_after_its_own_time() {
    let quick = ServerOptions::default().with_timeouts(Duration::from_millis(50), Duration::from_secs(600));
    let server = serve(quick, grace(), Under("/")).await;
    is_closed_after(server.address, b"").await;
    is_closed_after(server.address, b"GET / HT").await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut rest = vec![0; 12];
    socket.read_exact(&mut rest).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await; // idle for longer than a head may take
    socket.write_all(b"GET / HT").await.unwrap();
    socket.read_to_end(&mut rest).await.unwrap();

    let patient = ServerOptions::default().with_timeouts(Duration::from_secs(600), Duration::from_millis(50));
    let server = serve(patient, grace(), Under("/")).await;
    let reply = is_closed_after(server.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(reply.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_not_waited_for_to_its_end() {
    let quick = ServerOptions::default().with_timeouts(Duration::from_millis(50), Duration::from_secs(600));
    let server = serve(quick, grace(), Under("/")).await;
    for first in ["", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(first.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = socket.into_split();
        let dripping = async {
            // The connection ends while the head does not.
            while writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let mut reply = Vec::new();
        let closed = async {
            // It may be closed while a byte is on its way, which is a reset for us.
            let _end = reading.read_to_end(&mut reply).await;
        };
        let cut = async { tokio::join!(dripping, closed) };
        assert!(tokio::time::timeout(Duration::from_secs(60), cut).await.is_ok(), "after {first:?}");
        assert_eq!(reply.is_empty(), first.is_empty(), "what was asked in time has its answer");
    }
}

#[tokio::test]
async fn an_idle_deadline_does_not_end_a_silent_stream() {
    let options =
        ServerOptions::default().with_timeouts(Duration::from_millis(30), Duration::from_millis(30));
    let server = serve(
        options,
        grace(),
        On(|_| async {
            let slow = stream::once(async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok::<_, std::io::Error>(Bytes::from("at last"))
            });
            Response::new(OutboundBody::stream(slow))
        }),
    )
    .await;
    assert_eq!(server.client().get("/").await.text().await, "at last");
    assert_eq!(server.client().http2().get("/").await.text().await, "at last");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = serve_default(Under("/")).await;
    let mut request = b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ".to_vec();
    request.resize(300 * 1024, b'x');
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let (mut reading, mut writing) = socket.split();
    let mut reply = Vec::new();
    // The server may close before it has read everything, which is a reset for us.
    let (_, _) = tokio::join!(writing.write_all(&request), reading.read_to_end(&mut reply));
    assert!(reply.is_empty() || reply.starts_with(b"HTTP/1.1 431"), "{:?}", String::from_utf8_lossy(&reply));
    assert_eq!(server.client().get("/").await.status(), 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let server = serve(ServerOptions::default().with_max_connections(1), grace(), Under("/")).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let client = server.client();
    let mut second = std::pin::pin!(client.get("/"));
    let waiting = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(waiting.is_err());
    drop(first);
    assert_eq!(second.await.status(), 200);
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_off() {
    let ended = Arc::new(Notify::new());
    let told = Arc::clone(&ended);
    let options = ServerOptions::default().with_write_stall_timeout(Some(Duration::from_millis(50)));
    let server = serve(
        options,
        grace(),
        On(move |_| {
            let guard = Told(Arc::clone(&told));
            async move {
                let flood = stream::repeat_with(move || {
                    let _held = &guard;
                    Ok::<_, std::io::Error>(Bytes::from(vec![0; 64 * 1024]))
                });
                Response::new(OutboundBody::stream(flood))
            }
        }),
    )
    .await;
    let _deaf = server.client().get("/").await;
    ended.notified().await;
}

struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
