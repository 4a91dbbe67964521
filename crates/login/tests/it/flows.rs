//! What can happen on the way, at every login alike: one table of the ways through a browser, one of the ways by a code.

use std::sync::Arc;

use cliproxy_core::{LoginError, LoginErrorKind, LoginStep, NewLogin};
use cliproxy_login::Authenticators;
use cliproxy_testkit::{FakeOAuth, Reply, json, status};
use cliproxy_transport::ProxyChoice;
use parking_lot::Mutex;
use serde_json::json as j;

use crate::kiro::by;
use crate::support::{Person, Scene, jwt, request};

/// A way to log in.
struct Way {
    flow: &'static str,
    /// `method` and `flow` of Kiro.
    kiro: Option<(&'static str, &'static str)>,
    /// The client's secret, where there is none built in.
    secret: bool,
    prepare: fn(&FakeOAuth),
    /// How the service puts a word about a code.
    says: fn(&str) -> Reply,
    /// Whether the exchange is proven by PKCE.
    proven: bool,
    /// What is known beforehand.
    answers: &'static [(&'static str, &'static str)],
}

const WAY: Way =
    Way { flow: "", kiro: None, secret: false, prepare: |_| {}, says: by_status, proven: true, answers: &[] };

// Source: RFC 8628 §3.5.
fn by_status(word: &str) -> Reply {
    status(400).json(&j!({"error": word}))
}

/// Under status 200, as GitHub and Kimi do. Source: providers-b.md 2.1, 5.1.
fn quietly(word: &str) -> Reply {
    json(&j!({"error": word}))
}

/// Source: providers-b.md 1.1.5.
fn as_a_state(word: &str) -> Reply {
    json(&j!({"status": word}))
}

fn google(oauth: &FakeOAuth, place: &str) {
    oauth.page("/userinfo", [json(&j!({"email": "me@example.com"}))]);
    let loaded = j!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": {"id": "given-1"}});
    oauth.page(&format!("{place}/v1internal:loadCodeAssist"), [json(&loaded)]);
}

fn social(oauth: &FakeOAuth) {
    oauth.set_extra(j!({"profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/X"}));
}

const BROWSER: [Way; 9] = [
    Way {
        flow: "claude",
        prepare: |oauth| oauth.set_extra(j!({"account": {"email_address": "me@example.com"}})),
        ..WAY
    },
    Way {
        flow: "codex",
        prepare: |oauth| oauth.set_extra(j!({"id_token": jwt(&j!({"email": "me@example.com"}))})),
        ..WAY
    },
    Way { flow: "gemini-cli", prepare: |oauth| google(oauth, "/api"), ..WAY },
    Way { flow: "antigravity", secret: true, prepare: |oauth| google(oauth, "/onboarding"), ..WAY },
    Way {
        flow: "iflow",
        secret: true,
        prepare: |oauth| {
            let user = j!({"success": true, "data": {"apiKey": "k", "email": "me@example.com"}});
            oauth.page("/userinfo", [json(&user)]);
        },
        // Source: providers-b.md 4.1.
        proven: false,
        ..WAY
    },
    Way { flow: "kiro", kiro: Some(("builder-id", "authcode")), ..WAY },
    Way { flow: "kiro", kiro: Some(("idc", "authcode")), ..WAY },
    Way { flow: "kiro", kiro: Some(("google", "authcode")), prepare: social, ..WAY },
    Way { flow: "kiro", kiro: Some(("github", "authcode")), prepare: social, ..WAY },
];

const BY_CODE: [Way; 7] = [
    Way { flow: "qwen", ..WAY },
    Way { flow: "kimi", says: quietly, ..WAY },
    Way {
        flow: "github-copilot",
        prepare: |oauth| {
            oauth.page("/user", [json(&j!({"login": "octocat"}))]);
            oauth.page("/copilot-token", [json(&j!({"token": "tid=1", "expires_at": 1_795_430_000}))]);
        },
        says: quietly,
        ..WAY
    },
    Way { flow: "kiro", kiro: Some(("builder-id", "device")), ..WAY },
    Way { flow: "kiro", kiro: Some(("idc", "device")), ..WAY },
    Way { flow: "kiro", kiro: Some(("google", "device")), prepare: social, says: as_a_state, ..WAY },
    Way { flow: "kiro", kiro: Some(("github", "device")), prepare: social, says: as_a_state, ..WAY },
];

impl Way {
    fn name(&self) -> String {
        let method = self.kiro.map(|(method, flow)| format!(" {method} {flow}"));
        format!("{}{}", self.flow, method.unwrap_or_default())
    }

    async fn scene(&self) -> Scene {
        let scene = Scene::new().await;
        let scene = if self.secret { scene.with_secret(self.flow, "s") } else { scene };
        (self.prepare)(&scene.oauth);
        scene
    }

    async fn login(&self, scene: &Scene, person: &Arc<Person>) -> Result<NewLogin, LoginError> {
        let request = self.kiro.map_or_else(request, |(method, flow)| by(method, flow));
        scene.login(self.flow, request, person).await
    }

