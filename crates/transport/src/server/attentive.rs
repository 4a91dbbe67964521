//! A stream that is asked only when it may have something new.
//!
//! For each wake-up of a connection hyper asks the body of the reply about four times, and each time the question
//! would go down to the provider's socket and to every timer and token on the way. A stream that has said "not yet"
//! has also promised to wake its task; until it does, the answer is known.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;
use futures_util::task::AtomicWaker;

/// See the module.
pub(super) struct Attentive<S> {
    stream: S,
    bell: Arc<Bell>,
    waker: Waker,
    waiting: bool,
}

#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<S: Stream + Unpin> Attentive<S> {
    pub(super) fn new(stream: S) -> Self {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        Self { stream, bell, waker, waiting: false }
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        // First the task's name, then the question: a ring between the two finds the name.
        self.bell.task.register(cx.waker());
        let rung = self.bell.rung.swap(false, Ordering::AcqRel);
        if self.waiting && !rung {
            return Poll::Pending;
        }
        let next = Pin::new(&mut self.stream).poll_next(&mut Context::from_waker(&self.waker));
        self.waiting = next.is_pending();
        next
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Plays answers, keeps the waker, and counts how often it was asked.
    #[derive(Default)]
    struct Played {
        answers: VecDeque<Poll<Option<u8>>>,
        asked: usize,
        waker: Option<Waker>,
    }

    impl Stream for Played {
        type Item = u8;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u8>> {
            self.asked += 1;
            self.waker = Some(cx.waker().clone());
            self.answers.pop_front().unwrap_or(Poll::Pending)
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_stream_that_waits_is_asked_again_only_after_it_rang() {
        let task = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut cx = Context::from_waker(&waker);
        let answers = [Poll::Ready(Some(1)), Poll::Pending, Poll::Ready(Some(2)), Poll::Ready(None)].into();
        let mut stream = Attentive::new(Played { answers, ..Played::default() });

        assert_eq!(stream.poll_next(&mut cx), Poll::Ready(Some(1)));
        for _ in 0..3 {
            assert_eq!(stream.poll_next(&mut cx), Poll::Pending);
        }
        assert_eq!(stream.stream.asked, 2);
        assert!(!task.0.load(Ordering::SeqCst));

        stream.stream.waker.take().unwrap().wake();
        assert!(task.0.load(Ordering::SeqCst), "the task learns of it");
        assert_eq!(stream.poll_next(&mut cx), Poll::Ready(Some(2)));
        assert_eq!(stream.poll_next(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn a_stream_that_rings_while_it_is_asked_is_asked_again() {
        struct Impatient(bool);
        impl Stream for Impatient {
            type Item = ();
            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
                cx.waker().wake_by_ref();
                if std::mem::replace(&mut self.0, true) { Poll::Ready(None) } else { Poll::Pending }
            }
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut stream = Attentive::new(Impatient(false));
        assert_eq!(stream.poll_next(&mut cx), Poll::Pending);
        assert_eq!(stream.poll_next(&mut cx), Poll::Ready(None));
    }
}
