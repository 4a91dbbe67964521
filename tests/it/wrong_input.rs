//! Bad input gets a clear error in the client's own format, and the server goes on.

use cliproxy_testkit::{Encoding, TestClient, TestReply};
use http::Method;
use serde_json::Value;

use crate::client::{Client, clients};
use crate::counting::count_routes;
use crate::matrix::{hello, world};
use crate::server::Server;

/// Sixteen megabytes of blanks.
const BROTLI_BOMB: [u8; 27] = [
    0xcb, 0xff, 0xff, 0x3f, 0xf8, 0x25, 0x40, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x2f, 0xff, 0xff, 0xff,
    0xf0, 0x4b, 0x00, 0xc4, 0x61, 0x11, 0x80, 0xee, 0xfd, 0x1f,
];

#[track_caller]
fn check(case: &str, client: &dyn Client, status: u16, expected: u16, body: &str, words: &str) {
    assert_eq!(status, expected, "{case}: {body}");
    let error: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{case}: no JSON: {body}"));
    let message = client.error(expected, &error);
    assert!(message.contains(words), "{case}: {message}");
}

async fn refused(case: &str, client: &dyn Client, reply: TestReply, expected: u16, words: &str) {
    let status = reply.status();
    check(case, client, status, expected, &reply.text().await, words);
}

/// The last list of the body ends with a comma: what is around it is JSON.
fn one_comma_more(good: &str) -> Vec<u8> {
    let (before, behind) = good.split_at(good.rfind(']').unwrap());
    [before, ",", behind].concat().into_bytes()
}

#[tokio::test]
async fn each_mistake_is_told_in_the_clients_own_format() {
    let limits = "limits: {max-body-bytes: 1048576, max-decompressed-bytes: 1048576}\n";
    let (server, all) = world(limits).await;
    let alias = &all[0].alias;
    let blanks = vec![b' '; 16 * 1024 * 1024];
    let mut bombs: Vec<(Encoding, Vec<u8>)> =
        [Encoding::Gzip, Encoding::Zlib, Encoding::RawDeflate, Encoding::Zstd]
            .map(|encoding| (encoding, encoding.compress(&blanks)))
            .into();
    bombs.push((Encoding::Brotli, BROTLI_BOMB.to_vec()));
    for client in clients() {
        for stream in [false, true] {
            let case = |what: &str| format!("{} {what} stream={stream}", client.name());
            let path = client.path(alias, stream);
            let send = async |body: Vec<u8>| server.client().call(Method::POST, &path, body).await;
            let good = client.body(alias, &hello().ask, stream).to_string();
            let text = |text: &str| text.as_bytes().to_vec();

            for (what, body, words) in [
                ("nothing", vec![], "Invalid request"),
                ("half", good.as_bytes()[..good.len() / 2].to_vec(), "Invalid request"),
                ("no object", text("[1]"), "Invalid request"),
                ("no JSON", text("model=x"), "Invalid request"),
                ("a comma too many, deep inside", one_comma_more(&good), "Invalid request"),
                ("not UTF-8 behind it", [good.as_bytes(), b"\xff"].concat(), "Invalid request"),
                ("not UTF-8 in a string", broken_string(&good), "UTF-8"),
            ] {
                refused(&case(what), client, send(body).await, 400, words).await;
            }
            // A provider of the client's own format judges itself; every other one needs a request that can be read.
            let other = if client.name() == "chat" { "m-claude" } else { "m-openai-compatibility" };
            let path_to_other = client.path(other, stream);
            for (what, body) in wrong_types(client, &client.body(other, &hello().ask, stream)) {
                let reply = server.client().call(Method::POST, &path_to_other, body).await;
                refused(&case(what), client, reply, 400, "").await;
            }
            let large = vec![b' '; 12 * 1024 * 1024];
            refused(&case("large"), client, send(large).await, 413, "1048576").await;
            for (encoding, bomb) in &bombs {
                let packed = server.client().header("content-encoding", encoding.name());
                refused(
                    &case("bomb"),
                    client,
                    packed.call(Method::POST, &path, bomb.clone()).await,
                    413,
                    "decoded",
                )
                .await;
                // The same coding with a good request inside is served, so it is not the coding that is refused.
                let (provider, answer) = (all[0].provider, hello().answer);
                all[0]
                    .upstream
                    .answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
                let packed = server.client().header("content-encoding", encoding.name());
                let reply = packed.call(Method::POST, &path, encoding.compress(good.as_bytes())).await;
                assert_eq!(reply.status(), 200, "{}", case("packed"));
            }
            let near = alias.replace("m-", "n-");
            let body = client.body(&near, &hello().ask, stream).to_string();
            let reply = server.client().call(Method::POST, &client.path(&near, stream), body).await;
            refused(&case("an unknown model"), client, reply, 404, alias).await;
            let stranger = TestClient::new(format!("http://{}", server.address));
            let reply = stranger.call(Method::POST, &path, good.clone()).await;
            if client.is_local() {
                assert_eq!(reply.status(), 200, "{}", case("no key"));
            } else {
                refused(&case("no key"), client, reply, 401, "Missing API key").await;
                let reply = stranger.bearer("wrong").call(Method::POST, &path, good.clone()).await;
                refused(&case("a wrong key"), client, reply, 401, "Invalid API key").await;
            }
            let reply = server.client().call(Method::GET, &path, "").await;
            refused(&case("a wrong method"), client, reply, 405, "POST").await;
        }
    }
    assert_eq!(server.client().get("/healthz").await.status(), 200, "the server goes on");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// The good request with a byte in its text that no character has.
fn broken_string(good: &str) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    let at = good.find("Hello").unwrap();
    bytes[at] = 0xff;
    bytes
}

