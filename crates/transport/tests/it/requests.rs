//! Request bodies, and what clients do to them.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_testkit::{Encoding, TestClient};
use cliproxy_transport::{BodyLimits, InboundBody, OutboundBody, ReadBodyError};
use http::{Method, Request, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::{On, Running, serve_default, text};

type Outcome = Result<Bytes, ReadBodyError>;

/// A server that reads bodies under `limits` and reports what came of it.
async fn reader(limits: BodyLimits) -> (Running, mpsc::Receiver<Outcome>) {
    let (sender, outcomes) = mpsc::channel(8);
    let running = serve_default(On(move |request: Request<InboundBody>| {
        let sender = sender.clone();
        async move {
            // A client that goes away drops this future; the report must not go with it.
            sender.send(request.into_body().read(&limits).await).await.unwrap();
            text("read")
        }
    }))
    .await;
    (running, outcomes)
}

async fn send(client: &TestClient, encoding: &str, body: Vec<u8>) {
    let client = client.clone().header("content-encoding", encoding);
    assert_eq!(client.call(Method::POST, "/", body).await.status(), 200);
}

#[tokio::test]
async fn a_body_is_read_and_decoded_in_every_coding() {
    let (server, mut outcomes) = reader(BodyLimits::new()).await;
    let plain = b"{\"model\":\"m\"}".repeat(5000);
    let stacked = Encoding::Gzip.compress(&Encoding::Zlib.compress(&plain));
    let cases = [
        ("identity", plain.clone()),
        ("gzip", Encoding::Gzip.compress(&plain)),
        ("deflate", Encoding::Zlib.compress(&plain)),
        ("deflate", Encoding::RawDeflate.compress(&plain)),
        ("br", Encoding::Brotli.compress(&plain)),
        ("zstd", Encoding::Zstd.compress(&plain)),
        ("deflate, gzip", stacked),
    ];
    for client in [server.client(), server.client().http2()] {
        for (encoding, body) in &cases {
            send(&client, encoding, body.clone()).await;
            assert_eq!(outcomes.recv().await.unwrap().unwrap(), plain, "{encoding}");
        }
    }
}

#[tokio::test]
async fn limits_hold_before_and_after_decoding() {
    let limits = BodyLimits::new().with_max_bytes(1000).with_max_decoded_bytes(2000);
    let (server, mut outcomes) = reader(limits).await;
    let client = server.client();
    let bomb = Encoding::Gzip.compress(&vec![0; 200_000]);
    assert!(bomb.len() < 1000);
    for (encoding, body, expected) in [
        ("identity", vec![b'x'; 1000], "ok 1000"),
        ("identity", vec![b'x'; 1001], "too large 1000"),
        ("gzip", Encoding::Gzip.compress(&[b'x'; 2000]), "ok 2000"),
        ("gzip", Encoding::Gzip.compress(&[b'x'; 2001]), "decompressed 2000"),
        ("gzip", bomb, "decompressed 2000"),
        ("gzip", b"not gzip".to_vec(), "malformed"),
        ("lzma", b"x".to_vec(), "unsupported lzma"),
    ] {
        send(&client, encoding, body).await;
        let got = match outcomes.recv().await.unwrap() {
            Ok(bytes) => format!("ok {}", bytes.len()),
            Err(ReadBodyError::TooLarge { limit }) => format!("too large {limit}"),
            Err(ReadBodyError::DecompressedTooLarge { limit }) => format!("decompressed {limit}"),
            Err(ReadBodyError::Malformed) => "malformed".to_owned(),
            Err(ReadBodyError::UnsupportedEncoding(unknown)) => format!("unsupported {}", unknown.name),
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(got, expected);
    }
}

async fn half_a_request(server: &Running, head: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(format!("POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
    socket
}

#[tokio::test]
async fn an_announced_length_beyond_the_limit_is_refused_unread() {
    let (server, mut outcomes) = reader(BodyLimits::new().with_max_bytes(10)).await;
    let _silent = half_a_request(&server, "content-length: 11").await; // and not one byte of it
    assert!(matches!(outcomes.recv().await.unwrap(), Err(ReadBodyError::TooLarge { limit: 10 })));
}

#[tokio::test]
async fn a_body_of_unknown_length_stops_at_the_limit() {
    let (server, mut outcomes) = reader(BodyLimits::new().with_max_bytes(10)).await;
    let mut socket = half_a_request(&server, "transfer-encoding: chunked").await;
    socket.write_all(b"6\r\n012345\r\n").await.unwrap();
    socket.write_all(b"6\r\n012345\r\n").await.unwrap(); // and no end
    assert!(matches!(outcomes.recv().await.unwrap(), Err(ReadBodyError::TooLarge { limit: 10 })));
}

#[tokio::test]
async fn a_client_that_stops_sending_runs_into_the_deadline() {
    let (server, mut outcomes) = reader(BodyLimits::new().with_idle_timeout(Duration::from_millis(30))).await;
    let mut socket = half_a_request(&server, "content-length: 10").await;
    socket.write_all(b"01234").await.unwrap();
    assert!(matches!(outcomes.recv().await.unwrap(), Err(ReadBodyError::Timeout { .. })));
}

#[tokio::test]
async fn a_slow_client_that_keeps_sending_does_not() {
    let (server, mut outcomes) =
        reader(BodyLimits::new().with_idle_timeout(Duration::from_millis(400))).await;
    let mut socket = half_a_request(&server, "content-length: 10").await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        socket.write_all(b"x").await.unwrap();
    }
    assert_eq!(outcomes.recv().await.unwrap().unwrap(), "xxxxxxxxxx");
}

#[tokio::test]
async fn broken_framing_is_malformed_and_a_lost_client_is_disconnected() {
    let mut seen = Vec::new();
    let (sender, mut outcomes) = mpsc::channel(8);
    let server = serve_default(On(move |request: Request<InboundBody>| {
        let sender = sender.clone();
        // On a task of its own, for hyper drops the route of a connection that broke.
        tokio_util::task::TaskTracker::new().spawn(async move {
            sender.send(request.into_body().read(&BodyLimits::new()).await).await.unwrap();
        });
        std::future::pending::<Response<OutboundBody>>()
    }))
    .await;
    for (bytes, close) in [(&b"zz\r\n"[..], false), (&b"5\r\n01"[..], true)] {
        let mut socket = half_a_request(&server, "transfer-encoding: chunked").await;
        socket.write_all(bytes).await.unwrap();
        if close {
            drop(socket);
        }
        seen.push(match outcomes.recv().await.unwrap() {
            Err(ReadBodyError::Malformed) => "malformed",
            Err(ReadBodyError::Disconnected) => "disconnected",
            _ => "something else",
        });
    }
    assert_eq!(seen, ["malformed", "disconnected"]);
}

#[tokio::test]
async fn a_large_bomb_does_not_stop_the_runtime() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..200 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let (server, mut outcomes) = reader(BodyLimits::new()).await;
    send(&server.client(), "gzip", bomb).await;
    assert!(matches!(outcomes.recv().await.unwrap(), Err(ReadBodyError::DecompressedTooLarge { .. })));
}
