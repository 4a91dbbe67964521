use cliproxy_http::Options;
use http::Method;
use serde_json::{Value, json};

use crate::formats::rows;
use crate::support::Edge;

#[tokio::test]
async fn what_needs_no_key_needs_none() {
    let edge = Edge::start().await;
    let client = edge.stranger();
    let banner = client.get("/").await.json().await;
    assert_eq!(banner["message"], "CLI Proxy API Server");
    assert!(banner["endpoints"].as_array().unwrap().contains(&json!("POST /v1/messages")));
    assert_eq!(client.get("/healthz").await.text().await, r#"{"status":"ok"}"#);
    let events = json!({"events": [{"event_type": "x"}]});
    assert_eq!(client.post("/api/event_logging/batch", &events).await.json().await, json!({"status": "ok"}));
    assert_eq!(edge.dispatcher.count(), 0);
}

#[tokio::test]
async fn head_is_answered_wherever_get_is_with_no_body() {
    let edge = Edge::start().await;
    for path in ["/", "/healthz", "/v1/models", "/v1/models/"] {
        let reply = edge.client().call(Method::HEAD, path, "").await;
        assert_eq!(reply.status(), 200, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
        assert!(reply.bytes().await.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let edge = Edge::start().await;
    for (method, path, allow) in [
        (Method::GET, "/v1/chat/completions", "POST, OPTIONS"),
        (Method::HEAD, "/v1/messages", "POST, OPTIONS"),
        (Method::PUT, "/v1/messages/count_tokens", "POST, OPTIONS"),
        (Method::POST, "/v1/models", "GET, HEAD, OPTIONS"),
        (Method::DELETE, "/", "GET, HEAD, OPTIONS"),
        (Method::GET, "/v1/responses", "POST, OPTIONS"),
        (Method::GET, "/v1beta/models/m:generateContent", "POST, OPTIONS"),
        (Method::POST, "/v1beta/models", "GET, HEAD, OPTIONS"),
    ] {
        let reply = edge.client().call(method.clone(), path, "{}").await;
        assert_eq!((reply.status(), reply.header("allow")), (405, Some(allow)), "{method} {path}");
        if method != Method::HEAD {
            assert!(reply.json().await["error"]["message"].is_string(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn options_is_204_on_every_path_before_any_access_check() {
    let edge = Edge::start().await;
    for path in ["/", "/v1/chat/completions", "/v1/models", "/no/such/path"] {
        let reply = edge.stranger().call(Method::OPTIONS, path, "").await;
        assert_eq!((reply.status(), reply.header("access-control-allow-origin")), (204, Some("*")), "{path}");
        let methods = reply.header("access-control-allow-methods").unwrap().to_owned();
        assert!(methods.contains("POST") && methods.contains("OPTIONS"), "{methods}");
        assert_eq!(reply.header("access-control-allow-headers"), Some("*"));
        assert!(reply.bytes().await.is_empty());
    }
}

#[tokio::test]
async fn cross_origin_headers_are_on_every_reply_with_keys_and_on_none_without() {
    let edge = Edge::start().await;
    for path in ["/", "/v1/models", "/nowhere", "/v1/chat/completions"] {
        for client in [edge.client(), edge.stranger()] {
            let reply = client.get(path).await;
            assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
            let exposed = reply.header("access-control-expose-headers").unwrap();
            for name in ["X-CPA-TRACE-ID", "X-Request-Id", "Retry-After"] {
                assert!(exposed.contains(name), "{exposed}");
            }
        }
    }
    let mut options = Options::default();
    options.keyed = false;
    let edge = Edge::with_options(options).await;
    for (method, path) in [(Method::GET, "/"), (Method::GET, "/v1/models"), (Method::OPTIONS, "/v1/models")] {
        let reply = edge.stranger().call(method, path, "").await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
}

/// Path, headers, status, words of the message, whether it is Claude's shape.
#[tokio::test]
async fn an_unknown_path_says_what_would_be_right_in_the_callers_own_shape() {
    let edge = Edge::start().await;
    let claude = Some(("anthropic-version", "2023-06-01"));
    for (path, header, words, shape) in [
        ("/v1/v1/chat/completions", None, "without /v1 (the right path is /v1/chat/completions)", "openai"),
        ("/v1/v1/messages", claude, "without /v1", "claude"),
        ("/messages", claude, "with /v1 at its end", "claude"),
        ("/chat/completions", None, "with /v1 at its end", "openai"),
        ("/v1/messages/v1/messages", claude, "without /v1/messages", "claude"),
        ("/openai/v1/chat/completions", None, "without /openai", "openai"),
        ("/openai/v1/responses", None, "without /openai", "openai"),
        ("/anthropic/v1/messages", None, "without /anthropic", "claude"),
        ("/api/v1/messages", None, "without /api", "claude"),
        ("/api/v1/models", None, "without /api", "openai"),
        ("/api/v1/models", claude, "without /api", "claude"),
        ("/v1beta/openai/chat/completions", None, "with /v1 in place of /v1beta/openai", "openai"),
        ("/v1beta/openai/models", None, "with /v1 in place of /v1beta/openai", "openai"),
        ("/models/m:generateContent", None, "with /v1beta at its end", "gemini"),
        ("/google/v1beta/models/m:generateContent", None, "without /google", "gemini"),
        ("//v1internal:generateContent", None, "without a slash at its end", "gemini"),
        ("//nowhere", None, "no route /nowhere", "openai"),
        ("/nowhere", None, "no route /nowhere", "openai"),
        ("/nowhere", claude, "no route /nowhere", "claude"),
    ] {
        let client = match header {
            Some((name, value)) => edge.stranger().header(name, value),
            None => edge.stranger(),
        };
        let reply = client.post(path, &json!({})).await;
        assert_eq!(reply.status(), 404, "{path}");
        let error: Value = reply.json().await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{path}: {message}");
        assert_eq!(error["type"] == "error", shape == "claude", "{path}: {error}");
        assert_eq!(error["error"]["status"].is_string(), shape == "gemini", "{path}: {error}");
    }
}

/// What a base URL with a slash at its end makes of a path is served, to those who may.
#[tokio::test]
async fn empty_segments_of_a_path_do_not_matter() {
    let edge = Edge::start().await;
    for row in rows().into_iter().filter(|row| row.keyed) {
        for path in [format!("/{}", row.path), row.path.replacen("/v1/", "/v1//", 1)] {
            assert_eq!(edge.stranger().post(&path, &(row.body)(false)).await.status(), 401, "{path}");
            let reply = edge.client().post(&path, &(row.body)(false)).await;
            assert_eq!(reply.text().await, r#"{"ok":true}"#, "{path}");
            assert_eq!(edge.dispatcher.last().format, row.format, "{path}");
        }
    }
    for path in ["//v1/models", "//v1/models?client_version=1", "//healthz"] {
        assert_eq!(edge.client().get(path).await.status(), 200, "{path}");
    }
    // Where no key is asked for, somebody in front may keep strangers away by the exact path.
    let before = edge.dispatcher.count();
    assert_eq!(edge.client().post("//v1internal:generateContent", &json!({})).await.status(), 404);
    assert_eq!(edge.client().get("//v1/ws").await.status(), 404);
    assert_eq!(edge.dispatcher.count(), before);
}

#[tokio::test]
async fn a_client_that_takes_the_server_for_a_proxy_is_told_that_it_is_none() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let edge = Edge::start().await;
    let mut stream = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    let ask = "CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\nconnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 405 "), "{reply}");
    assert!(reply.contains("this server is none: its address is a base URL"), "{reply}");
}

#[tokio::test]
async fn what_is_not_offered_or_not_built_says_so_and_asks_for_no_retry() {
    let edge = Edge::start().await;
    for (path, words) in [
        ("/v1/embeddings", "not offered"),
        ("/v1/audio/speech", "not offered"),
        ("/v1/moderations", "not offered"),
        ("/v1/messages/batches", "not offered"),
        ("/v1beta/models/m:embedContent", "not offered"),
        ("/v1beta/files", "not offered"),
        ("/v1/images/generations", "not built yet"),
        ("/v1/videos", "not built yet"),
        ("/backend-api/codex/alpha/search", "not built yet"),
    ] {
        let stranger = edge.stranger().post(path, &json!({"model": "m"})).await;
        assert_eq!(stranger.status(), 401, "{path}: a key is asked for first");
        let reply = edge.client().post(path, &json!({"model": "m"})).await;
        assert_eq!((reply.status(), reply.header("x-should-retry")), (501, Some("false")), "{path}");
        let error = reply.json().await;
        assert!(error["error"]["message"].as_str().unwrap().contains(words), "{path}: {error}");
    }
    let reply = edge.client().get("/v1/responses/resp_123").await;
    assert_eq!(reply.status(), 404);
    assert!(reply.text().await.contains("resp_123"));
}

#[tokio::test]
async fn a_websocket_on_responses_is_refused_with_the_status_that_sends_codex_to_http() {
    let edge = Edge::start().await;
    for path in ["/v1/responses", "/backend-api/codex/responses"] {
        let client = edge.client().header("connection", "upgrade").header("upgrade", "websocket");
        let reply = client.get(path).await;
        assert_eq!(reply.status(), 426, "{path}");
        assert!(reply.text().await.contains("POST"));
    }
}
