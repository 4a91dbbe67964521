//! Endpoints that fail are left alone for a while, so that an outage is no storm. Source: design.md §6.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use cliproxy_core::Timestamp;
use parking_lot::Mutex;

use crate::BreakerOptions;

#[derive(Debug, Default)]
pub(crate) struct Breakers {
    endpoints: Mutex<HashMap<u64, Breaker>>,
    /// How many there are, so that a healthy process takes no lock.
    known: AtomicUsize,
}

#[derive(Debug, Default)]
struct Breaker {
    /// Faults in a row.
    faults: u32,
    /// How often it opened since the endpoint was last well.
    opened: u32,
    /// Closed to all until then; afterwards one request a while may look.
    until: Option<Timestamp>,
}

impl Breakers {
    /// Whether a request may go to an endpoint; else when to ask again. While half open, whoever asks first goes
    /// and the others wait as long again: a probe that never ends blocks nobody for good.
    pub(crate) fn admit(
        &self,
        endpoint: u64,
        options: &BreakerOptions,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        if self.known.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let mut endpoints = self.endpoints.lock();
        let Some(breaker) = endpoints.get_mut(&endpoint) else { return Ok(()) };
        match breaker.until {
            None => Ok(()),
            Some(until) if now < until => Err(until),
            Some(_) => {
                breaker.until = Some(now.plus(options.open));
                Ok(())
            }
        }
    }

    /// When an endpoint may be asked again, if it is open.
    pub(crate) fn reopens(&self, endpoint: u64, now: Timestamp) -> Option<Timestamp> {
        if self.known.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.endpoints.lock().get(&endpoint)?.until.filter(|until| *until > now)
    }

    /// The endpoint failed.
    pub(crate) fn fault(&self, endpoint: u64, options: &BreakerOptions, now: Timestamp) {
        if options.threshold == 0 {
            return;
        }
        let mut endpoints = self.endpoints.lock();
        let breaker = endpoints.entry(endpoint).or_default();
        breaker.faults = breaker.faults.saturating_add(1);
        if breaker.faults >= options.threshold {
            let factor = 1_u32.checked_shl(breaker.opened).unwrap_or(u32::MAX);
            breaker.until = Some(now.plus(options.open.saturating_mul(factor).min(options.longest)));
            breaker.opened = breaker.opened.saturating_add(1).min(16);
            // One more fault while half open is enough to open it again.
            breaker.faults = options.threshold.saturating_sub(1);
        }
        self.known.store(endpoints.len(), Ordering::Relaxed);
    }

    /// The endpoint answered, whatever it said.
    pub(crate) fn well(&self, endpoint: u64) {
        if self.known.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut endpoints = self.endpoints.lock();
        endpoints.remove(&endpoint);
        self.known.store(endpoints.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn it_opens_after_faults_in_a_row_and_admits_one_probe_at_a_time() {
        let options = BreakerOptions { threshold: 3, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        for _ in 0..2 {
            breakers.fault(7, &options, T);
        }
        assert_eq!(breakers.admit(7, &options, T), Ok(()));
        breakers.fault(7, &options, T);
        let reopens = T.plus(options.open);
        assert_eq!(breakers.admit(7, &options, T), Err(reopens));
        assert_eq!(breakers.reopens(7, T), Some(reopens));
        assert_eq!(breakers.admit(8, &options, T), Ok(()));
        assert_eq!(breakers.admit(7, &options, reopens), Ok(()));
        assert!(breakers.admit(7, &options, reopens).is_err());

        // The probe fails: open for twice as long. It answers: closed.
        breakers.fault(7, &options, reopens);
        assert_eq!(breakers.reopens(7, reopens), Some(reopens.plus(options.open * 2)));
        breakers.well(7);
        assert_eq!(breakers.admit(7, &options, reopens), Ok(()));
    }

    #[test]
    fn an_answer_in_between_starts_the_count_afresh() {
        let options = BreakerOptions { threshold: 2, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        for _ in 0..5 {
            breakers.fault(7, &options, T);
            breakers.well(7);
        }
        assert_eq!(breakers.admit(7, &options, T), Ok(()));
    }

    #[test]
    fn it_never_stays_open_longer_than_allowed() {
        let options = BreakerOptions { threshold: 1, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        let mut now = T;
        for _ in 0..40 {
            breakers.fault(7, &options, now);
            let until = breakers.reopens(7, now).unwrap();
            assert!(until.since(now) <= Duration::from_secs(30));
            now = until;
        }
    }
}
