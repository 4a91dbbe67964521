//! The pool: idle HTTP/1.1 connections and shared HTTP/2 ones, per destination and proxy.

use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::HashMap;
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect::{Connected, Connector, Destination};
use super::error::SendError;
use super::inline::Inline;
use super::multiplexed::{Multiplexed, StreamSlot};

/// Connections may stay for this part of the idle time longer, so that those of one burst go together.
const SLACK: u32 = 16;

/// What a request travels on.
#[derive(Debug)]
pub(crate) enum Lease {
    H1 { connection: Box<Inline>, reused: bool },
    H2 { slot: StreamSlot, reused: bool },
}

#[derive(Debug)]
pub(crate) struct Pool {
    places: Mutex<HashMap<Destination, Arc<Place>>>,
    idle_timeout: Duration,
    max_idle: usize,
    sweeping: Mutex<bool>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// One destination's connections.
#[derive(Debug)]
pub(crate) struct Place {
    state: Mutex<State>,
    /// Rings when a connection attempt ended.
    changed: Notify,
    /// What `Host` says there.
    host: Option<HeaderValue>,
    pool: Weak<Pool>,
}

#[derive(Debug, Default)]
struct State {
    /// Newest last; taken from the end, so that the surplus ages out.
    idle: Vec<(Box<Inline>, Instant)>,
    shared: Vec<Arc<Multiplexed>>,
    /// TLS destinations answer it once: until then one connects and the others wait, for they may share.
    speaks_h1: bool,
    connecting: usize,
    waiting: usize,
    failures: u64,
}

impl State {
    /// A connection that is there. Those that have died are put aside.
    #[expect(clippy::vec_box, reason = "connections stay in the boxes they are pooled in")]
    fn pooled(&mut self, stale: &mut Vec<Box<Inline>>) -> Option<Lease> {
        if let Some(slot) = self.shared.iter().find_map(Multiplexed::reserve) {
            return Some(Lease::H2 { slot, reused: true });
        }
        while let Some((mut connection, _)) = self.idle.pop() {
            if connection.is_usable() {
                return Some(Lease::H1 { connection, reused: true });
            }
            stale.push(connection);
        }
        None
    }
}

impl Pool {
    pub(crate) fn new(
        idle_timeout: Duration,
        max_idle: usize,
        tasks: TaskTracker,
        closing: CancellationToken,
    ) -> Arc<Self> {
        let (places, sweeping) = (Mutex::default(), Mutex::new(false));
        Arc::new(Self { places, idle_timeout, max_idle, sweeping, tasks, closing })
    }

    pub(crate) fn place(self: &Arc<Self>, to: &Destination) -> Arc<Place> {
        let mut places = self.places.lock();
        if let Some(place) = places.get(to) {
            return Arc::clone(place);
        }
        let place = Arc::new(Place {
            state: Mutex::new(State { speaks_h1: !to.https, ..State::default() }),
            changed: Notify::new(),
            host: HeaderValue::from_str(to.without_default_port()).ok(),
            pool: Arc::downgrade(self),
        });
        places.insert(to.clone(), Arc::clone(&place));
        place
    }

    /// Forgets every connection; those in use finish what they do.
    pub(crate) fn clear(&self) {
        self.places.lock().clear();
    }

    /// Starts the sweeper, unless it runs. It lives only while something is pooled, so that idle is idle.
    fn keep_swept(self: &Arc<Self>) {
        let mut sweeping = self.sweeping.lock();
        if *sweeping || self.closing.is_cancelled() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        *sweeping = true;
        // A runtime that is ending drops the task at once, here, and the sweeper takes the lock for that.
        drop(sweeping);
        let sweeper = Sweeper { pool: Arc::downgrade(self), goes_on: true };
        let closing = self.closing.clone();
        let mut next = Instant::now() + self.idle_timeout + self.idle_timeout / SLACK;
        self.tasks.spawn(async move {
            // All of it, with its drop.
            let mut sweeper = sweeper;
            while closing.run_until_cancelled(tokio::time::sleep_until(next)).await.is_some() {
                let Some(later) = sweeper.pool.upgrade().and_then(|pool| pool.sweep()) else {
                    // Said under the lock already; another one may have begun.
                    sweeper.goes_on = false;
                    return;
                };
                next = later;
            }
        });
    }

    /// Closes what was idle for too long. Says when to look again, if anything is left to watch.
    fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let limit = self.idle_timeout;
        let mut oldest = None;
        let mut stays = |since: Instant| {
            let fresh = now - since < limit;
            if fresh {
                oldest = Some(oldest.map_or(since, |known: Instant| known.min(since)));
            }
            fresh
        };
        let mut sweeping = self.sweeping.lock();
        let mut places = self.places.lock();
        places.retain(|_, place| {
            let mut state = place.state.lock();
            state.idle.retain_mut(|(connection, since)| connection.is_usable() && stays(*since));
            // One with work is looked at again as if it had become idle now.
            state.shared.retain(|shared| shared.is_open() && stays(shared.idle_since().unwrap_or(now)));
            let in_use = Arc::strong_count(place) > 1;
            in_use || !state.idle.is_empty() || !state.shared.is_empty()
        });
        *sweeping = !places.is_empty();
        sweeping.then(|| oldest.unwrap_or(now) + limit + limit / SLACK)
    }
}

