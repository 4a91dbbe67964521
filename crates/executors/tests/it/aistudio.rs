//! AI Studio, through a page at the other end of a connection in memory.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{
    Attempt, CredentialId, Document, ErrorKind, ExecutorError, Operation, Origin, Principal,
    ProviderExecutor as _, ProviderFormat, Renewal, Scope, Secret, UpstreamModel,
};
use cliproxy_core::{Credential, CredentialKind, ProviderId, Settings};
use cliproxy_executors::AistudioExecutor;
use cliproxy_relay::{Identity, Options, Relay};
use cliproxy_testkit::conformance::{self, Site, Subject};
use cliproxy_testkit::{RelayPage, TestSocket};
use http::Request;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::read;

const NAME: &str = "aistudio-0123456789abcdef";

fn relay() -> Relay {
    Relay::new(Options::new("aistudio-"), CancellationToken::new())
}

/// A page that is connected under a name.
fn page(relay: &Relay, name: &str) -> TestSocket {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let session = relay.reserve_named(name).unwrap().run(Identity::new(Principal::anonymous()), ours);
    TaskTracker::new().spawn(session);
    TestSocket::over(theirs)
}

fn credential(change: impl FnOnce(&mut Settings)) -> Credential {
    let mut settings = Settings::new(NAME);
    change(&mut settings);
    let provider = ProviderId::from_static("aistudio");
    let (id, document) = (CredentialId::new(NAME), Document::default());
    Credential::new(id, provider, CredentialKind::ApiKey, Origin::Runtime, document, settings)
}

fn attempt(body: &str, model: &str, stream: bool) -> Attempt {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let model = UpstreamModel::new(model);
    let mut attempt = Attempt::new(credential(|_| {}).into(), model, ProviderFormat::GEMINI, body);
    attempt.stream = stream;
    attempt
}

const BODY: &str = r#"{"model":"x(high)","contents":[{"role":"user","parts":[{"text":"hi"}]}],"session_id":"s","generationConfig":{"maxOutputTokens":5,"topK":1}}"#;
const SENT: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"topK":1}}"#;

/// Plays these messages, with the id of the request filled in, and gives back the request.
async fn play(page: &mut TestSocket, messages: &[(&str, Value)]) -> Value {
    let request = page.next().await.unwrap();
    for (kind, payload) in messages {
        page.send(&json!({"id": request["id"], "type": kind, "payload": payload})).await;
    }
    request["payload"].clone()
}

/// What a whole call gives while the page plays these.
async fn whole(messages: &[(&str, Value)]) -> Result<(u16, String), ExecutorError> {
    let relay = relay();
    let mut page = page(&relay, NAME);
    let executor = AistudioExecutor::new(relay);
    let (reply, _) =
        tokio::join!(executor.execute(attempt(BODY, "gemini-2.5-pro", false)), play(&mut page, messages));
    reply.map(|reply| (reply.status.as_u16(), String::from_utf8(reply.body.to_vec()).unwrap()))
}

/// What a stream gives while the page plays these: its text, and what broke it.
async fn stream(messages: &[(&str, Value)]) -> Result<(String, Option<ExecutorError>), ExecutorError> {
    let relay = relay();
    let mut page = page(&relay, NAME);
    let executor = AistudioExecutor::new(relay);
    let attempt = attempt(BODY, "gemini-2.5-pro", true);
    let (reply, _) = tokio::join!(executor.execute_stream(attempt), play(&mut page, messages));
    Ok(read(reply?).await)
}

fn start(status: u16) -> (&'static str, Value) {
    ("stream_start", json!({"status": status, "headers": {"content-type": "text/event-stream"}}))
}

fn chunk(data: &str) -> (&'static str, Value) {
    ("stream_chunk", json!({"data": data}))
}

fn response(status: u16, body: &str) -> (&'static str, Value) {
    (
        "http_response",
        json!({"status": status, "headers": {"content-type": ["application/json"]}, "body": body}),
    )
}

