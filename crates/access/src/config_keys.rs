//! The client keys of the configuration.

use std::collections::HashMap;
use std::fmt;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cliproxy_core::{AccessDecision, AccessError, AccessProvider, Principal, Secret};
use http::request::Parts;
use ring::digest;
use ring::hmac;
use ring::rand::SystemRandom;

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
/// Keys are kept as digests under a key that is drawn at random when the process starts: a lookup is one hash
/// and one probe, whatever their number, and takes no longer for a key that is nearly right.
pub struct ConfigKeys {
    digest_key: hmac::Key,
    state: ArcSwap<State>,
}

struct State {
    principals: HashMap<[u8; 32], Principal>,
    keyless: Keyless,
}

impl ConfigKeys {
    /// Takes the keys; blank ones are no keys.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn new(keys: impl IntoIterator<Item = Secret>, keyless: Keyless) -> Result<Self, AccessError> {
        let digest_key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| AccessError::new("the machine gives no random numbers"))?;
        let state = ArcSwap::from_pointee(State::new(&digest_key, keys, keyless));
        Ok(Self { digest_key, state })
    }

    /// Puts other keys in force, all at once: a request sees the old set or the new one.
    pub fn replace(&self, keys: impl IntoIterator<Item = Secret>, keyless: Keyless) {
        self.state.store(State::new(&self.digest_key, keys, keyless).into());
    }

    /// How many different keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.load().principals.len()
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
        state.principals.is_empty() && state.keyless == Keyless::Admit
    }

    // Source: http-api.md A.1 "a wrong earlier candidate does not stop a later correct one".
    fn decide(&self, request: &Parts) -> AccessDecision {
        let state = self.state.load();
        if state.principals.is_empty() {
            return AccessDecision::NotHandled;
        }
        let mut answer = AccessDecision::Missing;
        for candidate in candidates(request) {
            match state.principals.get(&digest_of(&self.digest_key, &candidate)) {
                Some(principal) => return AccessDecision::Granted(principal.clone()),
                None => answer = AccessDecision::Invalid,
            }
        }
        answer
    }
}

impl State {
    fn new(digest_key: &hmac::Key, keys: impl IntoIterator<Item = Secret>, keyless: Keyless) -> Self {
        let kept = keys.into_iter().filter(|key| !key.expose().trim().is_empty());
        let principals = kept.map(|key| {
            let key = key.expose().as_bytes();
            (digest_of(digest_key, key), principal_of(key))
        });
        Self { principals: principals.collect(), keyless }
    }
}

fn digest_of(digest_key: &hmac::Key, candidate: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(digest_key, candidate);
    let mut digest = [0; 32];
    // The tag of HMAC-SHA-256 has 32 bytes.
    digest.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    digest
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
