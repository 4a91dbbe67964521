//! The loop that renews in time. It sleeps until the next credential is due, and without any it sleeps for good.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cliproxy_core::{CredentialId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::due::{due, due_in};
use crate::inner::Inner;
use crate::pool::Entry;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: Mutex<BinaryHeap<Reverse<(Timestamp, CredentialId)>>>,
    changed: Notify,
    started: AtomicBool,
}

impl Queue {
    /// Whether this is the first start.
    pub(crate) fn start(&self) -> bool {
        !self.started.swap(true, Ordering::Relaxed)
    }
}

impl Inner {
    /// Queues a credential's next renewal, if it has one.
    pub(crate) fn schedule(&self, entry: &Entry) {
        let mut state = entry.renewal.lock();
        // Under the lock: who looked earlier must not write later, over a newer answer.
        let Some(at) = due_in(&state, entry, self.now()) else {
            state.queued = None;
            return;
        };
        if state.queued == Some(at) {
            return;
        }
        state.queued = Some(at);
        drop(state);
        self.queue.heap.lock().push(Reverse((at, entry.id().clone())));
        self.queue.changed.notify_one();
    }

    /// Renews what is due until shutdown.
    pub(crate) async fn renewal_loop(self: Arc<Self>) {
        let workers = Arc::new(Semaphore::new(self.settled.load().options.renewal.workers.max(1)));
        loop {
            loop {
                let permit = tokio::select! {
                    () = self.stop.cancelled() => return,
                    permit = Arc::clone(&workers).acquire_owned() => permit,
                };
                // Asked only now: while a worker was awaited, a request may have renewed it.
                let Some(entry) = self.next_due() else { break };
                let inner = Arc::clone(&self);
                self.tasks.spawn(async move {
                    // Held until the renewal is over: that is what bounds the workers.
                    let _permit = permit;
                    let seen = entry.credential();
                    // It logs its own failures, and queues the next try.
                    let _outcome = inner.renew(&entry, &seen).await;
                });
            }
            let next = self.queue.heap.lock().peek().map(|Reverse((at, _))| self.clock.instant(*at));
            let asleep = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.queue.changed.notified() => {}
                () = self.clock.jumped.notified() => {}
                () = asleep => {}
            }
        }
    }

    /// The next credential that is due now.
    fn next_due(&self) -> Option<Arc<Entry>> {
        loop {
            let now = self.now();
            let id = {
                let mut heap = self.queue.heap.lock();
                heap.peek().filter(|Reverse((at, _))| *at <= now)?;
                let Reverse((at, id)) = heap.pop()?;
                (at, id)
            };
            let Some(entry) = self.entry(&id.1) else { continue };
            {
                let mut state = entry.renewal.lock();
                // Queued again meanwhile, for another time.
                if state.queued != Some(id.0) {
                    continue;
                }
                state.queued = None;
            }
            match due(&entry, now) {
                Some(at) if at <= now => return Some(entry),
                Some(_) => self.schedule(&entry),
                None => {}
            }
        }
    }
}