fn end() -> (&'static str, Value) {
    ("stream_end", json!(null))
}

#[tokio::test]
async fn the_page_is_asked_as_google_would_be_and_is_told_no_secret() {
    // Source: providers-a.md 8.3.
    let relay = relay();
    let mut page = page(&relay, NAME);
    let executor = AistudioExecutor::new(relay);
    assert_eq!(executor.renewal(&credential(|_| {})), Renewal::Never, "the page has nothing of its own");
    for (model, stream, url) in [
        ("gemini-2.5-pro", false, "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("models/gemini-2.5-pro", false, "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("a/../b?c", false, "/v1beta/models/a%2F..%2Fb%3Fc:generateContent"),
        ("gemini-2.5-pro", true, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
    ] {
        let attempt = attempt(BODY, model, stream);
        let answer = [response(200, "{}")];
        let asked = if stream {
            let (reply, asked) = tokio::join!(executor.execute_stream(attempt), play(&mut page, &answer));
            assert_eq!(read(reply.unwrap()).await.0, "{}");
            asked
        } else {
            let (reply, asked) = tokio::join!(executor.execute(attempt), play(&mut page, &answer));
            assert_eq!(reply.unwrap().body, "{}");
            asked
        };
        assert_eq!(asked["url"], format!("https://generativelanguage.googleapis.com{url}"));
        assert_eq!(asked["method"], "POST");
        assert_eq!(asked["headers"], json!({"Content-Type": ["application/json"]}));
        assert_eq!(asked["body"], SENT);
    }
}

#[tokio::test]
async fn the_root_can_be_replaced() {
    for (root, url) in [
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/v1beta/models/m:generateContent"),
        ("https://gate.example/v1alpha", "https://gate.example/v1alpha/models/m:generateContent"),
    ] {
        let relay = relay();
        let mut page = page(&relay, NAME);
        let executor = AistudioExecutor::new(relay).with_url("api", root);
        let answer = [response(200, "{}")];
        let (_, asked) = tokio::join!(executor.execute(attempt(BODY, "m", false)), play(&mut page, &answer));
        assert_eq!(asked["url"], url);
    }
}

#[tokio::test]
async fn a_whole_reply_may_come_in_any_of_the_pages_ways() {
    // Source: providers-a.md 8.2 "Non-stream call".
    for (messages, status, body) in [
        (vec![response(200, "{\"a\":1}")], 200, "{\"a\":1}"),
        (vec![start(201), chunk("{\"a\""), chunk(":1}"), end()], 201, "{\"a\":1}"),
        (vec![chunk("{\"a\""), chunk(":1}"), end()], 200, "{\"a\":1}"),
        (vec![end()], 200, ""),
        (vec![start(200), end()], 200, ""),
        (vec![start(200), chunk("kept"), response(200, "")], 200, "kept"),
        (vec![start(200), chunk("older"), response(200, "newer")], 200, "newer"),
    ] {
        assert_eq!(whole(&messages).await.unwrap(), (status, body.to_owned()), "{messages:?}");
    }
}

#[tokio::test]
async fn a_stream_may_come_in_any_of_the_pages_ways() {
    for (messages, text) in [
        (vec![start(200), chunk("data: 1\n\n"), chunk("data: 2\n\n"), end()], "data: 1\n\ndata: 2\n\n"),
        (vec![start(200), chunk("data: {\"a"), chunk(""), chunk("\":1}\n\n"), end()], "data: {\"a\":1}\n\n"),
        (vec![chunk("data: 1\n\n"), end()], "data: 1\n\n"),
        (vec![response(200, "[{\"a\":1}]")], "[{\"a\":1}]"),
        (vec![start(200), response(200, "[{\"a\":1}]")], "[{\"a\":1}]"),
        (vec![start(200), chunk("data: 1\n\n"), response(200, "")], "data: 1\n\n"),
    ] {
        let (got, error) = stream(&messages).await.unwrap();
        assert_eq!((got.as_str(), error.is_none()), (text, true), "{messages:?}");
    }
}

#[tokio::test]
async fn failures_of_google_are_read_by_its_rules_however_the_page_tells_them() {
    let said =
        json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Please retry in 38.5s."}})
            .to_string();
    let halves = said.split_at(20);
    for messages in [
        vec![response(429, &said)],
        vec![start(429), chunk(halves.0), chunk(halves.1), end()],
        vec![("error", json!({"error": said, "status": 429}))],
    ] {
        for error in [whole(&messages).await.unwrap_err(), stream(&messages).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::RateLimited, "{messages:?}");
            assert_eq!(error.evidence().scope, Scope::Model);
            assert_eq!(error.evidence().retry_after, Some(Duration::from_millis(38_500)));
            assert_eq!((error.status().unwrap().as_u16(), error.body()), (429, &Bytes::from(said.clone())));
        }
    }
}

#[tokio::test]
async fn failures_of_the_page_cool_nothing_and_move_the_request_on() {
    // Source: providers-a.md 8.5.
    use cliproxy_core::Verdict;
    for (messages, kind) in [
        (vec![("error", json!({"error": "Failed to fetch"}))], ErrorKind::Connect),
        (vec![("error", json!({"error": "odd", "status": 200}))], ErrorKind::Connect),
        (vec![("http_response", json!({"status": 200, "body": {"candidates": []}}))], ErrorKind::BadReply),
    ] {
        for error in [whole(&messages).await.unwrap_err(), stream(&messages).await.unwrap_err()] {
            assert_eq!((error.kind(), error.evidence().scope), (kind, Scope::Request), "{messages:?}");
            assert_eq!(error.kind().verdict(), Verdict::NextCredential);
            assert_eq!(error.status(), None);
        }
    }
    // A payload that is not there is a page that has nothing to say.
    let error = whole(&[("http_response", json!(null))]).await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Server, 502));
}

