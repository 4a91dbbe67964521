//! Source: design.md §6: a hint is bounded, then one probe while half open, cleared by success.

use cliproxy_core::{ErrorKind, Evidence, Scope};
use cliproxy_quota::{Availability, BackoffPolicy, Fault, Ledger};

use crate::{START, at, fault, hinted, model};

/// A ledger whose day-long limit has just been cut at half an hour.
fn half_open() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.fail(&model("m"), &hinted(ErrorKind::RateLimited, 86_400), &BackoffPolicy::default(), START);
    assert!(matches!(ledger.availability(&model("m"), at(1799)), Availability::CoolingDown { .. }));
    assert!(matches!(ledger.availability(&model("m"), at(1800)), Availability::HalfOpen { .. }));
    ledger
}

#[test]
fn one_request_probes_and_the_others_wait() {
    let mut ledger = half_open();
    assert!(ledger.begin(&model("m"), at(1800)).is_some());
    assert!(matches!(ledger.availability(&model("m"), at(1800)), Availability::Probing { .. }));
    assert!(!ledger.begin(&model("m"), at(1800)).is_some());
}

#[test]
fn a_probe_that_is_let_in_opens_the_credential_again() {
    let mut ledger = half_open();
    let probe = ledger.begin(&model("m"), at(1800));
    ledger.admitted(&model("m"), probe);
    assert_eq!(ledger.availability(&model("m"), at(1801)), Availability::Ready);
}

#[test]
fn a_probe_that_fails_opens_the_next_window() {
    let mut ledger = half_open();
    ledger.begin(&model("m"), at(1800));
    ledger.fail(&model("m"), &hinted(ErrorKind::RateLimited, 86_400), &BackoffPolicy::default(), at(1805));
    assert!(matches!(ledger.availability(&model("m"), at(3604)), Availability::CoolingDown { .. }));
    assert!(matches!(ledger.availability(&model("m"), at(3605)), Availability::HalfOpen { .. }));
}

#[test]
fn a_probe_without_an_answer_leaves_its_place_to_the_next() {
    let mut ledger = half_open();
    let probe = ledger.begin(&model("m"), at(1800));
    ledger.release(&model("m"), probe);
    assert!(matches!(ledger.availability(&model("m"), at(1801)), Availability::HalfOpen { .. }));

    ledger.begin(&model("m"), at(1802));
    ledger.fail(&model("m"), &fault(ErrorKind::Connect), &BackoffPolicy::default(), at(1803));
    assert!(matches!(ledger.availability(&model("m"), at(1803)), Availability::HalfOpen { .. }));
}

#[test]
fn an_account_wide_limit_is_probed_once_for_all_models() {
    let mut ledger = Ledger::default();
    let wide = Evidence::new(ErrorKind::RateLimited)
        .with_scope(Scope::Credential)
        .with_retry_after(Some(std::time::Duration::from_secs(86_400)));
    ledger.fail(&model("a"), &Fault::new(wide), &BackoffPolicy::default(), START);
    let probe = ledger.begin(&model("b"), at(1800));
    assert!(probe.is_some());
    assert!(!ledger.availability(&model("a"), at(1800)).is_usable());
    ledger.admitted(&model("b"), probe);
    assert!(ledger.availability(&model("a"), at(1800)).is_usable());
}
