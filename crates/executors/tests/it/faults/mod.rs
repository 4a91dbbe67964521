//! The conformance suite notices: each check of it fails for an executor with a fault that the check is about, and
//! passes for the same executor without one.

mod faulty;
mod streams;

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cliproxy_core::{ProviderExecutor, ProviderId};
use cliproxy_executors::{DemoExecutor, Egress, OpenAiCompatExecutor};
use cliproxy_testkit::conformance;
use cliproxy_testkit::conformance::{Site, Subject};
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};

use faulty::{Fault, Faulty};

fn line(site: &Site, fault: Option<Fault>) -> OpenAiCompatExecutor {
    let deadline = site.first_byte_timeout().filter(|_| fault != Some(Fault::IgnoresDeadline));
    let options = ClientOptions::new().with_first_byte_timeout(deadline);
    let egress = Egress::new(HttpClient::new(options), ProxyChoice::Direct);
    OpenAiCompatExecutor::new(ProviderId::from_static("faulty"), egress)
}

fn subject(fault: Option<Fault>, streams: bool, in_process: bool) -> Subject {
    let subject = Subject::new(move |site| {
        let line = line(site, fault);
        let inner: Arc<dyn ProviderExecutor> =
            if in_process { Arc::new(DemoExecutor::new()) } else { Arc::new(line.clone()) };
        Faulty { inner, line, streams, fault, first: OnceLock::new(), turn: Arc::default() }
    });
    // No more is waited than has to be for what never comes.
    if fault.is_some_and(Fault::hangs) { subject.patience(Duration::from_secs(1)) } else { subject }
}

fn with_streams(fault: Option<Fault>) -> Subject {
    subject(fault, true, false)
}

fn without_streams(fault: Option<Fault>) -> Subject {
    subject(fault, false, false).without_streams()
}

fn in_process(fault: Option<Fault>) -> Subject {
    subject(fault, true, true)
}

conformance!(sound, with_streams(None));
conformance!(sound_without_streams, without_streams(None), without_streams);
conformance!(sound_in_process, in_process(None), in_process);

/// A fault, the check that it fails, and what that check says of it: so that it does not fail for another reason.
struct Case {
    fault: Fault,
    check: &'static str,
    says: &'static str,
    run: fn(),
}

macro_rules! cases {
    ($($form:ident: $fault:ident fails $check:ident, $says:literal;)*) => {
        [$(Case {
            fault: Fault::$fault,
            check: stringify!($check),
            says: $says,
            run: || conformance::run($form(Some(Fault::$fault)), conformance::$check),
        }),*]
    };
}

