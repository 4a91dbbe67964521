//! Kiro: every account by every way, against servers that check what they are shown.

use std::sync::Arc;

use cliproxy_core::{Document, LoginErrorKind, LoginRequest, LoginStep, NewLogin};
use cliproxy_testkit::{html, json, status};
use serde_json::{Value, json as j};

use crate::support::{Person, Scene, Typing, document, request};

/// A request by this way.
pub fn by(method: &str, flow: &str) -> LoginRequest {
    let request = request().with_answer("method", method).with_answer("flow", flow);
    match method {
        "idc" => request.with_answer("start-url", "https://d-1234.awsapps.com/start"),
        _ => request,
    }
}

/// The address that was shown.
fn shown(person: &Person) -> String {
    let told = person.told.lock();
    let url = told.iter().find_map(|step| match step {
        LoginStep::Open { url, .. } => Some(url.clone()),
        _ => None,
    });
    url.expect("an address is shown")
}

fn grants(scene: &Scene) -> Vec<(String, Option<&'static str>)> {
    scene.oauth.exchanges().into_iter().map(|exchange| (exchange.grant, exchange.refusal)).collect()
}

#[tokio::test]
async fn a_builder_id_registers_a_client_of_its_own_and_keeps_it_for_renewals() {
    let scene = Scene::new().await;
    scene.oauth.before_consent([
        status(400).json(&j!({"error": "authorization_pending"})),
        status(400).json(&j!({"error": "slow_down"})),
    ]);
    let login = scene.login("kiro", request(), &Person::answering([])).await.unwrap();
    assert_eq!(login.file_name, "kiro-aws-client-1.json");
    let found = document(&login);
    for (key, value) in [
        ("type", "kiro"),
        ("access_token", "access-3"),
        ("refresh_token", "refresh-3"),
        ("profile_arn", ""),
        ("auth_method", "builder-id"),
        ("provider", "AWS"),
        ("client_id", "client-1"),
        ("client_secret", "csecret-1"),
        ("client_secret_expires_at", "2027-02-21T10:00:00Z"),
        ("start_url", &scene.oauth.url("/builder-id")),
        ("region", "us-east-1"),
        ("expires_at", "2026-11-23T11:00:20Z"),
        ("last_refresh", "2026-11-23T10:00:20Z"),
    ] {
        assert_eq!(found[key], value, "{key}");
    }
    let requests = scene.oauth.upstream().requests();
    assert_eq!(requests[0].json()["clientName"], "cliproxy", "we say who we are");
    assert_eq!(
        requests[1].json(),
        j!({"clientId": "client-1", "clientSecret": "csecret-1", "startUrl": scene.oauth.url("/builder-id")})
    );
    assert_eq!(
        requests[2].json(),
        j!({"clientId": "client-1", "clientSecret": "csecret-1", "deviceCode": "device-2",
            "grantType": "urn:ietf:params:oauth:grant-type:device_code"})
    );
    assert_eq!(*scene.jumps.0.lock(), [5, 5, 10]);
    assert!(!requests.iter().any(|request| request.path.contains("ListAvailableProfiles")), "it has none");
}

#[tokio::test]
async fn an_authorization_code_of_aws_is_proven_and_goes_back_to_where_it_was_registered_to() {
    for (method, scopes) in [("builder-id", 3), ("idc", 5)] {
        let scene = Scene::new().await;
        let person = scene.willing();
        let login = scene.login("kiro", by(method, "authcode"), &person).await.unwrap();
        let found = document(&login);
        assert_eq!((&found["auth_method"], &found["client_id"]), (&j!(method), &j!("client-1")));
        let url = shown(&person);
        let (endpoint, query) = url.split_once('?').unwrap();
        assert_eq!(endpoint, scene.oauth.url("/oidc/authorize"));
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let value =
            |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap();
        assert_eq!((value("response_type"), value("code_challenge_method")), ("code".into(), "S256".into()));
        assert_eq!(value("scopes").split(',').count(), scopes);
        let redirect = value("redirect_uri");
        assert!(
            redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/oauth/callback"),
            "{redirect}"
        );
        let registration = scene.oauth.upstream().requests()[0].json();
        assert_eq!(registration["redirectUris"], j!([redirect]));
        assert_eq!(registration["grantTypes"], j!(["authorization_code", "refresh_token"]));
        let exchange = scene.oauth.upstream().requests()[1].json();
        assert_eq!((&exchange["redirectUri"], &exchange["clientSecret"]), (&j!(redirect), &j!("csecret-1")));
        assert_eq!(grants(&scene), [("authorization_code".to_owned(), None)]);
        assert!(person.pages.lock()[0].1.contains("You are logged in"));
    }
}

