//! Request bodies, read once, under limits.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, Request, Version};
use http_body::Body;
use hyper::body::Incoming;

use crate::coding::{Coding, DecodeError, UnknownCoding, decode_body, parse_content_encoding};

/// Encoded bodies above this size are decoded on the blocking pool.
const DECODE_INLINE: usize = 32 * 1024;

/// How much of a body that is refused for its size is read and thrown away. A connection that is closed while the
/// client still sends is reset, and many clients then never see the reply that says why.
const LINGER_BYTES: usize = 256 * 1024 * 1024;

/// How long that may take.
const LINGER_TIME: Duration = Duration::from_secs(10);

/// What a request body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyLimits {
    /// Bytes on the wire. Default 64 MiB.
    pub max_bytes: usize,
    /// Bytes after decoding. Default 64 MiB.
    pub max_decoded_bytes: usize,
    /// The longest pause between two pieces. Default 60 s.
    pub idle_timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_decoded_bytes: 64 * 1024 * 1024,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

impl BodyLimits {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same limit before and after decoding.
    #[must_use]
    pub fn with_max_bytes(mut self, limit: usize) -> Self {
        self.max_bytes = limit;
        self.max_decoded_bytes = limit;
        self
    }

    /// The limit after decoding.
    #[must_use]
    pub fn with_max_decoded_bytes(mut self, limit: usize) -> Self {
        self.max_decoded_bytes = limit;
        self
    }

    /// The longest pause between two pieces.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }
}

/// Why a request body could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadBodyError {
    /// It is larger than allowed (413). Nothing, or no more than the limit, was read.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// It is larger than allowed once decoded (413).
    #[error("the decoded request body is larger than {limit} bytes")]
    DecompressedTooLarge {
        /// The limit.
        limit: usize,
    },
    /// Its encoding is unknown (415).
    #[error(transparent)]
    UnsupportedEncoding(#[from] UnknownCoding),
    /// It is not what its encoding or its framing says (400).
    #[error("the request body is not what its content-encoding or its framing says")]
    Malformed,
    /// The client stopped sending (408).
    #[error("the request body stalled for {limit:?}")]
    Timeout {
        /// How long we waited for the next piece.
        limit: Duration,
    },
    /// The client went away.
    #[error("the client disconnected while sending the request body")]
    Disconnected,
}

/// The body of a request that arrives. Read it once with [`read`](Self::read).
pub struct InboundBody {
    source: Source,
    codings: Result<Vec<Coding>, UnknownCoding>,
    announced: Option<u64>,
    /// Closing the connection under the client's feet would lose our reply.
    lingers: bool,
}

enum Source {
    Socket(Incoming),
    Given(Bytes),
}

impl InboundBody {
    /// Attaches what the headers say about the body, so that reading it cannot forget an encoding.
    pub(super) fn attach(request: Request<Incoming>) -> Request<Self> {
        let (parts, incoming) = request.into_parts();
        let mut body = Self::with_headers(Source::Socket(incoming), &parts.headers);
        // HTTP/2 ends one stream alone; and who waits for a permission to send has sent nothing yet.
        body.lingers = parts.version < Version::HTTP_2 && !parts.headers.contains_key(EXPECT);
        Request::from_parts(parts, body)
    }