/// The good request with members of wrong types.
fn wrong_types(client: &dyn Client, good: &Value) -> Vec<(&'static str, String)> {
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        match body.get_mut("request") {
            Some(inner) if key != "model" => inner[key] = value,
            _ => body[key] = value,
        }
        body.to_string()
    };
    let list = match client.name() {
        "gemini" | "gemini-cli" => "contents",
        "responses" => "input",
        _ => "messages",
    };
    let mut cases = vec![
        ("a conversation without a word", with(list, Value::Array(vec![]))),
        ("a number for the conversation", with(list, 5.into())),
        ("numbers in the conversation", with(list, Value::from(vec![5]))),
        ("a word for tools", with("tools", "x".into())),
    ];
    if client.name() != "gemini" {
        cases.push(("a number for the model", with("model", 5.into())));
        cases.push(("no model", with("model", Value::Null)));
    }
    cases
}

#[tokio::test]
async fn a_wrong_base_url_is_explained() {
    let server = Server::with_config("").await;
    // What is for this machine alone stands under no version.
    for client in clients().into_iter().filter(|client| !client.is_local()) {
        let path = client.path("demo", false);
        let path = path.split('?').next().unwrap();
        let version = path.split('/').nth(1).unwrap();
        let bare = path.strip_prefix(&format!("/{version}")).unwrap();
        for (wrong, words) in [
            (format!("/{version}{path}"), "without"),
            (bare.to_owned(), "at its end"),
            (format!("{path}/{version}{bare}"), "names an endpoint twice"),
            (format!("{path}{bare}"), "names an endpoint twice"),
            (format!("/openai{path}"), "without /openai"),
            (format!("/v1beta/openai{bare}"), "in place of /v1beta/openai"),
        ] {
            let mut caller = server.client();
            for (format, name) in
                [("claude", "anthropic-version"), ("gemini", "x-goog-api-client"), ("chat", "x-nothing")]
            {
                if client.name() == format {
                    caller = caller.header(name, "x");
                }
            }
            let reply = caller.call(Method::POST, &wrong, "{}").await;
            refused(&wrong, client, reply, 404, words).await;
        }
        // With a slash at the end of the base URL, the commonest of all: served.
        let body = client.body("demo", &hello().ask, false);
        let reply = server.client().post(&format!("/{path}"), &body).await;
        assert_eq!(reply.status(), 200, "/{path}: {}", reply.text().await);
    }
    assert_eq!(server.client().get("/nowhere").await.status(), 404);
}