/// The one that sweeps. When the thread that it runs on ends before the pool does, the next one may begin.
struct Sweeper {
    pool: Weak<Pool>,
    goes_on: bool,
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade().filter(|_| self.goes_on) {
            *pool.sweeping.lock() = false;
        }
    }
}

enum Step {
    Use(Lease),
    Connect,
    Wait { failures: u64 },
}

impl Place {
    pub(crate) fn host(&self) -> Option<HeaderValue> {
        self.host.clone()
    }

    /// A connection for one request: pooled when there is one, else new. `fresh` asks for a new one.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        connector: &Connector,
        to: &Destination,
        fresh: bool,
    ) -> Result<Lease, SendError> {
        if let Some(lease) = (!fresh).then(|| self.pooled()).flatten() {
            return Ok(lease);
        }
        // Connecting takes three kilobytes of state, which every request would carry through all its layers.
        Box::pin(self.lease_new(connector, to, fresh)).await
    }

    fn pooled(&self) -> Option<Lease> {
        let mut stale = Vec::new(); // closed after the lock is gone
        self.state.lock().pooled(&mut stale)
    }

    async fn lease_new(
        self: &Arc<Self>,
        connector: &Connector,
        to: &Destination,
        fresh: bool,
    ) -> Result<Lease, SendError> {
        let cap = connector.options.http2_max_streams.max(1);
        let mut alone = fresh;
        loop {
            // Registered before we look, so that no ring is missed.
            let mut rung = std::pin::pin!(self.changed.notified());
            rung.as_mut().enable();
            match self.look(cap, alone, fresh) {
                Step::Use(lease) => return Ok(lease),
                Step::Connect => return self.open(connector, to).await,
                Step::Wait { failures } => {
                    let _queued = Queued(self);
                    rung.await;
                    // After a failure nobody queues behind the next attempt: deadlines would add up.
                    alone = self.state.lock().failures != failures;
                }
            }
        }
    }

    fn look(&self, cap: usize, alone: bool, fresh: bool) -> Step {
        let mut stale = Vec::new(); // closed after the lock is gone
        let mut state = self.state.lock();
        if let Some(lease) = (!fresh).then(|| state.pooled(&mut stale)).flatten() {
            return Step::Use(lease);
        }
        if !state.speaks_h1 && !alone && state.waiting + state.connecting < state.connecting * cap {
            state.waiting += 1;
            return Step::Wait { failures: state.failures };
        }
        state.connecting += 1;
        drop(state);
        Step::Connect
    }

    async fn open(self: &Arc<Self>, connector: &Connector, to: &Destination) -> Result<Lease, SendError> {
        let mut attempt = AttemptGuard { place: self, failed: false };
        let connected = connector.connect(to).await;
        let mut state = self.state.lock();
        let lease = match connected {
            Ok(Connected::H1(connection)) => {
                state.speaks_h1 = true;
                Ok(Lease::H1 { connection, reused: false })
            }
            Ok(Connected::H2(shared)) => {
                state.speaks_h1 = false;
                let slot = shared.reserve();
                state.shared.retain(|known| known.is_open());
                state.shared.push(shared);
                slot.map(|slot| Lease::H2 { slot, reused: false }).ok_or(SendError::Connect {
                    host: to.host().to_owned(),
                    source: std::io::ErrorKind::ConnectionAborted.into(),
                })
            }
            Err(error) => Err(error),
        };
        drop(state);
        attempt.failed = lease.is_err();
        drop(attempt);
        if let (Some(pool), Ok(Lease::H2 { .. })) = (self.pool.upgrade(), &lease) {
            pool.keep_swept();
        }
        lease
    }

    /// Takes a connection back whose reply was read to its end.
    pub(crate) fn recycle(&self, mut connection: Box<Inline>) {
        let Some(pool) = self.pool.upgrade() else { return };
        if pool.closing.is_cancelled() || !connection.is_usable() {
            return;
        }
        let mut state = self.state.lock();
        if state.idle.len() < pool.max_idle {
            state.idle.push((connection, Instant::now()));
        }
        drop(state);
        pool.keep_swept();
    }
}

/// Counts a connection attempt, also one that is dropped half-way.
struct AttemptGuard<'a> {
    place: &'a Place,
    failed: bool,
}

impl Drop for AttemptGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.place.state.lock();
        state.connecting = state.connecting.saturating_sub(1);
        state.failures += u64::from(self.failed);
        drop(state);
        self.place.changed.notify_waiters();
    }
}

/// Counts a request that waits for somebody else's connection attempt.
struct Queued<'a>(&'a Place);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }
}
