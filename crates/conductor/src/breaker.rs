//! Endpoints that fail are left alone for a while, so that an outage is no storm. Source: design.md §6.
//!
//! What cannot be reached is left alone as a whole, by the way that leads there: an endpoint's host behind a proxy. What
//! answers, and badly, is left alone for the model that it answered for: others there may be well. Replies that break off
//! may have been cut anywhere between, so that they tell of the model by that way alone. Token counts have limits and
//! servers of their own: beside the way they tell of counts, and no generation tells of them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cliproxy_core::{ErrorKind, ExecutorError, Operation, Timestamp, UpstreamModel};
use parking_lot::Mutex;

use crate::BreakerOptions;
use crate::pool::Endpoint;
use crate::registry::UpstreamRoute;

/// Faults that are further apart are no outage.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// How far a fault of an endpoint reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// There was no answer: whatever goes the same way gets none either.
    Way,
    /// The answer came, and not to its end: it is about the model by this way, and the way may be well or not. Its head
    /// may be an hour old.
    Cut,
    /// The host answered: it is about the model.
    Model,
}

impl Reach {
    /// `None` when it is no fault of an endpoint.
    pub(crate) fn of(error: &ExecutorError) -> Option<Self> {
        let kind = error.kind();
        if !kind.is_endpoint_fault() {
            return None;
        }
        Some(match kind {
            _ if error.status().is_some() => Self::Model,
            ErrorKind::Connect | ErrorKind::Timeout => Self::Way,
            // There was a head, whichever part of us reads the rest.
            ErrorKind::Interrupted => Self::Cut,
            _ => Self::Model,
        })
    }
}

/// What a request asks for, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: &'a UpstreamModel,
    pub(crate) operation: Operation,
}

impl Asked<'_> {
    /// The breakers that it passes: of the way, of the model by that way, of the model.
    fn keys(self) -> [u64; 3] {
        [Reach::Way, Reach::Cut, Reach::Model].map(|reach| self.key(reach))
    }

    /// The breaker that a fault counts at.
    fn key(self, reach: Reach) -> u64 {
        let part = match reach {
            Reach::Way => return self.endpoint.way,
            Reach::Cut => self.endpoint.way,
            Reach::Model => self.endpoint.host,
        };
        let mut hasher = DefaultHasher::new();
        (part, self.model.as_str(), self.operation == Operation::CountTokens).hash(&mut hasher);
        hasher.finish()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Breakers {
    known: Mutex<Known>,
    /// How many there are, so that a healthy process takes no lock.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Known {
    breakers: HashMap<u64, Breaker>,
    looked_through: Timestamp,
}

#[derive(Debug, Default)]
struct Breaker {
    /// Faults in a row.
    faults: u32,
    /// How often it opened since the endpoint was last well.
    opened: u32,
    /// When it opened last.
    since: Option<Timestamp>,
    /// Closed to all until then; afterwards one request a while may look.
    until: Option<Timestamp>,
    last: Timestamp,
}

/// What a request is to find out for others that wait: which of the breakers that it passes are well again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trial {
    taken: [bool; 3],
    /// How long the others wait.
    until: Timestamp,
}

impl Trial {
    fn is_some(self) -> bool {
        self.taken.contains(&true)
    }
}

impl Breakers {
    /// Whether a request may go to a model of an endpoint. While half open, whoever asks first goes and the others wait
    /// as long again: a trial that never ends blocks nobody for good. So only a request that will be made may ask.
    pub(crate) fn admit(&self, asked: Asked<'_>, options: &BreakerOptions, now: Timestamp) -> Option<Trial> {
        if self.are_none() {
            return Some(Trial::default());
        }
        let mut known = self.known.lock();
        if now.since(known.looked_through) >= FORGOTTEN {
            known.looked_through = now;
            known.breakers.retain(|_, breaker| !breaker.is_forgotten(now));
            self.count.store(known.breakers.len(), Ordering::Relaxed);
        }
        // All or none: a trial of the way that the model's rest forbids would only keep others waiting.
        if known.reopens(asked, now).is_some() {
            return None;
        }
        let until = now.plus(options.open);
        Some(Trial { taken: asked.keys().map(|key| known.wait(key, until)), until })
    }

