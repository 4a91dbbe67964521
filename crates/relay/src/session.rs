//! One page that is connected.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::exchange::{Exchange, Mailbox};
use crate::message::Outbound;
use crate::relay::Identity;
use crate::{Options, names};

/// Messages that may wait to be sent, whatever their size.
const MOST_WAITING: usize = 64;

/// Why a session is no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// The page went away.
    #[error("the page disconnected")]
    Disconnected,
    /// The page has been silent for too long.
    #[error("the page was silent for too long")]
    Silent,
    /// The page takes nothing.
    #[error("the page does not take what is sent to it")]
    Stuck,
    /// The page sent a message that is larger than allowed.
    #[error("the page sent a message that is too large")]
    TooLarge,
    /// The page sent what is no message.
    #[error("the page sent what is no message: {0}")]
    Garbage(&'static str),
    /// A newer session took the name.
    #[error("replaced by new connection")]
    Replaced,
    /// We closed it; the reason was told to the page.
    #[error("{0}")]
    Closed(&'static str),
}

/// Why a request was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// There is no session of that name.
    #[error("the page is not connected")]
    NotConnected,
    /// The session ended while the request waited its turn.
    #[error(transparent)]
    Ended(Ended),
    /// The system has no randomness to name the request by.
    #[error("the system has no randomness")]
    NoRandomness,
    /// The request cannot be written.
    #[error("the request cannot be written as a message")]
    Unwritable,
}

/// A message on its way to the page.
pub(crate) struct Waiting {
    /// The request it belongs to: given up, it is not sent at all.
    pub(crate) id: Option<String>,
    pub(crate) message: Bytes,
    pub(crate) _room: OwnedSemaphorePermit,
}

pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) identity: Identity,
    outgoing: mpsc::Sender<Waiting>,
    /// What may wait to be sent, in bytes.
    room: Arc<Semaphore>,
    room_size: u32,
    read_room: usize,
    state: Mutex<State>,
    closing: CancellationToken,
    random: SystemRandom,
}

#[derive(Default)]
struct State {
    waiting: HashMap<String, Mailbox>,
    /// Set once; from then on nobody is let in.
    ended: Option<Ended>,
}

impl Session {
    pub(crate) fn new(
        name: String,
        identity: Identity,
        options: &Options,
        random: SystemRandom,
    ) -> (Arc<Self>, mpsc::Receiver<Waiting>) {
        let (outgoing, queue) = mpsc::channel(MOST_WAITING);
        let room_size =
            u32::try_from(options.write_room.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let session = Self {
            name,
            identity,
            outgoing,
            room: Arc::new(Semaphore::new(room_size as usize)),
            room_size,
            read_room: options.read_room,
            state: Mutex::default(),
            closing: CancellationToken::new(),
            random,
        };
        (Arc::new(session), queue)
    }

    /// Sends a request when its turn has come.
    pub(crate) async fn send(self: &Arc<Self>, request: &Outbound<'_>) -> Result<Exchange, NotSent> {
        let size = u32::try_from(request.size()).unwrap_or(u32::MAX).clamp(1, self.room_size);
        let room = Arc::clone(&self.room).acquire_many_owned(size).await;
        let room = room.map_err(|_| NotSent::Ended(self.ended()))?;
        let id = names::request(&self.random).map_err(|_| NotSent::NoRandomness)?;
        let message = request.message(&id).map_err(|_| NotSent::Unwritable)?;
        let (mailbox, exchange) = Exchange::new(id.clone(), Arc::clone(self), self.read_room);
        {
            let mut state = self.state.lock();
            if let Some(ended) = &state.ended {
                return Err(NotSent::Ended(ended.clone()));
            }
            state.waiting.insert(id.clone(), mailbox);
        }
        let waiting = Waiting { id: Some(id), message, _room: room };
        self.outgoing.send(waiting).await.map_err(|_| NotSent::Ended(self.ended()))?;
        Ok(exchange)
    }

    /// Answers a page that asks whether we are there. A page that asks faster than it reads is not answered each time.
    pub(crate) fn pong(&self, id: &str) {
        let message = crate::message::pong(id);
        let size = u32::try_from(message.len()).unwrap_or(u32::MAX).clamp(1, self.room_size);
        let room = Arc::clone(&self.room).try_acquire_many_owned(size);
        let sent =
            room.is_ok_and(|room| self.outgoing.try_send(Waiting { id: None, message, _room: room }).is_ok());
        if !sent {
            tracing::debug!(session = self.name, "a ping is not answered: the page reads too slowly");
        }
    }

    pub(crate) fn is_awaited(&self, id: &str) -> bool {
        self.state.lock().waiting.contains_key(id)
    }

    /// Where the events of a request go.
    pub(crate) fn mailbox(&self, id: &str) -> Option<Mailbox> {
        self.state.lock().waiting.get(id).cloned()
    }

    /// Nobody waits for this request any more.
    pub(crate) fn forget(&self, id: &str) {
        self.state.lock().waiting.remove(id);
    }

    /// Asks the session to end.
    pub(crate) fn close(&self, why: Ended) {
        self.state.lock().ended.get_or_insert(why);
        self.closing.cancel();
    }

    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Ends everything that waits. The first reason counts.
    pub(crate) fn end(&self, why: Ended) {
        let waiting = {
            let mut state = self.state.lock();
            state.ended.get_or_insert(why);
            std::mem::take(&mut state.waiting)
        };
        self.room.close();
        drop(waiting);
    }

    /// Why it ended.
    pub(crate) fn ended(&self) -> Ended {
        self.state.lock().ended.clone().unwrap_or(Ended::Disconnected)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("name", &self.name).finish_non_exhaustive()
    }
}
