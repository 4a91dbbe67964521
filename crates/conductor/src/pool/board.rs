//! Who is ready: each credential's ledger, and the bit sets that mirror them.
//!
//! Everything here happens under one short lock. A bit is only ever a copy of what the ledger says; expiries
//! sit in a heap that is drained whenever somebody looks, so that nothing has to wake up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cliproxy_core::{Credential, CredentialId, Scope, Timestamp, UpstreamModel};
use cliproxy_quota::{Availability, BackoffPolicy, Fault, Ledger, Mark, Probe, Rest};
use foldhash::HashMap;
use tokio::sync::Notify;

use super::{Entry, Snapshot, Tier, Weights, bits};
use crate::registry::{OfferedModel, Route};

/// Numbers of the whole process: a selector that two conductors share must not take the credentials of one for those
/// of the other.
fn next_revision() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

#[derive(Debug, Default)]
pub(crate) struct Board {
    generation: u64,
    /// Another number whenever a slot gets another credential.
    revision: u64,
    seats: HashMap<CredentialId, Seat>,
    tiers: Vec<TierBits>,
    expiries: BinaryHeap<Reverse<Expiry>>,
    changes: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Seat {
    ledger: Ledger,
    place: Option<(usize, usize)>,
}

#[derive(Debug, Default)]
struct TierBits {
    /// Slots whose credential as a whole may be used.
    ready: Vec<u64>,
    /// Slots whose ledger says anything at all: of the others a pick need not ask.
    noted: Vec<u64>,
    /// Slots that are blocked for one model; only models that have any.
    blocked: HashMap<UpstreamModel, Vec<u64>>,
    slots: Arc<Vec<Arc<Credential>>>,
    weights: Weights,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Expiry {
    at: Timestamp,
    id: CredentialId,
    model: Option<UpstreamModel>,
}

impl Board {
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over a new set of credentials; the ledgers of those that stay are kept (Source: runtime.md L.2 22).
    pub(crate) fn install(&mut self, snapshot: &Snapshot, entries: &[Arc<Entry>], now: Timestamp) {
        self.generation = snapshot.generation;
        self.revision = next_revision();
        let mut old = std::mem::take(&mut self.seats);
        for entry in entries {
            let mut seat = old.remove(entry.id()).unwrap_or_default();
            seat.place = None;
            seat.ledger.set_disabled(entry.credential().settings().disabled);
            let rests = entry.renewal.lock().dead.as_ref().and_then(|dead| dead.rests);
            let told = seat.ledger.needs_login() == rests;
            seat.ledger.set_needs_login(rests);
            self.seats.insert(entry.id().clone(), seat);
            if let Some(at) = rests.filter(|_| !told) {
                self.expiries.push(Reverse(Expiry { at, id: entry.id().clone(), model: None }));
            }
        }
        self.changes.notify_one();
        self.tiers = snapshot.tiers.iter().map(|tier| TierBits::new(tier)).collect();
        for (at, tier) in snapshot.tiers.iter().enumerate() {
            for (slot, entry) in tier.entries.iter().enumerate() {
                if let Some(seat) = self.seats.get_mut(entry.id()) {
                    seat.place = Some((at, slot));
                }
                self.refresh(entry.id(), now);
            }
        }
    }

    /// Copies what a credential's ledger says into the bits.
    fn refresh(&mut self, id: &CredentialId, now: Timestamp) {
        let Some(seat) = self.seats.get(id) else { return };
        let Some((tier, slot)) = seat.place else { return };
        let Some(tier) = self.tiers.get_mut(tier) else { return };
        bits::set(&mut tier.ready, slot, seat.ledger.whole(now).is_usable());
        bits::set(&mut tier.noted, slot, !seat.ledger.is_blank());
        for words in tier.blocked.values_mut() {
            bits::set(words, slot, false);
        }
        for (model, state) in seat.ledger.models(now) {
            if !state.is_usable() {
                tier.block(model, slot);
            }
        }
        tier.blocked.retain(|_, words| words.iter().any(|word| *word != 0));
    }

    /// Lets what has expired be used again, and what has lived on its access token no more.
    pub(crate) fn drain(&mut self, now: Timestamp) {
        while self.expiries.peek().is_some_and(|Reverse(next)| next.at <= now) {
            if let Some(Reverse(expiry)) = self.expiries.pop() {
                self.refresh_one(&expiry, now);
            }
        }
    }

