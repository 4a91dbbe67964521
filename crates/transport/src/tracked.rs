//! An executor for hyper that shutdown can wait for.

use std::future::Future;

use tokio_util::task::TaskTracker;

/// Runs what hyper wants to run in the background on a [`TaskTracker`].
#[derive(Clone, Debug)]
pub(crate) struct Tracked(pub(crate) TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