#[rustfmt::skip] // one case a line
static CASES: [Case; 49] = cases! {
    with_streams: NamesNoFormat fails the_provider_and_its_formats_are_named, "it speaks no format for conformance-model";
    with_streams: ListsTwice fails models_are_listed_without_repeats, r#"["m", "m"]"#;
    with_streams: SchedulesRenewal fails a_credential_that_never_expires_is_not_renewed, "an API key is never renewed";
    with_streams: RenewsKeys fails a_credential_that_never_expires_is_not_renewed, "there is nothing to renew";
    with_streams: PrintsSettings fails nothing_secret_is_printed, "cannot be reached with CANARY-key";
    with_streams: CallsElsewhere fails calls_go_to_the_base_url_with_the_credentials_key, "cannot connect to 127.0.0.1";
    with_streams: ForgetsKey fails calls_go_to_the_base_url_with_the_credentials_key, "the key is not sent";
    with_streams: RewritesBody fails calls_go_to_the_base_url_with_the_credentials_key, r#""messages":[]"#;
    with_streams: CallsBeside fails calls_go_to_the_base_url_with_the_credentials_key, "one call is one request";
    with_streams: CarriesClientHeaders fails the_clients_secrets_stay_behind, "client-secret-";
    with_streams: IgnoresHeaders fails the_credentials_headers_come_last, "Whole user-agent";
    with_streams: IgnoresProxy fails calls_go_through_the_credentials_proxy, "the proxy of the credential is not used";
    with_streams: IgnoresProxy fails a_dead_proxy_is_not_gone_around, "the proxy is dead: Got";
    with_streams: ForgetsKey fails a_key_that_cannot_be_sent_is_said_to_be, "it cannot be sent: Got";
    with_streams: CleansKeys fails a_key_that_cannot_be_sent_is_said_to_be, "it cannot be sent: Got";
    with_streams: BlamesCredential fails a_key_that_cannot_be_sent_is_said_to_be, "kind: Unauthorized";
    with_streams: KeepsFirstKey fails each_credential_sends_its_own_key, "Whole first-key";
    with_streams: HidesHeaders fails status_and_headers_arrive, "Whole x-request-id";
    with_streams: SaysOk fails status_and_headers_arrive, "left: 200";
    with_streams: Counts fails tokens_are_counted_or_the_count_is_declined, "it counts: say so";
    with_streams: SendsRawUnsigned fails a_raw_request_is_signed_and_its_status_is_no_error, "the request is not signed";
    with_streams: JudgesRawReplies fails a_raw_request_is_signed_and_its_status_is_no_error, "kind: InvalidRequest";
    with_streams: OutlivesItsCaller fails a_dropped_call_is_cancelled_upstream, "the executor hangs";
    with_streams: Retries fails failures_carry_status_reply_and_hint, "an executor never retries";
    with_streams: BlamesServer fails failures_carry_status_reply_and_hint, "kind: Server";
    with_streams: DropsErrorBody fails failures_carry_status_reply_and_hint, r#"left: b"""#;
    with_streams: BlamesCredential fails an_unreachable_provider_is_a_connect_failure, "kind: Unauthorized";
    with_streams: InventsStatus fails an_unreachable_provider_is_a_connect_failure, "there was no reply";
    with_streams: BlamesCredential fails a_connection_closed_without_an_answer_blames_the_endpoint, "kind: Unauthorized";
    with_streams: InventsStatus fails a_connection_closed_without_an_answer_blames_the_endpoint, "there was no reply";
    with_streams: IgnoresDeadline fails a_passed_deadline_is_a_timeout, "the executor hangs";
    with_streams: BlamesCredential fails a_passed_deadline_is_a_timeout, "kind: Unauthorized";
    with_streams: SwallowsBreaks fails a_reply_cut_short_is_never_a_success, "it was cut short: Got";
    with_streams: BlamesCredential fails a_reply_cut_short_is_never_a_success, "kind: Unauthorized";
    with_streams: TakesPages fails a_web_page_in_place_of_a_reply_is_a_bad_reply, "a page is no reply: Got";
    with_streams: BlamesServer fails a_web_page_in_place_of_a_reply_is_a_bad_reply, "kind: Server";
    with_streams: TrimsReply fails whole_replies_arrive_byte_for_byte, "failed: as written";
    with_streams: TrimsReply fails streams_arrive_byte_for_byte, "failed: openai as written";
    with_streams: Buffers fails a_stream_is_handed_on_as_it_arrives, "the executor hangs";
    with_streams: OutlivesItsCaller fails a_dropped_stream_is_cancelled_upstream, "the executor hangs";
    with_streams: OneAtATime fails a_stalled_stream_blocks_no_other_call, "the executor hangs";
    with_streams: SwallowsBreaks fails a_stream_cut_short_ends_in_an_error, "a stream that broke does not end well";
    with_streams: ReadsAhead fails a_slow_reader_is_waited_for, "pieces were taken although nobody asked for them";
    without_streams: StreamsAnyway fails streams_are_declined_before_anything_is_sent, "it has no streams: WireStream";
    without_streams: DeclinesLate fails streams_are_declined_before_anything_is_sent, "it declines after it has called";
    in_process: EmptiesReply fails a_reply_comes_in_each_mode, r#"body: b"""#;
    in_process: CallsBeside fails a_reply_comes_in_each_mode, "it calls somebody";
    in_process: AnswersNonsense fails a_body_that_is_nonsense_is_refused, ": Got";
    in_process: BlamesCredential fails a_body_that_is_nonsense_is_refused, "left: Unauthorized";
};

#[test]
fn each_fault_fails_the_check_that_is_about_it() {
    for Case { fault, check, says, run } in &CASES {
        let Err(panic) = catch_unwind(run) else { panic!("{fault:?} passes {check}") };
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        assert!(text.contains(says), "{fault:?} fails {check} for another reason: {text}");
    }
}

#[test]
fn no_check_of_the_suite_is_without_a_fault() {
    let proven: BTreeSet<_> = CASES.iter().map(|case| case.check).collect();
    assert_eq!(proven, conformance::names().collect());
}
