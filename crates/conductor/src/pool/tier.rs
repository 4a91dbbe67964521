//! Credentials that are interchangeable: one provider, one priority, one set of models.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cliproxy_core::ProviderId;

use super::{Endpoint, Entry};
use crate::registry::{Index, Offer};

/// Interchangeable credentials in id order.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) provider: ProviderId,
    pub(crate) priority: i64,
    pub(crate) offer: Arc<Offer>,
    pub(crate) entries: Vec<Arc<Entry>>,
    /// The endpoint each entry calls.
    pub(crate) endpoints: Vec<Endpoint>,
    /// One for each model of the offer.
    pub(crate) cursors: Vec<AtomicUsize>,
    group: u64,
}

impl Tier {
    /// A number that names this tier for one model, the same after a rebuild.
    pub(crate) fn group(&self, model: usize) -> u64 {
        self.group.wrapping_add((model as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

/// Who is registered and what is offered, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) generation: u64,
    pub(crate) tiers: Vec<Arc<Tier>>,
    pub(crate) index: Index,
}

type Key = (ProviderId, i64, usize);

impl Snapshot {
    /// Groups entries, which come in id order, into tiers. Turns go on where `old` left them.
    pub(crate) fn new(generation: u64, entries: &[Arc<Entry>], old: &Self) -> Self {
        let real = entries.iter().any(|entry| is_serving(entry) && !entry.credential().settings().fallback);
        let mut order: Vec<(Key, Vec<Arc<Entry>>)> = Vec::new();
        let mut known: HashMap<Key, usize> = HashMap::new();
        for entry in entries {
            let credential = entry.credential();
            // Source: design.md §8: a fallback is dropped when a real credential comes.
            if real && credential.settings().fallback {
                continue;
            }
            let offer = &entry.shape().offer;
            if offer.models.is_empty() {
                continue;
            }
            let key: Key =
                (credential.provider().clone(), credential.settings().priority, Arc::as_ptr(offer) as usize);
            let at = *known.entry(key.clone()).or_insert_with(|| {
                order.push((key, Vec::new()));
                order.len() - 1
            });
            if let Some((_, members)) = order.get_mut(at) {
                members.push(Arc::clone(entry));
            }
        }
        let before: HashMap<u64, &Arc<Tier>> = old.tiers.iter().map(|tier| (tier.group, tier)).collect();
        let mut alike: HashMap<u64, u32> = HashMap::new();
        let tiers: Vec<Arc<Tier>> = order
            .into_iter()
            .filter_map(|((provider, priority, _), entries)| {
                tier(provider, priority, entries, &before, &mut alike)
            })
            .map(Arc::new)
            .collect();
        let index = Index::new(&tiers);
        Self { generation, tiers, index }
    }
}

fn is_serving(entry: &Entry) -> bool {
    !entry.credential().settings().disabled && !entry.shape().offer.models.is_empty()
}

fn tier(
    provider: ProviderId,
    priority: i64,
    entries: Vec<Arc<Entry>>,
    before: &HashMap<u64, &Arc<Tier>>,
    alike: &mut HashMap<u64, u32>,
) -> Option<Tier> {
    let offer = Arc::clone(&entries.first()?.shape().offer);
    let mut hasher = DefaultHasher::new();
    (&provider, priority, offer.fingerprint()).hash(&mut hasher);
    // Two that differ only in how they describe their models take turns of their own.
    let number = alike.entry(hasher.finish()).or_default();
    number.hash(&mut hasher);
    *number += 1;
    let group = hasher.finish();
    let old = before.get(&group).filter(|old| old.offer.models.len() == offer.models.len());
    let cursors = (0..offer.models.len())
        .map(|model| old.and_then(|old| old.cursors.get(model)).map_or(0, |c| c.load(Ordering::Relaxed)))
        .map(AtomicUsize::new)
        .collect();
    let endpoints = entries.iter().map(|entry| Endpoint::of(&entry.credential())).collect();
    Some(Tier { provider, priority, offer, entries, endpoints, cursors, group })
}

/// Random numbers for selectors: good enough to spread load, made without a lock.
#[derive(Debug)]
pub(crate) struct Dice {
    hasher: RandomState,
    rolled: AtomicUsize,
}

impl Dice {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), rolled: AtomicUsize::new(0) }
    }

    pub(crate) fn roll(&self) -> u64 {
        self.hasher.hash_one(self.rolled.fetch_add(1, Ordering::Relaxed))
    }
}
