//! The one timer of a connection.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Rings when something is due, and never for nothing: the process sleeps while nobody asks for anything.
///
/// What is due moves with each request. A deadline is a span of time, so that a busy connection sets the timer now
/// and then rather than each time; and the timer is made anew rather than moved, since the runtime wakes up at the old
/// time of one that was moved to later.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready at some time within `due`. While nothing is due, what was set before stays, for the next pause.
    pub(super) fn poll_due(
        &mut self,
        due: Option<RangeInclusive<Instant>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(due) = due else { return Poll::Pending };
        let timer = match &mut self.0 {
            Some(timer) if due.contains(&timer.deadline()) => timer,
            unfit => unfit.insert(Box::pin(sleep_until(*due.end()))),
        };
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Rings(AtomicUsize);

    impl Wake for Rings {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Asks what is due at each step of a story, and says whether it was and how often the task was woken so far.
    #[tokio::test(start_paused = true)]
    async fn it_rings_once_however_often_the_deadline_moved() {
        let rings = Arc::new(Rings::default());
        let waker = Waker::from(Arc::clone(&rings));
        let mut cx = Context::from_waker(&waker);
        let start = Instant::now();
        let second = |second: u64| start + Duration::from_secs(second);
        let mut alarm = Alarm::default();
        for (now, due, is_due, rung) in [
            (0, Some(30..=30), false, 0),     // a head is awaited
            (1, None, false, 0),              // a request runs
            (2, Some(182..=185), false, 0),   // a pause
            (4, Some(184..=187), false, 0),   // a later pause for which the timer is good enough
            (100, Some(280..=283), false, 0), // one for which it would ring too early
            (281, Some(280..=283), false, 0),
            (283, Some(280..=283), true, 1),
            (283, Some(300..=300), false, 1),
            (290, Some(295..=295), false, 1), // earlier than set
            (295, Some(295..=295), true, 2),
        ] {
            tokio::time::advance(second(now) - Instant::now()).await;
            tokio::task::yield_now().await;
            let due = due.map(|due| second(*due.start())..=second(*due.end()));
            let found = alarm.poll_due(due, &mut cx).is_ready();
            assert_eq!((found, rings.0.load(Ordering::SeqCst)), (is_due, rung), "at {now} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_overdue_is_due_at_once() {
        let now = Instant::now();
        tokio::time::advance(Duration::from_secs(9)).await;
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Alarm::default().poll_due(Some(now..=now), &mut cx).is_ready());
    }
}
