//! Requests that want to become websockets: the opening handshake, and the bare connection behind it.
//!
//! What is said over that connection is not our business: framing belongs to whoever takes it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cliproxy_core::lists_token;
use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::request::Parts;
use http::{Response, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use ring::digest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::outbound::OutboundBody;

/// Proves that the server has read the handshake as one. Source: RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The only version there is. Source: RFC 6455 §4.1.
const VERSION: HeaderValue = HeaderValue::from_static("13");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// A valid opening handshake, not yet answered.
pub struct WebSocketRequest {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

/// Why a request is no opening handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebSocketRefusal {
    /// It is an ordinary request.
    #[error("this address speaks websockets: connect with an HTTP/1.1 upgrade")]
    NotAsked,
    /// It came over HTTP/2, where this server opens no websockets.
    #[error("websockets are opened over HTTP/1.1 here: connect without HTTP/2")]
    NotHttp1,
    /// It wants another version of the protocol.
    #[error("only version 13 of the websocket protocol is spoken here")]
    WrongVersion,
    /// Its `Sec-WebSocket-Key` is missing, or is not sixteen bytes in base64.
    #[error("the websocket handshake has no valid Sec-WebSocket-Key")]
    NoKey,
}

impl WebSocketRefusal {
    /// The status that says so. Source: RFC 9110 §15.5.22 (426); RFC 6455 §4.2.2 item 4 (the version), §4.2.1 (400).
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotAsked | Self::NotHttp1 | Self::WrongVersion => StatusCode::UPGRADE_REQUIRED,
            Self::NoKey => StatusCode::BAD_REQUEST,
        }
    }

    /// The headers that tell a client what would be right. Over HTTP/2 there are none: they belong to HTTP/1.1.
    #[must_use]
    pub fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if matches!(self, Self::NotAsked | Self::WrongVersion) {
            headers.insert(UPGRADE, WEBSOCKET);
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
        }
        headers
    }
}

impl WebSocketRequest {
    /// Reads the handshake, and takes the connection's upgrade out of the request.
    ///
    /// # Errors
    /// When it is none; the request is as it was.
    pub fn take(parts: &mut Parts) -> Result<Self, WebSocketRefusal> {
        if parts.version > Version::HTTP_11 {
            return Err(WebSocketRefusal::NotHttp1);
        }
        let lists = |header, token| lists_token(&parts.headers, header, token);
        let asked = lists(&CONNECTION, "upgrade") && lists(&UPGRADE, "websocket");
        if !asked || parts.version < Version::HTTP_11 {
            return Err(WebSocketRefusal::NotAsked);
        }
        if parts.headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
            return Err(WebSocketRefusal::WrongVersion);
        }
        let key =
            parts.headers.get(SEC_WEBSOCKET_KEY).ok_or(WebSocketRefusal::NoKey)?.as_bytes().trim_ascii();
        if STANDARD.decode(key).map_or(0, |key| key.len()) != 16 {
            return Err(WebSocketRefusal::NoKey);
        }
        let accept = accept(key).ok_or(WebSocketRefusal::NoKey)?;
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(WebSocketRefusal::NotAsked)?;
        Ok(Self { accept, upgrade })
    }

    /// The answer that opens the websocket, and the connection that is there once the answer is out.
    #[must_use]
    pub fn accept(self) -> (Response<OutboundBody>, Upgrading) {
        let mut response = Response::new(OutboundBody::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, WEBSOCKET);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        (response, Upgrading(self.upgrade))
    }
}

impl fmt::Debug for WebSocketRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketRequest").finish_non_exhaustive()
    }
}

/// Source: RFC 6455 §4.2.2 item 5.4. SHA-1 proves nothing here but that the key was read.
fn accept(key: &[u8]) -> Option<HeaderValue> {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    HeaderValue::try_from(STANDARD.encode(hash.finish())).ok()
}

/// A connection that is about to be handed over.
#[derive(Debug)]
pub struct Upgrading(OnUpgrade);

