//! `model-aliases`: names that just work, whatever provider serves them.

use cliproxy_testkit::FakeUpstream;

use crate::client::{Client, clients, said};
use crate::counting::{count_routes, counted};
use crate::matrix::hello;
use crate::provider::{Provider, providers};
use crate::server::Server;

/// Who serves, and the names under which clients ask: a pattern's, a longer pattern's, and one that is written out.
const ROWS: [(&str, [&str; 2]); 3] = [
    ("codex", ["claude-opus-4-9", "fast"]),
    ("openai-compatibility", ["claude-haiku-4-9", "gpt-9-mini"]),
    ("gemini", ["gpt-9", "gemini-9-pro"]),
];

const ALIASES: &str = "model-aliases: {'claude-*': m-codex, fast: m-codex, 'claude-haiku-*': m-openai-compatibility, \
                       'gpt-*-mini': m-openai-compatibility, 'gpt-*': m-gemini, 'gemini-*': m-gemini, 'lost-*': m-codexx}\n";

/// One server with a key of each kind.
async fn world() -> (Server, Vec<(&'static dyn Provider, FakeUpstream)>) {
    let mut yaml = ALIASES.to_owned();
    let mut all = Vec::new();
    for (name, _) in ROWS {
        let provider = providers().into_iter().find(|provider| provider.name() == name).unwrap();
        let upstream = FakeUpstream::start().await;
        yaml += &provider.config(&upstream.url(), &["key-CANARY"], &provider.model(), &format!("m-{name}"));
        all.push((provider, upstream));
    }
    (Server::with_config(&yaml).await, all)
}

/// Chat, Claude, Responses and Gemini.
fn four() -> impl Iterator<Item = &'static dyn Client> {
    clients().into_iter().filter(|client| client.name() != "gemini-cli")
}

#[tokio::test]
async fn an_alias_is_served_by_any_provider_to_any_client_under_the_name_that_it_asked_for() {
    let (server, all) = world().await;
    let feature = hello();
    for ((provider, upstream), (_, names)) in all.iter().zip(ROWS) {
        let (provider, answer) = (*provider, feature.answer.clone());
        upstream.answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
        for client in four() {
            for name in names {
                for stream in [false, true] {
                    let case = format!("{} {name} → {}, stream={stream}", client.name(), provider.name());
                    println!("{case}");
                    let before = upstream.requests().len();
                    let body = client.body(name, &feature.ask, stream);
                    let reply = server.client().post(&client.path(name, stream), &body).await;
                    assert_eq!(said(client, stream, reply).await, feature.answer.expected(name), "{case}");
                    assert_eq!(upstream.requests().len(), before + 1, "{case}");
                    assert_eq!(provider.asked(&upstream.last()).0, provider.model(), "{case}");
                    assert_eq!(provider.got(&upstream.last()), feature.ask.expected(), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_tokens_of_an_alias_are_counted_by_who_serves_it() {
    let (server, all) = world().await;
    for ((provider, upstream), (_, names)) in all.iter().zip(ROWS) {
        upstream.answer_with(counted);
        for route in count_routes() {
            for name in names {
                let case = format!("{} {name} → {}", route.client, provider.name());
                let reply = server.client().post(&(route.path)(name), &(route.body)(name)).await;
                assert_eq!(reply.status(), 200, "{case}: {}", reply.text().await);
                let estimated = reply.header("x-cliproxy-token-estimate").is_some();
                let count = reply.json().await[route.member].as_u64().expect(&case);
                // Gemini has an endpoint for it, and is asked about the model that it knows.
                if provider.name() == "gemini" {
                    assert_eq!((count, estimated), (12, false), "{case}");
                    let path = format!("/v1beta/models/{}:countTokens", provider.model());
                    assert_eq!(upstream.last().path, path, "{case}");
                } else {
                    assert!(estimated && (4..40).contains(&count), "{case}: {count}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_alias_of_what_nobody_serves_names_its_target_and_what_is_near() {
    let (server, all) = world().await;
    let words = ["lost-and-found", "an alias of m-codexx", "did you mean m-codex?"];
    for client in four() {
        for stream in [false, true] {
            let name = "lost-and-found";
            let body = client.body(name, &hello().ask, stream);
            let reply = server.client().post(&client.path(name, stream), &body).await;
            assert_eq!(reply.status(), 404, "{} {stream}", client.name());
            let message = client.error(404, &reply.json().await);
            assert!(words.iter().all(|word| message.contains(word)), "{} {stream}: {message}", client.name());
        }
        for route in count_routes().into_iter().filter(|route| route.client == client.name()) {
            let (path, body) = ((route.path)("lost-and-found"), (route.body)("lost-and-found"));
            let reply = server.client().post(&path, &body).await;
            assert_eq!(reply.status(), 404, "{path}");
            let message = client.error(404, &reply.json().await);
            assert!(words.iter().all(|word| message.contains(word)), "{path}: {message}");
        }
    }
    assert!(all.iter().all(|(_, upstream)| upstream.requests().is_empty()), "nobody was asked");
}

#[tokio::test]
async fn names_that_are_written_out_are_listed_and_patterns_are_not() {
    let (server, _all) = world().await;
    let list = server.client().get("/v1/models").await.json().await;
    let names: Vec<&str> =
        crate::client::list(&list["data"]).filter_map(|item| item["id"].as_str()).collect();
    assert_eq!(names, ["fast", "m-codex", "m-gemini", "m-openai-compatibility"]);
}
