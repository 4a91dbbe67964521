//! The same checks for every [`ProviderExecutor`](cliproxy_core::ProviderExecutor), ours and a stranger's, over real
//! sockets against a scripted upstream. Each public function is one check; [`conformance!`](crate::conformance!) makes a
//! test of each.
//!
//! ```
//! use cliproxy_testkit::conformance::Subject;
//! # mod stand_in {
//! # use cliproxy_core::*;
//! # #[derive(Debug)]
//! # pub struct MyExecutor(pub ProviderId);
//! # impl MyExecutor { pub fn new(_: &str) -> Self { Self(ProviderId::from_static("mine")) } }
//! # #[async_trait::async_trait]
//! # impl ProviderExecutor for MyExecutor {
//! #     fn provider(&self) -> &ProviderId { &self.0 }
//! #     fn wire_formats(&self, _: &UpstreamModel, _: Operation) -> &[ProviderFormat] { &[] }
//! #     async fn models(&self, _: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> { Ok(Vec::new()) }
//! #     async fn execute(&self, _: Attempt) -> Result<WireReply, ExecutorError> {
//! #         Err(ExecutorError::unsupported(&self.0, "execute"))
//! #     }
//! # }
//! # }
//! # use stand_in::MyExecutor;
//!
//! // `site.url()` is where the fake is; what your executor does not take from the credential, hand it here.
//! cliproxy_testkit::conformance!(mine, Subject::new(|site| MyExecutor::new(site.url())));
//! # fn main() {}
//! ```

mod contract;
mod failures;
mod replies;
mod requests;
mod samples;
mod secrets;
mod stage;
mod streams;
mod subject;

use std::future::Future;

pub use contract::{
    a_body_that_is_nonsense_is_refused, a_credential_that_never_expires_is_not_renewed,
    a_reply_comes_in_each_mode, models_are_listed_without_repeats,
    streams_are_declined_before_anything_is_sent, the_provider_and_its_formats_are_named,
};
pub use failures::{
    a_connection_closed_without_an_answer_blames_the_endpoint, a_passed_deadline_is_a_timeout,
    a_reply_cut_short_is_never_a_success, a_web_page_in_place_of_a_reply_is_a_bad_reply,
    an_unreachable_provider_is_a_connect_failure, failures_carry_status_reply_and_hint,
};
pub use replies::{
    a_dropped_call_is_cancelled_upstream, a_raw_request_is_signed_and_its_status_is_no_error,
    status_and_headers_arrive, tokens_are_counted_or_the_count_is_declined,
    whole_replies_arrive_byte_for_byte,
};
pub use requests::{
    a_dead_proxy_is_not_gone_around, a_key_that_cannot_be_sent_is_said_to_be,
    calls_go_through_the_credentials_proxy, calls_go_to_the_base_url_with_the_credentials_key,
    each_credential_sends_its_own_key, the_clients_secrets_stay_behind, the_credentials_headers_come_last,
};
pub use secrets::nothing_secret_is_printed;
pub use stage::KEY;
pub use streams::{
    a_dropped_stream_is_cancelled_upstream, a_slow_reader_is_waited_for,
    a_stalled_stream_blocks_no_other_call, a_stream_cut_short_ends_in_an_error,
    a_stream_is_handed_on_as_it_arrives, streams_arrive_byte_for_byte,
};
pub use subject::{Site, Subject};

/// The names of all checks that [`conformance!`](crate::conformance!) makes tests of, in each of its forms: so that a
/// list of executors that fail them can be shown to leave none out.
pub fn names() -> impl Iterator<Item = &'static str> {
    [
        crate::conformance!(@contract names),
        crate::conformance!(@calls names),
        crate::conformance!(@whole names),
        crate::conformance!(@streams names),
        crate::conformance!(@no_streams names),
        crate::conformance!(@in_process names),
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Runs one check on a runtime of its own.
///
/// # Panics
/// When the subject does not pass, or hangs.
pub fn run<F>(subject: Subject, check: impl FnOnce(Subject) -> F)
where
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let patience = subject.patience;
    runtime.block_on(async {
        if tokio::time::timeout(patience, check(subject)).await.is_err() {
            panic!("the executor hangs: the check did not end within {patience:?}");
        }
    });
}

/// Makes a module with one test a check: `conformance!(name, subject)`. The subject is an expression that gives a
/// [`Subject`](crate::conformance::Subject); it is evaluated for each test.
///
/// A third argument leaves out what does not apply: `without_streams` for executors that only give whole replies,
/// `streams_only` for those that only stream, `in_process` for those that call nobody.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $subject:expr) => {
        $crate::conformance!(@module $name $subject; contract calls whole streams);
    };
    ($name:ident, $subject:expr, without_streams) => {
        $crate::conformance!(@module $name $subject.without_streams(); contract calls whole no_streams);
    };
    ($name:ident, $subject:expr, streams_only) => {
        $crate::conformance!(@module $name $subject; contract calls streams);
    };
    ($name:ident, $subject:expr, in_process) => {
        $crate::conformance!(@module $name $subject; contract in_process);
    };
    (@module $name:ident $subject:expr; $($group:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "the subject may need nothing from around it")]
            use super::*;

            $crate::conformance!(@groups $subject; $($group)*);
        }
    };
    (@groups $subject:expr;) => {};
    (@groups $subject:expr; $group:ident $($more:ident)*) => {
        $crate::conformance!(@$group tests $subject);
        $crate::conformance!(@groups $subject; $($more)*);
    };
    (@contract $make:ident $($subject:expr)?) => {
        $crate::conformance! { @$make $($subject)?;
            the_provider_and_its_formats_are_named
            models_are_listed_without_repeats
            a_credential_that_never_expires_is_not_renewed
            nothing_secret_is_printed
        }
    };
    (@calls $make:ident $($subject:expr)?) => {
        $crate::conformance! { @$make $($subject)?;
            calls_go_to_the_base_url_with_the_credentials_key
            the_clients_secrets_stay_behind
            the_credentials_headers_come_last
            calls_go_through_the_credentials_proxy
            a_dead_proxy_is_not_gone_around
            a_key_that_cannot_be_sent_is_said_to_be
            each_credential_sends_its_own_key
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
        }
    };
    (@whole $make:ident $($subject:expr)?) => {
        $crate::conformance! { @$make $($subject)?; whole_replies_arrive_byte_for_byte }
    };
    (@streams $make:ident $($subject:expr)?) => {
        $crate::conformance! { @$make $($subject)?;
            streams_arrive_byte_for_byte
            a_stream_is_handed_on_as_it_arrives
            a_dropped_stream_is_cancelled_upstream
            a_stalled_stream_blocks_no_other_call
            a_stream_cut_short_ends_in_an_error
            a_slow_reader_is_waited_for
        }
    };
    (@no_streams $make:ident $($subject:expr)?) => {
        $crate::conformance! { @$make $($subject)?; streams_are_declined_before_anything_is_sent }
    };
    (@in_process $make:ident $($subject:expr)?) => {
        $crate::conformance! { @$make $($subject)?;
            a_reply_comes_in_each_mode
            a_body_that_is_nonsense_is_refused
        }
    };
    (@tests $subject:expr; $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::conformance::run($subject, $crate::conformance::$check);
            }
        )*
    };
    // What the groups hold, for the suite's own list.
    (@names; $($check:ident)*) => {
        [$(stringify!($check)),*].as_slice()
    };
}
