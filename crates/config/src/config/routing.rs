//! Which credential goes next, how often we try, how long a refused one rests, what a waiting client sees.

use std::time::Duration;

use cliproxy_core::parse_duration;

use crate::report::Report;
use crate::setting::{At, shown};

/// Which credential goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Routing {
    /// `routing.strategy`: default `round-robin`. Example `fill-first`.
    pub strategy: Strategy,
    /// `routing.session-affinity`: a conversation stays on its credential while that is ready, because the provider's
    /// prompt cache lives there; default on. Example `false`.
    pub session_affinity: bool,
    /// `routing.session-affinity-ttl`: how long a silent conversation is remembered; default 1 h. Example `30m`.
    pub session_affinity_ttl: Duration,
    /// `force-model-prefix`: credentials with a prefix are reachable only by it; default off. Example `true`.
    pub force_model_prefix: bool,
}

/// How a credential is chosen among the ready ones of the highest priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Each in turn.
    RoundRobin,
    /// The first until it is spent.
    FillFirst,
    /// Each in turn, in proportion to its `weight`.
    WeightedRoundRobin,
}

impl Strategy {
    /// The spelling of the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::FillFirst => "fill-first",
            Self::WeightedRoundRobin => "weighted-round-robin",
        }
    }
}

/// How often and how long to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// `request-retry`: extra rounds over the credentials after a failure; default 3. Example `1`.
    pub request_retry: u32,
    /// `max-retry-interval`: the longest cooldown a request waits for, in seconds; default 30, 0 never waits. Example `60`.
    pub max_interval: Duration,
    /// `max-retry-credentials`: credentials tried in one round; 0, the default, is all. Example `5`.
    pub max_credentials: Option<u32>,
}

/// How long a refused credential rests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cooldown {
    /// `disable-cooling`: no credential rests; default off. Example `true`.
    pub disabled: bool,
    /// `max-cooldown`: how long a provider's hint, or the ladder without one, is believed at most; default 30 min.
    /// Then one request looks. Example `1h`.
    pub max: Duration,
    /// `transient-error-cooldown-seconds`: rest after a passing fault; 0, the default, is 60 s, a negative number
    /// none. Example `10`.
    pub transient: Option<Duration>,
    /// `save-cooldown-status`: rests survive a restart; default off. Example `true`.
    pub save: bool,
}

/// What a client sees while a reply is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Streaming {
    /// `streaming.keepalive-seconds`: interval of comments in a silent stream; default 15, 0 or less is off. Example `30`.
    pub keepalive: Option<Duration>,
    /// `streaming.bootstrap-retries`: repeats before anything was sent, out of the same budget as `request-retry`;
    /// default 1. Example `2`.
    pub bootstrap_retries: u32,
    /// `nonstream-keepalive-interval`: interval of blank lines before a whole reply, in seconds; off by default. Example `15`.
    pub nonstream_keepalive: Option<Duration>,
}

impl Routing {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        let at = root.get("routing");
        at.must_be_map(report);
        Self {
            strategy: strategy(&at.get("strategy"), report),
            session_affinity: at.get("session-affinity").is_on(report),
            session_affinity_ttl: affinity_ttl(&at.get("session-affinity-ttl"), report),
            force_model_prefix: root.get("force-model-prefix").is_on(report),
        }
    }
}

fn strategy(at: &At<'_>, report: &mut Report) -> Strategy {
    let Some(text) = at.text(report) else { return Strategy::RoundRobin };
    // Source: runtime.md A.2, A.10 [H].
    match text.to_ascii_lowercase().as_str() {
        "round-robin" | "roundrobin" | "rr" => Strategy::RoundRobin,
        "fill-first" | "fillfirst" | "ff" => Strategy::FillFirst,
        "weighted-round-robin" | "weightedroundrobin" | "wrr" => Strategy::WeightedRoundRobin,
        _ => {
            // The reference takes anything else for round-robin; so do we, and say so.
            let reason =
                "expected `round-robin`, `fill-first` or `weighted-round-robin`; `round-robin` is used";
            at.adjusted(report, format!("{} is no strategy: {reason}", shown(&text)));
            Strategy::RoundRobin
        }
    }
}

fn affinity_ttl(at: &At<'_>, report: &mut Report) -> Duration {
    const HOUR: Duration = Duration::from_secs(3600);
    let Some(text) = at.text(report) else { return HOUR };
    // Source: runtime.md A.10 [H]: an invalid length is one hour.
    parse_duration(&text).filter(|length| !length.is_zero()).unwrap_or_else(|| {
        at.adjusted(
            report,
            format!("{} is not a length of time such as `30m`; one hour is used", shown(&text)),
        );
        HOUR
    })
}

impl Retry {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        Self {
            request_retry: root.get("request-retry").count(report, 3).unwrap_or_default(),
            max_interval: root.get("max-retry-interval").optional_seconds(report).unwrap_or_default(),
            max_credentials: root.get("max-retry-credentials").count(report, 5).filter(|count| *count > 0),
        }
    }
}

impl Cooldown {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        let seconds =
            root.get("transient-error-cooldown-seconds").number(report, -86_400, 86_400, 60).unwrap_or(0);
        Self {
            disabled: root.get("disable-cooling").is_on(report),
            max: super::server::positive(&root.get("max-cooldown"), report),
            // Source: runtime.md A.10 [H].
            transient: match u64::try_from(seconds) {
                Ok(0) => Some(Duration::from_secs(60)),
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => None,
            },
            save: root.get("save-cooldown-status").is_on(report),
        }
    }
}

impl Streaming {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        let at = root.get("streaming");
        at.must_be_map(report);
        Self {
            keepalive: at.get("keepalive-seconds").optional_seconds(report),
            bootstrap_retries: at.get("bootstrap-retries").count(report, 1).unwrap_or_default(),
            nonstream_keepalive: root.get("nonstream-keepalive-interval").optional_seconds(report),
        }
    }
}