    /// The request is not made after all, or told nothing of what it was to find out: whoever asks next goes.
    pub(crate) fn give_back(&self, asked: Asked<'_>, trial: Trial, now: Timestamp) {
        if !trial.is_some() {
            return;
        }
        let mut known = self.known.lock();
        for (_, key) in trial.taken.into_iter().zip(asked.keys()).filter(|(taken, _)| *taken) {
            // Unless something else was found out meanwhile.
            if let Some(breaker) = known.breakers.get_mut(&key).filter(|one| one.until == Some(trial.until)) {
                breaker.until = Some(now);
            }
        }
    }

    /// How much of an endpoint may not be asked now: what goes this way, or every one of these models.
    pub(crate) fn rests(
        &self,
        endpoint: Endpoint,
        upstreams: &[UpstreamRoute],
        operation: Operation,
        now: Timestamp,
    ) -> Option<Reach> {
        if self.are_none() {
            return None;
        }
        let known = self.known.lock();
        if known.until(endpoint.way, now).is_some() {
            return Some(Reach::Way);
        }
        let mut asked = upstreams.iter().map(|one| Asked { endpoint, model: &one.model, operation });
        if asked.clone().any(|one| known.reopens(one, now).is_none()) {
            return None;
        }
        let models = asked.all(|one| known.until(one.key(Reach::Model), now).is_some());
        Some(if models { Reach::Model } else { Reach::Way })
    }

    /// When a model of an endpoint may be asked again, if it may not now.
    pub(crate) fn reopens(&self, asked: Asked<'_>, now: Timestamp) -> Option<Timestamp> {
        if self.are_none() {
            return None;
        }
        self.known.lock().reopens(asked, now)
    }

    /// An attempt failed that began at `began`.
    pub(crate) fn fault(
        &self,
        asked: Asked<'_>,
        reach: Reach,
        options: &BreakerOptions,
        began: Timestamp,
        now: Timestamp,
    ) {
        let key = asked.key(reach);
        let mut known = self.known.lock();
        // What breaks off proves nothing of the way: in an outage old streams end one by one.
        if reach == Reach::Model {
            known.breakers.remove(&asked.endpoint.way);
        }
        if options.threshold > 0 {
            let breaker = known.breakers.entry(key).or_default();
            // One that was on its way when it opened tells what is known: a burst of faults is one outage.
            if breaker.since.is_none_or(|since| began > since) {
                breaker.fault(options, now);
            }
        }
        self.count.store(known.breakers.len(), Ordering::Relaxed);
    }

    /// The endpoint answered, whatever it said.
    pub(crate) fn well(&self, asked: Asked<'_>) {
        if self.are_none() {
            return;
        }
        let mut known = self.known.lock();
        for key in asked.keys() {
            known.breakers.remove(&key);
        }
        self.count.store(known.breakers.len(), Ordering::Relaxed);
    }

    fn are_none(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }
}

impl Known {
    /// Until when the breakers on its way keep a request away.
    fn reopens(&self, asked: Asked<'_>, now: Timestamp) -> Option<Timestamp> {
        asked.keys().into_iter().filter_map(|key| self.until(key, now)).max()
    }

    /// Until when a breaker is closed to all.
    fn until(&self, key: u64, now: Timestamp) -> Option<Timestamp> {
        self.breakers.get(&key)?.until.filter(|until| *until > now)
    }

    /// Lets all others wait at a breaker that is half open. Returns whether there is one.
    fn wait(&mut self, key: u64, until: Timestamp) -> bool {
        let open = self.breakers.get_mut(&key).and_then(|breaker| breaker.until.as_mut());
        open.map(|open| *open = until).is_some()
    }
}

impl Breaker {
    fn fault(&mut self, options: &BreakerOptions, now: Timestamp) {
        if self.is_forgotten(now) {
            *self = Self::default();
        }
        self.last = now;
        self.faults = self.faults.saturating_add(1);
        if self.faults >= options.threshold {
            let factor = 1_u32.checked_shl(self.opened).unwrap_or(u32::MAX);
            self.since = Some(now);
            self.until = Some(now.plus(options.open.saturating_mul(factor).min(options.longest)));
            self.opened = self.opened.saturating_add(1).min(16);
            // One more fault while half open is enough to open it again.
            self.faults = options.threshold.saturating_sub(1);
        }
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        now.since(self.last.max(self.until.unwrap_or_default())) >= FORGOTTEN
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_000);
    const HERE: Endpoint = Endpoint { host: 6, way: 7 };

    static M: LazyLock<UpstreamModel> = LazyLock::new(|| UpstreamModel::new("m"));
    static N: LazyLock<UpstreamModel> = LazyLock::new(|| UpstreamModel::new("n"));

