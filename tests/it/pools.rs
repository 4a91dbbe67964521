//! Pools of three keys survive what befalls one of them, of every kind of provider, with every client.

use cliproxy_testkit::{FakeUpstream, Received, Reply, TestReply, cut, html, refuse};
use serde_json::Value;

use crate::ask::Feature;
use crate::client::{Client, clients, data_events, said};
use crate::matrix::hello;
use crate::provider::{Provider, providers};
use crate::server::Server;

const KEYS: [&str; 3] = ["key-a", "key-b", "key-c"];

async fn pool(provider: &dyn Provider) -> (Server, FakeUpstream) {
    let upstream = FakeUpstream::start().await;
    let yaml = provider.config(&upstream.url(), &KEYS, "upstream-model", "m");
    (Server::with_config(&format!("routing: {{strategy: fill-first}}\n{yaml}")).await, upstream)
}

/// What befalls a request: a name, and the reply.
type Mishap = (&'static str, fn(&dyn Provider, bool) -> Reply);

/// Failures before the first word. The next key serves, and the client sees nothing of them.
const SILENT: [Mishap; 11] = [
    ("401", |provider, _| provider.error(401, "no such key")),
    ("403", |provider, _| provider.error(403, "not for you")),
    ("429", |provider, _| provider.error(429, "slow down")),
    ("500", |provider, _| provider.error(500, "oops")),
    ("503", |provider, _| provider.error(503, "later")),
    ("a page for people", |_, _| html(502)),
    ("a page for people under 200", |_, _| html(200)),
    ("no answer at all", |_, _| refuse()),
    ("a body cut off at once", |provider, stream| {
        provider.answer(&hello().answer, stream).truncate(0).then(cut())
    }),
    ("a body cut off before its first word", |provider, stream| {
        let good = provider.answer(&hello().answer, stream);
        if stream { good.truncate(provider.preamble()).then(cut()) } else { half(&good).then(cut()) }
    }),
    ("an empty body", |provider, stream| provider.answer(&hello().answer, stream).body("")),
];

fn half(reply: &Reply) -> Reply {
    let bytes = reply.bytes();
    reply.clone().body(bytes[..bytes.len() / 2].to_vec())
}

async fn check(client: &dyn Client, provider: &'static dyn Provider, (name, fails): Mishap, stream: bool) {
    let case = format!("{} → {}, {name}, stream={stream}", client.name(), provider.name());
    println!("{case}");
    let (server, upstream) = pool(provider).await;
    let Feature { ask, answer, .. } = hello();
    let first = std::sync::OnceLock::new();
    let good = answer.clone();
    // Whichever key comes first fails, whatever it is asked; the others answer.
    upstream.answer_with(move |request: &Received| {
        let stream = provider.asked(request).1;
        if first.get_or_init(|| request.key.clone()) == &request.key {
            fails(provider, stream)
        } else {
            provider.answer(&good, stream)
        }
    });
    let body = client.body("m", &ask, stream);
    let reply = server.client().post(&client.path("m", stream), &body).await;
    assert_eq!(said(client, stream, reply).await, answer.expected("m"), "{case}");
    let keys = upstream.keys_seen();
    assert!(keys.iter().all(|key| KEYS.contains(&key.as_str())), "{case}: {keys:?}");
    assert_eq!(keys.iter().filter(|key| **key != keys[0]).count(), 1, "{case}: one other key: {keys:?}");
}

#[tokio::test]
async fn what_befalls_one_key_before_its_first_word_is_passed_over_silently() {
    for provider in providers() {
        for mishap in SILENT {
            for stream in [false, true] {
                // Gemini CLI speaks Gemini.
                for client in clients().into_iter().filter(|client| client.name() != "gemini-cli") {
                    check(client, provider, mishap, stream).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_after_its_first_word_is_never_sent_again_and_never_ends_well() {
    for provider in providers() {
        for client in clients() {
            let case = format!("{} → {}", client.name(), provider.name());
            println!("{case}");
            let (server, upstream) = pool(provider).await;
            let Feature { ask, answer, .. } = hello();
            let broken = provider.answer(&answer, true).truncate(provider.preamble() + 1).then(cut());
            upstream.script_all([broken, provider.answer(&answer, true)]);
            let body = client.body("m", &ask, true);
            let reply = server.client().post(&client.path("m", true), &body).await;
            assert_eq!(reply.status(), 200, "{case}");
            let events = data_events(reply.events().await);
            assert!(client.broken(&events).is_some(), "{case}: {events:?}");
            assert_eq!(upstream.requests().len(), 1, "{case}: what has begun is never sent again");
            // The next request is served: a broken stream cools nothing.
            upstream.script_all([provider.answer(&answer, true)]);
            let reply = server.client().post(&client.path("m", true), &body).await;
            assert_eq!(said(client, true, reply).await, answer.expected("m"), "{case}");
        }
    }
}

/// How long the three keys have to rest by what the provider says; the second is back first.
const HINTS: [&str; 3] = ["300", "120", "600"];

/// The seconds after which a client is asked to come back.
#[track_caller]
fn wait(case: &str, reply: &TestReply) -> u64 {
    reply.header("retry-after").expect(case).parse().expect(case)
}

/// What the body of an error says of it, where the format has a place for it.
fn told_wait(client: &dyn Client, error: &Value) -> Option<u64> {
    let delay = error["error"]["details"]
        .as_array()
        .and_then(|all| all.iter().find_map(|one| one["retryDelay"].as_str()));
    match client.name() {
        "chat" | "responses" => error["error"]["reset_seconds"].as_u64(),
        "claude" => None,
        _ => delay?.strip_suffix('s')?.parse().ok(),
    }
}

#[tokio::test]
async fn when_every_key_is_refused_the_client_learns_when_to_come_back() {
    for provider in providers() {
        for client in clients() {
            for (status, expected, stream, rest) in [
                (429, 429, false, 120),
                (429, 429, true, 120),
                // No hint of a provider makes a key good that it refused: half an hour. Source: runtime.md D.6.
                (401, 503, false, 1800),
                (401, 503, true, 1800),
            ] {
                let case = format!("{} → {}, {status}, stream={stream}", client.name(), provider.name());
                println!("{case}");
                // A slow machine takes some of them.
                let rest = rest - 10..=rest;
                let (server, upstream) = pool(provider).await;
                upstream.answer_with(move |request: &Received| {
                    let at = KEYS.iter().position(|key| *key == request.key).unwrap();
                    provider.error(status, "no").header("retry-after", HINTS[at])
                });
                let body = client.body("m", &hello().ask, stream);
                let path = client.path("m", stream);
                let reply = server.client().post(&path, &body).await;
                assert_eq!(reply.status(), expected, "{case}");
                assert!(rest.contains(&wait(&case, &reply)), "{case}: {}", wait(&case, &reply));
                client.error(expected, &reply.json().await);
                let tried = upstream.requests().len();
                assert_eq!(tried, 3, "{case}: every key was tried once");
                // Now they cool: nobody is asked, and the answer says for how long.
                let reply = server.client().post(&path, &body).await;
                assert_eq!(reply.status(), expected, "{case}");
                let waits = wait(&case, &reply);
                assert!(rest.contains(&waits), "{case}: {waits}");
                let error = reply.json().await;
                client.error(expected, &error);
                if expected == 429 && client.name() != "claude" {
                    assert_eq!(told_wait(client, &error), Some(waits), "{case}: {error}");
                }
                // As the Go program prints it. Source: http-api.md A.8.
                if let Some(time) = error["error"].get("reset_time") {
                    assert_eq!(*time, format!("{}m{}s", waits / 60, waits % 60), "{case}: {error}");
                }
                assert_eq!(upstream.requests().len(), tried, "{case}: nobody is asked while all cool");
            }
        }
    }
}
