//! Renewals that leave the next one due at once: each spends a token that works once, so they are made ever more seldom.
//! Source: runtime.md D.13 `[H]` "30 s"; providers-a.md 5.4 `[V]`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cliproxy_conductor::Options;
use cliproxy_core::*;
use serde_json::{Value, json};

use crate::fakes::{WALL, World, account, sleep, world};
use crate::renewal::expiring_in;

const DAY: u64 = 24 * 3600;

/// A world whose renewals bring tokens that live so long from now on, or do not say; it leads by four hours.
fn world_of(lives: impl Fn() -> Option<u64> + Send + Sync + 'static) -> World {
    let world = world(Options::default());
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(4 * 3600));
    let began = tokio::time::Instant::now();
    world.executor.refreshes_with(move |credential| {
        let now = WALL.plus(began.elapsed());
        let mut members = json!({"access_token": "new", "last_refresh": now.to_rfc3339()});
        if let Some(lives) = lives() {
            members["expired"] = json!(now.plus(Duration::from_secs(lives)).to_rfc3339());
        }
        let Value::Object(members) = members else { panic!("an object") };
        Ok(credential.with_document(credential.document().merged(members)))
    });
    world
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_due_again_at_once_is_renewed_ever_more_seldom_and_not_2880_times_a_day() {
    for (lives, expected) in [
        // The old end stays: half a minute, doubled up to an hour.
        (None, 25..=32),
        (Some(1), 25..=32),
        // Shorter than the lead: at half its life.
        (Some(3600), 47..=50),
        (Some(12 * 3600), 3..=4),
    ] {
        let world = world_of(move || lives);
        world.conductor.start();
        world.add(account("x.json", &expiring_in(0)));
        sleep(DAY).await;
        let renewals = world.executor.refreshes();
        assert!(expected.contains(&renewals), "{lives:?}: {renewals}");
        world.conductor.shutdown().await;
    }
}

/// The file says when its token ends by a clock that is right, or by that of another machine; ours is hours off.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_costs_a_login_one_renewal_and_no_request() {
    let hour = 3600;
    for (what, ends, is_over) in [
        ("ours is ahead", -2 * hour, false),
        ("ours is behind", 6 * hour, true),
        ("ours is behind by years", 1_000_000 * hour, true),
    ] {
        // Eight hours from then on, by our clock: a lead of four.
        let world = world_of(|| Some(8 * 3600));
        world.conductor.start();
        world.add(account("x.json", &expiring_in(ends)));
        if is_over {
            *world.script.token.lock() = Some("new".to_owned());
        }
        for _ in 0..3 {
            assert!(world.ask("m").await.result.is_ok(), "{what}");
            sleep(60).await;
            assert_eq!(world.executor.refreshes(), 1, "{what}");
        }
        // Whatever was wrong, what the renewal brought is reckoned by our own clock.
        sleep(DAY - 180).await;
        assert!((6..=7).contains(&world.executor.refreshes()), "{what}: {}", world.executor.refreshes());
        assert!(world.ask("m").await.result.is_ok(), "{what}");
        world.conductor.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_bears_fruit_begins_the_ladder_anew() {
    let short = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&short);
    let world = world_of(move || Some(if asked.load(Ordering::SeqCst) { 1 } else { 7200 }));
    world.conductor.start();
    world.add(account("x.json", &expiring_in(0)));
    sleep(600).await;
    // At 0, 30, 90, 210, 450.
    assert_eq!(world.executor.refreshes(), 5);
    short.store(false, Ordering::SeqCst);
    sleep(600).await;
    assert_eq!(world.executor.refreshes(), 6, "at 930, for two hours");
    short.store(true, Ordering::SeqCst);
    // Due at half its life, at 4530; then half a minute later, and a minute after that.
    sleep(3500).await;
    assert_eq!(world.executor.refreshes(), 9);
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_lead_is_never_more_than_half_of_a_known_life() {
    for (last, end, due) in [
        (Some(-600), 3000, 1200),
        (Some(-600), 36_000, 21_600),
        (None, 36_000, 21_600),
        (Some(600), 300, 300),
    ] {
        let world = world_of(|| None);
        let mut document =
            json!({"access_token": "a", "refresh_token": "r", "expired": WALL.as_secs() + end});
        if let Some(last) = last {
            document["last_refresh"] = json!(WALL.as_secs() + last);
        }
        world.add(account("x.json", &document.to_string()));
        let status = world.conductor.credential(&CredentialId::new("x.json")).unwrap();
        assert_eq!(status.renewal_due, Some(WALL.plus(Duration::from_secs(due))), "{document}");
    }
}
