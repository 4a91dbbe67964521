//! Who could serve a model, who cannot, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use cliproxy_core::{Operation, Timestamp};
use cliproxy_quota::Availability;

use crate::breaker::Asked;
use crate::inner::{Inner, Settled, Share};
use crate::pool::{Entry, Snapshot};
use crate::registry::ModelRoutes;

/// The state of everything that offers a model.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// How many may be used now.
    pub(crate) ready: usize,
    /// When the first that merely cools is back.
    pub(crate) cooling: Option<Timestamp>,
    /// When the first that was refused is looked at again.
    pub(crate) refused: Option<Timestamp>,
    /// When the first endpoint that rests is asked again.
    pub(crate) resting: Option<Timestamp>,
    /// Whether somebody probes right now.
    pub(crate) probing: bool,
    reasons: BTreeMap<(String, &'static str), usize>,
}

impl Survey {
    /// Looks at every credential for which `counts` holds.
    pub(crate) fn new(
        inner: &Inner,
        settled: &Settled,
        snapshot: &Snapshot,
        (model, operation): (&ModelRoutes, Operation),
        now: Timestamp,
        counts: impl Fn(&Entry) -> bool,
    ) -> Self {
        let mut survey = Self::default();
        let mut board = inner.board.lock();
        board.drain(now);
        for route in model.routes() {
            let Some(tier) = snapshot.tiers.get(route.tier) else { continue };
            let Some(offered) = tier.offer.models.get(route.model) else { continue };
            for (entry, endpoint) in tier.entries.iter().zip(&tier.endpoints) {
                if !counts(entry) {
                    continue;
                }
                if settled.share == Share::ByWeight && entry.credential().settings().weight <= 0 {
                    survey.note(tier.provider.as_str(), "weight 0");
                    continue;
                }
                let best = offered
                    .upstreams
                    .iter()
                    .map(|upstream| {
                        let state = board.availability(entry.id(), &upstream.model, now);
                        let asked = Asked { endpoint: *endpoint, model: &upstream.model, operation };
                        (state, inner.breakers.reopens(asked, now))
                    })
                    .min_by_key(|(state, resting)| rank(*state, *resting));
                let (state, resting) = best.unwrap_or((Availability::Ready, None));
                survey.count(tier.provider.as_str(), state, resting);
            }
        }
        survey
    }

    fn count(&mut self, provider: &str, state: Availability, resting: Option<Timestamp>) {
        let earlier = |known: Option<Timestamp>, at: Timestamp| Some(known.map_or(at, |known| known.min(at)));
        let reason = match (state, resting) {
            (Availability::Ready | Availability::HalfOpen { .. }, Some(at)) => {
                self.resting = earlier(self.resting, at);
                "endpoint resting"
            }
            (Availability::Ready | Availability::HalfOpen { .. }, None) => {
                self.ready += 1;
                "ready"
            }
            (Availability::CoolingDown { until, cause }, _) => {
                if cause.is_hard() {
                    self.refused = earlier(self.refused, until);
                } else {
                    self.cooling = earlier(self.cooling, until);
                }
                cause.as_str()
            }
            (Availability::Probing { .. }, _) => {
                self.probing = true;
                "probing"
            }
            (Availability::NeedsLogin, _) => "needs login",
            (Availability::Disabled, _) => "disabled",
            _ => "blocked",
        };
        self.note(provider, reason);
    }

    fn note(&mut self, provider: &str, reason: &'static str) {
        *self.reasons.entry((provider.to_owned(), reason)).or_default() += 1;
    }

    /// When the first of them may be used again, as far as anybody knows.
    pub(crate) fn recovery(&self, now: Timestamp) -> Option<Duration> {
        let times = [self.cooling, self.refused, self.resting].into_iter().flatten();
        let probe = self.probing.then(|| now.plus(PROBE));
        times.chain(probe).min().map(|at| at.since(now))
    }

    /// The providers, in order.
    pub(crate) fn providers(&self) -> Vec<&str> {
        let mut providers: Vec<&str> = self.reasons.keys().map(|(provider, _)| provider.as_str()).collect();
        providers.dedup();
        providers
    }

    /// `claude: 2 quota, 1 disabled and codex: 1 ready`.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        for ((provider, reason), count) in &self.reasons {
            // Writing into a string cannot fail.
            let _ignored = if provider == last {
                write!(text, ", {count} {reason}")
            } else {
                let gap = if last.is_empty() { "" } else { " and " };
                write!(text, "{gap}{provider}: {count} {reason}")
            };
            last = provider;
        }
        text
    }
}

/// How long a probe is given before the next look.
pub(crate) const PROBE: Duration = Duration::from_secs(1);

/// Usable first, then what ends soonest.
fn rank(state: Availability, resting: Option<Timestamp>) -> (u8, Timestamp) {
    match (state, resting) {
        (Availability::Ready, None) => (0, Timestamp::default()),
        (Availability::HalfOpen { .. }, None) => (1, Timestamp::default()),
        (Availability::Probing { .. }, _) => (2, Timestamp::default()),
        (Availability::Ready | Availability::HalfOpen { .. }, Some(until))
        | (Availability::CoolingDown { until, .. }, _) => (3, until),
        _ => (4, Timestamp::default()),
    }
}
