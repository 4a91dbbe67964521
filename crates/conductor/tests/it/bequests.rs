//! Tokens that have lost their file are put into another one of their line, or it is said what to do. Source: design.md §5.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cliproxy_conductor::{Bequest, Lineage, Registration, RenewError};
use cliproxy_core::*;
use serde_json::json;

use crate::fakes::{World, account, sleep};
use crate::renewal::{FIRST, MemoryStore, Provider, stored_world, token};

static ID: CredentialId = CredentialId::from_static("x.json");

fn has(store: &MemoryStore, id: &str) -> Option<String> {
    store.text(id, "refresh_token")
}

/// The hash by which a note names the token of this number.
fn hash(token: u32) -> String {
    let document = account("x", &json!({"refresh_token": format!("refresh-{token}")}).to_string());
    Lineage::of(document.document()).unwrap().token().to_owned()
}

/// The place of what another file has.
fn copy(store: &MemoryStore, id: &str, token: u32, note: Option<u64>) {
    let mut document = json!({"refresh_token": format!("refresh-{token}"), "note": id});
    if let Some(number) = note {
        document["refresh_lineage"] = json!(format!("{}.{number}.{}", hash(1), hash(token)));
    }
    store.put(account(id, &document.to_string()));
}

fn disabled(store: &MemoryStore, id: &str) {
    let credential = store.get(&CredentialId::new(id)).unwrap();
    let mut settings = credential.settings().clone();
    settings.disabled = true;
    store.put(credential.with_settings(settings));
}

