//! Providers that answer nonsense, stop in the middle, or cut their bytes wherever it pleases them.

use cliproxy_testkit::{Encoding, Reply, cut, html, raw, sse, stall, status};

use crate::ask::features;
use crate::client::{clients, data_events, said};
use crate::matrix::{hello, world};

#[tokio::test]
async fn however_a_provider_cuts_or_packs_its_bytes_the_client_reads_the_same() {
    let feature = hello();
    let (server, all) = world("").await;
    for client in clients() {
        for behind in &all {
            for size in [1, 7, 64] {
                let provider = behind.provider;
                let answer = feature.answer.clone();
                behind.upstream.answer_with(move |request| {
                    // Chunks of one byte fall inside characters, escapes, lines and events.
                    provider.answer(&answer, provider.asked(request).1).split_every(size)
                });
                let case = format!("{} → {}, chunks of {size}", client.name(), provider.name());
                println!("{case}");
                let body = client.body(&behind.alias, &feature.ask, true);
                let reply = server.client().post(&client.path(&behind.alias, true), &body).await;
                assert_eq!(said(client, true, reply).await, feature.answer.expected(&behind.alias), "{case}");
            }
            // What a page is sent compressed, its browser unpacks.
            let modes = if behind.page.is_some() { &[][..] } else { &[false, true] };
            for &stream in modes {
                let provider = behind.provider;
                let answer = feature.answer.clone();
                behind.upstream.answer_with(move |request| {
                    provider.answer(&answer, provider.asked(request).1).compressed(Encoding::Gzip)
                });
                let case = format!("{} → {}, gzip, {stream}", client.name(), provider.name());
                println!("{case}");
                let body = client.body(&behind.alias, &feature.ask, stream);
                let reply = server.client().post(&client.path(&behind.alias, stream), &body).await;
                assert_eq!(
                    said(client, stream, reply).await,
                    feature.answer.expected(&behind.alias),
                    "{case}"
                );
            }
        }
    }
}

/// A name and a reply that is none.
type Nonsense = (&'static str, fn() -> Reply);

#[tokio::test]
async fn nonsense_from_a_provider_is_a_clear_502_and_the_server_goes_on() {
    let nonsense: [Nonsense; 8] = [
        ("a page under 200", || html(200)),
        ("a page under 502", || html(502)),
        ("garbage", || {
            status(200).header("content-type", "application/json").body(&b"\xff\xfe\x00garbage"[..])
        }),
        ("half of some JSON", || {
            status(200).header("content-type", "application/json").body("{\"id\": \"x\", ")
        }),
        ("other JSON", || status(200).header("content-type", "application/json").body("{\"hello\": [1, 2]}")),
        ("nothing", || status(200)),
        ("events of nobody", || sse([raw("data: {\"hello\": 1}\n\n"), raw("data: garbage\n\n")])),
        ("a cut event", || sse([raw("data: {\"id\": \"x\", \"cho"), cut()])),
    ];
    let feature = hello();
    for (name, reply) in nonsense {
        let (server, all) = world("request-retry: 0\nmax-retry-interval: 0\ndisable-cooling: true\n").await;
        for behind in &all {
            for client in clients() {
                for stream in [false, true] {
                    behind.upstream.answer_with(move |_| reply());
                    let case = format!("{} → {}, {name}, {stream}", client.name(), behind.provider.name());
                    println!("{case}");
                    let body = client.body(&behind.alias, &feature.ask, stream);
                    let reply = server.client().post(&client.path(&behind.alias, stream), &body).await;
                    let status = reply.status();
                    let body = reply.text().await;
                    assert_eq!(status, 502, "{case}: {body}");
                    let message = client.error(status, &serde_json::from_str(&body).expect(&case));
                    assert!(!message.is_empty() && !message.contains("<html"), "{case}: {message}");
                    // It goes on, and the breaker, which would answer in the provider's place, has no reason to.
                    let (provider, answer) = (behind.provider, feature.answer.clone());
                    behind
                        .upstream
                        .answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
                    let body = client.body(&behind.alias, &feature.ask, false);
                    let reply = server.client().post(&client.path(&behind.alias, false), &body).await;
                    assert_eq!(reply.status(), 200, "{case}: the next request");
                }
            }
        }
        assert_eq!(server.client().get("/healthz").await.status(), 200);
    }
}

/// Some services know no streams and answer a request for one with their whole reply.
#[tokio::test]
async fn a_whole_reply_in_place_of_a_stream_is_told_as_one() {
    let (server, all) = world("").await;
    // Whole replies of event-stream services are frames too.
    for behind in all.iter().filter(|behind| behind.provider.name() != "kiro") {
        let provider = behind.provider;
        for feature in features() {
            let answer = feature.answer.clone();
            behind.upstream.answer_with(move |_| provider.answer(&answer, false).split_every(100));
            for client in clients() {
                let case = format!("{} → {}, {}", client.name(), provider.name(), feature.name);
                println!("{case}");
                let body = client.body(&behind.alias, &feature.ask, true);
                let reply = server.client().post(&client.path(&behind.alias, true), &body).await;
                assert_eq!(said(client, true, reply).await, feature.answer.expected(&behind.alias), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_cut_inside_an_event_ends_with_an_error_and_keeps_what_came_before() {
    let feature = hello();
    let (server, all) = world("").await;
    for client in clients() {
        for behind in &all {
            let provider = behind.provider;
            let answer = feature.answer.clone();
            behind.upstream.answer_with(move |_| {
                let good = provider.answer(&answer, true);
                let whole = good.clone().truncate(provider.preamble() + 1).bytes().len();
                let bytes = good.bytes();
                // Ten bytes into the event after the first word.
                good.body(bytes[..whole + 10].to_vec()).then(cut())
            });
            let case = format!("{} → {}", client.name(), provider.name());
            println!("{case}");
            let body = client.body(&behind.alias, &feature.ask, true);
            let reply = server.client().post(&client.path(&behind.alias, true), &body).await;
            assert_eq!(reply.status(), 200, "{case}");
            let events = data_events(reply.events().await);
            let arrived = events.iter().any(|event| event.data.contains("fine"));
            assert!(arrived, "{case}: the first word arrived: {events:?}");
            assert!(client.broken(&events).is_some(), "{case}: {events:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_lets_the_provider_go() {
    let feature = hello();
    let (server, all) = world("").await;
    // A page cannot be told: no message of its says that a client has left. Source: providers-a.md 8.2.
    for behind in all.iter().filter(|behind| behind.page.is_none()) {
        let provider = behind.provider;
        let answer = feature.answer.clone();
        behind.upstream.answer_with(move |_| {
            provider.answer(&answer, true).truncate(provider.preamble() + 1).then(stall())
        });
        for (count, client) in clients().into_iter().enumerate() {
            let body = client.body(&behind.alias, &feature.ask, true);
            let mut reply = server.client().post(&client.path(&behind.alias, true), &body).await;
            reply.chunk().await.unwrap().expect("the first word");
            drop(reply);
            behind.upstream.wait_for_abandoned(count + 1).await;
        }
    }
    assert_eq!(server.client().get("/healthz").await.status(), 200);
}
