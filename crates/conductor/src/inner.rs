//! What the parts of a conductor share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use cliproxy_core::{
    CredentialStore, Operation, ProviderExecutor, ProviderId, Selector, Timestamp, Upstream,
};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::affinity::Affinity;
use crate::breaker::Breakers;
use crate::budget::RetryBudget;
use crate::clock::Clock;
use crate::observe::Observers;
use crate::pool::{Board, Dice, Picker, Snapshot};
use crate::renew::{Estates, Queue};
use crate::roster::Roster;
use crate::select::{FillFirst, RoundRobin, Weighted};
use crate::{Options, Strategy};

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) store: Option<Arc<dyn CredentialStore>>,
    pub(crate) executors: RwLock<HashMap<ProviderId, Arc<dyn ProviderExecutor>>>,
    pub(crate) settled: ArcSwap<Settled>,
    pub(crate) roster: Mutex<Roster>,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Counts changes of the roster, and up to which of them the snapshot goes.
    pub(crate) changed: AtomicU64,
    pub(crate) built: AtomicU64,
    pub(crate) board: Mutex<Board>,
    pub(crate) affinity: Affinity,
    pub(crate) breakers: Breakers,
    pub(crate) budget: RetryBudget,
    pub(crate) dice: Dice,
    pub(crate) clock: Clock,
    pub(crate) observers: Arc<Observers>,
    pub(crate) queue: Queue,
    pub(crate) estates: Estates,
    pub(crate) tasks: TaskTracker,
    /// The runtime that was started in.
    pub(crate) home: OnceLock<Handle>,
    pub(crate) stop: CancellationToken,
}

/// How several providers of one model share its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    ByCount,
    ByWeight,
    InOrder,
}

/// Options with what follows from them.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) options: Options,
    pub(crate) selector: Arc<dyn Selector>,
    pub(crate) share: Share,
}

impl Settled {
    /// A strategy that stays keeps its selector, and with it its turns.
    pub(crate) fn new(options: Options, before: Option<&Self>) -> Self {
        let kept = before.filter(|before| {
            std::mem::discriminant(&before.options.strategy) == std::mem::discriminant(&options.strategy)
        });
        let (selector, share): (Arc<dyn Selector>, Share) = match (&options.strategy, kept) {
            (Strategy::Custom(selector), _) => (Arc::clone(selector), Share::ByCount),
            (_, Some(kept)) => (Arc::clone(&kept.selector), kept.share),
            (Strategy::RoundRobin, None) => (Arc::new(RoundRobin), Share::ByCount),
            (Strategy::FillFirst, None) => (Arc::new(FillFirst), Share::InOrder),
            (Strategy::Weighted, None) => (Arc::new(Weighted::default()), Share::ByWeight),
        };
        Self { options, selector, share }
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs what must come to its end. A request may be served on a thread whose runtime ends before.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        match self.home.get() {
            Some(home) => self.tasks.spawn_on(work, home),
            None => self.tasks.spawn(work),
        }
    }

    /// Whether there is a runtime to [`spawn`](Self::spawn) on.
    pub(crate) fn can_spawn(&self) -> bool {
        self.home.get().is_some() || tokio::runtime::Handle::try_current().is_ok()
    }

    /// Says that the roster changed: whoever looks next sees it.
    pub(crate) fn roster_changed(&self) {
        self.changed.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn is_outdated(&self) -> bool {
        self.changed.load(Ordering::Acquire) != self.built.load(Ordering::Acquire)
    }

    /// Who is registered, up to date. While another thread rebuilds, this waits for it.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        if self.is_outdated() {
            self.rebuild();
        }
        self.snapshot.load_full()
    }

    /// Whether [`Self::snapshot`] would give this one.
    pub(crate) fn is_current(&self, snapshot: &Snapshot) -> bool {
        !self.is_outdated() && self.snapshot.load().generation == snapshot.generation
    }

    pub(crate) fn picker<'a>(
        &'a self,
        settled: &'a Settled,
        snapshot: &'a Snapshot,
        operation: Operation,
    ) -> Picker<'a> {
        Picker {
            board: &self.board,
            snapshot,
            selector: settled.selector.as_ref(),
            share: settled.share,
            dice: &self.dice,
            breakers: &self.breakers,
            breaker: settled.options.breaker,
            operation,
        }
    }
}
