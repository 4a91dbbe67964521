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

    /// Whether to go on after an error, which is kept: the first that a provider told says most.
    pub(crate) fn goes_on(&mut self, error: ExecutorError) -> Result<(), ExecutorError> {
        if self.left.len() == 0 {
            return Err(self.error.take().unwrap_or(error));
        }
        if self.error.as_ref().is_none_or(|kept| kept.status().is_none()) {
            self.error = Some(error);
        }
        Ok(())
    }

    /// Nothing was tried at all, or everything was in vain.
    pub(crate) fn over(self) -> ExecutorError {
        self.error.unwrap_or_else(|| {
            ExecutorError::new(ErrorKind::Internal, "there was nowhere to send the request")
        })
    }
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
