//! Hooks and usage sinks: they watch, and cannot disturb.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use cliproxy_core::{Hook, UsageRecord, UsageSink};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Records that wait for slow sinks; beyond that they are dropped and counted. At a few hundred bytes each this
/// is well below a megabyte.
const QUEUE: usize = 1024;

/// How long one sink may take over one record. It holds up the others, and at the end the whole program.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Observers {
    hooks: Vec<Arc<dyn Hook>>,
    sinks: Vec<Arc<dyn UsageSink>>,
    sender: mpsc::Sender<UsageRecord>,
    receiver: Mutex<Option<mpsc::Receiver<UsageRecord>>>,
    dropped: AtomicU64,
}

impl Observers {
    pub(crate) fn new(hooks: Vec<Arc<dyn Hook>>, sinks: Vec<Arc<dyn UsageSink>>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { hooks, sinks, sender, receiver: Mutex::new(Some(receiver)), dropped: AtomicU64::new(0) }
    }

    /// Calls every hook. Source: runtime.md L.3 33: a panic must not spread.
    pub(crate) fn tell(&self, call: impl Fn(&dyn Hook)) {
        for hook in &self.hooks {
            if catch_unwind(AssertUnwindSafe(|| call(hook.as_ref()))).is_err() {
                tracing::error!(?hook, "hook panicked");
            }
        }
    }

    /// Whether somebody takes outcomes or records: otherwise none need be made.
    pub(crate) fn watch(&self) -> bool {
        !self.hooks.is_empty() || !self.sinks.is_empty()
    }

    /// Queues a usage record; never waits.
    pub(crate) fn record(&self, record: UsageRecord) {
        if !self.sinks.is_empty() && self.sender.try_send(record).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Feeds the sinks until `stop`, then empties the queue. `None` when there is nothing to do, or it runs
    /// already.
    pub(crate) fn pump(
        self: &Arc<Self>,
        stop: CancellationToken,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let mut receiver = self.receiver.lock().take().filter(|_| !self.sinks.is_empty())?;
        let observers = Arc::clone(self);
        Some(async move {
            while let Some(Some(record)) = stop.run_until_cancelled(receiver.recv()).await {
                observers.feed(&record).await;
            }
            receiver.close();
            let (mut stuck, mut left) = (false, 0);
            while let Some(record) = receiver.recv().await {
                // A sink that is stuck gets no second chance to hold up the end.
                if stuck {
                    left += 1;
                } else {
                    stuck = !observers.feed(&record).await;
                }
            }
            observers.dropped.fetch_add(left, Ordering::Relaxed);
        })
    }

    /// Hands a record to every sink. False when one of them was stuck.
    async fn feed(&self, record: &UsageRecord) -> bool {
        let mut fed = true;
        for sink in &self.sinks {
            match tokio::time::timeout(PATIENCE, contained(sink.record(record))).await {
                Ok(Some(())) => {}
                // Source: runtime.md I.1 "a panic in one is logged and contained".
                Ok(None) => tracing::error!(?sink, "usage sink panicked"),
                Err(_) => {
                    tracing::error!(?sink, "usage sink took too long over a record");
                    fed = false;
                }
            }
        }
        if !fed {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        fed
    }
}

/// The future's output; `None` when it panicked.
async fn contained<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
