//! A refresh token that is rejected: what goes on serving, until when, and what mends it. Source: providers-b.md 1.4 "If
//! refresh fails while the token is still unexpired, keep using it"; providers-a.md 1.4 "permanent until the file changes".

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cliproxy_conductor::{Availability, CredentialStatus, RenewError};
use cliproxy_core::*;

use crate::fakes::{WALL, World, account, sleep};
use crate::renewal::{FIRST, MemoryStore, expiring_in, stored_world};

const ID: CredentialId = CredentialId::from_static("x.json");

fn status(world: &World) -> CredentialStatus {
    world.conductor.credential(&ID).unwrap()
}

/// A world whose login is rejected at its next renewal.
fn rejecting(document: &str) -> World {
    rejecting_stored(document).0
}

fn rejecting_stored(document: &str) -> (World, Arc<MemoryStore>) {
    let (world, store, provider) = stored_world(document);
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(600));
    provider.used.lock().push("refresh-1".to_owned());
    world.add(account("x.json", document));
    (world, store)
}

fn dead() -> RenewError {
    RenewError::NeedsLogin { message: "refresh token already used".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_login_serves_until_its_access_token_is_over() {
    let world = rejecting(&expiring_in(3600));
    world.conductor.start();
    sleep(3001).await;
    assert_eq!(world.executor.refreshes(), 1);
    // It is told at once, and goes on serving.
    assert_eq!((status(&world).renewal_error, status(&world).renewal_due), (Some(dead()), None));
    assert_eq!(world.state("x.json", "m"), Availability::Ready);
    assert!(world.ask("m").await.result.is_ok());
    // Others come and go meanwhile.
    world.keys(&["z"]);
    world.conductor.remove(&CredentialId::from_static("z"));
    sleep(590).await;
    assert!(world.ask("m").await.result.is_ok());
    sleep(10).await;
    let error = world.ask("m").await.result.unwrap_err();
    assert_eq!(error.kind, ClientErrorKind::Unavailable);
    assert!(error.message.contains("1 needs login"), "{}", error.message);
    assert_eq!((world.state("x.json", "m"), world.executor.refreshes()), (Availability::NeedsLogin, 1));
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_rejected_login_rests_for_good_when_its_access_token_is_refused() {
    // Whether it says how long it lives or not.
    for document in [expiring_in(3600), FIRST.to_owned()] {
        let world = rejecting(&document);
        assert_eq!(world.conductor.renew(&ID).await, Err(dead()));
        assert!(world.ask("m").await.result.is_ok(), "{document}");
        world.keys(&["z"]);
        *world.script.token.lock() = Some("another".to_owned());
        *world.script.spared.lock() = Some("z".to_owned());
        for _ in 0..2 {
            assert_eq!(world.ask("m").await.credential.as_deref(), Some("z"), "{document}");
        }
        assert_eq!((world.state("x.json", "m"), world.executor.refreshes()), (Availability::NeedsLogin, 1));
        // Not for half an hour: until somebody logs in.
        sleep(24 * 3600).await;
        assert_eq!(world.state("x.json", "m"), Availability::NeedsLogin, "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_401_whose_renewal_is_rejected_leaves_nothing_to_serve_with() {
    let world = rejecting(&expiring_in(3600));
    *world.script.token.lock() = Some("another".to_owned());
    assert_eq!(world.ask("m").await.result.unwrap_err().kind, ClientErrorKind::Unavailable);
    assert_eq!((world.state("x.json", "m"), world.executor.refreshes()), (Availability::NeedsLogin, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_login_without_a_token_to_call_with_rests_at_once() {
    let world = rejecting(r#"{"refresh_token":"refresh-1"}"#);
    assert_eq!(world.conductor.renew(&ID).await, Err(dead()));
    assert_eq!(world.state("x.json", "m"), Availability::NeedsLogin);
}

/// The file had one token, the store has another by now, and both are refused: what is known is known of the latter.
#[tokio::test(start_paused = true)]
async fn a_login_that_was_rotated_elsewhere_and_refused_all_the_same_is_asked_for_once() {
    let (world, store, provider) = stored_world(&expiring_in(3600));
    provider.used.lock().extend(["refresh-1".to_owned(), "refresh-9".to_owned()]);
    let stale = WALL.as_secs() - 60;
    let theirs = format!(r#"{{"access_token":"access-9","refresh_token":"refresh-9","expired":{stale}}}"#);
    // Stored while the provider refuses the first.
    let id = ID;
    let (refused, ()) = tokio::join!(world.conductor.renew(&id), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.put(account("x.json", &theirs));
    });
    assert_eq!((refused, world.executor.refreshes()), (Err(dead()), 2));
    // It rests by its own token's end, which is over; the first one's is an hour away.
    assert_eq!(world.state("x.json", "m"), Availability::NeedsLogin);
    // Neither a 401 nor a reload that finds it as it is asks again with a dead token.
    assert_eq!(world.conductor.renew(&ID).await, Err(dead()));
    world.add(account("x.json", &theirs));
    assert_eq!(world.conductor.renew(&ID).await, Err(dead()));
    assert_eq!(world.executor.refreshes(), 2);
}

/// A world whose login is renewed if its file says `client_secret: right`, or once that is no longer asked for.
fn particular(kind: ErrorKind) -> (World, Arc<MemoryStore>, Arc<AtomicBool>) {
    let (world, store) = rejecting_stored(&expiring_in(60));
    let asks = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&asks);
    world.executor.refreshes_with(move |credential| {
        let document = credential.document();
        if asked.load(Ordering::SeqCst) && document.text("client_secret") != Some("right") {
            return Err(ExecutorError::new(kind, "refused"));
        }
        let changes = serde_json::json!({"access_token": "access-2", "expired": WALL.as_secs() + 90_000});
        let serde_json::Value::Object(changes) = changes else { panic!("an object") };
        Ok(credential.with_document(document.merged(changes)))
    });
    (world, store, asks)
}

/// The file of [`particular`] with another secret, and the same tokens.
fn with_secret(secret: &str) -> Credential {
    let document = expiring_in(60).replacen('{', &format!("{{\"client_secret\":\"{secret}\","), 1);
    account("x.json", &document)
}

#[tokio::test(start_paused = true)]
async fn whatever_is_changed_in_a_rejected_logins_file_brings_a_new_try() {
    let (world, store, _) = particular(ErrorKind::InvalidGrant);
    world.conductor.start();
    sleep(120).await;
    assert_eq!((world.state("x.json", "m"), world.executor.refreshes()), (Availability::NeedsLogin, 1));
    // A reload that finds it as it was is no reason.
    world.add(account("x.json", &expiring_in(60)));
    sleep(1).await;
    assert_eq!((world.state("x.json", "m"), world.executor.refreshes()), (Availability::NeedsLogin, 1));
    store.put(with_secret("wrong"));
    world.add(with_secret("wrong"));
    sleep(1).await;
    assert_eq!((world.state("x.json", "m"), world.executor.refreshes()), (Availability::NeedsLogin, 2));
    store.put(with_secret("right"));
    world.add(with_secret("right"));
    sleep(1).await;
    assert_eq!((world.state("x.json", "m"), world.executor.refreshes()), (Availability::Ready, 3));
    assert_eq!(crate::renewal::token(&world), "access-2");
    assert_eq!(status(&world).renewal_error, None);
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_renewals_of_a_provider_go_by_may_change_without_its_logins() {
    // A login that was given up, and one that pauses.
    for kind in [ErrorKind::InvalidGrant, ErrorKind::Misconfigured] {
        let (world, _, asks) = particular(kind);
        world.conductor.start();
        sleep(1).await;
        let failed = world.executor.refreshes();
        assert!(failed > 0);
        asks.store(false, Ordering::SeqCst);
        world.conductor.reconsider(&ProviderId::from_static("another"));
        sleep(1).await;
        assert_eq!(world.executor.refreshes(), failed, "{kind:?}");
        world.conductor.reconsider(&ProviderId::from_static("p"));
        sleep(1).await;
        assert_eq!(
            (status(&world).renewal_error, world.executor.refreshes()),
            (None, failed + 1),
            "{kind:?}"
        );
        assert_eq!(world.state("x.json", "m"), Availability::Ready);
        world.conductor.shutdown().await;
    }
}
