//! AWS event-stream frames: what is one, however the bytes are cut, and what is none. Source: providers-b.md 1.5.7, 1.8.

use bytes::Bytes;
use cliproxy_translator::framing::{EventStreamParser, MAX_EVENT_STREAM_FRAME, write_event_stream};
use cliproxy_translator::{CodecError, CodecErrorKind, FrameKind, StreamFrame};
use proptest::prelude::*;

/// A frame as somebody else writes it: headers of any type, then the payload.
pub fn frame(headers: &[(&str, u8, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, kind, value) in headers {
        all.push(u8::try_from(name.len()).unwrap());
        all.extend_from_slice(name.as_bytes());
        all.push(*kind);
        if matches!(kind, 6 | 7) {
            all.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        }
        all.extend_from_slice(value);
    }
    let total = u32::try_from(16 + all.len() + payload.len()).unwrap();
    let mut out = total.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(all.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&all);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

/// An event as AWS sends them.
pub fn event(name: &str, payload: &str) -> Vec<u8> {
    let headers = [
        (":event-type", 7, name.as_bytes()),
        (":content-type", 7, b"application/json"),
        (":message-type", 7, b"event"),
    ];
    frame(&headers, payload.as_bytes())
}

type Frames = Vec<(FrameKind, String, Vec<u8>)>;

fn read(chunks: &[&[u8]]) -> (Frames, Result<(), CodecError>) {
    let mut seen = Frames::new();
    let mut parser = EventStreamParser::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = result.and_then(|()| {
            parser.push(chunk, &mut |frame| {
                seen.push((frame.kind, frame.event.to_owned(), frame.data.to_vec()))
            })
        });
    }
    (seen, result.and_then(|()| parser.finish()))
}

fn told(result: Result<(), CodecError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::Protocol, "{error}");
    error.to_string()
}

#[test]
fn the_smallest_frame_of_awss_own_examples_is_read() {
    let bytes = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    let (seen, result) = read(&[&bytes]);
    assert_eq!((seen, result), (vec![(FrameKind::Event, String::new(), Vec::new())], Ok(())));
    assert_eq!(frame(&[], b""), bytes, "and the tests' own writer writes it");
}

