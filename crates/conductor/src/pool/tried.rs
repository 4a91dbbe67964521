//! What one request has tried already.

use std::collections::HashMap;
use std::sync::Arc;

use cliproxy_core::{CredentialId, UpstreamModel};

use super::{Board, Entry, Tier, bits};

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
    /// Endpoints that failed in this request: asked again only when there is no other.
    avoided: Vec<u64>,
}

impl Tried {
    /// Prefers other endpoints from now on.
    pub(crate) fn avoid(&mut self, endpoint: u64) {
        if !self.avoided.contains(&endpoint) {
            self.avoided.push(endpoint);
        }
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
            if self.avoided.contains(endpoint) {
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

    /// Leaves out every slot of a tier for which `out` holds.
    pub(crate) fn leave_out(&mut self, board: &Board, at: usize, tier: &Tier, out: impl Fn(usize) -> bool) {
        self.catch_up(board);
        let length = bits::words_for(tier.entries.len());
        let mask = self.masks.entry(at).or_default();
        mask.resize(length.max(mask.len()), 0);
        for (slot, entry) in tier.entries.iter().enumerate() {
            if out(slot) && !bits::get(mask, slot) {
                bits::set(mask, slot, true);
                self.spent.push(Arc::clone(entry));
            }
        }
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
