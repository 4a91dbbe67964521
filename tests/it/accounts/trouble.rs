//! What can be wrong with a file or a token endpoint: it is told by name with the next step, nothing is lost, and the other
//! logins go on.

use std::time::Duration;

use cliproxy_testkit::{html, status};
use serde_json::{Value, json};

use super::table::{ALL, Login, Renewal};
use super::world::{FUTURE, PAST, World, ask, served};
use crate::client::clients;

/// Waits until the log says this of a file.
async fn told(server: &crate::server::Server, file: &str, words: &str) {
    let said = async {
        while !server.log().lines().any(|line| line.contains(file) && line.contains(words)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), said).await;
    assert!(done.is_ok(), "{file}: nothing says {words:?}: {}", server.log());
}

#[tokio::test]
async fn a_file_that_is_no_login_is_named_left_alone_and_takes_nothing_from_the_others() {
    let world = World::new(FUTURE).await;
    world.refuse_below(0);
    let broken: [(&str, &[u8], &str); 11] = [
        ("empty.json", b"", "log in again"),
        ("half.json", b"{\"type\":\"claude\",\"access_token\":\"CANARY-hal", "mend it"),
        ("foreign.json", b"{\"hello\":\"CANARY\"}", "no \\\"type\\\""),
        ("list.json", b"[1]", "not a JSON object"),
        ("binary.json", b"\xff\xfe\x00CANARY", "not valid JSON"),
        ("unknown.json", b"{\"type\":\"brand-new\",\"access_token\":\"CANARY\"}", "base URL"),
        ("vertex-bad.json", b"{\"type\":\"vertex\",\"project_id\":\"p\",\"service_account\":{\"client_email\":\"e\",\"private_key\":\"CANARY\"}}",
            "login vertex FILE"),
        // Whole, and without what a login is about.
        ("claude-bare.json", b"{\"type\":\"claude\",\"email\":\"bare@example.com\"}", "cliproxy-server login claude"),
        ("kiro-bare.json", b"{\"type\":\"kiro\",\"refresh_token\":\" \"}", "cliproxy-server login kiro"),
        ("gemini-bare.json", b"{\"type\":\"gemini\",\"project_id\":\"p\",\"token\":{}}", "cliproxy-server login gemini-cli"),
        ("antigravity-bare.json", b"{\"type\":\"antigravity\"}", "cliproxy-server login antigravity"),
    ];
    for (name, text, _) in broken {
        std::fs::write(world.folder().join(name), text).unwrap();
    }
    let server = world.server("").await;
    for login in &ALL {
        served(&server, login, clients()[0], false).await;
    }
    for (name, text, next) in broken {
        told(&server, name, next).await;
        assert_eq!(std::fs::read(world.folder().join(name)).unwrap(), text, "{name} is left as it is");
    }
    assert!(!server.log().contains("CANARY"), "{}", server.log());
}

#[tokio::test]
async fn a_token_that_does_not_say_when_it_ends_is_renewed_and_serves() {
    let world = World::new(FUTURE).await;
    for login in ALL.iter().filter(|login| login.writes()) {
        let mut file = world.stored(login);
        let place = if login.name == "gemini-cli" { &mut file["token"] } else { &mut file };
        let members = place.as_object_mut().unwrap();
        members.retain(|key, _| !["expired", "expiry", "expires_at"].contains(&key.as_str()));
        std::fs::write(world.path(login), file.to_string()).unwrap();
    }
    let server = world.server("").await;
    for login in &ALL {
        served(&server, login, clients()[0], false).await;
    }
    for login in ALL.iter().filter(|login| login.writes()) {
        assert_eq!(world.renewals(login), 1, "{}", login.name);
    }
}

#[tokio::test]
async fn tokens_that_are_over_as_soon_as_they_come_start_no_storm() {
    // A clock that is an hour ahead, or a provider that hands out what is left of an old token.
    let world = World::new(PAST).await;
    world.set_lifetime(1);
    let server = world.server("").await;
    for _ in 0..3 {
        for login in &ALL {
            served(&server, login, clients()[0], false).await;
        }
    }
    for login in ALL.iter().filter(|login| login.writes()) {
        assert_eq!(world.renewals(login), 1, "{}", login.name);
    }
}

/// Both halves of the logins that are renewed: while one is in trouble, the other goes on.
const HALVES: [usize; 2] = [0, 1];

/// Every second login that is renewed has a token endpoint in trouble.
fn in_trouble(half: usize) -> impl Iterator<Item = &'static Login> + Clone {
    ALL.iter().filter(|login| login.writes()).skip(half).step_by(2)
}

async fn others_go_on(
    world: &World,
    server: &crate::server::Server,
    in_trouble: impl Iterator<Item = &'static Login> + Clone,
) {
    for login in &ALL {
        if in_trouble.clone().all(|other| other.name != login.name) {
            served(server, login, clients()[0], false).await;
            continue;
        }
        let reply = ask(server, login, clients()[0], false).await;
        // Our credential, not the client's.
        assert_eq!(reply.status(), 503, "{}: {}", login.name, reply.text().await);
        let file = world.stored(login);
        assert_eq!(login.generation(&file), 0, "{}: kept", login.name);
        assert!(
            !login.rotates() || login.token_in(&file, "refresh_token") == login.refresh_token(0),
            "{}: kept",
            login.name
        );
    }
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_costs_no_login_and_holds_up_no_other() {
    // Who asks for a key is told in other words.
    for (trouble, words, of_a_key) in [
        (html(200), "web page", "web page"),
        (status(503).body("down for maintenance"), "status 503", "status 503"),
        (status(200).json(&json!({"hello": 1})), "without the members", "brought no API key"),
    ] {
        for half in HALVES {
            let world = World::new(PAST).await;
            for login in in_trouble(half) {
                match world.tokens.get(login.name) {
                    Some(tokens) => tokens.fail_with(vec![trouble.clone(); 50]),
                    None => world.terms[login.name].trouble_keys(trouble.clone()),
                }
            }
            let server = world.server("request-retry: 0\nmax-retry-interval: 0\n").await;
            others_go_on(&world, &server, in_trouble(half)).await;
            for login in in_trouble(half) {
                let words = if login.renewal == Renewal::Asks { of_a_key } else { words };
                told(&server, &login.file_name(), words).await;
                told(&server, &login.file_name(), "trying again later").await;
            }
        }
    }
}

/// The same of those whose refresh tokens work once.
fn rotating(half: usize) -> impl Iterator<Item = &'static Login> + Clone {
    in_trouble(half).filter(|login| login.rotates())
}

#[tokio::test]
async fn a_token_that_somebody_else_rotated_away_needs_a_login_and_says_so() {
    for half in HALVES {
        let world = World::new(PAST).await;
        // Twice: the token of the file, and its successor, which was never written here.
        for login in rotating(half) {
            let spent = |token: &str| json!({"refresh_token": token, "refreshToken": token});
            let client = cliproxy_testkit::TestClient::new(world.tokens[login.name].upstream().url());
            for token in [login.refresh_token(0), login.refresh_token(1)] {
                assert_eq!(client.post("/oauth/token", &spent(&token)).await.status(), 200);
            }
        }
        let server = world.server("request-retry: 0\nmax-retry-interval: 0\n").await;
        others_go_on(&world, &server, rotating(half)).await;
        for login in rotating(half) {
            told(&server, &login.file_name(), "log in again").await;
            let file: Value = world.stored(login);
            assert_eq!(file["note"]["mine"][0], "kept", "{}: a person may still look at it", login.name);
        }
        assert!(!server.log().contains("refresh-"), "{}", server.log());
    }
}