    fn refresh_one(&mut self, expiry: &Expiry, now: Timestamp) {
        let Some(seat) = self.seats.get(&expiry.id) else { return };
        let Some((tier, slot)) = seat.place else { return };
        let Some(tier) = self.tiers.get_mut(tier) else { return };
        match &expiry.model {
            None => bits::set(&mut tier.ready, slot, seat.ledger.whole(now).is_usable()),
            Some(model) if seat.ledger.model(model, now).is_usable() => tier.unblock(model, slot),
            Some(_) => {}
        }
    }

    /// The slots of a route that may be used, with those in `mask` left out.
    pub(crate) fn ready(
        &self,
        route: Route,
        offered: &OfferedModel,
        mask: Option<&[u64]>,
        out: &mut Vec<u64>,
    ) {
        out.clear();
        let Some(tier) = self.tiers.get(route.tier) else { return };
        out.extend_from_slice(&tier.ready);
        if let Some(mask) = mask {
            bits::clear_all(out, mask);
        }
        tier.clear_blocked(offered, out);
    }

    /// The credentials of a tier, and the number that is another when one of them is.
    pub(crate) fn slots(&self, tier: usize) -> (Arc<Vec<Arc<Credential>>>, u64) {
        let slots = self.tiers.get(tier).map(|tier| Arc::clone(&tier.slots)).unwrap_or_default();
        (slots, self.revision)
    }

    /// The weights of some slots of a tier, together.
    pub(crate) fn weight(&self, tier: usize, words: &[u64]) -> i64 {
        self.tiers.get(tier).map_or(0, |tier| tier.weights.sum(words))
    }

    pub(crate) fn place(&self, id: &CredentialId) -> Option<(usize, usize)> {
        self.seats.get(id)?.place
    }

    pub(crate) fn availability(
        &self,
        id: &CredentialId,
        model: &UpstreamModel,
        now: Timestamp,
    ) -> Availability {
        self.seats.get(id).map_or(Availability::Disabled, |seat| seat.ledger.availability(model, now))
    }

    pub(crate) fn whole(&self, id: &CredentialId, now: Timestamp) -> Availability {
        self.seats.get(id).map_or(Availability::Disabled, |seat| seat.ledger.whole(now))
    }

    /// Whether nothing is noted of the credential in a slot, as of that generation.
    pub(crate) fn is_blank(&self, generation: u64, (tier, slot): (usize, usize)) -> bool {
        generation == self.generation
            && self.tiers.get(tier).is_some_and(|tier| !bits::get(&tier.noted, slot))
    }

    /// An attempt begins; `None` when somebody else took the probe meanwhile.
    pub(crate) fn begin(
        &mut self,
        id: &CredentialId,
        model: &UpstreamModel,
        now: Timestamp,
    ) -> Option<Probe> {
        let seat = self.seats.get_mut(id)?;
        match seat.ledger.availability(model, now) {
            Availability::Ready => Some(Probe::default()),
            Availability::HalfOpen { .. } => {
                let probe = seat.ledger.begin(model, now);
                self.refresh(id, now);
                Some(probe)
            }
            _ => None,
        }
    }

    /// The provider let a probing attempt in.
    pub(crate) fn admitted(
        &mut self,
        id: &CredentialId,
        model: &UpstreamModel,
        probe: Probe,
        now: Timestamp,
    ) {
        self.change(id, now, |ledger| ledger.admitted(model, probe));
    }

    /// A probing attempt ended without an answer.
    pub(crate) fn release(&mut self, id: &CredentialId, model: &UpstreamModel, probe: Probe, now: Timestamp) {
        self.change(id, now, |ledger| ledger.release(model, probe));
    }

    pub(crate) fn succeed(
        &mut self,
        id: &CredentialId,
        model: &UpstreamModel,
        started: Timestamp,
        now: Timestamp,
    ) {
        self.change(id, now, |ledger| ledger.succeed(model, started));
    }

    /// An attempt failed. Returns what cools because of it.
    pub(crate) fn fail(
        &mut self,
        id: &CredentialId,
        model: &UpstreamModel,
        fault: &Fault,
        policy: &BackoffPolicy,
        now: Timestamp,
    ) -> Option<Mark> {
        let mut mark = None;
        self.change(id, now, |ledger| mark = ledger.fail(model, fault, policy, now));
        let mark = mark?;
        let model = (mark.scope != Scope::Credential).then(|| model.clone());
        self.expiries.push(Reverse(Expiry { at: mark.until, id: id.clone(), model }));
        Some(mark)
    }

