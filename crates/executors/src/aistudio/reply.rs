//! What comes back from a page.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cliproxy_core::{
    ErrorKind, Evidence, ExecutorError, Failure, ProviderExecutor, Scope, Timestamp, WireReply, WireStream,
};
use cliproxy_relay::{Event, Exchange, Head, NotSent};
use futures_core::Stream;
use http::{HeaderMap, StatusCode};

use crate::egress::{self, MAX_ERROR_BYTES, MAX_REPLY_BYTES};
use crate::google::error;

/// How long the rest of a failed reply is waited for: what is there by then has to do.
const ERROR_PATIENCE: Duration = Duration::from_secs(10);

/// Who asks, so that failures are read by its rules.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) executor: &'a dyn ProviderExecutor,
    pub(super) now: Timestamp,
    pub(super) first_byte: Option<Duration>,
    /// Whether any status and any page is an answer.
    pub(super) raw: bool,
}

/// A reply that has begun well.
pub(super) enum Begun {
    Whole(Head, Bytes),
    /// Its head, what has come of it, and the rest.
    Streamed(Head, Bytes, Exchange),
}

impl Asker<'_> {
    /// Waits for the head of the reply.
    async fn begun(self, mut exchange: Exchange) -> Result<Begun, ExecutorError> {
        let first = match self.first_byte {
            None => exchange.next().await,
            Some(limit) => tokio::time::timeout(limit, exchange.next())
                .await
                // It may have waited for somebody else's reader.
                .map_err(|_| {
                    about_request(ErrorKind::Timeout, "the page did not answer in time".to_owned())
                })?,
        };
        let begun = match first {
            Some(Event::Whole(head, body)) => Begun::Whole(head, body),
            Some(Event::Start(head)) => Begun::Streamed(head, Bytes::new(), exchange),
            // A page that leaves the start out means 200. Source: providers-a.md 8.2 "Non-stream call".
            Some(Event::Chunk(data)) => Begun::Streamed(plain_head(), data, exchange),
            Some(Event::End) | None => Begun::Whole(plain_head(), Bytes::new()),
            Some(other) => return Err(self.failed(other, ErrorKind::Connect)),
        };
        self.accepted(begun).await
    }

    /// The same, unless it is a failure.
    async fn accepted(self, begun: Begun) -> Result<Begun, ExecutorError> {
        let (Begun::Whole(head, _) | Begun::Streamed(head, ..)) = &begun;
        if self.raw || head.status.is_success() && !egress::is_html(&head.headers) {
            return Ok(begun);
        }
        let (head, body) = match begun {
            Begun::Whole(head, body) => (head, body),
            Begun::Streamed(head, data, mut exchange) => {
                let mut body = BytesMut::from(data);
                let rest = async {
                    while let Some(Event::Chunk(data)) = exchange.next().await {
                        body.extend_from_slice(&data);
                        if body.len() >= MAX_ERROR_BYTES {
                            return;
                        }
                    }
                };
                // A reply that cannot be read any further still has its status.
                drop(tokio::time::timeout(ERROR_PATIENCE, rest).await);
                (head, body.freeze())
            }
        };
        let body = body.slice(..body.len().min(MAX_ERROR_BYTES));
        Err(egress::failed(self.executor, head.status, head.headers, body, self.now))
    }

    /// The whole reply; the chunks of a streamed one are its body.
    pub(super) async fn whole(self, exchange: Exchange) -> Result<WireReply, ExecutorError> {
        let (head, data, mut exchange) = match self.begun(exchange).await? {
            Begun::Whole(head, body) => return Ok(reply(head, body)),
            Begun::Streamed(head, data, exchange) => (head, data, exchange),
        };
        let mut body = BytesMut::from(data);
        loop {
            match exchange.next().await {
                Some(Event::Chunk(data)) if body.len() + data.len() <= MAX_REPLY_BYTES => {
                    body.extend_from_slice(&data);
                }
                Some(Event::Chunk(_)) => {
                    let message = format!("the reply is larger than {MAX_REPLY_BYTES} bytes");
                    return Err(ExecutorError::new(ErrorKind::BadReply, message));
                }
                Some(Event::Start(_)) => {}
                Some(Event::End) => return Ok(reply(head, body.freeze())),
                // Source: providers-a.md 8.2 "`http_response` after chunks with empty body ⇒ the chunks are the body".
                Some(Event::Whole(head, whole)) => {
                    let whole = if whole.is_empty() { body.freeze() } else { whole };
                    let begun = self.accepted(Begun::Whole(head, whole)).await?;
                    let (Begun::Whole(head, whole) | Begun::Streamed(head, whole, _)) = begun;
                    return Ok(reply(head, whole));
                }
                Some(other) => return Err(self.failed(other, ErrorKind::Interrupted)),
                None => return Err(interrupted("the reply broke off")),
            }
        }
    }

    /// The reply as it comes.
    pub(super) async fn streamed(self, exchange: Exchange) -> Result<WireStream, ExecutorError> {
        let (head, data, exchange) = match self.begun(exchange).await? {
            Begun::Whole(head, body) => (head, body, None),
            Begun::Streamed(head, data, exchange) => (head, data, Some(exchange)),
        };
        let first = Some(data).filter(|data| !data.is_empty());
        let arriving = Arriving { first, exchange, begun: false, now: self.now };
        let mut stream = WireStream::new(head.headers, Box::pin(arriving));
        stream.status = head.status;
        Ok(stream)
    }

    /// Why there is no reply. `kind` is what a failure without a status means at this point.
    fn failed(self, event: Event, kind: ErrorKind) -> ExecutorError {
        if let Event::Failed { message, status: Some(status) } = &event
            && !status.is_success()
        {
            let body = Bytes::copy_from_slice(bounded(message).as_bytes());
            return egress::failed(self.executor, *status, HeaderMap::new(), body, self.now);
        }
        broken(event, kind)
    }
}

