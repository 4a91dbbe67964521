//! What moves on, and what does not. Source: design.md §6, runtime.md D.4, D.8, D.9.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_conductor::{Availability, ModelAlias, Options};
use cliproxy_core::*;
use http::StatusCode;

use crate::fakes::{FakeExecutor, Play, key, key_of, read, request, settle, sleep, world};

#[tokio::test(start_paused = true)]
async fn a_pool_of_three_keys_survives_two_that_fail_in_any_way() {
    for play in [
        Play::Reply(401, None, "{}"),
        Play::Reply(402, None, "{}"),
        Play::Reply(403, None, "{}"),
        Play::Reply(404, None, "{}"),
        Play::Reply(429, None, "{}"),
        Play::Reply(408, None, "{}"),
        Play::Reply(500, None, "{}"),
        Play::Reply(503, None, "{}"),
        Play::Reply(529, None, "{}"),
        Play::Fail(ErrorKind::Connect),
        Play::Fail(ErrorKind::Timeout),
        Play::Fail(ErrorKind::Interrupted),
        Play::Fail(ErrorKind::EmptyStream),
        Play::Fail(ErrorKind::BadReply),
        Play::Fail(ErrorKind::Challenge),
        Play::Fail(ErrorKind::ModelNotSupported),
        Play::Fail(ErrorKind::InvalidGrant),
        Play::Fail(ErrorKind::Misconfigured),
    ] {
        let world = world(Options::default());
        world.keys(&["a", "b", "c"]);
        world.script.next("a", [play.clone()]);
        world.script.next("b", [play.clone()]);
        let answer = world.ask("m").await;
        assert!(answer.result.is_ok(), "{play:?}: {:?}", answer.result);
        assert_eq!(world.script.tried(), ["a", "b", "c"], "{play:?}");
        assert_eq!(answer.credential.as_deref(), Some("c"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_request_is_returned_at_once_and_blames_nobody() {
    // Source: runtime.md D.4, providers-a.md 1.5 [H].
    for play in [
        Play::Reply(400, None, r#"{"error":{"type":"invalid_request_error"}}"#),
        Play::Reply(422, None, "{}"),
        Play::Reply(413, None, "{}"),
        Play::Fail(ErrorKind::TooLarge),
    ] {
        let world = world(Options::default());
        world.keys(&["a", "b"]);
        world.script.next("a", [play.clone()]);
        assert!(world.ask("m").await.result.is_err());
        assert_eq!(world.script.tried(), ["a"], "{play:?}");
        assert!(world.is_ready("a", "m"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tried_three_times_and_no_more() {
    let world = world(Options::default());
    world.keys(&["a", "b", "c", "d", "e"]);
    for id in ["a", "b", "c", "d", "e"] {
        world.script.always(id, Play::Fail(ErrorKind::Connect));
    }
    let error = world.ask("m").await.result.unwrap_err();
    assert_eq!(error.status, StatusCode::BAD_GATEWAY);
    assert_eq!(world.script.tried().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn refusals_of_a_credential_are_not_bounded_by_the_outage_limit() {
    let world = world(Options::default());
    let ids = ["a", "b", "c", "d", "e", "f"];
    world.keys(&ids);
    for id in ["a", "b", "c", "d", "e"] {
        world.script.always(id, Play::Reply(429, None, "{}"));
    }
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(world.script.tried(), ids);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_one_endpoint_moves_to_another_first() {
    let world = world(Options::default());
    world.keys(&["a1", "a2", "a3"]);
    world.add(key("b", |settings| settings.base_url = Some("https://b".to_owned())));
    for id in ["a1", "a2", "a3"] {
        world.script.always(id, Play::Fail(ErrorKind::Connect));
    }
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(world.script.tried(), ["a1", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_keeps_failing_is_left_alone_and_looked_at_again() {
    let mut options = Options::default();
    options.breaker.threshold = 4;
    let world = world(options);
    world.keys(&["a"]);
    world.script.always("a", Play::Fail(ErrorKind::Connect));
    for _ in 0..4 {
        assert!(world.ask("m").await.result.is_err());
    }
    world.script.tried();
    let error = world.ask("m").await.result.unwrap_err();
    assert_eq!(world.script.tried(), Vec::<String>::new());
    assert_eq!(
        (error.status, error.retry_after),
        (StatusCode::SERVICE_UNAVAILABLE, Some(Duration::from_secs(2)))
    );
    sleep(2).await;
    world.script.always("a", Play::Whole);
    assert!(world.ask("m").await.result.is_ok());
    assert!(world.ask("m").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_multiply_the_load() {
    let mut options = Options::default();
    options.retry_budget.reserve = 4;
    options.breaker.threshold = 0;
    let world = world(options);
    world.keys(&["a", "b", "c"]);
    for id in ["a", "b", "c"] {
        world.script.always(id, Play::Fail(ErrorKind::Connect));
    }
    for _ in 0..100 {
        let _answer = world.ask("m").await;
    }
    // A hundred requests, the reserve and a fifth of a retry for each.
    let attempts = world.script.tried().len();
    assert!((120..=124).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_credentials_of_one_round_can_be_limited() {
    let mut options = Options::default();
    options.max_retry_credentials = 2;
    let world = world(options);
    world.keys(&["a", "b", "c"]);
    for id in ["a", "b", "c"] {
        world.script.always(id, Play::Reply(429, None, "{}"));
    }
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_our_credential_is_503_to_the_client() {
    // Source: design.md §6: the client's own key is fine.
    for status in [401, 402, 403] {
        let world = world(Options::default());
        world.keys(&["a"]);
        world.script.next("a", [Play::Reply(status, None, "{}")]);
        let error = world.ask("m").await.result.unwrap_err();
        assert_eq!(
            (error.status, error.kind),
            (StatusCode::SERVICE_UNAVAILABLE, ClientErrorKind::Unavailable)
        );
        assert_eq!(error.retry_after, Some(Duration::from_secs(1800)), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_told_unless_it_is_only_about_a_credential_of_ours() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(429, Some(20), "{}")]);
    world.script.next("b", [Play::Reply(401, None, "{}")]);
    let error = world.ask("m").await.result.unwrap_err();
    assert_eq!(
        (error.status, error.retry_after),
        (StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(20)))
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_are_cooling_the_client_learns_when_to_come_back() {
    // Source: runtime.md L.2 16 and 28: the error names the model as the client wrote it.
    let mut options = Options::default();
    options.model_aliases.push(ModelAlias::new("mine", "m"));
    let world = world(options);
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(429, Some(40), "{}")]);
    world.script.next("b", [Play::Reply(429, Some(25), "{}")]);
    assert!(world.ask("mine(high)").await.result.is_err());
    world.script.tried();
    sleep(5).await;
    let error = world.ask("mine(high)").await.result.unwrap_err();
    assert_eq!(error.kind, ClientErrorKind::ModelCooldown);
    assert_eq!(error.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(error.model.as_deref(), Some("mine(high)"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(20)));
    assert_eq!(error.message, "All credentials for model mine(high) are cooling down via provider p");
    assert_eq!(world.script.tried(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_client_learns_the_earliest_recovery_whichever_hint_came_last() {
    // (hints of a and b in seconds, credentials a round may try, cooling is off, what the client is told)
    for (hints, most, off, told) in [
        ([20, 600], 0, false, Some(20)),
        ([600, 20], 0, false, Some(20)),
        // A hint of a day is believed for half an hour.
        ([86_400, 86_400], 0, false, Some(1800)),
        // One that is ready was not asked: nobody has to wait for the other.
        ([600, 600], 1, false, None),
        // Nothing cools: what the provider says is all there is.
        ([600, 600], 0, true, Some(600)),
    ] {
        let mut options = Options::default();
        options.max_retry_credentials = most;
        options.disable_cooling = off;
        let world = world(options);
        world.keys(&["a", "b"]);
        for (id, hint) in ["a", "b"].into_iter().zip(hints) {
            world.script.always(id, Play::Reply(429, Some(hint), "{}"));
        }
        let error = world.ask("m").await.result.unwrap_err();
        assert_eq!(error.status, 429, "{hints:?}");
        assert_eq!(error.retry_after, told.map(Duration::from_secs), "{hints:?} {most} {off}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_none_can_serve_the_client_learns_why() {
    let world = world(Options::default());
    world.add(key("a", |settings| settings.disabled = true));
    world.add(key("b", |_| {}));
    world.script.next("b", [Play::Reply(401, None, "{}")]);
    assert!(world.ask("m").await.result.is_err());
    let error = world.ask("m").await.result.unwrap_err();
    assert_eq!((error.kind, error.status), (ClientErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(error.message, "no credential can serve the model m now (p: 1 disabled, 1 unauthorized)");
}

#[tokio::test(start_paused = true)]
async fn a_missing_count_endpoint_cools_nothing_and_is_not_asked_again_of_its_provider() {
    // Source: runtime.md D.7, last row.
    for play in [
        Play::Fail(ErrorKind::Unsupported),
        Play::Fail(ErrorKind::EndpointMissing),
        Play::Reply(404, None, "{}"),
    ] {
        let world = world(Options::default());
        world.keys(&["a", "b"]);
        let other = FakeExecutor::new("q", &["m"]);
        world.add_to(&other, key_of("q", "c", |_| {}));
        world.script.always("a", play.clone());
        world.script.always("b", play.clone());
        let answer = world.count("m").await;
        assert!(answer.result.is_ok(), "{play:?}");
        assert_eq!(world.script.tried(), ["a", "c"], "{play:?}");
        assert!(world.is_ready("a", "m") && world.is_ready("b", "m"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_nobody_can_read_reaches_no_provider() {
    let world = world(Options::default());
    world.keys(&["a"]);
    let mut garbage = request("m");
    garbage.body = "garbage".into();
    let error = world.conductor.dispatch(garbage).await.result.unwrap_err();
    assert_eq!(error.kind, ClientErrorKind::InvalidRequest);
    assert_eq!(world.script.tried(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn request_scoped_rules_decide_whether_to_go_on_and_whether_to_cool() {
    // Source: runtime.md D.11.
    use RequestScopedAction as A;
    for (action, tried, cools) in [
        (A::Stop, 1, false),
        (A::StopAndCooldown, 1, true),
        (A::Continue, 2, false),
        (A::ContinueAndCooldown, 2, true),
    ] {
        for of_channel in [false, true] {
            let rule = RequestScopedRule::new(429, vec!["nope".to_owned(), "policy".to_owned()], action);
            let mut options = Options::default();
            options.disable_cooling = true;
            if of_channel {
                options.channel_rules.insert(ProviderId::from_static("p"), vec![rule.clone()]);
            }
            let world = world(options);
            for id in ["a", "b"] {
                world.add(key(id, |settings| {
                    if !of_channel {
                        settings.request_scoped.push(rule.clone());
                    }
                }));
            }
            world.script.next("a", [Play::Reply(429, None, r#"{"error":"policy"}"#)]);
            let _answer = world.ask("m").await;
            assert_eq!(world.script.tried().len(), tried, "{action:?}");
            assert_eq!(!world.is_ready("a", "m"), cools, "{action:?}");
        }
    }
    // What matches no text is no rule's business.
    let world = world(Options::default());
    let rule = RequestScopedRule::new(400, vec!["policy".to_owned()], A::Continue);
    world.add(key("a", |settings| settings.request_scoped.push(rule.clone())));
    world.keys(&["b"]);
    world.script.next("a", [Play::Reply(400, None, "{}")]);
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_fits_by_any_text_or_any_pattern_or_by_its_status_alone() {
    use RequestScopedAction::Continue;
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    for (contains, patterns, fits) in [
        (&[][..], &[][..], true),
        (&["too long"], &[], true),
        (&["nope"], &[], false),
        (&[], &["(?i)TOO\\s+(long|large)"], true),
        (&[], &["nope", "^\\{.*\\}$"], true),
        (&[], &["nope"], false),
        (&["nope"], &["long"], true),
        (&["too long"], &["nope"], true),
        // What is no pattern matches nothing.
        (&[], &["("], false),
    ] {
        let world = world(Options::default());
        let rule = RequestScopedRule::new(400, texts(contains), Continue).with_patterns(texts(patterns));
        world.add(key("a", |settings| settings.request_scoped.push(rule)));
        world.keys(&["b"]);
        world.script.next("a", [Play::Reply(400, None, r#"{"message":"the prompt is too long"}"#)]);
        // A 400 without the rule is the request's own and goes nowhere else.
        assert_eq!(world.ask("m").await.result.is_ok(), fits, "{contains:?} {patterns:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_moves_on_before_its_first_event() {
    // Source: runtime.md L.2 30, 31.
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Fail(ErrorKind::Overloaded)]);
    world.script.next("b", [Play::Stream]);
    let answer = world.ask_stream("m").await;
    assert_eq!(read(answer.result.unwrap()).await.len(), 3);
    assert_eq!(world.script.tried(), ["a", "b"]);
    assert!(!world.is_ready("a", "m"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_a_failure_and_is_never_sent_twice() {
    let mut options = Options::default();
    options.request_retry = 3;
    options.bootstrap_retries = 3;
    for (play, cools) in [
        (Play::Broken(ErrorKind::Overloaded), true),
        (Play::Broken(ErrorKind::RateLimited), true),
        (Play::Broken(ErrorKind::Interrupted), false),
        (Play::Cut, false),
    ] {
        let world = world(options.clone());
        world.keys(&["a", "b"]);
        world.script.next("a", [play.clone()]);
        let frames = read(world.ask_stream("m").await.result.unwrap()).await;
        assert!(matches!(frames[0], Frame::Bytes(_)));
        assert_eq!(world.script.tried(), ["a"], "{play:?}");
        assert_eq!(!world.is_ready("a", "m"), cools, "{play:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_marks_nothing() {
    // Source: runtime.md L.2 25.
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::Hang]);
    let conductor = Arc::clone(&world.conductor);
    let waiting = tokio::time::timeout(Duration::from_secs(5), conductor.dispatch(request("m"))).await;
    assert!(waiting.is_err());
    assert_eq!(world.state("a", "m"), Availability::Ready);

    world.script.next("a", [Play::Stream]);
    let answer = world.ask_stream("m").await;
    assert_eq!(world.conductor.credential(&CredentialId::new("a")).unwrap().in_flight, 1);
    drop(answer);
    settle().await;
    assert_eq!(world.state("a", "m"), Availability::Ready);
    assert_eq!(world.conductor.credential(&CredentialId::new("a")).unwrap().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_we_end_ourselves_says_nothing_about_the_credential() {
    let world = world(Options::default());
    world.keys(&["a"]);
    world.script.next("a", [Play::Stream]);
    let UpstreamReply::Stream(mut stream) = world.ask_stream("m").await.result.unwrap() else { panic!() };
    let bytes = stream.frames.as_mut().fail(&ClientError::new(ClientErrorKind::Unavailable, "shutting down"));
    assert_eq!(bytes, "failed: shutting down");
    assert_eq!(world.state("a", "m"), Availability::Ready);
    assert_eq!(world.conductor.credential(&CredentialId::new("a")).unwrap().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn every_decision_is_explained_without_secrets() {
    let world = world(Options::default());
    world.add(key("claude-alice@example.com.json", |_| {}));
    world.keys(&["z"]);
    world.script.next("claude-alice@example.com.json", [Play::Reply(429, Some(30), "{}")]);
    let answer = world.ask("m").await;
    let told = answer.explanation.to_string();
    assert_eq!(
        told,
        "candidates: p: 2 ready; \
         attempt 1: p claude-al…@example.com.json for m: 429 rate_limited, cools 30 s (quota) after 0 ms; \
         attempt 2: p z for m: served after 0 ms"
    );
    let all = format!("{told} {answer:?} {:?} {:?}", world.conductor, world.conductor.credentials());
    assert!(!all.contains("CANARY"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_put_into_words_that_nobody_reads() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(429, None, "{}")]);
    *world.script.remarks.lock() = [vec!["lost: x".to_owned()]].into();
    let answer = world.conductor.dispatch(request("m").with_explain(false)).await;
    assert!(answer.result.is_ok() && world.script.seen().len() == 2);
    assert_eq!(answer.explanation.steps, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_was_done_to_a_request_stands_before_the_attempt_it_was_done_for() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(429, None, "{}")]);
    *world.script.remarks.lock() = [vec!["lost: x".to_owned(), "set: y".to_owned()], vec![]].into();
    let steps = world.ask("m").await.explanation.steps;
    assert_eq!(steps[1..3], ["lost: x", "set: y"]);
    assert!(steps[3].starts_with("attempt 1: ") && steps[4].starts_with("attempt 2: "), "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn attempts_are_numbered_through() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(429, None, "{}")]);
    assert!(world.ask("m").await.result.is_ok());
    let numbers: Vec<u32> = world.script.seen().iter().map(|seen| seen.attempt).collect();
    assert_eq!(numbers, [1, 2]);
}
