//! The client's end of a websocket, for tests.

use std::fmt;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::{ClientBuilder, Limits, Message, WebSocketStream};

/// Any connection.
trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection for S {}

/// A websocket of which a test sees everything. Pings are answered while it is read.
pub struct TestSocket {
    socket: WebSocketStream<Box<dyn Connection>>,
    closed: Option<(u16, String)>,
}

impl fmt::Debug for TestSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSocket").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl TestSocket {
    /// A websocket over a connection whose handshake is done, or needs none. [`TestClient`](crate::TestClient) opens
    /// one at a server.
    #[must_use]
    pub fn over(connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let connection: Box<dyn Connection> = Box::new(connection);
        let socket = ClientBuilder::new().limits(Limits::unlimited()).take_over(connection);
        Self { socket, closed: None }
    }

    /// Sends JSON as a text message.
    ///
    /// # Panics
    /// When the other end is gone.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(message.to_string()).await;
    }

    /// Sends a text message.
    ///
    /// # Panics
    /// When the other end is gone.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        assert!(self.try_send_text(text).await, "the other end is gone");
    }

    /// Sends a text message. False when the other end is gone.
    pub async fn try_send_text(&mut self, text: impl Into<String>) -> bool {
        self.socket.send(Message::text(text.into())).await.is_ok()
    }

    /// Sends a binary message.
    ///
    /// # Panics
    /// When the other end is gone.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) {
        self.socket.send(Message::binary(bytes.into())).await.expect("the other end is there");
    }

    /// The next message, which has to be JSON; `None` at the end. See [`Self::closed`].
    ///
    /// # Panics
    /// When it is no JSON.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let message = self.socket.next().await?.ok()?;
            if let Some((code, reason)) = message.as_close() {
                self.closed = Some((code.into(), reason.to_owned()));
            } else if message.is_text() {
                let text = message.as_text().unwrap_or_default();
                return Some(
                    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}")),
                );
            }
        }
    }

    /// Code and reason of the other end's goodbye, when it has said one: read to the end before.
    #[must_use]
    pub fn closed(&self) -> Option<(u16, &str)> {
        self.closed.as_ref().map(|(code, reason)| (*code, reason.as_str()))
    }

    /// Reads to the end, and says how the other end said goodbye.
    pub async fn ending(mut self) -> Option<(u16, String)> {
        while self.next().await.is_some() {}
        self.closed
    }

    /// Says goodbye, and waits for the other end's.
    pub async fn close(mut self) {
        drop(self.socket.close().await);
    }
}
