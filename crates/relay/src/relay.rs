//! Who is connected.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use cliproxy_core::Principal;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::session::{Ended, NotSent, Session};
use crate::{Exchange, Options, Outbound, names, pump};

/// What a session said of itself when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// Whose key it showed; the anonymous one when none was asked for.
    pub principal: Principal,
}

impl Identity {
    /// Who showed this key.
    #[must_use]
    pub fn new(principal: Principal) -> Self {
        Self { principal }
    }

    /// Whether it showed a key.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.principal == Principal::anonymous()
    }
}

/// Hears of sessions that come and go, in order: while it is told of one, it is told of no other. It must not call
/// [`Relay::each`].
pub trait Watcher: fmt::Debug + Send + Sync + 'static {
    /// A session can be sent requests.
    fn connected(&self, name: &str);

    /// A name has no session any more.
    fn disconnected(&self, name: &str);

    /// Why a session has to go. Asked of each that comes, since what let it in may have changed in between, and at
    /// [`Relay::close_unwelcome`].
    fn unwelcome(&self, identity: &Identity) -> Option<&'static str> {
        let _ = identity;
        None
    }
}

/// Why there is no place for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There are as many as there may be.
    #[error("there are as many relay sessions as there may be")]
    Full,
    /// This key has as many as one may have.
    #[error("this client key has as many relay sessions as one key may have")]
    FullOfOne,
    /// No more are taken.
    #[error("the relay is shutting down")]
    Stopping,
    /// The system has no randomness to name it by.
    #[error("the system has no randomness")]
    NoRandomness,
}

/// The sessions of one server. Cheap to clone; clones are the same relay.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    options: Options,
    sessions: Mutex<BTreeMap<String, Arc<Session>>>,
    /// Whose it is to tell the watchers. Taken before the sessions, so that they hear of changes in their order.
    telling: Mutex<()>,
    watchers: Mutex<Vec<Arc<dyn Watcher>>>,
    places: Arc<Semaphore>,
    /// How many places whoever showed a key has.
    taken: Mutex<HashMap<Principal, usize>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    random: SystemRandom,
}

impl Relay {
    /// A relay without sessions. Cancelling `stop` ends them all, as [`Self::shutdown`] does.
    #[must_use]
    pub fn new(options: Options, stop: CancellationToken) -> Self {
        let places = Arc::new(Semaphore::new(options.max_sessions.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner {
            options,
            sessions: Mutex::default(),
            telling: Mutex::default(),
            watchers: Mutex::default(),
            places,
            taken: Mutex::default(),
            tasks: TaskTracker::new(),
            stop,
            random: SystemRandom::new(),
        }))
    }

    /// Tells this watcher of the sessions that come from now on.
    pub fn watch(&self, watcher: Arc<dyn Watcher>) {
        self.0.watchers.lock().push(watcher);
    }

    /// Keeps a place for a session under a name of its own.
    ///
    /// # Errors
    /// When there is none.
    pub fn reserve(&self) -> Result<Place, Refused> {
        let name =
            names::session(&self.0.options.prefix, &self.0.random).map_err(|_| Refused::NoRandomness)?;
        self.reserve_named(name)
    }

    /// As [`Self::reserve`], for somebody who may have so many and no more (`Options::max_per_principal`).
    ///
    /// # Errors
    /// When there is none.
    pub fn reserve_for(&self, identity: &Identity) -> Result<Place, Refused> {
        let mut place = self.reserve()?;
        if !identity.is_anonymous() {
            place.seat = Some(Seat::take(&self.0, &identity.principal)?);
        }
        Ok(place)
    }

    /// As [`Self::reserve`], under a name that the caller knows to be the page's: it takes the place of another
    /// session of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn reserve_named(&self, name: impl Into<String>) -> Result<Place, Refused> {
        if self.0.stop.is_cancelled() || self.0.tasks.is_closed() {
            return Err(Refused::Stopping);
        }
        let place = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| Refused::Full)?;
        Ok(Place { relay: self.clone(), name: name.into(), seat: None, _place: place })
    }

    /// Sends a request through a session, when its turn has come.
    ///
    /// # Errors
    /// When the session is not there, or ends before.
    ///
    /// # Cancel safety
    /// Dropped, it has sent nothing, or sends a request whose reply nobody reads.
    pub async fn send(&self, session: &str, request: &Outbound<'_>) -> Result<Exchange, NotSent> {
        let session = self.0.sessions.lock().get(session).cloned().ok_or(NotSent::NotConnected)?;
        session.send(request).await
    }

    /// Whether a session can be sent requests.
    #[must_use]
    pub fn is_connected(&self, session: &str) -> bool {
        self.0.sessions.lock().contains_key(session)
    }

    /// Calls this with the name of each session; watchers are told of none meanwhile. It must not come back here.
    pub fn each(&self, mut look: impl FnMut(&str)) {
        let _telling = self.0.telling.lock();
        let names: Vec<String> = self.0.sessions.lock().keys().cloned().collect();
        for name in names {
            look(&name);
        }
    }

    /// Closes the sessions that this says yes to, and tells them why.
    pub fn close_where(&self, unwanted: impl Fn(&Identity) -> bool, reason: &'static str) {
        for session in self.0.sessions.lock().values().filter(|session| unwanted(&session.identity)) {
            session.close(Ended::Closed(reason));
        }
    }

    /// Closes the sessions that a watcher finds unwelcome by now. Those that come later are asked about when they come.
    pub fn close_unwelcome(&self) {
        let sessions: Vec<_> = self.0.sessions.lock().values().cloned().collect();
        for session in sessions {
            self.0.close_if_unwelcome(&session);
        }
    }

    /// Closes all sessions and waits for their ends. No others are taken.
    ///
    /// # Cancel safety
    /// May be dropped; the sessions end by themselves as long as the runtime does.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Inner {
    fn close_if_unwelcome(&self, session: &Session) {
        let reason = self.watchers.lock().iter().find_map(|watcher| watcher.unwelcome(&session.identity));
        if let Some(reason) = reason {
            session.close(Ended::Closed(reason));
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("sessions", &self.0.sessions.lock().len()).finish_non_exhaustive()
    }
}

