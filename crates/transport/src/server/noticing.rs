//! A socket that tells when something arrives, and takes it in pieces that leave little behind.
//!
//! hyper's read buffer of a connection grows with what a read brings, and hardly ever shrinks: when the body of a
//! request has been read the buffer stays for as long as the reply lasts, only to notice that the client goes away.
//! Without a limit that is 64 KiB or more for each open stream of an agent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use super::activity::Activity;

/// The most that one read brings. A byte less than hyper's buffer has at first: a full read does not make it grow.
const NARROW: u64 = 8 * 1024 - 1;
/// The same while a large body comes, or several requests at once: fewer reads matter more than the buffer then.
const WIDE: u64 = 64 * 1024 - 1;

pub(super) struct Noticing<S, A> {
    socket: Take<S>,
    client: A,
}

impl<S: AsyncRead + Unpin, A: AsRef<Activity>> Noticing<S, A> {
    /// `client` is told.
    pub(super) fn new(socket: S, client: A) -> Self {
        Self { socket: socket.take(NARROW), client }
    }
}

impl<S: AsyncRead + Unpin, A: AsRef<Activity> + Unpin> AsyncRead for Noticing<S, A> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let activity = this.client.as_ref();
        this.socket.set_limit(if activity.is_large() { WIDE } else { NARROW });
        let read = Pin::new(&mut this.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            activity.received();
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, A: Unpin> AsyncWrite for Noticing<S, A> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().socket.get_mut()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().socket.get_mut()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().socket.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().socket.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn one_read_brings_less_than_the_first_buffer_holds_unless_much_is_to_come() {
        for (multiplexed, body, most) in [
            (false, 0, 8191),
            (false, 110_000, 8191),
            (false, (1 << 20) - 1, 8191),
            (false, 1 << 20, 65_535),
            (true, 0, 65_535),
        ] {
            let activity = Arc::new(Activity::default());
            let mut socket = Noticing::new(tokio::io::repeat(b'x'), Arc::clone(&activity));
            let mut buffer = vec![0; 256 * 1024];
            assert_eq!(socket.read(&mut buffer).await.unwrap(), 8191, "a head");
            activity.begin(multiplexed, body);
            for _ in 0..3 {
                assert_eq!(socket.read(&mut buffer).await.unwrap(), most, "{multiplexed} {body}");
            }
        }
    }
}