#[tokio::test]
async fn a_taken_port_of_aws_is_no_matter_since_any_other_can_be_registered() {
    let scene = Scene::new().await;
    // Whether or not somebody has it already.
    let _taken = tokio::net::TcpListener::bind("127.0.0.1:19877").await;
    let mut request = by("builder-id", "authcode");
    request.callback_port = None;
    let person = scene.willing();
    scene.login("kiro", request, &person).await.unwrap();
    let url = shown(&person);
    assert!(url.contains("redirect_uri=http%3A%2F%2F127.0.0.1%3A"), "{url}");
    assert!(!url.contains("%3A19877%2F"), "{url}");
}

#[tokio::test]
async fn an_organisation_is_named_by_its_start_url_and_region_and_its_profile_is_asked_for() {
    let scene = Scene::new().await;
    let profiles = j!({"profiles": [{"arn": "arn:aws:codewhisperer:eu-central-1:1:profile/ONE", "profileName": "One"},
        {"arn": "arn:aws:codewhisperer:us-east-1:1:profile/TWO", "profileName": "Two"}]});
    scene.oauth.page("/amazonq/ListAvailableProfiles", [json(&profiles)]);
    scene.oauth.page("/amazonq/getUsageLimits", [json(&j!({"userInfo": {"email": " me@example.com "}}))]);
    for (answer, chosen) in [
        ("2", "us-east-1:1:profile/TWO"),
        ("One", "eu-central-1:1:profile/ONE"),
        ("", "eu-central-1:1:profile/ONE"),
    ] {
        let named = by("idc", "device").with_answer("region", "eu-west-1");
        let login = scene.login("kiro", named, &Person::answering([answer])).await.unwrap();
        assert_eq!(login.file_name, "kiro-idc-me@example.com.json");
        let found = document(&login);
        assert_eq!(found["profile_arn"], format!("arn:aws:codewhisperer:{chosen}"), "{answer}");
        assert_eq!(
            (&found["auth_method"], &found["region"], &found["start_url"], &found["email"]),
            (&j!("idc"), &j!("eu-west-1"), &j!("https://d-1234.awsapps.com/start"), &j!("me@example.com"))
        );
        let usage = scene.oauth.upstream().last();
        assert!(
            usage.path.ends_with("/getUsageLimits") && usage.query.contains("isEmailRequired=true"),
            "{usage:?}"
        );
        assert!(usage.query.contains("profileArn=arn%3Aaws"), "{usage:?}");
        assert_eq!(
            usage.header("authorization"),
            Some(format!("Bearer {}", found["access_token"].as_str().unwrap()).as_str())
        );
    }
    // What it has is told before it asks: no answer costs the tokens.
    let person = Person::answering(["nine"]);
    let error = scene.login("kiro", by("idc", "device"), &person).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::BadInput);
    let so_far = person.so_far.lock().pop().unwrap();
    assert_eq!(so_far.file_name, "kiro-idc-me@example.com.json");
    let so_far = document(&so_far);
    assert!(so_far["refresh_token"].as_str().unwrap().starts_with("refresh-"), "{so_far}");
    assert!(so_far["client_id"].as_str().unwrap().starts_with("client-"), "{so_far}");
    assert_eq!(so_far["profile_arn"], "");

    let nameless = Scene::new().await;
    let login = nameless.login("kiro", by("idc", "device"), &Person::answering([])).await.unwrap();
    assert!(login.file_name.starts_with("kiro-idc-d-1234-"), "{}", login.file_name);
    assert_eq!(document(&login)["profile_arn"], "");
    for (answers, region) in
        [(vec![], "us-east-1"), (vec!["nonsense"], "us-east-1"), (vec!["https://x/start"], "eu.evil/")]
    {
        let request = request().with_answer("region", region);
        let error = nameless.login("kiro-idc", request, &Person::answering(answers)).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadInput);
    }
}

