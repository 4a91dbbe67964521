//! One credential: the attempt, its renewal, and what its failure means.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{
    Credential, ErrorKind, Exchange, ExecutorError, Outcome, StreamReply, Target, Timestamp, UpstreamReply,
};
use cliproxy_quota::Mark;
use tokio::time::Instant;

use super::run::{LastFailure, Run};
use super::verdict::{Judgement, judge};
use crate::RenewError;
use crate::breaker::Reach;
use crate::guard::Guarded;
use crate::live::Live;
use crate::pool::Picked;
use crate::renew::is_another;

/// How long a request waits for a renewal.
const PATIENCE: Duration = Duration::from_secs(60);

/// How an attempt with one credential ended.
pub(super) enum AttemptEnd {
    Served(Box<UpstreamReply>),
    Stop,
    Next,
}

impl Run {
    /// Tries one credential, and once more after a renewal.
    pub(super) async fn attempt(&mut self, exchange: &dyn Exchange, picked: &Picked) -> AttemptEnd {
        let mut credential = Arc::clone(&picked.credential);
        loop {
            self.attempts += 1;
            let now = self.ticket.inner.now();
            let live = Live::begin(&self.ticket, picked, &credential, self.attempts, now);
            let began = live.began();
            let result = exchange.attempt(self.target(picked, &credential, now)).await;
            if self.trace.wanted {
                for remark in exchange.remarks() {
                    self.trace.step(|| remark);
                }
            }
            let error = match result {
                Ok(reply) => {
                    let how = if is_local(&reply) { "answered here" } else { "served" };
                    self.say(picked, &credential, began, how);
                    return AttemptEnd::Served(Box::new(self.served(picked, live, reply)));
                }
                Err(error) => error,
            };
            // Made again, as most attempts need it once.
            let target = self.target(picked, &credential, now);
            let judged = judge(&error, &credential, &self.ticket.settled.options, self.ticket.operation);
            if error.kind() == ErrorKind::Cancelled {
                drop(live);
                self.say(picked, &credential, began, "cancelled");
                return AttemptEnd::Stop;
            }
            if judged.renew && !self.renewed.contains(picked.entry.id()) {
                let (_, outcome) = live.fail(&error, None);
                self.say(picked, &credential, began, &told(&error, None, self.ticket.inner.now()));
                // Boxed, as it is rare: every request would carry room for it.
                if let Some(fresh) = Box::pin(self.renew(picked, &credential)).await {
                    self.keep(target, error, outcome);
                    credential = fresh;
                    continue;
                }
                // Of a login that was handed in meanwhile this says nothing.
                if !is_another(&picked.entry.credential(), &credential) {
                    self.mark(picked, &judged);
                }
                return self.after_failure(picked, target, error, outcome, judged);
            }
            let (mark, outcome) = live.fail(&error, Some(&judged.fault));
            self.say(picked, &credential, began, &told(&error, mark, self.ticket.inner.now()));
            return self.after_failure(picked, target, error, outcome, judged);
        }
    }

    fn target(&self, picked: &Picked, credential: &Arc<Credential>, now: Timestamp) -> Target {
        let executor = Arc::clone(&picked.entry.shape().executor);
        let mut target = Target::new(executor, Arc::clone(credential), picked.upstream.model.clone(), now);
        // A suffix in the configuration wins over the client's (Source: runtime.md E.6, L.3 34).
        target.suffix = picked.upstream.suffix.clone().or_else(|| self.resolution.suffix.clone());
        target.info = Some(Arc::clone(&picked.info));
        target.compat = picked.upstream.compat;
        target.shown_model = picked.shown.then(|| self.resolution.shown.clone());
        target.attempt = self.attempts;
        target
    }

    /// There is a reply: from here on nothing is tried again.
    fn served(&self, picked: &Picked, mut live: Live, reply: UpstreamReply) -> UpstreamReply {
        let reply = match reply {
            UpstreamReply::Whole(whole) if whole.local => {
                live.answered_here(whole.usage);
                return UpstreamReply::Whole(whole);
            }
            reply => reply,
        };
        // The provider let the request in.
        live.admitted();
        if let (Some((key, _)), Some(options), false) =
            (self.session, self.ticket.settled.options.affinity.as_ref(), self.spilled)
        {
            self.ticket.inner.affinity.bind(key, picked.entry.id(), options, self.ticket.inner.now());
        }
        match reply {
            UpstreamReply::Whole(whole) => {
                live.succeed(whole.usage);
                UpstreamReply::Whole(whole)
            }
            UpstreamReply::Stream(stream) => UpstreamReply::Stream(StreamReply::new(
                stream.headers,
                Box::pin(Guarded::new(stream.frames, live)),
            )),
            // A kind of reply that we do not know is handed on; its attempt counts as cancelled.
            other => other,
        }
    }

