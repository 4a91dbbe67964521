//! Served to every client, renewed on time and after a refusal, and listed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cliproxy_testkit::FakeTokenEndpoint;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::table::{ALL, Login, number_of};
use super::world::{FUTURE, PAST, World, from_now, now, served, served_model};
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
        assert!(!login.writes() || world.renewals(login) == 0, "{}: renewed for nothing", login.name);
    }
    let log = server.log();
    for secret in ["CANARY", "access-", "refresh-", "PRIVATE KEY"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn every_login_that_is_over_is_renewed_unasked_and_its_file_keeps_what_it_had() {
    let world = World::new(PAST).await;
    let before: Vec<Value> = ALL.iter().map(|login| world.stored(login)).collect();
    let server = world.server("").await;
    for (login, before) in ALL.iter().zip(&before) {
        if login.writes() {
            // Nobody asks for anything.
            renewed(&world, login).await;
        }
        served(&server, login, clients()[0], false).await;
        let after = world.stored(login);
        if !login.writes() {
            assert_eq!(after, *before, "{}: short-lived tokens stay in memory", login.name);
            continue;
        }
        let new = ["access_token", "refresh_token", "expired", "expires_at", "api_key", "token"];
        for (key, value) in before.as_object().unwrap() {
            let stays = !new.contains(&key.as_str());
            assert!(!stays || after[key] == *value, "{}: {key} is lost: {after}", login.name);
        }
        if login.rotates() {
            assert_eq!(login.token_in(&after, "refresh_token"), login.refresh_token(1), "{}", login.name);
        }
    }
    // What is new lives longer than its lead: nothing is due again.
    for login in ALL.iter().filter(|login| login.writes()) {
        assert_eq!(world.renewals(login), 1, "{}: renewed again before its time", login.name);
    }
    assert!(world.tokens.values().all(|tokens| tokens.reuses() == 0));
}

/// Waits until the file has what the first renewal brings.
async fn renewed(world: &World, login: &Login) {
    let wait = async {
        while login.generation(&world.stored(login)) != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(done.is_ok(), "{} is not renewed", login.name);
}

#[tokio::test]
async fn every_login_is_renewed_its_lead_ahead_no_sooner_and_no_request_fails_meanwhile() {
    /// Less life than the lead leaves it with, and more.
    const UNDER: u64 = 60;
    const OVER: u64 = 600;
    let world = World::ending(|login| from_now(login.lead.saturating_sub(UNDER))).await;
    world.refuse_below(0);
    // A second account of each, which has longer to live. Its renewals would go elsewhere, and would be there at once.
    let too_soon = FakeTokenEndpoint::start(["refresh-0"]).await;
    for login in ALL.iter().filter(|login| login.writes()) {
        let more = json!({"prefix": format!("{}-other", login.name), "token_url": too_soon.url()});
        world.add_other(login, &from_now(login.lead + OVER), &more);
    }
    // Long enough that requests come while the answers are on their way.
    for tokens in world.tokens.values() {
        tokens.set_delays([Duration::from_secs(2)]);
    }
    // Long before any of them is over.
    let ends = now().plus(Duration::from_secs(100));
    let server = world.server("").await;
    let mut meanwhile = 0;
    for login in ALL.iter().filter(|login| login.writes()) {
        while world.renewals(login) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(now() < ends, "{} is not renewed while it lives", login.name);
        }
        served(&server, login, clients()[0], false).await;
        meanwhile += u32::from(login.generation(&world.stored(login)) == 0);
        renewed(&world, login).await;
        // It is in the file a moment before it is used.
        let spent = || world.api.requests().iter().rev().find_map(|request| number_of(&request.key));
        while spent() != Some(1) {
            served(&server, login, clients()[0], true).await;
            assert!(now() < ends, "{}: the new token is not used", login.name);
        }
    }
    assert!(meanwhile > 0, "something was served while its renewal was on its way");
    for login in ALL.iter().filter(|login| login.writes()) {
        served_model(&server, &format!("{}-other/{}", login.name, login.model), clients()[0], false).await;
        let other = world.stored_of(login, "other");
        assert_eq!(login.generation(&other), 0, "{}: renewed too soon", login.name);
        assert_eq!(world.renewals(login), 1, "{}", login.name);
        let strangers = world.terms[login.name].strangers.load(Ordering::SeqCst);
        assert_eq!(strangers, 0, "{}: a request had to fail first", login.name);
    }
    assert_eq!(too_soon.redemptions(), []);
    assert!(world.tokens.values().all(|tokens| tokens.reuses() == 0));
}

#[tokio::test]
async fn every_login_is_renewed_after_a_refusal_and_the_client_sees_nothing_of_it() {
    let world = World::new(FUTURE).await;
    let server = world.server("").await;
    for login in &ALL {
        for stream in [false, true] {
            served(&server, login, clients()[1], stream).await;
        }
        if login.writes() {
            assert_eq!(world.renewals(login), 1, "{}: one renewal serves all", login.name);
            assert_eq!(login.generation(&world.stored(login)), 1, "{}", login.name);
        }
        // A second refusal, later.
        world.terms[login.name].floor.store(2, Ordering::SeqCst);
        served(&server, login, clients()[0], false).await;
    }
    assert!(world.tokens.values().all(|tokens| tokens.reuses() == 0));
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
