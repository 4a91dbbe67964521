use cliproxy_relay::Event;
use serde_json::json;

use crate::support::{World, all, say, streamed};

#[tokio::test(start_paused = true)]
async fn a_whole_reply_is_the_end_of_its_request() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    page.send(&say(&id, "http_response", json!({"status": 201, "headers": {"x-a": "b"}, "body": "yes"})))
        .await;
    // What comes after it is nobody's.
    page.send(&say(&id, "stream_chunk", json!({"data": "more"}))).await;
    let events = all(&mut exchange).await;
    let [Event::Whole(head, body)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (head.status.as_u16(), head.headers["x-a"].to_str().unwrap(), &body[..]),
        (201, "b", &b"yes"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_chunks_arrive_complete_and_in_order() {
    // Source: providers-a.md 8.6 "1000 chunks arrive complete and in order": the reference drops what its reader is
    // too slow for.
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    let sending = async {
        page.send(&say(&id, "stream_start", json!({"status": 200}))).await;
        for number in 0..1000 {
            page.send(&say(&id, "stream_chunk", json!({"data": format!("{number},")}))).await;
        }
        page.send(&say(&id, "stream_end", json!({}))).await;
        page
    };
    let reading = async {
        let Some(Event::Start(head)) = exchange.next().await else { panic!("a start") };
        assert_eq!(head.status, 200);
        // Slower than they come.
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        streamed(&mut exchange).await
    };
    let (_page, (text, last)) = tokio::join!(sending, reading);
    let expected: String = (0..1000).map(|number| format!("{number},")).collect();
    assert_eq!(text, expected);
    assert!(matches!(last, Some(Event::End)), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_page_are_told_apart_by_their_ids() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut first, one) = world.asked(&mut page, "a").await;
    let (mut second, two) = world.asked(&mut page, "a").await;
    assert_ne!(one, two);
    for (id, data) in [(&two, "2a"), (&one, "1a"), (&two, "2b"), (&one, "1b")] {
        page.send(&say(id, "stream_chunk", json!({"data": data}))).await;
    }
    page.send(&say(&one, "stream_end", json!({}))).await;
    page.send(&say(&two, "error", json!({"error": "no", "status": 429}))).await;
    assert_eq!(streamed(&mut first).await.0, "1a1b");
    let (text, last) = streamed(&mut second).await;
    assert_eq!(text, "2a2b");
    assert!(matches!(last, Some(Event::Failed { status: Some(status), .. }) if status == 429));
}

#[tokio::test(start_paused = true)]
async fn strange_messages_disturb_nobody() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut exchange, id) = world.asked(&mut page, "a").await;
    for strange in [
        json!({"id": "00000000-0000-4000-8000-000000000000", "type": "stream_chunk", "payload": {"data": "x"}}),
        json!({"id": "nobody", "type": "http_response", "payload": {"status": 200}}),
        json!({"id": id, "type": "cancel"}),
        json!({"id": id}),
        json!({"type": "stream_end"}),
        json!({"id": 5, "type": ["x"], "payload": "y"}),
        json!({}),
    ] {
        page.send(&strange).await;
    }
    // Source: providers-a.md 8.2 "a binary frame holding valid JSON is accepted".
    page.send_binary(say(&id, "stream_chunk", json!({"data": "fine"})).to_string()).await;
    page.send(&say(&id, "stream_end", json!(null))).await;
    let (text, last) = streamed(&mut exchange).await;
    assert_eq!(text, "fine");
    assert!(matches!(last, Some(Event::End)), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_no_reply_fails_its_request_and_no_other() {
    let world = World::new();
    let mut page = world.page("a").await;
    let (mut bad, id) = world.asked(&mut page, "a").await;
    let (mut good, other) = world.asked(&mut page, "a").await;
    page.send(&say(&id, "stream_chunk", json!({"data": {"candidates": []}}))).await;
    page.send(&say(&other, "http_response", json!({"status": 200, "body": "fine"}))).await;
    assert!(matches!(all(&mut bad).await.as_slice(), [Event::Malformed(what)] if what.contains("`data`")));
    assert!(matches!(all(&mut good).await.as_slice(), [Event::Whole(_, body)] if body == "fine"));
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_with_its_own_id() {
    let world = World::new();
    let mut page = world.page("a").await;
    page.send(&json!({"id": "ping-7", "type": "ping"})).await;
    assert_eq!(page.next().await.unwrap(), json!({"id": "ping-7", "type": "pong"}));
    page.send(&json!({"type": "ping"})).await;
    assert_eq!(page.next().await.unwrap(), json!({"id": "", "type": "pong"}));
}
