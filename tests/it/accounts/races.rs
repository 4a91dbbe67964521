//! Eight processes on one auth directory, refresh tokens that work once, and a provider that revokes the account when one
//! comes twice.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_testkit::Reuse;
use tokio::task::JoinSet;

use super::table::ALL;
use super::world::{PAST, World, served};
use crate::client::clients;

const PROCESSES: usize = 8;
const ROUNDS: u32 = 2;

#[tokio::test]
async fn eight_processes_on_one_directory_lose_no_login_and_all_serve() {
    let world = Arc::new(World::new(PAST).await);
    for tokens in world.tokens.values() {
        tokens.set_reuse(Reuse::Revokes);
        // Long enough that the others come while one waits.
        tokens.set_delays([Duration::from_millis(30)]);
    }
    let mut starting = JoinSet::new();
    for _ in 0..PROCESSES {
        let world = Arc::clone(&world);
        starting.spawn(async move { world.server("").await });
    }
    let servers: Vec<_> = starting.join_all().await.into_iter().map(Arc::new).collect();
    // All tokens are over at the start; later the upstream refuses those of the round before, at all processes at once.
    for round in 1..=1 + ROUNDS {
        world.refuse_below(round);
        let mut asking = JoinSet::new();
        for server in &servers {
            for login in &ALL {
                let server = Arc::clone(server);
                asking.spawn(async move { served(&server, login, clients()[0], false).await });
            }
        }
        asking.join_all().await;
        for login in &ALL {
            let file = world.stored(login);
            assert_eq!(file["note"]["mine"][0], "kept", "{}", login.name);
            if !login.writes() {
                continue;
            }
            assert_eq!(
                world.renewals(login),
                round as usize,
                "{}: one renewal serves all processes",
                login.name
            );
            assert_eq!(login.generation(&file), round, "{}", login.name);
            let Some(tokens) = world.tokens.get(login.name) else { continue };
            assert_eq!(tokens.reuses(), 0, "{}: the account is lost", login.name);
            let newest = login.refresh_token(round);
            assert_eq!(login.token_in(&file, "refresh_token"), newest, "{}", login.name);
        }
    }
}
