//! The book of one credential: the whole of it, and each model that ever failed.

use std::collections::BTreeMap;

use cliproxy_core::{Scope, Timestamp, UpstreamModel};

use crate::policy::Wanted;
use crate::{Availability, BackoffPolicy, Cooldown, CooldownCause, Cooling, Fault, Rest};

/// The states of one credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    standing: Standing,
    whole: Cooldown,
    /// Only models that failed: most credentials have none.
    models: BTreeMap<UpstreamModel, Cooldown>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    disabled: bool,
    /// From when on nothing but a login helps; until then the access token lives.
    needs_login: Option<Timestamp>,
}

/// What a failure changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// What cools: the model or the whole credential.
    pub scope: Scope,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub cause: CooldownCause,
}

/// Which half-open states a request probes. Exactly one of [`Ledger::admitted`], [`Ledger::release`] and
/// [`Ledger::fail`] has to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    whole: bool,
    model: bool,
}

impl Probe {
    /// Whether the request probes anything.
    #[must_use]
    pub fn is_some(self) -> bool {
        self.whole || self.model
    }
}

impl Ledger {
    /// Whether the credential may be used for a model now.
    #[must_use]
    pub fn availability(&self, model: &UpstreamModel, now: Timestamp) -> Availability {
        self.whole(now).and(self.model(model, now))
    }

    /// The state of the credential as a whole.
    #[must_use]
    pub fn whole(&self, now: Timestamp) -> Availability {
        if self.standing.disabled {
            Availability::Disabled
        } else if self.standing.needs_login.is_some_and(|since| since <= now) {
            Availability::NeedsLogin
        } else {
            self.whole.availability(now)
        }
    }

    /// The state of one model alone, whatever the whole credential's is.
    #[must_use]
    pub fn model(&self, model: &UpstreamModel, now: Timestamp) -> Availability {
        self.models.get(model).map_or(Availability::Ready, |cell| cell.availability(now))
    }

    /// The models whose own state is not ready, in order.
    pub fn models(&self, now: Timestamp) -> impl Iterator<Item = (&UpstreamModel, Availability)> {
        self.models
            .iter()
            .map(move |(model, cell)| (model, cell.availability(now)))
            .filter(|(_, state)| *state != Availability::Ready)
    }

    /// An attempt failed. Returns what cools because of it.
    pub fn fail(
        &mut self,
        model: &UpstreamModel,
        fault: &Fault,
        policy: &BackoffPolicy,
        now: Timestamp,
    ) -> Option<Mark> {
        let wanted = policy.wanted(fault);
        if wanted == Wanted::Nothing {
            self.failed_without_window(model, fault);
            return None;
        }
        let scope = if fault.evidence.scope == Scope::Credential { Scope::Credential } else { Scope::Model };
        let cell = match scope {
            Scope::Credential => &mut self.whole,
            _ => self.models.entry(model.clone()).or_default(),
        };
        cell.fail(wanted, policy, now);
        let state = cell.availability(now);
        // Whatever else this attempt probed, the failure did not come from there.
        self.release_probes(model);
        match state {
            Availability::CoolingDown { until, cause } => Some(Mark { scope, until, cause }),
            _ => None,
        }
    }

    /// Nothing cools: a probe that failed for other reasons gives its place back, and under `disable-cooling` an
    /// old window of the same cell ends (Source: runtime.md D.7, first row).
    fn failed_without_window(&mut self, model: &UpstreamModel, fault: &Fault) {
        self.release_probes(model);
        if fault.cooling == Cooling::Off && fault.evidence.scope != Scope::Request {
            self.forgive(is_switchable);
        }
    }

    fn release_probes(&mut self, model: &UpstreamModel) {
        self.whole.release();
        if let Some(cell) = self.models.get_mut(model) {
            cell.release();
        }
    }

    /// An attempt that began at `started` ended well.
    pub fn succeed(&mut self, model: &UpstreamModel, started: Timestamp) {
        self.whole.succeed(started);
        if let Some(cell) = self.models.get_mut(model) {
            cell.succeed(started);
            if cell.is_blank() {
                self.models.remove(model);
            }
        }
    }

