//! What pages send, as a target for libFuzzer and for a seeded runner. See `fuzz/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target fails by panicking"
)]

use cliproxy_core::Timestamp;
use http::{HeaderMap, Method};

use crate::exchange::{Event, Head};
use crate::message::{Inbound, Outbound, read};

/// A message: it says something bounded or nothing. What we send is JSON, whatever is in it, and not longer than thought.
pub fn fuzz_message(data: &[u8]) {
    let head = |head: &Head| {
        assert!((200..=999).contains(&head.status.as_u16()) && head.headers.len() <= 256);
    };
    match read(data, |id| id.len() % 7 != 6) {
        Inbound::Reply { event, .. } => match event {
            Event::Whole(whole, body) => {
                head(&whole);
                assert!(body.len() <= 3 * data.len());
            }
            Event::Start(start) => head(&start),
            Event::Chunk(body) => assert!(body.len() <= 3 * data.len()),
            Event::Failed { status, .. } => assert!(status.is_none_or(|status| status.as_u16() >= 200)),
            Event::End | Event::Malformed(_) => {}
            Event::TooSlow | Event::Lost(_) => panic!("no page says that"),
        },
        Inbound::Ping { id } => assert!(id.len() <= 256),
        Inbound::LongPing | Inbound::Unknown(_) => {}
        Inbound::Garbage => {
            assert!(serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(data).is_err())
        }
    }
    let body = String::from_utf8_lossy(data);
    let headers = HeaderMap::new();
    let request = Outbound::new(&Method::POST, "https://h/p", &headers, &body, Timestamp::from_secs(1));
    let message: serde_json::Value = serde_json::from_slice(&request.message(&body).unwrap()).unwrap();
    assert_eq!((&message["id"], &message["payload"]["body"]), (&(&*body).into(), &(&*body).into()));
}

#[cfg(test)]
mod tests {
    use cliproxy_testkit::fuzz::{JSON, run, seeds};

    use super::*;

    #[test]
    fn any_message_of_a_page_says_something_bounded_or_nothing() {
        let tokens = [
            "\"type\":",
            "\"stream_chunk\"",
            "\"payload\":{",
            "\"headers\":{",
            "\"status\":",
            "\"ping\"",
            "\\ud83e",
        ];
        run(6000, &seeds("relay"), &[JSON, &tokens].concat(), fuzz_message);
    }
}