/// What an event that is no reply says of the page. None of it cools the page: one that cannot send at all goes by
/// itself. Source: providers-a.md 8.5 "error without status ⇒ no cooldown, next credential tried".
fn broken(event: Event, kind: ErrorKind) -> ExecutorError {
    match event {
        Event::Failed { message, .. } => {
            about_request(kind, format!("the page could not get a reply: {}", bounded(&message)))
        }
        Event::Malformed(what) => {
            about_request(ErrorKind::BadReply, format!("the page's reply cannot be read: {what}"))
        }
        // The page did what it could.
        Event::TooSlow => {
            about_request(ErrorKind::Cancelled, "the client did not take the reply in time".to_owned())
        }
        Event::Lost(ended) => about_request(
            ErrorKind::Interrupted,
            "the page went away before its reply was complete".to_owned(),
        )
        .with_source(ended),
        _ => interrupted("the page's reply broke off"),
    }
}

/// Why a request did not reach the page.
pub(super) fn not_sent(error: NotSent) -> ExecutorError {
    let kind = match &error {
        NotSent::NotConnected | NotSent::Ended(_) => ErrorKind::Connect,
        _ => ErrorKind::Internal,
    };
    about_request(kind, error.to_string()).with_source(error)
}

fn about_request(kind: ErrorKind, message: String) -> ExecutorError {
    ExecutorError::from_evidence(Evidence::new(kind).with_scope(Scope::Request), message)
}

fn interrupted(message: &str) -> ExecutorError {
    about_request(ErrorKind::Interrupted, message.to_owned())
}

/// A page's words are shown, not kept.
fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_ERROR_BYTES)).unwrap_or_default()
}

fn plain_head() -> Head {
    Head::new(StatusCode::OK, HeaderMap::new())
}

fn reply(head: Head, body: Bytes) -> WireReply {
    let mut reply = WireReply::new(head.headers, body);
    reply.status = head.status;
    reply
}

/// The chunks of a reply.
struct Arriving {
    first: Option<Bytes>,
    /// `None` after the end.
    exchange: Option<Exchange>,
    /// Whether anything was handed on.
    begun: bool,
    now: Timestamp,
}

/// A failure in the middle of a stream, with the status that the page names.
fn failed_within(status: StatusCode, message: &str, now: Timestamp) -> ExecutorError {
    let (headers, body) = (HeaderMap::new(), bounded(message));
    let evidence = error::classify(&Failure::in_stream(Some(status), &headers, body.as_bytes(), now));
    let told = "the page told of an error inside its reply";
    ExecutorError::from_evidence(evidence, told).with_reply(
        status,
        headers,
        Bytes::copy_from_slice(body.as_bytes()),
    )
}

impl Stream for Arriving {
    type Item = Result<Bytes, ExecutorError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            self.begun = true;
            return Poll::Ready(Some(Ok(first)));
        }
        loop {
            let Some(exchange) = &mut self.exchange else { return Poll::Ready(None) };
            let event = match exchange.poll_next(cx) {
                Poll::Ready(event) => event.unwrap_or(Event::End),
                Poll::Pending => return Poll::Pending,
            };
            if event.is_last() {
                self.exchange = None;
            }
            let item = match event {
                Event::Chunk(data) if !data.is_empty() => Ok(data),
                Event::Chunk(_) | Event::Start(_) | Event::End => continue,
                // Source: providers-a.md 8.2 "`http_response` inside a stream is accepted as the whole answer".
                Event::Whole(head, body) if head.status.is_success() && (body.is_empty() || !self.begun) => {
                    if body.is_empty() {
                        continue;
                    }
                    Ok(body)
                }
                Event::Whole(..) => Err(about_request(
                    ErrorKind::BadReply,
                    "the page answered a second time, in the middle of its reply".to_owned(),
                )),
                Event::Failed { message, status: Some(status) } if !status.is_success() => {
                    Err(failed_within(status, &message, self.now))
                }
                other => Err(broken(other, ErrorKind::Interrupted)),
            };
            self.begun = true;
            return Poll::Ready(Some(item));
        }
    }
}