    /// Logs in with a browser that goes to these addresses: they are made of the fake, of the address that was shown, and
    /// of what leads an answer to the listener.
    async fn browse(
        &self,
        scene: &Scene,
        visits: impl Fn(&FakeOAuth, &str, &dyn Fn(String) -> String) -> Vec<String> + Send + Sync + 'static,
    ) -> (Result<NewLogin, LoginError>, Arc<Person>) {
        let mut request = self.kiro.map_or_else(request, |(method, flow)| by(method, flow));
        for (key, answer) in self.answers {
            request = request.with_answer(*key, *answer);
        }
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        if matches!(self.kiro, Some(("google" | "github", _))) {
            // No step says where a listener is that no browser is sent to.
            request.callback_port = Some(free);
        }
        let oauth = Arc::clone(&scene.oauth);
        let person = Person::with_browser(move |url| {
            visits(&oauth, url, &|callback| to_the_listener(&callback, free))
        });
        (scene.login(self.flow, request, &person).await, person)
    }
}

/// Where the browser goes with this: what opens a vendor's own scheme on this machine hands it to the listener.
fn to_the_listener(callback: &str, port: u16) -> String {
    match callback.split_once("://") {
        Some(("kiro", rest)) => {
            let (_, query) = rest.split_once('?').unwrap();
            format!("http://127.0.0.1:{port}/oauth/callback?{query}")
        }
        _ => callback.to_owned(),
    }
}

fn statuses(person: &Person) -> Vec<u16> {
    person.pages.lock().iter().map(|(status, _)| *status).collect()
}

#[tokio::test]
async fn whoever_refuses_in_the_browser_ends_any_login_in_the_providers_words() {
    for way in &BROWSER {
        let scene = way.scene().await;
        let (outcome, person) = way.browse(&scene, |oauth, url, here| vec![here(oauth.deny(url))]).await;
        let error = outcome.expect_err(&way.name());
        assert_eq!(error.kind(), LoginErrorKind::Denied, "{}: {error}", way.name());
        assert!(error.to_string().contains("access_denied: The user said no"), "{}: {error}", way.name());
        assert!(person.pages.lock()[0].1.contains("refused"), "{}", way.name());
        assert!(scene.oauth.exchanges().is_empty(), "{}: there was no code to exchange", way.name());
    }
}

#[tokio::test]
async fn a_wrong_state_a_foreign_tab_and_an_oversized_callback_end_no_login() {
    for way in &BROWSER {
        let scene = way.scene().await;
        let visits = |oauth: &FakeOAuth, url: &str, here: &dyn Fn(String) -> String| {
            let good = here(oauth.consent(url));
            let (address, _) = good.split_once('?').unwrap();
            let host = address.rsplit_once("/").unwrap().0;
            vec![
                format!("{address}?code=x&state=ffffffffffffffffffffffffffffffff"),
                format!("{address}?code=x"),
                format!("{address}?error=access_denied&state=other"),
                address.to_owned(),
                format!("{host}/favicon.ico"),
                format!("{address}?code={}", "x".repeat(60_000)),
                good,
            ]
        };
        let (outcome, person) = way.browse(&scene, visits).await;
        outcome.unwrap_or_else(|error| panic!("{}: {error}", way.name()));
        assert_eq!(statuses(&person), [400, 400, 400, 400, 404, 431, 200], "{}", way.name());
        let pages = person.pages.lock();
        assert!(pages[0].1.contains("belongs to another login"), "{}: {}", way.name(), pages[0].1);
        assert!(!pages.iter().any(|(_, page)| page.contains("ffff")), "nothing of the request is repeated");
        let grants: Vec<_> = scene.oauth.exchanges().iter().map(|exchange| exchange.refusal).collect();
        assert_eq!(grants, [None], "{}: no foreign code was exchanged", way.name());
    }
}

#[tokio::test]
async fn a_code_that_was_used_already_is_refused_at_any_login_and_said_to_be() {
    for way in &BROWSER {
        let scene = way.scene().await;
        // The code of the login before, in the tab of the next one.
        let used = Arc::new(Mutex::new(None::<String>));
        let visits = |oauth: &FakeOAuth, url: &str, here: &dyn Fn(String) -> String| {
            let fresh = here(oauth.consent(url));
            let (address, query) = fresh.split_once('?').unwrap();
            let (code, rest) = query.split_once('&').unwrap();
            (code.to_owned(), format!("{address}?CODE&{rest}"))
        };
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            let used = Arc::clone(&used);
            let browse = way.browse(&scene, move |oauth, url, here| {
                let (code, address) = visits(oauth, url, here);
                vec![address.replace("CODE", used.lock().get_or_insert(code))]
            });
            outcomes.push(browse.await.0);
        }
        let error = outcomes.pop().unwrap().expect_err(&way.name());
        outcomes.pop().unwrap().unwrap_or_else(|error| panic!("{}: {error}", way.name()));
        assert_eq!(error.kind(), LoginErrorKind::Refused, "{}: {error}", way.name());
        assert!(error.to_string().contains("used already or is too old"), "{}: {error}", way.name());
    }
}

