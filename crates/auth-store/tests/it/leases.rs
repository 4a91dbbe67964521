use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cliproxy_auth_store::FileStore;
use cliproxy_core::{CredentialId, CredentialStore};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Fixture, changed};

const START: &str = r#"{"type":"claude","generation":0,"mine":"kept"}"#;

/// What a renewal does: lease, read again, use up the single-use value, save.
async fn rotate(store: &FileStore, times: u64) {
    let id = CredentialId::new("a.json");
    for _ in 0..times {
        let _lease = store.lease(&id).await.unwrap();
        let now = store.load(&id).await.unwrap().unwrap();
        let generation = now.document().integer("generation").unwrap();
        store.save(&changed(&now, json!({"generation": generation + 1}))).await.unwrap();
    }
}

/// Runs once by itself, and eight times at once as the child of the test below.
#[tokio::test]
async fn rotations_in_one_process_count_every_generation() {
    if let Some(directory) = std::env::var_os("AUTH_STORE_ROTATE_IN") {
        rotate(&FileStore::new(directory), 20).await;
        return;
    }
    let fixture = Fixture::with(&[("a.json", START)]);
    rotate(&fixture.store, 20).await;
    assert_eq!(fixture.read("a.json"), "{\"type\":\"claude\",\"generation\":20,\"mine\":\"kept\"}\n");
}

#[test]
fn eight_processes_rotating_under_a_lease_lose_nothing() {
    let fixture = Fixture::with(&[("a.json", START)]);
    let children: Vec<_> = (0..8)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "leases::rotations_in_one_process_count_every_generation"])
                .env("AUTH_STORE_ROTATE_IN", fixture.store.directory())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(fixture.read("a.json"), "{\"type\":\"claude\",\"generation\":160,\"mine\":\"kept\"}\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_tasks_with_stores_of_their_own_lose_nothing() {
    let fixture = Arc::new(Fixture::with(&[("a.json", START)]));
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let fixture = Arc::clone(&fixture);
        tasks.spawn(async move {
            // Half of them share a store, half come as another process would.
            let own = FileStore::new(fixture.store.directory());
            rotate(if task % 2 == 0 { &fixture.store } else { &own }, 20).await;
        });
    }
    tasks.join_all().await;
    assert_eq!(fixture.read("a.json"), "{\"type\":\"claude\",\"generation\":160,\"mine\":\"kept\"}\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn saves_without_a_lease_keep_each_others_members() {
    let fixture = Arc::new(Fixture::with(&[("a.json", START)]));
    let loaded = fixture.load("a.json").await;
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let (fixture, loaded) = (Arc::clone(&fixture), loaded.clone());
        tasks.spawn(async move {
            let mut member = serde_json::Map::new();
            member.insert(format!("from-{task}"), json!(task));
            let next = loaded.with_document(loaded.document().merged(member));
            fixture.store.save(&next).await.unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(fixture.load("a.json").await.document().as_map().len(), 3 + 16);
}

#[tokio::test]
async fn a_lease_is_exclusive_between_stores_and_comes_back_when_dropped() {
    let fixture = Fixture::new();
    let (id, other) = (CredentialId::new("a.json"), CredentialId::new("b.json"));
    let stranger = FileStore::new(fixture.store.directory());
    let held = fixture.store.lease(&id).await.unwrap();
    for store in [&fixture.store, &stranger] {
        let waiting = tokio::time::timeout(Duration::from_millis(60), store.lease(&id)).await;
        assert!(waiting.is_err(), "held elsewhere");
        store.lease(&other).await.unwrap();
    }
    drop(held);
    stranger.lease(&id).await.unwrap();
    // A waiter that gave up has left nothing locked behind.
    fixture.store.lease(&id).await.unwrap();
}

#[tokio::test]
async fn a_lease_of_a_killed_process_is_free() {
    if let Some(directory) = std::env::var_os("AUTH_STORE_HOLD_IN") {
        let _lease = FileStore::new(directory).lease(&CredentialId::new("a.json")).await.unwrap();
        println!("held");
        std::future::pending::<()>().await;
    }
    let fixture = Fixture::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leases::a_lease_of_a_killed_process_is_free", "--nocapture"])
        .env("AUTH_STORE_HOLD_IN", fixture.store.directory())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    crate::crash::wait_for_lines(&mut child, "held", 1);
    let id = CredentialId::new("a.json");
    let waiting = tokio::time::timeout(Duration::from_millis(60), fixture.store.lease(&id)).await;
    assert!(waiting.is_err(), "the child holds it");
    child.kill().unwrap();
    child.wait().unwrap();
    fixture.store.lease(&id).await.unwrap();
}
