//! What must not be seen is not seen.

use cliproxy_testkit::FakeUpstream;
use cliproxy_transport::{HttpClient, ProxyEnvironment, ProxyUrl, Via};

use crate::support::{post, trusting};

const CANARY: &str = "CANARY-4f1c";

#[tokio::test]
async fn no_debug_display_or_error_shows_a_password_or_a_query() {
    let url = format!("http://user:{CANARY}@127.0.0.1:9");
    let proxy = ProxyUrl::parse(&url).unwrap();
    let via = Via::new().with_proxy(proxy.clone());
    let environment = ProxyEnvironment::from_lookup(|name| (name == "HTTP_PROXY").then(|| url.clone()));
    let broken = format!("http://user:%zz{CANARY}@127.0.0.1:9");
    let broken = ProxyEnvironment::from_lookup(|name| (name == "HTTP_PROXY").then(|| broken.clone()));
    let upstream = FakeUpstream::start_tls().await;
    let client = HttpClient::new(trusting(&[&upstream]).with_environment(environment.clone()));
    let mut shown = format!("{proxy} {proxy:?} {via:?} {environment:?} {broken:?} {client:?}");
    let lame = HttpClient::new(trusting(&[&upstream]).with_environment(broken));
    for client in [&client, &lame] {
        for url in [format!("http://provider.invalid/?key={CANARY}"), format!("http://x:{CANARY}@h/")] {
            let mut request = post(&url, CANARY);
            request.headers_mut().insert("x-api-key", CANARY.parse().unwrap());
            let error = client.send(request, &Via::new()).await.unwrap_err();
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                shown.push_str(&format!("{error} {error:?}\n"));
                cause = error.source();
            }
        }
    }
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(shown.contains("***@127.0.0.1:9"));
}