    /// Renews once per credential and request. Source: runtime.md D.8.
    async fn renew(&mut self, picked: &Picked, seen: &Arc<Credential>) -> Option<Arc<Credential>> {
        self.renewed.push(picked.entry.id().clone());
        // The renewal itself is never dropped; whoever waits for it has other credentials to try.
        let renewal = tokio::time::timeout(PATIENCE, self.ticket.inner.renew(&picked.entry, seen)).await;
        match renewal.unwrap_or(Err(RenewError::Slow)) {
            Ok(fresh) if fresh.settings().disabled => {
                self.trace.step(|| "it was disabled meanwhile");
                None
            }
            Ok(fresh) => {
                self.trace.step(|| "renewed, trying it once more");
                Some(fresh)
            }
            Err(error) => {
                self.trace.step(|| format!("not renewed: {error}"));
                if matches!(error, RenewError::NeedsLogin { .. }) {
                    self.ticket.inner.refused(&picked.entry, seen);
                }
                None
            }
        }
    }

    /// Tells the ledger of a refusal that a renewal could not mend.
    fn mark(&mut self, picked: &Picked, judged: &Judgement) {
        let now = self.ticket.inner.now();
        let mark = self.ticket.inner.board.lock().fail(
            picked.entry.id(),
            &picked.upstream.model,
            &judged.fault,
            &self.ticket.settled.options.backoff,
            now,
        );
        if let Some(mark) = mark {
            self.trace.step(|| format!("{} {}", picked.credential.masked_id(), cooling(mark, now)));
        }
    }

    fn after_failure(
        &mut self,
        picked: &Picked,
        target: Target,
        error: ExecutorError,
        outcome: Outcome,
        judged: Judgement,
    ) -> AttemptEnd {
        let whole = judged.fault.evidence.scope == cliproxy_core::Scope::Credential;
        self.keep(target, error, outcome);
        if judged.stop {
            return AttemptEnd::Stop;
        }
        if judged.missing {
            self.leave_host(picked.endpoint.host);
        } else if whole {
            // No other pool member of this credential would fare better.
            self.tried.spend(&picked.entry);
        }
        judged.endpoint.map_or(AttemptEnd::Next, |reach| self.after_endpoint_fault(picked, reach))
    }

    /// Faults of an endpoint are tried a few times only.
    fn after_endpoint_fault(&mut self, picked: &Picked, reach: Reach) -> AttemptEnd {
        self.faults += 1;
        if self.faults >= self.ticket.settled.options.endpoint_attempts.max(1) {
            self.trace.step(|| {
                format!("{} attempts ended in an endpoint's fault, which is the limit", self.faults)
            });
            return AttemptEnd::Stop;
        }
        self.tried.avoid(match reach {
            Reach::Way | Reach::Cut => picked.endpoint.way,
            Reach::Model => picked.endpoint.host,
        });
        AttemptEnd::Next
    }

    /// Whether an attempt may be made: one more at an endpoint that failed this request takes from a budget that all
    /// requests share. A move to another does not: it does not add to the load of the one that fails.
    pub(super) fn may_try(&mut self, picked: &Picked) -> bool {
        let now = self.ticket.inner.now();
        if !self.tried.has_failed(picked.endpoint)
            || self.ticket.inner.budget.spend(&self.ticket.settled.options.retry_budget, now)
        {
            return true;
        }
        self.trace.step(|| "the retry budget of this server is spent");
        // What it was to find out, the next request finds out.
        let (inner, model) = (&self.ticket.inner, &picked.upstream.model);
        inner.breakers.give_back(picked.asked(self.ticket.operation), picked.trial, now);
        if picked.probe.is_some() {
            inner.board.lock().release(picked.entry.id(), model, picked.probe, now);
        }
        false
    }

    fn leave_host(&mut self, host: u64) {
        let board = self.ticket.inner.board.lock();
        for route in self.resolution.model.routes() {
            self.tried.leave_out(&board, &self.snapshot, route.tier, |one| one.host == host);
        }
    }

    /// Remembers the failure. One about our own credential does not displace one that says more.
    fn keep(&mut self, target: Target, error: ExecutorError, outcome: Outcome) {
        let worth = |error: &ExecutorError| u8::from(!super::answer::is_ours(error.kind()));
        if self.last.as_ref().is_none_or(|last| worth(&error) >= worth(&last.error)) {
            self.last = Some(LastFailure { target, error, outcome });
        }
    }

    fn say(&mut self, picked: &Picked, credential: &Credential, began: Instant, how: &str) {
        self.trace.step(|| {
            format!(
                "attempt {}: {} {} for {}: {how} after {} ms",
                self.attempts,
                credential.provider(),
                credential.masked_id(),
                picked.upstream.model,
                began.elapsed().as_millis(),
            )
        });
    }
}

fn is_local(reply: &UpstreamReply) -> bool {
    matches!(reply, UpstreamReply::Whole(whole) if whole.local)
}

fn told(error: &ExecutorError, mark: Option<Mark>, now: cliproxy_core::Timestamp) -> String {
    let status = error.status().map(|status| format!("{} ", status.as_u16())).unwrap_or_default();
    let cooling = mark.map(|mark| format!(", {}", cooling(mark, now))).unwrap_or_default();
    format!("{status}{}{cooling}", error.kind().as_str())
}

fn cooling(mark: Mark, now: cliproxy_core::Timestamp) -> String {
    format!("cools {} s ({})", mark.until.since(now).as_millis().div_ceil(1000), mark.cause.as_str())
}
