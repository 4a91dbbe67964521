//! `/v1/ws`, with the relay behind it.

use std::sync::Arc;

use cliproxy_access::{Chain, ConfigKeys, Keyless, Open};
use cliproxy_core::{Principal, Secret};
use cliproxy_http::Options;
use cliproxy_relay::{Identity, Options as RelayOptions, Relay};
use cliproxy_testkit::TestClient;
use http::{HeaderMap, Method};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{Edge, KEY};

/// A server with a relay.
async fn edge(change: impl FnOnce(&mut Options, &mut RelayOptions)) -> (Edge, Relay) {
    let (mut options, mut relay) = (Options::default(), RelayOptions::new("aistudio-"));
    change(&mut options, &mut relay);
    let relay = Relay::new(relay, CancellationToken::new());
    let edge = Edge::with_options(options).await;
    drop(edge.routes.clone().with_relay(relay.clone()));
    (edge, relay)
}

fn names(relay: &Relay) -> Vec<String> {
    let mut names = Vec::new();
    relay.each(|name| names.push(name.to_owned()));
    names
}

async fn connected(relay: &Relay, count: usize) {
    while names(relay).len() != count {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_page_comes_in_with_a_key_wherever_browsers_can_put_one() {
    let (edge, relay) = edge(|_, _| {}).await;
    let foreign = edge.stranger().header("origin", "https://anything.example");
    let by_query = [format!("/v1/ws?key={KEY}"), format!("/v1/ws/?auth_token={KEY}")];
    for (count, (client, path)) in (1..).zip([
        (edge.client(), "/v1/ws"),
        (foreign.clone(), by_query[0].as_str()),
        (foreign.clone(), by_query[1].as_str()),
        (foreign.header("x-api-key", KEY), "/v1/ws"),
    ]) {
        let socket = client.websocket(path).await.unwrap();
        connected(&relay, count).await;
        std::mem::forget(socket);
    }
    // Source: providers-a.md 8.1 "Identity".
    for name in names(&relay) {
        assert!(name.strip_prefix("aistudio-").is_some_and(|rest| rest.len() == 16), "{name}");
    }
    relay.close_where(Identity::is_anonymous, "x");
    connected(&relay, 4).await;
}

#[tokio::test]
async fn who_has_no_key_is_refused_in_http_before_the_upgrade() {
    let (edge, relay) = edge(|_, _| {}).await;
    for (client, words) in
        [(edge.stranger(), "Missing API key"), (edge.stranger().bearer("wrong"), "Invalid API key")]
    {
        let reply = client.websocket("/v1/ws").await.unwrap_err();
        assert_eq!(reply.status(), 401);
        assert!(reply.header("upgrade").is_none());
        let error = reply.json().await;
        assert_eq!(error["error"]["message"], words);
    }
    assert!(names(&relay).is_empty());
}

#[tokio::test]
async fn without_ws_auth_programs_come_in_and_pages_only_from_where_the_operator_said() {
    let (edge, relay) = edge(|options, _| {
        options.relay_keyed = false;
        options.relay_origins = vec!["https://*.usercontent.goog".to_owned()];
    })
    .await;
    let stranger = edge.stranger();
    let own = format!("http://{}", edge.address);
    let mut count = 0;
    for (origin, let_in) in [
        (None, true),
        (Some("https://x.scf.usercontent.goog"), true),
        (Some(own.as_str()), true),
        (Some("https://evil.example"), false),
        (Some("null"), false),
        (Some("https://usercontent.goog.evil.example"), false),
    ] {
        let client = origin.map_or(stranger.clone(), |origin| stranger.clone().header("origin", origin));
        match client.websocket("/v1/ws").await {
            Ok(socket) => {
                assert!(let_in, "{origin:?}");
                count += 1;
                connected(&relay, count).await;
                std::mem::forget(socket);
            }
            Err(reply) => {
                assert!(!let_in, "{origin:?}");
                assert_eq!(reply.status(), 403);
                let error = reply.json().await;
                assert!(error["error"]["message"].as_str().unwrap().contains("ws-origins"), "{error}");
            }
        }
    }
    // A page of another name that was pointed at this machine.
    let rebound = stranger.header("host", "evil.example:8317").header("origin", "http://evil.example:8317");
    assert_eq!(rebound.websocket("/v1/ws").await.unwrap_err().status(), 403);
    relay.close_where(|identity| identity.principal == Principal::anonymous(), "x");
    connected(&relay, 0).await;
}

const PAGE: &str = "page-key-CANARY";

fn pages_only(options: &mut Options) {
    let keys = ConfigKeys::new([Secret::new(PAGE)], Keyless::Refuse);
    options.relay_access = Some(Arc::new(keys));
}

#[tokio::test]
async fn with_a_list_of_its_own_the_relay_takes_no_other_client_key() {
    let (edge, relay) = edge(|options, _| pages_only(options)).await;
    let foreign = edge.stranger().header("origin", "https://anything.example");
    for (client, path, status, code) in [
        (edge.client(), "/v1/ws".to_owned(), 403, "relay_not_allowed"),
        (foreign.clone(), format!("/v1/ws?key={KEY}"), 403, "relay_not_allowed"),
        (edge.stranger().bearer("wrong"), "/v1/ws".to_owned(), 401, "invalid_api_key"),
    ] {
        let reply = client.websocket(&path).await.unwrap_err();
        assert_eq!(reply.status(), status);
        assert!(reply.header("upgrade").is_none());
        let text = reply.text().await;
        assert!(!text.contains("CANARY"), "{text}");
        let error: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(error["error"]["code"], code, "{text}");
        assert_eq!(error["error"]["message"].as_str().unwrap().contains("`ws-keys`"), status == 403);
    }
    assert_eq!(edge.stranger().websocket("/v1/ws").await.unwrap_err().status(), 401);
    assert!(names(&relay).is_empty());
    let _page = foreign.websocket(&format!("/v1/ws?key={PAGE}")).await.unwrap();
    connected(&relay, 1).await;
    // A wrong key before it does not hide it, nor does a client's. Source: http-api.md A.1.
    let _both = edge.client().websocket(&format!("/v1/ws?key={PAGE}")).await.unwrap();
    connected(&relay, 2).await;
    // It is a key for pages: nothing is served for it.
    assert_eq!(edge.stranger().bearer(PAGE).get("/v1/models").await.status(), 401);
}

#[tokio::test]
async fn a_list_of_the_relay_holds_without_client_keys_too_and_falls_with_ws_auth() {
    for relay_keyed in [true, false] {
        let open =
            Chain::default().or_open(Open::while_keyless(Arc::new(ConfigKeys::new([], Keyless::Admit))));
        let mut options = Options::default();
        (options.keyed, options.relay_keyed) = (false, relay_keyed);
        pages_only(&mut options);
        let edge = Edge::with(options, Arc::new(open), cliproxy_transport::ServerOptions::default()).await;
        let relay = Relay::new(RelayOptions::new("aistudio-"), CancellationToken::new());
        drop(edge.routes.clone().with_relay(relay.clone()));
        let foreign = edge.stranger().header("origin", "https://anything.example");
        let refused = edge.stranger().websocket("/v1/ws").await;
        let page = foreign.websocket(&format!("/v1/ws?key={PAGE}")).await;
        if relay_keyed {
            assert_eq!(refused.unwrap_err().status(), 401);
            let _page = page.unwrap();
            connected(&relay, 1).await;
        } else {
            let _program = refused.unwrap();
            assert_eq!(page.unwrap_err().status(), 403);
            connected(&relay, 1).await;
        }
    }
}

#[tokio::test]
async fn a_server_without_keys_lets_no_foreign_page_in() {
    for relay_keyed in [true, false] {
        let (edge, relay) = edge(|options, _| {
            options.keyed = false;
            options.relay_keyed = relay_keyed;
        })
        .await;
        let foreign = edge.stranger().header("origin", "https://evil.example");
        assert_eq!(foreign.websocket("/v1/ws").await.unwrap_err().status(), 403);
        let _socket = edge.stranger().websocket("/v1/ws").await.unwrap();
        connected(&relay, 1).await;
    }
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_how_to_come() {
    let (edge, relay) = edge(|_, _| {}).await;
    let reply = edge.client().get("/v1/ws").await;
    assert_eq!((reply.status(), reply.header("upgrade")), (426, Some("websocket")));
    assert_eq!(reply.header("sec-websocket-version"), Some("13"));
    let error = reply.json().await;
    assert_eq!(error["error"]["code"], "websocket_required");

    let half = edge.client().header("connection", "upgrade").header("upgrade", "websocket");
    let old = half.clone().header("sec-websocket-version", "8");
    assert_eq!(old.get("/v1/ws").await.status(), 426);
    assert_eq!(half.header("sec-websocket-version", "13").get("/v1/ws").await.status(), 400);

    // Source: providers-a.md 8.1 "wrong method 405 + `Allow: GET`".
    let reply = edge.client().post("/v1/ws", &json!({})).await;
    assert_eq!((reply.status(), reply.header("allow")), (405, Some("GET, OPTIONS")));
    assert_eq!(edge.client().get("/v1/ws/x").await.status(), 404);

    let reply = edge.client().http2().get("/v1/ws").await;
    assert_eq!((reply.status(), reply.header("upgrade")), (426, None));
    assert!(reply.text().await.contains("HTTP/1.1"));
    assert!(names(&relay).is_empty());
}

#[tokio::test]
async fn one_key_has_so_many_pages_and_no_more() {
    let (edge, relay) = edge(|_, options| options.max_per_principal = 2).await;
    let first = edge.client().websocket("/v1/ws").await.unwrap();
    let _second = edge.client().websocket("/v1/ws").await.unwrap();
    connected(&relay, 2).await;
    let reply = edge.client().websocket("/v1/ws").await.unwrap_err();
    assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("30")));
    assert!(reply.text().await.contains("client key"));
    // A page that leaves makes room.
    first.close().await;
    let _third = loop {
        match edge.client().websocket("/v1/ws").await {
            Ok(socket) => break socket,
            Err(reply) => assert_eq!(reply.status(), 503),
        }
    };
    connected(&relay, 2).await;
}

#[tokio::test]
async fn a_full_relay_says_so_and_one_that_is_not_there_too() {
    let (full, relay) = edge(|_, options| options.max_sessions = 1).await;
    let _socket = full.client().websocket("/v1/ws").await.unwrap();
    let reply = full.client().websocket("/v1/ws").await.unwrap_err();
    assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("30")));
    connected(&relay, 1).await;

    let bare = Edge::start().await;
    let reply = bare.client().websocket("/v1/ws").await.unwrap_err();
    assert_eq!(reply.status(), 501);
}

