//! Start, serve, stop.

use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, chat, pause, stall};
use tokio::net::TcpStream;

use crate::place::{Place, ask, client, compatible, models, question, text};

fn two_places(upstream: &FakeUpstream) -> (Place, Place) {
    let (one, other) = (Place::new(), Place::new());
    one.write(&compatible(upstream, &["key-one"]));
    other.write(&compatible(upstream, &["key-other"]));
    (one, other)
}

#[tokio::test]
async fn two_services_live_in_one_process_on_ports_of_their_own() {
    let upstream = FakeUpstream::start().await;
    upstream.script("key-one", [chat::completion("from one")]);
    upstream.script("key-other", [chat::completion("from the other")]);
    let (one, other) = two_places(&upstream);
    let (one, other) = (one.serve().await, other.serve().await);
    assert_ne!(one.local_addr(), other.local_addr());
    assert_eq!(text(ask(&one, "m").await).await, "from one");
    assert_eq!(text(ask(&other, "m").await).await, "from the other");
    one.stop().await;
    assert_eq!(text(ask(&other, "m").await).await, "from the other", "the end of one is not the other's");
    other.stop().await;
}

#[tokio::test]
async fn nothing_is_served_before_the_start_and_a_second_start_does_nothing() {
    let place = Place::new();
    place.write("");
    let service = place.builder().build().await.unwrap();
    let waiting = client(&service);
    let mut early = std::pin::pin!(waiting.get("/healthz"));
    tokio::select! {
        biased;
        _ = &mut early => panic!("it serves before it was started"),
        () = tokio::time::sleep(Duration::from_millis(50)) => {}
    }
    service.start();
    service.start();
    assert_eq!(early.await.status(), 200);
    service.stop().await;
    service.start();
    assert!(TcpStream::connect(service.local_addr()).await.is_err(), "it is over");
}

#[tokio::test]
async fn a_stop_lets_a_stream_end_and_gives_the_port_back() {
    let upstream = FakeUpstream::start().await;
    let slow = chat::stream("a long answer").insert(2, pause(Duration::from_millis(200)));
    upstream.script_all([slow]);
    let place = Place::new();
    place.write(&compatible(&upstream, &["key"]));
    let service = place.serve().await;
    let mut reply = client(&service).post("/v1/chat/completions", &question("m", true)).await;
    reply.event().await.unwrap();
    let (events, ()) = tokio::join!(reply.events(), service.stop());
    assert_eq!(events.last().unwrap().data, "[DONE]");
    assert!(TcpStream::connect(service.local_addr()).await.is_err());
    service.stop().await; // A second stop is none.
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_ended_validly_when_the_grace_is_over() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([chat::stream("never whole").truncate(2).then(stall())]);
    let place = Place::new();
    place.write(&compatible(&upstream, &["key"]));
    let service = place.serve().await;
    let mut reply = client(&service).post("/v1/chat/completions", &question("m", true)).await;
    reply.event().await.unwrap();
    let ending = async {
        tokio::task::yield_now().await;
        service.shutdown().hurry();
    };
    let (events, (), ()) = tokio::join!(reply.events(), service.stop(), ending);
    assert!(events.iter().any(|event| event.data.contains("\"error\"")), "{events:?}");
    upstream.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn a_service_that_never_started_stops_and_gives_its_port_back() {
    let place = Place::new();
    place.write("");
    let service = place.builder().build().await.unwrap();
    service.stop().await;
    assert!(TcpStream::connect(service.local_addr()).await.is_err());
}

#[tokio::test]
async fn a_dropped_service_closes_its_port() {
    let place = Place::new();
    place.write("");
    let service = place.serve().await;
    let address = service.local_addr();
    assert_eq!(models(&service).await, ["demo"]);
    drop(service);
    for _ in 0..200 {
        if TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it still listens");
}
