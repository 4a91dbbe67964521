//! What the server says while it serves, on standard error.

mod behind;
mod lines;

use std::io::{IsTerminal as _, Stderr};
use std::time::Duration;

use cliproxy_sdk::config::LogLevel;
use tracing_subscriber::EnvFilter;

use self::behind::Behind;
use self::lines::Lines;

/// How long a line may wait for others: shorter than anybody notices, and some hundred requests of a busy server.
const PAUSE: Duration = Duration::from_millis(50);

/// The log. When it is dropped, all that was said has been written.
pub(crate) struct Log {
    set_level: Box<dyn Fn(LogLevel)>,
    written: Behind<Stderr>,
}

impl Log {
    /// Sends the log to standard error.
    pub(crate) fn to_stderr(level: LogLevel) -> Self {
        let terminal = std::io::stderr().is_terminal();
        // Who looks on sees each line as it is said.
        let written = Behind::new(std::io::stderr(), if terminal { Duration::ZERO } else { PAUSE });
        // A log that nobody reads any more must not bring the server down.
        let log = tracing_subscriber::fmt()
            .with_writer(written.pen())
            .with_ansi(terminal)
            .log_internal_errors(false)
            .event_format(Lines::default())
            .with_env_filter(filter(level))
            .with_filter_reloading();
        let handle = log.reload_handle();
        log.init();
        // A panic speaks for itself, behind what was said before it.
        let (speak, pen) = (std::panic::take_hook(), written.pen());
        std::panic::set_hook(Box::new(move |panic| {
            pen.write_out();
            speak(panic);
        }));
        let set_level = Box::new(move |level| {
            if let Err(error) = handle.reload(filter(level)) {
                tracing::error!(%error, "the log level stays as it was");
            }
        });
        Self { set_level, written }
    }

    pub(crate) fn set_level(&self, level: LogLevel) {
        (self.set_level)(level);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.written.close();
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::try_new(level.as_str()).unwrap_or_else(|_| EnvFilter::new("info"))
}
