//! One cell of the ledger: the state of one credential for one model, or of a credential as a whole.

use std::time::Duration;

use cliproxy_core::Timestamp;

use crate::policy::Wanted;
use crate::rest::LONGEST;
use crate::{Availability, BackoffPolicy, CooldownCause, Rest};

/// The step at which the ladder stops rising. Source: runtime.md D.6 "the level stops at 11".
const TOP_LEVEL: u32 = 11;

/// A cooldown state machine. Its time is whatever the caller says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cooldown {
    level: u32,
    /// When the last failure that counted was seen: an older request's success says nothing about it.
    failed_at: Option<Timestamp>,
    window: Window,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Window {
    #[default]
    Closed,
    Open {
        until: Timestamp,
        cause: CooldownCause,
        probe_after: bool,
    },
    /// The one request that looks is under way.
    Probing {
        until: Timestamp,
        cause: CooldownCause,
    },
}

impl Cooldown {
    /// What may be done now.
    #[must_use]
    pub fn availability(&self, now: Timestamp) -> Availability {
        match self.window {
            Window::Closed => Availability::Ready,
            Window::Open { until, cause, .. } if now < until => Availability::CoolingDown { until, cause },
            Window::Open { cause, probe_after: true, .. } => Availability::HalfOpen { cause },
            Window::Open { .. } => Availability::Ready,
            Window::Probing { cause, .. } => Availability::Probing { cause },
        }
    }

    /// The ladder's level: how many windows a limit without hints has opened since the last success.
    #[must_use]
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Whether it holds nothing worth keeping.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.level == 0 && self.window == Window::Closed
    }

    /// What a restart is to keep: a window that is open, or one after which somebody has to look first.
    pub(crate) fn rest(&self, now: Timestamp) -> Option<Rest> {
        let (until, cause, probe_after) = match self.window {
            Window::Closed => return None,
            Window::Open { until, cause, probe_after } => (until, cause, probe_after),
            // Nobody will hear what the probe of a process that ended was told.
            Window::Probing { until, cause } => (until, cause, true),
        };
        let rests = (now < until || probe_after) && !cause.is_of_tokens();
        rests.then(|| Rest::new(None, until, cause).with_probe_after(probe_after).with_level(self.level))
    }

    /// Takes over what was kept before a restart, unless a window is open by now.
    pub(crate) fn restore(&mut self, rest: &Rest, now: Timestamp) {
        let half_open = rest.probe_after && now < rest.until.plus(LONGEST);
        let rests = (now < rest.until || half_open) && !rest.cause.is_of_tokens();
        if self.window == Window::Closed && rests {
            let until = rest.until.min(now.plus(LONGEST));
            self.level = rest.level.min(TOP_LEVEL);
            self.failed_at = Some(now);
            self.window = Window::Open { until, cause: rest.cause, probe_after: rest.probe_after };
        }
    }

    pub(crate) fn fail(&mut self, wanted: Wanted, policy: &BackoffPolicy, now: Timestamp) {
        match wanted {
            // The probe proved nothing: the next one may go.
            Wanted::Nothing => self.release(),
            Wanted::Window { length, cause } => self.open(now, length, cause, false),
            Wanted::Hinted { length, cause, clipped } => self.open(now, length, cause, clipped),
            Wanted::Ladder { at_least, at_most, cause } => {
                // A burst of refusals is one refusal. Source: runtime.md D.7 "escalates once per window".
                if matches!(self.availability(now), Availability::CoolingDown { .. }) {
                    return;
                }
                let length = policy.step(self.level).min(at_most).max(at_least);
                self.level = (self.level + 1).min(TOP_LEVEL);
                self.open(now, length, cause, false);
            }
        }
    }

    /// Opens a window, unless a longer one is open. Source: runtime.md D.7 "longer deadline kept".
    fn open(&mut self, now: Timestamp, length: Duration, cause: CooldownCause, probe_after: bool) {
        self.failed_at = Some(now);
        let until = now.plus(length);
        let longer = matches!(self.window, Window::Open { until: open, .. } if open > now && open >= until);
        if !longer {
            self.window = Window::Open { until, cause, probe_after };
        }
    }

    /// A request that began at `started` succeeded.
    pub(crate) fn succeed(&mut self, started: Timestamp) {
        if self.failed_at.is_none_or(|failed| started > failed) {
            *self = Self::default();
        }
    }

    /// Takes the one probe, if that is what the state admits.
    pub(crate) fn claim(&mut self, now: Timestamp) -> bool {
        match self.window {
            Window::Open { until, cause, probe_after: true } if until <= now => {
                self.window = Window::Probing { until, cause };
                true
            }
            _ => false,
        }
    }

    /// The probe was let in: the limit is gone. The ladder waits for the success itself.
    pub(crate) fn admitted(&mut self) {
        if matches!(self.window, Window::Probing { .. }) {
            self.window = Window::Closed;
        }
    }

    /// The probe ended without an answer: another may go.
    pub(crate) fn release(&mut self) {
        if let Window::Probing { until, cause } = self.window {
            self.window = Window::Open { until, cause, probe_after: true };
        }
    }

    /// Closes the window when its cause is one of these; the ladder stays.
    pub(crate) fn forgive(&mut self, applies: impl Fn(CooldownCause) -> bool) -> bool {
        let cause = match self.window {
            Window::Closed => return false,
            Window::Open { cause, .. } | Window::Probing { cause, .. } => cause,
        };
        let forgiven = applies(cause);
        if forgiven {
            self.window = Window::Closed;
        }
        forgiven
    }
}
