//! Opaque state of conversations: what is remembered for clients that drop it.

use std::time::Duration;

use super::server::positive;
use crate::report::Report;
use crate::setting::At;

/// What providers need back (signatures, encrypted thoughts) and some clients drop. Held in memory only, never a
/// message's text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpaqueState {
    /// `opaque-state.enabled`: it is remembered; default on. Example `false`.
    pub enabled: bool,
    /// `opaque-state.max-bytes`: how much in all; default 16 MiB. Example `64MiB`.
    pub max_bytes: usize,
    /// `opaque-state.max-age`: for how long after it was last used; default 1 h. Example `15m`.
    pub max_age: Duration,
}

impl OpaqueState {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        let at = root.get("opaque-state");
        at.must_be_map(report);
        Self {
            enabled: at.get("enabled").is_on(report),
            max_bytes: at.get("max-bytes").bytes(report).unwrap_or_default(),
            max_age: positive(&at.get("max-age"), report),
        }
    }
}
