//! An old file is put in the place of a login that was renewed since: by an editor, a backup, a sync. What it has is spent.
//! Source: design.md §5; RFC 9700 §4.14.2, a second use of a refresh token revokes the whole line.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cliproxy_conductor::{Lineage, RenewError};
use cliproxy_core::*;
use serde_json::{Value, json};

use crate::fakes::{World, account, sleep};
use crate::renewal::{FIRST, MemoryStore, Provider, stored_world, token};

static ID: CredentialId = CredentialId::from_static("x.json");

/// As the file was at first, with an edit.
const OLD: &str = r#"{"access_token":"access-1","refresh_token":"refresh-1","last_refresh":"old","mine":1}"#;

/// A login that was renewed twice.
async fn renewed_twice() -> (World, Arc<MemoryStore>, Arc<Provider>) {
    let (world, store, provider) = stored_world(FIRST);
    for _ in 0..2 {
        world.conductor.renew(&ID).await.unwrap();
    }
    (world, store, provider)
}

/// What the store has, and what of it serves.
fn tokens(world: &World, store: &MemoryStore) -> (String, String) {
    (store.text("x.json", "refresh_token").unwrap(), token(world))
}

fn both(number: u32) -> (String, String) {
    (format!("refresh-{number}"), format!("access-{number}"))
}

/// The edit of the old file is there, and nothing that it said of its tokens.
fn assert_mended(store: &MemoryStore) {
    let stored = store.get(&ID).unwrap();
    let document = stored.document();
    assert_eq!((document.integer("mine"), document.get("last_refresh")), (Some(1), None), "{document:?}");
    assert!(document.text(Document::LINEAGE).is_some());
}

