//! What comes back to the listener, and what does not belong there.

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
async fn callbacks_of_other_tabs_get_a_page_and_do_not_end_the_flow() {
    let scene = scene().await;
    let oauth = Arc::clone(&scene.oauth);
    let person = Person::with_browser(move |url| {
        let good = oauth.consent(url);
        let foreign = good.split("&state=").next().unwrap().to_owned();
        vec![
            format!("{foreign}&state=ffffffffffffffffffffffffffffffff"),
            foreign,
            "http://localhost:1/callback?error=access_denied&state=other".to_owned(),
            "http://localhost:1/callback".to_owned(),
            "http://localhost:1/favicon.ico".to_owned(),
            format!("http://localhost:1/callback?code={}", "x".repeat(60_000)),
            good,
        ]
    });
    scene.login("claude", request(), &person).await.unwrap();
    let statuses: Vec<u16> = person.pages.lock().iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [400, 400, 400, 400, 404, 431, 200]);
    let pages = person.pages.lock();
    assert!(pages[0].1.contains("belongs to another login"), "{}", pages[0].1);
    assert!(!pages.iter().any(|(_, page)| page.contains("ffff")), "nothing of the request is repeated");
}

#[tokio::test]
async fn a_refusal_ends_the_flow_in_the_providers_words() {
    let scene = scene().await;
    let oauth = Arc::clone(&scene.oauth);
    let person = Person::with_browser(move |url| vec![oauth.deny(url)]);
    let error = scene.login("claude", request(), &person).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Denied);
    assert!(error.to_string().contains("access_denied: The user said no"), "{error}");
    assert!(person.pages.lock()[0].1.contains("refused"));
    assert!(scene.oauth.exchanges().is_empty(), "there was no code to exchange");
}

#[tokio::test]
async fn a_code_that_was_used_already_is_refused_and_said_to_be() {
    let scene = scene().await;
    let oauth = Arc::clone(&scene.oauth);
    let used = Arc::new(parking_lot::Mutex::new(None::<String>));
    let person = Person::with_browser(move |url| {
        let state = url.split("&state=").nth(1).unwrap();
        let mut used = used.lock();
        let callback = used.get_or_insert_with(|| oauth.consent(url)).clone();
        let (code, _) = callback.split_once("&state=").unwrap();
        vec![format!("{code}&state={state}")]
    });
    scene.login("claude", request(), &person).await.unwrap();
    let error = scene.login("claude", request(), &person).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Refused);
    assert!(error.to_string().contains("used already or is too old"), "{error}");
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
async fn every_call_of_a_login_goes_through_the_proxy() {
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
