//! The ways through a proxy, and that there is no way around one.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, status};
use cliproxy_transport::{
    ClientOptions, HttpClient, ProxyChoice, ProxyEnvironment, ProxyUrl, SendError, TrustRoots, Via,
};
use http::Version;
use parking_lot::Mutex;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::support::{self, FakeProxy, Speaks, base64, client, post, trusting};

fn through(url: &str) -> Via {
    Via::new().with_proxy(ProxyUrl::parse(url).unwrap())
}

#[tokio::test]
async fn socks5_leads_to_a_name_that_only_the_proxy_resolves() {
    for scheme in ["socks5", "socks5h"] {
        let upstream = FakeUpstream::start().await;
        upstream.script_all([status(200).body("hello")]);
        let proxy = FakeProxy::start(Speaks::Socks5, upstream.address(), Some("us er:p@ss")).await;
        let via = through(&format!("{scheme}://us%20er:p%40ss@{}", proxy.address));
        let client = client();
        for _ in 0..2 {
            let reply = client.send(post("http://provider.invalid:8080/v1", "x"), &via).await.unwrap();
            assert_eq!(reply.into_body().collect_bounded(10).await.unwrap(), "hello");
        }
        assert_eq!(proxy.seen(), ["provider.invalid:8080 us er:p@ss"], "one tunnel, used twice");
        assert_eq!(upstream.last().header("host"), Some("provider.invalid:8080"));
    }
}

#[tokio::test]
async fn https_goes_through_a_connect_tunnel_with_the_login() {
    let upstream = FakeUpstream::start_tls().await;
    upstream.script_all([status(200).body("hello")]);
    let proxy = FakeProxy::start(Speaks::Connect, upstream.address(), Some("user:secret")).await;
    let via = through(&format!("http://user:secret@{}", proxy.address));
    let url = format!("https://localhost:{}/v1?key=hidden", upstream.address().port());
    let reply = HttpClient::new(trusting(&[&upstream])).send(post(&url, "x"), &via).await.unwrap();
    assert_eq!(reply.version(), Version::HTTP_2);
    let port = upstream.address().port();
    let login = base64("user:secret");
    assert_eq!(proxy.seen(), [format!("CONNECT localhost:{port} HTTP/1.1 Basic {login}")]);
    assert_eq!(upstream.last().header("proxy-authorization"), None);
}

#[tokio::test]
async fn plain_http_is_forwarded_in_absolute_form() {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let proxy = FakeProxy::start(Speaks::Connect, nowhere, Some("user:secret")).await;
    let via = through(&format!("http://user:secret@{}", proxy.address));
    let reply = client().send(post("http://provider.invalid/v1/x?a=1", "x"), &via).await.unwrap();
    assert_eq!(reply.into_body().collect_bounded(20).await.unwrap(), "forwarded");
    let login = base64("user:secret");
    assert_eq!(proxy.seen(), [format!("POST http://provider.invalid/v1/x?a=1 HTTP/1.1 Basic {login}")]);
}

#[tokio::test]
async fn a_tls_proxy_carries_tls_within_tls() {
    let upstream = FakeUpstream::start_tls().await;
    upstream.script_all([status(200).body("hello")]);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key_pair.serialize_der()));
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = upstream.address();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&notes);
    TaskTracker::new().spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let socket = acceptor.accept(socket).await.unwrap();
        drop(support::connect(socket, target, None, &notes).await);
    });
    let roots =
        TrustRoots::empty().with_certificate(upstream.root_der()).with_certificate(made.cert.der().to_vec());
    let client = HttpClient::new(ClientOptions::new().with_roots(roots));
    let via = through(&format!("https://localhost:{port}"));
    let reply = client.send(post(&upstream.url(), "x"), &via).await.unwrap();
    assert_eq!(reply.into_body().collect_bounded(10).await.unwrap(), "hello");
    assert!(seen.lock()[0].starts_with("CONNECT 127.0.0.1:"));
}

#[tokio::test]
async fn a_proxy_that_fails_is_an_error_and_never_a_direct_connection() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200)]);
    let secure = FakeUpstream::start_tls().await;
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let strict = FakeProxy::start(Speaks::Connect, secure.address(), Some("user:right")).await;
    let socks = FakeProxy::start(Speaks::Socks5, upstream.address(), Some("user:right")).await;
    let cases = [
        (upstream.url(), format!("http://{dead}")),
        (upstream.url(), format!("socks5://{dead}")),
        (upstream.url(), format!("socks5://{}", socks.address)),
        (upstream.url(), format!("socks5://user:WRONG@{}", socks.address)),
        (upstream.url(), format!("socks5://{}", strict.address)),
        (secure.url(), format!("http://user:WRONG@{}", strict.address)),
    ];
    // One of them speaks the wrong protocol and so never answers.
    let client = HttpClient::new(trusting(&[&secure]).with_connect_timeout(Duration::from_millis(500)));
    for (url, proxy) in cases {
        let error = client.send(post(&url, "x"), &through(&proxy)).await.unwrap_err();
        assert!(matches!(error, SendError::Proxy { .. }), "{proxy}: {error:?}");
        assert!(!error.is_endpoint_fault() && !error.may_have_arrived());
        assert!(!format!("{error} {error:?}").contains("WRONG"));
    }
    assert_eq!(upstream.connections() + secure.connections(), 0);
}

#[tokio::test]
async fn the_environments_proxy_is_used_unless_the_call_or_no_proxy_says_otherwise() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200).body("direct")]);
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let proxy = FakeProxy::start(Speaks::Connect, nowhere, None).await;
    let address = proxy.address.to_string();
    let environment = ProxyEnvironment::from_lookup(|name| match name {
        "HTTP_PROXY" => Some(address.clone()),
        "HTTPS_PROXY" => Some("gopher://127.0.0.1".to_owned()),
        "no_proxy" => Some("exempt.invalid".to_owned()),
        _ => None,
    });
    let client = HttpClient::new(trusting(&[]).with_environment(environment));
    client.send(post("http://provider.invalid/", "x"), &Via::new()).await.unwrap();
    assert_eq!(proxy.seen().len(), 1);
    client.send(post(&upstream.url(), "x"), &Via::new()).await.unwrap();
    assert_eq!((proxy.seen().len(), upstream.connections()), (1, 1), "loopback is exempt");
    let around = Via::new().with_proxy(ProxyChoice::Direct);
    for (url, via) in [("http://exempt.invalid/", &Via::new()), ("http://provider.invalid/", &around)] {
        let error = client.send(post(url, "x"), via).await.unwrap_err();
        assert!(matches!(error, SendError::Connect { .. } | SendError::Timeout { .. }), "{error:?}");
    }
    assert_eq!(proxy.seen().len(), 1);
    let error = client.send(post("https://provider.invalid/", "x"), &Via::new()).await.unwrap_err();
    assert!(matches!(error, SendError::Proxy { .. }), "an unusable proxy is not skipped: {error:?}");
}
