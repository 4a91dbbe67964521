//! The one clock: a wall anchor plus the runtime's elapsed time, so that tests run on a paused clock.

use cliproxy_core::Timestamp;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: Timestamp,
    start: Instant,
}

impl Clock {
    pub(crate) fn anchored(wall: Timestamp) -> Self {
        Self { wall, start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.wall.plus(self.start.elapsed())
    }

    /// The runtime's instant for a wall time; the past is now.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        let now = Instant::now();
        // A time too far ahead for the platform's clock is as good as an hour: whoever sleeps looks again.
        now.checked_add(at.since(self.now())).unwrap_or(now + std::time::Duration::from_secs(3600))
    }
}