#[tokio::test]
async fn what_is_asked_for_decides_the_account_and_the_way() {
    for (name, method, flow, browser, expected) in [
        ("kiro", "", "", true, ("builder-id", "device_code")),
        ("kiro", "AWS", "", true, ("builder-id", "device_code")),
        ("kiro", "builder-id", "authcode", true, ("builder-id", "authorization_code")),
        ("kiro", "", "", false, ("builder-id", "device_code")),
        ("kiro-idc", "", "", true, ("idc", "authorization_code")),
        ("kiro-idc", "", "", false, ("idc", "device_code")),
        ("kiro-idc", "", "device", true, ("idc", "device_code")),
        ("kiro", "google", "", true, ("social", "device_code")),
        ("kiro-google", "", "", true, ("social", "device_code")),
        ("kiro-github", "", "device", false, ("social", "device_code")),
    ] {
        let scene = Scene::new().await;
        let mut request = request().with_answer("method", method).with_answer("flow", flow);
        if name == "kiro-idc" {
            request = request.with_answer("start-url", "https://d-1234.awsapps.com/start");
        }
        request.browser = browser;
        let person = scene.willing();
        let login = scene.login(name, request, &person).await.unwrap();
        let case = format!("{name} {method} {flow} {browser}");
        assert_eq!(document(&login)["auth_method"], expected.0, "{case}");
        let grant = grants(&scene)[0].0.clone();
        assert!(grant.ends_with(expected.1), "{case}: {grant}");
    }
    let scene = Scene::new().await;
    // A start URL is an organisation's, whatever else is not said.
    let login =
        request().with_answer("start-url", "https://d-1.awsapps.com/start").with_answer("flow", "device");
    let login = scene.login("kiro", login, &Person::answering([])).await.unwrap();
    assert_eq!(document(&login)["auth_method"], "idc");
    for (method, flow) in [("facebook", "device"), ("google", "pigeon")] {
        let error = scene.login("kiro", by(method, flow), &Person::answering([])).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadInput, "{error}");
        assert!(error.to_string().contains("--"), "{error}");
    }
}

#[tokio::test]
async fn a_private_window_is_opened_unless_the_user_does_not_want_one() {
    for (wish, private) in [(None, true), (Some(false), false), (Some(true), true)] {
        for flow in ["device", "authcode"] {
            let scene = Scene::new().await;
            let mut request = by("builder-id", flow);
            request.private_window = wish;
            let person = scene.willing();
            scene.login("kiro", request, &person).await.unwrap();
            let told = person.told.lock();
            let found = told.iter().any(|step| match step {
                LoginStep::Open { private: found, .. } | LoginStep::Code { private: found, .. } => {
                    *found == private
                }
                _ => false,
            });
            assert!(found, "{wish:?} {flow}: {told:?}");
        }
    }
    let scene = Scene::new().await;
    scene.oauth.set_extra(j!({"account": {"email_address": "me@example.com"}}));
    let person = scene.willing();
    scene.login("claude", request(), &person).await.unwrap();
    assert!(matches!(person.told.lock()[0], LoginStep::Open { private: false, .. }), "nobody asked for it");
}

/// What a social login stores.
fn is_social(found: &Value, provider: &str) {
    for (key, value) in [
        ("type", "kiro"),
        ("auth_method", "social"),
        ("provider", provider),
        ("profile_arn", "arn:aws:codewhisperer:us-east-1:1:profile/SHARED"),
        ("region", "us-east-1"),
    ] {
        assert_eq!(found[key], value, "{key}");
    }
    assert!(found.get("client_id").is_none(), "there is no client: {found}");
}

fn social(scene: &Scene) {
    scene.oauth.set_extra(j!({"profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/SHARED"}));
}

