//! What others do to a login while its renewal is under way, and while what it brought is unsaved. Source: design.md §5.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cliproxy_conductor::{Availability, Options, Registration, RenewError};
use cliproxy_core::*;

use crate::fakes::{World, account, settle, sleep, world_with};
use crate::renewal::{FIRST, MemoryStore, stored_world, token};

static ID: CredentialId = CredentialId::from_static("x.json");

/// A login of a person, in place of the one that is renewed.
const LOGIN: &str = r#"{"access_token":"access-9","refresh_token":"refresh-9"}"#;

fn disabled(document: &str) -> Credential {
    let mut settings = Settings::new("x.json");
    settings.disabled = true;
    account("x.json", document).with_settings(settings)
}

fn refresh_token(store: &MemoryStore) -> Option<String> {
    store.text("x.json", "refresh_token")
}

/// Has the store full, and renews.
async fn unsaved(world: &World, store: &MemoryStore) {
    store.full.store(true, Ordering::SeqCst);
    world.conductor.renew(&ID).await.unwrap();
    assert!(world.conductor.credential(&ID).unwrap().unsaved);
}

/// While the provider answers, which takes it 100 ms.
async fn renewed_while(world: &World, happens: impl FnOnce()) -> Result<Arc<Credential>, RenewError> {
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        happens();
    });
    renewed
}

