//! Many threads, everything at once: nothing deadlocks, nothing is lost.

use std::sync::Arc;

use cliproxy_conductor::{Options, Strategy};
use cliproxy_core::*;
use tokio_util::task::TaskTracker;

use crate::fakes::{Play, account, key, request, world};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_registrations_reloads_and_renewals_do_not_get_in_each_others_way() {
    let world = Arc::new(world(Options::default()));
    world.keys(&["a", "b", "c", "stays"]);
    world.add(account("x.json", r#"{"access_token":"1"}"#));
    world.executor.refreshes_with(|credential| Ok(credential.clone()));
    world.conductor.start();
    let tasks = TaskTracker::new();
    let mut handles = Vec::new();
    for worker in 0..4_usize {
        let world = Arc::clone(&world);
        handles.push(tasks.spawn(async move {
            for turn in 0..200_usize {
                world.script.next("b", [Play::AccountLimit(1)]);
                let session = Some((SessionKey::new((turn % 7).to_string()), turn % 2 == 0));
                let answer = world.conductor.dispatch(request("m").with_session(session)).await;
                // "stays" never fails and never goes.
                assert!(answer.result.is_ok(), "{worker} {turn}: {}", answer.explanation);
            }
        }));
    }
    let churn = Arc::clone(&world);
    handles.push(tasks.spawn(async move {
        for turn in 0..200_i64 {
            churn.conductor.remove(&CredentialId::new("a"));
            churn.add(key("a", |settings| settings.priority = turn % 3));
            churn.conductor.update(Arc::new(key("c", |settings| settings.disabled = turn % 2 == 0)));
            let mut options = Options::default();
            options.strategy =
                [Strategy::RoundRobin, Strategy::FillFirst, Strategy::Weighted][turn as usize % 3].clone();
            churn.conductor.reconfigure(options);
            tokio::task::yield_now().await;
        }
    }));
    let watch = Arc::clone(&world);
    handles.push(tasks.spawn(async move {
        for _ in 0..200 {
            assert!(!watch.conductor.models().is_empty());
            assert!(watch.conductor.credentials().len() >= 4);
            assert!(watch.conductor.pick("m").is_some());
            let _renewed = watch.conductor.renew(&CredentialId::new("x.json")).await;
            tokio::task::yield_now().await;
        }
    }));
    for handle in handles {
        handle.await.unwrap();
    }
    for status in world.conductor.credentials() {
        assert_eq!(status.in_flight, 0, "{}", status.masked_id);
    }
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_finds_the_one_ready_key_among_many() {
    let world = world(Options::default());
    let ids: Vec<String> = (0..1000).map(|n| format!("k{n:04}")).collect();
    for id in &ids {
        world.add(key(id, |_| {}));
        if id != "k0777" {
            world.script.next(id, [Play::Reply(429, Some(600), "{}")]);
        }
    }
    assert_eq!(world.ask("m").await.credential.as_deref(), Some("k0777"));
    assert_eq!(world.script.tried().len(), 778);
    // From now on it is found at once.
    world.script.always("k0777", Play::Whole);
    for id in ids.iter().skip(778) {
        let answer = world.ask("m").await;
        assert_eq!(answer.credential.as_deref(), Some("k0777"), "{id}");
    }
}
