//! What the conductor sees of a provider: an exchange in the client's format, formats themselves unseen.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;

use crate::{
    ClientError, ClientRequest, ClientStream, Credential, ExecutorError, FinishReason, ModelInfo,
    ProviderExecutor, Timestamp, UpstreamModel, Usage,
};

/// Where one attempt goes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Target {
    /// Who sends it.
    pub executor: Arc<dyn ProviderExecutor>,
    /// What is spent.
    pub credential: Arc<Credential>,
    /// The model for the provider.
    pub model: UpstreamModel,
    /// The thinking suffix the client put behind the model, without parentheses.
    pub suffix: Option<String>,
    /// What is known of the model.
    pub info: Option<Arc<ModelInfo>>,
    /// Whether the model takes thoughts back that nobody has signed, as the entry that was asked for says: two entries for
    /// one model may differ. `None` leaves it to what is known of the provider.
    pub compat: Option<bool>,
    /// The model name that replies have to show; `None` leaves the provider's.
    pub shown_model: Option<String>,
    /// Which attempt of the request this is, from 1.
    pub attempt: u32,
    /// Now.
    pub now: Timestamp,
}

impl Target {
    /// A target with nothing known of the model.
    #[must_use]
    pub fn new(
        executor: Arc<dyn ProviderExecutor>,
        credential: Arc<Credential>,
        model: UpstreamModel,
        now: Timestamp,
    ) -> Self {
        Self {
            executor,
            credential,
            model,
            suffix: None,
            info: None,
            compat: None,
            shown_model: None,
            attempt: 1,
            now,
        }
    }
}

/// A whole reply in the client's format.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WholeReply {
    /// Provider headers that the client may see.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What it cost.
    pub usage: Usage,
    /// Why it ended.
    pub finish: Option<FinishReason>,
    /// Whether it was made here, by nobody's answer: it says nothing about the credential or its provider.
    pub local: bool,
}

impl WholeReply {
    /// A reply without headers or usage.
    #[must_use]
    pub fn new(body: Bytes) -> Self {
        Self { body, ..Self::default() }
    }

    /// Adds provider headers.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Says what it cost and why it ended.
    #[must_use]
    pub fn with_end(mut self, usage: Usage, finish: Option<FinishReason>) -> Self {
        self.usage = usage;
        self.finish = finish;
        self
    }

    /// Says that it was made here, by nobody's answer.
    #[must_use]
    pub fn made_here(mut self) -> Self {
        self.local = true;
        self
    }
}

/// A streamed reply in the client's format, whose first semantic event has been seen.
#[non_exhaustive]
pub struct StreamReply {
    /// Provider headers that the client may see.
    pub headers: HeaderMap,
    /// The frames.
    pub frames: Pin<Box<dyn ClientStream>>,
}

impl StreamReply {
    /// A stream.
    #[must_use]
    pub fn new(headers: HeaderMap, frames: Pin<Box<dyn ClientStream>>) -> Self {
        Self { headers, frames }
    }
}

impl fmt::Debug for StreamReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReply").finish_non_exhaustive()
    }
}

/// A reply in the client's format.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpstreamReply {
    /// A whole reply.
    Whole(Box<WholeReply>),
    /// A stream.
    Stream(StreamReply),
}

/// One client request, ready to be tried any number of times: what was translated once is kept.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// Tries one target. Returns once the reply is whole or its first semantic event has been seen; whatever
    /// fails before that is an error here, so that the next credential can be tried silently.
    ///
    /// # Errors
    /// Every failure of the attempt. The provider's reply is in the format that [`Self::explain`] dresses.
    async fn attempt(&self, target: Target) -> Result<UpstreamReply, ExecutorError>;

    /// Turns the last failure into what the client will see: the provider's reply with its format, masked and
    /// bounded.
    fn explain(&self, target: &Target, error: &ExecutorError) -> Box<ClientError>;

    /// What was done to the request since the last call: what its translation had to drop, which rules changed it.
    /// A line each, a few of them, for the [`crate::Explanation`]: no content of messages and no secrets.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Opens exchanges: the bridge, or a stand-in in tests.
pub trait Upstream: fmt::Debug + Send + Sync + 'static {
    /// Begins the exchange of one request.
    ///
    /// # Errors
    /// When the request cannot be read in its own format: nobody could serve it.
    fn open(&self, request: Arc<ClientRequest>) -> Result<Box<dyn Exchange>, Box<ClientError>>;
}
