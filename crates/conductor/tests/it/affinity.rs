//! Conversations stay where the prompt cache is. Source: design.md §6, runtime.md D.3, L.2 29.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_conductor::{AffinityOptions, Options};
use cliproxy_core::*;

use crate::fakes::{Play, World, key, request, sleep, world};

async fn say(world: &World, who: &str, session: &str, weak: bool) -> Dispatched {
    let request =
        request("m").with_principal(Principal::new(who)).with_session(Some((SessionKey::new(session), weak)));
    world.conductor.dispatch(request).await
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_on_its_credential() {
    let world = world(Options::default());
    world.keys(&["a", "b", "c"]);
    for _ in 0..4 {
        assert!(say(&world, "me", "one", false).await.result.is_ok());
        assert!(say(&world, "me", "two", true).await.result.is_ok());
        // Another client's session of the same name is another conversation.
        assert!(say(&world, "you", "one", false).await.result.is_ok());
    }
    assert_eq!(world.script.tried().concat(), "abcabcabcabc");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_moves_when_its_credential_is_blocked_and_stays_there() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    sleep(60).await;
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    assert_eq!(world.script.tried(), ["a", "a", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_binding_outranks_priority_while_its_credential_is_ready() {
    let world = world(Options::default());
    world.keys(&["a"]);
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    world.add(key("b", |settings| settings.priority = 9));
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    assert!(say(&world, "me", "new", false).await.result.is_ok());
    assert_eq!(world.script.tried(), ["a", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_conversation_is_forgotten() {
    let mut options = Options::default();
    options.affinity = Some(AffinityOptions::default().with_ttl(Duration::from_secs(60)));
    let world = world(options);
    world.keys(&["a", "b"]);
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    sleep(59).await;
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    sleep(60).await;
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    assert_eq!(world.script.tried(), ["a", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_switched_off() {
    let mut options = Options::default();
    options.affinity = None;
    let world = world(options);
    world.keys(&["a", "b"]);
    for _ in 0..4 {
        assert!(say(&world, "me", "one", false).await.result.is_ok());
    }
    assert_eq!(world.script.tried(), ["a", "b", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_weak_name_goes_elsewhere_under_load_and_comes_back() {
    let mut options = Options::default();
    let mut affinity = AffinityOptions::default();
    affinity.weak_in_flight = 2;
    options.affinity = Some(affinity);
    let world = Arc::new(world(options));
    world.keys(&["a", "b"]);
    for name in ["weak", "b's", "strong"] {
        assert!(say(&world, "me", name, name == "weak").await.result.is_ok());
    }
    // "weak" and "strong" are bound to a, which now serves two streams.
    world.script.next("a", [Play::Stream, Play::Stream]);
    let busy = [say(&world, "me", "strong", false).await, say(&world, "me", "strong", false).await];
    world.script.tried();
    assert!(say(&world, "me", "weak", true).await.result.is_ok());
    assert!(say(&world, "me", "strong", false).await.result.is_ok());
    assert_eq!(world.script.tried(), ["b", "a"]);
    drop(busy);
    assert!(say(&world, "me", "weak", true).await.result.is_ok());
    assert_eq!(world.script.tried(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_binding_to_a_credential_that_is_gone_harms_nobody() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    world.conductor.remove(&CredentialId::new("a"));
    assert!(say(&world, "me", "one", false).await.result.is_ok());
    assert_eq!(world.script.tried(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_estimate_ties_a_conversation_to_nobody() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Estimate]);
    for _ in 0..3 {
        assert!(say(&world, "me", "one", false).await.result.is_ok());
    }
    assert_eq!(world.script.tried(), ["a", "b", "b"]);
}