#[tokio::test]
async fn google_and_github_come_back_over_the_vendors_scheme_and_are_pasted() {
    for (method, idp) in [("google", "Google"), ("github", "Github")] {
        for shape in ["{url}", "?code={code}&state={state}"] {
            let scene = Scene::new().await;
            social(&scene);
            let person = Person::answering([]);
            let ui = Arc::new(Typing { person: Arc::clone(&person), oauth: Arc::clone(&scene.oauth), shape });
            let request = by(method, "authcode").without_browser();
            let login = scene.flow("kiro").login(request, ui).await.unwrap();
            is_social(&document(&login), idp);
            assert_eq!(login.file_name, format!("kiro-{method}-00000.json"));
            let url = shown(&person);
            assert!(url.starts_with(&scene.oauth.url(&format!("/social/login?idp={idp}&"))), "{url}");
            for part in [
                "redirect_uri=kiro%3A%2F%2Fkiro.kiroAgent%2Fauthenticate-success",
                "code_challenge_method=S256",
                "prompt=select_account",
            ] {
                assert!(url.contains(part), "{part} in {url}");
            }
            let mut sent = scene.oauth.upstream().requests()[0].json();
            let verifier = sent.as_object_mut().unwrap().remove("code_verifier").unwrap();
            assert_eq!(verifier.as_str().unwrap().len(), 128);
            assert_eq!(
                sent,
                j!({"code": "code/1+=", "redirect_uri": "kiro://kiro.kiroAgent/authenticate-success"}),
                "snake_case, and nothing else"
            );
            let notes = person.notes();
            assert!(notes.contains("kiro://kiro.kiroAgent"), "{notes}");
            assert!(
                matches!(person.told.lock()[0], LoginStep::Open { port: None, .. }),
                "no tunnel leads there"
            );
        }
    }
}

#[tokio::test]
async fn what_opens_the_vendors_scheme_here_may_hand_it_to_the_listener() {
    let scene = Scene::new().await;
    social(&scene);
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let oauth = Arc::clone(&scene.oauth);
    let person = Person::with_browser(move |url| {
        let callback = oauth.consent(url);
        let (_, query) = callback.split_once('?').unwrap();
        vec![
            format!("http://localhost:{port}/oauth/callback?code=x&state=another"),
            format!("http://localhost:{port}/oauth/callback?{query}"),
        ]
    });
    let mut request = by("google", "authcode");
    request.callback_port = Some(port);
    let login = scene.login("kiro", request, &person).await.unwrap();
    is_social(&document(&login), "Google");
    let pages: Vec<u16> = person.pages.lock().iter().map(|(status, _)| *status).collect();
    assert_eq!(pages, [400, 200]);
}

#[tokio::test]
async fn a_social_code_on_any_device_is_waited_for_as_the_service_wants() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(
        j!({"profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/SHARED", "identityProvider": "Github"}),
    );
    scene.oauth.page("/amazonq/getUsageLimits", [json(&j!({"userInfo": {"email": "me@example.com"}}))]);
    let pending = || json(&j!({"status": "authorization_pending"}));
    scene.oauth.before_consent([
        pending(),
        json(&j!({})),
        html(503),
        json(&j!({"status": "slow_down"})),
        pending(),
    ]);
    scene.oauth.set_device(j!({"intervalInMilliseconds": 7_000, "expiresInMilliseconds": 120_000}));
    let person = Person::answering([]);
    let login = scene.login("kiro-github", request(), &person).await.unwrap();
    is_social(&document(&login), "Github");
    assert_eq!(login.file_name, "kiro-github-me@example.com.json");
    assert_eq!(
        *scene.jumps.0.lock(),
        [7, 7, 7, 7, 12, 12],
        "nothing said is pending too, and slow_down slows"
    );
    assert_eq!(
        scene.oauth.upstream().requests()[0].json(),
        j!({"clientId": "kiro-cli", "loginProvider": "Github"})
    );
    let told = person.told.lock();
    assert!(
        matches!(&told[0], LoginStep::Code { code, lifetime, .. } if code == "ABCD-1234" && lifetime.as_secs() == 120),
        "{told:?}"
    );
}

