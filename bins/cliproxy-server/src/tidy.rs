//! Gives memory back after large requests.
//!
//! mimalloc keeps what was freed for a second, and looks then whether the second is over when somebody allocates. After
//! a burst nobody does, and the pages of the last large bodies would stay ours for as long as the server is idle.
//! Giving each page back at once would cost large requests a fifth of their time in page faults.
//!
//! Large bodies are translated on the runtime's blocking pool. Its threads end when they have had nothing to do for a
//! while, and their own memory is freed with them: that is the moment to look again.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// Longer than mimalloc keeps what was freed. However many threads end within this time, one more look follows.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than a page of any size class has: it comes from where freed pages go, and goes back there.
const LOOK: usize = 1024 * 1024;

/// Rings when a thread of the runtime has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tidy(Arc<Notify>);

impl Tidy {
    pub(crate) fn thread_ended(&self) {
        self.0.notify_one();
    }

    /// Looks after threads that ended, for ever.
    pub(crate) async fn run(&self) -> Infallible {
        self.after_each_end(look).await
    }

    async fn after_each_end(&self, look: impl Fn()) -> Infallible {
        loop {
            self.0.notified().await;
            tokio::time::sleep(PATIENCE).await;
            look();
        }
    }
}

/// Takes a block and gives it back untouched.
fn look() {
    drop(black_box(Vec::<u8>::with_capacity(LOOK)));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn threads_that_end_are_followed_by_a_look_or_two_and_nothing_else_is() {
        let (tidy, looks) = (Tidy::default(), Cell::new(0));
        let seconds = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
        let story = async {
            seconds(60).await;
            assert_eq!(looks.get(), 0, "nothing ended");
            (0..9).for_each(|_| tidy.thread_ended());
            seconds(1).await;
            assert_eq!(looks.get(), 0, "mimalloc would find nothing yet");
            seconds(60).await;
            assert_eq!(looks.get(), 2, "the first and the rest");
            tidy.thread_ended();
            seconds(60).await;
            assert_eq!(looks.get(), 3);
        };
        tokio::select! {
            never = tidy.after_each_end(|| looks.set(looks.get() + 1)) => match never {},
            () = story => {}
        }
    }
}
