//! What a renewal brings is kept, or the renewal is not begun. Source: design.md §5; issue 5 "refresh".

use std::sync::atomic::Ordering;
use std::time::Duration;

use cliproxy_conductor::{Lineage, Options, RenewError};
use cliproxy_core::*;

use crate::fakes::{account, settle, sleep};
use crate::renewal::{FIRST, MemoryStore, stored_world};

static ID: CredentialId = CredentialId::from_static("x.json");

fn in_seconds(seconds: i64) -> String {
    let at = crate::fakes::WALL.as_secs() + seconds;
    format!(r#"{{"access_token":"access-1","refresh_token":"refresh-1","expired":{at}}}"#)
}

#[tokio::test(start_paused = true)]
async fn a_token_that_works_once_is_not_spent_while_what_it_brings_cannot_be_kept() {
    let (world, store, provider) = stored_world(&in_seconds(600));
    store.unwritable.store(true, Ordering::SeqCst);
    let error = world.conductor.renew(&ID).await.unwrap_err();
    let said = "the credential store failed: cannot save x.json: read-only file system; the refresh token was not spent";
    assert_eq!(error.to_string(), said);
    assert_eq!(world.executor.refreshes(), 0);
    assert!(world.ask("m").await.result.is_ok(), "the old access token lives on");

    // It is looked at again, and renewed as soon as it can be kept.
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(600));
    *provider.valid_for.lock() = 3600;
    world.conductor.start();
    world.add(account("x.json", &in_seconds(600)));
    sleep(120).await;
    assert_eq!(world.executor.refreshes(), 0);
    store.unwritable.store(false, Ordering::SeqCst);
    sleep(300).await;
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn nor_is_the_token_of_a_stranger_that_is_found_when_ours_is_rejected() {
    let (world, store, provider) = stored_world(&in_seconds(600));
    provider.used.lock().push("refresh-1".to_owned());
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let theirs = r#"{"access_token":"access-5","refresh_token":"refresh-5","expired":7}"#;
        store.put(account("x.json", theirs));
        store.unwritable.store(true, Ordering::SeqCst);
    });
    let error = renewed.unwrap_err().to_string();
    assert!(error.ends_with("the refresh token was not spent"), "{error}");
    assert_eq!(*provider.used.lock(), ["refresh-1"]);
    store.unwritable.store(false, Ordering::SeqCst);
    sleep(3600).await;
    world.conductor.renew(&ID).await.unwrap();
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-6"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_works_again_and_again_is_renewed_in_memory_where_nothing_can_be_written() {
    let (world, store, _) = stored_world(FIRST);
    store.unwritable.store(true, Ordering::SeqCst);
    store.full.store(true, Ordering::SeqCst);
    world.executor.spends.store(false, Ordering::SeqCst);
    let renewed = world.conductor.renew(&ID).await.unwrap();
    assert_eq!(renewed.access_token().unwrap().expose(), "access-2");
    assert!(world.conductor.credential(&ID).unwrap().unsaved);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_store_learns_when_it_has_the_new_tokens() {
    let (world, store, _) = stored_world(FIRST);
    store.full.store(true, Ordering::SeqCst);
    world.conductor.renew(&ID).await.unwrap();
    let waiting = world.conductor.until_saved(&ID);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_secs(100), &mut waiting).await.is_err());
    store.full.store(false, Ordering::SeqCst);
    waiting.await.unwrap();
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
    assert_eq!(world.conductor.until_saved(&ID).await, Ok(()), "there is nothing to wait for");
    let unknown = world.conductor.until_saved(&CredentialId::new("y")).await;
    assert_eq!(unknown, Err(RenewError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_some_seconds_for_room_and_says_what_is_lost() {
    // Room after a moment.
    let (world, store, _) = stored_world(FIRST);
    store.full.store(true, Ordering::SeqCst);
    world.conductor.renew(&ID).await.unwrap();
    tokio::join!(world.conductor.shutdown(), async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        store.full.store(false, Ordering::SeqCst);
    });
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
    // None at all.
    let (world, store, _) = stored_world(FIRST);
    store.full.store(true, Ordering::SeqCst);
    world.conductor.renew(&ID).await.unwrap();
    let (lost, ()) = tokio::join!(world.conductor.until_saved(&ID), world.conductor.shutdown());
    let message = "no space left on device".to_owned();
    assert_eq!(lost, Err(RenewError::Lost { message }));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_nobody_waits_for_a_lease_and_nothing_is_begun() {
    let (world, store, _) = stored_world(FIRST);
    let held = store.lease(&ID).await.unwrap();
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        settle().await;
        world.conductor.shutdown().await;
    });
    assert_eq!(renewed.unwrap_err(), RenewError::Stopping);
    drop(held);
    assert_eq!(world.conductor.renew(&ID).await.unwrap_err(), RenewError::Stopping);
    assert_eq!(world.executor.refreshes(), 0);
    // Nor of a login that no store keeps, and that needs no lease.
    let world = crate::fakes::world(Options::default());
    world.add(account("x.json", FIRST));
    world.conductor.shutdown().await;
    assert_eq!(world.conductor.renew(&ID).await.unwrap_err(), RenewError::Stopping);
    assert_eq!(world.executor.refreshes(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_repeats_of_our_tokens_is_not_told() {
    for kind in [ErrorKind::InvalidGrant, ErrorKind::BadReply] {
        let document = r#"{"access_token":"CANARY-access","refresh_token":"CANARY-refresh"}"#;
        let (world, ..) = stored_world(document);
        world.executor.refreshes_with(move |_| Err(ExecutorError::new(kind, "I do not know CANARY-refresh")));
        let error = world.conductor.renew(&ID).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("I do not know [redacted]"), "{said}");
        assert!(!said.contains("CANARY"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_says_when_to_come_back_is_not_asked_before() {
    for (hint, pauses) in [(10, [60, 120]), (900, [900, 900]), (100_000, [1800, 1800])] {
        let (world, _, _) = stored_world(&in_seconds(0));
        *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(60));
        *world.executor.takes.lock() = Duration::ZERO;
        world.executor.refreshes_with(move |_| {
            let evidence = Evidence::new(ErrorKind::RateLimited);
            let evidence = evidence.with_retry_after(Some(Duration::from_secs(hint)));
            Err(ExecutorError::from_evidence(evidence, "slow down"))
        });
        world.conductor.start();
        world.add(account("x.json", &in_seconds(0)));
        settle().await;
        let mut expected = 1;
        for pause in pauses {
            sleep(pause - 1).await;
            assert_eq!(world.executor.refreshes(), expected, "{hint}");
            sleep(1).await;
            settle().await;
            expected += 1;
            assert_eq!(world.executor.refreshes(), expected, "{hint}");
        }
        world.conductor.shutdown().await;
    }
}

/// The place of a stored login in the line of its refresh tokens.
fn line(store: &MemoryStore) -> Lineage {
    Lineage::of(store.get(&ID).unwrap().document()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_renewal_notes_from_which_token_the_new_one_comes_also_where_it_is_saved_late() {
    let (world, store, _) = stored_world(FIRST);
    let copy = line(&store);
    for number in 1..=3 {
        // The second cannot be saved at first.
        store.full.store(number == 2, Ordering::SeqCst);
        world.conductor.renew(&ID).await.unwrap();
        if number == 2 {
            assert_eq!(line(&store).place().1, 1);
            let held = world.conductor.held();
            let known = Lineage::of(held.first().unwrap().credential.document()).unwrap();
            assert!(line(&store).is_spent_by(&known), "in memory it is known");
            store.full.store(false, Ordering::SeqCst);
            world.conductor.until_saved(&ID).await.unwrap();
        }
        assert_eq!(line(&store).place(), (copy.token(), number));
        assert!(copy.is_spent_by(&line(&store)));
    }
    // One that works again and again is nobody's to spend.
    let (world, store, _) = stored_world(FIRST);
    world.executor.spends.store(false, Ordering::SeqCst);
    world.conductor.renew(&ID).await.unwrap();
    assert_eq!(store.text("x.json", Document::LINEAGE), None);
}

#[tokio::test(start_paused = true)]
async fn while_a_renewal_runs_its_credential_is_told_to_be_in_renewal() {
    let (world, _, _) = stored_world(FIRST);
    *world.executor.takes.lock() = Duration::from_secs(5);
    let is_renewing = || world.conductor.held().first().unwrap().is_renewing;
    assert!(!is_renewing());
    let renewal = world.conductor.renew(&ID);
    tokio::pin!(renewal);
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut renewal).await.is_err());
    assert!(is_renewing());
    renewal.await.unwrap();
    assert!(!is_renewing());
}
