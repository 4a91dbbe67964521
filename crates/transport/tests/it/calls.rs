use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, cut, hang, raw, refuse, status, stream};
use cliproxy_transport::{BodyError, ClientOptions, HttpClient, SendError, TimeoutPhase, TrustRoots, Via};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::support::{client, post, trusting};

#[tokio::test]
async fn a_request_arrives_as_it_was_written() {
    let upstream = FakeUpstream::start().await;
    let secure = FakeUpstream::start_tls().await;
    let client = HttpClient::new(trusting(&[&secure]));
    for upstream in [&upstream, &secure] {
        upstream.script_all([status(201).header("x-thing", "1").body("made")]);
        let mut request = post(&format!("{}/v1/a%20b?alt=sse", upstream.url()), "body");
        request.headers_mut().insert("x-api-key", "k".parse().unwrap());
        let reply = client.send(request, &Via::new()).await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.headers()["x-thing"].as_bytes()), (201, &b"1"[..]));
        let got = upstream.last();
        assert_eq!((got.path.as_str(), got.query.as_str()), ("/v1/a%20b", "alt=sse"));
        assert_eq!((got.body.as_ref(), got.key.as_str()), (&b"body"[..], "k"));
    }
    assert_eq!(upstream.last().header("host").unwrap(), upstream.address().to_string());
    assert_eq!(upstream.last().header("content-length"), Some("4"));
    assert_eq!(secure.last().header("host"), None, "HTTP/2 says it in :authority");
}

#[tokio::test]
async fn an_error_status_is_a_reply() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(529).body("busy")]);
    let reply = client().send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
    assert_eq!(reply.status(), 529);
}

#[tokio::test]
async fn nobody_there_is_a_connect_error() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = client().send(post(&format!("http://127.0.0.1:{port}"), "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Connect { .. }), "{error:?}");
    assert!(error.is_endpoint_fault() && !error.may_have_arrived());
}

#[tokio::test]
async fn an_untrusted_certificate_is_a_tls_error() {
    let upstream = FakeUpstream::start_tls().await;
    let other = FakeUpstream::start_tls().await;
    let client = HttpClient::new(trusting(&[&other]));
    let error = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Tls { .. }), "{error:?}");
    let nobody = HttpClient::new(ClientOptions::new().with_roots(TrustRoots::empty()));
    let error = nobody.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_a_first_byte_timeout() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([hang()]);
    let via = Via::new().with_first_byte_timeout(Duration::from_millis(20));
    let error = client().send(post(&upstream.url(), "x"), &via).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { phase: TimeoutPhase::FirstByte, .. }), "{error:?}");
    upstream.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_come_is_a_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let other = FakeUpstream::start_tls().await;
    let options = trusting(&[&other]).with_connect_timeout(Duration::from_millis(30));
    let error = HttpClient::new(options).send(post(&url, "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { phase: TimeoutPhase::Connect, .. }), "{error:?}");
}

#[tokio::test]
async fn a_closed_connection_and_nonsense_are_told_apart() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([refuse()]);
    let error = client().send(post(&upstream.url(), "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Closed { .. }), "{error:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    TaskTracker::new().spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        assert!(socket.read(&mut head).await.unwrap() > 0);
        socket.write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n").await.unwrap();
    });
    let error = client().send(post(&url, "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn an_address_that_cannot_be_called_is_the_callers_fault() {
    for url in ["/v1/x", "ftp://127.0.0.1/", "http://user:password@127.0.0.1/"] {
        let error = client().send(post(url, "x"), &Via::new()).await.unwrap_err();
        assert!(matches!(error, SendError::InvalidRequest { .. }), "{url}: {error:?}");
        assert!(!error.is_endpoint_fault());
        assert!(!format!("{error} {error:?}").contains("password"));
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_never_taken_for_a_whole_one() {
    let upstream = FakeUpstream::start().await;
    let secure = FakeUpstream::start_tls().await;
    let client = HttpClient::new(trusting(&[&secure]));
    for upstream in [&upstream, &secure] {
        upstream.script_all([stream([raw("data: 1\n\n"), cut()])]);
        let mut body = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap().into_body();
        assert_eq!(body.chunk().await.unwrap().unwrap(), "data: 1\n\n");
        assert!(matches!(body.chunk().await, Some(Err(BodyError::Interrupted(_)))));
        assert!(body.chunk().await.is_none());
    }
}

#[tokio::test]
async fn the_machines_trust_store_is_not_needed_for_plain_http() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200)]);
    let client = HttpClient::new(ClientOptions::new().with_roots(TrustRoots::empty()));
    assert!(client.warm_up().await.is_err());
    assert_eq!(client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap().status(), 200);
}
