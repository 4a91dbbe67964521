//! Ports, pasted addresses, waits and trouble on the way. What browsers bring is in `flows`.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{LoginErrorKind, Timestamp};
use cliproxy_testkit::html;
use cliproxy_transport::BoxFuture;
use cliproxy_transport::oauth::Pace;
use serde_json::json as j;

use crate::support::{NOW, Person, Scene, Typing, request};

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.oauth.set_extra(j!({"account": {"email_address": "me@example.com"}}));
    scene
}

#[tokio::test]
async fn without_a_browser_the_address_is_pasted() {
    for shape in ["{url}", "?code={code}&state={state}", "{code}#{state}", "  {url}  "] {
        let scene = scene().await;
        let oauth = Arc::clone(&scene.oauth);
        let person = Person::answering(["", "hello", "http://localhost:54545/callback?code=x&state=wrong"]);
        // The answer depends on the URL that is shown: it is added once that is known.
        let ui = Arc::new(Typing { person: Arc::clone(&person), oauth, shape });
        let request = request().without_browser();
        scene.flow("claude").login(request, ui).await.unwrap();
        assert_eq!(person.asked.lock().len(), 4, "{shape}");
        let notes = person.notes();
        assert!(notes.contains("no callback address") && notes.contains("another login"), "{notes}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_a_browser_and_worked_around_without() {
    let scene = scene().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut request = request();
    request.callback_port = Some(taken.local_addr().unwrap().port());
    let error = scene.login("claude", request.clone(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::PortBusy);
    assert!(error.to_string().contains("-oauth-callback-port"), "{error}");

    let person = Person::answering([]);
    let ui =
        Arc::new(Typing { person: Arc::clone(&person), oauth: Arc::clone(&scene.oauth), shape: "{url}" });
    scene.flow("claude").login(request.without_browser(), ui).await.unwrap();
    assert!(person.notes().contains("paste the address instead"), "{}", person.notes());
}

#[derive(Debug)]
struct Impatient(u64);

impl Pace for Impatient {
    fn sleep(&self, length: Duration) -> BoxFuture<()> {
        if length == Duration::from_secs(self.0) {
            Box::pin(async {})
        } else {
            Box::pin(std::future::pending())
        }
    }

    fn now(&self) -> Timestamp {
        NOW
    }
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_flow_says() {
    // Source: providers-a.md 1.3 "Wait"; providers-b.md 1.1.4, 1.1.5 "Timeout".
    for (flow, seconds) in [("claude", 300), ("kiro", 600), ("kiro-google", 600)] {
        let mut scene = scene().await;
        scene.options = scene.options.clone().with_pace(Arc::new(Impatient(seconds)));
        let request = request().with_answer("flow", "authcode");
        let error = scene.login(flow, request, &Person::answering([])).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::TimedOut);
        let minutes = format!("{} minutes", seconds / 60);
        assert!(error.to_string().contains(&minutes), "{error}");
    }
}

#[tokio::test]
async fn trouble_at_the_token_endpoint_is_told_apart_from_a_refusal() {
    let scene = scene().await;
    scene.oauth.page("/token", [html(200)]);
    let error = scene.login("claude", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::BadReply);
    assert!(error.to_string().contains("web page"), "{error}");
    scene.oauth.page("/token", [html(502)]);
    let error = scene.login("claude", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Unavailable);
}

#[tokio::test]
async fn a_proxy_that_is_gone_ends_a_login_and_shows_nothing_of_itself() {
    let mut scene = scene().await;
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    scene.options.proxy =
        cliproxy_transport::ProxyChoice::parse(&format!("http://user:CANARY@{dead}")).unwrap();
    let error = scene.login("claude", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Unavailable);
    assert!(!error.to_string().contains("CANARY"), "{error}");
    let error = scene.login("kimi", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Unavailable);
    assert_eq!(scene.oauth.upstream().connections(), 0, "nothing went around it");
}
