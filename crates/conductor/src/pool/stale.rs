//! Tests of what a request does whose snapshot is older than the board: indexes into one say nothing about the other.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Attempt, Credential, CredentialId, CredentialKind, Document, ExecutorError, ModelEntry, ModelInfo,
    Operation, Origin, ProviderExecutor, ProviderFormat, ProviderId, Settings, Timestamp, UpstreamModel,
    WireReply,
};
use parking_lot::Mutex;

use super::{Board, Dice, Entry, PickError, Picker, Shape, Snapshot, Tried};
use crate::breaker::Breakers;
use crate::inner::Share;
use crate::registry::{ModelRoutes, Offer};
use crate::select::FillFirst;
use crate::{BreakerOptions, Options};

const T: Timestamp = Timestamp::from_secs(1_000);
static PROVIDER: ProviderId = ProviderId::from_static("p");

#[derive(Debug)]
struct Nobody;

#[async_trait]
impl ProviderExecutor for Nobody {
    fn provider(&self) -> &ProviderId {
        &PROVIDER
    }

    fn wire_formats(&self, _: &UpstreamModel, _: Operation) -> &[ProviderFormat] {
        &[]
    }

    async fn models(&self, _: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(Vec::new())
    }

    async fn execute(&self, _: Attempt) -> Result<WireReply, ExecutorError> {
        Err(ExecutorError::unsupported(&PROVIDER, "execute"))
    }
}

/// A credential that offers `model`, a pool of two.
fn entry(id: &'static str, model: &str) -> Arc<Entry> {
    let mut settings = Settings::new(id);
    settings.models = ["x", "y"].map(|name| ModelEntry::new(format!("{model}-{name}"), model)).to_vec();
    let credential = Credential::new(
        CredentialId::from_static(id),
        PROVIDER.clone(),
        CredentialKind::ApiKey,
        Origin::Runtime,
        Document::default(),
        settings,
    );
    let offer = Arc::new(Offer::new(&credential, &[], &Options::default()));
    let shape = Shape { executor: Arc::new(Nobody), own: Arc::default(), offer };
    Arc::new(Entry::new(Arc::new(credential), shape))
}

/// A snapshot in which `b` has the second tier, and a board on which it has the only one.
fn overtaken() -> (Snapshot, Mutex<Board>) {
    let (a, b) = (entry("a", "of-a"), entry("b", "of-b"));
    let old = Snapshot::new(1, &[a, Arc::clone(&b)], &Snapshot::default());
    let mut board = Board::default();
    let new = Snapshot::new(2, &[Arc::clone(&b)], &old);
    board.install(&new, &[b], T);
    (old, Mutex::new(board))
}

fn model<'a>(snapshot: &'a Snapshot, id: &str) -> &'a Arc<ModelRoutes> {
    snapshot.index.models().find(|model| model.id.as_str() == id).unwrap()
}

#[test]
fn the_next_member_of_a_pool_is_none_of_another_credentials_pool() {
    let (old, board) = overtaken();
    let (dice, breakers) = (Dice::new(), Breakers::default());
    let picker = |snapshot| Picker {
        board: &board,
        snapshot,
        selector: &FillFirst,
        share: Share::InOrder,
        dice: &dice,
        breakers: &breakers,
        breaker: BreakerOptions::default(),
        operation: Operation::Generate,
    };
    let b = old.tiers.get(1).unwrap().entries.first().unwrap();
    let now = Snapshot::new(2, &[Arc::clone(b)], &old);
    let mut tried = Tried::default();
    let last = picker(&now).pick(model(&now, "of-b"), &mut tried, None, T).unwrap();
    // The old snapshot knows `b` in the place that is `a`'s there.
    let next = picker(&old).next_member(model(&old, "of-a"), &last, &mut tried, T);
    assert_eq!(next.map(|next| next.map(|next| next.upstream.model)), Err(PickError::Stale));
    let next = picker(&now).next_member(model(&now, "of-b"), &last, &mut tried, T).unwrap().unwrap();
    assert!(next.upstream.model.as_str().starts_with("of-b-"));
}

#[test]
fn who_is_left_out_by_an_old_snapshot_is_left_out_in_its_new_place() {
    let (old, board) = overtaken();
    let board = board.lock();
    let mut tried = Tried::default();
    // Of the old snapshot's first tier, which is not the board's.
    tried.leave_out(&board, &old, 0, |_| true);
    assert_eq!(tried.of(&board, 0), None, "b was not meant");
    tried.leave_out(&board, &old, 1, |_| true);
    assert_eq!(tried.of(&board, 0), Some(&[1_u64][..]));
}
