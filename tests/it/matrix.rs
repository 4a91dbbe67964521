//! Every client format × every provider kind × whole and streamed × every feature, through the real binary.

use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, RelayPage, json};
use tempfile::TempDir;

use crate::ask::{Answer, Ask, Feature, Got, Part, Said, Turn, features};
use crate::client::{Client, clients, data_events, said};
use crate::provider::{Provider, kiro, logins, pages, providers};
use crate::server::{KEY, Server};

/// A provider, and the alias under which its model is served.
pub struct Behind {
    pub provider: &'static dyn Provider,
    pub upstream: FakeUpstream,
    pub alias: String,
    pub model: String,
    /// Who performs the requests, where that is not the server itself.
    pub page: Option<RelayPage>,
}

/// One server with a provider of each kind behind it, each with one key, login or page.
pub async fn world(more: &str) -> (Server, Vec<Behind>) {
    let mut yaml = more.to_owned();
    let mut all = Vec::new();
    let home = TempDir::new().unwrap();
    let credentials = home.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    for provider in providers().into_iter().chain(logins()).chain(pages()) {
        let upstream = FakeUpstream::start().await;
        let (model, alias) = (provider.model(), format!("m-{}", provider.name()));
        let key = format!("key-{}-CANARY", provider.name());
        yaml += &provider.config(&upstream.url(), &[&key], &model, &alias);
        if let Some((name, file)) = provider.login(&upstream.url(), &key, &model, &alias) {
            std::fs::write(credentials.join(name), file.to_string()).unwrap();
        }
        if let Some(path) = provider.lists_models_at() {
            upstream.script_path(path, [json(&provider.listing())]);
        }
        all.push(Behind { provider, upstream, alias, model, page: None });
    }
    let server = Server::with_config_in(home, &yaml).await;
    for behind in all.iter().filter(|behind| behind.provider.lists_models_at().is_some()) {
        while behind.upstream.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        behind.upstream.forget_requests();
    }
    for behind in all.iter_mut().filter(|behind| behind.provider.is_a_page()) {
        let socket = server.client().websocket("/v1/ws").await;
        let socket = socket.unwrap_or_else(|reply| panic!("the page is let in: {}", reply.status()));
        behind.page = Some(RelayPage::serve(socket));
        let path = format!("/v1/models/{}", behind.alias);
        while server.client().get(&path).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    (server, all)
}

/// What this pair of formats cannot carry, or carries otherwise, with the reason.
fn adjust(client: &dyn Client, provider: &dyn Provider, feature: &Feature, got: &mut Got, said: &mut Said) {
    let _ = (feature, said);
    // AI Studio's interface refuses a schema of the answer. Source: providers-a.md 8.3 "Body".
    if provider.name() == "aistudio" {
        got.schema = None;
    }
    // Kiro has no place for documents: they are named in words, and in the loss report. Source: translation.md B80.
    if provider.name() == "kiro" {
        got.documents.iter_mut().for_each(|document| kiro::DOCUMENT.clone_into(document));
    }
    // Google's older backends have no word for closed objects: the description says it. Clients of the format say what
    // they want themselves, and are taken at their word where the backend knows the member. Source: translation.md B48.
    let own = client.name().starts_with("gemini");
    if provider.name().starts_with("antigravity") || provider.name() == "gemini-cli" && !own {
        for (_, schema) in &mut got.tools {
            schema["description"] = "No extra properties allowed".into();
        }
    }
}

async fn check(server: &Server, client: &dyn Client, behind: &Behind, feature: &Feature, stream: bool) {
    let case = format!("{} → {}, {}, stream={stream}", client.name(), behind.provider.name(), feature.name);
    behind.upstream.answer_with({
        let (provider, answer) = (behind.provider, feature.answer.clone());
        // The provider is asked for what its own mode gives.
        move |request| provider.answer(&answer, provider.asked(request).1)
    });
    let before = behind.upstream.requests().len();
    let body = client.body(&behind.alias, &feature.ask, stream);
    let reply = server.client().post(&client.path(&behind.alias, stream), &body).await;
    let (mut got, mut told) = (feature.ask.expected(), feature.answer.expected(&behind.alias));
    adjust(client, behind.provider, feature, &mut got, &mut told);
    println!("{case}"); // the last line names the case that a reader panics in
    assert_eq!(said(client, stream, reply).await, told, "{case}: what the client was told");
    let requests = behind.upstream.requests();
    assert_eq!(requests.len(), before + 1, "{case}: the provider is asked once");
    if let Some(page) = &behind.page {
        assert_eq!(page.asked(), requests.len(), "{case}: by the page, and by nobody else");
    }
    let request = requests.last().unwrap();
    assert_eq!(behind.provider.asked(request).0, behind.model, "{case}");
    assert_eq!(behind.provider.got(request), got, "{case}: what the provider was sent");
    assert!(!request.headers.iter().any(|(_, value)| value.as_bytes() == KEY.as_bytes()), "{case}");
}

#[tokio::test]
async fn every_pair_of_formats_carries_every_feature_whole_and_streamed() {
    let (server, all) = world("").await;
    for client in clients() {
        for behind in &all {
            for feature in features() {
                for stream in [false, true] {
                    check(&server, client, behind, &feature, stream).await;
                }
            }
        }
    }
    let log = server.log();
    assert!(!log.contains("CANARY") && !log.contains(KEY), "no key is in the log");
}

/// A small request and what a good answer to it says.
pub fn hello() -> Feature {
    let ask = Ask { turns: vec![Turn::User(vec![Part::Text("Hello")])], ..Ask::default() };
    let answer = Answer { text: Some("fine — 日本語 🦀"), ..Answer::default() };
    Feature { name: "hello", ask, answer }
}

/// A status of a provider, and what each format says of it: the status for the client, OpenAI's type and code, Claude's
/// type, Google's word. Source: translation.md B76; http-api.md A.8.
type Told = (u16, u16, (&'static str, Option<&'static str>), &'static str, &'static str);

const TOLD: [Told; 9] = [
    (400, 400, ("invalid_request_error", None), "invalid_request_error", "INVALID_ARGUMENT"),
    // Our credential, not the client's: it could do nothing about it.
    (401, 503, ("server_error", Some("internal_server_error")), "api_error", "UNAVAILABLE"),
    (403, 503, ("server_error", Some("internal_server_error")), "api_error", "UNAVAILABLE"),
    (404, 404, ("invalid_request_error", Some("model_not_found")), "not_found_error", "NOT_FOUND"),
    (413, 413, ("invalid_request_error", None), "request_too_large", "INVALID_ARGUMENT"),
    (429, 429, ("rate_limit_error", Some("rate_limit_exceeded")), "rate_limit_error", "RESOURCE_EXHAUSTED"),
    (500, 500, ("server_error", Some("internal_server_error")), "api_error", "INTERNAL"),
    (503, 503, ("server_error", Some("internal_server_error")), "overloaded_error", "UNAVAILABLE"),
    (529, 529, ("server_error", Some("internal_server_error")), "overloaded_error", "UNAVAILABLE"),
];

/// What a client of a format is told of a provider's failure, beside the words.
fn told(client: &dyn Client, provider: &dyn Provider, row: &Told) -> (String, Option<String>) {
    let (status, expected, (kind, code), claude, google) = row;
    // What a service of OpenAI's make calls it, is worth more than our word for the status.
    let named = status == expected && ["openai-compatibility", "codex"].contains(&provider.name());
    let code = if named { Some("some_code") } else { *code };
    match client.name() {
        "chat" | "responses" => ((*kind).to_owned(), code.map(str::to_owned)),
        "claude" => ((*claude).to_owned(), None),
        _ => ((*google).to_owned(), None),
    }
}

#[tokio::test]
async fn every_providers_failure_has_the_right_status_and_kind_in_every_clients_shape() {
    let feature = hello();
    let mut wrong = Vec::new();
    for row in &TOLD {
        let (status, expected) = (row.0, row.1);
        for client in clients() {
            // One server each: what one client learns must not cool anything for the next, nor open a breaker.
            let (server, all) = world("disable-cooling: true\nrequest-retry: 0\n").await;
            for behind in &all {
                behind.upstream.answer_with({
                    let provider = behind.provider;
                    move |_| provider.error(status, "these words")
                });
                for stream in [false, true] {
                    let case = format!("{} → {}, {status}, {stream}", client.name(), behind.provider.name());
                    let body = client.body(&behind.alias, &feature.ask, stream);
                    let reply = server.client().post(&client.path(&behind.alias, stream), &body).await;
                    assert_eq!(reply.status(), expected, "{case}: {}", reply.text().await);
                    assert_eq!(reply.header("content-type"), Some("application/json"), "{case}");
                    let body = reply.json().await;
                    println!("{case}");
                    let refusal = client.refusal(expected, &body);
                    assert!(refusal.message.contains("these words"), "{case}: {body}");
                    assert!(!body.to_string().contains("CANARY"), "{case}: {body}");
                    if (refusal.kind, refusal.code) != told(client, behind.provider, row) {
                        wrong.push(format!("{case}: {body}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_error_inside_a_stream_is_told_in_every_clients_words_and_never_taken_for_an_end() {
    let feature = hello();
    // What one client learns must not cool anything for the next.
    let (server, all) = world("disable-cooling: true\n").await;
    for client in clients() {
        for behind in &all {
            let case = format!("{} → {}", client.name(), behind.provider.name());
            println!("{case}");
            let provider = behind.provider;
            behind.upstream.answer_with(move |_| provider.broken_stream("these words"));
            let body = client.body(&behind.alias, &feature.ask, true);
            let reply = server.client().post(&client.path(&behind.alias, true), &body).await;
            assert_eq!(reply.status(), 200, "{case}: it had begun");
            let events = data_events(reply.events().await);
            let message = client.broken(&events);
            assert!(
                message.as_deref().is_some_and(|text| text.contains("these words")),
                "{case}: {events:?}"
            );
        }
    }
}
