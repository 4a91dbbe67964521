//! Looks at whether what was left alone is well again: one that finds nothing out is the next one's.

use std::time::Duration;

use cliproxy_core::ErrorKind;

use crate::endpoints::{rests, touchy};
use crate::fakes::{Play, World, sleep, world};

/// The way to the only credential is looked at next.
async fn half_open() -> World {
    let world = world(touchy());
    world.keys(&["a"]);
    world.script.next("a", [Play::Fail(ErrorKind::Connect)]);
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)));
    sleep(2).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_look_that_failed_for_reasons_of_its_own_is_the_next_ones() {
    for kind in
        [ErrorKind::InvalidRequest, ErrorKind::Misconfigured, ErrorKind::Cancelled, ErrorKind::Internal]
    {
        let world = half_open().await;
        world.script.next("a", [Play::Fail(kind)]);
        assert!(world.ask("m").await.result.is_err());
        assert!(world.ask("m").await.result.is_ok(), "{kind:?}");
        assert_eq!(world.script.tried(), ["a", "a"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_whose_client_goes_away_is_the_next_ones() {
    let world = half_open().await;
    world.script.next("a", [Play::Hang]);
    let second = Duration::from_secs(1);
    assert!(tokio::time::timeout(second, world.ask("m")).await.is_err());
    assert!(world.ask("m").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_under_way_is_still_the_only_one() {
    let world = half_open().await;
    world.script.next("a", [Play::After(Duration::from_secs(1), Box::new(Play::Whole))]);
    tokio::join!(async { assert!(world.ask("m").await.result.is_ok()) }, async {
        crate::fakes::settle().await;
        assert_eq!(world.script.tried(), ["a"]);
        assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)));
    });
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_off_leaves_the_look_at_the_way_to_the_next() {
    let world = half_open().await;
    world.script.next("a", [Play::Fail(ErrorKind::Interrupted)]);
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)), "it does tell of the model");
    assert!(world.ask("n").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn picking_without_asking_takes_nobodys_look() {
    let world = half_open().await;
    for _ in 0..3 {
        assert!(world.conductor.pick("m").is_some());
    }
    assert!(world.ask("m").await.result.is_ok());
}
