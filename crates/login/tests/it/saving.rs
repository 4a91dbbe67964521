//! A login over an older file of the same account.

use cliproxy_auth_store::FileStore;
use cliproxy_core::CredentialStore as _;
use serde_json::{Value, json as j};
use tempfile::TempDir;

use crate::support::{Scene, request};

#[tokio::test]
async fn what_the_user_added_to_a_file_survives_the_next_login() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(j!({"account": {"email_address": "me@example.com"}}));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("my own name.json");
    let old = r#"{"type":"claude","email":"me@example.com","access_token":"old","refresh_token":"dead","prefix":"team","proxy_url":"direct","x":{"y":1}}"#;
    std::fs::write(&path, old).unwrap();
    let store = FileStore::new(folder.path());
    let existing = store.list().await.unwrap().credentials;
    let mut request = request();
    request.existing = existing.clone();
    let login = scene.login("claude", request, &scene.willing()).await.unwrap();
    store.save(&login.into_credential(&existing)).await.unwrap();
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let json: Vec<_> = names.iter().filter(|name| name.to_str().unwrap().ends_with(".json")).collect();
    assert_eq!(json, ["my own name.json"], "no twin");
    let new: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        (&new["prefix"], &new["proxy_url"], &new["x"]["y"], &new["access_token"], &new["refresh_token"]),
        (&j!("team"), &j!("direct"), &j!(1), &j!("access-2"), &j!("refresh-2"))
    );
}
