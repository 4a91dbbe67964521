use std::time::Duration;

use cliproxy_core::Principal;
use cliproxy_relay::Event;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{World, all, say, streamed};

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_the_page_up_and_loses_nothing() {
    let world = World::with(|options| options.read_room = 1000);
    let mut page = world.page_of("a", Principal::anonymous(), 1024).await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    let sent = std::sync::atomic::AtomicUsize::new(0);
    let sending = async {
        for _ in 0..100 {
            page.send(&say(&id, "stream_chunk", json!({"data": "x".repeat(500)}))).await;
            sent.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        page.send(&say(&id, "stream_end", json!({}))).await;
        page
    };
    let reading = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = sent.load(std::sync::atomic::Ordering::SeqCst);
        assert!(before < 10, "{before} chunks were taken although nobody read them");
        let mut text = 0;
        // Within the patience of the relay, all together.
        while let Some(event) = exchange.next().await {
            if let Event::Chunk(data) = &event {
                text += data.len();
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            if event.is_last() {
                assert!(matches!(event, Event::End), "{event:?}");
            }
        }
        text
    };
    let (_page, text) = tokio::join!(sending, reading);
    assert_eq!(text, 50_000);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_loses_its_reply_and_holds_up_nobody_for_longer() {
    let world = World::with(|options| options.read_room = 1000);
    let mut page = world.page_of("a", Principal::anonymous(), 1024).await;
    let (mut stalled, slow) = world.asked(&mut page, "a").await;
    let (mut lively, quick) = world.asked(&mut page, "a").await;
    let started = Instant::now();
    let sending = async {
        for _ in 0..20 {
            page.send(&say(&slow, "stream_chunk", json!({"data": "x".repeat(500)}))).await;
        }
        page.send(&say(&quick, "http_response", json!({"status": 200, "body": "fine"}))).await;
        page
    };
    let (mut page, events) = tokio::join!(sending, all(&mut lively));
    assert!(matches!(events.as_slice(), [Event::Whole(_, body)] if body == "fine"));
    assert_eq!(started.elapsed().as_secs(), 10);
    // What had room is there, and then the truth.
    let (text, last) = streamed(&mut stalled).await;
    assert_eq!(text.len(), 1000);
    assert!(matches!(last, Some(Event::TooSlow)), "{last:?}");
    page.send(&say(&slow, "stream_end", json!({}))).await;
    let (_next, _) = world.asked(&mut page, "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_a_little_now_and_then_holds_up_nobody_for_longer_either() {
    let world = World::with(|options| options.read_room = 1000);
    let mut page = world.page_of("a", Principal::anonymous(), 1024).await;
    let (mut slow, id) = world.asked(&mut page, "a").await;
    let (mut lively, quick) = world.asked(&mut page, "a").await;
    let started = Instant::now();
    let sending = async {
        for _ in 0..100 {
            page.send(&say(&id, "stream_chunk", json!({"data": "x".repeat(500)}))).await;
        }
        page.send(&say(&quick, "http_response", json!({"status": 200, "body": "fine"}))).await;
        page
    };
    let reading = async {
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            match slow.next().await {
                Some(Event::Chunk(_)) => {}
                last => return last,
            }
        }
    };
    let lively = async { (all(&mut lively).await, started.elapsed().as_secs()) };
    let (_page, last, (events, waited)) = tokio::join!(sending, reading, lively);
    assert!(matches!(events.as_slice(), [Event::Whole(_, body)] if body == "fine"));
    assert!((10..12).contains(&waited), "{waited}");
    assert!(matches!(last, Some(Event::TooSlow)), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn pings_that_are_not_read_take_no_more_than_their_room() {
    let world = World::with(|options| options.write_room = 200);
    let mut page = world.page_of("a", Principal::anonymous(), 64).await;
    for _ in 0..50 {
        page.send(&json!({"id": "x".repeat(50), "type": "ping"})).await;
    }
    page.send(&json!({"id": "y".repeat(257), "type": "ping"})).await;
    let mut answered = 0;
    while let Ok(message) = tokio::time::timeout(Duration::from_secs(5), page.next()).await {
        assert_eq!(message.unwrap()["id"], "x".repeat(50));
        answered += 1;
    }
    assert!((1..10).contains(&answered), "{answered}");
    page.send(&json!({"id": "later", "type": "ping"})).await;
    assert_eq!(page.next().await.unwrap()["id"], "later");
}

#[tokio::test(start_paused = true)]
async fn a_reply_larger_than_the_room_is_taken_when_it_is_alone() {
    let world = World::with(|options| options.read_room = 1000);
    let mut page = world.page("a").await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    page.send(&say(&id, "http_response", json!({"status": 200, "body": "x".repeat(50_000)}))).await;
    assert!(matches!(all(&mut exchange).await.as_slice(), [Event::Whole(_, body)] if body.len() == 50_000));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_a_reply_holds_the_page_up_no_longer() {
    let world = World::with(|options| options.read_room = 1000);
    let mut page = world.page_of("a", Principal::anonymous(), 1024).await;
    let (exchange, id) = world.asked(&mut page, "a").await;
    let started = Instant::now();
    let sending = async {
        for _ in 0..100 {
            page.send(&say(&id, "stream_chunk", json!({"data": "x".repeat(500)}))).await;
        }
        page
    };
    let leaving = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        drop(exchange);
    };
    let (mut page, ()) = tokio::join!(sending, leaving);
    assert_eq!(started.elapsed().as_secs(), 3, "the rest is dropped unread at once");
    let (mut next, id) = world.asked(&mut page, "a").await;
    page.send(&say(&id, "http_response", json!({"status": 200, "body": "next"}))).await;
    assert!(matches!(all(&mut next).await.as_slice(), [Event::Whole(..)]));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_given_up_before_its_turn_is_not_sent() {
    let world = World::new();
    let mut page = world.page_of("a", Principal::anonymous(), 1024).await;
    let large = world.ask("a", &"x".repeat(100_000)).await.unwrap();
    let given_up = world.ask("a", "{\"given\":\"up\"}").await.unwrap();
    let kept = world.ask("a", "{}").await.unwrap();
    drop(given_up);
    assert_eq!(page.next().await.unwrap()["id"], large.id());
    assert_eq!(page.next().await.unwrap()["id"], kept.id());
}

#[tokio::test(start_paused = true)]
async fn a_large_request_and_a_large_reply_cross() {
    let world = World::new();
    let mut page = world.page_of("a", Principal::anonymous(), 4096).await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    let asking = async { world.ask("a", &"y".repeat(1_000_000)).await.unwrap() };
    let answering = async {
        page.send(&say(&id, "http_response", json!({"status": 200, "body": "x".repeat(1_000_000)}))).await;
        let second = page.next().await.unwrap();
        assert_eq!(second["payload"]["body"].as_str().unwrap().len(), 1_000_000);
        page
    };
    let (_other, _page, events) = tokio::join!(asking, answering, all(&mut exchange));
    assert!(matches!(events.as_slice(), [Event::Whole(_, body)] if body.len() == 1_000_000));
}
