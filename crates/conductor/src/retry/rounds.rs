//! Whether another round begins, and when. Source: runtime.md D.5 [H].

use std::time::Duration;

use cliproxy_core::{ErrorKind, Operation};

use super::run::Run;
use crate::pool::Entry;

impl Run {
    /// Begins the next round, after waiting if need be. False when this was the last.
    pub(super) async fn next_round(&mut self) -> bool {
        let operation = self.ticket.operation;
        if self.last.as_ref().is_some_and(|last| !is_worth_a_round(last.error.kind(), operation)) {
            return false;
        }
        let round = self.round + 1;
        if !self.tried_anything() && self.snapshot.tiers.is_empty() {
            return false;
        }
        let now = self.ticket.inner.now();
        let survey = self.survey(now, |entry| self.rounds_of(entry) >= round);
        if survey.ready == 0 {
            let Some(wait) = survey.recovery(now) else { return false };
            // Zero forbids waiting, not rounds (Source: runtime.md L.2 18).
            if wait > self.ticket.settled.options.max_retry_interval {
                return false;
            }
            self.trace.step(|| format!("round {round} waits {} ms", wait.as_millis()));
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        } else {
            self.trace.step(|| format!("round {round}"));
        }
        self.round = round;
        self.picked = 0;
        self.tried.clear();
        self.leave_out_others(round);
        true
    }

    fn tried_anything(&self) -> bool {
        self.last.is_some()
    }

    /// The extra rounds that a credential takes part in.
    fn rounds_of(&self, entry: &Entry) -> u32 {
        let options = &self.ticket.settled.options;
        let own = entry.credential().settings().limits.request_retry;
        let extra = if self.ticket.stream { options.bootstrap_retries } else { 0 };
        own.unwrap_or(options.request_retry).saturating_add(extra)
    }

    /// Leaves out the credentials that have no more rounds.
    fn leave_out_others(&mut self, round: u32) {
        let routes: Vec<_> = self.resolution.model.routes().collect();
        for route in routes {
            let Some(tier) = self.snapshot.tiers.get(route.tier).cloned() else { continue };
            for entry in &tier.entries {
                if self.rounds_of(entry) < round {
                    self.tried.spend(entry);
                }
            }
        }
    }
}

/// Which failures another round may mend. Source: runtime.md D.5: 403, 408, 429, 500, 502, 503, 504, and per
/// D.9 those without a status.
fn is_worth_a_round(kind: ErrorKind, operation: Operation) -> bool {
    match kind {
        // Nothing cools because of it, so that the next round would begin at once.
        ErrorKind::RateLimited => operation != Operation::CountTokens,
        ErrorKind::Forbidden => true,
        kind => kind.is_endpoint_fault(),
    }
}