/// A place for one session.
#[derive(Debug)]
pub struct Place {
    relay: Relay,
    name: String,
    seat: Option<Seat>,
    _place: OwnedSemaphorePermit,
}

/// One of the places that somebody may have.
struct Seat {
    inner: Arc<Inner>,
    principal: Principal,
}

impl Seat {
    fn take(inner: &Arc<Inner>, principal: &Principal) -> Result<Self, Refused> {
        let mut taken = inner.taken.lock();
        let count = taken.get(principal).copied().unwrap_or_default();
        if count >= inner.options.max_per_principal {
            return Err(Refused::FullOfOne);
        }
        taken.insert(principal.clone(), count + 1);
        Ok(Self { inner: Arc::clone(inner), principal: principal.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.inner.taken.lock();
        match taken.get_mut(&self.principal) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.principal)),
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl Place {
    /// The name of the session to be.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the session on a socket that speaks websockets as soon as it is there, in a task that
    /// [`Relay::shutdown`] waits for. A socket that does not come leaves nothing behind.
    pub fn spawn<S, F>(self, identity: Identity, socket: F)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let tasks = self.relay.0.tasks.clone();
        tasks.spawn(async move {
            let stop = self.relay.0.stop.clone();
            if let Some(Some(socket)) = stop.run_until_cancelled(socket).await {
                Box::pin(self.run(identity, socket)).await;
            }
        });
    }

    /// The session on a socket that speaks websockets. It can be found from now on, and lasts as long as the future:
    /// to its end, or until that is dropped.
    pub fn run<S>(self, identity: Identity, socket: S) -> impl Future<Output = ()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let inner = Arc::clone(&self.relay.0);
        let (session, queue) =
            Session::new(self.name.clone(), identity, &inner.options, inner.random.clone());
        let registered = Registered::new(Arc::clone(&inner), Arc::clone(&session));
        async move {
            let place = self;
            let running = pump::run(&session, socket, queue, &inner.options, move || drop(registered));
            let stopping = async {
                inner.stop.cancelled().await;
                session.close(Ended::Closed("the server is shutting down"));
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = running => {}
                () = stopping => {}
            }
            drop(place);
        }
    }
}

/// A session that can be found; it no longer can when this is dropped, however that comes.
struct Registered {
    inner: Arc<Inner>,
    session: Arc<Session>,
}

impl Registered {
    fn new(inner: Arc<Inner>, session: Arc<Session>) -> Self {
        let telling = inner.telling.lock();
        let older = inner.sessions.lock().insert(session.name.clone(), Arc::clone(&session));
        if let Some(older) = older {
            older.close(Ended::Replaced);
        }
        tracing::info!(session = session.name, "a relay session begins");
        for watcher in &*inner.watchers.lock() {
            watcher.connected(&session.name);
        }
        // After it can be found: whoever changes the rules before that is asked here, whoever does later closes it.
        inner.close_if_unwelcome(&session);
        drop(telling);
        Self { inner, session }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.session.end(Ended::Disconnected);
        let _telling = self.inner.telling.lock();
        if self.take_out() {
            for watcher in &*self.inner.watchers.lock() {
                watcher.disconnected(&self.session.name);
            }
        }
        tracing::info!(session = self.session.name, reason = %self.session.ended(), "a relay session is over");
    }
}

impl Registered {
    /// False when the name is a newer session's by now.
    fn take_out(&self) -> bool {
        let mut sessions = self.inner.sessions.lock();
        let own = sessions.get(&self.session.name).is_some_and(|current| Arc::ptr_eq(current, &self.session));
        own && sessions.remove(&self.session.name).is_some()
    }
}
