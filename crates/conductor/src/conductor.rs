//! The front: what the service wires and the HTTP edge calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cliproxy_core::{
    ClientRequest, Credential, CredentialId, CredentialStore, Dispatched, Dispatcher, ExecutorError, Hook,
    ListedModel, ModelId, ModelInfo, Operation, ProviderExecutor, ProviderId, Timestamp, Upstream, UsageSink,
    boxed,
};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::affinity::Affinity;
use crate::breaker::Breakers;
use crate::budget::RetryBudget;
use crate::clock::Clock;
use crate::inner::{Inner, Settled};
use crate::observe::Observers;
use crate::pool::{Board, Dice, PickError, Snapshot, Tried};
use crate::renew::{Bequest, Estates, Queue};
use crate::roster::{Held, Roster};
use crate::{CredentialStatus, Options, Registration, RenewError, Rest, retry};

/// Credentials whose cooldowns are looked at under one lock.
const RESTS_AT_A_TIME: usize = 64;

/// Picks, attempts, retries, fails over, renews and accounts. Cheap to share behind an [`Arc`].
pub struct Conductor {
    inner: Arc<Inner>,
}

/// Puts a [`Conductor`] together.
#[derive(Debug)]
pub struct Builder {
    upstream: Arc<dyn Upstream>,
    options: Options,
    store: Option<Arc<dyn CredentialStore>>,
    hooks: Vec<Arc<dyn Hook>>,
    sinks: Vec<Arc<dyn UsageSink>>,
    executors: Vec<Arc<dyn ProviderExecutor>>,
    wall: Option<Timestamp>,
}

