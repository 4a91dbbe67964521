//! The one clock: a wall anchor plus the runtime's elapsed time, so that tests run on a paused clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cliproxy_core::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How far the system's clock may be ahead before it is believed. Less than this is not worth a jump: providers accept
/// signatures that are minutes old.
const TOLERANCE: Duration = Duration::from_secs(30);

/// How long the system's clock is not asked again. A busy server asks for the time many times within it.
const TRUST: Duration = Duration::from_millis(100);

/// Elapsed time stands still while the machine sleeps, and a machine without a battery wakes up in the past until it
/// has asked the network. So a clock that follows the system catches up when that is ahead. It never goes back: what
/// ends at a time would last longer by as much.
#[derive(Debug)]
pub(crate) struct Clock {
    wall: Timestamp,
    start: Instant,
    /// The system's clock, unless the time was given by hand.
    system: Option<fn() -> Timestamp>,
    /// Milliseconds caught up so far.
    caught_up: AtomicU64,
    /// Elapsed milliseconds until which the system's clock need not be asked.
    trusted: AtomicU64,
    /// Wakes who sleeps until a time that has come nearer.
    pub(crate) jumped: Notify,
}

impl Clock {
    /// A clock that goes by the runtime alone.
    pub(crate) fn anchored(wall: Timestamp) -> Self {
        Self {
            wall,
            start: Instant::now(),
            system: None,
            caught_up: AtomicU64::new(0),
            trusted: AtomicU64::new(0),
            jumped: Notify::new(),
        }
    }

    /// A clock that follows the system's.
    pub(crate) fn following(system: fn() -> Timestamp) -> Self {
        Self { system: Some(system), ..Self::anchored(system()) }
    }

    /// The system's time.
    pub(crate) fn system() -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }

    pub(crate) fn now(&self) -> Timestamp {
        let caught_up = self.caught_up.load(Ordering::Relaxed);
        let elapsed = self.start.elapsed();
        let now = self.wall.plus(elapsed).plus(Duration::from_millis(caught_up));
        let Some(system) = self.system else { return now };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if millis(elapsed) < self.trusted.load(Ordering::Relaxed) {
            return now;
        }
        self.trusted.store(millis(elapsed + TRUST), Ordering::Relaxed);
        let ahead = system().since(now);
        if ahead <= TOLERANCE {
            return now;
        }
        let more = millis(ahead);
        // Whoever sees the jump first takes it; the others see it done.
        let known = self.caught_up.compare_exchange(
            caught_up,
            caught_up.saturating_add(more),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if known.is_ok() {
            self.jumped.notify_one();
            tracing::info!(seconds = ahead.as_secs(), "the machine slept or its clock was set, catching up");
        }
        now.plus(Duration::from_millis(more))
    }

    /// The runtime's instant for a wall time; the past is now.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        let now = Instant::now();
        // A time too far ahead for the platform's clock is as good as an hour: whoever sleeps looks again.
        now.checked_add(at.since(self.now())).unwrap_or(now + Duration::from_secs(3600))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    static SYSTEM: AtomicI64 = AtomicI64::new(0);

    fn system() -> Timestamp {
        Timestamp::from_secs(SYSTEM.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn it_catches_up_with_a_machine_that_slept_and_never_goes_back() {
        SYSTEM.store(1_000, Ordering::Relaxed);
        let clock = Clock::following(system);
        assert_eq!(clock.now(), Timestamp::from_secs(1_000));
        for (passes, says, now) in [
            (10, 1_010, 1_010),
            // A little ahead or behind is not believed.
            (10, 1_050, 1_020),
            (10, 1_000, 1_030),
            // Eight hours asleep: only the system knows.
            (1, 29_800, 29_800),
            (10, 29_810, 29_810),
            // Set back: time goes on from where it was.
            (10, 1_000, 29_820),
            (10, 90_000, 90_000),
        ] {
            tokio::time::advance(Duration::from_secs(passes)).await;
            SYSTEM.store(says, Ordering::Relaxed);
            assert_eq!(clock.now(), Timestamp::from_secs(now), "{says}");
            assert_eq!(clock.now(), Timestamp::from_secs(now), "{says}");
        }
        // Asked again when the answer is a tenth of a second old.
        SYSTEM.store(100_000, Ordering::Relaxed);
        for (passes, now) in [(60, 90_000), (60, 100_000)] {
            tokio::time::advance(Duration::from_millis(passes)).await;
            assert_eq!(clock.now().as_secs(), now);
        }
        SYSTEM.store(90_000, Ordering::Relaxed);
        assert_eq!(
            clock.instant(clock.now().plus(Duration::from_secs(5))),
            Instant::now() + Duration::from_secs(5)
        );
        tokio::time::timeout(Duration::ZERO, clock.jumped.notified()).await.expect("sleepers are woken");
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_given_by_hand_follows_the_runtime_alone() {
        let clock = Clock::anchored(Timestamp::from_secs(7));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), Timestamp::from_secs(10));
    }
}