    /// Takes a credential out of use at a time; with `None`, not at all.
    pub(crate) fn rest_for_login(&mut self, id: &CredentialId, since: Option<Timestamp>, now: Timestamp) {
        self.change(id, now, |ledger| ledger.set_needs_login(since));
        if let Some(at) = since {
            self.expiries.push(Reverse(Expiry { at, id: id.clone(), model: None }));
        }
    }

    /// What of a credential a restart is to keep.
    pub(crate) fn rests(&self, id: &CredentialId, now: Timestamp) -> Vec<Rest> {
        self.seats.get(id).map(|seat| seat.ledger.rests(now)).unwrap_or_default()
    }

    /// Told after every change of what [`Self::rests`] says, apart from what time itself ends.
    pub(crate) fn changes(&self) -> Arc<Notify> {
        Arc::clone(&self.changes)
    }

    /// Takes a window over from before a restart.
    pub(crate) fn restore(&mut self, id: &CredentialId, rest: &Rest, now: Timestamp) {
        let mut until = None;
        self.change(id, now, |ledger| until = ledger.restore(rest, now));
        if let Some(at) = until {
            self.expiries.push(Reverse(Expiry { at, id: id.clone(), model: rest.model.clone() }));
        }
    }

    /// Changes a ledger by a rule of its own and mirrors the result.
    pub(crate) fn change(&mut self, id: &CredentialId, now: Timestamp, change: impl FnOnce(&mut Ledger)) {
        if let Some(seat) = self.seats.get_mut(id) {
            let before = seat.ledger.is_blank();
            change(&mut seat.ledger);
            // The usual case, a success of a healthy credential, touches no bit.
            if !(before && seat.ledger.is_blank()) {
                self.refresh(id, now);
                self.changes.notify_one();
            }
        }
    }

    /// Puts a renewed credential into its slot, for selectors to see. Its weight is the same: other settings come with
    /// [`Self::install`].
    pub(crate) fn replace(&mut self, credential: &Arc<Credential>) {
        let Some((tier, slot)) = self.place(credential.id()) else { return };
        let Some(tier) = self.tiers.get_mut(tier) else { return };
        if let Some(place) = Arc::make_mut(&mut tier.slots).get_mut(slot) {
            *place = Arc::clone(credential);
            self.revision = next_revision();
        }
    }
}

impl TierBits {
    fn new(tier: &Tier) -> Self {
        let slots: Vec<_> = tier.entries.iter().map(|entry| entry.credential()).collect();
        let weights = Weights::new(slots.iter().map(|credential| credential.settings().weight));
        Self {
            ready: vec![0; bits::words_for(slots.len())],
            noted: vec![0; bits::words_for(slots.len())],
            blocked: HashMap::default(),
            slots: Arc::new(slots),
            weights,
        }
    }

    fn block(&mut self, model: &UpstreamModel, slot: usize) {
        let length = self.ready.len();
        let words = self.blocked.entry(model.clone()).or_insert_with(|| vec![0; length]);
        bits::set(words, slot, true);
    }

    fn unblock(&mut self, model: &UpstreamModel, slot: usize) {
        if let Some(words) = self.blocked.get_mut(model) {
            bits::set(words, slot, false);
            if words.iter().all(|word| *word == 0) {
                self.blocked.remove(model);
            }
        }
    }

    /// A slot is out when every upstream model behind the offered one is blocked there.
    fn clear_blocked(&self, offered: &OfferedModel, out: &mut [u64]) {
        if self.blocked.is_empty() {
            return;
        }
        match offered.upstreams.as_slice() {
            [only] => {
                if let Some(blocked) = self.blocked.get(&only.model) {
                    bits::clear_all(out, blocked);
                }
            }
            many => {
                let blocked: Vec<_> = many.iter().map(|route| self.blocked.get(&route.model)).collect();
                for (at, word) in out.iter_mut().enumerate() {
                    let all = blocked.iter().fold(u64::MAX, |all, words| {
                        all & words.and_then(|words| words.get(at)).copied().unwrap_or(0)
                    });
                    *word &= !all;
                }
            }
        }
    }
}
