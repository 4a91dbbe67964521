//! How a server ends: it stops accepting, drains, asks streams to end, cuts what remains.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The owner's handle on a server's end, and what long streams watch. Clones are the same shutdown.
///
/// 1. [`start`](Self::start): no more connections; idle ones close; requests run on.
/// 2. After the grace period [`cut`](Self::cut) resolves: streams end themselves validly in their own format.
/// 3. After the farewell period the remaining connections are dropped.
/// 4. [`Server::run`](crate::Server::run) returns when every task has ended.
#[derive(Clone, Debug)]
pub struct Shutdown {
    draining: CancellationToken,
    cut: CancellationToken,
    hard: CancellationToken,
    grace: Duration,
    farewell: Duration,
}

impl Shutdown {
    /// With this grace period, and one second for streams to say farewell after it.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self {
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
            hard: CancellationToken::new(),
            grace,
            farewell: Duration::from_secs(1),
        }
    }

    /// How long streams have between [`cut`](Self::cut) and the end of their connection.
    #[must_use]
    pub fn with_farewell(mut self, farewell: Duration) -> Self {
        self.farewell = farewell;
        self
    }

    /// Begins the end. Returns at once; calling it again changes nothing.
    pub fn start(&self) {
        self.draining.cancel();
    }

    /// Skips what is left of the grace period, for an operator who asks twice.
    pub fn hurry(&self) {
        self.draining.cancel();
        self.cut.cancel();
    }

    /// Whether the end has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Resolves when the end begins: long-lived connections that carry no request (websockets) may say goodbye.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Resolves when the grace period is over: streams end now, in a way that their format allows.
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// A token for [`cut`](Self::cut), for those who keep it in a struct.
    #[must_use]
    pub fn cut_token(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// A token for [`draining`](Self::draining).
    #[must_use]
    pub fn draining_token(&self) -> CancellationToken {
        self.draining.clone()
    }

    pub(super) fn hard_token(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Runs steps two and three, while `drained` waits for the connections to end by themselves.
    pub(super) async fn see_out(&self, drained: impl Future<Output = ()>) {
        let mut drained = std::pin::pin!(drained);
        tokio::select! {
            () = &mut drained => return,
            () = tokio::time::sleep(self.grace) => {}
            () = self.cut.cancelled() => {}
        }
        self.cut.cancel();
        if tokio::time::timeout(self.farewell, &mut drained).await.is_err() {
            tracing::warn!("cutting the connections that did not end in time");
            self.hard.cancel();
            drained.await;
        }
    }
}
