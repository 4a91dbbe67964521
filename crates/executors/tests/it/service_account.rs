//! Vertex with a service account: what it signs, what it spends, and what is said of a file that cannot be used.

use std::sync::OnceLock;
use std::time::Duration;

use cliproxy_core::{
    Attempt, Credential, ErrorKind, ProviderExecutor as _, ProviderFormat, Renewal, Secret, UpstreamModel,
};
use cliproxy_executors::VertexExecutor;
use cliproxy_testkit::conformance::{KEY, Site, Subject};
use cliproxy_testkit::{
    FakeServiceAccount, FakeUpstream, conformance, data, hang, html, json, refuse, sse, status,
};
use serde_json::{Value, json};

use crate::support::{attempt, egress, login, pass, read};

const BODY: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"session_id":"s"}"#;
const PATH: &str = "/v1/projects/proj-1/locations/us-central1/publishers/google/models/m:generateContent";

/// After this a token is no longer the newest that can be had.
const LATER: Duration = Duration::from_secs(11);

/// The account's file, with these members in place of its own.
fn file(tokens: &FakeServiceAccount, changes: &Value) -> Value {
    let key_file = tokens.key_file();
    let mut file = json!({"type": "vertex", "service_account": key_file, "project_id": "proj-1",
        "email": key_file["client_email"], "location": "us-central1"});
    for (name, value) in changes.as_object().unwrap() {
        file[name] = value.clone();
    }
    file
}

fn stored(tokens: &FakeServiceAccount, changes: &Value) -> Credential {
    login("vertex", file(tokens, changes))
}

fn ask(credential: &Credential) -> Attempt {
    attempt(credential.clone(), ProviderFormat::GEMINI, BODY)
}

struct Scene {
    tokens: FakeServiceAccount,
    api: FakeUpstream,
    executor: VertexExecutor,
}

impl Scene {
    async fn new() -> Self {
        let (tokens, api) = (FakeServiceAccount::start().await, FakeUpstream::start().await);
        api.script_all([json(&json!({"candidates": []}))]);
        let executor = VertexExecutor::new(egress())
            .with_url("regional", format!("{}/{{location}}", api.url()))
            .with_url("api", format!("{}/worldwide", api.url()));
        Self { tokens, api, executor }
    }

    /// The API takes tokens from this number on.
    fn take_from(&self, floor: u32) {
        self.api.answer_with(move |request| {
            let number = request.key.strip_prefix("access-").and_then(|number| number.parse::<u32>().ok());
            if number.is_some_and(|number| number >= floor) {
                return json(&json!({"candidates": []}));
            }
            status(401).json(&json!({"error": {"code": 401, "status": "UNAUTHENTICATED"}}))
        });
    }
}

#[tokio::test]
async fn a_signed_assertion_brings_a_token_and_the_call_goes_to_project_and_location() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    assert!(scene.executor.models(&credential).await.unwrap().len() > 10);
    scene.executor.execute(ask(&credential)).await.unwrap();
    let received = scene.api.last();
    assert_eq!(received.path, format!("/us-central1{PATH}"));
    assert_eq!(received.header("authorization"), Some("Bearer access-1"));
    assert_eq!(received.header("x-goog-api-key"), None);
    assert_eq!(received.body, r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#);
    let claims = scene.tokens.judged()[0].clone().unwrap();
    // Source: providers-a.md 6.3 "issuer = `client_email`, audience = `token_uri`, 1 h".
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert_eq!(claims["aud"], scene.tokens.url());

    // Streams and counts spend the same token.
    scene.api.script_all([sse([data(&json!({"n": 1}))])]);
    let mut streaming = ask(&credential);
    streaming.stream = true;
    assert_eq!(read(scene.executor.execute_stream(streaming).await.unwrap()).await.0, "data: {\"n\":1}\n\n");
    assert_eq!((&*scene.api.last().query, scene.api.last().key.as_str()), ("alt=sse", "access-1"));
    scene.api.script_all([json(&json!({"totalTokens": 3}))]);
    scene.executor.count_tokens(ask(&credential)).await.unwrap();
    assert!(scene.api.last().path.ends_with(":countTokens"));
    assert_eq!(scene.tokens.judged().len(), 1, "cached");
    assert_eq!(scene.executor.renewal(&credential), Renewal::Never, "nothing of it is stored");
}

