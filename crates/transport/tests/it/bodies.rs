//! Replies in every coding, whole and as streams.

use bytes::Bytes;
use cliproxy_testkit::{Encoding, FakeUpstream, raw, status, stream};
use cliproxy_transport::{
    BodyError, Coding, DecodeError, HttpClient, IncomingBody, Via, decode_body, parse_content_encoding,
    sniff_coding,
};
use http::HeaderMap;

use crate::support::{client, post};

fn sample() -> Vec<u8> {
    (0..3000).flat_map(|n| format!("data: event number {n}\n\n").into_bytes()).collect()
}

fn encoded() -> Vec<(&'static str, Coding, Vec<u8>)> {
    let plain = sample();
    vec![
        ("gzip", Coding::Gzip, Encoding::Gzip.compress(&plain)),
        ("deflate", Coding::Deflate, Encoding::Zlib.compress(&plain)),
        ("deflate", Coding::Deflate, Encoding::RawDeflate.compress(&plain)),
        ("br", Coding::Brotli, Encoding::Brotli.compress(&plain)),
        ("zstd", Coding::Zstd, Encoding::Zstd.compress(&plain)),
    ]
}

async fn reply(client: &HttpClient, upstream: &FakeUpstream) -> http::Response<IncomingBody> {
    client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap()
}

#[tokio::test]
async fn every_coding_is_undone_whatever_the_chunks() {
    let upstream = FakeUpstream::start().await;
    let client = client();
    for (name, _, bytes) in encoded() {
        for size in [1, 7, 1000, usize::MAX] {
            let body = stream([raw(bytes.clone())]).split_every(size);
            upstream.script_all([body.header("content-encoding", name)]);
            let reply = reply(&client, &upstream).await;
            assert!(!reply.headers().contains_key("content-encoding"));
            assert!(!reply.headers().contains_key("content-length"));
            let plain = reply.into_body().collect_bounded(1 << 20).await.unwrap();
            assert_eq!(plain, sample(), "{name} in chunks of {size}");
        }
    }
}

#[tokio::test]
async fn a_compressed_stream_flows_piece_by_piece() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut pieces = Vec::new();
    for text in ["data: 1\n\n", "data: 2\n\n"] {
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.flush().unwrap();
        pieces.push(raw(std::mem::take(encoder.get_mut())));
    }
    pieces.push(cliproxy_testkit::stall());
    let upstream = FakeUpstream::start().await;
    upstream.script_all([stream(pieces).header("content-encoding", "gzip")]);
    let mut body = reply(&client(), &upstream).await.into_body();
    let mut seen = Vec::new();
    while seen.len() < 18 {
        seen.extend_from_slice(&body.chunk().await.unwrap().unwrap());
    }
    assert_eq!(seen, b"data: 1\n\ndata: 2\n\n");
}

#[tokio::test]
async fn stacked_codings_are_undone_in_reverse() {
    let twice = Encoding::Zstd.compress(&Encoding::Gzip.compress(&sample()));
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200).header("content-encoding", "gzip, zstd").body(twice.clone())]);
    let plain = reply(&client(), &upstream).await.into_body().collect_bounded(1 << 20).await.unwrap();
    assert_eq!(plain, sample());
    let plain = decode_body(&[Coding::Gzip, Coding::Zstd], &twice.into(), 1 << 20).unwrap();
    assert_eq!(plain, sample());
}

#[tokio::test]
async fn an_unknown_coding_is_left_alone_and_said() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200).header("content-encoding", "compress").body("?")]);
    let reply = reply(&client(), &upstream).await;
    assert_eq!(reply.headers()["content-encoding"], "compress");
    assert_eq!(reply.into_body().collect_bounded(10).await.unwrap(), "?");
}

#[tokio::test]
async fn a_truncated_body_is_an_error_in_every_coding() {
    for (name, coding, bytes) in encoded() {
        for cut in [1, 2, bytes.len() / 2, bytes.len() - 1] {
            let part = Bytes::copy_from_slice(&bytes[..cut]);
            let decoded = decode_body(&[coding], &part, 1 << 20);
            assert_eq!(decoded, Err(DecodeError::Malformed { coding }), "{name} cut at {cut}");
        }
    }
}

