//! What is typed and not shown.

use std::fmt;

/// The terminal of standard input, which shows nothing of what is typed until this is dropped.
///
/// A process that is killed where it stands leaves it so: whoever runs a flow ends it by dropping it on signals.
pub(crate) struct Silence {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl fmt::Debug for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Silence").finish_non_exhaustive()
    }
}

#[cfg(unix)]
impl Silence {
    /// `None` where standard input is no terminal, or one whose modes cannot be changed.
    pub(crate) fn begin() -> Option<Self> {
        use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};
        let stdin = std::io::stdin();
        if !isatty(&stdin) {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut silent = before.clone();
        // The line's end is shown, so that what follows stands on a line of its own.
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        // What was typed ahead stays: a pasted text may come before the question.
        tcsetattr(&stdin, OptionalActions::Now, &silent).ok()?;
        Some(Self { before })
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // A terminal that is gone needs no mending.
        let _gone = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Forgets what was typed and not read yet.
#[cfg(unix)]
pub(crate) fn discard_typed() {
    use rustix::termios::{QueueSelector, tcflush};
    // What is no terminal has nothing typed.
    let _none = tcflush(std::io::stdin(), QueueSelector::IFlush);
}

#[cfg(not(unix))]
pub(crate) fn discard_typed() {}

#[cfg(not(unix))]
impl Silence {
    pub(crate) fn begin() -> Option<Self> {
        None
    }
}