/// The connection was gone before it could be handed over.
#[derive(Debug, thiserror::Error)]
#[error("the connection ended before it became a websocket")]
pub struct UpgradeError(#[source] hyper::Error);

impl Upgrading {
    /// Waits until the answer is out; from then on the connection is the caller's.
    ///
    /// # Errors
    /// When the client went away before, or the answer was another one.
    pub async fn socket(self) -> Result<UpgradedSocket, UpgradeError> {
        self.0.await.map(|socket| UpgradedSocket(TokioIo::new(socket))).map_err(UpgradeError)
    }
}

/// A client's connection after an upgrade. Its peer has to take what is written within the server's deadline.
#[derive(Debug)]
pub struct UpgradedSocket(TokioIo<Upgraded>);

impl AsyncRead for UpgradedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for UpgradedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn refusal(version: Version, headers: &[(&'static str, &'static str)]) -> WebSocketRefusal {
        let mut parts = Request::new(()).into_parts().0;
        parts.version = version;
        for (name, value) in headers {
            parts.headers.append(*name, HeaderValue::from_static(value));
        }
        WebSocketRequest::take(&mut parts).unwrap_err()
    }

    #[test]
    fn the_answer_to_a_key_is_the_one_of_the_standard() {
        // Source: RFC 6455 §1.3, the example.
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_handshake_is_told_why() {
        const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        const ASKED: (&str, &str) = ("upgrade", "WebSocket");
        const WANTS: (&str, &str) = ("connection", "keep-alive, Upgrade");
        const V13: (&str, &str) = ("sec-websocket-version", "13");
        let all: &[(&str, &str)] = &[ASKED, WANTS, V13, KEY];
        for (version, headers, expected) in [
            (Version::HTTP_11, &[][..], WebSocketRefusal::NotAsked),
            (Version::HTTP_11, &[ASKED, V13, KEY], WebSocketRefusal::NotAsked),
            (Version::HTTP_11, &[WANTS, V13, KEY], WebSocketRefusal::NotAsked),
            (Version::HTTP_11, &[("upgrade", "h2c"), WANTS, V13, KEY], WebSocketRefusal::NotAsked),
            (Version::HTTP_10, all, WebSocketRefusal::NotAsked),
            (Version::HTTP_2, all, WebSocketRefusal::NotHttp1),
            (Version::HTTP_11, &[ASKED, WANTS, KEY], WebSocketRefusal::WrongVersion),
            (
                Version::HTTP_11,
                &[ASKED, WANTS, ("sec-websocket-version", "8"), KEY],
                WebSocketRefusal::WrongVersion,
            ),
            (Version::HTTP_11, &[ASKED, WANTS, V13], WebSocketRefusal::NoKey),
            (
                Version::HTTP_11,
                &[ASKED, WANTS, V13, ("sec-websocket-key", "c2hvcnQ=")],
                WebSocketRefusal::NoKey,
            ),
            (Version::HTTP_11, &[ASKED, WANTS, V13, ("sec-websocket-key", "%")], WebSocketRefusal::NoKey),
            // A handshake on what is no connection of a server: nothing can be taken over.
            (Version::HTTP_11, all, WebSocketRefusal::NotAsked),
        ] {
            assert_eq!(refusal(version, headers), expected, "{version:?} {headers:?}");
        }
    }

    #[test]
    fn a_refusal_names_what_would_be_right_where_that_can_be_said() {
        let right = WebSocketRefusal::WrongVersion.headers();
        assert_eq!(right.get(SEC_WEBSOCKET_VERSION).unwrap(), "13");
        assert_eq!(right.get(UPGRADE).unwrap(), "websocket");
        assert!(WebSocketRefusal::NotHttp1.headers().is_empty());
        assert_eq!(WebSocketRefusal::NotHttp1.status(), 426);
        assert_eq!(WebSocketRefusal::NoKey.status(), 400);
    }
}
