//! What is logged, what is counted, what the image tools may do.

use std::time::Duration;

use crate::report::Report;
use crate::setting::At;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogLevel {
    /// Only what the operator must act on.
    Error,
    /// And what we coped with.
    Warn,
    /// And the life of the program.
    Info,
    /// And a line an attempt.
    Debug,
    /// And sizes and event types.
    Trace,
}

impl LogLevel {
    /// The spelling of the config, which is that of `tracing` too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// `log-level`: default `info`; `debug: true` makes it at least `debug`. Example `warn`.
    pub level: LogLevel,
    /// `trace`: replies carry the explanation of each decision; default off. Example `true`.
    pub trace: bool,
    /// `logging-to-file`: into a rotating file instead of standard output; default off. Example `true`.
    pub to_file: bool,
    /// `logs-max-total-size-mb`: cap of the log directory; 0, the default, is none. Example `100`.
    pub max_total_megabytes: Option<u32>,
    /// `error-logs-max-files`: logs of failed requests that are kept; default 10, 0 is all. Example `50`.
    pub error_files: u32,
    /// `request-log`: whole requests into files; default off. Example `true`.
    pub requests: bool,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// `usage-statistics-enabled`: usage is summed up in memory; default off. Example `true`.
    pub statistics: bool,
    /// `redis-usage-queue-retention-seconds`: how long records wait for a reader; default 60, at most 3600. Example `300`.
    pub queue_retention: Duration,
}

/// Image tools.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Images {
    /// `disable-image-generation`: default `false`. Example `chat`.
    pub generation: ImageGeneration,
    /// `gpt-image-2-base-model`: the model that hosts image calls; default `gpt-5.4-mini`. Example `gpt-5.4`.
    pub base_model: String,
}

/// What `disable-image-generation` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageGeneration {
    /// `false`: image tools work everywhere.
    Enabled,
    /// `true`: nowhere.
    Disabled,
    /// `chat`: not in chats, still at the image endpoints.
    DisabledInChat,
    /// `passthrough`: requests go on as they came.
    Passthrough,
}

impl Log {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        const LEVELS: &[(&str, LogLevel)] = &[
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
            ("warning", LogLevel::Warn),
        ];
        let level = root.get("log-level").choice(report, LEVELS).unwrap_or(LogLevel::Info);
        let debug = root.get("debug").is_on(report);
        Self {
            level: if debug { level.max(LogLevel::Debug) } else { level },
            trace: root.get("trace").is_on(report),
            to_file: root.get("logging-to-file").is_on(report),
            max_total_megabytes: root
                .get("logs-max-total-size-mb")
                .count(report, 100)
                .filter(|size| *size > 0),
            // Source: runtime.md A.2: a negative number means the default.
            error_files: root
                .get("error-logs-max-files")
                .number(report, i64::from(i32::MIN), i64::from(i32::MAX), 10)
                .and_then(|files| u32::try_from(files).ok())
                .unwrap_or(10),
            requests: root.get("request-log").is_on(report),
        }
    }
}

impl Usage {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        let at = root.get("redis-usage-queue-retention-seconds");
        // Source: runtime.md A.10 [H]: 0 or less is 60, more than 3600 is 3600.
        let seconds = match at.number(report, i64::from(i32::MIN), i64::from(i32::MAX), 60).unwrap_or(60) {
            seconds if seconds <= 0 => 60,
            seconds => seconds.min(3600),
        };
        Self {
            statistics: root.get("usage-statistics-enabled").is_on(report),
            queue_retention: Duration::from_secs(seconds.unsigned_abs()),
        }
    }
}

impl Images {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        use ImageGeneration::{Disabled, DisabledInChat, Enabled, Passthrough};
        const CHOICES: &[(&str, ImageGeneration)] = &[
            ("false", Enabled),
            ("true", Disabled),
            ("chat", DisabledInChat),
            ("passthrough", Passthrough),
            ("off", Enabled),
            ("on", Disabled),
            ("no", Enabled),
            ("yes", Disabled),
            ("0", Enabled),
            ("1", Disabled),
        ];
        let model = root.get("gpt-image-2-base-model");
        let base_model = model.text(report).unwrap_or_default();
        if !base_model.is_empty() && !base_model.starts_with("gpt-") {
            model.wrong(
                report,
                "only GPT models can host image calls",
                "expected a name that begins with `gpt-`",
            );
        }
        Self {
            generation: root.get("disable-image-generation").choice(report, CHOICES).unwrap_or(Enabled),
            base_model,
        }
    }
}