#[tokio::test]
async fn every_login_through_a_browser_has_a_state_of_its_own_and_proves_itself() {
    for way in &BROWSER {
        let mut states = Vec::new();
        for _ in 0..2 {
            let scene = way.scene().await;
            let browse = way.browse(&scene, |oauth, url, here| vec![here(oauth.consent(url))]);
            let (outcome, person) = browse.await;
            outcome.unwrap_or_else(|error| panic!("{}: {error}", way.name()));
            let told = person.told.lock();
            let url = told.iter().find_map(|step| match step {
                LoginStep::Open { url, .. } => Some(url.clone()),
                _ => None,
            });
            let url = url.unwrap();
            let member = |name: &str| {
                let (_, rest) = url.split_once(&format!("{name}="))?;
                rest.split('&').next().map(str::to_owned)
            };
            let state = member("&state").unwrap_or_else(|| panic!("{}: no state: {url}", way.name()));
            assert!(state.len() >= 16, "{}: {state} can be guessed", way.name());
            states.push(state);
            // The fake compares it with the verifier of the exchange.
            let challenge = member("code_challenge").is_some_and(|challenge| challenge.len() == 43);
            assert_eq!(challenge, way.proven, "{}: {url}", way.name());
        }
        assert_ne!(states[0], states[1], "{}", way.name());
    }
}

/// Runs any of the ways to its end. Gives back what the provider was asked.
async fn asked_by(way: &Way, through_proxy: bool) -> Vec<String> {
    let mut scene = way.scene().await;
    if through_proxy {
        // The service is its own proxy, under a name that leads nowhere else.
        scene.options.proxy = ProxyChoice::parse(&scene.oauth.upstream().url()).unwrap();
        for (provider, endpoint) in Authenticators::new(&scene.options).known_endpoints() {
            let url = format!("http://provider.test/{}", endpoint.name);
            scene.options = scene.options.clone().with_endpoint(provider.as_str(), endpoint.name, url);
        }
    }
    let browse = way.browse(&scene, |oauth, url, here| {
        if url.contains("redirect") { vec![here(oauth.consent(url))] } else { Vec::new() }
    });
    let (outcome, _) = browse.await;
    outcome.unwrap_or_else(|error| panic!("{} {through_proxy}: {error}", way.name()));
    let requests = scene.oauth.upstream().requests();
    requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

/// Where nothing but the proxy leads to the provider, every call is made that is made without one: those too whose failure
/// a login gets over.
#[tokio::test]
async fn every_call_of_every_login_goes_through_the_proxy() {
    let cookie = Way {
        flow: "iflow-cookie",
        prepare: |oauth| {
            let key = j!({"success": true, "data": {"name": "me", "apiKey": "k"}});
            oauth.page("/api-key", [json(&key)]);
        },
        answers: &[("cookie", "BXAuth=x;")],
        ..WAY
    };
    for way in BROWSER.iter().chain(&BY_CODE).chain([&cookie]) {
        let direct = asked_by(way, false).await;
        assert!(!direct.is_empty(), "{}", way.name());
        assert_eq!(asked_by(way, true).await, direct, "{}", way.name());
    }
}

#[tokio::test]
async fn who_is_told_to_slow_down_does_at_any_login_by_code() {
    for way in &BY_CODE {
        let scene = way.scene().await;
        scene.oauth.before_consent(["authorization_pending", "slow_down"].map(way.says));
        way.login(&scene, &Person::answering([]))
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", way.name()));
        let pauses = scene.jumps.0.lock();
        let [first, second, third] = pauses.as_slice() else { panic!("{}: {pauses:?}", way.name()) };
        assert!(first == second && *third >= second + 5, "{}: {pauses:?}", way.name());
    }
}

#[tokio::test]
async fn any_login_by_code_ends_by_denial_and_by_expiry_in_words() {
    let denied = (LoginErrorKind::Denied, "denied");
    let expired = (LoginErrorKind::TimedOut, "log in again");
    for way in &BY_CODE {
        for (word, (kind, words)) in [("access_denied", denied), ("expired_token", expired)] {
            let scene = way.scene().await;
            scene.oauth.before_consent(["authorization_pending", word].map(way.says));
            let error = way.login(&scene, &Person::answering([])).await.expect_err(&way.name());
            assert_eq!(error.kind(), kind, "{}: {error}", way.name());
            assert!(error.to_string().contains(words), "{}: {error}", way.name());
        }
        // Nobody ever agrees, and the service never says that it is over.
        let scene = way.scene().await;
        scene.oauth.before_consent((0..400).map(|_| (way.says)("authorization_pending")));
        scene.oauth.set_device(j!({"expires_in": 60, "expiresIn": 60, "expiresInMilliseconds": 60_000}));
        let error = way.login(&scene, &Person::answering([])).await.expect_err(&way.name());
        assert_eq!(error.kind(), LoginErrorKind::TimedOut, "{}: {error}", way.name());
        let waited: u64 = scene.jumps.0.lock().iter().sum();
        assert!((50..=75).contains(&waited), "{}: a minute, and not {waited} s", way.name());
        assert!(scene.oauth.exchanges().is_empty(), "{}", way.name());
    }
}
