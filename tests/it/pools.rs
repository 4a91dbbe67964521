//! Pools of three keys survive what befalls one of them, of every kind of provider, with every client.

use cliproxy_testkit::{FakeUpstream, Received, Reply, cut, html, refuse};

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

#[tokio::test]
async fn when_every_key_is_refused_the_client_learns_when_to_come_back() {
    for provider in providers() {
        for client in clients() {
            for (status, expected, stream) in
                [(429, 429, false), (401, 503, false), (429, 429, true), (401, 503, true)]
            {
                let case = format!("{} → {}, {status}, stream={stream}", client.name(), provider.name());
                println!("{case}");
                let (server, upstream) = pool(provider).await;
                upstream.answer_with(move |_| provider.error(status, "no").header("retry-after", "120"));
                let body = client.body("m", &hello().ask, stream);
                let path = client.path("m", stream);
                let reply = server.client().post(&path, &body).await;
                assert_eq!(reply.status(), expected, "{case}");
                client.error(expected, &reply.json().await);
                let tried = upstream.requests().len();
                assert_eq!(tried, 3, "{case}: every key was tried once");
                // Now they cool: nobody is asked, and the answer says for how long.
                let reply = server.client().post(&path, &body).await;
                assert_eq!(reply.status(), expected, "{case}");
                let wait: u64 = reply.header("retry-after").expect(&case).parse().unwrap();
                assert!((1..=1800).contains(&wait), "{case}: {wait}");
                client.error(expected, &reply.json().await);
                assert_eq!(upstream.requests().len(), tried, "{case}: nobody is asked while all cool");
            }
        }
    }
}
