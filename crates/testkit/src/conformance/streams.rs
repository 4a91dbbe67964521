//! What comes back piece by piece.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::WireStream;

use super::replies::{compressed_if_allowed, cuts};
use super::stage::{KEY, Mode, Stage, expect, next, read, shown};
use super::subject::Subject;
use crate::reply::{Piece, cut, raw, stall};

async fn stage(subject: Subject) -> Stage {
    let stage = Stage::set(subject).await;
    assert!(
        stage.modes().contains(&Mode::Stream),
        "it has no streams: use `conformance!(name, subject, without_streams)`"
    );
    stage
}

async fn open(stage: &Stage, key: &str) -> WireStream {
    let attempt = stage.attempt(stage.credential(key), Mode::Stream);
    expect(stage.executor.execute_stream(attempt).await, "execute_stream")
}

/// Reads until `bytes` have come.
async fn read_exactly(stream: &mut WireStream, bytes: usize) -> Bytes {
    let mut all = Vec::new();
    while all.len() < bytes {
        let piece = next(&mut stream.body).await.expect("the stream goes on");
        all.extend_from_slice(&expect(piece, "a piece"));
    }
    all.into()
}

/// Streams are the provider's bytes, however they were cut or compressed on the way.
pub async fn streams_arrive_byte_for_byte(subject: Subject) {
    let stage = stage(subject).await;
    for format in stage.formats() {
        let expected = stage.subject.sample_of(&format).stream;
        for (cut, reply) in cuts(&expected) {
            stage.upstream.script_all([reply]);
            let attempt = stage.attempt_in(stage.credential(KEY), Mode::Stream, &format);
            let got = expect(stage.send(attempt).await, cut);
            assert_eq!(got.body, Bytes::from(expected.bytes()), "{format} {cut}");
        }
    }
    let expected = stage.sample().stream;
    stage.upstream.answer_with(compressed_if_allowed(expected.clone()));
    let got = expect(stage.call(stage.credential(KEY), Mode::Stream).await, "compressed");
    assert_eq!(got.body, Bytes::from(expected.bytes()), "compressed");
}

/// What has come is handed on while the provider is still thinking.
pub async fn a_stream_is_handed_on_as_it_arrives(subject: Subject) {
    let stage = stage(subject).await;
    let begun = stage.sample().stream.truncate(2);
    stage.upstream.script_all([begun.clone().then(stall())]);
    let mut stream = open(&stage, KEY).await;
    let expected = begun.bytes();
    assert_eq!(read_exactly(&mut stream, expected.len()).await, Bytes::from(expected));
}

/// A stream that its caller drops is given up upstream: after its head, and in its middle.
pub async fn a_dropped_stream_is_cancelled_upstream(subject: Subject) {
    let stage = stage(subject).await;
    let begun = stage.sample().stream.truncate(1);
    stage.upstream.script_all([begun.clone().then(stall())]);
    for (abandoned, reads) in [(1, 0), (2, begun.bytes().len())] {
        let mut stream = open(&stage, KEY).await;
        read_exactly(&mut stream, reads).await;
        drop(stream);
        stage.upstream.wait_for_abandoned(abandoned).await;
    }
}

/// While one stream stands still others come and go, with the same credential and with another.
pub async fn a_stalled_stream_blocks_no_other_call(subject: Subject) {
    let stage = stage(subject).await;
    let whole = stage.sample().stream;
    stage.upstream.script_all([whole.clone().truncate(1).then(stall()), whole.clone()]);
    let standing = open(&stage, KEY).await;
    for key in [KEY, "another-key", KEY] {
        let got = expect(stage.call(stage.credential(key), Mode::Stream).await, key);
        assert_eq!(got.body, Bytes::from(whole.bytes()), "{key}");
    }
    drop(standing);
}

/// A stream whose connection breaks hands on what came and then says that it broke.
pub async fn a_stream_cut_short_ends_in_an_error(subject: Subject) {
    let stage = stage(subject).await;
    let begun = stage.sample().stream.truncate(2);
    stage.upstream.script_all([begun.clone().then(cut())]);
    let mut stream = open(&stage, KEY).await;
    let (bytes, error) = read(&mut stream.body).await;
    assert_eq!(bytes, Bytes::from(begun.bytes()));
    let error = error.expect("a stream that broke does not end well");
    assert!(error.kind().is_endpoint_fault(), "{}", shown(&error));
}

/// Nobody reads ahead: what the caller does not take stays with the provider.
pub async fn a_slow_reader_is_waited_for(subject: Subject) {
    /// Far more than sockets and HTTP/2 windows hold.
    const PIECES: usize = 1024;
    let stage = stage(subject).await;
    let piece = raw(vec![b'\n'; 64 * 1024]);
    let pieces: Vec<Piece> = stage.sample().stream.truncate(1).into();
    let long = pieces.into_iter().chain(std::iter::repeat_n(piece, PIECES));
    stage.upstream.script_all([crate::reply::sse(long)]);
    let mut stream = open(&stage, KEY).await;
    read_exactly(&mut stream, 1).await;
    // Until nothing moves any more.
    let (mut sent, mut still) = (stage.upstream.pieces_sent(), 0);
    while still < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = stage.upstream.pieces_sent();
        still = if now == sent { still + 1 } else { 0 };
        sent = now;
    }
    assert!(sent < PIECES, "all {sent} pieces were taken although nobody asked for them");
    drop(stream);
}
