//! Further rounds. Source: runtime.md D.5 [H], L.2 17 to 19.

use std::time::Duration;

use cliproxy_conductor::{Options, Strategy};
use cliproxy_core::{ClientErrorKind, CredentialId, ErrorKind};
use tokio::time::Instant;

use crate::fakes::{FakeExecutor, Play, key, key_of, read, sleep, world};

fn options(retry: u32, interval: u64) -> Options {
    let mut options = Options::default();
    options.request_retry = retry;
    options.max_retry_interval = Duration::from_secs(interval);
    options
}

#[tokio::test(start_paused = true)]
async fn a_round_waits_for_the_shortest_cooldown() {
    let world = world(options(1, 30));
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(429, Some(20), "{}")]);
    world.script.next("b", [Play::Reply(429, Some(10), "{}")]);
    let began = Instant::now();
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!(world.script.tried(), ["a", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_all_cooling_waits_too() {
    let world = world(options(1, 30));
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(20), "{}")]);
    assert!(world.ask("m").await.result.is_ok());
    world.script.next("a", [Play::Reply(429, Some(20), "{}"), Play::Reply(429, Some(20), "{}")]);
    assert!(world.ask("m").await.result.is_err());
    world.script.tried();
    let began = Instant::now();
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn no_round_waits_longer_than_allowed() {
    // L.2 19.
    for play in [Play::Reply(429, Some(31), "{}"), Play::Reply(500, Some(31), "{}")] {
        let world = world(options(3, 30));
        world.keys(&["a"]);
        world.script.next("a", [play.clone()]);
        let began = Instant::now();
        assert!(world.ask("m").await.result.is_err(), "{play:?}");
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(world.script.tried(), ["a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_interval_rounds_are_immediate_or_not_at_all() {
    // L.2 18.
    let mut immediate = options(3, 0);
    immediate.disable_cooling = true;
    let world = world(immediate);
    world.keys(&["a"]);
    world.script.always("a", Play::Reply(429, None, "{}"));
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a"; 4]);

    let world = crate::fakes::world(options(3, 0));
    world.keys(&["a"]);
    world.script.always("a", Play::Reply(429, None, "{}"));
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_credential_may_have_rounds_of_its_own() {
    // L.2 17.
    let mut all = options(0, 0);
    all.disable_cooling = true;
    let world = world(all);
    world.keys(&["a"]);
    world.add(key("b", |settings| settings.limits.request_retry = Some(2)));
    for id in ["a", "b"] {
        world.script.always(id, Play::Reply(429, None, "{}"));
    }
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a", "b", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_round_cannot_mend_gets_none() {
    for play in [Play::Reply(401, None, "{}"), Play::Reply(404, None, "{}"), Play::Reply(402, None, "{}")] {
        let mut all = options(3, 30);
        all.disable_cooling = true;
        let world = world(all);
        world.keys(&["a"]);
        world.script.always("a", play.clone());
        assert!(world.ask("m").await.result.is_err());
        assert_eq!(world.script.tried(), ["a"], "{play:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bootstrap_retries_are_rounds_for_streams_only() {
    let mut all = options(0, 0);
    all.bootstrap_retries = 1;
    let world = world(all);
    world.keys(&["a"]);
    world.script.next("a", [Play::Fail(ErrorKind::EmptyStream), Play::Stream]);
    assert_eq!(read(world.ask_stream("m").await.result.unwrap()).await.len(), 3);
    world.script.next("a", [Play::Fail(ErrorKind::EmptyStream)]);
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a"; 3]);
}

#[tokio::test(start_paused = true)]
async fn all_rounds_together_try_an_outage_three_times() {
    let mut all = options(10, 30);
    all.bootstrap_retries = 10;
    let world = world(all);
    world.keys(&["a"]);
    world.script.always("a", Play::Fail(ErrorKind::Connect));
    assert!(world.ask_stream("m").await.result.is_err());
    assert_eq!(world.script.tried().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_goes_while_a_request_waits_is_not_used() {
    let world = world(options(1, 30));
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(20), "{}")]);
    let (answer, ()) = tokio::join!(world.ask("m"), async {
        crate::fakes::sleep(5).await;
        world.conductor.remove(&cliproxy_core::CredentialId::new("a"));
        world.keys(&["b"]);
    });
    assert!(answer.result.is_ok());
    assert_eq!(world.script.tried(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_taken_away_during_the_wait_ends_the_request() {
    // Whether the request was refused itself, or found that others had been.
    for asked_before in [false, true] {
        let world = world(options(if asked_before { 3 } else { 0 }, 30));
        world
            .add(key("a", |settings| settings.limits.request_retry = Some(if asked_before { 0 } else { 3 })));
        // With `a` gone, this one's offer stands where that of `a` stood.
        world.add_to(&FakeExecutor::new("q", &["of-another"]), key_of("q", "b", |_| {}));
        world.script.next("a", [Play::Reply(429, Some(20), "{}")]);
        if asked_before {
            assert!(world.ask("m").await.result.is_err());
            assert!(world.conductor.update(std::sync::Arc::new(key("a", |_| {}))));
        }
        let (answer, ()) = tokio::join!(world.ask("m"), async {
            sleep(5).await;
            world.conductor.remove(&CredentialId::from_static("a"));
        });
        let error = answer.result.unwrap_err();
        assert_eq!(world.script.tried(), ["a"], "nobody else was asked for another model");
        let expected = if asked_before {
            (ClientErrorKind::ModelNotFound, 404)
        } else {
            // What happened to it says more.
            (ClientErrorKind::RateLimited, 429)
        };
        assert_eq!((error.kind, error.status.as_u16()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_switched_off_by_its_weight_does_not_count_as_ready() {
    let mut all = options(1, 30);
    all.strategy = Strategy::Weighted;
    let world = world(all);
    world.keys(&["a"]);
    world.add(key("b", |settings| settings.weight = 0));
    world.script.next("a", [Play::Reply(429, Some(10), "{}")]);
    let began = Instant::now();
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!((began.elapsed(), world.script.tried()), (Duration::from_secs(10), vec!["a".to_owned(); 2]));
    // And the client learns when the other is back.
    world.script.next("a", [Play::Reply(429, Some(40), "{}")]);
    let error = world.ask("m").await.result.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(40)));
}