#[tokio::test]
async fn denial_expiry_and_trouble_are_said_in_words() {
    let expired = LoginErrorKind::TimedOut;
    let denied = LoginErrorKind::Denied;
    for (method, reply, kind, words) in [
        ("builder-id", status(400).json(&j!({"error": "access_denied"})), denied, "denied"),
        (
            "builder-id",
            status(400).json(&j!({"__type": "AccessDeniedException", "message": "m"})),
            denied,
            "denied",
        ),
        ("idc", status(400).json(&j!({"error": "expired_token"})), expired, "log in again"),
        (
            "idc",
            status(400).json(&j!({"__type": "ExpiredTokenException", "message": "m"})),
            expired,
            "log in again",
        ),
        ("google", json(&j!({"status": "access_denied"})), denied, "denied"),
        ("google", json(&j!({"status": "expired_token"})), expired, "log in again"),
        (
            "github",
            status(400).json(&j!({"error": "invalid_request", "message": "no"})),
            LoginErrorKind::Refused,
            "400",
        ),
        ("github", html(200), LoginErrorKind::BadReply, "web page"),
    ] {
        let scene = Scene::new().await;
        scene.oauth.before_consent([reply]);
        let error = scene.login("kiro", by(method, "device"), &Person::answering([])).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{method}: {error}");
        assert!(error.to_string().contains(words), "{method}: {error}");
    }
    let scene = Scene::new().await;
    scene.oauth.before_consent((0..40).map(|_| json(&j!({"status": "authorization_pending"}))));
    scene.oauth.set_device(j!({"expiresInMilliseconds": 60_000}));
    let error = scene.login("kiro-google", request(), &Person::answering([])).await.unwrap_err();
    assert_eq!(error.kind(), expired, "{error}");
    for (method, page) in
        [("builder-id", "/oidc/client/register"), ("google", "/social/oauth/device/authorization")]
    {
        let scene = Scene::new().await;
        scene.oauth.page(page, [json(&j!({"nothing": 1}))]);
        let error = scene.login("kiro", by(method, "device"), &Person::answering([])).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadReply, "{method}: {error}");
    }
}

#[tokio::test]
async fn what_is_pasted_of_another_login_or_without_a_state_ends_nothing_and_a_refusal_does() {
    // Pasted: of another login, without a state, a refusal.
    let scene = Scene::new().await;
    let person =
        Person::answering(["kiro://kiro.kiroAgent/authenticate-success?code=x&state=wrong", "code=x"]);
    let shape = "kiro://kiro.kiroAgent/authenticate-success?error=access_denied&state={state}";
    let ui = Arc::new(Typing { person: Arc::clone(&person), oauth: Arc::clone(&scene.oauth), shape });
    let error = scene.flow("kiro-google").login(by("google", "authcode"), ui).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Denied, "{error}");
    let notes = person.notes();
    assert!(notes.contains("another login") && notes.contains("no state in it"), "{notes}");
    assert!(scene.oauth.exchanges().is_empty());
}

#[tokio::test]
async fn the_accounts_address_is_looked_for_in_turn_and_its_absence_is_no_failure() {
    let token = crate::support::jwt(&j!({"sub": "jwt@example.com"}));
    for (usage, userinfo, extra, name) in [
        (j!({"userInfo": {"email": "a@x"}}), j!({"email": "b@x"}), j!({}), "kiro-aws-a@x.json"),
        (j!({"userInfo": {}}), j!({"email": "b@x"}), j!({}), "kiro-aws-b@x.json"),
        (j!({}), j!({"preferred_username": "c@x"}), j!({}), "kiro-aws-c@x.json"),
        (
            j!({}),
            j!({"preferred_username": "name"}),
            j!({"accessToken": token}),
            "kiro-aws-jwt@example.com.json",
        ),
        (j!({}), j!({}), j!({}), "kiro-aws-client-1.json"),
        (j!({"userInfo": {"email": "../../e"}}), j!({}), j!({}), "kiro-aws-_.._e.json"),
    ] {
        let scene = Scene::new().await;
        scene.oauth.page("/amazonq/getUsageLimits", [json(&usage)]);
        scene.oauth.page("/oidc/userinfo", [json(&userinfo)]);
        scene.oauth.set_extra(extra);
        let login = scene.login("kiro", request(), &Person::answering([])).await.unwrap();
        assert_eq!(login.file_name, name);
    }
    let scene = Scene::new().await;
    scene.oauth.page("/amazonq/getUsageLimits", [html(200)]);
    scene.oauth.page("/oidc/userinfo", [status(500)]);
    let login = scene.login("kiro", request(), &Person::answering([])).await.unwrap();
    assert_eq!(login.file_name, "kiro-aws-client-1.json");
}