/// Loses its file while the provider answers.
async fn renamed(world: &World, store: &MemoryStore, meanwhile: impl FnOnce()) {
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.delete(&ID).await.unwrap();
        meanwhile();
    });
    renewed.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_several_that_are_used_the_one_that_was_renewed_last_gets_the_tokens() {
    for (others, heir) in [
        (vec![("b.json", 1, None), ("c.json", 1, None)], "b.json"),
        (vec![("b.json", 1, None), ("c.json", 2, Some(1))], "c.json"),
    ] {
        let (world, store, _) = stored_world(FIRST);
        world.conductor.renew(&ID).await.unwrap();
        renamed(&world, &store, || {
            for (id, token, note) in &others {
                copy(&store, id, *token, *note);
            }
            // Not these.
            copy(&store, "a.json", 2, Some(1));
            disabled(&store, "a.json");
            store.put(account("0.json", r#"{"refresh_token":"another"}"#));
        })
        .await;
        world.conductor.until_saved(&ID).await.unwrap();
        assert_eq!(has(&store, heir).as_deref(), Some("refresh-3"));
        assert_eq!(store.text(heir, "note").as_deref(), Some(heir), "what else it says is its own");
        assert_eq!(store.text(heir, "access_token").as_deref(), Some("access-3"));
        let given = ["a.json", "b.json", "c.json", "x.json"].map(|id| has(&store, id));
        assert_eq!(given.iter().flatten().filter(|token| *token == "refresh-3").count(), 1, "{given:?}");
        assert!(store.lease(&ID).await.is_ok());
        // It serves from memory, and spends nothing that the other file has.
        assert_eq!(token(&world), "access-3");
        assert_eq!(world.conductor.renew(&ID).await.unwrap_err(), RenewError::Gone);
        assert_eq!(world.executor.refreshes(), 2);
        world.conductor.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_from_before_a_login_anew_is_no_heir() {
    let (before, now) = (hash(90), hash(1));
    let renamed_login =
        json!({"refresh_token": "refresh-1", "refresh_lineage": format!("{now}.0.{now}.{before}.5")});
    let (world, store, _) = stored_world(&renamed_login.to_string());
    let old = json!({"refresh_token": "refresh-93", "refresh_lineage": format!("{before}.3.{}", hash(93))});
    renamed(&world, &store, || {
        store.put(account("a-copy.json", &old.to_string()));
        store.put(account("new.json", &renamed_login.to_string()));
    })
    .await;
    world.conductor.until_saved(&ID).await.unwrap();
    let given = ["a-copy.json", "new.json"].map(|id| has(&store, id));
    assert_eq!(given.each_ref().map(Option::as_deref), [Some("refresh-93"), Some("refresh-2")]);
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_cannot_be_written_keeps_no_other_file_from_having_them() {
    let (world, store, _) = stored_world(FIRST);
    *store.fixed.lock() = Some(CredentialId::new("backup.json"));
    renamed(&world, &store, || {
        copy(&store, "backup.json", 1, None);
        copy(&store, "new.json", 1, None);
    })
    .await;
    world.conductor.until_saved(&ID).await.unwrap();
    let given = ["backup.json", "new.json"].map(|id| has(&store, id));
    assert_eq!(given.each_ref().map(Option::as_deref), [Some("refresh-1"), Some("refresh-2")]);
    world.conductor.shutdown().await;
}

/// A file that is in the place of another login's: what is registered under its name is that one, with its provider and its
/// address.
#[tokio::test(start_paused = true)]
async fn tokens_do_not_go_to_the_login_whose_file_their_own_was_renamed_to() {
    for provider in ["p", "another"] {
        let (world, store, _) = stored_world(FIRST);
        let document = r#"{"access_token":"access-70","refresh_token":"refresh-70"}"#;
        let document = account("y.json", document).document().clone();
        let (id, provider) = (CredentialId::new("y.json"), ProviderId::new(provider));
        let origin = Origin::Store("y.json".to_owned());
        let other =
            Credential::new(id, provider, CredentialKind::Account, origin, document, Settings::new("y"));
        world.add(other.clone());
        store.put(other.clone());
        renamed(&world, &store, || copy(&store, "y.json", 1, None)).await;
        world.conductor.until_saved(&ID).await.unwrap();
        assert_eq!(has(&store, "y.json").as_deref(), Some("refresh-2"));
        let registered = world.conductor.credential(other.id()).unwrap().credential;
        assert_eq!(registered.document(), other.document());
        world.conductor.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_nobody_has_the_turn_at_gets_the_tokens_without_a_note_that_a_kill_would_leave() {
    let (world, store, _) = stored_world(FIRST);
    store.apart.store(true, Ordering::SeqCst);
    renamed(&world, &store, || copy(&store, "b.json", 1, None)).await;
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-2"));
    assert_eq!(store.saves.load(Ordering::SeqCst), 1, "all at once");
    assert!(store.lease(&ID).await.is_ok());
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn at_the_end_a_file_whose_turn_somebody_has_keeps_no_other_from_having_them() {
    let (world, store, _) = stored_world(FIRST);
    *store.busy.lock() = Some(CredentialId::new("a.json"));
    renamed(&world, &store, || {
        copy(&store, "a.json", 1, None);
        copy(&store, "b.json", 1, None);
    })
    .await;
    sleep(300).await;
    let given = |store: &MemoryStore| ["a.json", "b.json"].map(|id| has(store, id).unwrap());
    assert_eq!(given(&store), ["refresh-1", "refresh-1"], "the best one may be free in a moment");
    world.conductor.shutdown().await;
    assert_eq!(given(&store), ["refresh-1", "refresh-2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_in_anew_while_another_file_gets_its_tokens_has_a_place_again() {
    let (world, store, _) = stored_world(FIRST);
    let lease = store.lease(&ID);
    renamed(&world, &store, || copy(&store, "b.json", 1, None)).await;
    // Somebody has the turn at the other file, and its own comes back in the meantime.
    let turn = lease.await.unwrap();
    let back = account("x.json", FIRST);
    store.put(back.clone());
    world.conductor.update(Arc::new(back));
    drop(turn);
    sleep(120).await;
    assert_eq!(has(&store, "x.json").as_deref(), Some("refresh-2"));
    world.conductor.renew(&ID).await.unwrap();
    assert_eq!(has(&store, "x.json").as_deref(), Some("refresh-3"));
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_renewal_brings_beside_the_tokens_goes_with_them() {
    let (world, store, _) = stored_world(r#"{"refresh_token":"refresh-1","resource_url":"old","gone":1}"#);
    *world.executor.takes.lock() = Duration::from_millis(100);
    world.executor.refreshes_with(|credential| {
        let document = r#"{"access_token":"access-2","refresh_token":"refresh-2","resource_url":"new"}"#;
        Ok(credential.with_document(account("x.json", document).document().clone()))
    });
    renamed(&world, &store, || {
        let old = r#"{"refresh_token":"refresh-1","resource_url":"old","gone":1,"mine":1}"#;
        store.put(account("b.json", old));
    })
    .await;
    world.conductor.until_saved(&ID).await.unwrap();
    let stored = store.get(&CredentialId::new("b.json")).unwrap();
    assert_eq!(stored.document().text("resource_url"), Some("new"));
    assert_eq!(stored.document().integer("mine"), Some(1));
    for gone in ["gone", "refresh_spent"] {
        assert_eq!(stored.document().get(gone), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_comes_back_after_a_moment_keeps_its_tokens() {
    let (world, store, _) = stored_world(FIRST);
    renamed(&world, &store, || copy(&store, "b.json", 1, None)).await;
    store.put(account("x.json", FIRST));
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(
        (has(&store, "x.json").as_deref(), has(&store, "b.json").as_deref()),
        (Some("refresh-2"), Some("refresh-1"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_written_yet_gets_the_tokens_when_it_can_and_its_own_are_not_spent() {
    let (world, store, _) = stored_world(FIRST);
    renamed(&world, &store, || copy(&store, "b.json", 1, None)).await;
    store.full.store(true, Ordering::SeqCst);
    sleep(300).await;
    let Bequest::Waiting(Some(heir), error) = world.conductor.bequeath(&ID).await else { panic!("it waits") };
    assert_eq!((heir.id().as_str(), error.to_string().as_str()), ("b.json", "no space left on device"));
    let waiting = tokio::time::timeout(Duration::from_secs(60), store.lease(&ID)).await;
    assert!(waiting.is_err(), "nobody else has a turn");
    store.full.store(false, Ordering::SeqCst);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-2"));

    // Somebody else has the turn at it, and would spend what it has next.
    let (world, store, _) = stored_world(FIRST);
    let lease = store.lease(&ID);
    renamed(&world, &store, || copy(&store, "b.json", 1, None)).await;
    let turn = lease.await.unwrap();
    // Before it had it, for it would spend what it finds.
    let marked = store.get(&CredentialId::new("b.json")).unwrap();
    assert!(cliproxy_conductor::is_marked_spent(marked.document()));
    sleep(300).await;
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-1"));
    drop(turn);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn the_end_says_what_is_lost_where_no_file_could_be_written() {
    let (world, store, _) = stored_world(FIRST);
    renamed(&world, &store, || copy(&store, "b.json", 1, None)).await;
    store.full.store(true, Ordering::SeqCst);
    world.conductor.shutdown().await;
    let message = "no space left on device".to_owned();
    assert_eq!(world.conductor.until_saved(&ID).await, Err(RenewError::Lost { message }));
}

/// Unsaved, and another login has the file by now.
async fn ousted(reloaded: bool) -> (World, Arc<MemoryStore>, Arc<Provider>) {
    let (world, store, provider) = stored_world(FIRST);
    store.full.store(true, Ordering::SeqCst);
    world.conductor.renew(&ID).await.unwrap();
    copy(&store, "b.json", 1, None);
    let other = account("x.json", r#"{"access_token":"access-50","refresh_token":"refresh-50"}"#);
    store.put(other.clone());
    if reloaded {
        world.conductor.update(Arc::new(other));
    }
    (world, store, provider)
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_file_to_be_writable_keeps_nobody_from_the_login_that_came_instead() {
    let (world, store, _) = ousted(true).await;
    sleep(30).await;
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-1"), "it cannot be written");
    let turn = tokio::time::timeout(Duration::from_secs(1), store.lease(&ID)).await;
    assert!(turn.is_ok_and(|turn| turn.is_ok()));
    store.full.store(false, Ordering::SeqCst);
    sleep(120).await;
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-2"));
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_to_have_tokens_does_not_spend_its_own_in_the_meantime() {
    let (world, store, provider) = ousted(true).await;
    let heir = CredentialId::new("b.json");
    world.add(store.get(&heir).unwrap());
    sleep(30).await;
    let error = world.conductor.renew(&heir).await.unwrap_err();
    assert!(matches!(error, RenewError::Store { .. }), "{error}");
    assert_eq!(*provider.used.lock(), ["refresh-1"], "by the one whose tokens have no file");
    store.full.store(false, Ordering::SeqCst);
    sleep(120).await;
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-2"));
    world.conductor.renew(&heir).await.unwrap();
    assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-3"));
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_unsaved_gets_a_file_when_its_own_has_another_login() {
    for (reloaded, renews) in [(false, false), (true, false), (false, true), (true, true)] {
        let (world, store, provider) = ousted(reloaded).await;
        store.full.store(false, Ordering::SeqCst);
        if renews {
            world.conductor.renew(&ID).await.unwrap();
        }
        sleep(120).await;
        assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-2"), "{reloaded} {renews}");
        let own = if reloaded && renews { 51 } else { 50 };
        assert_eq!(has(&store, "x.json"), Some(format!("refresh-{own}")));
        assert_eq!(token(&world), format!("access-{own}"));
        assert!(!provider.used.lock()[1..].contains(&"refresh-1".to_owned()));
        assert!(store.lease(&ID).await.is_ok());
    }
    // The end comes at once.
    for reloaded in [false, true] {
        let (world, store, _) = ousted(reloaded).await;
        store.full.store(false, Ordering::SeqCst);
        world.conductor.shutdown().await;
        assert_eq!(has(&store, "b.json").as_deref(), Some("refresh-2"), "{reloaded}");
        assert_eq!(has(&store, "x.json").as_deref(), Some("refresh-50"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_whose_place_was_away_at_two_reloads_has_what_it_was_renewed_to() {
    for in_renewal in [false, true] {
        let (world, store, provider) = stored_world(FIRST);
        let executor = Arc::clone(&world.executor) as Arc<dyn ProviderExecutor>;
        let registration = || {
            Registration::new(
                Arc::clone(&executor),
                Arc::new(account("x.json", FIRST)),
                vec![ModelInfo::new("m")],
            )
        };
        renamed(&world, &store, || {
            if in_renewal {
                world.conductor.sync(Vec::new());
                world.conductor.sync(vec![registration()]);
            }
        })
        .await;
        if !in_renewal {
            sleep(5).await;
            world.conductor.sync_readable(Vec::new(), &BTreeSet::new());
            sleep(200).await;
            assert!(store.lease(&ID).await.is_ok(), "a login is to have its name");
        }
        store.put(account("x.json", FIRST));
        if !in_renewal {
            world.conductor.sync(vec![registration()]);
        }
        assert_eq!(token(&world), "access-2");
        assert!(world.ask("m").await.result.is_ok());
        world.conductor.renew(&ID).await.unwrap();
        sleep(61).await;
        assert_eq!(has(&store, "x.json").as_deref(), Some("refresh-3"));
        assert_eq!(*provider.used.lock(), ["refresh-1", "refresh-2"]);
    }
}
