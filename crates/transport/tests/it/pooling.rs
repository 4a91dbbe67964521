use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, pause, raw, stall, status, stream};
use cliproxy_transport::{HttpClient, SendError, Via};
use futures_util::future::join_all;
use http::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::support::{client, post, settle, trusting};

#[tokio::test]
async fn a_connection_whose_reply_was_read_serves_the_next_request() {
    for (name, reply) in [
        ("a length", status(200).body("hello")),
        ("chunks", stream([raw("hel"), raw("lo")])),
        ("nothing", status(204)),
    ] {
        let upstream = FakeUpstream::start().await;
        upstream.script_all([reply]);
        let client = client();
        for _ in 0..5 {
            let reply = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
            reply.into_body().collect_bounded(100).await.unwrap();
        }
        assert_eq!((upstream.connections(), upstream.requests().len()), (1, 5), "{name}");
    }
}

#[tokio::test]
async fn a_body_dropped_with_only_its_framing_unread_gives_the_connection_back() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([stream([raw("data: [DONE]\n\n"), raw("x")])]);
    let client = client();
    for _ in 0..3 {
        let mut body = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap().into_body();
        body.chunk().await.unwrap().unwrap();
        body.chunk().await.unwrap().unwrap();
        settle().await; // the last chunk's terminator is in the socket, unread
        drop(body);
    }
    assert_eq!(upstream.connections(), 1);
}

/// The runtime drops what still runs on it, and nothing can be begun there any more: to give a connection back would begin
/// the sweeper.
#[tokio::test]
async fn a_runtime_ends_while_a_body_waits_with_only_its_framing_unread() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([stream([raw("data: [DONE]\n\n"), raw("x")])]);
    let (client, url) = (client(), upstream.url());
    let (ended, end) = tokio::sync::oneshot::channel();
    let other = client.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut body = other.send(post(&url, "x"), &Via::new()).await.unwrap().into_body();
            body.chunk().await.unwrap().unwrap();
            body.chunk().await.unwrap().unwrap();
            settle().await;
            TaskTracker::new().spawn(async move {
                let _body = body;
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
        });
        drop(runtime);
        ended.send(()).unwrap();
    });
    tokio::time::timeout(Duration::from_secs(20), end).await.expect("the runtime ends").unwrap();
    // The client goes on elsewhere.
    let reply = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
    reply.into_body().collect_bounded(100).await.unwrap();
}

#[tokio::test]
async fn dropping_a_reply_cancels_the_call_upstream() {
    let upstream = FakeUpstream::start().await;
    let secure = FakeUpstream::start_tls().await;
    let client = HttpClient::new(trusting(&[&secure]));
    for upstream in [&upstream, &secure] {
        upstream.script_all([stream([raw("x"), stall()])]);
        let mut body = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap().into_body();
        assert_eq!(body.chunk().await.unwrap().unwrap(), "x");
        drop(body);
        upstream.wait_for_abandoned(1).await;
    }
}

#[tokio::test]
async fn dropping_a_call_that_waits_for_its_head_cancels_it_upstream() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([cliproxy_testkit::hang()]);
    let client = client();
    let via = Via::new();
    let call = client.send(post(&upstream.url(), "x"), &via);
    tokio::select! {
        _ = call => panic!("answered"),
        () = upstream.wait_for_requests(1) => {}
    }
    upstream.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn requests_at_once_take_a_connection_each_in_http1() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200).body("x").slow_head(Duration::from_millis(20))]);
    let client = client();
    let via = Via::new();
    let calls = (0..4).map(|_| client.send(post(&upstream.url(), "x"), &via));
    for reply in join_all(calls).await {
        reply.unwrap().into_body().collect_bounded(10).await.unwrap();
    }
    assert_eq!(upstream.connections(), 4);
}