#[tokio::test]
async fn a_page_over_tls_is_sent_requests_and_outlives_the_deadlines_of_idle_connections() {
    use std::time::Duration;
    let home = tempfile::TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.key_pair.serialize_pem()).unwrap();
    let short = Duration::from_millis(30);
    let server = cliproxy_transport::ServerOptions::default()
        .with_tls(cliproxy_transport::ServerTls::new(&cert, &key))
        .with_timeouts(Duration::from_secs(5), short);
    let keys =
        cliproxy_access::ConfigKeys::new([cliproxy_core::Secret::new(KEY)], cliproxy_access::Keyless::Refuse);
    let edge = Edge::with(Options::default(), Arc::new(keys), server).await;
    let relay = Relay::new(RelayOptions::new("aistudio-"), CancellationToken::new());
    drop(edge.routes.clone().with_relay(relay.clone()));
    let client = TestClient::new(format!("https://{}", edge.address)).bearer(KEY);
    let mut socket = client.trusting(made.cert.der().to_vec()).websocket("/v1/ws").await.unwrap();
    connected(&relay, 1).await;
    // Longer than an idle connection of HTTP may stay.
    tokio::time::sleep(short * 5).await;
    let name = names(&relay).remove(0);
    let headers = HeaderMap::new();
    let request = cliproxy_relay::Outbound::new(
        &Method::POST,
        "https://h/",
        &headers,
        "{}",
        cliproxy_core::Timestamp::default(),
    );
    let mut exchange = relay.send(&name, &request).await.unwrap();
    let message = socket.next().await.unwrap();
    socket
        .send(
            &json!({"id": message["id"], "type": "http_response", "payload": {"status": 200, "body": "hi"}}),
        )
        .await;
    let Some(cliproxy_relay::Event::Whole(_, body)) = exchange.next().await else { panic!("a reply") };
    assert_eq!(body, "hi");
}