#[test]
fn a_frame_cut_at_any_byte_is_the_same_frame() {
    let stream = [event("a", r#"{"x":1}"#), event("b", ""), event("c", &"y".repeat(300))].concat();
    let whole = read(&[&stream]);
    assert_eq!(whole.0.len(), 3);
    assert_eq!(whole.1, Ok(()));
    for at in 0..=stream.len() {
        let (head, tail) = stream.split_at(at);
        assert_eq!(read(&[head, tail]), whole, "cut at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(read(&bytes), whole);
}

#[test]
fn headers_of_every_type_are_stepped_over() {
    let headers: [(&str, u8, &[u8]); 11] = [
        ("true", 0, b""),
        ("false", 1, b""),
        ("i8", 2, b"\x01"),
        ("i16", 3, b"\0\x01"),
        ("i32", 4, b"\0\0\0\x01"),
        ("i64", 5, b"\0\0\0\0\0\0\0\x01"),
        ("bytes", 6, b"\xff\xfe"),
        ("text", 7, "ä".as_bytes()),
        ("time", 8, b"\0\0\x01\x80\0\0\0\0"),
        ("uuid", 9, b"0123456789abcdef"),
        (":event-type", 7, b"late"),
    ];
    let (seen, result) = read(&[&frame(&headers, b"{}")]);
    assert_eq!((seen, result), (vec![(FrameKind::Event, "late".to_owned(), b"{}".to_vec())], Ok(())));
    let (_, result) = read(&[&frame(&[("x", 10, b"")], b"")]);
    assert!(told(result).contains("header value type"), "a type that nobody knows");
}

#[test]
fn failures_are_told_from_events_by_the_header() {
    let exception = frame(
        &[(":message-type", 7, b"exception"), (":exception-type", 7, b"ThrottlingException")],
        br#"{"message":"slow down"}"#,
    );
    let error = frame(
        &[
            (":message-type", 7, b"error"),
            (":error-code", 7, b"InternalError"),
            (":error-message", 7, b"a \"bad\" day"),
        ],
        b"",
    );
    let new = frame(&[(":message-type", 7, b"hologram"), (":event-type", 7, b"e")], b"{}");
    let (seen, result) = read(&[&exception, &error, &new]);
    assert_eq!(result, Ok(()));
    let said = br#"{"__type":"InternalError","message":"a \"bad\" day"}"#.to_vec();
    assert_eq!(
        seen,
        [
            (FrameKind::Exception, "ThrottlingException".to_owned(), br#"{"message":"slow down"}"#.to_vec()),
            (FrameKind::Error, "InternalError".to_owned(), said),
            (FrameKind::Event, "e".to_owned(), b"{}".to_vec()),
        ]
    );
}

#[test]
fn a_broken_frame_fails_the_stream_and_what_came_before_it_counts() {
    let good = event("a", "{}");
    let length = |total: u32, headers: u32| {
        let mut bad = event("a", "{}");
        bad[..4].copy_from_slice(&total.to_be_bytes());
        bad[4..8].copy_from_slice(&headers.to_be_bytes());
        let checksum = crc32fast::hash(&bad[..8]).to_be_bytes();
        bad[8..12].copy_from_slice(&checksum);
        bad
    };
    let flipped = |at: usize| {
        let mut bad = event("a", "{}");
        bad[at] ^= 1;
        bad
    };
    let own = u32::try_from(good.len()).unwrap();
    let most = u32::try_from(MAX_EVENT_STREAM_FRAME).unwrap();
    let table = [
        ("the lengths' checksum", flipped(9), "checksum of a frame's lengths"),
        ("the headers' length", flipped(7), "checksum of a frame's lengths"),
        ("the message's checksum", flipped(good.len() - 1), "checksum"),
        ("the payload", flipped(good.len() - 5), "checksum"),
        ("a header", flipped(20), "checksum"),
        ("too short", length(15, 0), "shorter than its own framing"),
        ("too long", length(most + 1, 0), "larger than"),
        ("more headers than frame", length(own, own - 15), "headers length"),
        ("one byte of headers", length(own, 1), "headers length"),
    ];
    for (name, bad, why) in table {
        let (seen, result) = read(&[&good, &bad, &good]);
        assert_eq!(seen.len(), 1, "{name}");
        let message = told(result);
        assert!(message.contains(why), "{name}: {message}");
        let cut: Vec<Vec<u8>> = [good.clone(), bad].concat().chunks(5).map(<[u8]>::to_vec).collect();
        let cut: Vec<&[u8]> = cut.iter().map(Vec::as_slice).collect();
        assert_eq!(told(read(&cut).1), message, "{name}, cut");
    }
}

#[test]
fn a_wrong_length_is_refused_before_anybody_waits_for_its_bytes() {
    let mut bad = event("a", "{}");
    bad[1] = 1;
    let mut parser = EventStreamParser::new();
    let error = parser.push(&bad[..12], &mut |_| panic!("no frame")).unwrap_err();
    assert!(error.to_string().contains("lengths"), "{error}");
    assert!(parser.push(b"more", &mut |_| panic!("no frame")).is_err(), "nothing can be read behind it");
    assert!(parser.finish().is_err());
}

#[test]
fn an_end_is_good_between_two_frames_only() {
    let stream = [event("a", "{}"), event("b", "{}")].concat();
    let first = stream.len() / 2;
    for at in 0..=stream.len() {
        let (_, result) = read(&[&stream[..at]]);
        if at == 0 || at == first || at == stream.len() {
            assert_eq!(result, Ok(()), "{at}");
        } else {
            assert!(told(result).contains("inside a frame"), "{at}");
        }
    }
}

#[test]
fn what_is_written_reads_back() {
    let frames = [
        StreamFrame::named("assistantResponseEvent", br#"{"content":"hi"}"#),
        StreamFrame { kind: FrameKind::Exception, event: "ThrottlingException", data: b"{}" },
        StreamFrame { kind: FrameKind::Error, event: "E", data: b"{\"message\":\"m\"}" },
        StreamFrame::named("", b""),
    ];
    let mut stream = Vec::new();
    frames.iter().for_each(|frame| write_event_stream(&mut stream, *frame));
    let (seen, result) = read(&[&stream]);
    assert_eq!(result, Ok(()));
    let expected: Frames =
        frames.iter().map(|frame| (frame.kind, frame.event.to_owned(), frame.data.to_vec())).collect();
    assert_eq!(seen, expected);
    let long = "n".repeat(40_000);
    write_event_stream(&mut stream, StreamFrame::named(&long, b""));
    assert_eq!(read(&[&stream]).0, expected, "what no frame can hold breaks no stream");
}

proptest! {
    #[test]
    fn any_chunking_of_the_same_bytes_gives_the_same_frames(
        payloads in prop::collection::vec("[a-z\"{}é]{0,40}", 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        noise in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut stream: Vec<u8> = payloads.iter().flat_map(|payload| event("e", payload)).collect();
        if let Some((at, bits)) = noise
            && !stream.is_empty()
        {
            let at = at.index(stream.len());
            stream[at] ^= bits;
        }
        let whole = read(&[&stream]);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for to in places {
            chunks.push(&stream[from..to]);
            from = to;
        }
        chunks.push(&stream[from..]);
        prop_assert_eq!(&read(&chunks), &whole);

        let mut raws = Vec::new();
        let mut parser = EventStreamParser::new();
        for chunk in &chunks {
            let pushed = parser.push_raw(&Bytes::copy_from_slice(chunk), &mut |_, raw| raws.push(raw));
            if pushed.is_err() {
                break;
            }
        }
        prop_assert_eq!(raws.len(), whole.0.len());
        let raws = raws.concat();
        prop_assert_eq!(&raws[..], &stream[..raws.len()], "frames pass on as they came");
    }
}
