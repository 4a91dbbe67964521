use std::time::Duration;

use cliproxy_core::Principal;
use cliproxy_relay::{Ended, Event, NotSent};
use cliproxy_testkit::TestSocket;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{World, all, say};

/// Reads for so long, and answers pings meanwhile.
async fn stay(page: &mut TestSocket, length: Duration) -> Option<serde_json::Value> {
    tokio::time::timeout(length, page.next()).await.ok().flatten()
}

#[tokio::test(start_paused = true)]
async fn garbage_ends_the_session_and_is_called_so() {
    // Source: providers-a.md 8.2 "Bad JSON".
    for garbage in ["hello", "{\"id\":", "[]", ""] {
        let world = World::new();
        let mut page = world.page("a").await;
        let (mut exchange, _) = world.asked(&mut page, "a").await;
        page.send_text(garbage).await;
        assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Lost(Ended::Garbage(_))]), "{garbage}");
        let (code, reason) = page.ending().await.unwrap();
        assert_eq!(code, 1003, "{garbage}");
        assert!(reason.contains("JSON"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_ends_the_session_and_one_at_the_limit_does_not() {
    let world = World::with(|options| options.max_message = 1000);
    let message = |id: &serde_json::Value, length: usize| {
        let bare = say(id, "stream_chunk", json!({"data": ""})).to_string().len();
        say(id, "stream_chunk", json!({"data": "x".repeat(length - bare)}))
    };
    let mut page = world.page("a").await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    page.send(&message(&id, 1000)).await;
    assert!(matches!(exchange.next().await, Some(Event::Chunk(_))));
    page.send(&message(&id, 1001)).await;
    assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Lost(Ended::TooLarge)]));
    assert_eq!(page.ending().await.unwrap().0, 1009);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_answers_pings_stays_for_ever() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    assert_eq!(stay(&mut page, Duration::from_secs(3600)).await, None);
    page.send(&say(&id, "http_response", json!({"status": 200, "body": "at last"}))).await;
    assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Whole(_, body)] if body == "at last"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_page_is_given_up_after_a_minute() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, _) = world.asked(&mut page, "a").await;
    let started = Instant::now();
    // Nobody reads at the page's end, so nobody answers the pings.
    assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Lost(Ended::Silent)]));
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_page_whose_script_only_pings_is_silent() {
    // Source: providers-a.md 8.6.
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, _) = world.asked(&mut page, "a").await;
    let started = Instant::now();
    let pinging = async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            page.try_send_text(r#"{"id":"p","type":"ping"}"#).await;
        }
    };
    tokio::select! {
        () = pinging => {}
        events = all(&mut exchange) => {
            assert!(matches!(events.as_slice(), [Event::Lost(Ended::Silent)]), "{events:?}");
        }
    }
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_sends_replies_is_not_silent() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        page.send(&say(&id, "stream_chunk", json!({"data": "x"}))).await;
        assert!(matches!(exchange.next().await, Some(Event::Chunk(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_takes_nothing_is_given_up() {
    let world = World::new();
    let page = world.page_of("a", Principal::anonymous(), 1024).await;
    let started = Instant::now();
    let mut exchange = world.ask("a", &"x".repeat(64 * 1024)).await.unwrap();
    assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Lost(Ended::Stuck)]));
    assert_eq!(started.elapsed().as_secs(), 10);
    drop(page);
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_be_sent_has_a_bound_and_learns_of_the_end() {
    let world = World::with(|options| options.write_room = 100_000);
    let _page = world.page_of("a", Principal::anonymous(), 1024).await;
    let body = "x".repeat(80_000);
    let _first = world.ask("a", &body).await.unwrap();
    let started = Instant::now();
    // The second has no room before the first is out, which it never is.
    assert_eq!(world.ask("a", &body).await.unwrap_err(), NotSent::Ended(Ended::Stuck));
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_broken_frame_ends_the_session() {
    let world = World::new();
    let (ours, theirs) = tokio::io::duplex(1024);
    let place = world.relay.reserve_named("a").unwrap();
    place.spawn(cliproxy_relay::Identity::new(Principal::anonymous()), async move { Some(ours) });
    let (mut reader, mut writer) = tokio::io::split(theirs);
    // An unmasked text frame, which no client may send. Source: RFC 6455 §5.1.
    tokio::io::AsyncWriteExt::write_all(&mut writer, b"\x81\x02{}").await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer).await.unwrap();
    // A close frame with 1002, a protocol error; the library's own, before ours.
    assert_eq!((answer[0], &answer[2..4]), (0x88, &1002_u16.to_be_bytes()[..]), "{answer:?}");
    while world.log.lines().len() < 2 {
        tokio::task::yield_now().await;
    }
}
