//! Who is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use cliproxy_core::{Credential, CredentialId, ModelInfo, Origin, ProviderExecutor};
use cliproxy_quota::{Availability, Ledger};

use crate::Options;
use crate::inner::{Inner, Settled};
use crate::pool::{Entry, Shape, Snapshot};
use crate::registry::{self, Interner, ModelRoutes, Offer, Resolution, Unknown};

/// The write side: all entries, in id order.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    entries: BTreeMap<CredentialId, Arc<Entry>>,
    /// Those that were taken away: one may have tokens yet that its store has not.
    former: BTreeMap<CredentialId, Weak<Entry>>,
    generation: u64,
    lists: Interner<Vec<ModelInfo>>,
    offers: Interner<Offer>,
}

/// A credential to register, with its executor and the executor's models for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registration {
    /// Who serves it.
    pub executor: Arc<dyn ProviderExecutor>,
    /// What is spent.
    pub credential: Arc<Credential>,
    /// The executor's models for it, in the provider's names.
    pub models: Vec<ModelInfo>,
}

impl Registration {
    /// A registration.
    #[must_use]
    pub fn new(
        executor: Arc<dyn ProviderExecutor>,
        credential: Arc<Credential>,
        models: Vec<ModelInfo>,
    ) -> Self {
        Self { executor, credential, models }
    }
}

impl Roster {
    /// One that was taken away, as long as it may have other tokens than its store: in a renewal, or unsaved.
    fn former(&mut self, id: &CredentialId) -> Option<Arc<Entry>> {
        let former = self.former.remove(id)?.upgrade().filter(|former| former.is_ahead())?;
        // Nobody has it in the queue any more.
        former.renewal.lock().queued = None;
        Some(former)
    }

    fn shape(
        &mut self,
        executor: Arc<dyn ProviderExecutor>,
        credential: &Credential,
        own: Arc<Vec<ModelInfo>>,
        options: &Options,
    ) -> Shape {
        let offer = Offer::new(credential, &own, options);
        let offer = self.offers.intern(offer.fingerprint(), offer);
        Shape { executor, own, offer }
    }
}

/// What a conductor has of a credential, newer perhaps than its store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Held {
    /// As it serves now.
    pub credential: Arc<Credential>,
    /// Who serves it.
    pub executor: Arc<dyn ProviderExecutor>,
    /// Whether a renewal of it runs, or is being saved: its refresh token may be spent already.
    pub is_renewing: bool,
    /// Whether its store does not have what it is now: saving failed, or its place there is gone.
    pub is_unsaved: bool,
}

impl Held {
    /// A credential that is registered, and not being renewed.
    #[must_use]
    pub fn new(executor: Arc<dyn ProviderExecutor>, credential: Arc<Credential>) -> Self {
        Self { credential, executor, is_renewing: false, is_unsaved: false }
    }
}

/// Whether one cannot be read, by itself or with a folder that it lies in: the name of a folder ends in a slash.
#[must_use]
pub fn is_among(unreadable: &BTreeSet<CredentialId>, id: &CredentialId) -> bool {
    let text = id.as_str();
    let mut folders = text.match_indices('/').filter_map(|(at, _)| text.get(..=at));
    unreadable.contains(id) || folders.any(|folder| unreadable.contains(&CredentialId::new(folder)))
}