#[tokio::test]
async fn a_stream_that_breaks_says_so_after_what_it_had() {
    for (last, kind, scope) in [
        (("error", json!({"error": "network error"})), ErrorKind::Interrupted, Scope::Request),
        (("error", json!({"error": "quota", "status": 429})), ErrorKind::RateLimited, Scope::Model),
        (("stream_chunk", json!({"data": 5})), ErrorKind::BadReply, Scope::Request),
        (response(200, "data: again\n\n"), ErrorKind::BadReply, Scope::Request),
        (response(500, ""), ErrorKind::BadReply, Scope::Request),
    ] {
        let (text, error) = stream(&[start(200), chunk("data: 1\n\n"), last.clone()]).await.unwrap();
        let error = error.expect("an error");
        assert_eq!((text.as_str(), error.kind()), ("data: 1\n\n", kind), "{last:?}");
        assert_eq!(error.evidence().scope, scope, "{last:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_gone_is_told_before_and_within_a_reply() {
    let relay = relay();
    let executor = AistudioExecutor::new(relay.clone());
    let error = executor.execute(attempt(BODY, "m", false)).await.unwrap_err();
    assert_eq!((error.kind(), error.evidence().scope), (ErrorKind::Connect, Scope::Request));
    assert_eq!(executor.models(&credential(|_| {})).await.unwrap_err().kind(), ErrorKind::Misconfigured);

    let mut unanswering = page(&relay, NAME);
    let leaving = async {
        unanswering.next().await.unwrap();
        unanswering.close().await;
    };
    let (reply, ()) = tokio::join!(executor.execute_stream(attempt(BODY, "m", true)), leaving);
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Interrupted);

    let mut leaving_later = page(&relay, NAME);
    let begun = [start(200), chunk("data: 1\n\n")];
    let (reply, _) =
        tokio::join!(executor.execute_stream(attempt(BODY, "m", true)), play(&mut leaving_later, &begun));
    leaving_later.close().await;
    let (text, error) = read(reply.unwrap()).await;
    assert_eq!((text.as_str(), error.unwrap().kind()), ("data: 1\n\n", ErrorKind::Interrupted));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_not_taken_in_time_is_its_clients_doing() {
    let mut options = Options::new("aistudio-");
    options.read_room = 1000;
    let relay = Relay::new(options, CancellationToken::new());
    let mut page = page(&relay, NAME);
    let executor = AistudioExecutor::new(relay);
    let data = "x".repeat(400);
    let messages: Vec<_> = std::iter::once(start(200)).chain((0..9).map(|_| chunk(&data))).collect();
    let (reply, _) =
        tokio::join!(executor.execute_stream(attempt(BODY, "m", true)), play(&mut page, &messages));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (text, error) = read(reply.unwrap()).await;
    assert!(text.len() >= 400, "what had room");
    assert_eq!(error.unwrap().kind(), ErrorKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_failed_reply_whose_rest_never_comes_still_has_its_status() {
    let error = stream(&[start(503), chunk("{\"error\":")]).await.unwrap_err();
    assert_eq!((error.kind(), error.body().as_ref()), (ErrorKind::Overloaded, &b"{\"error\":"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_page_has_as_long_as_the_operator_says() {
    let relay = relay();
    let mut page = page(&relay, NAME);
    let limit = Some(Duration::from_secs(7));
    let executor = AistudioExecutor::new(relay).with_first_byte_timeout(limit);
    let (reply, _) = tokio::join!(executor.execute(attempt(BODY, "m", false)), play(&mut page, &[]));
    let error = reply.unwrap_err();
    // The page is not cooled: it may be held up for another reply's reader.
    assert_eq!((error.kind(), error.evidence().scope), (ErrorKind::Timeout, Scope::Request));
}

#[tokio::test]
async fn tokens_are_counted_by_the_page_and_nothing_is_no_count() {
    let relay = relay();
    let mut page = page(&relay, NAME);
    let executor = AistudioExecutor::new(relay);
    let body = r#"{"contents":[],"tools":[{"a":1}],"systemInstruction":{"parts":[]},"generationConfig":{},"safetySettings":[],"session_id":"s"}"#;
    for (answer, count) in [
        (r#"{"totalTokens":7}"#, Ok(())),
        (r#"{"totalTokens":0}"#, Err(ErrorKind::BadReply)),
        (r#"{"totalTokens":-1}"#, Err(ErrorKind::BadReply)),
        ("{}", Err(ErrorKind::BadReply)),
        ("", Err(ErrorKind::BadReply)),
    ] {
        let mut attempt = attempt(body, "gemini-2.5-pro", false);
        attempt.operation = Operation::CountTokens;
        let answers = [response(200, answer)];
        let (reply, asked) = tokio::join!(executor.count_tokens(attempt), play(&mut page, &answers));
        assert!(asked["url"].as_str().unwrap().ends_with("/v1beta/models/gemini-2.5-pro:countTokens"));
        // As for the Gemini API itself: a system instruction is counted inside a whole request only.
        assert_eq!(
            asked["body"],
            r#"{"generateContentRequest":{"contents":[],"tools":[{"a":1}],"systemInstruction":{"parts":[]},"model":"models/gemini-2.5-pro"}}"#
        );
        assert_eq!(reply.map(|_| ()).map_err(|error| error.kind()), count, "{answer}");
    }
    let answers = [response(501, "{}")];
    let (reply, _) =
        tokio::join!(executor.count_tokens(attempt(body, "m", false)), play(&mut page, &answers));
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::EndpointMissing);
}

#[tokio::test]
async fn any_request_can_be_relayed_and_any_status_is_its_answer() {
    let relay = relay();
    let mut page = page(&relay, NAME);
    let executor = AistudioExecutor::new(relay);
    let own = credential(|settings| settings.headers = vec![("X-Team".to_owned(), Secret::from("green"))]);
    let answers =
        [("http_response", json!({"status": 418, "headers": {"content-type": "text/html"}, "body": "pot"}))];
    let request =
        || Request::put("https://h.example/p?q=1").header("x-a", "b").body(Bytes::from("text")).unwrap();
    let (reply, asked) = tokio::join!(executor.http_request(&own, request()), play(&mut page, &answers));
    let reply = reply.unwrap();
    assert_eq!((reply.status().as_u16(), reply.body().as_ref()), (418, &b"pot"[..]));
    assert_eq!(
        (&asked["method"], &asked["url"], &asked["body"]),
        (&json!("PUT"), &json!("https://h.example/p?q=1"), &json!("text"))
    );
    assert_eq!(asked["headers"], json!({"X-A": ["b"], "X-Team": ["green"]}));

    let binary = Request::post("https://h.example/").body(Bytes::from_static(b"\xff\xfe")).unwrap();
    assert_eq!(executor.http_request(&own, binary).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn the_models_are_those_of_the_sheet() {
    // Source: providers-a.md 8.4.
    let relay = relay();
    let _page = page(&relay, NAME);
    let models = AistudioExecutor::new(relay).models(&credential(|_| {})).await.unwrap();
    assert_eq!(models.len(), 15);
    let of = |id: &str| models.iter().find(|model| model.id.as_str() == id).unwrap();
    assert!(models.iter().all(|model| model.context_length == Some(1_048_576)));
    let reasoning = of("gemini-flash-lite-latest").reasoning.as_ref().unwrap();
    assert_eq!(
        (reasoning.budget, reasoning.zero_allowed, reasoning.dynamic_allowed),
        (Some((512, 24_576)), true, true)
    );
    let reasoning = of("gemini-3-pro-preview").reasoning.as_ref().unwrap();
    assert_eq!((reasoning.budget, reasoning.levels.len()), (Some((128, 32_768)), 0));
    let image = of("gemini-2.5-flash-image");
    assert_eq!((image.max_output, image.reasoning.is_none(), image.output.len()), (Some(8_192), true, 2));
}

/// A page that performs what it is asked for at the suite's fake.
fn subject() -> Subject {
    Subject::new(|site: &Site| {
        let relay = relay();
        // The page lives as long as the check's runtime.
        std::mem::forget(RelayPage::serve(page(&relay, "aistudio:apikey:conformance")));
        AistudioExecutor::new(relay)
            .with_url("api", site.url())
            .with_first_byte_timeout(site.first_byte_timeout())
    })
    .counts_tokens()
}

/// The checks of the suite that are not about keys and proxies, which a page has none of, nor about telling the provider
/// that a call was given up, which no message can.
macro_rules! conforms {
    ($($check:ident)*) => {
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

conforms! {
    the_provider_and_its_formats_are_named
    models_are_listed_without_repeats
    a_credential_that_never_expires_is_not_renewed
    nothing_secret_is_printed
    the_clients_secrets_stay_behind
    the_credentials_headers_come_last
    whole_replies_arrive_byte_for_byte
    status_and_headers_arrive
    tokens_are_counted_or_the_count_is_declined
    failures_carry_status_reply_and_hint
    an_unreachable_provider_is_a_connect_failure
    a_connection_closed_without_an_answer_blames_the_endpoint
    a_passed_deadline_is_a_timeout
    a_reply_cut_short_is_never_a_success
    a_web_page_in_place_of_a_reply_is_a_bad_reply
    streams_arrive_byte_for_byte
    a_stream_is_handed_on_as_it_arrives
    a_stream_cut_short_ends_in_an_error
    a_stalled_stream_blocks_no_other_call
    a_slow_reader_is_waited_for
}