fn registration(world: &World, document: &str) -> Registration {
    let executor = Arc::clone(&world.executor) as Arc<dyn ProviderExecutor>;
    Registration::new(executor, Arc::new(account("x.json", document)), vec![ModelInfo::new("m")])
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_disabled_in_the_store_is_not_renewed_and_serves_no_more() {
    let (world, store, _) = stored_world(FIRST);
    store.put(disabled(r#"{"access_token":"access-1","refresh_token":"refresh-1","disabled":true}"#));
    assert_eq!(world.conductor.renew(&ID).await.unwrap_err(), RenewError::Gone);
    assert_eq!(world.executor.refreshes(), 0);
    assert!(store.get(&ID).unwrap().settings().disabled);
    assert_eq!(world.state("x.json", "m"), Availability::Disabled);
    assert!(world.ask("m").await.result.is_err());
    assert!(world.script.tried().is_empty());
    // And again, when it is enabled.
    store.put(account("x.json", FIRST));
    assert!(world.conductor.update(Arc::new(account("x.json", FIRST))));
    assert!(world.conductor.renew(&ID).await.is_ok());
    assert!(world.ask("m").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_disabled_while_the_provider_answers_gets_its_tokens_and_stays_disabled() {
    let (world, store, _) = stored_world(FIRST);
    let off = r#"{"access_token":"access-1","refresh_token":"refresh-1","disabled":true}"#;
    renewed_while(&world, || store.put(disabled(off))).await.unwrap();
    let stored = store.get(&ID).unwrap();
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-2"));
    assert!(stored.settings().disabled && stored.document().flag("disabled") == Some(true));
    assert_eq!(world.state("x.json", "m"), Availability::Disabled);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_disabled_while_its_tokens_are_unsaved_stays_disabled() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    store.put(disabled(r#"{"access_token":"access-1","refresh_token":"refresh-1","disabled":true}"#));
    store.full.store(false, Ordering::SeqCst);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-2"));
    assert!(store.get(&ID).unwrap().settings().disabled);
    assert_eq!(world.state("x.json", "m"), Availability::Disabled);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_is_taken_over_while_the_provider_answers_survives() {
    let (world, store, _) =
        stored_world(r#"{"access_token":"access-1","refresh_token":"refresh-1","a":1,"b":1}"#);
    let edited = account("x.json", r#"{"access_token":"access-1","refresh_token":"refresh-1","a":2}"#);
    renewed_while(&world, || {
        store.put(edited.clone());
        world.conductor.update(Arc::new(edited));
    })
    .await
    .unwrap();
    let stored = store.get(&ID).unwrap();
    let mut kept = stored.document().as_map().clone();
    kept.shift_remove(Document::LINEAGE).unwrap();
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(text, r#"{"access_token":"access-2","refresh_token":"refresh-2","a":2}"#);
}

#[tokio::test(start_paused = true)]
async fn nobody_else_renews_while_the_store_has_the_spent_token() {
    let (first, store, provider) = stored_world(FIRST);
    let second = world_with(Options::default(), |builder| {
        builder.store(Arc::clone(&store) as Arc<dyn CredentialStore>)
    });
    provider.wire(&second);
    second.add(account("x.json", FIRST));
    unsaved(&first, &store).await;
    // There is room again before the first tries again: it is not the second's turn.
    store.full.store(false, Ordering::SeqCst);
    let renewed = second.conductor.renew(&ID).await.unwrap();
    assert_eq!(renewed.refresh_token().unwrap().expose(), "refresh-2");
    assert_eq!((second.executor.refreshes(), provider.used.lock().len()), (0, 1));
    // And the lease is free again.
    assert!(store.lease(&ID).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_unsaved_is_renewed_again_under_the_same_lease() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    let began = tokio::time::Instant::now();
    for _ in 0..3 {
        world.conductor.renew(&ID).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "it waited for itself: {:?}", began.elapsed());
    assert_eq!(token(&world), "access-5");
    store.full.store(false, Ordering::SeqCst);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-5"));
    assert!(store.lease(&ID).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_came_while_tokens_were_unsaved_is_not_written_over() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    store.put(account("x.json", LOGIN));
    store.full.store(false, Ordering::SeqCst);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!((refresh_token(&store).as_deref(), token(&world).as_str()), (Some("refresh-9"), "access-9"));
    assert!(store.lease(&ID).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_came_while_the_provider_answered_is_not_written_over() {
    for reloaded in [false, true] {
        let (world, store, _) = stored_world(FIRST);
        let login = account("x.json", LOGIN);
        let renewed = renewed_while(&world, || {
            store.put(login.clone());
            if reloaded {
                world.conductor.update(Arc::new(login));
            }
        });
        assert_eq!(renewed.await.unwrap().refresh_token().unwrap().expose(), "refresh-9");
        assert_eq!(
            (refresh_token(&store).as_deref(), token(&world).as_str()),
            (Some("refresh-9"), "access-9")
        );
        assert!(!world.conductor.credential(&ID).unwrap().unsaved);
    }
}

/// As above, and the provider wants none of what it was asked with.
#[tokio::test(start_paused = true)]
async fn a_login_that_was_reloaded_while_the_provider_rejected_the_one_before_is_not_dead() {
    let dead = || ExecutorError::new(ErrorKind::InvalidGrant, "revoked");
    let down = || ExecutorError::new(ErrorKind::Server, "down");
    for error in [dead as fn() -> ExecutorError, down] {
        let (world, store, _) = stored_world(FIRST);
        *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(300));
        world.executor.refreshes_with(move |_| Err(error()));
        let login = LOGIN.replace('}', r#","expired":9999999999}"#);
        let renewed = renewed_while(&world, || {
            store.put(account("x.json", &login));
            world.conductor.update(Arc::new(account("x.json", &login)));
        });
        assert_eq!(renewed.await.unwrap().access_token().unwrap().expose(), "access-9");
        let status = world.conductor.credential(&ID).unwrap();
        assert_eq!((status.renewal_error, world.state("x.json", "m")), (None, Availability::Ready));
        assert!(status.renewal_due.is_some());
        assert!(world.ask("m").await.result.is_ok());
        assert_eq!((world.executor.refreshes(), refresh_token(&store).as_deref()), (1, Some("refresh-9")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_renewed_by_another_process_and_reloaded_while_the_lease_was_awaited_is_not_renewed_with_the_spent_token()
 {
    let (world, store, provider) = stored_world(FIRST);
    let lease = store.lease(&ID).await.unwrap();
    let theirs = account("x.json", r#"{"access_token":"access-2","refresh_token":"refresh-2"}"#);
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.put(theirs.clone());
        world.conductor.update(Arc::new(theirs));
        drop(lease);
    });
    assert_eq!(renewed.unwrap().refresh_token().unwrap().expose(), "refresh-2");
    assert!(provider.used.lock().is_empty(), "that was the other process's");
    world.conductor.renew(&ID).await.unwrap();
    assert_eq!(*provider.used.lock(), ["refresh-2"]);
}

/// Whoever asked with the one before gets no token that is another provider's.
#[tokio::test(start_paused = true)]
async fn a_login_of_another_provider_that_was_reloaded_meanwhile_is_nobody_s_renewal() {
    let (world, store, _) = stored_world(FIRST);
    let document = account("x.json", LOGIN).document().clone();
    let (provider, origin) = (ProviderId::from_static("another"), Origin::Store("x.json".to_owned()));
    let other =
        Credential::new(ID.clone(), provider, CredentialKind::Account, origin, document, Settings::new("x"));
    let renewed = renewed_while(&world, || {
        store.put(other.clone());
        world.conductor.update(Arc::new(other.clone()));
    });
    assert_eq!(renewed.await.unwrap_err(), RenewError::Gone);
    assert_eq!((token(&world).as_str(), store.get(&ID).unwrap()), ("access-9", other));
}

/// The store is full or slow, and a reload hands the login in that it has by then.
#[tokio::test(start_paused = true)]
async fn a_login_that_was_reloaded_while_the_renewed_one_was_saved_is_not_written_over() {
    for full in [false, true] {
        let (world, store, _) = stored_world(FIRST);
        *store.saving_takes.lock() = Duration::from_secs(10);
        let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
            sleep(5).await;
            store.full.store(full, Ordering::SeqCst);
            store.put(account("renamed.json", FIRST));
            world.conductor.update(Arc::new(account("x.json", LOGIN)));
            if full {
                store.put(account("x.json", LOGIN));
            }
        });
        assert_eq!(renewed.unwrap().refresh_token().unwrap().expose(), "refresh-9", "{full}");
        store.full.store(false, Ordering::SeqCst);
        sleep(300).await;
        assert_eq!(
            (refresh_token(&store).as_deref(), token(&world).as_str()),
            (Some("refresh-9"), "access-9")
        );
        assert_eq!(store.text("renamed.json", "refresh_token").as_deref(), Some("refresh-2"), "{full}");
    }
}

/// As the store says that the one before is disabled.
#[tokio::test(start_paused = true)]
async fn a_login_that_was_reloaded_while_the_store_was_read_is_not_disabled_for_the_one_before() {
    let (world, store, _) = stored_world(FIRST);
    store.put(disabled(FIRST));
    *store.loading_takes.lock() = Duration::from_millis(100);
    let renewed = renewed_while(&world, || {
        world.conductor.update(Arc::new(account("x.json", LOGIN)));
    });
    assert_eq!(renewed.await.unwrap().access_token().unwrap().expose(), "access-9");
    assert_eq!(world.state("x.json", "m"), Availability::Ready);
}

/// Whoever waits for tokens to be saved waits for no others.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_tokens_that_a_login_has_replaced() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    let saved = tokio::time::timeout(Duration::from_secs(600), world.conductor.until_saved(&ID));
    let (saved, ()) = tokio::join!(saved, async {
        sleep(1).await;
        store.put(account("x.json", LOGIN));
        world.conductor.update(Arc::new(account("x.json", LOGIN)));
    });
    assert_eq!(saved, Ok(Ok(())));
}

/// As above, at a later try.
#[tokio::test(start_paused = true)]
async fn a_login_that_was_reloaded_while_what_was_unsaved_was_saved_is_not_written_over() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    store.put(account("renamed.json", FIRST));
    store.full.store(false, Ordering::SeqCst);
    *store.saving_takes.lock() = Duration::from_secs(10);
    sleep(5).await;
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-1"), "it is being saved");
    world.conductor.update(Arc::new(account("x.json", LOGIN)));
    sleep(300).await;
    assert_eq!((refresh_token(&store).as_deref(), token(&world).as_str()), (Some("refresh-9"), "access-9"));
    assert_eq!(store.text("renamed.json", "refresh_token").as_deref(), Some("refresh-2"));
    world.conductor.shutdown().await;
}

/// A refused request says nothing of the login that came in the meantime, and that is not used for it when it is disabled.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_login_before_rests_nobody_and_a_disabled_one_is_left_alone() {
    let document = account("x.json", LOGIN).document().clone();
    let (provider, origin) = (ProviderId::from_static("another"), Origin::Store("x.json".to_owned()));
    let other =
        Credential::new(ID.clone(), provider, CredentialKind::Account, origin, document, Settings::new("x"));
    for (login, state) in [(other, Availability::Ready), (disabled(LOGIN), Availability::Disabled)] {
        let (world, store, _) = stored_world(FIRST);
        *world.script.token.lock() = Some("access-9".to_owned());
        let (asked, ()) = tokio::join!(world.ask("m"), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            store.put(login.clone());
            world.conductor.update(Arc::new(login));
        });
        assert!(asked.result.is_err());
        assert_eq!((world.script.tried().len(), world.state("x.json", "m")), (1, state));
    }
}

#[tokio::test(start_paused = true)]
async fn another_access_token_that_came_while_the_provider_answered_is_no_login_of_its_own() {
    for (stored, full) in [(true, false), (false, false), (true, true)] {
        let (world, store, provider) = stored_world(FIRST);
        let edited = r#"{"access_token":"access-0","refresh_token":"refresh-1","note":"mine","mine":1}"#;
        let edited = account("x.json", edited);
        let renewed = renewed_while(&world, || {
            if stored {
                store.put(edited.clone());
            }
            store.full.store(full, Ordering::SeqCst);
            world.conductor.update(Arc::new(edited));
        });
        assert_eq!(renewed.await.unwrap().refresh_token().unwrap().expose(), "refresh-2");
        store.full.store(false, Ordering::SeqCst);
        world.conductor.until_saved(&ID).await.unwrap();
        let kept = (refresh_token(&store), token(&world));
        assert_eq!(kept, (Some("refresh-2".to_owned()), "access-2".to_owned()), "{stored} {full}");
        assert_eq!(store.text("x.json", "access_token").as_deref(), Some("access-2"));
        assert_eq!(store.get(&ID).unwrap().document().integer("mine").is_some(), stored);
        world.conductor.renew(&ID).await.unwrap();
        assert_eq!(*provider.used.lock(), ["refresh-1", "refresh-2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn another_date_of_expiry_in_the_store_is_no_other_login() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    store.put(account("x.json", r#"{"access_token":"access-1","refresh_token":"refresh-1","expired":7}"#));
    store.full.store(false, Ordering::SeqCst);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_removed_while_its_tokens_were_unsaved_does_not_come_back() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    store.delete(&ID).await.unwrap();
    store.full.store(false, Ordering::SeqCst);
    assert_eq!(world.conductor.until_saved(&ID).await, Err(RenewError::Gone));
    sleep(600).await;
    assert_eq!(refresh_token(&store), None);
    // Unless its file does: a volume that was not mounted for a while.
    store.put(account("x.json", FIRST));
    sleep(61).await;
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-2"));
    assert_eq!(world.conductor.until_saved(&ID).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_removed_while_the_provider_answers_does_not_come_back() {
    let (world, store, _) = stored_world(FIRST);
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.delete(&ID).await.unwrap();
    });
    renewed.unwrap();
    assert_eq!(world.conductor.until_saved(&ID).await, Err(RenewError::Gone));
    // The next reload takes it out, and whoever looked for its file stops.
    world.conductor.sync(Vec::new());
    sleep(100).await;
    assert!(store.lease(&ID).await.is_ok());
    world.conductor.shutdown().await;
    assert_eq!(refresh_token(&store), None);
}

/// A file of another provider that took the place of a login's is no login of its: nothing of it is used, or written over.
#[tokio::test(start_paused = true)]
async fn a_file_of_another_provider_gives_a_login_no_tokens() {
    let document = Document::new(serde_json::from_str(LOGIN).unwrap());
    let provider = ProviderId::from_static("another");
    let origin = Origin::Store("x.json".to_owned());
    let other =
        Credential::new(ID.clone(), provider, CredentialKind::Account, origin, document, Settings::new("x"));
    let untouched = |store: &MemoryStore| store.get(&ID).unwrap() == other;
    // Before a renewal.
    let (world, store, _) = stored_world(FIRST);
    store.put(other.clone());
    assert_eq!(world.conductor.renew(&ID).await.unwrap_err(), RenewError::Gone);
    assert_eq!((token(&world).as_str(), world.executor.refreshes()), ("access-1", 0));
    assert!(untouched(&store));
    // While the provider answers: the tokens go where a copy of the login is.
    let (world, store, _) = stored_world(FIRST);
    renewed_while(&world, || {
        store.put(other.clone());
        store.put(account("renamed.json", FIRST));
    })
    .await
    .unwrap();
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(token(&world), "access-2");
    assert_eq!(store.text("renamed.json", "refresh_token").as_deref(), Some("refresh-2"));
    assert!(untouched(&store));
    // While what it brought is unsaved.
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    store.put(other.clone());
    store.full.store(false, Ordering::SeqCst);
    assert_eq!(world.conductor.until_saved(&ID).await, Err(RenewError::Gone));
    assert_eq!(token(&world), "access-2");
    assert!(untouched(&store));
    // Who renews that one, in another process, has its turn.
    sleep(120).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), store.lease(&ID)).await.is_ok());
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_while_the_file_cannot_be_read_keeps_the_login_and_its_unsaved_tokens() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    world.conductor.sync_readable(Vec::new(), &BTreeSet::from([ID.clone()]));
    assert_eq!(token(&world), "access-2");
    // The file was mended, and is read again before the tokens are in it.
    world.conductor.sync(vec![registration(&world, FIRST)]);
    assert_eq!(token(&world), "access-2");
    store.full.store(false, Ordering::SeqCst);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn tokens_are_saved_although_their_login_is_not_registered_any_more() {
    let (world, store, _) = stored_world(FIRST);
    unsaved(&world, &store).await;
    world.conductor.sync(Vec::new());
    sleep(30).await;
    store.full.store(false, Ordering::SeqCst);
    sleep(61).await;
    assert_eq!(refresh_token(&store).as_deref(), Some("refresh-2"));
    assert!(store.lease(&ID).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_registered_anew_gets_the_tokens_that_were_unsaved() {
    let (world, store, provider) = stored_world(FIRST);
    unsaved(&world, &store).await;
    world.conductor.remove(&ID);
    world.add(account("x.json", FIRST));
    assert_eq!(token(&world), "access-2");
    store.full.store(false, Ordering::SeqCst);
    sleep(61).await;
    assert_eq!((refresh_token(&store).as_deref(), token(&world).as_str()), (Some("refresh-2"), "access-2"));
    assert!(world.conductor.renew(&ID).await.is_ok());
    assert_eq!(*provider.used.lock(), ["refresh-1", "refresh-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_holds_neither_the_renewal_nor_the_end() {
    let (world, store, _) = stored_world(FIRST);
    store.hangs.store(true, Ordering::SeqCst);
    let hour = Duration::from_secs(3600);
    let renewed = tokio::time::timeout(hour, world.conductor.renew(&ID)).await.expect("it gives up");
    assert!(matches!(renewed, Err(RenewError::Store { .. })), "{renewed:?}");
    assert_eq!(world.executor.refreshes(), 0);
    tokio::time::timeout(hour, world.conductor.shutdown()).await.expect("nothing is waited for");

    // It hangs from when the token is spent: the end says what is lost.
    let (world, store, _) = stored_world(FIRST);
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.hangs.store(true, Ordering::SeqCst);
        sleep(1).await;
        let began = tokio::time::Instant::now();
        world.conductor.shutdown().await;
        assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    });
    renewed.unwrap();
    let lost = Err(RenewError::Lost { message: "it does not answer".to_owned() });
    assert_eq!(world.conductor.until_saved(&ID).await, lost);
}

#[tokio::test(start_paused = true)]
async fn what_a_request_renewed_while_a_worker_was_awaited_is_not_renewed_again() {
    let mut options = Options::default();
    options.renewal = options.renewal.with_workers(1);
    let world = crate::fakes::world(options);
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(60));
    *world.executor.takes.lock() = Duration::from_secs(10);
    world.executor.refreshes_with(|credential| {
        let mut changes = serde_json::Map::new();
        changes.insert("expired".to_owned(), 9_999_999_999_i64.into());
        Ok(credential.with_document(credential.document().merged(changes)))
    });
    let due =
        format!(r#"{{"access_token":"a","refresh_token":"r","expired":{}}}"#, crate::fakes::WALL.as_secs());
    for id in ["x.json", "y.json"] {
        world.add(account(id, &due));
    }
    world.conductor.start();
    sleep(1).await;
    assert_eq!(world.executor.refreshes(), 1, "the other waits for the one worker");
    *world.executor.takes.lock() = Duration::from_secs(1);
    assert!(world.conductor.renew(&CredentialId::new("y.json")).await.is_ok());
    sleep(60).await;
    assert_eq!(world.executor.refreshes(), 2);
    world.conductor.shutdown().await;
}

/// Two threads at once, again and again: one may be overtaken between looking and writing down.
#[tokio::test(start_paused = true)]
async fn whoever_looks_at_a_credential_first_does_not_have_the_last_word_on_its_next_renewal() {
    const ROUNDS: usize = 3_000;
    let world = Arc::new(crate::fakes::world(Options::default()));
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(60));
    world.executor.refreshes_with(|_| Err(ExecutorError::new(ErrorKind::InvalidGrant, "asked")));
    let due = |round: usize| {
        let now = crate::fakes::WALL.as_secs();
        format!(r#"{{"access_token":"a","refresh_token":"r-{round}","expired":{now}}}"#)
    };
    world.add(disabled(&due(ROUNDS)));
    world.conductor.start();
    let (begun, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let threads = [true, false].map(|off| {
        let (world, begun, done) = (Arc::clone(&world), Arc::clone(&begun), Arc::clone(&done));
        std::thread::spawn(move || {
            for round in 0..ROUNDS {
                let document = due(round);
                let edited = Arc::new(if off { disabled(&document) } else { account("x.json", &document) });
                while begun.load(Ordering::SeqCst) <= round {
                    std::thread::yield_now();
                }
                world.conductor.update(edited);
                done.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    let mut expected = 0;
    for round in 0..ROUNDS {
        begun.store(round + 1, Ordering::SeqCst);
        while done.load(Ordering::SeqCst) < 2 * (round + 1) {
            std::thread::yield_now();
        }
        expected += usize::from(!world.conductor.credential(&ID).unwrap().credential.settings().disabled);
        settle().await;
        assert_eq!(world.executor.refreshes(), expected, "round {round}");
    }
    for thread in threads {
        thread.join().unwrap();
    }
    world.conductor.shutdown().await;
}
