//! Threads that each serve connections of their own.

use std::cell::Cell;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Numbers the workers of the process, so that those of two servers are never taken for one another.
static NEXT: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// Which worker this thread is; 0 for all other threads.
pub(crate) fn here() -> usize {
    HERE.get()
}

/// Threads on which a server serves its connections, each with a runtime of its own.
///
/// The threads of a common runtime take each other's work, so that a request goes on wherever somebody has nothing to
/// do: with cold caches, after a system call that woke the other thread. A proxy has thousands of small steps and hardly
/// any long ones, and spends a fifth of its time on that. Here a connection stays where it was accepted, with the
/// connections to providers that its requests use. Who has fewest connections gets the next one, the first of several,
/// so that the requests of one client after the other meet the connections of the one before. Large bodies are
/// translated by threads for blocking work, as elsewhere.
///
/// Clones are the same threads. They end when the last clone is dropped, and what still runs on them ends with them:
/// keep one until all is stopped.
#[derive(Clone, Debug)]
pub struct Workers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    workers: Vec<Worker>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Worker {
    handle: Handle,
    connections: Arc<AtomicUsize>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Workers {
    /// Starts so many threads. `prepare` sees the builder of each one's runtime, for hooks and names.
    ///
    /// # Errors
    /// When the system has no thread or file descriptor left.
    pub fn start(count: NonZeroUsize, prepare: impl Fn(&mut Builder)) -> io::Result<Self> {
        let mut inner = Inner { workers: Vec::with_capacity(count.get()), stop: CancellationToken::new() };
        for number in 1..=count.get() {
            let mut builder = Builder::new_current_thread();
            builder.enable_all();
            prepare(&mut builder);
            let runtime = builder.build()?;
            let (handle, stop) = (runtime.handle().clone(), inner.stop.clone());
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                HERE.set(id);
                runtime.block_on(stop.cancelled());
            })?;
            inner.workers.push(Worker { handle, connections: Arc::default() });
        }
        Ok(Self(Arc::new(inner)))
    }

    /// The one with the fewest connections, and one more for it.
    pub(crate) fn take(&self) -> Option<(&Handle, Connection)> {
        let count = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        let worker = self.0.workers.iter().min_by_key(count)?;
        worker.connections.fetch_add(1, Ordering::Relaxed);
        Some((&worker.handle, Connection(Arc::clone(&worker.connections))))
    }
}

/// A connection, counted until it is dropped.
pub(crate) struct Connection(Arc<AtomicUsize>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(count: usize) -> Workers {
        Workers::start(NonZeroUsize::new(count).unwrap(), |_| {}).unwrap()
    }

    /// The thread that a task given to it runs on.
    fn thread_of(handle: &Handle) -> (usize, Option<String>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        handle.spawn(async move {
            sender.send((here(), std::thread::current().name().map(str::to_owned))).unwrap();
        });
        receiver.recv().unwrap()
    }

    #[test]
    fn each_worker_is_a_thread_that_knows_itself() {
        let (first, second) = (workers(2), workers(1));
        let of = |workers: &Workers| -> Vec<_> {
            workers.0.workers.iter().map(|worker| thread_of(&worker.handle)).collect()
        };
        let (first, second) = (of(&first), of(&second));
        let mut ids: Vec<_> = first.iter().chain(&second).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        assert!(!ids.contains(&here()), "no worker is the thread of a test");
        assert_eq!(
            first.iter().map(|(_, name)| name.as_deref()).collect::<Vec<_>>(),
            [Some("worker-1"), Some("worker-2")]
        );
    }

    #[test]
    fn who_has_fewest_connections_gets_the_next_and_the_first_of_several() {
        let workers = workers(3);
        let counts = || -> Vec<_> {
            workers.0.workers.iter().map(|worker| worker.connections.load(Ordering::Relaxed)).collect()
        };
        let mut taken: Vec<_> = (0..4).map(|_| workers.take().unwrap().1).collect();
        assert_eq!(counts(), [2, 1, 1]);
        drop(taken.remove(1));
        assert_eq!(counts(), [2, 0, 1]);
        taken.push(workers.take().unwrap().1);
        assert_eq!(counts(), [2, 1, 1]);
        taken.clear();
        assert_eq!(counts(), [0, 0, 0]);
    }

    #[test]
    fn threads_end_with_the_last_clone_and_what_runs_on_them_with_them() {
        let workers = workers(1);
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let other = workers.clone();
        workers.take().unwrap().0.spawn(async move {
            let _ended_with_us = sender;
            std::future::pending::<()>().await;
        });
        drop(workers);
        assert_eq!(receiver.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
        drop(other);
        assert_eq!(receiver.recv(), Err(std::sync::mpsc::RecvError));
    }
}