#[tokio::test]
async fn locations_and_projects_are_where_google_has_them() {
    // Source: providers-a.md 6.2, 6.4, 6.7.
    let scene = Scene::new().await;
    let models = "publishers/google/models/m:generateContent";
    for (changes, path) in [
        (json!({"location": " global "}), format!("/worldwide/v1/projects/proj-1/locations/global/{models}")),
        (json!({"location": ""}), format!("/us-central1{PATH}")),
        (
            json!({"location": "europe-west4", "project_id": "example.com:proj"}),
            format!("/europe-west4/v1/projects/example.com:proj/locations/europe-west4/{models}"),
        ),
        (
            json!({"project_id": "", "project": "older"}),
            format!("/us-central1/v1/projects/older/locations/us-central1/{models}"),
        ),
        // A key or a token beside it changes nothing.
        (json!({"api_key": "k", "access_token": "t"}), format!("/us-central1{PATH}")),
    ] {
        scene.executor.execute(ask(&stored(&scene.tokens, &changes))).await.unwrap();
        assert_eq!(scene.api.last().path, path);
        assert_eq!(scene.api.last().header("x-goog-api-key"), None);
    }
    assert_eq!(scene.executor.endpoints()[1].default, "https://{location}-aiplatform.googleapis.com");
    // Imagen, in its own words. Source: providers-a.md 6.4 "Imagen (service account, non-stream only)".
    let mut drawing = ask(&stored(&scene.tokens, &json!({})));
    drawing.model = UpstreamModel::new("imagen-4.0-generate-001");
    scene.api.script_all([json(&json!({"predictions": [{"bytesBase64Encoded": "aGk="}]}))]);
    scene.executor.execute(drawing).await.unwrap();
    assert!(scene.api.last().path.ends_with("/imagen-4.0-generate-001:predict"));
}

#[tokio::test]
async fn the_file_says_where_its_token_and_its_calls_go() {
    let scene = Scene::new().await;
    let other = FakeServiceAccount::start().await;
    other.set_audience(&scene.tokens.url());
    for (base, path) in [("", PATH), ("/mirror/v1/", &format!("/mirror{PATH}"))] {
        let changes = json!({"token_url": other.url()});
        let credential = stored(&scene.tokens, &changes);
        let mut settings = credential.settings().clone();
        settings.base_url = Some(format!("{}{base}", scene.api.url()));
        scene.executor.execute(ask(&credential.with_settings(settings))).await.unwrap();
        assert_eq!(scene.api.last().path, *path);
    }
    assert!(other.judged()[0].is_ok() && scene.tokens.judged().is_empty());

    // The configuration's endpoint, and the credential's own proxy.
    let executor = scene.executor.with_url("token", other.url());
    executor.execute(ask(&stored(&scene.tokens, &json!({})))).await.unwrap();
    let credential = stored(&scene.tokens, &json!({"email": "another@example.com"}));
    let mut settings = credential.settings().clone();
    settings.proxy = Some(Secret::from("http://127.0.0.1:1"));
    pass(LATER).await;
    executor.refresh(&credential.with_settings(settings)).await.unwrap_err();
    assert!(scene.tokens.judged().is_empty(), "nothing went around the proxy");
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_again_before_it_ends() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    let calls = (0..8).map(|_| scene.executor.execute(ask(&credential)));
    for reply in futures_util::future::join_all(calls).await {
        reply.unwrap();
    }
    assert_eq!(scene.tokens.judged().len(), 1);

    // More than five minutes are left: nobody fetches another.
    scene.tokens.set_lifetime(360);
    pass(LATER).await;
    scene.executor.refresh(&credential).await.unwrap();
    pass(LATER).await;
    scene.executor.execute(ask(&credential)).await.unwrap();
    assert_eq!(scene.tokens.judged().len(), 2);

    // Less than five minutes are left: the next call brings a new one, and a token endpoint that fails takes nothing away.
    scene.tokens.set_lifetime(200);
    pass(LATER).await;
    scene.executor.refresh(&credential).await.unwrap();
    pass(LATER).await;
    scene.tokens.fail_with([status(503)]);
    for _ in 0..2 {
        scene.executor.execute(ask(&credential)).await.unwrap();
    }
    assert_eq!(scene.api.keys_seen().split_off(9), ["access-3", "access-4"]);

    // One that is over is never sent.
    scene.tokens.set_lifetime(30);
    pass(LATER).await;
    scene.executor.refresh(&credential).await.unwrap();
    scene.tokens.fail_with([status(503)]);
    scene.executor.execute(ask(&credential)).await.unwrap_err();
    scene.executor.execute(ask(&credential)).await.unwrap();
    assert_eq!(scene.api.keys_seen().split_off(11), ["access-6"]);
}

