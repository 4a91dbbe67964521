//! Futures that are made where they live.

use std::pin::Pin;

/// Boxes the future that `make` gives.
///
/// `Box::pin` takes a future that is there already: made on the stack and then copied, with the room for all that it
/// will ever hold, which is a few kilobytes for a request. Here the box is there first, and only what the future begins
/// with is written into it. For the few futures that every request boxes.
#[inline]
pub fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn it_is_the_future_that_was_made() {
        let text = "kept".to_owned();
        let mut boxed = boxed(|| async move { text.len() });
        assert_eq!(boxed.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(4));
    }
}
