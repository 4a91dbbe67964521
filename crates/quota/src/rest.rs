//! Windows as they may be kept over a restart.

use std::time::Duration;

use cliproxy_core::{Timestamp, UpstreamModel};

use crate::CooldownCause;

/// A kept window ends by then, whatever was written down: a clock may have been wrong.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A window of a credential, or of one of its models, that is open or waits for one request that looks. It says nothing of tokens that were refused: a person may have
/// logged in meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rest {
    /// The model that rests; `None` is the whole credential.
    pub model: Option<UpstreamModel>,
    /// When it is over.
    pub until: Timestamp,
    /// Why.
    pub cause: CooldownCause,
    /// Whether it ends with one request that looks, because the provider's hint was longer than it is believed.
    pub probe_after: bool,
    /// How many windows without a hint came before the next.
    pub level: u32,
}

impl Rest {
    /// A window that simply ends.
    #[must_use]
    pub fn new(model: Option<UpstreamModel>, until: Timestamp, cause: CooldownCause) -> Self {
        Self { model, until, cause, probe_after: false, level: 0 }
    }

    /// Whether one request looks first when it ends.
    #[must_use]
    pub fn with_probe_after(mut self, probe_after: bool) -> Self {
        self.probe_after = probe_after;
        self
    }

    /// The ladder's level.
    #[must_use]
    pub fn with_level(mut self, level: u32) -> Self {
        self.level = level;
        self
    }
}
