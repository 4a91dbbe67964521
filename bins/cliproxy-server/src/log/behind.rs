//! Lines of the log that come close behind one another are written together.
//!
//! To write one line to a file takes as long as finding the credential for a request and translating both its bodies.
//! So a line is written at once when none was written lately, which is each line of a server with little to do; of
//! those that follow, a thread writes what has come together. Warnings and errors do not wait, and take along what
//! was said before them: the order stays. A process that is killed loses what was said in its last moment.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait, whole lines of them; who says more writes them first. What is written to a pipe in one piece
/// of this size does not mix with what others write to it. Source: pipe(7), `PIPE_BUF`.
const ROOM: usize = 4096;

/// Owns the thread that writes.
pub(crate) struct Behind<W> {
    shared: Arc<Shared<W>>,
}

struct Shared<W> {
    pause: Duration,
    state: Mutex<State<W>>,
    /// Rings when the first line waits, and when nobody will write for us any more.
    more: Condvar,
}

struct State<W> {
    out: W,
    waiting: Vec<u8>,
    /// When something was written last.
    written: Option<Instant>,
    /// Whether nobody writes for us: then nothing waits.
    closed: bool,
    /// Whether the thread will look by itself before long. To wake it costs more than the line.
    looks: bool,
}

impl<W: Write + Send + 'static> Behind<W> {
    /// Lines wait for each other for as long as `pause` after the last writing.
    pub(crate) fn new(out: W, pause: Duration) -> Self {
        let state = State { out, waiting: Vec::new(), written: None, closed: pause.is_zero(), looks: false };
        let shared = Arc::new(Shared { pause, state: Mutex::new(state), more: Condvar::new() });
        if !pause.is_zero() {
            let writer = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.follow());
            // Without it the log is only slower.
            shared.state.lock().closed = thread.is_err();
        }
        Self { shared }
    }

    pub(crate) fn pen(&self) -> Pen<W> {
        Pen { shared: Arc::clone(&self.shared), at_once: false }
    }

    /// Writes what waits; whatever is said later is written at once.
    pub(crate) fn close(&self) {
        let mut state = self.shared.state.lock();
        state.closed = true;
        state.write_out();
        self.shared.more.notify_one();
    }
}

impl<W: Write> Shared<W> {
    fn say(&self, line: &[u8], at_once: bool) {
        let mut state = self.state.lock();
        if state.waiting.len() + line.len() > ROOM {
            state.write_out();
        }
        let first = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        let lately = state.written.is_some_and(|written| written.elapsed() < self.pause);
        if at_once || state.closed || state.waiting.len() >= ROOM || first && !lately {
            state.write_out();
        } else if first && !state.looks {
            self.more.notify_one();
        }
    }

    /// Writes what waits, when it has waited long enough, until the log is closed.
    fn follow(&self) {
        let mut state = self.state.lock();
        while !state.closed {
            let due = state.written.and_then(|written| written.checked_add(self.pause));
            state.looks = !state.waiting.is_empty();
            match due {
                _ if state.waiting.is_empty() => self.more.wait(&mut state),
                Some(due) if Instant::now() < due => {
                    self.more.wait_until(&mut state, due);
                }
                _ => state.write_out(),
            }
        }
    }
}

impl<W: Write> State<W> {
    /// Nothing waits afterwards. What cannot be written is lost: a log must not bring the server down.
    fn write_out(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        drop(self.out.write_all(&self.waiting));
        self.waiting.clear();
        self.written = Some(Instant::now());
    }
}

/// What a line is said with.
pub(crate) struct Pen<W> {
    shared: Arc<Shared<W>>,
    at_once: bool,
}

impl<W: Write> Pen<W> {
    pub(crate) fn write_out(&self) {
        self.shared.state.lock().write_out();
    }
}

impl<W: Write> Write for Pen<W> {
    /// `line` is whole: the library writes each line in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.shared.say(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out();
        Ok(())
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Pen<W> {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self { shared: Arc::clone(&self.shared), at_once: self.at_once }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self {
        Self { shared: Arc::clone(&self.shared), at_once: *metadata.level() <= Level::WARN }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(1 << 40);
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Sent(Sender<Vec<u8>>);

    impl Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A log, and what is written to it.
    fn log(pause: Duration) -> (Behind<Sent>, Receiver<Vec<u8>>) {
        let (sender, receiver) = channel();
        (Behind::new(Sent(sender), pause), receiver)
    }

    fn say(log: &Behind<Sent>, line: &str) {
        log.pen().write_all(line.as_bytes()).unwrap();
    }

    fn written(receiver: &Receiver<Vec<u8>>) -> Vec<String> {
        receiver.try_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn the_first_line_is_written_at_once_and_the_next_ones_together() {
        let (log, receiver) = log(FOR_EVER);
        say(&log, "a\n");
        assert_eq!(written(&receiver), ["a\n"]);
        say(&log, "b\n");
        say(&log, "c\n");
        assert_eq!(written(&receiver), [""; 0]);
        log.close();
        assert_eq!(written(&receiver), ["b\nc\n"]);
        say(&log, "d\n");
        assert_eq!(written(&receiver), ["d\n"], "nobody would write it later");
    }

    #[test]
    fn what_waits_is_written_by_itself() {
        let (log, receiver) = log(Duration::from_millis(1));
        for line in ["a\n", "b\n", "c\n", "d\n"] {
            say(&log, line);
        }
        let mut seen = Vec::new();
        while seen != b"a\nb\nc\nd\n" {
            seen.extend(receiver.recv_timeout(PATIENCE).unwrap());
        }
    }

    #[test]
    fn warnings_and_errors_do_not_wait() {
        let (log, receiver) = log(FOR_EVER);
        let subscriber = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
        tracing::subscriber::with_default(subscriber.with_writer(log.pen()).finish(), || {
            tracing::info!("first");
            tracing::info!("second");
            tracing::warn!("third");
            tracing::info!("fourth");
            tracing::error!("fifth");
        });
        let expected = [" INFO first\n", " INFO second\n WARN third\n", " INFO fourth\nERROR fifth\n"];
        assert_eq!(written(&receiver), expected);
    }

    #[test]
    fn what_waits_has_a_bound() {
        let (log, receiver) = log(FOR_EVER);
        let line = "x".repeat(999) + "\n";
        for _ in 0..=8 {
            say(&log, &line);
        }
        let sizes: Vec<_> = written(&receiver).iter().map(String::len).collect();
        assert_eq!(sizes, [1000, 4000], "lines stay whole");
    }

    #[test]
    fn without_a_pause_each_line_is_written_at_once() {
        let (log, receiver) = log(Duration::ZERO);
        say(&log, "a\n");
        say(&log, "b\n");
        assert_eq!(written(&receiver), ["a\n", "b\n"]);
    }

    #[test]
    fn a_log_that_cannot_be_written_does_no_harm() {
        let (log, receiver) = log(FOR_EVER);
        drop(receiver);
        say(&log, "a\n");
        say(&log, "b\n");
        log.pen().flush().unwrap();
        assert!(log.shared.state.lock().waiting.is_empty());
    }
}
