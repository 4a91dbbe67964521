//! An attempt under way. However it ends, exactly one outcome is marked; a drop is the client's cancel.

use std::sync::Arc;

use cliproxy_core::{
    ClientRequest, Credential, ErrorKind, ExecutorError, ModelId, Operation, Outcome, OutcomeKind, Principal,
    RequestId, Timestamp, UpstreamModel, Usage, UsageRecord,
};
use cliproxy_quota::{Fault, Mark, Probe};
use tokio::time::Instant;

use crate::breaker::{Asked, Reach, Trial};
use crate::inner::{Inner, Settled};
use crate::pool::{Endpoint, Entry, Picked};
use crate::retry::Survey;

/// What is remembered of a request while its stream runs: not its body. All of it is shared by one counter, since an
/// atomic step costs as much as sixty instructions.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) inner: Arc<Inner>,
    /// What it goes by, from its first step to its last.
    pub(crate) settled: Arc<Settled>,
    pub(crate) id: RequestId,
    pub(crate) model: ModelId,
    pub(crate) operation: Operation,
    pub(crate) stream: bool,
    pub(crate) principal: Principal,
}

impl Ticket {
    pub(crate) fn of(inner: &Arc<Inner>, request: &ClientRequest) -> Self {
        Self {
            inner: Arc::clone(inner),
            settled: inner.settled.load_full(),
            id: request.id.clone(),
            model: request.model.clone(),
            operation: request.operation,
            stream: request.stream,
            principal: request.principal.clone(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Live {
    ticket: Arc<Ticket>,
    entry: Arc<Entry>,
    credential: Arc<Credential>,
    model: UpstreamModel,
    endpoint: Endpoint,
    probe: Probe,
    trial: Trial,
    started: Timestamp,
    began: Instant,
    attempt: u32,
    ended: bool,
}

impl Live {
    pub(crate) fn begin(
        ticket: &Arc<Ticket>,
        picked: &Picked,
        credential: &Arc<Credential>,
        attempt: u32,
        now: Timestamp,
    ) -> Self {
        picked.entry.enter();
        Self {
            ticket: Arc::clone(ticket),
            entry: Arc::clone(&picked.entry),
            credential: Arc::clone(credential),
            model: picked.upstream.model.clone(),
            endpoint: picked.endpoint,
            probe: picked.probe,
            trial: picked.trial,
            started: now,
            began: Instant::now(),
            attempt,
            ended: false,
        }
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn settled(&self) -> &Settled {
        &self.ticket.settled
    }

    pub(crate) fn credential(&self) -> &Credential {
        &self.credential
    }

    pub(crate) fn operation(&self) -> Operation {
        self.ticket.operation
    }

    fn asked(&self) -> Asked<'_> {
        Asked { endpoint: self.endpoint, model: &self.model, operation: self.ticket.operation }
    }

    /// The endpoint answered.
    fn well(&mut self) {
        self.ticket.inner.breakers.well(self.asked());
        self.trial = Trial::default();
    }

    /// It told nothing of what it was to find out: the next one may.
    fn tell_nothing(&mut self) {
        let now = self.ticket.inner.now();
        let trial = std::mem::take(&mut self.trial);
        self.ticket.inner.breakers.give_back(self.asked(), trial, now);
        if self.probe.is_some() {
            let probe = std::mem::take(&mut self.probe);
            self.ticket.inner.board.lock().release(self.entry.id(), &self.model, probe, now);
        }
    }

    /// Whether what it is told says nothing about generating: providers count tokens under limits of their own.
    fn is_count(&self) -> bool {
        self.ticket.operation == Operation::CountTokens
    }

    /// The provider let it in: whatever was half open is open.
    pub(crate) fn admitted(&mut self) {
        self.well();
        if self.probe.is_some() && !self.is_count() {
            let probe = std::mem::take(&mut self.probe);
            let now = self.ticket.inner.now();
            self.ticket.inner.board.lock().admitted(self.entry.id(), &self.model, probe, now);
        }
    }

    /// It ended well.
    pub(crate) fn succeed(mut self, usage: Usage) {
        self.well();
        if self.is_count() {
            self.tell_nothing();
        } else {
            let now = self.ticket.inner.now();
            self.ticket.inner.board.lock().succeed(self.entry.id(), &self.model, self.started, now);
        }
        self.account(OutcomeKind::Success, usage);
    }

    /// It was answered here: that says nothing about the provider.
    pub(crate) fn answered_here(mut self, usage: Usage) {
        self.tell_nothing();
        self.account(OutcomeKind::Success, usage);
    }

    /// It failed before anything reached the client. The caller records the usage of the last failure.
    pub(crate) fn fail(mut self, error: &ExecutorError, fault: Option<&Fault>) -> (Option<Mark>, Outcome) {
        let mark = self.mark(error, fault);
        (mark, self.end(OutcomeKind::Failure(error.kind()), Usage::default()))
    }

    /// It broke after the client had something. Nothing is tried again.
    pub(crate) fn break_off(mut self, error: &ExecutorError, fault: &Fault, usage: Usage) {
        self.mark(error, Some(fault));
        self.account(OutcomeKind::Failure(error.kind()), usage);
    }

    fn mark(&mut self, error: &ExecutorError, fault: Option<&Fault>) -> Option<Mark> {
        let now = self.ticket.inner.now();
        if let Some(reach) = Reach::of(error) {
            let breaker = &self.ticket.settled.options.breaker;
            self.ticket.inner.breakers.fault(self.asked(), reach, breaker, self.started, now);
        } else if error.status().is_some() {
            self.well();
        }
        // What it was to find out beside that, or at all.
        let trial = std::mem::take(&mut self.trial);
        self.ticket.inner.breakers.give_back(self.asked(), trial, now);
        // Only a server's fault asks, and looks at the whole pool for it.
        let fault = fault.map(|fault| fault.with_alone(is_servers(error.kind()) && self.is_alone(now)));
        let mut board = self.ticket.inner.board.lock();
        let Some(fault) = fault else {
            board.release(self.entry.id(), &self.model, std::mem::take(&mut self.probe), now);
            return None;
        };
        self.probe = Probe::default();
        board.fail(self.entry.id(), &self.model, &fault, &self.ticket.settled.options.backoff, now)
    }

    /// Whether no other credential could serve the request now.
    fn is_alone(&self, now: Timestamp) -> bool {
        let snapshot = self.ticket.inner.snapshot();
        let Ok(resolution) =
            self.ticket.inner.resolve(&self.ticket.settled, &snapshot, self.ticket.model.as_str())
        else {
            return false;
        };
        let others = |entry: &Entry| entry.id() != self.entry.id();
        let wanted = (&*resolution.model, self.ticket.operation);
        Survey::new(&self.ticket.inner, &self.ticket.settled, &snapshot, wanted, now, others).ready == 0
    }

    /// Ends it, and records it where somebody takes records.
    fn account(&mut self, kind: OutcomeKind, usage: Usage) {
        if self.ticket.inner.observers.watch() || tracing::enabled!(tracing::Level::DEBUG) {
            let outcome = self.end(kind, usage);
            self.ticket.inner.observers.record(UsageRecord::new(outcome, self.ticket.principal.clone()));
        } else {
            self.ended = true;
            self.entry.leave();
        }
    }

    fn end(&mut self, kind: OutcomeKind, usage: Usage) -> Outcome {
        self.ended = true;
        self.entry.leave();
        let mut outcome = Outcome::new(
            self.ticket.id.clone(),
            &self.credential,
            self.ticket.model.clone(),
            self.model.clone(),
            kind,
        );
        outcome.attempt = self.attempt;
        outcome.usage = usage;
        outcome.elapsed = self.began.elapsed();
        tracing::debug!(
            request_id = %self.ticket.id,
            provider = %outcome.provider,
            credential = %self.credential.masked_id(),
            model = %outcome.model,
            upstream_model = %outcome.upstream_model,
            attempt = self.attempt,
            outcome = ?kind,
            elapsed_ms = u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX),
            "attempt ended"
        );
        self.ticket.inner.observers.tell(|hook| hook.finished(&outcome));
        outcome
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // The client went away: that says nothing about the credential (Source: runtime.md L.2 25).
        self.tell_nothing();
        self.account(OutcomeKind::Cancelled, Usage::default());
    }
}

/// What cools for as long as servers usually need to recover.
fn is_servers(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Server | ErrorKind::Overloaded | ErrorKind::Timeout)
}
