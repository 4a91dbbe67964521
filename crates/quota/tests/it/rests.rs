//! Windows that are carried over a restart.

use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, Scope, UpstreamModel};
use cliproxy_quota::{Availability, BackoffPolicy, CooldownCause, Fault, Ledger, Rest};

use super::{START, at, model};

fn failed(kind: ErrorKind, hint: Option<u64>, scope: Scope) -> Ledger {
    let mut ledger = Ledger::default();
    let mut evidence = Evidence::new(kind);
    evidence.retry_after = hint.map(Duration::from_secs);
    evidence.scope = scope;
    ledger.fail(&model("m"), &Fault::new(evidence), &BackoffPolicy::default(), START);
    ledger
}

fn restarted(before: &Ledger, now: u64) -> Ledger {
    let mut after = Ledger::default();
    for rest in before.rests(at(now)) {
        after.restore(&rest, at(now));
    }
    after
}

#[test]
fn what_rests_goes_on_as_if_nothing_had_happened() {
    for (kind, hint, scope) in [
        (ErrorKind::RateLimited, None, Scope::Model),
        (ErrorKind::RateLimited, Some(600), Scope::Model),
        // Beyond what a hint is believed: it ends half open.
        (ErrorKind::RateLimited, Some(86_400), Scope::Credential),
        (ErrorKind::PaymentRequired, None, Scope::Credential),
        (ErrorKind::NotFound, None, Scope::Model),
    ] {
        let before = failed(kind, hint, scope);
        let after = restarted(&before, 0);
        for seconds in [0, 1, 599, 601, 1799, 1801, 43_199, 43_201, 90_000] {
            assert_eq!(
                after.availability(&model("m"), at(seconds)),
                before.availability(&model("m"), at(seconds)),
                "{kind:?} {hint:?} {seconds}"
            );
            assert_eq!(after.whole(at(seconds)), before.whole(at(seconds)), "{kind:?} {seconds}");
        }
        assert_eq!(after.level(&model("m")), before.level(&model("m")), "the ladder goes on");
    }
}

#[test]
fn what_waits_for_one_look_still_does_after_a_restart_a_look_under_way_included() {
    let mut before = failed(ErrorKind::RateLimited, Some(86_400), Scope::Credential);
    let half_open = |ledger: &Ledger, now| matches!(ledger.whole(at(now)), Availability::HalfOpen { .. });
    assert!(half_open(&before, 1801));
    let rests = before.rests(at(1801));
    assert!(half_open(&restarted(&before, 1801), 1801));
    let probe = before.begin(&model("m"), at(1801));
    assert!(matches!(before.whole(at(1801)), Availability::Probing { .. }));
    assert_eq!(before.rests(at(1802)), rests, "the file need not be written");
    let mut after = restarted(&before, 1802);
    assert!(half_open(&after, 1802));
    // One request looks, and the other waits.
    assert!(after.begin(&model("m"), at(1803)).is_some());
    assert!(matches!(after.whole(at(1803)), Availability::Probing { .. }));
    before.release(&model("m"), probe);
    assert_eq!(before.rests(at(1804)), rests);
    // Not for ever.
    assert_eq!(restarted(&before, 1800 + 24 * 3600).whole(at(90_000)), Availability::Ready);
}

#[test]
fn refused_tokens_and_what_is_over_are_not_carried_over() {
    for kind in [ErrorKind::Unauthorized, ErrorKind::InvalidGrant, ErrorKind::Misconfigured] {
        let before = failed(kind, None, Scope::Credential);
        assert!(matches!(before.whole(START), Availability::CoolingDown { .. }), "{kind:?}");
        assert_eq!(before.rests(START), [], "{kind:?}");
    }
    assert_eq!(failed(ErrorKind::RateLimited, Some(10), Scope::Model).rests(at(10)), []);
    let mut ledger = Ledger::default();
    let old = Rest::new(None, at(5), CooldownCause::Quota);
    assert_eq!(ledger.restore(&old, at(5)), None);
    let refused = Rest::new(None, at(500), CooldownCause::Unauthorized);
    assert_eq!(ledger.restore(&refused, at(5)), None);
    assert!(ledger.is_blank());
}

#[test]
fn a_restored_window_is_bounded_and_takes_nothing_from_one_that_is_open() {
    let day = 24 * 3600;
    let mut ledger = Ledger::default();
    let far = Rest::new(Some(model("m")), at(1_000 * day), CooldownCause::Quota).with_level(99);
    assert_eq!(ledger.restore(&far, START), Some(at(day)));
    assert_eq!(ledger.level(&model("m")), 11);
    let later = Rest::new(Some(UpstreamModel::new("m")), at(60), CooldownCause::Transient);
    assert_eq!(ledger.restore(&later, START), Some(at(day)), "the open one stays");
}

#[test]
fn every_cause_is_read_back_by_its_tag() {
    use CooldownCause as C;
    for cause in [
        C::Unauthorized,
        C::PaymentRequired,
        C::NotFound,
        C::ModelNotSupported,
        C::InvalidGrant,
        C::Misconfigured,
        C::Quota,
        C::CredentialQuota,
        C::Challenge,
        C::Transient,
        C::Rule,
    ] {
        assert_eq!(C::parse(cause.as_str()), Some(cause));
    }
    assert_eq!(C::parse("moon"), None);
}
