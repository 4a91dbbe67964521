//! The four steps of the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_transport::{OutboundBody, ServerOptions, Shutdown};
use futures_util::{StreamExt, stream};
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{On, Running, serve, text};

/// Sends "begin", then whatever `rest` comes to.
fn begin_then<F>(rest: F) -> Response<OutboundBody>
where
    F: Future<Output = &'static str> + Send + 'static,
{
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from("begin "))]);
    let rest = stream::once(async move { Ok(Bytes::from(rest.await)) });
    Response::new(OutboundBody::stream(first.chain(rest)))
}

async fn refuses_connections(server: &Running) {
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_stream_ends_in_its_own_time_within_the_grace_period() {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let routes = On(move |_| {
        let gate = Arc::clone(&opened);
        async move {
            begin_then(async move {
                gate.notified().await;
                "end"
            })
        }
    });
    let server = serve(ServerOptions::default(), Shutdown::new(Duration::from_secs(600)), routes).await;
    let mut one = server.client().get("/").await;
    let mut two = server.client().http2().get("/").await;
    assert_eq!(one.chunk().await.unwrap().unwrap(), "begin ");
    assert_eq!(two.chunk().await.unwrap().unwrap(), "begin ");
    server.shutdown.start();
    refuses_connections(&server).await;
    assert!(server.shutdown.is_draining());
    gate.notify_waiters();
    assert_eq!(one.text().await, "end");
    assert_eq!(two.text().await, "end");
    server.ended.await.unwrap();
}

#[tokio::test]
async fn idle_connections_close_at_once() {
    let shutdown = Shutdown::new(Duration::from_secs(600));
    let server = serve(ServerOptions::default(), shutdown, On(|_| async { text("x") })).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut reply = [0; 15];
    idle.read_exact(&mut reply).await.unwrap();
    let mut untouched = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    server.shutdown.start();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    untouched.read_to_end(&mut rest).await.unwrap();
    server.ended.await.unwrap();
}

#[tokio::test]
async fn at_the_deadline_a_stream_may_say_goodbye() {
    let shutdown = Shutdown::new(Duration::from_millis(50)).with_farewell(Duration::from_secs(600));
    let watched = shutdown.clone();
    let routes = On(move |_| {
        let watched = watched.clone();
        async move {
            begin_then(async move {
                watched.cut().await;
                "goodbye"
            })
        }
    });
    let server = serve(ServerOptions::default(), shutdown, routes).await;
    let mut reply = server.client().get("/").await;
    assert_eq!(reply.chunk().await.unwrap().unwrap(), "begin ");
    server.shutdown.start();
    assert_eq!(reply.text().await, "goodbye");
    server.ended.await.unwrap();
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let shutdown = Shutdown::new(Duration::from_millis(20)).with_farewell(Duration::from_millis(20));
    let routes = On(|_| async { begin_then(std::future::pending()) });
    let server = serve(ServerOptions::default(), shutdown, routes).await;
    let mut one = server.client().get("/").await;
    let mut two = server.client().http2().get("/").await;
    assert_eq!(one.chunk().await.unwrap().unwrap(), "begin ");
    assert_eq!(two.chunk().await.unwrap().unwrap(), "begin ");
    server.shutdown.start();
    server.ended.await.unwrap();
    assert!(one.chunk().await.is_err());
    assert!(two.chunk().await.is_err());
}

#[tokio::test]
async fn an_operator_who_asks_twice_does_not_wait_for_the_grace_period() {
    let shutdown = Shutdown::new(Duration::from_secs(600)).with_farewell(Duration::from_millis(10));
    let routes = On(|_| async { begin_then(std::future::pending()) });
    let server = serve(ServerOptions::default(), shutdown, routes).await;
    let mut reply = server.client().get("/").await;
    assert_eq!(reply.chunk().await.unwrap().unwrap(), "begin ");
    server.shutdown.start();
    server.shutdown.hurry();
    server.ended.await.unwrap();
}
