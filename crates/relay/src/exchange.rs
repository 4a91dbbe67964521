//! One request and the events of its reply.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use crate::session::{Ended, Session};

/// Events of one reply that may wait, whatever their size.
const MOST_EVENTS: usize = 1024;

/// Status and headers of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those that are about the page's own connection.
    pub headers: HeaderMap,
}

impl Head {
    /// A head.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap) -> Self {
        Self { status, headers }
    }

    fn size(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
    }
}

/// What becomes of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The whole reply. Nothing follows.
    Whole(Head, Bytes),
    /// A reply begins.
    Start(Head),
    /// More of it.
    Chunk(Bytes),
    /// It is complete. Nothing follows.
    End,
    /// The page could not do it. Nothing follows.
    Failed {
        /// In the page's words.
        message: String,
        /// The status that the page names.
        status: Option<StatusCode>,
    },
    /// The page sent what cannot be read as a reply: what, for people. Nothing follows.
    Malformed(String),
    /// Its reader took nothing for so long that the page was told no more of it. Nothing follows.
    TooSlow,
    /// The session ended. Nothing follows.
    Lost(Ended),
}

impl Event {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        !matches!(self, Self::Start(_) | Self::Chunk(_))
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Whole(head, bytes) => head.size() + bytes.len(),
            Self::Start(head) => head.size(),
            Self::Chunk(bytes) => bytes.len(),
            Self::Failed { message, .. } | Self::Malformed(message) => message.len(),
            Self::End | Self::TooSlow | Self::Lost(_) => 0,
        }
    }
}

/// An event and the room that it takes.
pub(crate) type Parcel = (Event, OwnedSemaphorePermit);

/// Where the events of a request are put.
#[derive(Clone)]
pub(crate) struct Mailbox {
    events: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
    size: u32,
    /// Why no more comes, when it is not the session's end.
    verdict: Arc<Mutex<Option<Event>>>,
    /// How long the page has been held up for its reader, all in all.
    stalled: Arc<Mutex<Duration>>,
}

impl Mailbox {
    /// As [`Self::put`], unless the page has been held up for this reader for as long as it may be, all in all: then
    /// false.
    pub(crate) async fn put_within(&self, event: Event, budget: Duration) -> bool {
        let left = budget.saturating_sub(*self.stalled.lock());
        let started = Instant::now();
        let put = timeout(left, self.put(event)).await;
        *self.stalled.lock() += started.elapsed();
        put.is_ok()
    }

    /// Puts an event in as soon as there is room. False when nobody will read it.
    async fn put(&self, event: Event) -> bool {
        let size = u32::try_from(event.size()).unwrap_or(u32::MAX).clamp(1, self.size);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(size).await else { return false };
        self.events.send((event, room)).await.is_ok()
    }

    /// What the reader finds after the last event.
    pub(crate) fn give_up(&self, verdict: Event) {
        *self.verdict.lock() = Some(verdict);
    }
}

/// A request under way. Dropping it gives the request up.
pub struct Exchange {
    id: String,
    session: Arc<Session>,
    events: mpsc::Receiver<Parcel>,
    room: Arc<Semaphore>,
    verdict: Arc<Mutex<Option<Event>>>,
    last: bool,
}

impl Exchange {
    pub(crate) fn new(id: String, session: Arc<Session>, room: usize) -> (Mailbox, Self) {
        let (sender, events) = mpsc::channel(MOST_EVENTS);
        let size = u32::try_from(room.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let room = Arc::new(Semaphore::new(size as usize));
        let verdict = Arc::<Mutex<Option<Event>>>::default();
        let mailbox = Mailbox {
            events: sender,
            room: Arc::clone(&room),
            size,
            verdict: Arc::clone(&verdict),
            stalled: Arc::default(),
        };
        (mailbox, Self { id, session, events, room, verdict, last: false })
    }

    /// The id that the page knows it by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The next event; `None` after the last.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.last {
            return Poll::Ready(None);
        }
        self.events.poll_recv(cx).map(|parcel| {
            let event = parcel.map_or_else(|| self.verdict(), |(event, _room)| event);
            self.last = event.is_last();
            Some(event)
        })
    }

    /// The next event; `None` after the last.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn verdict(&mut self) -> Event {
        self.verdict.lock().take().unwrap_or_else(|| Event::Lost(self.session.ended()))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Whoever waits for room shall not wait for us.
        self.room.close();
        self.session.forget(&self.id);
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id).field("last", &self.last).finish_non_exhaustive()
    }
}
