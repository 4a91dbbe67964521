use serde_json::{Value, json};

use super::*;

fn read_all(message: &str) -> Inbound {
    read(message.as_bytes(), |_| true)
}

#[track_caller]
fn event(message: &Value) -> Event {
    match read_all(&message.to_string()) {
        Inbound::Reply { id, event } => {
            assert_eq!(id, "1");
            event
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn head_of(payload: &Value) -> Head {
    match event(&json!({"id": "1", "type": "stream_start", "payload": payload})) {
        Event::Start(head) => head,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_written_as_pages_know_it() {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.append("x-two", HeaderValue::from_static("a"));
    headers.append("x-two", HeaderValue::from_static("b"));
    let now = Timestamp::from_millis(1_770_724_800_007);
    let request = Outbound::new(&Method::POST, "https://h/p?alt=sse", &headers, "{\"a\":\"ü\\n\"}\n", now);
    let message = request.message("6f0c").unwrap();
    assert!(message.starts_with(br#"{"id":"6f0c","type":"http_request","payload":{"method":"POST","#));
    assert_eq!(
        serde_json::from_slice::<Value>(&message).unwrap(),
        json!({"id": "6f0c", "type": "http_request", "payload": {
            "method": "POST", "url": "https://h/p?alt=sse",
            "headers": {"Content-Type": ["application/json"], "X-Two": ["a", "b"]},
            "body": "{\"a\":\"ü\\n\"}\n", "sent_at": "2026-02-10T12:00:00.007Z"}})
    );
    assert_eq!(serde_json::from_slice::<Value>(&pong("7\"")).unwrap(), json!({"id": "7\"", "type": "pong"}));
}

#[test]
fn each_type_is_read_as_what_it_says() {
    let payload = json!({"status": 200, "headers": {"a": "b"}, "body": "text"});
    let Event::Whole(head, body) = event(&json!({"id": "1", "type": "http_response", "payload": payload}))
    else {
        panic!("a whole reply");
    };
    assert_eq!(
        (head.status.as_u16(), &head.headers["a"], &*body),
        (200, &HeaderValue::from_static("b"), &b"text"[..])
    );
    let Event::Chunk(data) = event(&json!({"id": "1", "type": "stream_chunk", "payload": {"data": "d\n"}}))
    else {
        panic!("a chunk");
    };
    assert_eq!(data, "d\n");
    assert!(matches!(event(&json!({"id": "1", "type": "stream_end"})), Event::End));
    assert!(matches!(read_all(r#"{"type":"ping","id":"p"}"#), Inbound::Ping { id } if id == "p"));
    for unknown in [r#"{"id":"1","type":"news"}"#, r#"{"id":"1"}"#, "{}", r#"{"id":"1","type":"pong"}"#] {
        assert!(matches!(read_all(unknown), Inbound::Unknown(_)), "{unknown}");
    }
    for garbage in ["", "hello", "[1]", "\"x\"", "{\"id\":", "{\"id\":1}}"] {
        assert!(matches!(read_all(garbage), Inbound::Garbage), "{garbage}");
    }
}

#[test]
fn an_error_has_its_words_and_its_status() {
    // Source: providers-a.md 8.5 "the `status` field of `error` only ends up in the text; use it".
    for (payload, words, status) in [
        (json!({"error": "quota", "status": 429}), "quota", Some(429)),
        (json!({"error": "Failed to fetch"}), "Failed to fetch", None),
        (json!({"error": {"code": 5}, "status": "500"}), "{\"code\":5}", None),
        (json!({"error": "x", "status": 0}), "x", None),
        (json!({"error": "x", "status": 429.5}), "x", None),
        (json!(null), "the page did not say why", None),
    ] {
        let Event::Failed { message, status: told } =
            event(&json!({"id": "1", "type": "error", "payload": payload}))
        else {
            panic!("an error");
        };
        assert_eq!((message.as_str(), told.map(|told| told.as_u16())), (words, status), "{payload}");
    }
}

#[test]
fn the_head_of_a_reply_is_read_leniently() {
    // Source: providers-a.md 8.2 "Missing payload … treated as status 502", 8.6 "`status` as a JSON number only".
    for (payload, status) in [
        (json!({"status": 201}), 201),
        (json!({"status": 503.0}), 503),
        (json!({"status": "404"}), 200),
        (json!({"headers": {}}), 200),
        (json!({"status": 99}), 502),
        (json!({"status": -1}), 502),
        (json!({"status": 1e300}), 502),
        (json!({}), 502),
        (json!(null), 502),
    ] {
        assert_eq!(head_of(&payload).status, status, "{payload}");
    }
    // Source: providers-a.md 8.6 "`headers` values as plain strings and as lists must both work".
    let head = head_of(&json!({"headers": {"A": "1", "b": ["2", "3"], "bad name": "x", "c": 5, "d": ["y\n"],
        "Content-Encoding": "gzip", "content-length": "7"}}));
    let all = |name: &str| {
        head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((all("a"), all("b")), (vec!["1"], vec!["2", "3"]));
    assert_eq!(head.headers.len(), 3, "{:?}", head.headers);
}

#[test]
fn a_reply_of_more_headers_than_a_map_can_hold_is_malformed() {
    let many = |count: usize| {
        let headers: serde_json::Map<_, _> = (0..count).map(|at| (format!("x-{at}"), json!("v"))).collect();
        json!({"status": 200, "headers": headers})
    };
    assert_eq!(head_of(&many(MAX_HEADERS)).headers.len(), MAX_HEADERS);
    for headers in
        [many(MAX_HEADERS + 1), many(40_000), json!({"headers": {"a": vec!["v"; MAX_HEADERS + 1]}})]
    {
        for kind in ["stream_start", "http_response"] {
            let event = event(&json!({"id": "1", "type": kind, "payload": headers}));
            assert!(matches!(&event, Event::Malformed(what) if what.contains("256 headers")), "{kind}");
        }
    }
}

#[test]
fn a_ping_whose_id_is_not_worth_sending_back_is_told_apart() {
    let ping = |length: usize| read_all(&json!({"type": "ping", "id": "x".repeat(length)}).to_string());
    assert!(matches!(ping(MAX_PING_ID), Inbound::Ping { id } if id.len() == MAX_PING_ID));
    assert!(matches!(ping(MAX_PING_ID + 1), Inbound::LongPing));
}

#[test]
fn headers_take_room_in_both_directions() {
    let mut headers = HeaderMap::new();
    let bare = Outbound::new(&Method::POST, "u", &headers, "", Timestamp::default()).size();
    headers.append("x-a", HeaderValue::from_static("12345"));
    headers.append("x-a", HeaderValue::from_static("12"));
    assert_eq!(Outbound::new(&Method::POST, "u", &headers, "", Timestamp::default()).size(), bare + 13);
    let head = Head::new(StatusCode::OK, headers);
    assert_eq!(Event::Start(head.clone()).size(), 13);
    assert_eq!(Event::Whole(head, Bytes::from_static(b"1")).size(), 14);
}

#[test]
fn a_payload_of_another_shape_fails_its_own_request_only() {
    for message in [
        json!({"id": "1", "type": "stream_chunk", "payload": {"data": {"candidates": []}}}),
        json!({"id": "1", "type": "http_response", "payload": {"body": 5}}),
        json!({"id": "1", "type": "stream_start", "payload": "x"}),
        json!({"id": "1", "type": "stream_end", "payload": []}),
    ] {
        assert!(matches!(event(&message), Event::Malformed(_)), "{message}");
    }
}

#[test]
fn what_nobody_waits_for_is_not_read() {
    let message = br#"{"id":"gone","type":"stream_chunk","payload":{"data":5}}"#;
    assert!(matches!(read(message, |id| id != "gone"), Inbound::Reply { event: Event::End, .. }));
}

proptest::proptest! {
    /// Whatever a page sends, reading it ends, and a chunk's text arrives as JavaScript meant it.
    #[test]
    fn any_text_survives_as_a_chunk(data in "\\PC*|[\\x00-\\x7f]*") {
        let message = json!({"id": "1", "type": "stream_chunk", "payload": {"data": &data}});
        let Event::Chunk(read) = event(&message) else { panic!("a chunk") };
        proptest::prop_assert_eq!(read, data.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        drop(format!("{:?}", read(&bytes, |_| true)));
    }

    #[test]
    fn any_body_survives_as_a_request(body in "\\PC*") {
        let headers = HeaderMap::new();
        let request = Outbound::new(&Method::POST, "u", &headers, &body, Timestamp::default());
        let written: Value = serde_json::from_slice(&request.message("i").unwrap()).unwrap();
        proptest::prop_assert_eq!(written["payload"]["body"].as_str(), Some(body.as_str()));
    }
}
