//! Token counts that are estimated here need no provider that is ready.

use std::sync::Arc;

use cliproxy_core::Operation;
use cliproxy_quota::{Availability, Probe};

use super::run::Run;
use crate::breaker::Trial;
use crate::inner::Share;
use crate::pool::{Picked, Tier};
use crate::registry::OfferedModel;

impl Run {
    /// A credential that merely rests and whose provider has no count of the model: it is not asked for one. Once a
    /// request, which is the same whoever rests.
    pub(super) fn who_need_not_be_asked(&mut self) -> Option<Picked> {
        if self.ticket.operation != Operation::CountTokens || self.unasked {
            return None;
        }
        self.unasked = true;
        self.resolution.model.routes().find_map(|route| {
            let tier = self.snapshot.tiers.get(route.tier)?;
            self.who_rests(tier, tier.offer.models.get(route.model)?)
        })
    }

    fn who_rests(&self, tier: &Tier, offered: &OfferedModel) -> Option<Picked> {
        let now = self.ticket.inner.now();
        tier.entries.iter().zip(&tier.endpoints).find_map(|(entry, endpoint)| {
            let (credential, executor) = (entry.credential(), Arc::clone(&entry.shape().executor));
            if self.ticket.settled.share == Share::ByWeight && credential.settings().weight <= 0 {
                return None;
            }
            // Source: `ProviderExecutor::wire_formats`, "token counts are then estimated".
            let upstream = offered.upstreams.iter().find(|upstream| {
                executor.wire_formats_for(&credential, &upstream.model, Operation::CountTokens).is_empty()
            })?;
            let state = self.ticket.inner.board.lock().availability(entry.id(), &upstream.model, now);
            (!matches!(state, Availability::Disabled | Availability::NeedsLogin)).then(|| Picked {
                entry: Arc::clone(entry),
                upstream: upstream.clone(),
                info: Arc::clone(&offered.info),
                shown: offered.shown,
                probe: Probe::default(),
                trial: Trial::default(),
                endpoint: *endpoint,
                credential,
            })
        })
    }
}