    fn asking(endpoint: Endpoint, model: &UpstreamModel) -> Asked<'_> {
        Asked { endpoint, model, operation: Operation::Generate }
    }

    fn here() -> Asked<'static> {
        asking(HERE, &M)
    }

    /// One that began and failed at once.
    fn fault(breakers: &Breakers, options: &BreakerOptions, now: Timestamp) {
        breakers.fault(here(), Reach::Way, options, now, now);
    }

    fn admits(breakers: &Breakers, asked: Asked<'_>, options: &BreakerOptions, now: Timestamp) -> bool {
        breakers.admit(asked, options, now).is_some()
    }

    #[test]
    fn it_opens_after_faults_in_a_row_and_admits_one_probe_at_a_time() {
        let options = BreakerOptions { threshold: 3, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        for _ in 0..2 {
            fault(&breakers, &options, T);
        }
        assert!(admits(&breakers, here(), &options, T));
        fault(&breakers, &options, T);
        let reopens = T.plus(options.open);
        assert!(!admits(&breakers, here(), &options, T));
        assert_eq!(breakers.reopens(here(), T), Some(reopens));
        assert!(admits(&breakers, asking(Endpoint { way: 8, ..HERE }, &M), &options, T));
        assert!(admits(&breakers, here(), &options, reopens));
        assert!(!admits(&breakers, here(), &options, reopens));

        // The probe fails: open for twice as long. It answers: closed.
        fault(&breakers, &options, reopens);
        assert_eq!(breakers.reopens(here(), reopens), Some(reopens.plus(options.open * 2)));
        breakers.well(here());
        assert!(admits(&breakers, here(), &options, reopens));
    }

    #[test]
    fn an_answer_in_between_starts_the_count_afresh() {
        let options = BreakerOptions { threshold: 2, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        for _ in 0..5 {
            fault(&breakers, &options, T);
            breakers.well(here());
        }
        assert!(admits(&breakers, here(), &options, T));
    }

    #[test]
    fn an_answer_that_is_bad_is_about_its_model_and_says_that_the_way_is_well() {
        let options = BreakerOptions { threshold: 2, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        for _ in 0..2 {
            fault(&breakers, &options, T);
            breakers.fault(here(), Reach::Model, &options, T, T);
        }
        assert!(!admits(&breakers, here(), &options, T));
        assert!(admits(&breakers, asking(HERE, &N), &options, T));
    }

    #[test]
    fn a_trial_that_is_not_made_is_the_next_ones_unless_more_is_known_by_then() {
        let options = BreakerOptions { threshold: 1, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        fault(&breakers, &options, T);
        let reopens = T.plus(options.open);
        let trial = breakers.admit(here(), &options, reopens).unwrap();
        assert_eq!(trial.taken, [true, false, false]);
        breakers.give_back(here(), trial, reopens);
        assert!(admits(&breakers, here(), &options, reopens));
        // That one fails: what is given back late changes nothing.
        fault(&breakers, &options, reopens);
        breakers.give_back(here(), trial, reopens);
        assert_eq!(breakers.reopens(here(), reopens), Some(reopens.plus(options.open * 2)));
    }

    #[test]
    fn a_model_that_rests_leaves_the_trial_of_its_way_to_another() {
        let options = BreakerOptions { threshold: 1, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        let reopens = T.plus(options.open);
        breakers.fault(here(), Reach::Model, &options, reopens, reopens);
        fault(&breakers, &options, T);
        assert!(!admits(&breakers, here(), &options, reopens));
        assert!(admits(&breakers, asking(HERE, &N), &options, reopens));
    }

    #[test]
    fn it_never_stays_open_longer_than_allowed() {
        let options = BreakerOptions { threshold: 1, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        let mut now = T;
        for _ in 0..40 {
            fault(&breakers, &options, now);
            let until = breakers.reopens(here(), now).unwrap();
            assert!(until.since(now) <= Duration::from_secs(30));
            now = until;
        }
    }

    #[test]
    fn faults_that_lie_far_apart_are_forgotten() {
        let options = BreakerOptions { threshold: 2, ..BreakerOptions::default() };
        let breakers = Breakers::default();
        let mut now = T;
        for _ in 0..5 {
            fault(&breakers, &options, now);
            now = now.plus(FORGOTTEN);
            assert!(admits(&breakers, here(), &options, now));
            assert!(breakers.are_none(), "and a healthy process takes no lock");
        }
    }
}
