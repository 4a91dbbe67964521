//! One request from its model to its answer.

use std::sync::Arc;

use cliproxy_core::{
    ClientRequest, CredentialId, Dispatched, Exchange, ExecutorError, Outcome, Target, Timestamp,
    UpstreamReply,
};

use super::attempt::AttemptEnd;
use super::survey::Survey;
use crate::affinity::Key;
use crate::explain::Trace;
use crate::inner::Inner;
use crate::live::Ticket;
use crate::pool::{Entry, PickError, Picked, Snapshot, Tried};
use crate::registry::{Resolution, Unknown};

/// Candidates that a trace names one by one.
const TOLD_ONE_BY_ONE: usize = 16;

/// Everything one request knows. It sees one set of options from its first step to its last.
pub(super) struct Run {
    pub(super) ticket: Arc<Ticket>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) resolution: Resolution,
    pub(super) trace: Trace,
    pub(super) tried: Tried,
    /// The conversation, and whether its name is weak.
    pub(super) session: Option<(Key, bool)>,
    /// Whether the conversation's own credential was too busy.
    pub(super) spilled: bool,
    pub(super) attempts: u32,
    /// Attempts that ended in an endpoint's fault.
    pub(super) faults: u32,
    pub(super) round: u32,
    /// Credentials picked in this round.
    pub(super) picked: usize,
    /// Credentials renewed for this request: once each.
    pub(super) renewed: Vec<CredentialId>,
    pub(super) last: Option<LastFailure>,
    /// Whether somebody who need not be asked had a turn.
    pub(super) unasked: bool,
}

/// The failure that the client learns of when nothing is left.
pub(super) struct LastFailure {
    pub(super) target: Target,
    pub(super) error: ExecutorError,
    pub(super) outcome: Outcome,
}

/// How a round ended.
pub(super) enum RoundEnd {
    Served {
        reply: UpstreamReply,
        credential: String,
    },
    /// Nothing would help any more.
    Stop,
    /// Nothing offers the model any more.
    Gone(Unknown),
    /// Nobody is left in this round.
    Empty,
}

/// Why nobody goes next.
enum Nobody {
    /// Nobody is left in this round.
    Left,
    /// Nothing offers the model any more.
    Offers(Box<Unknown>),
}

/// Serves a request.
pub(crate) async fn serve(inner: &Arc<Inner>, request: ClientRequest) -> Dispatched {
    let snapshot = inner.snapshot();
    let ticket = Arc::new(Ticket::of(inner, &request));
    let settled = &ticket.settled;
    let mut trace = Trace::new(request.explain);
    let resolution = match inner.resolve(settled, &snapshot, ticket.model.as_str()) {
        Ok(resolution) => resolution,
        Err(unknown) => {
            trace.step(|| format!("no credential offers {}", ticket.model));
            return Dispatched::new(
                Err(super::answer::unknown_model(&ticket.model, &unknown)),
                trace.finish(),
            );
        }
    };
    let model = resolution.model.id.as_str();
    if model != ticket.model.as_str() {
        trace.step(|| format!("{} is {model}", ticket.model));
    }
    let session = settled.options.affinity.as_ref().and(request.session.as_ref());
    let session = session.map(|(name, weak)| (inner.affinity.key(&request.principal, name, model), *weak));
    inner.budget.earn(&settled.options.retry_budget, inner.now());
    let exchange = match inner.upstream.open(Arc::new(request)) {
        Ok(exchange) => exchange,
        Err(error) => {
            trace.step(|| "the request cannot be read in its own format");
            return Dispatched::new(Err(error), trace.finish());
        }
    };
    let mut run = Run {
        ticket,
        snapshot,
        resolution,
        trace,
        tried: Tried::default(),
        session,
        spilled: false,
        attempts: 0,
        faults: 0,
        round: 0,
        picked: 0,
        renewed: Vec::new(),
        last: None,
        unasked: false,
    };
    run.go(&*exchange).await
}

impl Run {
    async fn go(&mut self, exchange: &dyn Exchange) -> Dispatched {
        self.tell_candidates();
        loop {
            match self.one_round(exchange).await {
                RoundEnd::Served { reply, credential } => {
                    return Dispatched::new(Ok(reply), self.trace.finish()).by(credential);
                }
                RoundEnd::Stop => break,
                RoundEnd::Gone(unknown) => return self.gone(exchange, &unknown),
                RoundEnd::Empty => {
                    if !Box::pin(self.next_round()).await {
                        break;
                    }
                }
            }
        }
        self.give_up(exchange)
    }