#[tokio::test]
async fn http2_is_agreed_on_and_shares_one_connection_from_the_first_burst() {
    let upstream = FakeUpstream::start_tls().await;
    upstream.script_all([status(200).body("x").slow_head(Duration::from_millis(20))]);
    let client = HttpClient::new(trusting(&[&upstream]));
    let via = Via::new();
    let calls = (0..10).map(|_| client.send(post(&upstream.url(), "x"), &via));
    for reply in join_all(calls).await {
        assert_eq!(reply.unwrap().version(), Version::HTTP_2);
    }
    assert_eq!(upstream.connections(), 1);
    assert!(upstream.requests().iter().all(|request| request.version == Version::HTTP_2));
}

#[tokio::test]
async fn streams_beyond_the_cap_get_another_http2_connection() {
    let upstream = FakeUpstream::start_tls().await;
    upstream.script_all([stream([raw("x"), stall()])]);
    let client = HttpClient::new(trusting(&[&upstream]).with_http2_max_streams(2));
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap());
    }
    assert_eq!(upstream.connections(), 3);
    open.clear();
    settle().await;
    open.push(client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap());
    assert_eq!(upstream.connections(), 3, "freed streams are used again");
}

#[tokio::test]
async fn http2_can_be_left_out_of_the_offer() {
    let upstream = FakeUpstream::start_tls().await;
    upstream.script_all([status(200).body("x")]);
    let client = HttpClient::new(trusting(&[&upstream]).with_http2(false));
    let reply = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
    assert_eq!(reply.version(), Version::HTTP_11);
}

#[tokio::test]
async fn an_http1_only_tls_host_is_found_out_once() {
    let upstream = FakeUpstream::start_tls_http1().await;
    upstream.script_all([status(200).body("x").slow_head(Duration::from_millis(20))]);
    let client = HttpClient::new(trusting(&[&upstream]));
    let via = Via::new();
    let calls = (0..4).map(|_| client.send(post(&upstream.url(), "x"), &via));
    for reply in join_all(calls).await {
        assert_eq!(reply.unwrap().version(), Version::HTTP_11);
    }
    assert_eq!(upstream.connections(), 4);
}

#[tokio::test]
async fn an_unused_connection_is_closed_after_its_time() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200).body("x")]);
    let options = cliproxy_transport::ClientOptions::new().with_idle_timeout(Duration::from_millis(30));
    let client = HttpClient::new(options);
    for _ in 0..2 {
        let reply = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
        reply.into_body().collect_bounded(10).await.unwrap();
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    assert_eq!(upstream.connections(), 2);
}

/// A server that answers `answers` requests on a connection and then closes it.
async fn closing_server(answers: usize) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&connections);
    TaskTracker::new().spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            for _ in 0..answers {
                let mut head = [0; 4096];
                assert!(socket.read(&mut head).await.unwrap() > 0);
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        }
    });
    (url, connections)
}

#[tokio::test]
async fn a_pooled_connection_that_died_is_replaced_without_a_word() {
    let (url, connections) = closing_server(1).await;
    let client = client();
    for _ in 0..3 {
        let reply = client.send(post(&url, "x"), &Via::new()).await.unwrap();
        assert_eq!(reply.into_body().collect_bounded(10).await.unwrap(), "ok");
        settle().await;
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_request_that_was_written_is_not_sent_twice() {
    let (url, _) = closing_server(0).await;
    let error = client().send(post(&url, "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Closed { .. }), "{error:?}");
    assert!(error.is_endpoint_fault() && error.may_have_arrived());
}

#[tokio::test]
async fn a_pause_in_a_stream_is_not_a_failure() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([stream([raw("a"), pause(Duration::from_millis(80)), raw("b")])]);
    let options =
        cliproxy_transport::ClientOptions::new().with_first_byte_timeout(Some(Duration::from_millis(60)));
    let reply = HttpClient::new(options).send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
    assert_eq!(reply.into_body().collect_bounded(10).await.unwrap(), "ab");
}

#[tokio::test]
async fn closing_the_client_waits_for_its_tasks_and_refuses_new_calls() {
    let upstream = FakeUpstream::start_tls().await;
    upstream.script_all([status(200).body("x")]);
    let client = HttpClient::new(trusting(&[&upstream]));
    let reply = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
    reply.into_body().collect_bounded(10).await.unwrap();
    client.close().await;
    let error = client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::ShuttingDown));
}