/// Paths that are nobody's, as clients of a format may come to ask for them, and the header that betrays the format where
/// the path does not.
fn nowhere(client: &dyn Client) -> (Option<&'static str>, &'static [&'static str]) {
    match client.name() {
        "claude" => {
            (Some("anthropic-version"), &["/nowhere", "/v1/nothing", "/v1/messages/nothing", "/v2/messages"])
        }
        "gemini" => {
            (Some("x-goog-api-client"), &["/nowhere", "/v1/nothing", "/v1beta/nothing", "/v1alpha/nothing"])
        }
        "gemini-cli" => (None, &["/v1internal", "/v1internally"]),
        "responses" => (None, &["/nowhere", "/v2/responses", "/backend-api/nothing"]),
        _ => (None, &["/nowhere", "/v1/nothing", "/v1/chat", "/v1/chat/completions/nothing"]),
    }
}

#[tokio::test]
async fn an_unknown_route_is_told_in_every_clients_shape() {
    let server = Server::with_config("").await;
    for client in clients() {
        let (betrays, paths) = nowhere(client);
        for path in paths {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                let case = format!("{} {method} {path}", client.name());
                // A stranger learns no more and no less.
                for mut caller in [server.client(), TestClient::new(format!("http://{}", server.address))] {
                    if let Some(header) = betrays {
                        caller = caller.header(header, "x");
                    }
                    let reply = caller.call(method.clone(), path, "{}").await;
                    assert_eq!(reply.header("content-type"), Some("application/json"), "{case}");
                    assert!(reply.header("x-request-id").is_some(), "{case}");
                    refused(&case, client, reply, 404, "").await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_in_every_clients_shape_with_the_right_one() {
    let (server, all) = world("").await;
    for client in clients() {
        for stream in [false, true] {
            let path = client.path(&all[0].alias, stream);
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                let case = format!("{} {method} {path}", client.name());
                let reply = server.client().call(method, &path, "{}").await;
                assert_eq!(reply.header("content-type"), Some("application/json"), "{case}");
                let allow = reply.header("allow").map(str::to_owned);
                assert!(allow.is_some_and(|allow| allow.contains("POST")), "{case}");
                refused(&case, client, reply, 405, "POST").await;
            }
            // Without a body, as the method wants it.
            let reply = server.client().call(Method::HEAD, &path, "").await;
            assert_eq!((reply.status(), &*reply.bytes().await), (405, &b""[..]), "{path}");
        }
    }
    for route in count_routes() {
        let client = clients().into_iter().find(|client| client.name() == route.client).unwrap();
        let path = (route.path)(&all[0].alias);
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let case = format!("{method} {path}");
            let reply = server.client().call(method, &path, "{}").await;
            refused(&case, client, reply, 405, "POST").await;
        }
    }
    assert!(all.iter().all(|behind| behind.upstream.requests().is_empty()), "nobody was asked");
}

#[tokio::test]
async fn without_any_credential_for_a_model_the_demo_is_all_there_is() {
    let server = Server::with_config("").await;
    for client in clients() {
        for stream in [false, true] {
            let body = client.body("demo", &hello().ask, stream);
            let reply = server.client().post(&client.path("demo", stream), &body).await;
            assert_eq!(reply.status(), 200, "{} {stream}", client.name());
            let told = reply.text().await;
            assert!(told.contains("cliproxy"), "{} {stream}: {told}", client.name());
            let body = client.body("gpt-5", &hello().ask, stream);
            let reply = server.client().post(&client.path("gpt-5", stream), &body).await;
            refused("no such model", client, reply, 404, "gpt-5").await;
        }
    }
}
