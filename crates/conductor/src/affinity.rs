//! Conversations stay where the provider's prompt cache is.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use cliproxy_core::{CredentialId, Principal, SessionKey, Timestamp};
use parking_lot::Mutex;

use crate::AffinityOptions;

/// Remembers where conversations went: bounded, ageing, and without their names.
#[derive(Debug)]
pub(crate) struct Affinity {
    // Two independent hashes make a key of 128 bits: clients choose the names, and their length must not count.
    one: RandomState,
    two: RandomState,
    table: Mutex<Table>,
}

pub(crate) type Key = (u64, u64);

/// Two generations: what is used moves to the young one, and when that is full the old one is forgotten.
#[derive(Debug, Default)]
struct Table {
    young: HashMap<Key, Binding>,
    old: HashMap<Key, Binding>,
}

#[derive(Clone, Debug)]
struct Binding {
    credential: CredentialId,
    used: Timestamp,
}

impl Affinity {
    pub(crate) fn new() -> Self {
        Self { one: RandomState::new(), two: RandomState::new(), table: Mutex::default() }
    }

    /// The key of a conversation. One client's conversations are never another's.
    pub(crate) fn key(&self, principal: &Principal, session: &SessionKey, model: &str) -> Key {
        let name = (principal, session, model);
        (self.one.hash_one(name), self.two.hash_one(name))
    }

    /// Where the conversation is bound.
    pub(crate) fn bound(&self, key: Key, options: &AffinityOptions, now: Timestamp) -> Option<CredentialId> {
        let mut table = self.table.lock();
        let binding = table.young.get(&key).cloned().or_else(|| table.old.remove(&key))?;
        if now.since(binding.used) >= options.ttl {
            table.young.remove(&key);
            return None;
        }
        let credential = binding.credential.clone();
        table.put(key, Binding { used: now, ..binding }, options.capacity);
        Some(credential)
    }

    /// Binds it.
    pub(crate) fn bind(
        &self,
        key: Key,
        credential: &CredentialId,
        options: &AffinityOptions,
        now: Timestamp,
    ) {
        let binding = Binding { credential: credential.clone(), used: now };
        self.table.lock().put(key, binding, options.capacity);
    }

    /// Forgets everything, when it is switched off.
    pub(crate) fn clear(&self) {
        *self.table.lock() = Table::default();
    }
}

impl Table {
    fn put(&mut self, key: Key, binding: Binding, capacity: usize) {
        if self.young.len() >= (capacity / 2).max(1) && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, binding);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_000);

    fn id(name: &str) -> CredentialId {
        CredentialId::new(name)
    }

    #[test]
    fn a_binding_lasts_while_it_is_used() {
        let options = AffinityOptions { ttl: Duration::from_secs(10), ..AffinityOptions::default() };
        let affinity = Affinity::new();
        let key = affinity.key(&Principal::anonymous(), &SessionKey::new("s"), "m");
        affinity.bind(key, &id("a"), &options, T);
        assert_eq!(affinity.bound(key, &options, T.plus(Duration::from_secs(9))), Some(id("a")));
        assert_eq!(affinity.bound(key, &options, T.plus(Duration::from_secs(18))), Some(id("a")));
        assert_eq!(affinity.bound(key, &options, T.plus(Duration::from_secs(28))), None);
        assert_eq!(affinity.bound(key, &options, T.plus(Duration::from_secs(28))), None);
    }

    #[test]
    fn it_is_bounded_and_forgets_the_silent_first() {
        let options = AffinityOptions { capacity: 100, ..AffinityOptions::default() };
        let affinity = Affinity::new();
        let key = |n: u32| affinity.key(&Principal::anonymous(), &SessionKey::new(n.to_string()), "m");
        for n in 0..1000 {
            affinity.bind(key(n), &id("a"), &options, T);
            affinity.bound(key(0), &options, T);
        }
        let table = affinity.table.lock();
        assert!(table.young.len() + table.old.len() <= 100);
        drop(table);
        assert!(affinity.bound(key(0), &options, T).is_some());
        assert!(affinity.bound(key(500), &options, T).is_none());
    }

    #[test]
    fn principals_do_not_share_conversations() {
        let affinity = Affinity::new();
        let session = SessionKey::new("s");
        assert_ne!(
            affinity.key(&Principal::new("a"), &session, "m"),
            affinity.key(&Principal::new("b"), &session, "m")
        );
    }
}