impl Builder {
    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Where renewed credentials are saved and leases come from.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn CredentialStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds an observer.
    #[must_use]
    pub fn hook(mut self, hook: Arc<dyn Hook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Adds a recorder of usage.
    #[must_use]
    pub fn usage_sink(mut self, sink: Arc<dyn UsageSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Adds an executor, see [`Conductor::register_executor`].
    #[must_use]
    pub fn executor(mut self, executor: Arc<dyn ProviderExecutor>) -> Self {
        self.executors.push(executor);
        self
    }

    /// The wall time right now; from here on time is the runtime's alone, as tests want it. Without it the system's
    /// clock is followed.
    #[must_use]
    pub fn wall(mut self, now: Timestamp) -> Self {
        self.wall = Some(now);
        self
    }

    /// The conductor. It serves at once; [`Conductor::start`] begins renewals and usage records.
    #[must_use]
    pub fn build(self) -> Arc<Conductor> {
        let clock = self.wall.map_or_else(|| Clock::following(Clock::system), Clock::anchored);
        let executors: HashMap<ProviderId, Arc<dyn ProviderExecutor>> =
            self.executors.into_iter().map(|executor| (executor.provider().clone(), executor)).collect();
        let inner = Inner {
            upstream: self.upstream,
            store: self.store,
            executors: RwLock::new(executors),
            settled: ArcSwap::from_pointee(Settled::new(self.options, None)),
            roster: Mutex::new(Roster::default()),
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            changed: AtomicU64::new(0),
            built: AtomicU64::new(0),
            board: Mutex::new(Board::default()),
            affinity: Affinity::new(),
            breakers: Breakers::default(),
            budget: RetryBudget::default(),
            dice: Dice::new(),
            clock,
            observers: Arc::new(Observers::new(self.hooks, self.sinks)),
            queue: Queue::default(),
            estates: Estates::default(),
            tasks: TaskTracker::new(),
            home: OnceLock::new(),
            stop: CancellationToken::new(),
        };
        Arc::new(Conductor { inner: Arc::new(inner) })
    }
}

impl Conductor {
    /// Begins a conductor that sends requests through `upstream`.
    #[must_use]
    pub fn builder(upstream: Arc<dyn Upstream>) -> Builder {
        Builder {
            upstream,
            options: Options::default(),
            store: None,
            hooks: Vec::new(),
            sinks: Vec::new(),
            executors: Vec::new(),
            wall: None,
        }
    }

    /// Begins renewals and usage records. Call it once, inside the runtime, in which all renewals run from then on, those
    /// of requests too; a second call does nothing.
    pub fn start(&self) {
        let inner = &self.inner;
        inner.home.get_or_init(Handle::current);
        if let Some(pump) = inner.observers.pump(inner.stop.clone()) {
            inner.tasks.spawn(pump);
        }
        if inner.queue.start() {
            inner.tasks.spawn(Arc::clone(inner).renewal_loop());
        }
    }

    /// Stops the loops and waits for everything that must come to an end: renewals under way, unsaved
    /// credentials, queued usage records. Requests are the HTTP edge's to drain.
    ///
    /// # Cancel safety
    /// May be dropped; the tasks go on as long as the runtime does.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Applies new options. Requests under way keep the old ones; cooldowns, turns and bindings stay.
    pub fn reconfigure(&self, options: Options) {
        self.inner.reconfigure(options);
    }

    /// The options in force.
    #[must_use]
    pub fn options(&self) -> Options {
        self.inner.settled.load().options.clone()
    }

    /// Makes an executor known, for [`Self::admit`] and [`Self::executor`]; it replaces its provider's.
    pub fn register_executor(&self, executor: Arc<dyn ProviderExecutor>) {
        self.inner.executors.write().insert(executor.provider().clone(), executor);
    }

    /// The executor of a provider.
    #[must_use]
    pub fn executor(&self, provider: &ProviderId) -> Option<Arc<dyn ProviderExecutor>> {
        self.inner.executors.read().get(provider).cloned()
    }

    /// All executors, by provider.
    #[must_use]
    pub fn executors(&self) -> BTreeMap<ProviderId, Arc<dyn ProviderExecutor>> {
        self.inner.executors.read().iter().map(|(id, executor)| (id.clone(), Arc::clone(executor))).collect()
    }

    /// Registers a credential with its executor and the executor's models for it. One that is registered
    /// already is replaced and keeps its cooldowns, unless it is now disabled.
    pub fn register(
        &self,
        executor: Arc<dyn ProviderExecutor>,
        credential: Arc<Credential>,
        models: Vec<ModelInfo>,
    ) {
        self.inner.register(Registration::new(executor, credential, models));
    }

    /// Asks the executor of the credential's provider for its models and registers both.
    ///
    /// # Errors
    /// When no executor serves the provider, or the models cannot be had. Nothing is registered then.
    pub async fn admit(&self, credential: Arc<Credential>) -> Result<(), ExecutorError> {
        let executor = self.executor(credential.provider()).ok_or_else(|| {
            let message = format!("no executor serves the provider {}", credential.provider());
            ExecutorError::new(cliproxy_core::ErrorKind::Misconfigured, message)
        })?;
        let models = executor.models(&credential).await?;
        self.register(executor, credential, models);
        Ok(())
    }

    /// Takes over an edited credential; its model list stays. False when it is not registered.
    #[expect(clippy::needless_pass_by_value, reason = "the counterpart of `register`, which keeps it")]
    pub fn update(&self, credential: Arc<Credential>) -> bool {
        self.inner.update(&credential)
    }

    /// Gives a credential another list of its executor's models; all else of it stays. False when it is not registered.
    pub fn offer(&self, id: &CredentialId, models: Vec<ModelInfo>) -> bool {
        self.inner.offer(id, models)
    }

    /// Removes a credential. False when there was none.
    pub fn remove(&self, id: &CredentialId) -> bool {
        self.inner.remove(id)
    }

    /// Makes the registered credentials exactly these: new ones come, missing ones go, the rest keep their
    /// cooldowns. Those of [`cliproxy_core::Origin::Runtime`] stay whether listed or not. Of two with one id the first
    /// counts, and the log names the other.
    pub fn sync(&self, all: Vec<Registration>) {
        self.inner.sync(all, &BTreeSet::new());
    }

    /// As [`Self::sync`], but what is known of those that cannot be read right now goes on as it is: a file that is
    /// being edited is no reason to drop a login, nor what its last renewal brought. An id that ends in a slash is a
    /// folder, with all that lies in it.
    pub fn sync_readable(&self, all: Vec<Registration>, unreadable: &BTreeSet<CredentialId>) {
        self.inner.sync(all, unreadable);
    }

    /// What is registered now, by id, with what renewals are doing: for who decides what else to register.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        self.inner.held()
    }

    /// All credentials, by id.
    #[must_use]
    pub fn credentials(&self) -> Vec<CredentialStatus> {
        // What was registered a moment ago has its place by now.
        self.inner.snapshot();
        self.inner.entries().iter().map(|entry| self.inner.status(entry)).collect()
    }

    /// One credential.
    #[must_use]
    pub fn credential(&self, id: &CredentialId) -> Option<CredentialStatus> {
        self.inner.snapshot();
        self.inner.entry(id).map(|entry| self.inner.status(&entry))
    }

    /// Forgets a credential's cooldowns. False when it is not registered.
    pub fn reset_cooldowns(&self, id: &CredentialId) -> bool {
        let known = self.inner.entry(id).is_some();
        let now = self.inner.now();
        self.inner.snapshot();
        self.inner.board.lock().change(id, now, cliproxy_quota::Ledger::reset);
        known
    }

    /// The cooldowns that a restart is to keep, by credential, for [`Self::restore_rests`]. It looks at every credential:
    /// not for the path of a request.
    #[must_use]
    pub fn rests(&self) -> BTreeMap<CredentialId, Vec<Rest>> {
        let now = self.inner.now();
        self.inner.snapshot();
        let mut all = BTreeMap::new();
        // A few at a time: requests wait for the same lock.
        for entries in self.inner.entries().chunks(RESTS_AT_A_TIME) {
            let board = self.inner.board.lock();
            for entry in entries {
                let rests = board.rests(entry.id(), now);
                if !rests.is_empty() {
                    all.insert(entry.id().clone(), rests);
                }
            }
        }
        all
    }

    /// Waits until [`Self::rests`] may say something else than at the end of the last wait, apart from what time itself
    /// ends. For one who waits: a second one takes the first one's turns.
    ///
    /// # Cancel safety
    /// Dropped, it loses no change.
    pub async fn rests_changed(&self) {
        let changes = self.inner.board.lock().changes();
        changes.notified().await;
    }

    /// Takes over the cooldowns of a run before this one. What is over, of nobody here, or of somebody whose cooling is
    /// switched off by now, is left out.
    pub fn restore_rests(&self, rests: &BTreeMap<CredentialId, Vec<Rest>>) {
        let now = self.inner.now();
        self.inner.snapshot();
        let settled = self.inner.settled.load();
        for (id, rests) in rests {
            let Some(entry) = self.inner.entry(id) else { continue };
            let cooling_off = settled.options.is_cooling_off(&entry.credential());
            let mut board = self.inner.board.lock();
            rests.iter().for_each(|rest| board.restore(id, rest, now));
            if cooling_off {
                board.change(id, now, cliproxy_quota::Ledger::cooling_off);
            }
        }
    }

    /// Renews a credential now, unless a renewal is under way: then its result is this one's.
    ///
    /// # Errors
    /// See [`RenewError`].
    ///
    /// # Cancel safety
    /// The renewal runs to its end even when this future is dropped.
    pub async fn renew(&self, id: &CredentialId) -> Result<Arc<Credential>, RenewError> {
        let entry = self.inner.entry(id).ok_or(RenewError::Unknown)?;
        let seen = entry.credential();
        self.inner.renew(&entry, &seen).await
    }

    /// Says that what renewals of a provider go by has changed, beside its credentials: its OAuth client, its token
    /// endpoint. Those that were given up, or pause after a failure, are tried again.
    pub fn reconsider(&self, provider: &ProviderId) {
        self.inner.reconsider(provider);
    }

    /// Waits until what the last renewal brought is in the store: saving may fail at first, and is tried again.
    ///
    /// # Errors
    /// [`RenewError::Lost`] when it could not be saved up to the end, [`RenewError::Unknown`] without such a credential.
    pub async fn until_saved(&self, id: &CredentialId) -> Result<(), RenewError> {
        let entry = self.inner.entry(id).ok_or(RenewError::Unknown)?;
        self.inner.until_saved(&entry).await
    }

    /// Puts what no file has of a stored credential, since its own is gone or has another login by now, into a file of the
    /// store that has a spent token of its line. That is tried by itself too, a second after it was missed and at the end;
    /// before the credential is taken away somebody has to ask.
    ///
    /// # Cancel safety
    /// May be dropped: what was not saved then stays in memory.
    pub async fn bequeath(&self, id: &CredentialId) -> Bequest {
        match self.inner.entry(id) {
            Some(entry) => self.inner.hand_over(&entry).await,
            None => Bequest::NoHeir,
        }
    }

    /// The credential that would serve a model now, for callers that send by themselves (a websocket, a raw
    /// call). It takes a turn like a request does and marks nothing.
    #[must_use]
    pub fn pick(&self, model: &str) -> Option<Arc<Credential>> {
        let inner = &self.inner;
        let settled = inner.settled.load();
        let now = inner.now();
        let picked = loop {
            let snapshot = inner.snapshot();
            let resolution = inner.resolve(&settled, &snapshot, model).ok()?;
            let picker = inner.picker(&settled, &snapshot, Operation::Generate);
            match picker.pick(&resolution.model, &mut Tried::default(), None, now) {
                Ok(picked) => break picked,
                Err(PickError::Nothing) => return None,
                Err(PickError::Stale) => {}
            }
        };
        // Nobody will say what became of it.
        inner.breakers.give_back(picked.asked(Operation::Generate), picked.trial, now);
        if picked.probe.is_some() {
            inner.board.lock().release(picked.entry.id(), &picked.upstream.model, picked.probe, now);
        }
        Some(picked.credential)
    }

    /// Usage records dropped because the sinks were too slow.
    #[must_use]
    pub fn dropped_usage_records(&self) -> u64 {
        self.inner.observers.dropped()
    }

    /// Now, by the conductor's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.now()
    }
}

