//! One pick: the highest priority that has anybody ready, a provider among several, then the selector.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cliproxy_core::{
    Credential, CredentialId, ModelInfo, Operation, PickContext, ReadyView, Selector, Timestamp,
};
use cliproxy_quota::Probe;
use parking_lot::Mutex;

use super::{Board, Dice, Endpoint, Entry, Snapshot, Tier, Tried, bits};
use crate::BreakerOptions;
use crate::breaker::{Asked, Breakers, Reach, Trial};
use crate::inner::Share;
use crate::registry::{ModelRoutes, OfferedModel, Route, UpstreamRoute};

/// What a pick goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picker<'a> {
    pub(crate) board: &'a Mutex<Board>,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) selector: &'a dyn Selector,
    pub(crate) share: Share,
    pub(crate) dice: &'a Dice,
    pub(crate) breakers: &'a Breakers,
    pub(crate) breaker: BreakerOptions,
    pub(crate) operation: Operation,
}

/// The credential that goes next, already begun in its ledger.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) entry: Arc<Entry>,
    pub(crate) credential: Arc<Credential>,
    pub(crate) upstream: UpstreamRoute,
    pub(crate) info: Arc<ModelInfo>,
    pub(crate) shown: bool,
    pub(crate) probe: Probe,
    pub(crate) trial: Trial,
    pub(crate) endpoint: Endpoint,
}

impl Picked {
    /// What is asked for with it.
    pub(crate) fn asked(&self, operation: Operation) -> Asked<'_> {
        Asked { endpoint: self.endpoint, model: &self.upstream.model, operation }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PickError {
    /// Nobody is left.
    Nothing,
    /// The credentials changed meanwhile: resolve the model again.
    Stale,
}

/// A tier and the words of its ready slots.
struct Chosen {
    route: Route,
    slots: Arc<Vec<Arc<Credential>>>,
    revision: u64,
    slot: Option<usize>,
}

impl Chosen {
    fn new(board: &Board, route: Route, slot: Option<usize>) -> Self {
        let (slots, revision) = board.slots(route.tier);
        Self { route, slots, revision, slot }
    }
}

/// What the selector chose.
struct Wish<'a> {
    entry: &'a Arc<Entry>,
    place: (usize, usize),
    offered: &'a OfferedModel,
    endpoint: Endpoint,
}