    /// An attempt begins: takes the probe of whatever is half open.
    pub fn begin(&mut self, model: &UpstreamModel, now: Timestamp) -> Probe {
        let whole = self.whole.claim(now);
        let model = self.models.get_mut(model).is_some_and(|cell| cell.claim(now));
        Probe { whole, model }
    }

    /// The probing attempt was let in by the provider.
    pub fn admitted(&mut self, model: &UpstreamModel, probe: Probe) {
        if probe.whole {
            self.whole.admitted();
        }
        if let Some(cell) = self.models.get_mut(model).filter(|_| probe.model) {
            cell.admitted();
        }
    }

    /// The probing attempt ended without telling anything (the client went away).
    pub fn release(&mut self, model: &UpstreamModel, probe: Probe) {
        if probe.whole {
            self.whole.release();
        }
        if let Some(cell) = self.models.get_mut(model).filter(|_| probe.model) {
            cell.release();
        }
    }

    /// The operator switched it off or on. Switching off forgets every cooldown, so that switching on again is a
    /// fresh start (Source: runtime.md D.10 "keeps model states … unless the auth turns disabled").
    pub fn set_disabled(&mut self, disabled: bool) {
        if disabled && !self.standing.disabled {
            self.reset();
        }
        self.standing.disabled = disabled;
    }

    /// The refresh token was rejected for good: from `since` on it needs a login. `None` when the credential changed
    /// since, or goes on serving for as long as its access token is taken.
    pub fn set_needs_login(&mut self, since: Option<Timestamp>) {
        self.standing.needs_login = since;
    }

    /// From when on it needs a login.
    #[must_use]
    pub fn needs_login(&self) -> Option<Timestamp> {
        self.standing.needs_login
    }

    /// New tokens: what the old ones were refused for is over.
    pub fn renewed(&mut self) {
        self.standing.needs_login = None;
        self.forgive(CooldownCause::is_of_tokens);
    }

    /// Ends what `disable-cooling` would not have begun.
    pub fn cooling_off(&mut self) {
        self.forgive(is_switchable);
    }

    /// The windows that are open now or wait for somebody to look, for [`Self::restore`] after a restart.
    #[must_use]
    pub fn rests(&self, now: Timestamp) -> Vec<Rest> {
        let models = self.models.iter().filter_map(|(model, cell)| {
            let rest = cell.rest(now)?;
            Some(Rest { model: Some(model.clone()), ..rest })
        });
        self.whole.rest(now).into_iter().chain(models).collect()
    }

    /// Takes a window over from before a restart. One that is simply over, or about tokens, is none. Returns when it ends.
    pub fn restore(&mut self, rest: &Rest, now: Timestamp) -> Option<Timestamp> {
        let cell = match &rest.model {
            None => &mut self.whole,
            Some(model) => self.models.entry(model.clone()).or_default(),
        };
        cell.restore(rest, now);
        let until = cell.rest(now).map(|rest| rest.until);
        self.models.retain(|_, cell| !cell.is_blank());
        until
    }

    /// Forgets every cooldown.
    pub fn reset(&mut self) {
        self.whole = Cooldown::default();
        self.models.clear();
    }

    /// Whether it says nothing but "ready".
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.standing == Standing::default() && self.whole.is_blank() && self.models.is_empty()
    }

    /// The ladder's level for a model.
    #[must_use]
    pub fn level(&self, model: &UpstreamModel) -> u32 {
        self.models.get(model).map_or(0, Cooldown::level)
    }

    fn forgive(&mut self, applies: impl Fn(CooldownCause) -> bool + Copy) {
        self.whole.forgive(applies);
        self.models.retain(|_, cell| {
            cell.forgive(applies);
            !cell.is_blank()
        });
    }
}

/// Whether `disable-cooling` governs a cause. Source: runtime.md D.7.
fn is_switchable(cause: CooldownCause) -> bool {
    !matches!(cause, CooldownCause::ModelNotSupported | CooldownCause::Rule)
}