#[tokio::test]
async fn bombs_stop_at_the_limit() {
    let zeros = vec![0_u8; 8 << 20];
    let bombs = [
        (Coding::Gzip, Encoding::Gzip.compress(&zeros)),
        (Coding::Deflate, Encoding::Zlib.compress(&zeros)),
        (Coding::Deflate, Encoding::RawDeflate.compress(&zeros)),
        (Coding::Brotli, Encoding::Brotli.compress(&zeros)),
        (Coding::Zstd, Encoding::Zstd.compress(&zeros)),
    ];
    for (coding, bomb) in bombs {
        let bomb = Bytes::from(bomb);
        assert_eq!(
            decode_body(&[coding], &bomb, 1 << 20),
            Err(DecodeError::TooLarge { limit: 1 << 20 }),
            "{coding:?}"
        );
        assert_eq!(decode_body(&[coding], &bomb, 8 << 20).unwrap().len(), 8 << 20, "{coding:?} at the limit");
    }
    let inner = Encoding::Gzip.compress(&zeros);
    let outer = Bytes::from(Encoding::Gzip.compress(&inner));
    let both = [Coding::Gzip, Coding::Gzip];
    assert_eq!(decode_body(&both, &outer, 1 << 20), Err(DecodeError::TooLarge { limit: 1 << 20 }));
}

#[test]
fn nonsense_is_malformed_and_never_a_panic() {
    let mut state = 0x9e37_79b9_u32;
    for (_, coding, valid) in encoded() {
        for round in 0..300 {
            // Noise, and noise behind a valid beginning.
            let mut bytes = if round % 2 == 0 { valid[..40].to_vec() } else { Vec::new() };
            for _ in 0..64 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes.push(state.to_be_bytes()[0]);
            }
            if let Ok(decoded) = decode_body(&[coding], &bytes.into(), 1 << 16) {
                assert!(decoded.len() <= 1 << 16);
            }
        }
    }
}

#[tokio::test]
async fn an_error_body_compressed_without_saying_so_is_recognised() {
    let upstream = FakeUpstream::start().await;
    let plain = status(400).body("{\"error\":\"bad\"}");
    upstream.script_all([
        plain.clone().compressed_silently(Encoding::Gzip),
        plain.clone().compressed_silently(Encoding::Zstd),
        plain,
        status(400).body(&b"\x1f\x8b\x08 not gzip at all"[..]),
    ]);
    let client = client();
    for expected in [
        &b"{\"error\":\"bad\"}"[..],
        b"{\"error\":\"bad\"}",
        b"{\"error\":\"bad\"}",
        b"\x1f\x8b\x08 not gzip at all",
    ] {
        let body = reply(&client, &upstream).await.into_body();
        assert_eq!(body.collect_sniffed(1000).await.unwrap(), expected);
    }
    assert_eq!(sniff_coding(b"plain"), None);
}

#[tokio::test]
async fn collecting_stops_at_the_limit_announced_or_not() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200).body("0123456789"), stream([raw("01234"), raw("56789")])]);
    let client = client();
    for _ in 0..2 {
        let body = reply(&client, &upstream).await.into_body();
        assert!(matches!(body.collect_bounded(9).await, Err(BodyError::TooLarge { limit: 9 })));
    }
    let body = reply(&client, &upstream).await.into_body();
    assert_eq!(body.collect_bounded(10).await.unwrap(), "0123456789");
}

#[test]
fn content_encoding_is_read_leniently_and_bounded() {
    let parse = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("content-encoding", value.parse().unwrap());
        }
        parse_content_encoding(&headers)
    };
    assert_eq!(parse(&[]), Ok(vec![]));
    assert_eq!(parse(&["identity", " X-GZIP ,, br"]), Ok(vec![Coding::Gzip, Coding::Brotli]));
    assert_eq!(parse(&["gzip", "zstd"]), Ok(vec![Coding::Gzip, Coding::Zstd]));
    assert_eq!(parse(&["lzma"]).unwrap_err().name, "lzma");
    assert!(parse(&["gzip,gzip,gzip,gzip,gzip"]).is_err());
}