#[tokio::test]
async fn nobody_waits_for_an_exchange_while_the_old_token_serves() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    scene.tokens.set_lifetime(200);
    scene.executor.execute(ask(&credential)).await.unwrap();
    pass(LATER).await;
    // The next exchange never ends.
    scene.tokens.fail_with([hang()]);
    let first = scene.executor.execute(ask(&credential));
    let second = async {
        scene.tokens.upstream().wait_for_requests(2).await;
        scene.executor.execute(ask(&credential)).await
    };
    let served = tokio::select! {
        _ = first => panic!("the exchange never ends"),
        served = second => served,
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("the second waits for the exchange of the first"),
    };
    served.unwrap();
    assert_eq!(scene.api.keys_seen(), ["access-1", "access-1"]);
}

#[tokio::test]
async fn a_refusal_of_a_raw_request_is_one_of_its_token() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    scene.executor.execute(ask(&credential)).await.unwrap();
    scene.take_from(2);
    let mut request = http::Request::new(bytes::Bytes::new());
    *request.uri_mut() = format!("{}/raw", scene.api.url()).parse().unwrap();
    assert_eq!(scene.executor.http_request(&credential, request).await.unwrap().status(), 401);
    scene.executor.refresh(&credential).await.unwrap();
    scene.executor.execute(ask(&credential)).await.unwrap();
    assert_eq!(scene.api.keys_seen(), ["access-1", "access-1", "access-2"]);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_file_stays_as_it_is() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    scene.executor.execute(ask(&credential)).await.unwrap();
    scene.api.script_all([status(401).json(&json!({"error": {"code": 401, "status": "UNAUTHENTICATED"}}))]);
    let error = scene.executor.execute(ask(&credential)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let renewed = scene.executor.refresh(&credential).await.unwrap();
    assert_eq!(renewed.document(), credential.document());
    scene.api.script_all([json(&json!({}))]);
    scene.executor.execute(ask(&renewed)).await.unwrap();
    assert_eq!(scene.api.keys_seen(), ["access-1", "access-1", "access-2"]);
}

#[tokio::test]
async fn many_refused_at_once_are_served_by_one_exchange() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    scene.executor.execute(ask(&credential)).await.unwrap();
    pass(LATER).await;
    scene.take_from(2);
    // All are on their way with the old token before anybody is told.
    let calls = (0..8).map(|_| scene.executor.execute(ask(&credential)));
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.unwrap_err().kind(), ErrorKind::Unauthorized);
    }
    // Seven at once, and one that comes when it is over; whoever asks meanwhile waits as well.
    let renewals = (0..7).map(|_| scene.executor.refresh(&credential));
    let (renewals, meanwhile) = futures_util::future::join(
        futures_util::future::join_all(renewals),
        scene.executor.execute(ask(&credential)),
    )
    .await;
    for renewed in renewals {
        renewed.unwrap();
    }
    meanwhile.unwrap();
    scene.executor.refresh(&credential).await.unwrap();
    let calls = (0..8).map(|_| scene.executor.execute(ask(&credential)));
    for reply in futures_util::future::join_all(calls).await {
        reply.unwrap();
    }
    assert_eq!(scene.tokens.judged().len(), 2);

    // Revoked later, it is exchanged anew: the same holds for the one after it.
    for (floor, exchanges) in [(3, 3), (4, 4)] {
        scene.take_from(floor);
        scene.executor.execute(ask(&credential)).await.unwrap_err();
        scene.executor.refresh(&credential).await.unwrap();
        scene.executor.execute(ask(&credential)).await.unwrap();
        assert_eq!(scene.tokens.judged().len(), exchanges);
    }
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_an_error_and_no_loop() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    scene.executor.execute(ask(&credential)).await.unwrap();
    scene.take_from(3);
    scene.executor.execute(ask(&credential)).await.unwrap_err();
    scene.executor.refresh(&credential).await.unwrap();
    for _ in 0..3 {
        scene.executor.execute(ask(&credential)).await.unwrap_err();
        let error = scene.executor.refresh(&credential).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        assert!(error.message().contains("just exchanged"), "{error}");
    }
    assert_eq!(scene.tokens.judged().len(), 2);
    // After a while it is tried again, by whoever comes.
    pass(LATER).await;
    scene.executor.execute(ask(&credential)).await.unwrap();
    assert_eq!(scene.tokens.judged().len(), 3);
}

