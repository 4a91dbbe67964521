//! What the client is told when nothing is left.

use std::time::Duration;

use cliproxy_core::{
    ClientError, ClientErrorKind, Dispatched, ErrorKind, Exchange, ModelId, Timestamp, UsageRecord,
};
use http::StatusCode;

use crate::registry::Unknown;

use super::run::Run;
use super::survey::{PROBE, Survey};

/// Nothing offers the model. Source: http-api.md E 3, design.md §12.
pub(super) fn unknown_model(model: &ModelId, unknown: &Unknown) -> Box<ClientError> {
    let meant = unknown.meant.as_ref().map_or(String::new(), |meant| format!(", an alias of {meant}"));
    let hint = match &*unknown.near {
        // Where the list is depends on how the client came in: the edge adds it.
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(", ")),
    };
    let message = format!("no credential offers the model {model}{meant}{hint}");
    Box::new(
        ClientError::new(ClientErrorKind::ModelNotFound, message)
            .with_code("model_not_found")
            .with_param("model")
            .with_model(model.as_str()),
    )
}

/// Whether a failure is about our credential: the client could do nothing about it.
pub(super) fn is_ours(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::PaymentRequired
            | ErrorKind::InvalidGrant
            | ErrorKind::Misconfigured
    )
}

/// When it is worth asking again: when the first credential is back, whichever failed last (Source: design.md §6
/// "the client learns the earliest recovery"). A provider's own hint counts only where nothing cools.
fn come_back(survey: &Survey, hint: Option<Duration>, now: Timestamp) -> Option<Duration> {
    match survey.recovery(now) {
        Some(recovery) if survey.ready == 0 => Some(recovery),
        // Others are ready: the hint was about one that is not, and would only keep the client away.
        Some(_) => None,
        None => hint,
    }
}

impl Run {
    pub(super) fn give_up(&mut self, exchange: &dyn Exchange) -> Dispatched {
        let now = self.ticket.inner.now();
        let survey = self.survey(now, |_| true);
        let error = match self.last.take() {
            Some(last) => {
                let mut error = exchange.explain(&last.target, &last.error);
                let kind = last.error.kind();
                // Source: design.md §6: a 401 or 403 about our credential is 503 to the client.
                if is_ours(kind) && (error.status.is_client_error() || error.kind == ClientErrorKind::Billing)
                {
                    error.status = StatusCode::SERVICE_UNAVAILABLE;
                    error.kind = ClientErrorKind::Unavailable;
                }
                let may_come_back =
                    is_ours(kind) || kind == ErrorKind::RateLimited || kind.is_endpoint_fault();
                if may_come_back {
                    error.retry_after = come_back(&survey, error.retry_after, now);
                }
                let record = UsageRecord::new(last.outcome, self.ticket.principal.clone());
                self.ticket.inner.observers.record(record);
                error
            }
            None => self.nobody(&survey),
        };
        if survey.ready == 0 {
            self.trace.step(|| format!("nobody is left: {}", survey.describe()));
        }
        Dispatched::new(Err(error), self.trace.finish())
    }

    /// What was offered at the start is not any more. A failure before that says more than its absence does: it may be
    /// the same outage, of a page that closed.
    pub(super) fn gone(&mut self, exchange: &dyn Exchange, unknown: &Unknown) -> Dispatched {
        self.trace.step(|| format!("no credential offers {} any more", self.ticket.model));
        if self.last.is_some() {
            return self.give_up(exchange);
        }
        Dispatched::new(Err(unknown_model(&self.ticket.model, unknown)), self.trace.finish())
    }

    /// No attempt was made at all. Source: runtime.md D.2 "All blocked", http-api.md A.8.
    fn nobody(&self, survey: &Survey) -> Box<ClientError> {
        let now = self.ticket.inner.now();
        // Errors name what the client asked for, not the provider's model (Source: runtime.md L.2 28).
        let model = self.ticket.model.as_str();
        let soft = survey.cooling.or_else(|| survey.probing.then(|| now.plus(PROBE)));
        if let Some(at) = soft {
            let via = match survey.providers().as_slice() {
                [only] => format!(" via provider {only}"),
                _ => String::new(),
            };
            let message = format!("All credentials for model {model} are cooling down{via}");
            return Box::new(
                ClientError::new(ClientErrorKind::ModelCooldown, message)
                    .with_code("model_cooldown")
                    .with_model(model)
                    .with_retry_after(Some(at.since(now))),
            );
        }
        let message = format!("no credential can serve the model {model} now ({})", survey.describe());
        Box::new(
            ClientError::new(ClientErrorKind::Unavailable, message)
                .with_code("auth_unavailable")
                .with_model(model)
                .with_retry_after(survey.recovery(now)),
        )
    }
}
