//! Content codings: gzip, deflate, br and zstd, alone or stacked, whole or piece by piece, always under a limit.

mod layer;
mod sink;
mod zstd;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use layer::Layer;

/// Input is decoded in slices of this size, so that a limit is noticed early.
const SLICE: usize = 16 * 1024;

/// More codings than this on one body are nobody's honest work.
const MAX_STACKED: usize = 4;

/// A content coding that we can undo.
// Source: RFC 9110 §8.4.1, RFC 7932 (br), RFC 8878 (zstd).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// `gzip`, also spelt `x-gzip`.
    Gzip,
    /// `deflate`: zlib as the RFC says, or raw DEFLATE as some servers send.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

/// `Content-Encoding` names something that we cannot undo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the content encoding {name:?} is not supported")]
#[non_exhaustive]
pub struct UnknownCoding {
    /// What it names, cut to a few characters.
    pub name: String,
}

/// Why encoded bytes could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The result would be larger than allowed.
    #[error("the decoded body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The bytes are not what the coding says, or stop half-way.
    #[error("the body is not valid {coding:?}")]
    Malformed {
        /// The coding that failed.
        coding: Coding,
    },
}

/// The codings of a body in the order they were applied; `identity` counts for nothing.
///
/// # Errors
/// When one of them is unknown, or there are absurdly many.
pub fn parse_content_encoding(headers: &HeaderMap) -> Result<Vec<Coding>, UnknownCoding> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let unknown = |name: &str| UnknownCoding { name: name.chars().take(40).collect() };
        let value = value.to_str().map_err(|_| unknown("?"))?;
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.to_ascii_lowercase().as_str() {
                "identity" => {}
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "deflate" => codings.push(Coding::Deflate),
                "br" => codings.push(Coding::Brotli),
                "zstd" => codings.push(Coding::Zstd),
                _ => return Err(unknown(name)),
            }
        }
        if codings.len() > MAX_STACKED {
            return Err(unknown(value));
        }
    }
    Ok(codings)
}

/// Recognises gzip and zstd by their first bytes.
// Source: RFC 1952 §2.3.1, RFC 8878 §3.1.1.
#[must_use]
pub fn sniff_coding(bytes: &[u8]) -> Option<Coding> {
    match bytes {
        [0x1f, 0x8b, 8, ..] => Some(Coding::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Coding::Zstd),
        _ => None,
    }
}

/// Undoes `codings` (in the order they were applied) on a whole body, giving at most `limit` bytes at any stage.
///
/// It computes: call it on the blocking pool when the input is large.
///
/// # Errors
/// When the result is larger than `limit`, or the bytes are not what the codings say.
pub fn decode_body(codings: &[Coding], bytes: &Bytes, limit: usize) -> Result<Bytes, DecodeError> {
    let mut current = bytes.clone();
    for coding in codings.iter().rev() {
        let mut decoder = Decoder::with_budget(&[*coding], limit, limit);
        let mut out = Vec::new();
        for slice in current.chunks(SLICE) {
            decoder.push_into(slice, &mut out)?;
        }
        decoder.finish_into(&mut out)?;
        current = out.into();
    }
    Ok(current)
}

/// Undoes codings piece by piece.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// In the order of undoing.
    layers: Vec<Layer>,
    /// What one piece may grow to.
    step: usize,
    /// What everything together may still grow to.
    budget: usize,
    limit: usize,
    finished: bool,
}

impl Decoder {
    /// For a stream of any length whose pieces stay reasonable.
    pub(crate) fn for_stream(codings: &[Coding], step: usize) -> Self {
        Self::with_budget(codings, usize::MAX, step)
    }

    fn with_budget(codings: &[Coding], budget: usize, step: usize) -> Self {
        let layers = codings.iter().rev().map(|coding| Layer::new(*coding)).collect();
        Self { layers, step, budget, limit: budget.min(step), finished: false }
    }

    /// Takes the next piece; gives what can be known by now, which may be nothing.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Bytes, DecodeError> {
        let mut out = Vec::new();
        self.push_into(piece, &mut out)?;
        Ok(out.into())
    }

    /// The input is over: gives what was held back.
    pub(crate) fn finish(&mut self) -> Result<Bytes, DecodeError> {
        let mut out = Vec::new();
        self.finish_into(&mut out)?;
        Ok(out.into())
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    fn push_into(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let room = self.room();
        let grown = run(&mut self.layers, piece, room, self.limit, out)?;
        self.budget = self.budget.saturating_sub(grown);
        Ok(())
    }

    fn finish_into(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        let (room, limit) = (self.room(), self.limit);
        let mut remaining = self.layers.as_mut_slice();
        while let Some((first, rest)) = remaining.split_first_mut() {
            let mut tail = Vec::new();
            first.finish(&mut tail, room).map_err(|fault| fault.into_error(first.coding(), limit))?;
            run(rest, &tail, room, limit, out)?;
            remaining = rest;
        }
        Ok(())
    }

    fn room(&self) -> usize {
        self.budget.min(self.step)
    }
}

/// Sends a piece through the layers and appends what comes out; says how much that was.
fn run(
    layers: &mut [Layer],
    piece: &[u8],
    room: usize,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<usize, DecodeError> {
    let before = out.len();
    let Some((first, rest)) = layers.split_first_mut() else {
        out.extend_from_slice(piece);
        return Ok(piece.len());
    };
    if rest.is_empty() {
        first.push(piece, out, room).map_err(|fault| fault.into_error(first.coding(), limit))?;
        return Ok(out.len() - before);
    }
    let mut between = Vec::new();
    first.push(piece, &mut between, room).map_err(|fault| fault.into_error(first.coding(), limit))?;
    run(rest, &between, room, limit, out)
}
