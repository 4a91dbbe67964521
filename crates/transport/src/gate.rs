//! Wakes that come from within.
//!
//! A task that drives two ends of one channel, as hyper's connections and what waits for them are, wakes itself all
//! the time. Such a wake means "take another turn now". Left to the runtime it means: put the whole task into the
//! queue again and wake another thread to help, which costs two system calls and moves the task to a cold processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// More turns than this and other tasks get theirs.
const MAX_TURNS: usize = 8;

/// Tells a wake from within a turn from one that comes from outside.
#[derive(Debug)]
pub(crate) struct Gate {
    bell: Arc<Bell>,
    waker: Waker,
    /// Whom the bell wakes: nearly always the same task, and to look here takes no lock.
    task: Option<Waker>,
}

#[derive(Debug)]
struct Bell {
    inside: AtomicBool,
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Gate {
    /// A gate whose first turn is taken unasked.
    pub(crate) fn new() -> Self {
        let bell = Arc::new(Bell {
            inside: AtomicBool::new(false),
            rung: AtomicBool::new(true),
            task: Mutex::new(None),
        });
        Self { waker: Waker::from(Arc::clone(&bell)), bell, task: None }
    }

    /// Asks for a turn: something changed that wakes nobody.
    pub(crate) fn ring(&self) {
        self.bell.rung.store(true, Ordering::SeqCst);
    }

    /// Takes turns until one is ready or nothing rang during it. `turn` learns whether it was woken, and passes its
    /// context on to whatever may wake it.
    pub(crate) fn turns<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut turn: impl FnMut(&mut Context<'_>, bool) -> Poll<T>,
    ) -> Poll<T> {
        let task = cx.waker();
        if !self.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            self.task = Some(task.clone());
            *self.bell.task.lock() = Some(task.clone());
        }
        self.bell.inside.store(true, Ordering::SeqCst);
        let mut own = Context::from_waker(&self.waker);
        let mut found = Poll::Pending;
        for _ in 0..MAX_TURNS {
            let woken = self.bell.rung.swap(false, Ordering::SeqCst);
            found = turn(&mut own, woken);
            if found.is_ready() || !self.bell.rung.load(Ordering::SeqCst) {
                break;
            }
        }
        if self.bell.leave() && found.is_pending() {
            cx.waker().wake_by_ref();
        }
        found
    }
}

impl Bell {
    /// Whether somebody rang while we were inside and was not answered: that is left to the next turn.
    fn leave(&self) -> bool {
        self.inside.store(false, Ordering::SeqCst);
        self.rung.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // First the note, then the question: `leave` asks in the opposite order, so one of the two sees the other.
        self.rung.store(true, Ordering::SeqCst);
        if self.inside.load(Ordering::SeqCst) {
            return;
        }
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wake_from_within_is_another_turn_and_the_task_hears_nothing() {
        let task = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut gate = Gate::new();
        let mut turns = 0;
        let found = gate.turns(&mut Context::from_waker(&waker), |cx, woken| {
            assert!(woken);
            turns += 1;
            if turns == 3 {
                return Poll::Ready(turns);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!(found, Poll::Ready(3));
        assert_eq!(task.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_wake_from_outside_wakes_the_task_and_is_seen_by_its_next_turn() {
        let task = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut cx = Context::from_waker(&waker);
        let mut gate = Gate::new();
        let mut kept = None;
        let mut ask = |gate: &mut Gate, expected: bool| {
            let found = gate.turns(&mut cx, |cx, woken| {
                assert_eq!(woken, expected);
                kept = Some(cx.waker().clone());
                Poll::<()>::Pending
            });
            assert!(found.is_pending());
            kept.clone().unwrap()
        };
        let inner = ask(&mut gate, true);
        ask(&mut gate, false);
        inner.wake();
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        ask(&mut gate, true);
        gate.ring();
        ask(&mut gate, true);
    }

    #[test]
    fn a_task_that_wakes_itself_for_ever_leaves_the_processor_to_others() {
        let task = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut turns = 0;
        let found = Gate::new().turns(&mut Context::from_waker(&waker), |cx, _| {
            turns += 1;
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(found.is_pending());
        assert_eq!(turns, MAX_TURNS);
        assert_eq!(task.0.load(Ordering::SeqCst), 1, "it comes back");
    }
}