impl Inner {
    pub(crate) fn entry(&self, id: &CredentialId) -> Option<Arc<Entry>> {
        self.roster.lock().entries.get(id).cloned()
    }

    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.roster.lock().entries.values().cloned().collect()
    }

    pub(crate) fn held(&self) -> Vec<Held> {
        let of = |entry: &Arc<Entry>| {
            let mut held = Held::new(Arc::clone(&entry.shape().executor), entry.credential());
            held.is_renewing = entry.turn.try_lock().is_err();
            held.is_unsaved = entry.renewal.lock().unsaved;
            held
        };
        self.entries().iter().map(of).collect()
    }

    /// Registers a credential, or takes over what changed of one. Its cooldowns stay.
    pub(crate) fn register(self: &Arc<Self>, registration: Registration) {
        let Registration { executor, credential, models } = registration;
        let (entry, known) = {
            let mut roster = self.roster.lock();
            // Loaded under the lock: a reconfiguration either sees this entry or is seen by it.
            let settled = self.settled.load();
            let own = roster.lists.intern(registry::list_fingerprint(&models), models);
            let shape = roster.shape(executor, &credential, own, &settled.options);
            match roster.entries.get(credential.id()).cloned() {
                Some(entry) => {
                    let same_offer = Arc::ptr_eq(&entry.shape().offer, &shape.offer);
                    entry.set_shape(shape);
                    (entry, Some(same_offer))
                }
                None => {
                    let former = roster.former(credential.id());
                    if let Some(former) = &former {
                        former.set_shape(shape.clone());
                    }
                    let anew = || Arc::new(Entry::new(Arc::clone(&credential), shape));
                    let entry = former.unwrap_or_else(anew);
                    roster.entries.insert(credential.id().clone(), Arc::clone(&entry));
                    (entry, None)
                }
            }
        };
        match known {
            Some(same_offer) => self.edited(&entry, &credential, same_offer),
            None => {
                // One that is back has what its store has not.
                self.take_over(&entry, &credential);
                self.roster_changed();
                self.schedule(&entry);
                self.observers.tell(|hook| hook.registered(&entry.credential()));
            }
        }
    }

    /// Takes over an edited credential without a new model list. False when it is not registered.
    pub(crate) fn update(self: &Arc<Self>, credential: &Arc<Credential>) -> bool {
        let (entry, same_offer) = {
            let mut roster = self.roster.lock();
            let Some(entry) = roster.entries.get(credential.id()).cloned() else { return false };
            let settled = self.settled.load();
            let old = entry.shape();
            let (executor, own) = (Arc::clone(&old.executor), Arc::clone(&old.own));
            let shape = roster.shape(executor, credential, own, &settled.options);
            let same_offer = Arc::ptr_eq(&old.offer, &shape.offer);
            entry.set_shape(shape);
            (entry, same_offer)
        };
        self.edited(&entry, credential, same_offer);
        true
    }

    /// Gives a credential another list of models. False when it is not registered.
    pub(crate) fn offer(&self, id: &CredentialId, models: Vec<ModelInfo>) -> bool {
        let entry = {
            let mut roster = self.roster.lock();
            let Some(entry) = roster.entries.get(id).cloned() else { return false };
            let settled = self.settled.load();
            let old = entry.shape();
            let own = roster.lists.intern(registry::list_fingerprint(&models), models);
            let executor = Arc::clone(&old.executor);
            let shape = roster.shape(executor, &entry.credential(), own, &settled.options);
            let same_offer = Arc::ptr_eq(&old.offer, &shape.offer);
            entry.set_shape(shape);
            if same_offer {
                return true;
            }
            entry
        };
        self.roster_changed();
        self.observers.tell(|hook| hook.updated(&entry.credential()));
        true
    }

    /// A reload that hands in what is there already disturbs nobody.
    fn edited(self: &Arc<Self>, entry: &Arc<Entry>, credential: &Arc<Credential>, same_offer: bool) {
        let before = entry.credential();
        self.take_over(entry, credential);
        // The executor may have changed, and with it the time of the next renewal.
        self.schedule(entry);
        let current = entry.credential();
        if same_offer && *before == *current {
            return;
        }
        self.roster_changed();
        self.observers.tell(|hook| hook.updated(&current));
    }

    /// Forgets a credential and everything about it.
    pub(crate) fn remove(&self, id: &CredentialId) -> bool {
        let removed = {
            let mut roster = self.roster.lock();
            let removed = roster.entries.remove(id);
            if let Some(entry) = &removed {
                roster.former.retain(|_, former| former.strong_count() > 0);
                roster.former.insert(id.clone(), Arc::downgrade(entry));
            }
            removed.is_some()
        };
        if removed {
            self.roster_changed();
            self.observers.tell(|hook| hook.removed(id));
        }
        removed
    }

    /// Makes the registered credentials exactly these, apart from those made while running and those that cannot be
    /// read right now.
    pub(crate) fn sync(self: &Arc<Self>, all: Vec<Registration>, unreadable: &BTreeSet<CredentialId>) {
        let mut wanted: BTreeSet<CredentialId> = BTreeSet::new();
        for registration in all {
            let credential = &registration.credential;
            if wanted.insert(credential.id().clone()) {
                self.register(registration);
            } else {
                let credential = credential.masked_id();
                tracing::warn!(credential, "another credential has the same id: this one is left out");
            }
        }
        let gone: Vec<CredentialId> = self
            .entries()
            .iter()
            .filter(|entry| !wanted.contains(entry.id()))
            .filter(|entry| !matches!(entry.credential().origin(), Origin::Runtime))
            .filter(|entry| !is_among(unreadable, entry.id()))
            .map(|entry| entry.id().clone())
            .collect();
        for id in gone {
            self.remove(&id);
        }
    }

    /// Applies new options to everything that is registered.
    pub(crate) fn reconfigure(&self, options: Options) {
        let before = self.settled.load_full();
        let settled = Arc::new(Settled::new(options, Some(&before)));
        if settled.options.affinity.is_none() {
            self.affinity.clear();
        }
        {
            let _roster = self.roster.lock();
            self.settled.store(Arc::clone(&settled));
        }
        let now = self.now();
        for entry in self.entries() {
            let old = entry.shape();
            let shape = self.roster.lock().shape(
                Arc::clone(&old.executor),
                &entry.credential(),
                Arc::clone(&old.own),
                &settled.options,
            );
            entry.set_shape(shape);
            // Cooldowns stay, unless cooling was switched off.
            if settled.options.is_cooling_off(&entry.credential()) {
                self.board.lock().change(entry.id(), now, Ledger::cooling_off);
            }
        }
        self.roster_changed();
    }

    /// Makes the snapshot and the board follow the roster.
    pub(crate) fn rebuild(&self) {
        let mut roster = self.roster.lock();
        // Somebody else did, while we waited for the lock.
        if !self.is_outdated() {
            return;
        }
        // Read before anything else: what changes from here on is the next rebuild's.
        let changed = self.changed.load(Ordering::Acquire);
        roster.generation += 1;
        roster.lists.sweep();
        roster.offers.sweep();
        let entries: Vec<Arc<Entry>> = roster.entries.values().cloned().collect();
        let snapshot = Arc::new(Snapshot::new(roster.generation, &entries, &self.snapshot.load()));
        // Board and snapshot carry the same generation: whoever sees two different ones looks again.
        self.board.lock().install(&snapshot, &entries, self.now());
        self.snapshot.store(snapshot);
        self.built.store(changed, Ordering::Release);
    }

    /// What serves a model.
    pub(crate) fn resolve(
        &self,
        settled: &Settled,
        snapshot: &Snapshot,
        model: &str,
    ) -> Result<Resolution, Unknown> {
        registry::resolve(&snapshot.index, &settled.options, model, || self.newest(snapshot))
    }

    /// The newest model that somebody can serve now. Source: runtime.md E.7.
    fn newest(&self, snapshot: &Snapshot) -> Option<Arc<ModelRoutes>> {
        let mut models: Vec<&Arc<ModelRoutes>> = snapshot.index.models().collect();
        models.sort_by_key(|model| (std::cmp::Reverse(model.info.created.unwrap_or(0)), model.id.clone()));
        let served = models.iter().find(|model| self.any(snapshot, model, Availability::is_usable));
        // With all of them cooling the newest says best when to come back.
        served.or(models.first()).map(|model| Arc::clone(model))
    }

    /// Whether any credential for a model is in such a state.
    pub(crate) fn any(
        &self,
        snapshot: &Snapshot,
        model: &ModelRoutes,
        wanted: impl Fn(Availability) -> bool,
    ) -> bool {
        let now = self.now();
        let mut board = self.board.lock();
        board.drain(now);
        model.routes().any(|route| {
            let Some(tier) = snapshot.tiers.get(route.tier) else { return false };
            let Some(offered) = tier.offer.models.get(route.model) else { return false };
            tier.entries.iter().any(|entry| {
                let mut states = offered
                    .upstreams
                    .iter()
                    .map(|upstream| board.availability(entry.id(), &upstream.model, now));
                states.any(&wanted)
            })
        })
    }
}