    /// A body that holds these bytes, for requests that come from no socket. It counts as not encoded.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self { source: Source::Given(bytes.into()), codings: Ok(Vec::new()), announced: None, lingers: false }
    }

    fn with_headers(source: Source, headers: &HeaderMap) -> Self {
        let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { source, codings: parse_content_encoding(headers), announced, lingers: false }
    }

    /// How long it is going to be, as far as its headers say so.
    pub(super) fn announced(&self) -> u64 {
        self.announced.unwrap_or(0)
    }

    /// Reads up to `bytes` and throws them away, for no longer than `time`: for a request that is refused unread,
    /// whose client would otherwise be cut off while it sends, and not see the reply.
    pub async fn discard(self, bytes: usize, time: Duration) {
        if let (Source::Socket(incoming), true) = (self.source, self.lingers) {
            discard(incoming, bytes, time).await;
        }
    }

    /// Reads and decodes the whole body.
    ///
    /// # Errors
    /// [`ReadBodyError`] says which limit was hit, or what the client did.
    ///
    /// # Cancel safety
    /// The body is gone when the future is dropped; the connection is then closed after the reply.
    pub async fn read(self, limits: &BodyLimits) -> Result<Bytes, ReadBodyError> {
        let too_large = ReadBodyError::TooLarge { limit: limits.max_bytes };
        if self.announced.is_some_and(|length| length > limits.max_bytes as u64) {
            // What is rare is kept out of the state that every request carries.
            Box::pin(self.discard(LINGER_BYTES, LINGER_TIME)).await;
            return Err(too_large);
        }
        let raw = match self.source {
            Source::Given(bytes) if bytes.len() > limits.max_bytes => return Err(too_large),
            Source::Given(bytes) => bytes,
            Source::Socket(mut incoming) => {
                let raw = gather(&mut incoming, self.announced, limits).await;
                if self.lingers && matches!(raw, Err(ReadBodyError::TooLarge { .. })) {
                    Box::pin(discard(incoming, LINGER_BYTES, LINGER_TIME)).await;
                }
                raw?
            }
        };
        let codings = match self.codings {
            Ok(codings) => codings,
            // Source: http-api.md C.1 "other encodings → 400 unless the raw body is already valid JSON".
            Err(_) if looks_like_json(&raw) => Vec::new(),
            Err(unknown) => return Err(unknown.into()),
        };
        if codings.is_empty() || raw.is_empty() {
            return if raw.len() > limits.max_decoded_bytes {
                Err(ReadBodyError::DecompressedTooLarge { limit: limits.max_decoded_bytes })
            } else {
                Ok(raw)
            };
        }
        let limit = limits.max_decoded_bytes;
        let decoded = if raw.len() <= DECODE_INLINE && limit <= DECODE_INLINE * 32 {
            decode_body(&codings, &raw, limit)
        } else {
            let work = move || decode_body(&codings, &raw, limit);
            tokio::task::spawn_blocking(work).await.map_err(|_| ReadBodyError::Malformed)?
        };
        decoded.map_err(|error| match error {
            DecodeError::TooLarge { limit } => ReadBodyError::DecompressedTooLarge { limit },
            DecodeError::Malformed { .. } => ReadBodyError::Malformed,
        })
    }
}

/// Some clients name a charset, or nonsense, where a coding belongs, and send plain JSON.
fn looks_like_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'['))
}

async fn discard(mut body: Incoming, bytes: usize, time: Duration) {
    let mut left = bytes;
    let reading = async {
        while let Ok(Some(piece)) = piece(&mut body, time).await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                return;
            }
        }
    };
    if tokio::time::timeout(time, reading).await.is_err() {
        tracing::debug!("a client kept sending a body that was refused");
    }
}

async fn gather(
    body: &mut Incoming,
    announced: Option<u64>,
    limits: &BodyLimits,
) -> Result<Bytes, ReadBodyError> {
    let too_large = || ReadBodyError::TooLarge { limit: limits.max_bytes };
    let Some(first) = piece(body, limits.idle_timeout).await? else { return Ok(Bytes::new()) };
    if first.len() > limits.max_bytes {
        return Err(too_large());
    }
    if body.is_end_stream() {
        return Ok(first); // it came in one piece: no copy
    }
    // Trust an announcement only so far: memory is reserved for what has come, times a little.
    let expected = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut whole = BytesMut::with_capacity(expected.min(1024 * 1024).max(first.len() * 2));
    whole.extend_from_slice(&first);
    drop(first);
    while let Some(next) = piece(body, limits.idle_timeout).await? {
        if whole.len() + next.len() > limits.max_bytes {
            return Err(too_large());
        }
        if whole.capacity() - whole.len() < next.len() {
            // Doubling to the end would hold the body one and a half times, and then room for as much again.
            let announced = expected.saturating_sub(whole.len());
            whole.reserve(announced.min(whole.len() * 3).max(next.len()));
        }
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

/// The next data, within the deadline.
async fn piece(body: &mut Incoming, limit: Duration) -> Result<Option<Bytes>, ReadBodyError> {
    let next = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
    let waited = tokio::time::timeout(limit, async {
        let mut next = next;
        loop {
            match (&mut next).await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) if is_malformed(&error) => return Err(ReadBodyError::Malformed),
                Some(Err(_)) => return Err(ReadBodyError::Disconnected),
            }
        }
    });
    waited.await.unwrap_or(Err(ReadBodyError::Timeout { limit }))
}

impl fmt::Debug for InboundBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundBody").field("codings", &self.codings).finish_non_exhaustive()
    }
}

/// Whether the client sent nonsense rather than went away: hyper wraps a bad chunk header in an I/O error.
fn is_malformed(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let nonsense = cause.map(std::io::Error::kind).is_some_and(|kind| {
        matches!(kind, std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData)
    });
    nonsense || error.is_parse() || error.is_user()
}
