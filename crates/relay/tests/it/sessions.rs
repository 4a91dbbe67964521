use cliproxy_core::Principal;
use cliproxy_relay::{Ended, Event, Identity, NotSent, Refused};
use serde_json::json;

use crate::support::{World, all, say};

#[tokio::test(start_paused = true)]
async fn each_page_gets_its_own_requests() {
    let world = World::new();
    let (mut a, mut b) = (world.page("a").await, world.page("b").await);
    let (mut of_a, id_a) = world.asked(&mut a, "a").await;
    let (mut of_b, id_b) = world.asked(&mut b, "b").await;
    // A page cannot answer for another one.
    a.send(&say(&id_b, "http_response", json!({"status": 200, "body": "forged"}))).await;
    a.send(&say(&id_a, "http_response", json!({"status": 200, "body": "of a"}))).await;
    assert!(matches!(all(&mut of_a).await.as_slice(), [Event::Whole(_, body)] if body == "of a"));
    b.send(&say(&id_b, "http_response", json!({"status": 200, "body": "of b"}))).await;
    assert!(matches!(all(&mut of_b).await.as_slice(), [Event::Whole(_, body)] if body == "of b"));
    assert_eq!(world.ask("c", "{}").await.unwrap_err(), NotSent::NotConnected);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leaves_is_told_to_everyone_who_waits_for_it() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut unanswered, _) = world.asked(&mut page, "a").await;
    let (mut begun, id) = world.asked(&mut page, "a").await;
    page.send(&say(&id, "stream_start", json!({"status": 200}))).await;
    page.send(&say(&id, "stream_chunk", json!({"data": "half"}))).await;
    page.close().await;
    assert!(matches!(all(&mut unanswered).await.as_slice(), [Event::Lost(Ended::Disconnected)]));
    let events = all(&mut begun).await;
    assert!(matches!(events.as_slice(), [Event::Start(_), Event::Chunk(_), Event::Lost(_)]), "{events:?}");
    assert_eq!(world.log.lines(), ["+a", "-a"]);
    assert_eq!(world.ask("a", "{}").await.unwrap_err(), NotSent::NotConnected);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_without_a_word_is_noticed_too() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, _) = world.asked(&mut page, "a").await;
    drop(page);
    assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Lost(Ended::Disconnected)]));
    assert_eq!(world.log.lines(), ["+a", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn a_newer_session_takes_the_name_and_the_older_ones_end_does_not_end_it() {
    // Source: providers-a.md 8.1 "Reconnect".
    let world = World::new();
    let mut old = world.page("a").await;
    let (mut pending, _) = world.asked(&mut old, "a").await;
    let mut new = world.page("a").await;
    assert!(matches!(all(&mut pending).await.as_slice(), [Event::Lost(Ended::Replaced)]));
    assert_eq!(old.ending().await.unwrap().1, "replaced by new connection");
    assert_eq!(world.log.lines(), ["+a", "+a"], "the name is not gone");
    let (mut exchange, id) = world.asked(&mut new, "a").await;
    new.send(&say(&id, "http_response", json!({"status": 200, "body": "new"}))).await;
    assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Whole(_, body)] if body == "new"));
    new.close().await;
    while world.log.lines().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.log.lines(), ["+a", "+a", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_sessions_than_there_may_be() {
    let world = World::with(|options| options.max_sessions = 2);
    let first = world.page("a").await;
    let waiting = world.relay.reserve().unwrap();
    assert!(waiting.name().starts_with("test-"));
    assert_eq!(world.relay.reserve().unwrap_err(), Refused::Full);
    // A connection that never becomes a websocket gives its place back.
    waiting.spawn(Identity::new(Principal::anonymous()), async { None::<tokio::io::DuplexStream> });
    first.close().await;
    while world.relay.reserve().is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.log.lines(), ["+a", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn one_key_has_so_many_sessions_and_gives_each_back() {
    let world = World::with(|options| options.max_per_principal = 2);
    let place = |key: &'static str| world.relay.reserve_for(&Identity::new(Principal::from_static(key)));
    for _ in 0..2 {
        let (first, second) = (place("a").unwrap(), place("a").unwrap());
        assert_eq!(place("a").unwrap_err(), Refused::FullOfOne);
        let _other = place("b").unwrap();
        drop(first);
        let third = place("a").unwrap();
        assert_eq!(place("a").unwrap_err(), Refused::FullOfOne);
        drop((second, third));
    }
    // Who showed no key shares what there is.
    let anonymous = Identity::new(Principal::anonymous());
    let places: Vec<_> = (0..3).map(|_| world.relay.reserve_for(&anonymous).unwrap()).collect();
    assert_eq!(places.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn shutdown_says_goodbye_to_every_page_and_takes_no_more() {
    let world = World::new();
    let (mut a, b) = (world.page("a").await, world.page("b").await);
    let (mut pending, _) = world.asked(&mut a, "a").await;
    let relay = world.relay.clone();
    let (_, goodbye_a, goodbye_b) = tokio::join!(relay.shutdown(), a.ending(), b.ending());
    for goodbye in [goodbye_a, goodbye_b] {
        assert_eq!(goodbye.unwrap(), (1001, "the server is shutting down".to_owned()));
    }
    assert!(matches!(all(&mut pending).await.as_slice(), [Event::Lost(Ended::Closed(_))]));
    assert_eq!(world.relay.reserve().unwrap_err(), Refused::Stopping);
    let mut lines = world.log.lines();
    lines.sort();
    assert_eq!(lines, ["+a", "+b", "-a", "-b"]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_long_for_a_page_that_says_nothing() {
    let world = World::new();
    let mute = world.page("a").await;
    let started = tokio::time::Instant::now();
    world.relay.shutdown().await;
    assert_eq!(started.elapsed().as_secs(), 1);
    drop(mute);
}

#[tokio::test(start_paused = true)]
async fn sessions_can_be_closed_by_who_they_are() {
    let world = World::new();
    let anonymous = world.page("a").await;
    let mut known = world.page_of("b", Principal::from_static("key-1"), 1 << 16).await;
    world.relay.close_where(Identity::is_anonymous, "connect with a key");
    assert_eq!(anonymous.ending().await.unwrap().1, "connect with a key");
    let (_exchange, _) = world.asked(&mut known, "b").await;
    let mut names = Vec::new();
    world.relay.each(|name| names.push(name.to_owned()));
    assert_eq!(names, ["b"]);
}

#[derive(Debug)]
struct Doorman(std::sync::atomic::AtomicBool);

impl cliproxy_relay::Watcher for Doorman {
    fn connected(&self, _name: &str) {}

    fn disconnected(&self, _name: &str) {}

    fn unwelcome(&self, identity: &Identity) -> Option<&'static str> {
        let closed = self.0.load(std::sync::atomic::Ordering::SeqCst);
        (closed && !identity.is_anonymous()).then_some("the key is gone")
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_welcome_any_more_is_closed_even_when_it_was_let_in_before_and_comes_after() {
    let world = World::new();
    let doorman = std::sync::Arc::new(Doorman(false.into()));
    world.relay.watch(doorman.clone());
    let known = || Principal::from_static("key-1");
    let there = world.page_of("there", known(), 1 << 16).await;
    // Its key was looked at, and its socket is not there yet.
    let place = world.relay.reserve_for(&Identity::new(known())).unwrap();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (arrive, arrives) = tokio::sync::oneshot::channel();
    place.spawn(Identity::new(known()), async move { arrives.await.ok() });

    doorman.0.store(true, std::sync::atomic::Ordering::SeqCst);
    world.relay.close_unwelcome();
    assert_eq!(there.ending().await.unwrap().1, "the key is gone");
    assert!(arrive.send(ours).is_ok());
    let late = cliproxy_testkit::TestSocket::over(theirs);
    assert_eq!(late.ending().await.unwrap().1, "the key is gone");
    let mut other = world.page("other").await;
    let (_exchange, _) = world.asked(&mut other, "other").await;
}
