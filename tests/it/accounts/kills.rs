//! `kill -9` at any instant of a renewal.
//!
//! A provider that has exchanged a token and whose answer nobody lives to read leaves the old token in the file: no
//! program can help that, and providers forgive it (`Reuse::Forgiven`). Whatever else a kill could do (torn files, lost
//! members, a token that is used although it was not saved) would be ours.

use std::process::Stdio;
use std::time::Duration;

use cliproxy_testkit::{FakeTokenEndpoint, Reuse};
use tempfile::TempDir;

use super::table::ALL;
use super::world::{PAST, World, served};
use crate::client::clients;
use crate::server::command;

const ROUNDS: u64 = 30;

/// Small and reproducible: a linear congruential generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A home whose config leads to the world.
fn home_of(world: &World) -> TempDir {
    let home = TempDir::new().unwrap();
    let folder = world.folder().display();
    let yaml = format!("host: 127.0.0.1\nport: 0\napi-keys: [k]\nauth-dir: '{folder}'\n{}", world.yaml());
    std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
    home
}

fn redeemed(world: &World) -> usize {
    world.tokens.values().map(|tokens| tokens.redemptions().len()).sum()
}

/// The token that the endpoint would take now, or would forgive.
fn is_usable(tokens: &FakeTokenEndpoint, token: &str) -> bool {
    match tokens.redemptions().last() {
        None => token.ends_with("-refresh-0"),
        Some(last) => token == last.refresh_token || Some(token) == last.next.as_deref(),
    }
}

#[tokio::test]
async fn a_process_killed_at_any_instant_of_its_renewals_leaves_logins_that_serve() {
    let world = World::new(PAST).await;
    for tokens in world.tokens.values() {
        tokens.set_reuse(Reuse::Forgiven);
    }
    // What a renewal brings is due again after half a second: nearly each start renews everything.
    world.set_lifetime(1);
    let home = home_of(&world);
    let mut dice = Dice(20_261_127);
    let (mut saved, mut in_flight) = (0, 0);
    for round in 0..ROUNDS {
        for tokens in world.tokens.values() {
            tokens.set_delays([Duration::from_millis(dice.below(25))]);
        }
        let before = redeemed(&world);
        let mut child = command(&home, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Some die while they start, most when one, several or all renewals are under way.
        let wanted = before + usize::try_from(dice.below(9)).unwrap();
        while redeemed(&world) < wanted && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(dice.below(30_000))).await;
        child.kill().await.unwrap();

        for login in &ALL {
            // What is torn does not parse.
            let file = world.stored(login);
            assert_eq!(file["note"]["mine"][1], 1, "round {round}, {}: {file}", login.name);
            if login.writes() {
                // A key that was asked for is the file's or the next start's: it is a whole one in any case.
                assert!(login.generation(&file) as usize <= world.renewals(login), "round {round}: {file}");
            }
            let Some(tokens) = world.tokens.get(login.name) else { continue };
            let token = login.token_in(&file, "refresh_token");
            assert!(
                is_usable(tokens, token),
                "round {round}, {}: {token} of {:?}",
                login.name,
                tokens.redemptions()
            );
            if tokens.redemptions().last().is_some_and(|last| last.next.as_deref() != Some(token)) {
                in_flight += 1;
            } else {
                saved += 1;
            }
        }
    }
    println!(
        "after a kill {saved} files had the newest token, {in_flight} the one before: its answer was lost"
    );
    assert!(saved > 0 && in_flight > 0, "the kills fell on both sides of a save: {saved}, {in_flight}");
    world.set_lifetime(3600);
    let server = world.server("").await;
    for login in &ALL {
        served(&server, login, clients()[0], false).await;
        assert_eq!(world.tokens.get(login.name).map_or(0, FakeTokenEndpoint::reuses), 0, "{}", login.name);
    }
}

#[tokio::test]
async fn a_process_that_is_told_to_stop_brings_its_renewals_to_their_end() {
    let world = World::new(PAST).await;
    for tokens in world.tokens.values() {
        // Here nothing is forgiven.
        tokens.set_reuse(Reuse::Revokes);
        tokens.set_delays([Duration::from_millis(400)]);
    }
    let home = home_of(&world);
    let mut child = command(&home, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while redeemed(&world) < world.tokens.len() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Every token is spent, and every answer is on its way.
    let pid = child.id().expect("it runs").to_string();
    assert!(tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success());
    for login in ALL.iter().filter(|login| login.rotates()) {
        assert_eq!(
            login.token_in(&world.stored(login), "refresh_token"),
            login.refresh_token(1),
            "{}",
            login.name
        );
    }
}
