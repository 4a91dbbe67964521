//! A refresh token that is rejected: what goes on serving, until when, and what mends it. Source: providers-b.md 1.4 "If
//! refresh fails while the token is still unexpired, keep using it"; providers-a.md 1.4 "permanent until the file changes".

use std::time::Duration;

use cliproxy_conductor::{Availability, CredentialStatus, RenewError};
use cliproxy_core::*;

use crate::fakes::{World, account, sleep};
use crate::renewal::{FIRST, expiring_in, stored_world};

const ID: CredentialId = CredentialId::from_static("x.json");

fn status(world: &World) -> CredentialStatus {
    world.conductor.credential(&ID).unwrap()
}

/// A world whose login is rejected at its next renewal.
fn rejecting(document: &str) -> World {
    let (world, _, provider) = stored_world(document);
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(600));
    provider.used.lock().push("refresh-1".to_owned());
    world.add(account("x.json", document));
    world
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