    /// Who may serve, and who is out and why; of a large pool only the number.
    fn tell_candidates(&mut self) {
        if !self.trace.wanted {
            return;
        }
        let model = &self.resolution.model;
        let tiers = model.routes().filter_map(|route| self.snapshot.tiers.get(route.tier));
        let total: usize = tiers.map(|tier| tier.entries.len()).sum();
        let who = if total <= TOLD_ONE_BY_ONE {
            self.survey(self.ticket.inner.now(), |_| true).describe()
        } else {
            total.to_string()
        };
        self.trace.step(|| format!("candidates: {who}"));
    }

    async fn one_round(&mut self, exchange: &dyn Exchange) -> RoundEnd {
        let mut last: Option<Picked> = None;
        loop {
            let picked = match self.next(last.as_ref()) {
                Ok(picked) if self.may_try(&picked) => picked,
                Ok(_) => return RoundEnd::Stop,
                Err(Nobody::Left) => match self.who_need_not_be_asked() {
                    Some(picked) => picked,
                    None => return RoundEnd::Empty,
                },
                Err(Nobody::Offers(unknown)) => return RoundEnd::Gone(*unknown),
            };
            match self.attempt(exchange, &picked).await {
                AttemptEnd::Served(reply) => {
                    return RoundEnd::Served { reply: *reply, credential: picked.credential.masked_id() };
                }
                AttemptEnd::Stop => return RoundEnd::Stop,
                AttemptEnd::Next => last = Some(picked),
            }
        }
    }

    /// Who goes next in this round.
    fn next(&mut self, last: Option<&Picked>) -> Result<Picked, Nobody> {
        loop {
            if !self.ticket.inner.is_current(&self.snapshot) {
                self.resolve_again()?;
            }
            let now = self.ticket.inner.now();
            let ticket = &self.ticket;
            let picker = ticket.inner.picker(&ticket.settled, &self.snapshot, ticket.operation);
            let model = &self.resolution.model;
            if let Some(last) = last {
                match picker.next_member(model, last, &mut self.tried, now) {
                    Ok(Some(member)) => return Ok(member),
                    Ok(None) => {}
                    Err(_) => continue,
                }
            }
            let most = self.ticket.settled.options.max_retry_credentials;
            if most > 0 && self.picked >= most {
                self.trace.step(|| format!("{most} credentials tried, which is the limit"));
                return Err(Nobody::Left);
            }
            let bound = self.bound();
            let ticket = &self.ticket;
            let picker = ticket.inner.picker(&ticket.settled, &self.snapshot, ticket.operation);
            match picker.pick(&self.resolution.model, &mut self.tried, bound.as_ref(), now) {
                Ok(picked) => {
                    self.picked += 1;
                    return Ok(picked);
                }
                Err(PickError::Nothing) => return Err(Nobody::Left),
                // Looked at again at the top.
                Err(PickError::Stale) => {}
            }
        }
    }

    /// The credentials changed: what serves the model may be something else now, or nothing. Snapshot and resolution
    /// go together: the one has indexes into the other.
    fn resolve_again(&mut self) -> Result<(), Nobody> {
        let snapshot = self.ticket.inner.snapshot();
        let resolution =
            self.ticket.inner.resolve(&self.ticket.settled, &snapshot, self.ticket.model.as_str());
        self.resolution = resolution.map_err(|unknown| Nobody::Offers(Box::new(unknown)))?;
        self.snapshot = snapshot;
        Ok(())
    }

    /// The state of everything that offers the model and for which `counts` holds.
    pub(super) fn survey(&self, now: Timestamp, counts: impl Fn(&Entry) -> bool) -> Survey {
        Survey::new(
            &self.ticket.inner,
            &self.ticket.settled,
            &self.snapshot,
            (&self.resolution.model, self.ticket.operation),
            now,
            counts,
        )
    }

    /// The credential the conversation is bound to, unless it is too busy for a weak name.
    fn bound(&mut self) -> Option<CredentialId> {
        let (key, weak) = self.session?;
        let options = self.ticket.settled.options.affinity.as_ref()?;
        let id = self.ticket.inner.affinity.bound(key, options, self.ticket.inner.now())?;
        if weak && self.in_flight(&id) >= options.weak_in_flight {
            self.spilled = true;
            self.trace.step(|| "the conversation's credential is busy");
            return None;
        }
        Some(id)
    }

    fn in_flight(&self, id: &CredentialId) -> usize {
        let place = {
            let board = self.ticket.inner.board.lock();
            // Else the pick is stale too, and this is asked again.
            (board.generation() == self.snapshot.generation).then(|| board.place(id)).flatten()
        };
        let entry = place.and_then(|(tier, slot)| self.snapshot.tiers.get(tier)?.entries.get(slot));
        entry.map_or(0, |entry| entry.in_flight())
    }
}
