//! Out of quota, and back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::world::{ALL, FUTURE, World, ask, served};
use crate::client::clients;

#[tokio::test]
async fn every_login_that_is_out_of_quota_rests_and_comes_back_by_itself() {
    let world = World::new(FUTURE).await;
    world.refuse_below(0);
    let server = world.server("request-retry: 0\nmax-retry-interval: 0\n").await;
    let client = clients()[0];
    for login in &ALL {
        served(&server, login, client, false).await;
        world.terms[login.name].spent.store(true, Ordering::SeqCst);
    }
    for login in &ALL {
        let refused = ask(&server, login, client, false).await;
        assert_eq!(refused.status(), 429, "{}: {}", login.name, refused.text().await);
        assert!(
            refused.header("retry-after").is_some(),
            "{}: the client learns when to come back",
            login.name
        );
        world.terms[login.name].spent.store(false, Ordering::SeqCst);
    }
    for login in &ALL {
        // It says when to come back, and then it serves.
        loop {
            let reply = ask(&server, login, client, false).await;
            if reply.status() == 200 {
                break;
            }
            assert_eq!(reply.status(), 429, "{}: {}", login.name, reply.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        served(&server, login, client, true).await;
    }
}

#[tokio::test]
async fn an_account_that_is_out_of_quota_is_not_asked_again_while_it_rests() {
    let world = World::new(FUTURE).await;
    world.refuse_below(0);
    let server = world.server("request-retry: 0\nmax-retry-interval: 0\n").await;
    let client = clients()[0];
    for login in &ALL {
        let terms = &world.terms[login.name];
        served(&server, login, client, false).await;
        terms.rest.store(600, Ordering::SeqCst);
        terms.spent.store(true, Ordering::SeqCst);
        assert_eq!(ask(&server, login, client, false).await.status(), 429, "{}", login.name);
        let refused = terms.refused.load(Ordering::SeqCst);
        assert!(refused > 0, "{}: the provider said it", login.name);
        for stream in [false, true] {
            let reply = ask(&server, login, client, stream).await;
            assert_eq!(reply.status(), 429, "{}: {}", login.name, reply.text().await);
            let wait: u64 = reply.header("retry-after").and_then(|value| value.parse().ok()).unwrap_or(0);
            assert!((1..=600).contains(&wait), "{}: it says to come back in {wait} s", login.name);
        }
        assert_eq!(terms.refused.load(Ordering::SeqCst), refused, "{}: asked while it rests", login.name);
    }
}
