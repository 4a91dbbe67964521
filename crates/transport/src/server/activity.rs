//! What a connection is doing, and when it has been quiet for too long.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::options::ServerOptions;

/// An idle connection may stay open for this part of its time longer: it need not set its timer after each request.
const IDLE_SLACK: u32 = 64;

/// From this size on a body counts as large.
const LARGE: u64 = 1024 * 1024;

pub(super) struct Activity {
    running: AtomicUsize,
    multiplexed: AtomicBool,
    large: AtomicBool,
    pause: Mutex<Pause>,
}

struct Pause {
    idle_since: Instant,
    /// When the first byte after the last request came. A new connection counts as one that has begun to speak.
    head_since: Option<Instant>,
}

impl Default for Activity {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            running: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            large: AtomicBool::new(false),
            pause: Mutex::new(Pause { idle_since: now, head_since: Some(now) }),
        }
    }
}

impl Activity {
    /// The connection is as if it were new.
    pub(super) fn restart(&self) {
        let now = Instant::now();
        *self.pause.lock() = Pause { idle_since: now, head_since: Some(now) };
    }

    /// A request with a body of this size begins; [`Self::end`] is the end of its reply.
    pub(super) fn begin(&self, multiplexed: bool, body: u64) {
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        self.large.store(multiplexed || body >= LARGE, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::AcqRel);
        self.pause.lock().head_since = None;
    }

    pub(super) fn end(&self) {
        self.pause.lock().idle_since = Instant::now();
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        if self.running.load(Ordering::Acquire) == 0 {
            self.pause.lock().head_since.get_or_insert_with(Instant::now);
        }
    }

    /// Whether much comes in a row: a large body, or several requests at once.
    pub(super) fn is_large(&self) -> bool {
        self.large.load(Ordering::Relaxed)
    }

    /// When the connection will have been quiet, or slow with a head, for too long; never while a request runs.
    pub(super) fn due(&self, options: &ServerOptions) -> Option<RangeInclusive<Instant>> {
        if self.running.load(Ordering::Acquire) > 0 {
            return None;
        }
        let pause = self.pause.lock();
        Some(match pause.head_since.filter(|_| !self.multiplexed.load(Ordering::Relaxed)) {
            Some(since) => {
                let due = since + options.header_timeout;
                due..=due
            }
            None => {
                let due = pause.idle_since + options.idle_timeout;
                due..=due + options.idle_timeout / IDLE_SLACK
            }
        })
    }

    pub(super) fn is_reading_head(&self) -> bool {
        self.running.load(Ordering::Acquire) == 0
            && !self.multiplexed.load(Ordering::Relaxed)
            && self.pause.lock().head_since.is_some()
    }
}
