//! One call, and where else it may go when it is not answered: to the next host, or through the next project. A reply that
//! blames the request or the account is final.

use cliproxy_core::{ErrorKind, ExecutorError};

/// What is left to try, and why the call is not done yet.
#[derive(Debug)]
pub(crate) struct Tries<T> {
    left: std::vec::IntoIter<T>,
    error: Option<ExecutorError>,
}

impl<T> Tries<T> {
    pub(crate) fn new(all: Vec<T>) -> Self {
        Self { left: all.into_iter(), error: None }
    }

    /// The next one to try.
    pub(crate) fn next(&mut self) -> Option<T> {
        self.left.next()
    }

    /// Whether to go on after an error. Of all, the one that says most is kept.
    pub(crate) fn goes_on(&mut self, error: ExecutorError) -> Result<(), ExecutorError> {
        let kept = match self.error.take() {
            Some(kept) if !says_more(&error, &kept) => kept,
            _ => error,
        };
        if self.left.len() == 0 {
            return Err(kept);
        }
        self.error = Some(kept);
        Ok(())
    }

    /// Nothing was tried at all, or everything was in vain.
    pub(crate) fn over(self) -> ExecutorError {
        self.error.unwrap_or_else(|| {
            ExecutorError::new(ErrorKind::Internal, "there was nowhere to send the request")
        })
    }
}

/// Whether an error says more than an earlier one: the first that a provider told does, but for a limit, which ends
/// sooner than a refusal.
fn says_more(error: &ExecutorError, kept: &ExecutorError) -> bool {
    kept.status().is_none() || (kept.kind() == ErrorKind::Forbidden && error.kind() == ErrorKind::RateLimited)
}

/// Whether another host may know better. Source: providers-a.md 7.6.
pub(crate) fn is_the_hosts(error: &ExecutorError) -> bool {
    match error.status().map(|status| status.as_u16()) {
        None => error.kind() == ErrorKind::Connect,
        Some(429) => true,
        Some(503) => {
            let said = String::from_utf8_lossy(error.body()).to_lowercase();
            said.contains("no capacity available")
        }
        Some(_) => false,
    }
}
