//! A bounded memory: by bytes and by age, the longest unused first. Nothing in it can be read without its key, and keys
//! are digests under a secret of this process.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use cliproxy_core::Timestamp;
use cliproxy_translator::pass::recall::State;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// What an entry costs besides its states.
const OVERHEAD: usize = 128;
/// The part of all that one entry may take. Source: translation.md B38, E660: one conversation does not push out the rest.
const SHARE: usize = 8;

/// How much is remembered, and for how long after it was last used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
}

/// The name of an entry.
pub(crate) type Key = [u8; 32];

/// The memory.
pub(crate) struct Store {
    secret: [u8; 32],
    inner: Mutex<Inner>,
}

struct Inner {
    bounds: Bounds,
    entries: HashMap<Key, Entry>,
    /// The entries by when they were used, the longest unused first.
    order: BTreeMap<u64, Key>,
    turn: u64,
    bytes: usize,
    /// How many entries say that something was refused.
    refusals: usize,
}

struct Entry {
    /// `None` for what was refused.
    states: Option<Vec<State>>,
    turn: u64,
    used: Timestamp,
}

impl Entry {
    fn bytes(&self) -> usize {
        let states = self.states.as_deref().unwrap_or_default();
        OVERHEAD + states.iter().map(|state| state.value.len() + size_of::<State>()).sum::<usize>()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner.lock();
        f.debug_struct("Store").field("entries", &inner.entries.len()).field("bytes", &inner.bytes).finish()
    }
}

impl Store {
    pub(crate) fn new(bounds: Bounds) -> Self {
        // Each of these is keyed at random; together they are more than anyone guesses.
        let mut secret = [0; 32];
        for (place, part) in secret.chunks_mut(8).enumerate() {
            part.copy_from_slice(&RandomState::new().hash_one(place).to_le_bytes());
        }
        let inner =
            Inner { bounds, entries: HashMap::new(), order: BTreeMap::new(), turn: 0, bytes: 0, refusals: 0 };
        Self { secret, inner: Mutex::new(inner) }
    }

    /// From now on within these bounds.
    pub(crate) fn rebound(&self, bounds: Bounds) {
        let mut inner = self.inner.lock();
        inner.bounds = bounds;
        inner.shrink();
    }

    /// The name of what `parts` name, each apart from the next.
    pub(crate) fn key<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>) -> Key {
        let mut hash = Sha256::new().chain_update(self.secret);
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// Whether anything at all can be found.
    pub(crate) fn is_empty(&self) -> bool {
        self.inner.lock().entries.is_empty()
    }

    /// Whether anything was refused.
    pub(crate) fn has_refusals(&self) -> bool {
        self.inner.lock().refusals > 0
    }

    /// What is remembered under a name; it is young again.
    pub(crate) fn find(&self, key: &Key, now: Timestamp) -> Option<Vec<State>> {
        self.inner.lock().find(key, now)?
    }

    /// Whether a state was refused.
    pub(crate) fn is_refused(&self, key: &Key, now: Timestamp) -> bool {
        self.inner.lock().find(key, now).is_some()
    }

    /// Remembers. What is too large is not, and nothing else gives way to it.
    pub(crate) fn put(&self, key: Key, states: Vec<State>, now: Timestamp) {
        self.inner.lock().put(key, Some(states), now);
    }

    /// Remembers that a state was refused.
    pub(crate) fn refuse(&self, key: Key, now: Timestamp) {
        self.inner.lock().put(key, None, now);
    }
}

impl Inner {
    #[expect(clippy::option_option, reason = "an entry of a refusal holds no states")]
    fn find(&mut self, key: &Key, now: Timestamp) -> Option<Option<Vec<State>>> {
        let too_old = {
            let entry = self.entries.get(key)?;
            now.since(entry.used) > self.bounds.age
        };
        if too_old {
            self.remove(key);
            return None;
        }
        self.turn += 1;
        let entry = self.entries.get_mut(key)?;
        self.order.remove(&entry.turn);
        (entry.turn, entry.used) = (self.turn, now);
        self.order.insert(self.turn, *key);
        Some(entry.states.clone())
    }

    fn put(&mut self, key: Key, states: Option<Vec<State>>, now: Timestamp) {
        self.turn += 1;
        let entry = Entry { states, turn: self.turn, used: now };
        if entry.bytes() > self.bounds.bytes / SHARE {
            return;
        }
        self.remove(&key);
        self.bytes += entry.bytes();
        self.refusals += usize::from(entry.states.is_none());
        self.order.insert(entry.turn, key);
        self.entries.insert(key, entry);
        self.expire(now);
        self.shrink();
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.turn);
            self.bytes -= entry.bytes();
            self.refusals -= usize::from(entry.states.is_none());
        }
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(key) = self.oldest()
            && self.entries.get(&key).is_some_and(|entry| now.since(entry.used) > self.bounds.age)
        {
            self.remove(&key);
        }
    }

    fn shrink(&mut self) {
        while self.bytes > self.bounds.bytes
            && let Some(key) = self.oldest()
        {
            self.remove(&key);
        }
    }

    fn oldest(&self) -> Option<Key> {
        self.order.first_key_value().map(|(_, key)| *key)
    }
}
