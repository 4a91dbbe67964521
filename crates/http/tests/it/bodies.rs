use std::time::Duration;

use cliproxy_http::Options;
use cliproxy_testkit::Encoding;
use cliproxy_transport::BodyLimits;
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::formats::rows;
use crate::support::{Edge, KEY};

async fn limited(limits: BodyLimits) -> Edge {
    let mut options = Options::default();
    options.body = limits;
    Edge::with_options(options).await
}

#[tokio::test]
async fn a_compressed_body_is_read_in_every_coding_and_handed_on_plain() {
    let edge = Edge::start().await;
    for row in rows() {
        let plain = (row.body)(false).to_string();
        for encoding in
            [Encoding::Gzip, Encoding::Zlib, Encoding::RawDeflate, Encoding::Brotli, Encoding::Zstd]
        {
            let client = edge.client().header("content-encoding", encoding.name());
            let reply = client.call(Method::POST, row.path, encoding.compress(plain.as_bytes())).await;
            assert_eq!(reply.status(), 200, "{} {encoding:?}", row.path);
            let seen = edge.dispatcher.last();
            assert_eq!(seen.body, plain.as_bytes(), "{} {encoding:?}", row.path);
            let outline = seen.outline.expect("who reads the body says where its members stand");
            assert!(outline.is_of(&seen.body) && !outline.members().is_empty(), "{}", row.path);
        }
    }
}

#[tokio::test]
async fn an_unknown_coding_is_415_unless_the_body_is_plain_json_after_all() {
    let edge = Edge::start().await;
    for row in rows() {
        let plain = (row.body)(false).to_string();
        let client = edge.client().header("content-encoding", "utf-8");
        assert_eq!(client.call(Method::POST, row.path, plain).await.status(), 200, "{}", row.path);
        let client = edge.client().header("content-encoding", "lzma");
        let reply = client.call(Method::POST, row.path, b"\x5d\x00\x00".to_vec()).await;
        assert_eq!(reply.status(), 415, "{}", row.path);
        assert!(row.message(415, &reply.json().await).contains("lzma"));
        let client = edge.client().header("content-encoding", "gzip");
        let reply = client.call(Method::POST, row.path, "not gzip").await;
        assert_eq!(reply.status(), 400, "{}", row.path);
        row.message(400, &reply.json().await);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_and_its_sender_gets_to_read_that() {
    let edge = limited(BodyLimits::new().with_max_bytes(64 * 1024)).await;
    // More than the buffers of the sockets hold: a server that only closes would reset the connection.
    let large = vec![b' '; 24 * 1024 * 1024];
    for row in rows() {
        let reply = edge.client().call(Method::POST, row.path, large.clone()).await;
        assert_eq!(reply.status(), 413, "{}", row.path);
        assert!(row.message(413, &reply.json().await).contains("65536"), "{}", row.path);
    }
    // Without a length, in chunks, written by hand.
    let mut socket = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 65536], b"\r\n"].concat();
    for _ in 0..200 {
        socket.write_all(&chunk).await.unwrap();
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    assert!(said.contains("request_too_large"), "{said}");
    assert_eq!(edge.dispatcher.count(), 0);
}

#[tokio::test]
async fn who_is_refused_for_its_key_gets_to_read_that_however_much_it_sends() {
    let edge = Edge::start().await;
    let large = vec![b' '; 12 * 1024 * 1024];
    for (path, status) in [("/v1/messages", 401), ("/v1/models", 405), ("/nowhere", 404)] {
        let reply = edge.stranger().call(Method::POST, path, large.clone()).await;
        assert_eq!(reply.status(), status, "{path}");
        assert!(reply.json().await["error"]["message"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn a_bomb_is_413_and_costs_no_more_than_the_limit() {
    let edge = limited(BodyLimits::new().with_max_bytes(256 * 1024)).await;
    let bomb = vec![b' '; 16 * 1024 * 1024];
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let packed = encoding.compress(&bomb);
        assert!(packed.len() < 256 * 1024, "small on the wire");
        for row in rows() {
            let client = edge.client().header("content-encoding", encoding.name());
            let reply = client.call(Method::POST, row.path, packed.clone()).await;
            assert_eq!(reply.status(), 413, "{} {encoding:?}", row.path);
            assert!(row.message(413, &reply.json().await).contains("decoded"), "{}", row.path);
        }
    }
    assert_eq!(edge.dispatcher.count(), 0);
}

#[tokio::test]
async fn a_sender_that_stops_is_told_408_in_its_own_format() {
    let edge = limited(BodyLimits::new().with_idle_timeout(Duration::from_millis(20))).await;
    for row in rows() {
        let mut socket = TcpStream::connect(edge.address).await.unwrap();
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\ncontent-length: 100\r\n\r\n{{\"model\"",
            row.path
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut said = String::new();
        socket.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 408 "), "{}: {said}", row.path);
        let body = said.split_once("\r\n\r\n").unwrap().1;
        assert!(row.message(408, &serde_json::from_str(body).unwrap()).contains("stalled"));
    }
}

#[tokio::test]
async fn what_is_no_request_is_400_in_its_own_format() {
    let edge = Edge::start().await;
    for row in rows() {
        let mut cases: Vec<(&str, Vec<u8>)> = vec![
            ("nothing", vec![]),
            ("half an object", b"{\"model\": \"m\"".to_vec()),
            ("no object", b"[]".to_vec()),
            ("a word", b"hello".to_vec()),
            ("no UTF-8", b"{\"model\": \"m\xff\", \"messages\": []}".to_vec()),
        ];
        if row.in_body {
            cases.push(("a number for a model", b"{\"model\": 5}".to_vec()));
            cases.push(("no model", b"{\"stream\": false}".to_vec()));
            cases.push(("a blank model", b"{\"model\": \" \"}".to_vec()));
        }
        for (what, body) in cases {
            let reply = edge.client().call(Method::POST, row.path, body).await;
            assert_eq!(reply.status(), 400, "{} {what}", row.path);
            let error: Value = reply.json().await;
            assert!(row.message(400, &error).contains("Invalid request"), "{} {what}: {error}", row.path);
        }
    }
    assert_eq!(edge.dispatcher.count(), 0);
    assert_eq!(edge.client().get("/healthz").await.status(), 200, "the server goes on");
}

#[tokio::test]
async fn a_permission_to_send_is_given_only_to_what_will_be_read() {
    let edge = limited(BodyLimits::new().with_max_bytes(1000)).await;
    for (length, key, first) in
        [(20, KEY, "HTTP/1.1 100 "), (20, "wrong", "HTTP/1.1 401 "), (5000, KEY, "HTTP/1.1 413 ")]
    {
        let mut socket = TcpStream::connect(edge.address).await.unwrap();
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut said = [0; 13];
        socket.read_exact(&mut said).await.unwrap();
        assert_eq!(std::str::from_utf8(&said).unwrap(), first);
    }
}

#[tokio::test]
async fn a_conversation_that_names_itself_is_handed_on_by_its_name() {
    let edge = Edge::start().await;
    let body = json!({"model": "m", "prompt_cache_key": "cache-key-1", "messages": [{"role": "user", "content": "hi"}]});
    for (header, expected) in
        [(None, ("cache-key-1", true)), (Some("conversation-7"), ("conversation-7", false))]
    {
        let client = match header {
            Some(name) => edge.client().header("x-session-id", name),
            None => edge.client(),
        };
        client.post("/v1/chat/completions", &body).await;
        let session = edge.dispatcher.last().session;
        assert_eq!(session.as_ref().map(|(key, weak)| (key.as_str(), *weak)), Some(expected));
    }
}
