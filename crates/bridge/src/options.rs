//! What an embedder may set.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_translator::payload::Rules;

use crate::profile::ProfileRules;
use crate::state::Bounds;

const KIB: usize = 1024;

/// Bounds and target rules of a [`crate::Bridge`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Bodies above this many bytes are translated on the blocking pool; 256 KiB by default.
    pub blocking_threshold: usize,
    /// How many such translations run at once; the number of cores by default.
    pub blocking_permits: usize,
    /// Frames of a stream that are held back while none of them is semantic; 16 by default.
    pub preamble_events: usize,
    /// Bytes that are held back so; 64 KiB by default.
    pub preamble_bytes: usize,
    /// Ready input is gathered up to this many bytes before it is handed on; 16 KiB by default.
    pub coalesce_bytes: usize,
    /// The largest whole reply, and the largest stream that is put together into one; 64 MiB by default.
    pub max_reply_bytes: usize,
    /// The largest error body of a provider that passes on word for word; 16 KiB by default.
    pub max_error_bytes: usize,
    /// The longest error message, in bytes; 4 KiB by default.
    pub max_message_bytes: usize,
    /// Opaque state of conversations that is remembered, in bytes: what clients drop and providers need back, and what
    /// providers refused; 16 MiB by default, 0 remembers none.
    pub state_bytes: usize,
    /// For how long after it was last used; an hour by default.
    pub state_age: Duration,
    /// Whether a provider's other reply headers reach the client too, beyond request ids and rate limits; off by
    /// default.
    pub passthrough_headers: bool,
    /// What targets understand beyond their format.
    pub profiles: ProfileRules,
    /// Rewrites of requests in the wire format; none by default.
    pub payload: Arc<Rules>,
}

impl Options {
    pub(crate) fn state(&self) -> Bounds {
        Bounds { bytes: self.state_bytes, age: self.state_age }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // Source: design.md §8 "Bodies above 256 KiB are translated on the blocking pool".
            blocking_threshold: 256 * KIB,
            blocking_permits: std::thread::available_parallelism().map_or(2, usize::from),
            // Source: design.md §12 "The priming preamble is held (16 events, 64 KiB) and replayed".
            preamble_events: 16,
            preamble_bytes: 64 * KIB,
            coalesce_bytes: 16 * KIB,
            max_reply_bytes: 64 * KIB * KIB,
            max_error_bytes: 16 * KIB,
            max_message_bytes: 4 * KIB,
            // Source: translation.md B38.
            state_bytes: 16 * KIB * KIB,
            state_age: Duration::from_secs(3600),
            passthrough_headers: false,
            profiles: ProfileRules::default(),
            payload: Arc::default(),
        }
    }
}