impl Picker<'_> {
    /// Picks for a model. `bound` is tried first, whatever its priority.
    pub(crate) fn pick(
        &self,
        model: &ModelRoutes,
        tried: &mut Tried,
        mut bound: Option<&CredentialId>,
        now: Timestamp,
    ) -> Result<Picked, PickError> {
        let mut words = Vec::new();
        // Tiers in which the selector wants nobody.
        let mut refused: Vec<usize> = Vec::new();
        loop {
            let chosen = match self.choose(model, tried, bound.take(), &refused, &mut words, now) {
                Err(PickError::Nothing) if tried.avoid_nothing() => continue,
                chosen => chosen?,
            };
            let tier = self.snapshot.tiers.get(chosen.route.tier).ok_or(PickError::Stale)?;
            let offered = tier.offer.models.get(chosen.route.model).ok_or(PickError::Stale)?;
            let Some(slot) = chosen.slot.or_else(|| self.select(tier, offered, &chosen, &words, now)) else {
                refused.push(chosen.route.tier);
                continue;
            };
            let endpoint = tier.endpoints.get(slot).copied().unwrap_or_default();
            let at = chosen.route.tier;
            if let Some(reach) = self.breakers.rests(endpoint, &offered.upstreams, self.operation, now) {
                tried.leave_out(&self.board.lock(), self.snapshot, at, |one| match reach {
                    Reach::Way | Reach::Cut => one.way == endpoint.way,
                    Reach::Model => one.host == endpoint.host,
                });
                continue;
            }
            let entry = tier.entries.get(slot).ok_or(PickError::Stale)?;
            if let Some(picked) =
                self.claim(model, &Wish { entry, place: (at, slot), offered, endpoint }, tried, now)
            {
                return Ok(picked);
            }
        }
    }

    /// The next pool member on the same credential, before moving on. Source: runtime.md D.12.
    pub(crate) fn next_member(
        &self,
        model: &ModelRoutes,
        last: &Picked,
        tried: &mut Tried,
        now: Timestamp,
    ) -> Result<Option<Picked>, PickError> {
        let place = {
            let board = self.board.lock();
            // The place would be one in another snapshot's tiers.
            if board.generation() != self.snapshot.generation {
                return Err(PickError::Stale);
            }
            board.place(last.entry.id())
        };
        let offered = place.and_then(|(at, _)| {
            let route = model.routes().find(|route| route.tier == at)?;
            self.snapshot.tiers.get(at)?.offer.models.get(route.model)
        });
        let (Some(place), Some(offered)) = (place, offered) else { return Ok(None) };
        if offered.upstreams.len() < 2 || tried.is_spent(last.entry.id()) {
            return Ok(None);
        }
        let wish = Wish { entry: &last.entry, place, offered, endpoint: last.endpoint };
        Ok(self.claim(model, &wish, tried, now))
    }

    /// Finds the tier under the lock, and copies its ready words out.
    fn choose(
        &self,
        model: &ModelRoutes,
        tried: &mut Tried,
        bound: Option<&CredentialId>,
        refused: &[usize],
        words: &mut Vec<u64>,
        now: Timestamp,
    ) -> Result<Chosen, PickError> {
        let mut board = self.board.lock();
        if board.generation() != self.snapshot.generation {
            return Err(PickError::Stale);
        }
        board.drain(now);
        if let Some(chosen) = bound.and_then(|id| self.bound(&board, model, tried, id, words)) {
            return Ok(chosen);
        }
        for group in &model.groups {
            // The usual case: one provider, nothing to share.
            if let [only] = group.routes.as_slice() {
                if refused.contains(&only.tier) || self.ready(&board, *only, tried, words) == 0 {
                    continue;
                }
                return Ok(Chosen::new(&board, *only, None));
            }
            let open: Vec<(usize, Route, usize)> = group
                .routes
                .iter()
                .enumerate()
                .filter(|(_, route)| !refused.contains(&route.tier))
                .filter_map(|(at, route)| {
                    let ready = self.ready(&board, *route, tried, words);
                    (ready > 0).then_some((at, *route, ready))
                })
                .collect();
            let route = match open.as_slice() {
                [] => continue,
                [(_, only, _)] => *only,
                many => self.share_among(&board, many, &group.credits, tried, words),
            };
            self.ready(&board, route, tried, words);
            return Ok(Chosen::new(&board, route, None));
        }
        Err(PickError::Nothing)
    }

    fn ready(&self, board: &Board, route: Route, tried: &mut Tried, words: &mut Vec<u64>) -> usize {
        let Some(tier) = self.snapshot.tiers.get(route.tier) else { return 0 };
        let Some(offered) = tier.offer.models.get(route.model) else { return 0 };
        board.ready(route, offered, tried.of(board, route.tier), words);
        tried.without_avoided(tier, words);
        bits::count(words)
    }

    fn bound(
        &self,
        board: &Board,
        model: &ModelRoutes,
        tried: &mut Tried,
        id: &CredentialId,
        words: &mut Vec<u64>,
    ) -> Option<Chosen> {
        let (tier, slot) = board.place(id)?;
        let route = model.routes().find(|route| route.tier == tier)?;
        self.ready(board, route, tried, words);
        bits::get(words, slot).then(|| Chosen::new(board, route, Some(slot)))
    }

    /// Which of several providers goes next. Source: runtime.md D.1 "Provider order" [H].
    fn share_among(
        &self,
        board: &Board,
        open: &[(usize, Route, usize)],
        credits: &Mutex<Vec<i64>>,
        tried: &mut Tried,
        words: &mut Vec<u64>,
    ) -> Route {
        let first = open.first().map_or(Route { tier: 0, model: 0 }, |(_, route, _)| *route);
        if self.share == Share::InOrder {
            return first;
        }
        let mut credits = credits.lock();
        let mut total = 0_i64;
        let mut best: Option<(usize, i64, Route)> = None;
        for (at, route, ready) in open {
            let earned = if self.share == Share::ByWeight {
                self.ready(board, *route, tried, words);
                board.weight(route.tier, words)
            } else {
                i64::try_from(*ready).unwrap_or(i64::MAX)
            };
            let Some(credit) = credits.get_mut(*at) else { continue };
            *credit = credit.saturating_add(earned);
            total = total.saturating_add(earned);
            if best.is_none_or(|(_, most, _)| *credit > most) {
                best = Some((*at, *credit, *route));
            }
        }
        let Some((at, _, route)) = best else { return first };
        if let Some(credit) = credits.get_mut(at) {
            *credit = credit.saturating_sub(total);
        }
        route
    }

    /// Asks the selector, without a lock held.
    fn select(
        &self,
        tier: &Tier,
        offered: &OfferedModel,
        chosen: &Chosen,
        words: &[u64],
        now: Timestamp,
    ) -> Option<usize> {
        let cursor = tier.cursors.get(chosen.route.model)?;
        let mut context = PickContext::new(&tier.provider, offered.id.as_str(), cursor, now);
        context.group = tier.group(chosen.route.model);
        context.revision = Some(chosen.revision);
        context.random = self.dice.roll();
        let view = ReadyView::new(words, &chosen.slots);
        self.selector.pick(&view, &context).filter(|slot| view.is_ready(*slot))
    }

    /// Begins an attempt in the ledger, with the next upstream model that is free. `None` spends the credential.
    fn claim(
        &self,
        model: &ModelRoutes,
        wish: &Wish<'_>,
        tried: &mut Tried,
        now: Timestamp,
    ) -> Option<Picked> {
        let Wish { entry, place, offered, endpoint } = *wish;
        let mut board = self.board.lock();
        let blank = board.is_blank(self.snapshot.generation, place);
        let many = offered.upstreams.len();
        let start = if many > 1 { model.upstream_cursor.fetch_add(1, Ordering::Relaxed) } else { 0 };
        for step in 0..many {
            let Some(upstream) = offered.upstreams.get((start.wrapping_add(step)) % many) else { continue };
            if tried.has_tried(entry.id(), &upstream.model) {
                continue;
            }
            let begun =
                if blank { Some(Probe::default()) } else { board.begin(entry.id(), &upstream.model, now) };
            let Some(probe) = begun else { continue };
            // Last, so that no trial is taken by who may not go.
            let asked = Asked { endpoint, model: &upstream.model, operation: self.operation };
            let Some(trial) = self.breakers.admit(asked, &self.breaker, now) else {
                if probe.is_some() {
                    board.release(entry.id(), &upstream.model, probe, now);
                }
                continue;
            };
            if many > 1 {
                tried.try_member(entry.id(), &upstream.model);
            } else {
                tried.spend(entry);
            }
            return Some(Picked {
                entry: Arc::clone(entry),
                credential: entry.credential(),
                upstream: upstream.clone(),
                info: Arc::clone(&offered.info),
                shown: offered.shown,
                probe,
                trial,
                endpoint,
            });
        }
        tried.spend(entry);
        None
    }
}
