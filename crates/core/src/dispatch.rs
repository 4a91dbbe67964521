//! The pipeline as the HTTP edge sees it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ClientError, ClientRequest, ModelInfo, UpstreamReply};

/// One step of how a request was served, for the trace header and the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The steps, in order, without secrets: candidates, exclusions with reasons, attempts, retries.
    pub steps: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(step)?;
        }
        Ok(())
    }
}

/// The answer to one request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Dispatched {
    /// The reply, or what the client is told.
    pub result: Result<UpstreamReply, Box<ClientError>>,
    /// How it came about; empty unless the request asked for it.
    pub explanation: Explanation,
    /// The masked id of the credential that served it, if one did.
    pub credential: Option<String>,
}

impl Dispatched {
    /// An answer.
    #[must_use]
    pub fn new(result: Result<UpstreamReply, Box<ClientError>>, explanation: Explanation) -> Self {
        Self { result, explanation, credential: None }
    }

    /// Names who served it.
    #[must_use]
    pub fn by(mut self, credential: impl Into<String>) -> Self {
        self.credential = Some(credential.into());
        self
    }
}

/// A model in the list for clients: its `info.id` is what they ask for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedModel {
    /// What is known of it.
    pub info: Arc<ModelInfo>,
    /// The providers that offer it, sorted.
    pub providers: Vec<String>,
}

impl ListedModel {
    /// A listed model.
    #[must_use]
    pub fn new(info: Arc<ModelInfo>, providers: Vec<String>) -> Self {
        Self { info, providers }
    }
}

/// Serves requests: the conductor, or a stand-in in tests.
#[async_trait]
pub trait Dispatcher: fmt::Debug + Send + Sync + 'static {
    /// Serves one request. Dropping the future cancels it.
    async fn dispatch(&self, request: ClientRequest) -> Dispatched;

    /// The models that clients may ask for, sorted by id.
    fn models(&self) -> Vec<ListedModel>;

    /// What is known of one model a client names (prefix and alias included, suffix ignored).
    fn model(&self, id: &str) -> Option<ListedModel>;

    /// Up to three names that a client may have meant by one that nobody offers, nearest first.
    fn similar(&self, id: &str) -> Vec<String> {
        let _ = id;
        Vec::new()
    }
}