#[tokio::test]
async fn one_person_keeps_a_file_for_each_of_their_ways_in() {
    let scene = Scene::new().await;
    scene.oauth.page("/amazonq/getUsageLimits", [json(&j!({"userInfo": {"email": "me@example.com"}}))]);
    let mut existing = Vec::new();
    for (method, name) in [
        ("builder-id", "kiro-aws-me@example.com.json"),
        ("google", "kiro-google-me@example.com.json"),
        ("github", "kiro-github-me@example.com.json"),
        ("idc", "kiro-idc-me@example.com.json"),
        ("google", "kiro-google-me@example.com.json"),
    ] {
        let login = scene.login("kiro", by(method, "device"), &Person::answering([])).await.unwrap();
        let credential = login.into_credential(&existing);
        assert_eq!(credential.id().as_str(), name, "{method}");
        existing.retain(|known: &cliproxy_core::Credential| known.id() != credential.id());
        existing.push(credential);
    }
    assert_eq!(existing.len(), 4);
}

/// Source: providers-b.md 1.1.1 and 1.3: what the Go program's web logins and the IDE write.
#[tokio::test]
async fn what_another_program_stored_of_the_same_way_in_is_the_same_account() {
    let scene = Scene::new().await;
    scene.oauth.page("/amazonq/getUsageLimits", [json(&j!({"userInfo": {"email": "me@example.com"}}))]);
    for (method, auth_method, provider, same) in [
        ("google", "google", "Google", true),
        ("google", "social", "google", true),
        ("github", "github", "GitHub", true),
        ("builder-id", "builder-id", "BuilderId", true),
        ("builder-id", "Builder-ID", "aws", true),
        ("google", "github", "Github", false),
        ("builder-id", "idc", "AWS", false),
    ] {
        let login = scene.login("kiro", by(method, "device"), &Person::answering([])).await.unwrap();
        let stored = NewLogin::new(
            login.provider.clone(),
            "theirs.json",
            Document::new(
                j!({"type": "kiro", "email": "me@example.com", "auth_method": auth_method, "provider": provider,
                    "access_token": "a", "refresh_token": "r"})
                .as_object()
                .cloned()
                .unwrap(),
            ),
            &["email"],
        );
        let credential = login.into_credential(&[stored.into_credential(&[])]);
        assert_eq!(credential.id().as_str() == "theirs.json", same, "{method} {auth_method} {provider}");
    }
}

#[tokio::test]
async fn one_address_in_two_organisations_is_two_files() {
    let scene = Scene::new().await;
    scene.oauth.page("/amazonq/getUsageLimits", [json(&j!({"userInfo": {"email": "me@example.com"}}))]);
    let mut existing: Vec<cliproxy_core::Credential> = Vec::new();
    let mut names = Vec::new();
    for organisation in ["d-1", "d-2", "d-1", "d-2"] {
        let start = format!("https://{organisation}.awsapps.com/start");
        let named = by("idc", "device").with_answer("start-url", start);
        let login = scene.login("kiro", named, &Person::answering([])).await.unwrap();
        let credential = login.into_credential(&existing);
        names.push(credential.id().to_string());
        existing.retain(|known| known.id() != credential.id());
        existing.push(credential);
    }
    assert_eq!(existing.len(), 2, "{names:?}");
    assert_eq!((&names[0], &names[1]), (&names[2], &names[3]));
    assert_eq!(names[0], "kiro-idc-me@example.com.json");
    assert!(names[1].starts_with("kiro-idc-me@example.com-"), "{names:?}");
}
