#![cfg(target_os = "linux")]

use std::error::Error;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use cliproxy_auth_store::FileStore;
use cliproxy_core::{CredentialStore, StoreErrorKind};
use serde_json::json;

use crate::support::{Fixture, changed, login, simple};

const OLD: &str = r#"{"type":"claude","access_token":"old"}"#;

/// The disk fails in the middle of a write: the child may write files of one block only.
#[tokio::test]
async fn a_disk_that_takes_no_more_leaves_the_old_file_and_says_which_it_was() {
    if let Some(directory) = std::env::var_os("AUTH_STORE_FULL_IN") {
        let store = FileStore::new(directory);
        let old = store.load(&"a.json".into()).await.unwrap().unwrap();
        let error =
            store.save(&changed(&old, json!({"access_token": "CANARY".repeat(20_000)}))).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Storage);
        assert_eq!(error.to_string(), "cannot save a.json");
        let cause = error.source().unwrap().to_string();
        assert!(!cause.contains("CANARY"), "{cause}");
        return;
    }
    let fixture = Fixture::with(&[("a.json", OLD)]);
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "failing_disk::a_disk_that_takes_no_more_leaves_the_old_file_and_says_which_it_was",
        ])
        .env("AUTH_STORE_FULL_IN", fixture.store.directory())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fixture.read("a.json"), OLD);
    assert_eq!(fixture.names(), ["a.json"], "the half-written file is gone");
}

/// Nobody, not even the superuser, may create files there.
const UNWRITABLE: &str = "/sys/kernel";

#[tokio::test]
async fn a_directory_that_may_not_be_written_is_a_failure_that_names_the_file() {
    let store = FileStore::new(UNWRITABLE);
    let error = store.save(&login("a.json", simple())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Storage);
    assert_eq!(error.to_string(), "cannot save a.json");
}

#[tokio::test]
async fn where_no_lock_file_can_be_made_a_lease_still_holds_within_the_process() {
    let store = FileStore::new(UNWRITABLE);
    let id = "a.json".into();
    let held = store.lease(&id).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(60), store.lease(&id)).await.is_err());
    drop(held);
    store.lease(&id).await.unwrap();
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_refused_and_kept() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("a.json")).unwrap();
    assert!(fixture.store.save(&login("a.json", simple())).await.is_err());
    assert!(fixture.path("a.json").is_dir());
    assert_eq!(fixture.names(), ["a.json"]);
}
