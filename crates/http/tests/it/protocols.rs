//! The same routes over every protocol that the server speaks.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_access::{Chain, ConfigKeys, Keyless};
use cliproxy_core::Secret;
use cliproxy_http::Options;
use cliproxy_transport::{ServerOptions, ServerTls};
use tokio::sync::Notify;

use crate::formats::rows;
use crate::support::{Edge, KEY, Step, steps, streaming, whole};

fn keys() -> Arc<Chain> {
    let keys = ConfigKeys::new([Secret::new(KEY)], Keyless::Refuse);
    Arc::new(Chain::new(vec![Arc::new(keys)]))
}

#[tokio::test]
async fn http1_and_http2_with_and_without_tls_answer_alike() {
    let home = tempfile::TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.key_pair.serialize_pem()).unwrap();
    let secure = ServerOptions::default().with_tls(ServerTls::new(&cert, &key));
    for (scheme, server) in [("http", ServerOptions::default()), ("https", secure)] {
        let edge = Edge::with(Options::default(), keys(), server).await;
        for http2 in [false, true] {
            let base = format!("{scheme}://{}", edge.address);
            let client = cliproxy_testkit::TestClient::new(base).bearer(KEY);
            let client = client.trusting(made.cert.der().to_vec());
            let client = if http2 { client.http2() } else { client };
            for row in rows() {
                let case = format!("{scheme} http2={http2} {}", row.path);
                edge.dispatcher.answer(|_| async { whole("{}") });
                let reply = client.post(row.path, &(row.body)(false)).await;
                assert_eq!((reply.status(), reply.text().await.as_str()), (200, "{}"), "{case}");
                edge.dispatcher.answer(|_| async {
                    streaming(steps([Step::Say("data: 1\n\n"), Step::Say("data: 2\n\n")]))
                });
                let reply = client.post(row.stream_path, &(row.body)(true)).await;
                assert_eq!(reply.events().await.len(), 2, "{case}");
                if row.keyed {
                    let reply = client.clone().bearer("wrong").post(row.path, &(row.body)(false)).await;
                    assert_eq!(reply.status(), 401, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn beyond_its_limit_the_server_says_that_it_is_busy_in_the_clients_format() {
    let server = ServerOptions::default().with_max_requests(1);
    let edge = Edge::with(Options::default(), keys(), server).await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, gate) = (Arc::clone(&begun), Arc::clone(&go));
    edge.dispatcher.answer(move |_| {
        let (tell, gate) = (Arc::clone(&tell), Arc::clone(&gate));
        async move {
            tell.notify_one();
            gate.notified().await;
            whole("{}")
        }
    });
    let first = &rows()[0];
    let client = edge.client();
    let body = (first.body)(false);
    let running = client.post(first.path, &body);
    let others = async {
        begun.notified().await;
        for row in rows() {
            let reply = edge.client().post(row.path, &(row.body)(false)).await;
            assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("1")), "{}", row.path);
            assert!(reply.header("x-request-id").is_some(), "{}", row.path);
            assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{}", row.path);
            assert!(row.message(503, &reply.json().await).contains("limit"), "{}", row.path);
        }
        go.notify_one();
    };
    let (reply, ()) = tokio::join!(running, others);
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn a_reload_changes_what_comes_and_not_what_has_begun() {
    let edge = Edge::start().await;
    let row = &rows()[0];
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    edge.dispatcher.answer(move |_| {
        let script = [Step::Say("data: 1\n\n"), Step::Until(Arc::clone(&gate)), Step::Say("data: 2\n\n")];
        async move { streaming(steps(script)) }
    });
    let mut reply = edge.client().post(row.path, &(row.body)(true)).await;
    reply.event().await.unwrap();
    let mut options = Options::default();
    options.keepalive = Some(Duration::from_millis(5));
    options.body = cliproxy_transport::BodyLimits::new().with_max_bytes(10);
    edge.routes.reconfigure(options);
    assert_eq!(edge.client().post(row.path, &(row.body)(false)).await.status(), 413);
    go.notify_one();
    let events = reply.events().await;
    assert_eq!(events.len(), 1, "no comment came in between: {events:?}");
}
