//! Who may call.

use std::fmt;

use async_trait::async_trait;
use http::request::Parts;

use crate::name::name_type;

name_type! {
    /// Who asks: a stable label that is not the key itself, so that it can be logged and used as a map key.
    Principal
}

impl Principal {
    /// Nobody in particular: access control is off.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self::from_static("anonymous")
    }
}

/// What an access provider says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessDecision {
    /// Come in.
    Granted(Principal),
    /// This provider is not concerned with the request: ask the next.
    NotHandled,
    /// No key was given.
    Missing,
    /// A key was given and it is wrong.
    Invalid,
}

/// An access provider could not decide.
#[derive(Debug, thiserror::Error)]
#[error("access check failed: {message}")]
pub struct AccessError {
    message: String,
}

impl AccessError {
    /// A failure told in one lower-case clause.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Decides who may call. Asked once a request, before the body is read.
#[async_trait]
pub trait AccessProvider: fmt::Debug + Send + Sync + 'static {
    /// A name for logs.
    fn name(&self) -> &str;

    /// Looks at the head of a request.
    ///
    /// # Errors
    /// When it cannot decide: the request is refused with 500 and no other provider is asked.
    async fn authenticate(&self, request: &Parts) -> Result<AccessDecision, AccessError>;
}
