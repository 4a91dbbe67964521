//! What the routes are told.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_translator::Codec;
use cliproxy_transport::BodyLimits;

/// The codecs of the client formats that have routes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Codecs {
    /// OpenAI Chat Completions.
    pub chat: Arc<dyn Codec>,
    /// Legacy OpenAI completions.
    pub completions: Arc<dyn Codec>,
    /// Claude Messages.
    pub claude: Arc<dyn Codec>,
}

impl Codecs {
    /// The codecs.
    #[must_use]
    pub fn new(chat: Arc<dyn Codec>, completions: Arc<dyn Codec>, claude: Arc<dyn Codec>) -> Self {
        Self { chat, completions, claude }
    }
}

/// What may change while the server runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Limits of request bodies.
    pub body: BodyLimits,
    /// How often a waiting stream gets a comment line; `None` is never. Source: design.md §8, 15 s by default.
    pub keepalive: Option<Duration>,
    /// How often a waiting whole reply gets a blank line; `None` is never. Source: http-api.md A.4.
    pub whole_keepalive: Option<Duration>,
    /// Access is checked by keys. Without keys there are no CORS headers and foreign origins are refused, so that a
    /// web page cannot spend the user's accounts (Source: design.md §8).
    pub keyed: bool,
    /// The config still holds an example key: API routes are refused. Source: runtime.md A.10 "safe mode".
    pub safe_mode: bool,
    /// The host names under which a keyless server may be called, beside loopback names.
    pub own_hosts: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            body: BodyLimits::default(),
            keepalive: Some(Duration::from_secs(15)),
            whole_keepalive: None,
            keyed: true,
            safe_mode: false,
            own_hosts: Vec::new(),
        }
    }
}
