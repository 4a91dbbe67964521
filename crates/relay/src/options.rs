//! Bounds.

use std::time::Duration;

/// How long things may take, and how large they may be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// What names of sessions begin with.
    pub prefix: String,
    /// Sessions at once. Default 64.
    pub max_sessions: usize,
    /// Sessions at once of whoever shows the same key; those who show none share [`Self::max_sessions`]. Default 8.
    pub max_per_principal: usize,
    /// The largest message that a page may send. Default 64 MiB.
    pub max_message: usize,
    /// Bytes that may wait to be sent to one page; a larger request waits until it is alone. Default 16 MiB.
    pub write_room: usize,
    /// Bytes of one reply that may wait for their reader; then the page has to wait. Default 4 MiB.
    pub read_room: usize,
    /// How often a page is pinged. Default 30 s.
    pub ping_interval: Duration,
    /// A page that was silent for this long is gone. Default 60 s.
    pub read_timeout: Duration,
    /// How long a page may take for a message, beside what its size takes at [`Self::slowest`]. Default 10 s.
    pub write_timeout: Duration,
    /// The slowest page that is worth waiting for, in bytes a second. Default 128 KiB.
    pub slowest: usize,
    /// A reply is given up when the page was held up for its reader for this long, all in all. Default 10 s.
    pub stall_timeout: Duration,
    /// How long a session has to say goodbye. Default 1 s.
    pub farewell: Duration,
}

impl Default for Options {
    // Source: http-api.md `/v1/ws` (30 s, 60 s, 10 s, 64 MiB); the rooms are ours.
    fn default() -> Self {
        Self {
            prefix: "relay-".to_owned(),
            max_sessions: 64,
            max_per_principal: 8,
            max_message: 64 * 1024 * 1024,
            write_room: 16 * 1024 * 1024,
            read_room: 4 * 1024 * 1024,
            ping_interval: Duration::from_secs(30),
            read_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            slowest: 128 * 1024,
            stall_timeout: Duration::from_secs(10),
            farewell: Duration::from_secs(1),
        }
    }
}

impl Options {
    /// The defaults, for sessions whose names begin with this.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..Self::default() }
    }

    /// How long a message of this size may take.
    pub(crate) fn write_deadline(&self, bytes: usize) -> Duration {
        let secs = u64::try_from(bytes / self.slowest.max(1)).unwrap_or(u64::MAX);
        self.write_timeout.saturating_add(Duration::from_secs(secs))
    }
}
