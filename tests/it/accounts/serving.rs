//! Served to every client, renewed on time and after a refusal, and listed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::world::{ALL, FUTURE, LONG, PAST, World, served};
use crate::client::clients;
use crate::server::command;

#[tokio::test]
async fn every_login_serves_every_client_whole_and_streamed() {
    let world = World::new(FUTURE).await;
    world.refuse_below(0);
    let server = world.server("").await;
    for login in &ALL {
        for client in clients() {
            for stream in [false, true] {
                served(&server, login, client, stream).await;
            }
        }
        assert_eq!(world.tokens.get(login.name).map_or(0, |tokens| tokens.redemptions().len()), 0);
    }
    let log = server.log();
    for secret in ["CANARY", "access-", "refresh-", "PRIVATE KEY"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn every_login_is_renewed_in_time_and_its_file_keeps_what_it_had() {
    let world = World::new(PAST).await;
    let before: Vec<Value> = ALL.iter().map(|login| world.stored(login)).collect();
    let server = world.server("").await;
    for (login, before) in ALL.iter().zip(&before) {
        if login.rotates {
            // Nobody asks for anything.
            while login.token_in(&world.stored(login), "access_token") != "access-1" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        served(&server, login, clients()[0], false).await;
        let after = world.stored(login);
        for (key, value) in before.as_object().unwrap() {
            let renewed = ["access_token", "refresh_token", "expired", "expires_at", "api_key", "token"];
            let stays = !login.rotates || !renewed.contains(&key.as_str());
            assert!(!stays || after[key] == *value, "{}: {key} is lost: {after}", login.name);
        }
        let Some(tokens) = world.tokens.get(login.name) else {
            assert_eq!(after, *before, "{}: short-lived tokens stay in memory", login.name);
            continue;
        };
        assert_eq!(login.token_in(&after, "refresh_token"), "refresh-1", "{}", login.name);
        assert_eq!(tokens.redemptions().len(), 1, "{}", login.name);
    }
    // Nothing is due again before its time.
    assert!(LONG > 0 && world.tokens.values().all(|tokens| tokens.reuses() == 0));
}

#[tokio::test]
async fn every_login_is_renewed_after_a_refusal_and_the_client_sees_nothing_of_it() {
    let world = World::new(FUTURE).await;
    let server = world.server("").await;
    for login in &ALL {
        for stream in [false, true] {
            served(&server, login, clients()[1], stream).await;
        }
        if let Some(tokens) = world.tokens.get(login.name) {
            assert_eq!(tokens.redemptions().len(), 1, "{}: one renewal serves all", login.name);
            assert_eq!(login.token_in(&world.stored(login), "access_token"), "access-1", "{}", login.name);
        }
        // A second refusal, later.
        world.terms[login.name].floor.store(2, Ordering::SeqCst);
        served(&server, login, clients()[0], false).await;
    }
}

#[tokio::test]
async fn every_login_is_listed_and_none_of_its_tokens_is_shown() {
    let world = World::new(FUTURE).await;
    let home = TempDir::new().unwrap();
    let yaml = format!("host: 127.0.0.1\nauth-dir: '{}'\n{}", world.folder().display(), world.yaml());
    std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
    for arguments in [&["credentials"][..], &["credentials", "--json"]] {
        let done = command(&home, arguments).output().await.unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{said}");
        for login in &ALL {
            assert!(said.contains(login.name) && said.contains(&login.file_name()), "{}: {said}", login.name);
        }
        for secret in ["access-", "refresh-", "CANARY", "PRIVATE KEY", "key-of"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
        if arguments.len() == 2 {
            let rows: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(rows.as_array().unwrap().len(), ALL.len());
            assert!(rows.as_array().unwrap().iter().all(|row| row["state"] == "ready"), "{rows}");
        }
    }
}
