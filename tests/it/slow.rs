//! Clients that read or write slowly, and those that stop.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, Reply, chat, data, sse};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ask::Answer;
use crate::client::{clients, data_events, said};
use crate::matrix::{hello, world};
use crate::provider::{Provider, providers};
use crate::server::{KEY, Server};

fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

#[tokio::test]
async fn a_request_that_drips_in_is_answered_like_any_other() {
    let feature = hello();
    let (server, all) = world("").await;
    for client in clients() {
        let behind = &all[0];
        let (provider, answer) = (behind.provider, feature.answer.clone());
        behind.upstream.answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
        let body = client.body(&behind.alias, &feature.ask, false).to_string();
        let whole = head(&client.path(&behind.alias, false), body.len()) + &body;
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        // Three bytes at a time: inside characters, headers and members.
        for piece in whole.as_bytes().chunks(3) {
            socket.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{}: {text}", client.name());
        let body = text.split_once("\r\n\r\n").unwrap().1;
        let told = client.whole(&serde_json::from_str(body).unwrap());
        assert_eq!(told, feature.answer.expected(&behind.alias), "{}", client.name());
    }
}

/// A stream of four megabytes.
fn flood() -> Reply {
    let word = "x".repeat(4000);
    let chunk = |delta| {
        data(&json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": null}],
        }))
    };
    let mut pieces = vec![chunk(json!({"role": "assistant", "content": ""}))];
    pieces.extend((0..1000).map(|_| chunk(json!({"content": word}))));
    let last: Vec<_> = chat::stream("end").into();
    pieces.extend(last.into_iter().skip(1));
    sse(pieces)
}

/// As much in one answer, which comes in pieces that know nothing of events.
fn long(provider: &dyn Provider) -> Reply {
    static TEXT: LazyLock<String> = LazyLock::new(|| "x".repeat(4_000_003));
    let answer = Answer { text: Some(&TEXT), ..Answer::default() };
    provider.answer(&answer, true).split_every(4096)
}

#[tokio::test]
async fn a_client_that_reads_late_misses_nothing_and_holds_nobody_up() {
    let (server, all) = world("").await;
    let feature = hello();
    // Every client of a provider that speaks another format, and each of its own format, where bytes pass.
    let translated = clients().into_iter().map(|client| (client.name(), "openai-compatibility"));
    let passing = [("claude", "claude"), ("responses", "codex"), ("gemini", "gemini")];
    for (client, provider) in translated.chain(passing) {
        let client = clients().into_iter().find(|known| known.name() == client).unwrap();
        let behind = all.iter().find(|behind| behind.provider.name() == provider).unwrap();
        let case = format!("{} → {provider}", client.name());
        println!("{case}");
        let (provider, answer) = (behind.provider, feature.answer.clone());
        let flooded = AtomicBool::new(false);
        behind.upstream.answer_with(move |_| match flooded.swap(true, Ordering::Relaxed) {
            false if provider.name() == "openai-compatibility" => flood(),
            false => long(provider),
            true => provider.answer(&answer, true),
        });
        let body = client.body(&behind.alias, &feature.ask, true);
        let path = client.path(&behind.alias, true);
        let mut late = server.client().post(&path, &body).await;
        let first = late.event().await.unwrap();
        // While it does not read, the others are served.
        for _ in 0..5 {
            let reply = server.client().post(&path, &body).await;
            assert_eq!(said(client, true, reply).await, feature.answer.expected(&behind.alias));
        }
        let mut events = vec![first];
        events.extend(late.events().await);
        let told = client.stream(&data_events(events));
        assert_eq!(told.text.len(), 4_000_003, "{case}");
    }
}

#[tokio::test]
async fn a_request_that_stops_half_way_is_408_or_closed_and_the_server_goes_on() {
    let upstream = FakeUpstream::start().await;
    let yaml = providers()[0].config(&upstream.url(), &["k"], "u", "m");
    let server =
        Server::with_config(&format!("limits: {{header-read-timeout: 1, idle-timeout: 1}}\n{yaml}")).await;
    // All at once: each waits for the same second.
    let tasks = tokio_util::task::TaskTracker::new();
    let mut running = Vec::new();
    for (client, stream) in clients().into_iter().flat_map(|client| [(client, false), (client, true)]) {
        let path = client.path("m", stream);
        for (sent, status) in
            [(head(&path, 100) + "{\"model\":", Some(408)), (format!("POST {path} HTT"), None)]
        {
            let address = server.address.clone();
            running.push(tasks.spawn(async move {
                let mut socket = TcpStream::connect(&address).await.unwrap();
                socket.write_all(sent.as_bytes()).await.unwrap();
                let mut text = String::new();
                let read =
                    tokio::time::timeout(Duration::from_secs(30), socket.read_to_string(&mut text)).await;
                assert!(read.is_ok(), "{sent}: the connection is closed in the end");
                let Some(status) = status else { return };
                assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}: {text}");
                let body = text.split_once("\r\n\r\n").unwrap().1;
                client.error(status, &serde_json::from_str(body).unwrap());
            }));
        }
    }
    for task in running {
        task.await.unwrap();
    }
    assert_eq!(server.client().get("/healthz").await.status(), 200);
    assert!(upstream.requests().is_empty());
}
