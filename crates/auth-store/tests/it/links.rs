#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use cliproxy_core::{CredentialId, CredentialStore, StoreErrorKind};
use serde_json::json;

use crate::support::{Fixture, changed, login, simple};

const TEXT: &str = r#"{"type":"claude","access_token":"a"}"#;

#[tokio::test]
async fn a_file_linked_from_outside_is_reported_and_neither_read_nor_written() {
    let fixture = Fixture::new();
    let outside = fixture.folder.path().join("outside.json");
    fs::write(&outside, TEXT).unwrap();
    symlink(&outside, fixture.path("a.json")).unwrap();
    symlink("nowhere.json", fixture.path("b.json")).unwrap();
    symlink("/dev/zero", fixture.path("c.json")).unwrap();
    symlink(fixture.folder.path(), fixture.path("up")).unwrap();

    let listing = fixture.store.list().await.unwrap();
    assert!(listing.credentials.is_empty());
    let names: Vec<&str> = listing.problems.iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!(names, ["a.json", "b.json", "c.json"]);
    for id in ["a.json", "b.json", "c.json", "up/outside.json"] {
        let error = fixture.store.load(&CredentialId::new(id)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::InvalidId, "{id}");
        let error = fixture.store.save(&login(id, simple())).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::InvalidId, "{id}");
        assert!(fixture.store.delete(&CredentialId::new(id)).await.is_err(), "{id}");
    }
    assert_eq!(fs::read_to_string(outside).unwrap(), TEXT);
}

/// Mounted secrets look so: the visible name is a link into a hidden folder of the same directory.
#[tokio::test]
async fn a_file_linked_from_inside_loads_once_and_is_written_through_the_link() {
    let fixture = Fixture::with(&[("..data/secret.json", TEXT), ("real.json", TEXT)]);
    symlink("..data/secret.json", fixture.path("mounted.json")).unwrap();
    symlink("real.json", fixture.path("twin.json")).unwrap();

    let listing = fixture.store.list().await.unwrap();
    let ids: Vec<&str> = listing.credentials.iter().map(|credential| credential.id().as_str()).collect();
    assert_eq!(ids, ["mounted.json", "real.json"]);
    assert_eq!(listing.problems.len(), 1);
    assert_eq!(listing.problems[0].name, "twin.json");

    let next = changed(&fixture.load("mounted.json").await, json!({"access_token": "b"}));
    fixture.store.save(&next).await.unwrap();
    assert!(fs::symlink_metadata(fixture.path("mounted.json")).unwrap().is_symlink());
    assert_eq!(fixture.read("..data/secret.json"), "{\"type\":\"claude\",\"access_token\":\"b\"}\n");

    assert!(fixture.store.delete(&CredentialId::new("mounted.json")).await.unwrap());
    assert!(!fixture.path("..data/secret.json").exists(), "the secret does not stay behind");
    assert!(fs::symlink_metadata(fixture.path("mounted.json")).is_err());
}

#[tokio::test]
async fn a_loop_of_linked_folders_ends() {
    let fixture = Fixture::with(&[("team/a.json", TEXT)]);
    symlink(fixture.store.directory(), fixture.path("team/again")).unwrap();
    assert_eq!(fixture.store.list().await.unwrap().credentials.len(), 1);
}

#[tokio::test]
async fn a_linked_auth_directory_is_fine() {
    let fixture = Fixture::with(&[("a.json", TEXT)]);
    let link = fixture.folder.path().join("link");
    symlink(fixture.store.directory(), &link).unwrap();
    let store = cliproxy_auth_store::FileStore::new(link);
    assert_eq!(store.list().await.unwrap().credentials.len(), 1);
    store.save(&login("b.json", simple())).await.unwrap();
    assert!(fixture.path("b.json").exists());
}
