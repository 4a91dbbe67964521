//! Connections that stay on one thread.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, status};
use cliproxy_transport::{InboundBody, OutboundBody, Server, ServerOptions, Shutdown, Via, Workers};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::support::{On, Running, client, post, text};

const TOO_LONG: Duration = Duration::from_secs(20);

fn workers(count: usize) -> Workers {
    Workers::start(NonZeroUsize::new(count).unwrap(), |_| {}).unwrap()
}

async fn serve_on<F, Fut>(workers: &Workers, routes: F) -> Running
where
    F: Fn(Request<InboundBody>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<OutboundBody>> + Send + 'static,
{
    let shutdown = Shutdown::new(Duration::from_secs(600));
    let server = Server::bind(ServerOptions::default()).await.unwrap().on(workers.clone());
    let address = server.local_addr();
    let ended = AbortOnDropHandle::new(TaskTracker::new().spawn(server.run(On(routes), shutdown.clone())));
    Running { address, shutdown, ended }
}

fn thread() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

/// One request on a connection that stays open: the reply's body, which has eight bytes.
async fn ask(connection: &mut TcpStream) -> String {
    connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        seen.push(connection.read_u8().await.unwrap());
    }
    let mut body = [0; 8];
    connection.read_exact(&mut body).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_connection_stays_on_its_worker_with_those_to_providers_that_it_uses() {
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(|_| status(200).body("ok"));
    let (client, url, workers) = (client(), upstream.url(), workers(2));
    let server = serve_on(&workers, move |_| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let before = thread();
            let reply = client.send(post(&url, "x"), &Via::new()).await.unwrap();
            reply.into_body().collect_bounded(64).await.unwrap();
            assert_eq!(thread(), before);
            text(before.replace("worker-", "worker_"))
        }
    })
    .await;
    let connect = || async { TcpStream::connect(server.address).await.unwrap() };
    let mut first = connect().await;
    assert_eq!(ask(&mut first).await, "worker_1");
    let mut second = connect().await;
    for _ in 0..3 {
        assert_eq!(ask(&mut second).await, "worker_2");
        assert_eq!(ask(&mut first).await, "worker_1");
    }
    assert_eq!((upstream.connections(), upstream.requests().len()), (2, 7));

    // Three for each. Those of the second worker end, one after the other: when the end of the last is seen, those
    // before it have been left.
    let (mut open, mut leaving) = (vec![first], vec![second]);
    for _ in 0..2 {
        for (worker, list) in [("worker_1", &mut open), ("worker_2", &mut leaving)] {
            let mut one = connect().await;
            assert_eq!(ask(&mut one).await, worker);
            list.push(one);
        }
    }
    for mut one in leaving {
        one.shutdown().await.unwrap();
        let end = async { one.read_to_end(&mut Vec::new()).await.unwrap() };
        assert_eq!(tokio::time::timeout(TOO_LONG, end).await.unwrap(), 0);
    }
    for _ in 0..2 {
        let mut one = connect().await;
        assert_eq!(ask(&mut one).await, "worker_2", "who has fewest");
        open.push(one);
    }
    assert_eq!(upstream.connections(), 2, "whoever comes finds the connection of the one before");

    server.shutdown.start();
    server.ended.await.unwrap();
    for mut one in open {
        assert_eq!(one.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }
}

/// A renewal that a request began goes on when the server has ended.
#[tokio::test]
async fn what_a_request_left_behind_ends_while_somebody_keeps_the_workers() {
    let (gate, tasks, workers) = (Arc::new(Notify::new()), TaskTracker::new(), workers(1));
    let (waited, left) = (Arc::clone(&gate), tasks.clone());
    let server = serve_on(&workers, move |_| {
        let waited = Arc::clone(&waited);
        left.spawn(async move { waited.notified().await });
        async { text("begun it") }
    })
    .await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ask(&mut connection).await, "begun it");
    server.shutdown.start();
    server.ended.await.unwrap();
    tasks.close();
    assert_eq!(tasks.len(), 1);
    gate.notify_one();
    tokio::time::timeout(TOO_LONG, tasks.wait()).await.unwrap();
}

#[tokio::test]
async fn streams_and_both_versions_of_http_go_through_workers() {
    let workers = workers(2);
    let server = serve_on(&workers, |request| async move {
        let body = request.into_body().read(&cliproxy_transport::BodyLimits::new()).await.unwrap();
        text(body)
    })
    .await;
    let large = serde_json::json!("x".repeat(3_000_000));
    for client in [server.client(), server.client().http2()] {
        let replies = (0..4).map(|_| client.post("/", &large));
        for reply in futures_util::future::join_all(replies).await {
            assert_eq!(reply.text().await.len(), 3_000_002);
        }
    }
    server.shutdown.start();
    server.ended.await.unwrap();
}
