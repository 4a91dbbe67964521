//! Server-sent events: what is a frame, however the bytes are cut.

use bytes::Bytes;
use cliproxy_translator::CodecErrorKind;
use cliproxy_translator::framing::{SseParser, write_sse, write_sse_comment};
use proptest::prelude::*;

type Frames = Vec<(String, Vec<u8>)>;

fn frames(chunks: &[&[u8]]) -> Frames {
    let mut seen = Frames::new();
    let mut parser = SseParser::new();
    for chunk in chunks {
        parser.push(chunk, &mut |frame| seen.push((frame.event.to_owned(), frame.data.to_vec()))).unwrap();
    }
    parser.finish(&mut |frame| seen.push((frame.event.to_owned(), frame.data.to_vec()))).unwrap();
    seen
}

/// The frames and, beside them, their own bytes.
fn raw_frames(chunks: &[&[u8]]) -> (Frames, Vec<Bytes>) {
    let (mut seen, mut raws) = (Frames::new(), Vec::new());
    let mut parser = SseParser::new();
    let mut sink = |frame: cliproxy_translator::StreamFrame<'_>, raw: Bytes| {
        seen.push((frame.event.to_owned(), frame.data.to_vec()));
        raws.push(raw);
    };
    for chunk in chunks {
        parser.push_raw(&Bytes::copy_from_slice(chunk), &mut sink).unwrap();
    }
    parser.finish_raw(&mut sink).unwrap();
    (seen, raws)
}

#[test]
fn a_frame_is_what_the_standard_says() {
    let table: &[(&str, &str, &[(&str, &str)])] = &[
        ("one line", "data: a\n\n", &[("", "a")]),
        ("named", "event: x\ndata: a\n\n", &[("x", "a")]),
        ("name behind the data", "data: a\nevent: x\n\n", &[("x", "a")]),
        ("the last name counts", "event: x\nevent: y\ndata: a\n\n", &[("y", "a")]),
        ("CRLF", "event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", &[("x", "a"), ("", "b")]),
        ("CR", "data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
        ("mixed", "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", &[("", "a"), ("", "b"), ("", "c")]),
        ("several lines", "data: a\ndata: b\ndata:\ndata: c\n\n", &[("", "a\nb\n\nc")]),
        ("no blank", "data:a\n\n", &[("", "a")]),
        ("one blank only", "data:  a\n\n", &[("", " a")]),
        ("a line without colon", "data\n\n", &[("", "")]),
        ("an empty value", "data:\n\n", &[("", "")]),
        ("byte-order mark", "\u{feff}data: a\n\n", &[("", "a")]),
        ("byte-order mark only at the start", "data: a\n\n\u{feff}data: b\n\n", &[("", "a")]),
        ("comments", ": hi\n\ndata: a\n: there\ndata: b\n\n:\n\n", &[("", "a\nb")]),
        ("ids and retries", "id: 7\nretry: 10\ndata: a\n\n", &[("", "a")]),
        ("unknown fields", "date: x\ndatas: y\nDATA: z\ndata: a\n\n", &[("", "a")]),
        ("no data, no frame", "event: x\n\nid: 1\n\ndata: a\n\n", &[("", "a")]),
        ("blank lines in front", "\n\n\r\n\r\rdata: a\n\n", &[("", "a")]),
        ("no blank line at the end", "data: a\n\ndata: b\n", &[("", "a"), ("", "b")]),
        ("no line end at the end", "data: a\n\nevent: x\ndata: b", &[("", "a"), ("x", "b")]),
        ("a CR at the very end", "data: b\r", &[("", "b")]),
        ("nothing", "", &[]),
        ("only line ends", "\n\r\n\r", &[]),
    ];
    for (name, text, expected) in table {
        let expected: Frames =
            expected.iter().map(|(e, d)| ((*e).to_owned(), d.as_bytes().to_vec())).collect();
        assert_eq!(frames(&[text.as_bytes()]), expected, "{name}");
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(frames(&bytes), expected, "{name}, byte by byte");
    }
}

#[test]
fn a_pass_through_sees_the_bytes_of_each_frame() {
    let text = b"event: a\r\ndata: 1\r\n\r\ndata: 2\n\n: note\ndata: 3\n\n";
    let whole: [&[u8]; 3] = [b"event: a\r\ndata: 1\r\n\r\n", b"data: 2\n\n", b": note\ndata: 3\n\n"];
    assert_eq!(raw_frames(&[text]).1, whole);
    let cut: Vec<&[u8]> = text.chunks(4).collect();
    let (_, raws) = raw_frames(&cut);
    assert_eq!(raws.concat(), text);
}

#[test]
fn a_frame_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: 1\n\nevent: x\ndata: 2\n\n");
    let range = chunk.as_ptr_range();
    let mut count = 0;
    let mut parser = SseParser::new();
    parser
        .push_raw(&chunk, &mut |frame, raw| {
            count += 1;
            assert!(range.contains(&frame.data.as_ptr()) && range.contains(&raw.as_ptr()));
        })
        .unwrap();
    assert_eq!(count, 2);
}

