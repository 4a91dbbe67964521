//! How long each kind of failure cools.

use std::time::Duration;

use cliproxy_core::{ErrorKind, Scope};

use crate::{CooldownCause, Cooling, Fault};

const MINUTE: Duration = Duration::from_secs(60);
const HALF_HOUR: Duration = Duration::from_secs(30 * 60);
const HALF_DAY: Duration = Duration::from_secs(12 * 60 * 60);

/// How long things cool. The defaults are the reference's (Source: runtime.md D.6, D.7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackoffPolicy {
    /// After 401, and for a credential that lacks something.
    pub unauthorized: Duration,
    /// After 402 and 403.
    pub payment: Duration,
    /// After an `invalid_grant` in a reply.
    pub invalid_grant: Duration,
    /// After 404.
    pub not_found: Duration,
    /// After "this model is not supported".
    pub model_not_supported: Duration,
    /// The first step of the ladder for a 429 without a hint; it doubles.
    pub ladder_base: Duration,
    /// The last step of the ladder.
    pub ladder_cap: Duration,
    /// The least time for a challenge page.
    pub challenge_min: Duration,
    /// After 5xx and 408; `None` cools nothing.
    pub transient: Option<Duration>,
    /// The longest that a provider's hint is believed before it is probed.
    pub max_cooldown: Duration,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self {
            unauthorized: HALF_HOUR,
            payment: HALF_HOUR,
            invalid_grant: HALF_HOUR,
            not_found: HALF_DAY,
            model_not_supported: HALF_DAY,
            ladder_base: Duration::from_secs(1),
            ladder_cap: HALF_HOUR,
            challenge_min: Duration::from_secs(10),
            transient: Some(MINUTE),
            max_cooldown: HALF_HOUR,
        }
    }
}

/// What a failure asks of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing.
    Nothing,
    /// A window of this length.
    Window { length: Duration, cause: CooldownCause },
    /// What the provider named, bounded; half open afterwards when `clipped`.
    Hinted { length: Duration, cause: CooldownCause, clipped: bool },
    /// The next step of the ladder, at least this long and at most as long.
    Ladder { at_least: Duration, at_most: Duration, cause: CooldownCause },
}

impl BackoffPolicy {
    /// Reads `transient-error-cooldown-seconds`: 0 is the default minute, negative is none.
    // Source: runtime.md A.10.
    #[must_use]
    pub fn with_transient_seconds(mut self, seconds: i64) -> Self {
        self.transient = match u64::try_from(seconds) {
            Ok(0) => Some(MINUTE),
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => None,
        };
        self
    }

    /// Sets the longest that a provider's hint is believed; zero keeps the default.
    #[must_use]
    pub fn with_max_cooldown(mut self, longest: Duration) -> Self {
        self.max_cooldown = if longest.is_zero() { HALF_HOUR } else { longest };
        self
    }

    /// The ladder's step at a level.
    // Source: runtime.md D.6 "Ladder": 1, 2, 4 … 1024 s, then 1800 s for ever.
    #[must_use]
    pub fn step(&self, level: u32) -> Duration {
        let cap = self.ladder_cap.min(self.max_cooldown);
        self.ladder_base.saturating_mul(1_u32.checked_shl(level).unwrap_or(u32::MAX)).min(cap)
    }

    pub(crate) fn wanted(&self, fault: &Fault) -> Wanted {
        let usual = self.usual(fault);
        match fault.cooling {
            Cooling::Normal => usual,
            // Source: runtime.md D.7: "applies even with cooling disabled".
            Cooling::Off if fault.evidence.kind == ErrorKind::ModelNotSupported => usual,
            Cooling::Off => Wanted::Nothing,
            Cooling::Forced => self.forced(usual),
        }
    }

    /// Source: runtime.md D.7 "force-cooldown action … at least the transient minute".
    fn forced(&self, usual: Wanted) -> Wanted {
        let least = self.transient.unwrap_or(MINUTE);
        match usual {
            Wanted::Nothing => Wanted::Window { length: least, cause: CooldownCause::Rule },
            Wanted::Window { length, cause } => Wanted::Window { length: length.max(least), cause },
            Wanted::Hinted { length, cause, clipped } => {
                Wanted::Hinted { length: length.max(least), cause, clipped }
            }
            Wanted::Ladder { at_least, at_most, cause } => {
                Wanted::Ladder { at_least: at_least.max(least), at_most, cause }
            }
        }
    }

    fn usual(&self, fault: &Fault) -> Wanted {
        if fault.evidence.scope == Scope::Request {
            return Wanted::Nothing;
        }
        let window = |length, cause| Wanted::Window { length, cause };
        match fault.evidence.kind {
            ErrorKind::Unauthorized => window(self.unauthorized, CooldownCause::Unauthorized),
            ErrorKind::Misconfigured => window(self.unauthorized, CooldownCause::Misconfigured),
            ErrorKind::PaymentRequired | ErrorKind::Forbidden => {
                window(self.payment, CooldownCause::PaymentRequired)
            }
            ErrorKind::InvalidGrant => window(self.invalid_grant, CooldownCause::InvalidGrant),
            ErrorKind::NotFound => window(self.not_found, CooldownCause::NotFound),
            ErrorKind::ModelNotSupported => {
                window(self.model_not_supported, CooldownCause::ModelNotSupported)
            }
            ErrorKind::RateLimited => {
                let wide = fault.evidence.scope == Scope::Credential;
                let cause = if wide { CooldownCause::CredentialQuota } else { CooldownCause::Quota };
                self.quota(fault, Duration::ZERO, cause)
            }
            ErrorKind::Challenge => self.quota(fault, self.challenge_min, CooldownCause::Challenge),
            ErrorKind::Overloaded | ErrorKind::Server => self.transient(fault),
            // A deadline that passed without an answer is about the endpoint. Source: runtime.md D.7.
            ErrorKind::Timeout if fault.answered => self.transient(fault),
            // Connection failures, cut, empty and garbled replies blame the endpoint; request faults nobody.
            // Source: runtime.md D.7 "connection lifecycle … no cooldown, rotation still allowed".
            _ => Wanted::Nothing,
        }
    }

    fn quota(&self, fault: &Fault, at_least: Duration, cause: CooldownCause) -> Wanted {
        match self.hint(fault) {
            Some((length, clipped)) => Wanted::Hinted { length: length.max(at_least), cause, clipped },
            None => Wanted::Ladder { at_least, at_most: Duration::MAX, cause },
        }
    }

    fn transient(&self, fault: &Fault) -> Wanted {
        let Some(usual) = self.transient else { return Wanted::Nothing };
        match self.hint(fault) {
            Some((length, clipped)) => Wanted::Hinted { length, cause: CooldownCause::Transient, clipped },
            // To rest is to let others serve. Where there is nobody else it is an outage, and one bad reply proves
            // none: the rests begin short, and grow to the usual one while the failures go on.
            None if fault.alone => {
                Wanted::Ladder { at_least: Duration::ZERO, at_most: usual, cause: CooldownCause::Transient }
            }
            None => Wanted::Window { length: usual, cause: CooldownCause::Transient },
        }
    }

    /// The provider's hint, bounded, and whether it was cut. A hint of nothing is no hint.
    fn hint(&self, fault: &Fault) -> Option<(Duration, bool)> {
        let hint = fault.evidence.retry_after.filter(|hint| *hint >= Duration::from_millis(1))?;
        Some((hint.min(self.max_cooldown), hint > self.max_cooldown))
    }
}