#[tokio::test]
async fn those_who_wait_for_an_exchange_share_its_failure() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    scene.tokens.fail_with([status(503)]);
    let calls = (0..8).map(|_| scene.executor.execute(ask(&credential)));
    for reply in futures_util::future::join_all(calls).await {
        let error = reply.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
        assert!(error.message().contains("service account of credential vertex-"), "{error}");
    }
    assert_eq!(scene.tokens.upstream().requests().len(), 1);
    // Whoever comes later asks again.
    scene.executor.execute(ask(&credential)).await.unwrap();
}

#[tokio::test]
async fn another_key_in_the_file_makes_the_old_token_void() {
    let scene = Scene::new().await;
    scene.executor.execute(ask(&stored(&scene.tokens, &json!({})))).await.unwrap();
    let mut service_account = scene.tokens.key_file();
    service_account["client_email"] = json!("other@proj-1.iam.gserviceaccount.com");
    let other = stored(&scene.tokens, &json!({"service_account": service_account}));
    let error = scene.executor.execute(ask(&other)).await.unwrap_err();
    assert!(error.message().contains("account not found"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_with_the_next_step() {
    let scene = Scene::new().await;
    let with = |name: &str, value: Value| {
        let mut service_account = scene.tokens.key_file();
        service_account[name] = value;
        json!({"service_account": service_account})
    };
    for (changes, what) in [
        (json!({"service_account": null, "email": "a"}), "no object"),
        (with("private_key", json!("")), "no private_key"),
        (with("private_key", json!("nonsense")), "BEGIN PRIVATE KEY"),
        (
            with("private_key", json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")),
            "damaged",
        ),
        (
            with("private_key", json!("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----")),
            "another algorithm",
        ),
        (
            with("private_key", json!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")),
            "CERTIFICATE",
        ),
        (with("client_email", json!(null)), "no client_email"),
    ] {
        let credential = stored(&scene.tokens, &changes);
        for error in [
            scene.executor.models(&credential).await.unwrap_err(),
            scene.executor.execute(ask(&credential)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
            let message = error.message();
            assert!(message.contains(what) && message.contains("login vertex FILE"), "{what}: {message}");
            assert!(message.contains("vertex-me"), "the file is named: {message}");
        }
    }
    for (changes, what) in [
        (
            json!({"project_id": null, "service_account": {"client_email": "a", "private_key": "b"}}),
            "project_id",
        ),
        (json!({"location": "evil.example/"}), "location"),
    ] {
        let error = scene.executor.models(&stored(&scene.tokens, &changes)).await.unwrap_err();
        assert!(error.message().contains(what), "{error}");
    }
    assert!(scene.api.requests().is_empty());
}

#[tokio::test]
async fn a_token_that_is_not_given_says_why_and_what_to_do() {
    let scene = Scene::new().await;
    let credential = stored(&scene.tokens, &json!({}));
    for (reply, kind) in [
        (html(200), ErrorKind::BadReply),
        (html(403), ErrorKind::BadReply),
        (status(503).json(&json!({"error": "invalid_grant"})), ErrorKind::Server),
        (status(429), ErrorKind::RateLimited),
        (refuse(), ErrorKind::Connect),
        (
            status(400)
                .json(&json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})),
            ErrorKind::Misconfigured,
        ),
    ] {
        scene.tokens.fail_with([reply]);
        let error = scene.executor.execute(ask(&credential)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains("service account of credential vertex-"), "{error}");
        assert_eq!(
            error.message().contains("import a new key file"),
            kind == ErrorKind::Misconfigured,
            "{error}"
        );
    }
    // A clock that is wrong is told from a key that is.
    for (ahead, words) in [(7230, "120 min behind"), (-7230, "120 min ahead of")] {
        scene.tokens.set_clock(ahead);
        let error = scene.executor.execute(ask(&credential)).await.unwrap_err();
        assert!(error.message().contains(words), "{error}");
    }
    // A few minutes are nothing: the assertion is dated back.
    for ahead in [-200, 200] {
        scene.tokens.set_clock(ahead);
        pass(LATER).await;
        scene.executor.refresh(&credential).await.unwrap();
    }
    assert!(scene.api.requests().is_empty());
}

/// One token endpoint for all checks: it gives every credential of the suite its key.
fn token_endpoint() -> &'static FakeServiceAccount {
    static STARTED: OnceLock<FakeServiceAccount> = OnceLock::new();
    STARTED.get_or_init(|| {
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let tokens = FakeServiceAccount::start().await;
                tokens.set_token(KEY);
                send.send(tokens).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receive.recv_timeout(Duration::from_secs(60)).unwrap()
    })
}

fn subject() -> Subject {
    Subject::new(|site: &Site| {
        let options =
            cliproxy_transport::ClientOptions::new().with_first_byte_timeout(site.first_byte_timeout());
        let http = cliproxy_transport::HttpClient::new(options);
        VertexExecutor::new(cliproxy_executors::Egress::new(http, cliproxy_transport::ProxyChoice::Direct))
    })
    .document("service_account", token_endpoint().key_file())
    .document("project_id", "proj-1")
    .counts_tokens()
}

/// Checks that do not fit where a token endpoint stands between: those that tell credentials apart by their keys, count
/// what a proxy is asked, or want that nothing can be fetched anew; and those of other kinds of executors.
const ELSEWHERE: [&str; 7] = [
    "a_credential_that_never_expires_is_not_renewed",
    "a_key_that_cannot_be_sent_is_said_to_be",
    "calls_go_through_the_credentials_proxy",
    "each_credential_sends_its_own_key",
    "streams_are_declined_before_anything_is_sent",
    "a_reply_comes_in_each_mode",
    "a_body_that_is_nonsense_is_refused",
];

#[test]
fn every_check_of_the_suite_is_here_or_left_out_on_purpose() {
    for name in conformance::names() {
        assert!(CHECKS.contains(&name) != ELSEWHERE.contains(&name), "{name}");
    }
}

macro_rules! passes {
    ($($check:ident)*) => {
        const CHECKS: &[&str] = &[$(stringify!($check)),*];

        mod conforms {
            $(
                #[test]
                fn $check() {
                    super::conformance::run(super::subject(), super::conformance::$check);
                }
            )*
        }
    };
}

passes! {
    the_provider_and_its_formats_are_named
    models_are_listed_without_repeats
    nothing_secret_is_printed
    calls_go_to_the_base_url_with_the_credentials_key
    the_clients_secrets_stay_behind
    the_credentials_headers_come_last
    a_dead_proxy_is_not_gone_around
    status_and_headers_arrive
    tokens_are_counted_or_the_count_is_declined
    a_raw_request_is_signed_and_its_status_is_no_error
    a_dropped_call_is_cancelled_upstream
    failures_carry_status_reply_and_hint
    an_unreachable_provider_is_a_connect_failure
    a_connection_closed_without_an_answer_blames_the_endpoint
    a_passed_deadline_is_a_timeout
    a_reply_cut_short_is_never_a_success
    a_web_page_in_place_of_a_reply_is_a_bad_reply
    whole_replies_arrive_byte_for_byte
    streams_arrive_byte_for_byte
    a_stream_is_handed_on_as_it_arrives
    a_dropped_stream_is_cancelled_upstream
    a_stalled_stream_blocks_no_other_call
    a_stream_cut_short_ends_in_an_error
    a_slow_reader_is_waited_for
}