#[test]
fn a_last_frame_without_its_blank_line_gets_one() {
    for (text, expected) in [("data: 1", "data: 1\n\n"), ("data: 1\n", "data: 1\n\n")] {
        assert_eq!(raw_frames(&[text.as_bytes()]).1, [expected]);
    }
}

#[test]
fn a_frame_above_the_limit_is_an_error_however_it_is_cut() {
    let text = format!("data: {}\n\n", "x".repeat(100));
    for size in [1, 7, 1000] {
        let mut parser = SseParser::with_limit(50);
        let error = text
            .as_bytes()
            .chunks(size)
            .try_for_each(|chunk| parser.push(chunk, &mut |_| panic!("too large")))
            .unwrap_err();
        assert_eq!(error.kind(), CodecErrorKind::Protocol, "{size}");
    }
    let mut parser = SseParser::with_limit(50);
    let small = "data: x\n\n".repeat(100);
    let mut count = 0;
    parser.push(small.as_bytes(), &mut |_| count += 1).unwrap();
    assert_eq!(count, 100, "the limit is that of a frame, not of a chunk");
}

#[test]
fn what_is_written_reads_back() {
    let mut out = Vec::new();
    write_sse(&mut out, Some("x"), b"{}");
    write_sse_comment(&mut out, "still\nhere");
    write_sse(&mut out, None, b"a\nb\r\nc\rd");
    assert_eq!(out, b"event: x\ndata: {}\n\n: still here\n\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    assert_eq!(frames(&[&out]), [("x".to_owned(), b"{}".to_vec()), (String::new(), b"a\nb\nc\nd".to_vec())]);
}

/// Text of what streams are made of, and of what breaks them.
fn stream_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just("data: ".to_owned()),
        2 => Just("event: ".to_owned()),
        4 => Just("\n".to_owned()),
        3 => Just("\r\n".to_owned()),
        2 => Just("\r".to_owned()),
        1 => Just("\u{feff}".to_owned()),
        1 => Just(":".to_owned()),
        1 => Just("data".to_owned()),
        1 => Just("id: 1".to_owned()),
        3 => "[a-z{}\":é ]{0,12}",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

fn cuts(text: &[u8], at: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut points: Vec<usize> = at.iter().map(|index| index.index(text.len() + 1)).collect();
    points.extend([0, text.len()]);
    points.sort_unstable();
    points.windows(2).map(|pair| text[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_cutting_gives_the_same_frames(
        text in stream_text(),
        at in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = frames(&[&text]);
        let pieces = cuts(&text, &at);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(&frames(&pieces), &whole);
        // The raw frames, put together again, say the same.
        let (seen, raws) = raw_frames(&pieces);
        prop_assert_eq!(&seen, &whole);
        // (A mark that was inside would stand at the start when what is no frame has gone.)
        if !text.contains(&0xef) {
            prop_assert_eq!(&frames(&[&raws.concat()]), &whole);
        }
    }
}
