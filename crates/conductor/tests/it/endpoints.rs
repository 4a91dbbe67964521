//! What an endpoint is, and how far its faults reach. Source: design.md §6 "faults of an endpoint".

use std::time::Duration;

use cliproxy_conductor::{Options, Strategy};
use cliproxy_core::{CredentialId, Dispatcher as _, ErrorKind, Secret};
use http::StatusCode;

use crate::fakes::{Play, World, key, sleep, world};

/// Requests get one round, and nothing cools: what is left is what endpoints do.
pub fn options() -> Options {
    let mut options = Options::default();
    options.request_retry = 0;
    options.disable_cooling = true;
    options
}

fn behind(world: &World, id: &'static str, proxy: &str) {
    world.add(key(id, |settings| settings.proxy = Some(Secret::from(proxy))));
}

/// How long the endpoint is left alone, as the client is told. Nobody was asked.
pub async fn rests(world: &World, model: &str) -> Option<Duration> {
    world.script.tried();
    let error = world.ask(model).await.result.unwrap_err();
    assert_eq!(world.script.tried(), Vec::<String>::new());
    assert_eq!(error.status, StatusCode::SERVICE_UNAVAILABLE);
    error.retry_after
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_faults_is_one_outage() {
    let world = world(options());
    world.keys(&["a"]);
    world.script.always("a", Play::After(Duration::from_secs(1), Box::new(Play::Fail(ErrorKind::Connect))));
    let asked = futures_util::future::join_all((0..14).map(|_| world.ask("m"))).await;
    assert!(asked.iter().all(|answer| answer.result.is_err()));
    assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)));
    // A probe that fails does say something new.
    sleep(2).await;
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(4)));
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_when_an_endpoint_was_found_down_does_not_prolong_its_rest() {
    let world = world(options());
    world.keys(&["a"]);
    let after = |secs, play| Play::After(Duration::from_secs(secs), Box::new(play));
    let fault = |secs| after(secs, Play::Fail(ErrorKind::Timeout));
    world.script.next("a", (0..10).map(|_| fault(1)).chain((0..4).map(|_| fault(6))));
    world.script.next("a", [after(4, Play::Whole)]);
    tokio::join!(futures_util::future::join_all((0..14).map(|_| world.ask("m"))), async {
        // Open from 1 s to 3 s. The probe is not answered yet when the four come to their end.
        sleep(4).await;
        tokio::join!(async { assert!(world.ask("m").await.result.is_ok()) }, async {
            sleep(3).await;
            assert!(world.ask("m").await.result.is_ok());
        });
    });
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_overloaded_takes_no_other_along() {
    for (status, kind) in [(503, ErrorKind::Server), (529, ErrorKind::Overloaded)] {
        let world = world(options());
        let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        world.keys(&ids);
        for id in ids {
            world.script.always(&format!("{id}/m"), Play::Reply(status, None, "{}"));
        }
        for _ in 0..4 {
            assert!(world.ask("m").await.result.is_err());
        }
        assert_eq!(world.script.tried().len(), 10, "{kind:?}: then it is left alone");
        assert!(world.ask("n").await.result.is_ok(), "{kind:?}: the other model is well");
        // The model itself is left alone, and looked at again.
        assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)), "{kind:?}");
        sleep(2).await;
        for id in ids {
            world.script.always(&format!("{id}/m"), Play::Whole);
        }
        assert!(world.ask("m").await.result.is_ok());
        assert!(world.ask("m").await.result.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_pool_of_models_the_one_that_is_well_goes_on() {
    let world = world(options());
    let pool = |settings: &mut cliproxy_core::Settings| {
        settings.models = ["x", "y"].map(|name| cliproxy_core::ModelEntry::new(name, "both")).to_vec();
    };
    world.add(key("a", pool));
    world.script.always("a/x", Play::Reply(503, None, "{}"));
    for _ in 0..40 {
        assert!(world.ask("both").await.result.is_ok());
    }
    let to_x = world.script.seen().iter().filter(|seen| seen.model == "x").count();
    assert_eq!(to_x, 10, "then it is left alone");
    world.script.always("a/y", Play::Reply(503, None, "{}"));
    for _ in 0..10 {
        assert!(world.ask("both").await.result.is_err());
    }
    assert!(rests(&world, "both").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dead_proxy_of_one_credential_costs_the_others_nothing() {
    let world = world(options());
    behind(&world, "a", "http://dead.example:1");
    world.keys(&["b"]);
    world.script.always("a", Play::Fail(ErrorKind::Connect));
    for _ in 0..100 {
        assert!(world.ask("m").await.result.is_ok());
    }
    let tried = world.script.tried();
    let dead = tried.iter().filter(|id| *id == "a").count();
    assert_eq!(dead, 10, "then the way through it is left alone");
    // The proxy is back.
    sleep(2).await;
    world.script.always("a", Play::Whole);
    for _ in 0..4 {
        assert!(world.ask("m").await.result.is_ok());
    }
    assert_eq!(world.script.tried(), ["a", "b", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_move_to_another_endpoint_does_not_cost_what_a_second_try_at_one_does() {
    let mut few = options();
    few.strategy = Strategy::FillFirst;
    few.retry_budget.reserve = 0;
    few.retry_budget.percent = 0;
    few.breaker.threshold = 0;
    let world = world(few);
    behind(&world, "a", "http://dead.example:1");
    behind(&world, "b", "http://dead.example:2");
    world.keys(&["c"]);
    for id in ["a", "b"] {
        world.script.always(id, Play::Fail(ErrorKind::Connect));
    }
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(world.script.tried(), ["a", "b", "c"]);
    // What a provider answered is no fault of the way to it: the next one asks the same provider again.
    world.script.always("a", Play::Reply(503, None, "{}"));
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a"]);
    // Nor is there a free second look through the same proxy.
    world.script.always("a", Play::Fail(ErrorKind::Connect));
    world.conductor.remove(&CredentialId::from_static("b"));
    world.conductor.remove(&CredentialId::from_static("c"));
    behind(&world, "d", "http://dead.example:1");
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_seen_through_many_proxies_does_not_multiply_the_load_either() {
    for play in [Play::Reply(503, None, "{}"), Play::Fail(ErrorKind::Connect)] {
        let mut few = options();
        few.retry_budget.reserve = 4;
        let world = world(few);
        for (id, proxy) in [("a", "http://p:1"), ("b", "http://p:2"), ("c", "http://p:3")] {
            behind(&world, id, proxy);
            world.script.always(id, play.clone());
        }
        for _ in 0..100 {
            assert!(world.ask("m").await.result.is_err());
        }
        let attempts = world.script.tried().len();
        assert!((10..=30).contains(&attempts), "{play:?}: {attempts}");
    }
}

/// Offers each upstream model under an alias; several under one make a pool.
fn offering(world: &World, id: &str, models: &[(&str, &str)], cools: bool) {
    world.add(key(id, |settings| {
        settings.models =
            models.iter().map(|(name, alias)| cliproxy_core::ModelEntry::new(*name, *alias)).collect();
        settings.limits.disable_cooling = Some(!cools);
    }));
}

/// One fault opens.
pub fn touchy() -> Options {
    let mut options = options();
    options.breaker.threshold = 1;
    options
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_may_not_ask_a_model_takes_nobodys_look_at_whether_it_is_well() {
    let mut options = touchy();
    options.strategy = Strategy::FillFirst;
    let world = world(options);
    offering(&world, "a", &[("x", "both"), ("y", "both")], true);
    offering(&world, "b", &[("x", "single")], false);
    // `a` has used up its quota of x for a minute.
    world.script.next("a/x", [Play::Reply(429, Some(60), "{}")]);
    assert!(world.ask("both").await.result.is_ok());
    world.script.next("b/x", [Play::Reply(503, None, "{}")]);
    assert!(world.ask("single").await.result.is_err());
    assert_eq!(rests(&world, "single").await, Some(Duration::from_secs(2)));
    sleep(2).await;
    for _ in 0..4 {
        // Whichever member of the pool the turn is at.
        assert!(world.ask("both").await.result.is_ok());
    }
    assert!(world.script.seen().iter().all(|seen| seen.credential == "a" && seen.model == "y"));
    assert!(world.ask("single").await.result.is_ok(), "the look is still to be had");
    assert_eq!(world.script.tried(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_pick_that_comes_to_nothing_leaves_the_look_at_the_way_to_others() {
    let world = world(touchy());
    offering(&world, "a", &[("x", "both"), ("y", "both")], true);
    offering(&world, "b", &[("z", "b")], false);
    offering(&world, "c", &[("y", "c")], false);
    world.script.next("a/x", [Play::Reply(429, Some(60), "{}")]);
    assert!(world.ask("both").await.result.is_ok());
    // y rests for longer than the way does: from 2 s to 6 s, and from 3 s to 5 s.
    world.script.next("c", [Play::Reply(503, None, "{}"), Play::Reply(503, None, "{}")]);
    assert!(world.ask("c").await.result.is_err());
    sleep(2).await;
    assert!(world.ask("c").await.result.is_err());
    sleep(1).await;
    world.script.next("b", [Play::Fail(ErrorKind::Connect)]);
    assert!(world.ask("b").await.result.is_err());
    assert_eq!(rests(&world, "b").await, Some(Duration::from_secs(2)));
    sleep(2).await;
    assert!(world.ask("both").await.result.is_err(), "x cools, y rests");
    assert_eq!(world.script.tried(), Vec::<String>::new());
    assert!(world.ask("b").await.result.is_ok());
    assert!(world.ask("b").await.result.is_ok(), "and the way is well again");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_the_retry_budget_does_not_allow_is_left_to_the_next_request() {
    let mut few = touchy();
    few.retry_budget.reserve = 0;
    few.retry_budget.percent = 0;
    let world = world(few);
    offering(&world, "a", &[("y", "both"), ("x", "both"), ("x", "single")], false);
    world.script.next("a/x", [Play::Reply(503, None, "{}")]);
    assert!(world.ask("single").await.result.is_err());
    sleep(2).await;
    world.script.tried();
    world.script.next("a/y", [Play::Reply(503, None, "{}")]);
    assert!(world.ask("both").await.result.is_err());
    let models: Vec<_> = world.script.seen().into_iter().map(|seen| seen.model).collect();
    assert_eq!(models, ["y"], "x would have been a second try at the same endpoint");
    assert!(world.ask("single").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_off_is_about_its_model_and_not_about_the_way() {
    // A whole reply breaks off before we have anything to give; a stream when its client had something.
    for (play, stream) in [
        (Play::Fail(ErrorKind::Interrupted), false),
        (Play::Broken(ErrorKind::Interrupted), true),
        (Play::Cut, true),
    ] {
        let world = world(options());
        world.keys(&["a"]);
        let late = || Play::After(Duration::from_secs(1), Box::new(play.clone()));
        world.script.next("a/m", (0..10).map(|_| late()));
        let ask = |_| world.conductor.dispatch(crate::fakes::request("m").with_stream(stream));
        for answer in futures_util::future::join_all((0..10).map(ask)).await {
            match answer.result {
                Ok(reply) => drop(crate::fakes::read(reply).await),
                Err(_) => assert!(!stream, "{play:?}"),
            }
        }
        assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)), "{play:?}");
        assert!(
            world.ask("n").await.result.is_ok(),
            "{play:?}: the host answered, and others there are well"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_dies_in_an_outage_says_nothing_of_the_way_there() {
    let world = world(options());
    world.keys(&["a"]);
    world.script.next("a", [Play::Broken(ErrorKind::Interrupted), Play::Broken(ErrorKind::Interrupted)]);
    let mut old = Vec::new();
    for _ in 0..2 {
        old.push(world.ask_stream("m").await.result.unwrap());
    }
    world.script.always("a", Play::Fail(ErrorKind::Connect));
    for _ in 0..10 {
        assert!(world.ask("m").await.result.is_err());
    }
    assert_eq!(rests(&world, "n").await, Some(Duration::from_secs(2)));
    drop(crate::fakes::read(old.remove(0)).await);
    assert_eq!(rests(&world, "n").await, Some(Duration::from_secs(2)));
    // Nor does one make the next rest as short as the first.
    sleep(2).await;
    drop(crate::fakes::read(old.remove(0)).await);
    assert!(world.ask("n").await.result.is_err());
    assert_eq!(rests(&world, "n").await, Some(Duration::from_secs(4)));
}

#[tokio::test(start_paused = true)]
async fn replies_that_a_dead_proxy_cuts_rest_nobody_who_goes_another_way() {
    let mut fill = options();
    fill.strategy = Strategy::FillFirst;
    let world = world(fill);
    behind(&world, "a", "http://dead.example:1");
    behind(&world, "b", "http://well.example:1");
    world.keys(&["c"]);
    world.script.next("a", (0..10).map(|_| Play::Broken(ErrorKind::Interrupted)));
    let streams = futures_util::future::join_all((0..10).map(|_| world.ask_stream("m"))).await;
    for stream in streams {
        drop(crate::fakes::read(stream.result.unwrap()).await);
    }
    world.script.tried();
    for id in ["b", "c"] {
        assert!(world.ask("m").await.result.is_ok());
        assert_eq!(world.script.tried(), [id], "only the way through the dead one is left alone");
        world.conductor.remove(&CredentialId::from_static(id));
    }
    assert_eq!(rests(&world, "m").await, Some(Duration::from_secs(2)));
}
