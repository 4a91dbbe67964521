//! Token counts: what one says of a credential, and of the way to its provider. Estimates say nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cliproxy_conductor::{Availability, Options};
use cliproxy_core::{ClientErrorKind, ErrorKind};
use http::StatusCode;

use crate::endpoints::{options, rests, touchy};
use crate::fakes::{Play, World, key, sleep, world};

/// A count that `play` answers.
async fn counted(world: &World, play: Play) {
    world.script.next("a", [play]);
    assert!(world.count("m").await.result.is_ok());
}

async fn failed(world: &World, play: Play) -> Option<Duration> {
    world.script.next("a", [play]);
    world.ask("m").await.result.unwrap_err().retry_after
}

/// Two faults open.
fn world_of_two(counts: bool) -> World {
    let mut two = options();
    two.breaker.threshold = 2;
    let world = world(two);
    world.executor.counts.store(counts, Ordering::SeqCst);
    world.keys(&["a"]);
    world
}

#[tokio::test(start_paused = true)]
async fn an_estimate_does_not_say_that_an_endpoint_is_well() {
    for fault in [Play::Fail(ErrorKind::Connect), Play::Reply(503, None, "{}")] {
        let world = world_of_two(false);
        failed(&world, fault.clone()).await;
        counted(&world, Play::Estimate).await;
        failed(&world, fault.clone()).await;
        assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)), "{fault:?}");
        // Nor does one take the look at whether it is.
        sleep(2).await;
        counted(&world, Play::Estimate).await;
        failed(&world, fault.clone()).await;
        assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(4)), "{fault:?}");
        sleep(4).await;
        counted(&world, Play::Estimate).await;
        assert!(world.ask("m").await.result.is_ok(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_providers_count_says_that_the_way_is_well_and_nothing_of_the_model() {
    let world = world_of_two(true);
    for _ in 0..4 {
        failed(&world, Play::Fail(ErrorKind::Connect)).await;
        counted(&world, Play::Whole).await;
    }
    failed(&world, Play::Reply(503, None, "{}")).await;
    counted(&world, Play::Whole).await;
    failed(&world, Play::Reply(503, None, "{}")).await;
    assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)));
    counted(&world, Play::Whole).await;
    assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn counts_that_fail_rest_no_generation() {
    let world = world_of_two(true);
    for _ in 0..2 {
        world.script.next("a", [Play::Reply(503, None, "{}")]);
        assert!(world.count("m").await.result.is_err());
    }
    world.script.tried();
    assert!(world.count("m").await.result.is_err());
    assert_eq!(world.script.tried(), Vec::<String>::new(), "counts rest");
    assert!(world.ask("m").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_count_does_not_end_what_a_limit_on_generating_began() {
    for play in [Play::Estimate, Play::Whole] {
        let mut options = Options::default();
        options.request_retry = 0;
        let world = world(options);
        world.keys(&["a"]);
        for secs in [1, 2, 4, 8] {
            let retry_after = failed(&world, Play::Reply(429, None, "{}")).await;
            assert_eq!(retry_after, Some(Duration::from_secs(secs)), "{play:?}");
            sleep(secs).await;
            counted(&world, play.clone()).await;
        }
        // A longer rest than we take a provider's word for: then somebody has to look.
        failed(&world, Play::Reply(429, Some(36_000), "{}")).await;
        sleep(1800).await;
        counted(&world, play.clone()).await;
        let state = world.state("a", "m");
        assert!(matches!(state, Availability::HalfOpen { .. }), "{play:?}: {state:?}");
        assert!(world.ask("m").await.result.is_ok());
        assert_eq!(world.state("a", "m"), Availability::Ready);
    }
}

#[tokio::test(start_paused = true)]
async fn an_estimate_needs_nobody_who_is_ready() {
    let mut options = touchy();
    options.disable_cooling = false;
    let world = world(options);
    world.executor.counts.store(false, Ordering::SeqCst);
    world.keys(&["a"]);
    for fault in
        [Play::Reply(429, Some(60), "{}"), Play::Fail(ErrorKind::Connect), Play::Reply(401, None, "{}")]
    {
        assert!(failed(&world, fault.clone()).await.is_some());
        assert!(world.ask("m").await.result.is_err());
        counted(&world, Play::Estimate).await;
        assert!(world.ask("m").await.result.is_err(), "{fault:?}: which ends no rest");
        sleep(3600).await;
    }
    // One that cannot be made is tried once.
    failed(&world, Play::Fail(ErrorKind::Connect)).await;
    world.script.tried();
    world.script.next("a", [Play::Fail(ErrorKind::ModelNotSupported)]);
    assert!(world.count("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_credential_that_offers_the_model_there_is_no_estimate() {
    let world = world(touchy());
    world.executor.counts.store(false, Ordering::SeqCst);
    let unknown = world.count("m").await.result.unwrap_err();
    assert_eq!(unknown.kind, ClientErrorKind::ModelNotFound);
    world.add(key("a", |settings| settings.disabled = true));
    let refused = world.count("m").await.result.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    // Nor is one that is weighed out in use.
    let mut weighed = touchy();
    weighed.strategy = cliproxy_conductor::Strategy::Weighted;
    world.conductor.reconfigure(weighed);
    world.add(key("a", |settings| settings.weight = 0));
    assert!(world.count("m").await.result.is_err());
    world.conductor.reconfigure(touchy());
    // A provider that counts is asked, or nobody.
    world.executor.counts.store(true, Ordering::SeqCst);
    world.keys(&["a"]);
    failed(&world, Play::Fail(ErrorKind::Connect)).await;
    world.script.tried();
    let refused = world.count("m").await.result.unwrap_err();
    assert_eq!(
        (refused.status, refused.retry_after),
        (StatusCode::SERVICE_UNAVAILABLE, Some(Duration::from_secs(2)))
    );
    assert_eq!(world.script.tried(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_count_that_is_refused_keeps_no_generation_waiting() {
    let mut options = Options::default();
    options.request_retry = 3;
    let world = world(options);
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
    let refused = world.count("m").await.result.unwrap_err();
    assert_eq!(refused.retry_after, Some(Duration::from_secs(60)));
    assert_eq!(world.script.tried(), ["a"], "nor is it asked again at once");
    assert!(world.ask("m").await.result.is_ok());
    world.script.next("a", (0..3).map(|_| Play::Reply(503, Some(60), "{}")));
    assert!(world.count("m").await.result.is_err());
    assert!(world.ask("m").await.result.is_ok());
    // What holds for the whole account holds for both.
    world.script.next("a", [Play::AccountLimit(60)]);
    assert!(world.count("m").await.result.is_err());
    assert_eq!(world.ask("m").await.result.unwrap_err().retry_after, Some(Duration::from_secs(60)));
}
