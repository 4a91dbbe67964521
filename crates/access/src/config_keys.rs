//! The client keys of the configuration.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cliproxy_core::{AccessDecision, AccessError, AccessProvider, Principal, Secret};
use http::request::Parts;
use ring::digest;
use subtle::ConstantTimeEq as _;

use crate::candidates::candidates;

/// What happens while no key is configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keyless {
    /// Nobody comes in.
    #[default]
    Refuse,
    /// Everybody does, through [`crate::Open`]: the listener is loopback only, or the operator said so.
    Admit,
}

/// Admits whoever shows one of the configured keys.
///
/// A lookup is one hash and one comparison, whatever the number of keys, and takes no longer for a key that is nearly
/// right: the hash is keyed at random, so that nobody can tell which keys come together, and the comparison takes the
/// same time wherever two keys differ.
pub struct ConfigKeys {
    hasher: RandomState,
    state: ArcSwap<State>,
}

struct State {
    /// By the keyed hash; keys with the same one stand side by side.
    keys: HashMap<u64, Vec<(Secret, Principal)>>,
    keyless: Keyless,
}

impl ConfigKeys {
    /// Takes the keys; blank ones are no keys.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = Secret>, keyless: Keyless) -> Self {
        let hasher = RandomState::new();
        let state = ArcSwap::from_pointee(State::new(&hasher, keys, keyless));
        Self { hasher, state }
    }

    /// Puts other keys in force, all at once: a request sees the old set or the new one.
    pub fn replace(&self, keys: impl IntoIterator<Item = Secret>, keyless: Keyless) {
        self.state.store(State::new(&self.hasher, keys, keyless).into());
    }

    /// How many different keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.load().keys.values().map(Vec::len).sum()
    }

    /// Who is known by these keys.
    #[must_use]
    pub fn principals(&self) -> Vec<Principal> {
        self.state.load().keys.values().flatten().map(|(_, principal)| principal.clone()).collect()
    }

    /// Whether no key is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether everybody is admitted: no key, and that is meant. The edge then sends no CORS headers and asks
    /// [`crate::origin_allowed`].
    #[must_use]
    pub fn is_open(&self) -> bool {
        let state = self.state.load();
        state.keys.is_empty() && state.keyless == Keyless::Admit
    }

    // Source: http-api.md A.1 "a wrong earlier candidate does not stop a later correct one".
    fn decide(&self, request: &Parts) -> AccessDecision {
        let state = self.state.load();
        if state.keys.is_empty() {
            return AccessDecision::NotHandled;
        }
        let mut answer = AccessDecision::Missing;
        for candidate in candidates(request) {
            match state.find(self.hasher.hash_one(&*candidate), &candidate) {
                Some(principal) => return AccessDecision::Granted(principal.clone()),
                None => answer = AccessDecision::Invalid,
            }
        }
        answer
    }
}

impl State {
    fn new(hasher: &RandomState, keys: impl IntoIterator<Item = Secret>, keyless: Keyless) -> Self {
        let mut state = Self { keys: HashMap::new(), keyless };
        for key in keys.into_iter().filter(|key| !key.expose().trim().is_empty()) {
            let bytes = key.expose().as_bytes();
            let hash = hasher.hash_one(bytes);
            if state.find(hash, bytes).is_none() {
                let principal = principal_of(bytes);
                state.keys.entry(hash).or_default().push((key, principal));
            }
        }
        state
    }

    fn find(&self, hash: u64, candidate: &[u8]) -> Option<&Principal> {
        let same = |key: &Secret| bool::from(key.expose().as_bytes().ct_eq(candidate));
        self.keys.get(&hash)?.iter().find_map(|(key, principal)| same(key).then_some(principal))
    }
}

/// `key-` and the first twelve hex digits of SHA-256 over a domain word and the key: the same after a restart,
/// so that usage adds up. It cannot be turned back into the key; a guessed key can be compared with it, so
/// keys have to be long and random, as ours are.
fn principal_of(key: &[u8]) -> Principal {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"cliproxy-client-key\0");
    hash.update(key);
    let digest = hash.finish();
    let nibbles = digest.as_ref().iter().take(6).flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect();
    Principal::new(format!("key-{hex}"))
}

impl fmt::Debug for ConfigKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigKeys").field("keys", &self.len()).field("open", &self.is_open()).finish()
    }
}

#[async_trait]
impl AccessProvider for ConfigKeys {
    fn name(&self) -> &str {
        // Source: http-api.md A.1 "provider name `config-inline`".
        "config-inline"
    }

    async fn authenticate(&self, request: &Parts) -> Result<AccessDecision, AccessError> {
        Ok(self.decide(request))
    }
}
