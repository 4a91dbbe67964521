//! A streamed reply in the client's format.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::{ClientError, ExecutorError, FinishReason, Usage};

/// One step of a streamed reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum Frame {
    /// Bytes for the client, whole frames of its format, to be flushed at once.
    Bytes(Bytes),
    /// The end. Nothing follows. When it carries an error, the bytes before it have already told the client.
    End(Box<StreamEnd>),
}

/// How a stream ended.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct StreamEnd {
    /// What it cost, as far as the provider said.
    pub usage: Usage,
    /// Why it ended, when it ended well.
    pub finish: Option<FinishReason>,
    /// What broke it.
    pub error: Option<ExecutorError>,
    /// What was lost of it on the way to the client, a line each, for the [`crate::Explanation`] of a reply that is
    /// under way: no content and no secrets. Empty where nobody reads it.
    pub remarks: Vec<String>,
}

impl StreamEnd {
    /// A good end.
    #[must_use]
    pub fn done(usage: Usage, finish: Option<FinishReason>) -> Self {
        Self { usage, finish, error: None, remarks: Vec::new() }
    }

    /// A bad end.
    #[must_use]
    pub fn failed(usage: Usage, error: ExecutorError) -> Self {
        Self { usage, finish: None, error: Some(error), remarks: Vec::new() }
    }

    /// With what was lost.
    #[must_use]
    pub fn with_remarks(mut self, remarks: Vec<String>) -> Self {
        self.remarks = remarks;
        self
    }
}

/// A reply that the client's socket pulls. No task reads ahead; dropping it cancels the upstream call.
pub trait ClientStream: Send {
    /// The next frame; `None` after the end.
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>>;

    /// Bytes that end the stream validly in the client's format with this error (shutdown, deadline). The
    /// stream must not be polled afterwards.
    fn fail(self: Pin<&mut Self>, error: &ClientError) -> Bytes;
}
