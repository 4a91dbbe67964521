//! What one request has tried already.

use std::collections::HashMap;
use std::sync::Arc;

use cliproxy_core::{CredentialId, UpstreamModel};

use super::{Board, Endpoint, Entry, Snapshot, Tier, bits};

/// The mask of one request. It survives a change of the credentials meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    generation: u64,
    /// Credentials with nothing left to try.
    spent: Vec<Arc<Entry>>,
    /// How many of those are in the masks: most requests need none.
    masked: usize,
    /// Pool members tried on credentials that have more of them.
    members: Vec<(CredentialId, UpstreamModel)>,
    masks: HashMap<usize, Vec<u64>>,
    /// Hosts, and ways to them, that failed in this request.
    failed: Vec<u64>,
    /// Those that are asked again only when there is no other.
    avoided: Vec<u64>,
}

impl Tried {
    /// A host, or a way to one, failed: others are preferred from now on.
    pub(crate) fn avoid(&mut self, host_or_way: u64) {
        for list in [&mut self.failed, &mut self.avoided] {
            if !list.contains(&host_or_way) {
                list.push(host_or_way);
            }
        }
    }

    /// Whether an endpoint failed in this request, in this round or one before.
    pub(crate) fn has_failed(&self, endpoint: Endpoint) -> bool {
        self.failed.contains(&endpoint.host) || self.failed.contains(&endpoint.way)
    }

    /// There is no other endpoint. Returns whether any had been avoided.
    pub(crate) fn avoid_nothing(&mut self) -> bool {
        !std::mem::take(&mut self.avoided).is_empty()
    }

    /// Takes out the slots of avoided endpoints.
    pub(crate) fn without_avoided(&self, tier: &Tier, words: &mut [u64]) {
        if self.avoided.is_empty() {
            return;
        }
        for (slot, endpoint) in tier.endpoints.iter().enumerate() {
            if self.avoided.contains(&endpoint.host) || self.avoided.contains(&endpoint.way) {
                bits::set(words, slot, false);
            }
        }
    }

    /// Starts a new round.
    pub(crate) fn clear(&mut self) {
        self.avoided.clear();
        self.spent.clear();
        self.masked = 0;
        self.members.clear();
        self.masks.clear();
    }

    pub(crate) fn is_spent(&self, id: &CredentialId) -> bool {
        self.spent.iter().any(|entry| entry.id() == id)
    }

    pub(crate) fn has_tried(&self, id: &CredentialId, model: &UpstreamModel) -> bool {
        self.members.iter().any(|(tried, member)| tried == id && member == model)
    }

    pub(crate) fn try_member(&mut self, id: &CredentialId, model: &UpstreamModel) {
        self.members.push((id.clone(), model.clone()));
    }

    /// Leaves a credential out for the rest of the round.
    pub(crate) fn spend(&mut self, entry: &Arc<Entry>) {
        self.spent.push(Arc::clone(entry));
    }

    /// Leaves out every credential of a tier for whose endpoint `out` holds.
    pub(crate) fn leave_out(
        &mut self,
        board: &Board,
        snapshot: &Snapshot,
        at: usize,
        out: impl Fn(Endpoint) -> bool,
    ) {
        self.catch_up(board);
        let Some(tier) = snapshot.tiers.get(at) else { return };
        let theirs = tier.entries.iter().zip(&tier.endpoints).enumerate();
        let theirs = theirs.filter(|(_, (_, endpoint))| out(**endpoint));
        if board.generation() != snapshot.generation {
            // Its slots are others' by now; what is spent finds its own when the model is resolved again.
            self.spent.extend(theirs.map(|(_, (entry, _))| Arc::clone(entry)));
            return;
        }
        let mask = self.masks.entry(at).or_default();
        mask.resize(bits::words_for(tier.entries.len()).max(mask.len()), 0);
        for (slot, (entry, _)) in theirs {
            if !bits::get(mask, slot) {
                bits::set(mask, slot, true);
                self.spent.push(Arc::clone(entry));
            }
        }
        self.masked = self.spent.len();
    }

    /// The mask of a tier.
    pub(crate) fn of(&mut self, board: &Board, tier: usize) -> Option<&[u64]> {
        self.catch_up(board);
        self.masks.get(&tier).map(Vec::as_slice)
    }

    /// Brings the masks up to date. Slots move when credentials come and go: then all is made again from the ids.
    fn catch_up(&mut self, board: &Board) {
        if self.generation != board.generation() {
            self.generation = board.generation();
            self.masks.clear();
            self.masked = 0;
        }
        for entry in self.spent.iter().skip(self.masked) {
            let Some((tier, slot)) = board.place(entry.id()) else { continue };
            let mask = self.masks.entry(tier).or_default();
            mask.resize(mask.len().max(slot / 64 + 1), 0);
            bits::set(mask, slot, true);
        }
        self.masked = self.spent.len();
    }
}
