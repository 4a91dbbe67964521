//! Large bodies are translated on the blocking pool, a few at a time, so that no small request waits behind them.

use std::sync::Arc;

use cliproxy_core::{ErrorKind, ExecutorError};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// The permits and the size from which on work is moved.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    permits: Arc<Semaphore>,
    threshold: usize,
}

impl Pool {
    pub(crate) fn new(permits: usize, threshold: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits.max(1))), threshold }
    }

    /// Whether work on so many bytes is done where it arises.
    pub(crate) fn is_small(&self, bytes: usize) -> bool {
        bytes <= self.threshold
    }

    /// Runs `work` here when it is about few bytes, else on the blocking pool. Dropping the future lets work that
    /// has begun run to its end, unheard, its permit held.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExecutorError> {
        // Outside a tokio runtime (an embedder's own executor) there is no pool to go to.
        let Some(runtime) = (!self.is_small(bytes)).then(Handle::try_current).and_then(Result::ok) else {
            return Ok(work());
        };
        // Boxed: small requests, which are most, need not carry the state of a wait that they never have.
        Box::pin(self.run_elsewhere(runtime, work)).await
    }

    async fn run_elsewhere<T: Send + 'static>(
        &self,
        runtime: Handle,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExecutorError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|closed| internal("the translation pool is closed", closed))?;
        let task = runtime.spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        task.await.map_err(|panicked| internal("a translation broke off", panicked))
    }
}

fn internal(message: &str, source: impl std::error::Error + Send + Sync + 'static) -> ExecutorError {
    ExecutorError::new(ErrorKind::Internal, message).with_source(source)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn large_work_waits_for_a_permit_and_small_work_does_not() {
        let pool = Pool::new(1, 10);
        let (open, gate) = mpsc::channel::<()>();
        let mut first = pin!(pool.run(11, move || gate.recv().is_ok()));
        let began = Arc::new(AtomicBool::new(false));
        let notes = Arc::clone(&began);
        let mut second = pin!(pool.run(11, move || notes.store(true, Ordering::SeqCst)));
        for _ in 0..20 {
            poll_fn(|cx| {
                assert!(first.as_mut().poll(cx).is_pending());
                assert!(second.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            // What the pool was handed before this has begun by now.
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
        assert!(!began.load(Ordering::SeqCst), "one permit, one at a time");
        assert_eq!(pool.run(10, || 7).await.unwrap(), 7, "small work needs no permit");

        open.send(()).unwrap();
        assert!(first.await.unwrap());
        second.await.unwrap();
        assert!(began.load(Ordering::SeqCst));
    }
}