#[async_trait]
impl Dispatcher for Conductor {
    // Spelled out, so that the future is made in its box.
    fn dispatch<'a, 'async_trait>(
        &'a self,
        request: ClientRequest,
    ) -> Pin<Box<dyn Future<Output = Dispatched> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        boxed(|| retry::serve(&self.inner, request))
    }

    fn models(&self) -> Vec<ListedModel> {
        self.inner.listing()
    }

    fn model(&self, id: &str) -> Option<ListedModel> {
        let settled = self.inner.settled.load();
        let snapshot = self.inner.snapshot();
        let resolution = self.inner.resolve(&settled, &snapshot, id).ok()?;
        let mut listed = Inner::listed(&snapshot, &resolution.model);
        if listed.info.id.as_str() != resolution.shown {
            let mut info = ModelInfo::clone(&listed.info);
            info.id = ModelId::new(&resolution.shown);
            listed.info = Arc::new(info);
        }
        Some(listed)
    }

    fn similar(&self, id: &str) -> Vec<String> {
        let settled = self.inner.settled.load();
        self.inner
            .resolve(&settled, &self.inner.snapshot(), id)
            .err()
            .map(|unknown| unknown.near)
            .unwrap_or_default()
    }
}

impl fmt::Debug for Conductor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.inner.snapshot.load();
        f.debug_struct("Conductor")
            .field("generation", &snapshot.generation)
            .field("tiers", &snapshot.tiers.len())
            .finish_non_exhaustive()
    }
}
