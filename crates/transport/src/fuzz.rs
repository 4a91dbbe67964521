//! Bodies that are compressed, as a target for libFuzzer and for a seeded runner. See `fuzz/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target fails by panicking"
)]

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};

use crate::coding::{Decoder, decode_body, parse_content_encoding, sniff_coding};

/// No stage of a body may become larger.
const LIMIT: usize = 1 << 16;

/// `Content-Encoding` in the first line, then a body: it is decoded within its limit or refused, and piece by piece
/// gives what the whole gives.
pub fn fuzz_coding(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (named, body) = (&data[..end], &data[end + 1..]);
    let mut headers = HeaderMap::new();
    if let Ok(named) = HeaderValue::from_bytes(named) {
        headers.insert(CONTENT_ENCODING, named);
    }
    let Ok(codings) = parse_content_encoding(&headers) else { return };
    if let Some(coding) = sniff_coding(body) {
        let _decoded = decode_body(&[coding], &Bytes::copy_from_slice(body), LIMIT);
    }
    let Ok(whole) = decode_body(&codings, &Bytes::copy_from_slice(body), LIMIT) else { return };
    assert!(whole.len() <= LIMIT || codings.is_empty());
    let mut decoder = Decoder::for_stream(&codings, LIMIT);
    let mut pieces = Vec::new();
    for piece in body.chunks(end + 1) {
        pieces.extend_from_slice(&decoder.push(piece).expect("a piece of what is right"));
    }
    pieces.extend_from_slice(&decoder.finish().expect("the end of what is right"));
    assert_eq!(pieces, whole, "{codings:?}");
}

#[cfg(test)]
mod tests {
    use cliproxy_testkit::fuzz::{run, seeds};

    use super::*;

    #[test]
    fn any_body_is_decoded_within_its_limit_or_refused() {
        let tokens = ["gzip", "deflate", "br", "zstd", "identity", ", ", "\n", "\u{1f}", "\u{0}"];
        run(6000, &seeds("coding"), &tokens, fuzz_coding);
    }
}
