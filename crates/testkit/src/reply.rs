//! What a fake upstream answers.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

/// One reply of a script: status, headers and a body made of [`Piece`]s.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) head: Head,
}

/// What happens before the body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head {
    After(Duration),
    Never,
    Closed,
}

/// One piece of a reply's body. Each piece of bytes leaves as one chunk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Piece {
    /// Bytes to send.
    Bytes(Bytes),
    /// Time in which nothing is sent.
    Pause(Duration),
    /// The connection is closed here, with no end of the body.
    Cut,
    /// Nothing more comes, and the connection stays open.
    Stall,
}

/// A content coding that a reply can be sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `deflate` as the RFC means it: with a zlib frame.
    Zlib,
    /// `deflate` as some servers mean it: without one.
    RawDeflate,
    /// `br`, stored and not compressed: for what decodes it that is all the same.
    Brotli,
    /// `zstd`.
    Zstd,
}

impl Encoding {
    /// The name in `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib | Self::RawDeflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses bytes.
    #[must_use]
    pub fn compress(self, bytes: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match self {
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Self::Zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Self::RawDeflate => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Self::Brotli => brotli_stored(bytes),
            Self::Zstd => {
                ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
            }
        }
    }
}

/// A brotli stream of stored blocks.
// Source: RFC 7932 §9.2: window bits 16, then stored meta-blocks, then an empty last one.
fn brotli_stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for (index, block) in bytes.chunks(60_000).enumerate() {
        let length = u32::try_from(block.len() - 1).unwrap();
        // ISLAST 0, MNIBBLES 00, MLEN-1 in 16 bits, ISUNCOMPRESSED 1; the very first is preceded by WBITS 0.
        let header = (length << 3) | (1 << 19);
        let header = if index == 0 { header << 1 } else { header };
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
    out.push(3);
    out
}

/// An empty reply with this status.
#[must_use]
pub fn status(code: u16) -> Reply {
    let status = StatusCode::from_u16(code).expect("a valid status");
    Reply { status, headers: HeaderMap::new(), pieces: Vec::new(), head: Head::After(Duration::ZERO) }
}

/// 200 with a JSON body.
#[must_use]
pub fn json(body: &Value) -> Reply {
    status(200).json(body)
}

/// 200 with an event stream.
#[must_use]
pub fn sse(pieces: impl IntoIterator<Item = Piece>) -> Reply {
    let pieces = pieces.into_iter().collect();
    Reply { pieces, ..status(200).header("content-type", "text/event-stream; charset=utf-8") }
}

/// 200 with these pieces and no content type.
#[must_use]
pub fn stream(pieces: impl IntoIterator<Item = Piece>) -> Reply {
    Reply { pieces: pieces.into_iter().collect(), ..status(200) }
}

/// What a broken gateway sends: a page for people.
#[must_use]
pub fn html(code: u16) -> Reply {
    let page = "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>";
    status(code).header("content-type", "text/html").body(page)
}

/// Takes the request and never answers.
#[must_use]
pub fn hang() -> Reply {
    Reply { head: Head::Never, ..status(200) }
}

/// Takes the request and closes the connection without an answer.
#[must_use]
pub fn refuse() -> Reply {
    Reply { head: Head::Closed, ..status(200) }
}

/// An SSE event with a name.
#[must_use]
pub fn event(name: &str, data: &Value) -> Piece {
    raw(format!("event: {name}\ndata: {data}\n\n"))
}

/// An SSE event without a name.
#[must_use]
pub fn data(data: &Value) -> Piece {
    raw(format!("data: {data}\n\n"))
}

/// The end of an OpenAI stream.
#[must_use]
pub fn done() -> Piece {
    raw("data: [DONE]\n\n")
}

/// Bytes as they are.
#[must_use]
pub fn raw(bytes: impl Into<Bytes>) -> Piece {
    Piece::Bytes(bytes.into())
}

/// Time in which nothing is sent.
#[must_use]
pub fn pause(length: Duration) -> Piece {
    Piece::Pause(length)
}

/// The connection breaks here.
#[must_use]
pub fn cut() -> Piece {
    Piece::Cut
}

/// Nothing more comes.
#[must_use]
pub fn stall() -> Piece {
    Piece::Stall
}

impl Reply {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a valid header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a valid header value"));
        self
    }

    /// Replaces the status.
    #[must_use]
    pub fn with_status(mut self, code: u16) -> Self {
        self.status = StatusCode::from_u16(code).expect("a valid status");
        self
    }

    /// Replaces the body by these bytes.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.pieces = vec![Piece::Bytes(bytes.into())];
        self
    }

    /// Replaces the body by JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        let mut reply = self.body(body.to_string());
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply
    }

    /// Adds a piece at the end.
    #[must_use]
    pub fn then(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }

    /// Puts a piece before the piece at `index`.
    #[must_use]
    pub fn insert(mut self, index: usize, piece: Piece) -> Self {
        self.pieces.insert(index, piece);
        self
    }

    /// Keeps the first `count` pieces.
    #[must_use]
    pub fn truncate(mut self, count: usize) -> Self {
        self.pieces.truncate(count);
        self
    }

    /// Waits this long between any two pieces.
    #[must_use]
    pub fn paced(mut self, gap: Duration) -> Self {
        let pieces = std::mem::take(&mut self.pieces);
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                self.pieces.push(pause(gap));
            }
            self.pieces.push(piece);
        }
        self
    }

    /// Sends the head this late.
    #[must_use]
    pub fn slow_head(mut self, delay: Duration) -> Self {
        self.head = Head::After(delay);
        self
    }

    /// Cuts the bytes of the body into chunks of `size`, wherever that falls.
    #[must_use]
    pub fn split_every(mut self, size: usize) -> Self {
        let pieces = std::mem::take(&mut self.pieces);
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => {
                    self.pieces
                        .extend(bytes.chunks(size.max(1)).map(|part| raw(Bytes::copy_from_slice(part))));
                }
                other @ (Piece::Pause(_) | Piece::Cut | Piece::Stall) => self.pieces.push(other),
            }
        }
        self
    }

    /// Joins all bytes into one chunk. Pauses are lost.
    #[must_use]
    pub fn joined(self) -> Self {
        let bytes = self.bytes();
        self.body(bytes)
    }

    /// Compresses the body into one chunk and says so in `Content-Encoding`. Pauses are lost.
    #[must_use]
    pub fn compressed(self, encoding: Encoding) -> Self {
        let mut reply = self.compressed_silently(encoding);
        reply.headers.append(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        reply
    }

    /// Compresses the body and does not say so.
    #[must_use]
    pub fn compressed_silently(self, encoding: Encoding) -> Self {
        let bytes = encoding.compress(&self.bytes());
        self.body(bytes)
    }

    /// All bytes of the body.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for piece in &self.pieces {
            if let Piece::Bytes(bytes) = piece {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    /// How many pieces the body has.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

/// The pieces of a stream can be edited and put back.
impl From<Reply> for Vec<Piece> {
    fn from(reply: Reply) -> Self {
        reply.pieces
    }
}
