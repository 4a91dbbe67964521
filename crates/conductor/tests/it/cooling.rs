//! What stays blocked, and what does not. Source: runtime.md D.6, D.7, L.2.

use std::sync::Arc;

use cliproxy_conductor::{Availability, CooldownCause, Options, Rest};
use cliproxy_core::*;

use crate::fakes::{Play, account, key, request, settle, sleep, world};

fn cause(state: Availability) -> Option<CooldownCause> {
    match state {
        Availability::CoolingDown { cause, .. } => Some(cause),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_ends_by_itself() {
    // As long as the provider says; an account that has to pay rests half an hour.
    for (status, said, rests) in [(429, Some(10), 10), (402, None, 1800)] {
        let world = world(Options::default());
        world.keys(&["a"]);
        world.script.next("a", [Play::Reply(status, said, "{}")]);
        assert!(world.ask("m").await.result.is_err());
        sleep(rests - 1).await;
        assert!(world.ask("m").await.result.is_err());
        sleep(1).await;
        assert!(world.ask("m").await.result.is_ok(), "{status}");
        assert_eq!(world.script.tried(), ["a", "a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_limit_spares_the_other_models_and_an_account_limit_does_not() {
    // L.2 24.
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(cause(world.state("a", "m")), Some(CooldownCause::Quota));
    assert!(world.ask("n").await.result.is_ok());
    world.script.next("a", [Play::AccountLimit(60)]);
    assert!(world.ask("n").await.result.is_err());
    assert!(!world.is_ready("a", "m"));
    assert_eq!(cause(world.state("a", "n")), Some(CooldownCause::CredentialQuota));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_began_before_a_limit_does_not_lift_it() {
    // L.2 24.
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next(
        "a",
        [
            Play::After(std::time::Duration::from_secs(5), Box::new(Play::Whole)),
            Play::After(std::time::Duration::from_secs(1), Box::new(Play::AccountLimit(60))),
        ],
    );
    let (slow, fast) = tokio::join!(world.ask("m"), world.ask("m"));
    assert!(slow.result.is_ok() && fast.result.is_err());
    assert_eq!(cause(world.state("a", "m")), Some(CooldownCause::CredentialQuota));
}

#[tokio::test(start_paused = true)]
async fn prefix_alias_and_suffix_share_one_state() {
    // L.2 13; [H] of C.4: the state belongs to the provider's model.
    let world = world(Options::default());
    world.add(key("a", |settings| settings.prefix = Some("team".to_owned())));
    world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
    assert!(world.ask("team/m(high)").await.result.is_err());
    for name in ["m", "m(low)", "team/m"] {
        assert!(world.ask(name).await.result.is_err(), "{name}");
    }
    assert_eq!(world.script.tried(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn disabled_cooling_is_overridden_by_the_credential_in_both_directions() {
    // L.2 17, 20.
    for (global, own, cools) in
        [(false, None, true), (true, None, false), (true, Some(false), true), (false, Some(true), false)]
    {
        let mut options = Options::default();
        options.disable_cooling = global;
        let world = world(options);
        world.add(key("a", |settings| settings.limits.disable_cooling = own));
        world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
        assert!(world.ask("m").await.result.is_err());
        assert_eq!(!world.is_ready("a", "m"), cools, "{global} {own:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_long_limit_is_probed_by_one_request_after_half_an_hour() {
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(86_400), "{}")]);
    assert!(world.ask("m").await.result.is_err());
    sleep(1800).await;
    world.script.tried();

    // One probes, the other is told to come back; the probe fails and the window opens again.
    let slow = std::time::Duration::from_secs(3);
    world.script.next("a", [Play::After(slow, Box::new(Play::Reply(429, Some(86_400), "{}")))]);
    let (probe, other) = tokio::join!(world.ask("m"), world.ask("m"));
    assert!(probe.result.is_err());
    assert_eq!(other.result.unwrap_err().kind, ClientErrorKind::ModelCooldown);
    assert_eq!(world.script.tried(), ["a"]);
    sleep(1799).await;
    assert!(!world.is_ready("a", "m"));
    sleep(1).await;

    // A probe that is let in opens it for all, before its stream has ended.
    world.script.next("a", [Play::Stream]);
    let stream = world.ask_stream("m").await;
    assert_eq!(world.state("a", "m"), Availability::Ready);
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_client_goes_away_leaves_its_place_to_the_next() {
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(86_400), "{}"), Play::Hang]);
    assert!(world.ask("m").await.result.is_err());
    sleep(1800).await;
    let conductor = Arc::clone(&world.conductor);
    let probe = tokio::time::timeout(std::time::Duration::from_secs(1), conductor.dispatch(request("m")));
    assert!(probe.await.is_err());
    assert!(world.ask("m").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn picking_by_hand_takes_no_probe_away() {
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(86_400), "{}")]);
    assert!(world.ask("m").await.result.is_err());
    assert!(world.conductor.pick("m").is_none());
    sleep(1800).await;
    for _ in 0..3 {
        assert_eq!(world.conductor.pick("m").unwrap().id().as_str(), "a");
    }
}

#[tokio::test(start_paused = true)]
async fn cooldowns_survive_an_edit_and_a_reload_but_not_being_switched_off() {
    // L.2 22.
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::Reply(429, Some(600), "{}")]);
    assert!(world.ask("m").await.result.is_err());

    world.conductor.reconfigure(Options::default());
    world.keys(&["b"]);
    world.add(key("a", |settings| settings.priority = 5));
    world.conductor.update(Arc::new(key("a", |settings| settings.label = "new".to_owned())));
    assert!(world.ask("m").await.result.is_ok());
    assert!(!world.is_ready("a", "m"));

    world.conductor.update(Arc::new(key("a", |settings| settings.disabled = true)));
    assert_eq!(world.state("a", "m"), Availability::Disabled);
    world.conductor.update(Arc::new(key("a", |_| {})));
    assert!(world.is_ready("a", "m"));
}

#[tokio::test(start_paused = true)]
async fn switching_cooling_off_ends_what_cools() {
    let world = world(Options::default());
    world.keys(&["a"]);
    world.add(key("b", |settings| settings.limits.disable_cooling = Some(false)));
    for id in ["a", "b"] {
        world.script.next(id, [Play::Reply(429, Some(600), "{}")]);
    }
    assert!(world.ask("m").await.result.is_err());
    let mut options = Options::default();
    options.disable_cooling = true;
    world.conductor.reconfigure(options);
    assert!(world.is_ready("a", "m"));
    assert!(!world.is_ready("b", "m"));
}

#[tokio::test(start_paused = true)]
async fn switching_one_credentials_cooling_off_ends_what_cools_there() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    for id in ["a", "b"] {
        world.script.next(id, [Play::Reply(429, Some(600), "{}")]);
    }
    assert!(world.ask("m").await.result.is_err());
    world.conductor.update(Arc::new(key("a", |settings| settings.limits.disable_cooling = Some(true))));
    assert!(world.is_ready("a", "m"));
    assert!(!world.is_ready("b", "m"));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_cooling_is_off_takes_over_no_cooldown_of_the_one_before() {
    // What a rule of the operator's own says is not governed by it.
    for (cause, still) in [(CooldownCause::Quota, false), (CooldownCause::Rule, true)] {
        for (global, own, rested) in
            [(false, None, true), (true, None, still), (true, Some(false), true), (false, Some(true), still)]
        {
            let mut options = Options::default();
            options.disable_cooling = global;
            let world = world(options);
            world.add(key("a", |settings| settings.limits.disable_cooling = own));
            let until = world.conductor.now().plus(std::time::Duration::from_secs(600));
            let rests = [(CredentialId::new("a"), vec![Rest::new(Some("m".into()), until, cause)])];
            world.conductor.restore_rests(&rests.into_iter().collect());
            assert_eq!(!world.is_ready("a", "m"), rested, "{cause:?} {global} {own:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn new_tokens_in_the_file_end_what_the_old_ones_were_refused_for() {
    let world = world(Options::default());
    world.add(account("x.json", r#"{"access_token":"old"}"#));
    world.script.always("x.json", Play::Reply(401, None, "{}"));
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(cause(world.state("x.json", "m")), Some(CooldownCause::Unauthorized));
    world.conductor.update(Arc::new(account("x.json", r#"{"access_token":"old","note":"mine"}"#)));
    assert!(!world.is_ready("x.json", "m"));
    world.conductor.update(Arc::new(account("x.json", r#"{"access_token":"new"}"#)));
    assert!(world.is_ready("x.json", "m"));
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_can_forget_the_cooldowns() {
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::AccountLimit(600)]);
    assert!(world.ask("m").await.result.is_err());
    assert!(world.conductor.reset_cooldowns(&CredentialId::new("a")));
    assert!(!world.conductor.reset_cooldowns(&CredentialId::new("unknown")));
    assert!(world.ask("m").await.result.is_ok());
}

/// How long a credential cools from now on for `m`, in seconds.
fn cools(world: &crate::fakes::World, id: &str) -> u64 {
    let now = world.conductor.now();
    match world.state(id, "m") {
        Availability::CoolingDown { until, .. } => {
            until.since(now).as_millis().div_ceil(1000).try_into().unwrap()
        }
        _ => 0,
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_reply_is_no_outage_where_there_is_only_one_credential() {
    for failure in
        [Play::Reply(500, None, "{}"), Play::Reply(529, None, "{}"), Play::Broken(ErrorKind::Server)]
    {
        let world = world(Options::default());
        world.keys(&["a"]);
        world.script.next("a", [failure.clone()]);
        if let Ok(reply @ UpstreamReply::Stream(_)) = world.ask_stream("m").await.result {
            crate::fakes::read(reply).await;
        }
        assert_eq!(cools(&world, "a"), 1, "{failure:?}");
        assert_eq!(cause(world.state("a", "m")), Some(CooldownCause::Transient));
        // Clients are told when to come back, and who does is served.
        let told = world.ask("m").await.result.unwrap_err();
        assert_eq!(
            (told.kind, told.retry_after.map(|wait| wait.as_secs())),
            (ClientErrorKind::ModelCooldown, Some(1))
        );
        sleep(1).await;
        assert!(world.ask("m").await.result.is_ok(), "{failure:?}");
        assert!(world.is_ready("a", "m"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_rests_of_the_last_credential_grow_to_the_usual_minute_and_a_success_ends_that() {
    let mut options = Options::default();
    options.breaker.threshold = 0;
    let world = world(options);
    world.keys(&["a"]);
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        world.script.next("a", [Play::Reply(500, None, "{}")]);
        assert!(world.ask("m").await.result.is_err());
        assert_eq!(cools(&world, "a"), expected);
        sleep(expected).await;
    }
    assert!(world.ask("m").await.result.is_ok());
    world.script.next("a", [Play::Reply(500, None, "{}")]);
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(cools(&world, "a"), 1);
}

#[tokio::test(start_paused = true)]
async fn in_a_pool_a_5xx_rests_a_minute_as_long_as_somebody_else_is_there() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(500, None, "{}")]);
    world.script.next("b", [Play::Reply(500, None, "{}")]);
    assert!(world.ask("m").await.result.is_err());
    // The second one was the last.
    assert_eq!((cools(&world, "a"), cools(&world, "b")), (60, 1));

    // Somebody of another provider, of a lower priority, counts too; one that is switched off does not.
    for (disabled, expected) in [(false, 60), (true, 1)] {
        let world = crate::fakes::world(Options::default());
        world.add(key("a", |settings| settings.priority = 1));
        let other = crate::fakes::FakeExecutor::new("other", &["m"]);
        world.add_to(&other, crate::fakes::key_of("other", "o", |settings| settings.disabled = disabled));
        world.script.next("a", [Play::Reply(503, None, "{}")]);
        let _answer = world.ask("m").await;
        assert_eq!(cools(&world, "a"), expected, "{disabled}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_says_and_what_the_operator_says_holds_for_the_last_credential_too() {
    for (hint, seconds, expected) in [(Some(7), 0, 7), (None, 3, 1), (None, -1, 0)] {
        let mut options = Options::default();
        options.backoff = options.backoff.with_transient_seconds(seconds);
        let world = world(options);
        world.keys(&["a"]);
        world.script.next("a", [Play::Reply(503, hint, "{}")]);
        assert!(world.ask("m").await.result.is_err());
        assert_eq!(cools(&world, "a"), expected, "{hint:?} {seconds}");
    }
}