fn without_note(stored: &Credential) -> Credential {
    let mut members = stored.document().as_map().clone();
    members.shift_remove(Document::LINEAGE).unwrap();
    stored.with_document(Document::new(members))
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_finds_an_old_file_goes_on_with_the_token_that_works() {
    let (world, store, provider) = renewed_twice().await;
    store.put(account("x.json", OLD));
    world.conductor.renew(&ID).await.unwrap();
    assert_eq!(tokens(&world, &store), both(4));
    assert_eq!(*provider.used.lock(), ["refresh-1", "refresh-2", "refresh-3"]);
    assert_mended(&store);
    assert!(!world.conductor.credential(&ID).unwrap().unsaved);
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_finds_an_old_file_saves_the_token_that_works_over_it() {
    let (world, store, provider) = renewed_twice().await;
    store.put(account("x.json", OLD));
    world.conductor.update(Arc::new(account("x.json", OLD)));
    assert_eq!(token(&world), "access-3");
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(tokens(&world, &store), both(3));
    assert_mended(&store);
    assert!(store.lease(&ID).await.is_ok());
    world.conductor.renew(&ID).await.unwrap();
    assert_eq!(tokens(&world, &store), both(4));
    assert_eq!(provider.used.lock().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_old_file_that_comes_while_the_provider_answers_does_not_take_the_place_of_the_answer() {
    for reloaded in [false, true] {
        let (world, store, provider) = renewed_twice().await;
        let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            store.put(account("x.json", OLD));
            if reloaded {
                world.conductor.update(Arc::new(account("x.json", OLD)));
            }
        });
        renewed.unwrap();
        sleep(120).await;
        assert_eq!(tokens(&world, &store), both(4));
        assert_mended(&store);
        assert_eq!(provider.used.lock().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_spent_while_an_old_file_cannot_be_written_over_and_that_is_tried_again() {
    let (world, store, provider) = renewed_twice().await;
    store.put(account("x.json", OLD));
    store.full.store(true, Ordering::SeqCst);
    let error = world.conductor.renew(&ID).await.unwrap_err();
    assert!(matches!(error, RenewError::Store { .. }), "{error}");
    assert!(error.to_string().contains("was not spent"), "{error}");
    assert_eq!((token(&world).as_str(), provider.used.lock().len()), ("access-3", 2));
    store.full.store(false, Ordering::SeqCst);
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(tokens(&world, &store), both(3));
    assert_mended(&store);
}

#[tokio::test(start_paused = true)]
async fn the_file_from_before_the_last_renewal_is_old_also_without_the_note() {
    for reloaded in [false, true] {
        let (world, store, provider) = stored_world(FIRST);
        world.conductor.renew(&ID).await.unwrap();
        let second = without_note(&store.get(&ID).unwrap());
        world.conductor.renew(&ID).await.unwrap();
        store.put(second.clone());
        if reloaded {
            // Somebody insists.
            for _ in 0..2 {
                store.put(second.clone());
                world.conductor.update(Arc::new(second.clone()));
                world.conductor.until_saved(&ID).await.unwrap();
                assert_eq!(tokens(&world, &store), both(3));
            }
        }
        world.conductor.renew(&ID).await.unwrap();
        assert_eq!(tokens(&world, &store), both(4));
        assert_eq!(provider.used.lock().len(), 3);
        let line = Lineage::of(store.get(&ID).unwrap().document()).unwrap();
        assert_eq!(line.place().1, 3, "the line goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_in_the_file_counts_also_where_the_note_of_the_old_token_was_kept() {
    for (reloaded, in_renewal) in [(false, false), (true, false), (false, true), (true, true)] {
        let (world, store, provider) = renewed_twice().await;
        let changes = json!({"access_token": "access-9", "refresh_token": "refresh-9"});
        let Value::Object(changes) = changes else { unreachable!() };
        let stored = store.get(&ID).unwrap();
        let login = stored.with_document(stored.document().merged(changes));
        let comes = || {
            store.put(login.clone());
            if reloaded {
                world.conductor.update(Arc::new(login.clone()));
            }
        };
        if in_renewal {
            let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                comes();
            });
            renewed.unwrap();
        } else {
            comes();
            if !reloaded {
                world.conductor.renew(&ID).await.unwrap();
            }
        }
        sleep(120).await;
        assert_eq!(tokens(&world, &store), both(9));
        assert_eq!(provider.used.lock().len(), 2 + usize::from(in_renewal));
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_provider_has_rejected_the_current_token_an_old_file_is_as_good_as_any() {
    let (world, store, provider) = renewed_twice().await;
    provider.used.lock().push("refresh-3".to_owned());
    let error = world.conductor.renew(&ID).await.unwrap_err();
    assert!(matches!(error, RenewError::NeedsLogin { .. }), "{error}");
    store.put(account("x.json", OLD));
    world.conductor.update(Arc::new(account("x.json", OLD)));
    sleep(120).await;
    assert_eq!(tokens(&world, &store), both(1));
}

#[tokio::test(start_paused = true)]
async fn an_old_file_that_comes_while_the_provider_rejects_the_current_token_is_not_spent() {
    let (world, store, provider) = renewed_twice().await;
    provider.used.lock().push("refresh-3".to_owned());
    let (renewed, ()) = tokio::join!(world.conductor.renew(&ID), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.put(account("x.json", OLD));
    });
    assert!(matches!(renewed, Err(RenewError::NeedsLogin { .. })), "{renewed:?}");
    assert_eq!(world.executor.refreshes(), 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_read_the_file_before_a_renewal_causes_no_writing() {
    let (world, store, _) = renewed_twice().await;
    let saves = store.saves.load(Ordering::SeqCst);
    world.conductor.update(Arc::new(account("x.json", FIRST)));
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(tokens(&world, &store), both(3));
    assert_eq!(store.saves.load(Ordering::SeqCst), saves);
}

#[tokio::test(start_paused = true)]
async fn a_note_that_another_program_did_not_keep_is_put_back() {
    for reloaded in [false, true] {
        let (world, store, _) = renewed_twice().await;
        let stored = store.get(&ID).unwrap();
        let note = stored.document().text(Document::LINEAGE).map(str::to_owned);
        let edit = Value::from(1);
        let edited = without_note(&stored);
        let edited =
            edited.with_document(edited.document().merged([("mine".to_owned(), edit)].into_iter().collect()));
        store.put(edited.clone());
        if reloaded {
            world.conductor.update(Arc::new(edited));
            world.conductor.until_saved(&ID).await.unwrap();
        } else {
            // Whatever becomes of the renewal.
            world.executor.refreshes_with(|_| Err(ExecutorError::new(ErrorKind::Timeout, "late")));
            world.conductor.renew(&ID).await.unwrap_err();
        }
        assert_mended(&store);
        assert_eq!(store.text("x.json", Document::LINEAGE), note);
        assert_eq!(tokens(&world, &store), both(3));
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_file_that_goes_before_it_is_written_over_costs_nothing() {
    let (world, store, provider) = renewed_twice().await;
    store.put(account("x.json", OLD));
    store.vanishes_after.store(1, Ordering::SeqCst);
    assert_eq!(world.conductor.renew(&ID).await.unwrap_err(), RenewError::Gone);
    assert!(world.conductor.credential(&ID).unwrap().unsaved);
    // It has another name by now.
    store.put(account("y.json", OLD));
    world.conductor.until_saved(&ID).await.unwrap();
    assert_eq!(store.text("y.json", "refresh_token").as_deref(), Some("refresh-3"));
    assert_eq!(provider.used.lock().len(), 2);
}

/// A login of another account that was renewed five times, in the same file.
fn of_another_account() -> Credential {
    let document = |text: &str| account("x.json", text).document().clone();
    let hash = |token: &str| {
        let document = document(&json!({"refresh_token": token}).to_string());
        Lineage::of(&document).unwrap().token().to_owned()
    };
    let note = format!("{}.5.{}", hash("refresh-45"), hash("refresh-50"));
    let theirs = json!({"access_token": "access-50", "refresh_token": "refresh-50", "refresh_lineage": note});
    account("x.json", &theirs.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_login_that_gave_its_file_to_another_account_for_a_while_is_no_old_one() {
    for (reloaded, noted) in [(false, true), (true, true), (false, false), (true, false)] {
        let (world, store, provider) = renewed_twice().await;
        let mut own = store.get(&ID).unwrap();
        if !noted {
            own = without_note(&own);
        }
        store.put(of_another_account());
        world.conductor.renew(&ID).await.unwrap();
        assert_eq!(tokens(&world, &store), both(50));
        // And back, as it was: that is the only copy of it.
        store.put(own.clone());
        if reloaded {
            world.conductor.update(Arc::new(own));
        } else {
            world.conductor.renew(&ID).await.unwrap();
        }
        sleep(120).await;
        assert_eq!(tokens(&world, &store), both(3), "reloaded {reloaded}, noted {noted}");
        world.conductor.renew(&ID).await.unwrap();
        assert_eq!(tokens(&world, &store), both(4));
        assert_eq!(*provider.used.lock(), ["refresh-1", "refresh-2", "refresh-3"]);
    }
}
