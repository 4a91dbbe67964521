//! Several access providers as one.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{AccessDecision, AccessError, AccessProvider, Principal};
use http::request::Parts;

use crate::config_keys::ConfigKeys;

/// Asks providers in order.
///
/// The first that grants decides, and so does the first that fails. Otherwise everybody is asked, and at the
/// end a wrong key outranks a missing one. When nobody was concerned with the request at all, [`Open`] may let
/// it in, if there is one; else the key is missing. A chain of nothing refuses everybody.
// Source: runtime.md J.4. Deliberately unlike it: no providers do not mean everyone is admitted.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    providers: Vec<Arc<dyn AccessProvider>>,
    open: Option<Open>,
}

impl Chain {
    /// A chain of these, asked in this order.
    #[must_use]
    pub fn new(providers: Vec<Arc<dyn AccessProvider>>) -> Self {
        Self { providers, open: None }
    }

    /// Says who lets requests in that no provider is concerned with.
    #[must_use]
    pub fn or_open(mut self, open: Open) -> Self {
        self.open = Some(open);
        self
    }
}

#[async_trait]
impl AccessProvider for Chain {
    fn name(&self) -> &str {
        "chain"
    }

    async fn authenticate(&self, request: &Parts) -> Result<AccessDecision, AccessError> {
        let mut answer = AccessDecision::NotHandled;
        for provider in &self.providers {
            match provider.authenticate(request).await? {
                granted @ AccessDecision::Granted(_) => return Ok(granted),
                AccessDecision::Invalid => answer = AccessDecision::Invalid,
                AccessDecision::Missing if answer == AccessDecision::NotHandled => {
                    answer = AccessDecision::Missing;
                }
                // A decision this crate does not know admits nobody.
                _ => {}
            }
        }
        match (answer, &self.open) {
            (AccessDecision::NotHandled, Some(open)) => Ok(open.decide()),
            (AccessDecision::NotHandled, None) => Ok(AccessDecision::Missing),
            (decided, _) => Ok(decided),
        }
    }
}

/// Lets everybody in as [`Principal::anonymous`], for as long as no key is configured and that is meant
/// ([`ConfigKeys::is_open`]). The moment a reload brings a key, the door is shut.
#[derive(Clone, Debug)]
pub struct Open(Arc<ConfigKeys>);

impl Open {
    /// Open while these keys are.
    #[must_use]
    pub fn while_keyless(keys: Arc<ConfigKeys>) -> Self {
        Self(keys)
    }

    fn decide(&self) -> AccessDecision {
        if self.0.is_open() {
            AccessDecision::Granted(Principal::anonymous())
        } else {
            AccessDecision::Missing
        }
    }
}

#[async_trait]
impl AccessProvider for Open {
    fn name(&self) -> &str {
        "open"
    }

    async fn authenticate(&self, _request: &Parts) -> Result<AccessDecision, AccessError> {
        Ok(self.decide())
    }
}
