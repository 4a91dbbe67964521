//! Observers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Credential, CredentialId, ErrorKind, ModelId, Principal, ProviderId, RequestId, UpstreamModel, Usage,
};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// The reply was whole.
    Success,
    /// It failed.
    Failure(ErrorKind),
    /// The client went away: says nothing about the credential.
    Cancelled,
}

/// One attempt, after its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The request.
    pub request_id: RequestId,
    /// The provider.
    pub provider: ProviderId,
    /// What was spent.
    pub credential: CredentialId,
    /// The model the client asked for.
    pub model: ModelId,
    /// The model the provider was asked for.
    pub upstream_model: UpstreamModel,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// How it ended.
    pub kind: OutcomeKind,
    /// What it cost.
    pub usage: Usage,
    /// How long it took, streaming included.
    pub elapsed: Duration,
}

impl Outcome {
    /// A finished attempt with no usage.
    #[must_use]
    pub fn new(
        request_id: RequestId,
        credential: &Credential,
        model: ModelId,
        upstream_model: UpstreamModel,
        kind: OutcomeKind,
    ) -> Self {
        Self {
            request_id,
            provider: credential.provider().clone(),
            credential: credential.id().clone(),
            model,
            upstream_model,
            attempt: 1,
            kind,
            usage: Usage::default(),
            elapsed: Duration::ZERO,
        }
    }
}

/// Watches. Called synchronously on the request's path: be cheap, never block. A panic is caught and logged.
pub trait Hook: fmt::Debug + Send + Sync + 'static {
    /// A credential became known.
    fn registered(&self, credential: &Credential) {
        let _ = credential;
    }

    /// A credential changed: renewed, edited, enabled or disabled.
    fn updated(&self, credential: &Credential) {
        let _ = credential;
    }

    /// A credential is gone.
    fn removed(&self, id: &CredentialId) {
        let _ = id;
    }

    /// An attempt ended.
    fn finished(&self, outcome: &Outcome) {
        let _ = outcome;
    }
}

/// What one request cost, for accounting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UsageRecord {
    /// The attempt that served it, or the last that failed.
    pub outcome: Outcome,
    /// Who asked.
    pub principal: Principal,
}

impl UsageRecord {
    /// A record.
    #[must_use]
    pub fn new(outcome: Outcome, principal: Principal) -> Self {
        Self { outcome, principal }
    }
}

/// Records usage. It sits behind a bounded queue: when it is slow, records are dropped and counted, never
/// requests delayed.
#[async_trait]
pub trait UsageSink: fmt::Debug + Send + Sync + 'static {
    /// Takes one record.
    async fn record(&self, record: &UsageRecord);
}
