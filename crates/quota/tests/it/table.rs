//! Source: runtime.md D.6, D.7; providers-a.md 1.5.

use cliproxy_core::{ErrorKind, Evidence, Scope};
use cliproxy_quota::{Availability, BackoffPolicy, CooldownCause, Cooling, Fault, Ledger};

use crate::{START, at, cools, fault, hinted, model};

#[test]
fn each_kind_of_failure_cools_as_long_as_the_reference_says() {
    use CooldownCause as C;
    use ErrorKind as K;
    for (kind, expected) in [
        (K::Unauthorized, Some((1800, C::Unauthorized))),
        (K::InvalidGrant, Some((1800, C::InvalidGrant))),
        (K::Misconfigured, Some((1800, C::Misconfigured))),
        (K::PaymentRequired, Some((1800, C::PaymentRequired))),
        (K::Forbidden, Some((1800, C::PaymentRequired))),
        (K::NotFound, Some((43_200, C::NotFound))),
        (K::ModelNotSupported, Some((43_200, C::ModelNotSupported))),
        (K::RateLimited, Some((1, C::Quota))),
        (K::Challenge, Some((10, C::Challenge))),
        (K::Overloaded, Some((60, C::Transient))),
        (K::Server, Some((60, C::Transient))),
        (K::Timeout, Some((60, C::Transient))),
        (K::Connect, None),
        (K::Interrupted, None),
        (K::EmptyStream, None),
        (K::BadReply, None),
        (K::InvalidRequest, None),
        (K::TooLarge, None),
        (K::EndpointMissing, None),
        (K::Unsupported, None),
        (K::Cancelled, None),
        (K::Internal, None),
    ] {
        assert_eq!(cools(&fault(kind), &BackoffPolicy::default()), expected, "{kind:?}");
    }
}

#[test]
fn a_deadline_without_an_answer_blames_no_credential() {
    let silent = fault(ErrorKind::Timeout).with_answered(false);
    assert_eq!(cools(&silent, &BackoffPolicy::default()), None);
}

#[test]
fn a_hint_is_believed_up_to_the_longest_cooldown() {
    let policy = BackoffPolicy::default();
    for (kind, hint, expected) in [
        (ErrorKind::RateLimited, 7, 7),
        (ErrorKind::RateLimited, 1800, 1800),
        (ErrorKind::RateLimited, 7200, 1800),
        (ErrorKind::Challenge, 3, 10),
        (ErrorKind::Challenge, 30, 30),
        (ErrorKind::Overloaded, 5, 5),
        (ErrorKind::Server, 300, 300),
        // Nothing is no hint: the ladder's first step.
        (ErrorKind::RateLimited, 0, 1),
    ] {
        assert_eq!(cools(&hinted(kind, hint), &policy).map(|c| c.0), Some(expected), "{kind:?} {hint}");
    }
}

#[test]
fn disabled_cooling_cools_nothing_but_an_unsupported_model() {
    // Source: runtime.md D.7, first row and "applies even with cooling disabled".
    for kind in [
        ErrorKind::Unauthorized,
        ErrorKind::PaymentRequired,
        ErrorKind::Forbidden,
        ErrorKind::NotFound,
        ErrorKind::RateLimited,
        ErrorKind::Server,
    ] {
        let off = fault(kind).with_cooling(Cooling::Off);
        assert_eq!(cools(&off, &BackoffPolicy::default()), None, "{kind:?}");
        let off = hinted(kind, 30).with_cooling(Cooling::Off);
        assert_eq!(cools(&off, &BackoffPolicy::default()), None, "{kind:?} with a hint");
    }
    let off = fault(ErrorKind::ModelNotSupported).with_cooling(Cooling::Off);
    assert_eq!(cools(&off, &BackoffPolicy::default()).map(|c| c.0), Some(43_200));
}

#[test]
fn a_failure_under_disabled_cooling_ends_an_older_window() {
    let (policy, m) = (BackoffPolicy::default(), model("m"));
    let mut ledger = Ledger::default();
    ledger.fail(&m, &hinted(ErrorKind::RateLimited, 600), &policy, START);
    ledger.fail(&m, &fault(ErrorKind::RateLimited).with_cooling(Cooling::Off), &policy, at(1));
    assert_eq!(ledger.availability(&m, at(1)), Availability::Ready);
}

#[test]
fn a_rule_can_force_a_cooldown_of_at_least_a_minute() {
    let policy = BackoffPolicy::default();
    for (kind, expected) in [
        (ErrorKind::InvalidRequest, 60),
        (ErrorKind::Connect, 60),
        (ErrorKind::RateLimited, 60),
        (ErrorKind::Forbidden, 1800),
    ] {
        let forced = fault(kind).with_cooling(Cooling::Forced);
        assert_eq!(cools(&forced, &policy).map(|c| c.0), Some(expected), "{kind:?}");
    }
}

#[test]
fn the_transient_minute_can_be_set_and_switched_off() {
    for (seconds, expected) in [(0, Some(60)), (5, Some(5)), (-1, None)] {
        let policy = BackoffPolicy::default().with_transient_seconds(seconds);
        assert_eq!(cools(&fault(ErrorKind::Server), &policy).map(|c| c.0), expected, "{seconds}");
    }
}

#[test]
fn a_model_limit_spares_its_siblings_and_an_account_limit_does_not() {
    // Source: runtime.md L.2 24.
    let policy = BackoffPolicy::default();
    let mut ledger = Ledger::default();
    ledger.fail(&model("a"), &hinted(ErrorKind::RateLimited, 60), &policy, START);
    assert!(!ledger.availability(&model("a"), START).is_usable());
    assert_eq!(ledger.availability(&model("b"), START), Availability::Ready);

    let wide = Fault::new(Evidence::new(ErrorKind::RateLimited).with_scope(Scope::Credential));
    ledger.fail(&model("a"), &wide, &policy, START);
    assert!(matches!(
        ledger.availability(&model("b"), START),
        Availability::CoolingDown { cause: CooldownCause::CredentialQuota, .. }
    ));
}

#[test]
fn an_older_request_that_succeeds_lifts_no_limit() {
    // Source: runtime.md L.2 24: a concurrent success does not clear a credential-wide limit.
    for scope in [Scope::Model, Scope::Credential] {
        let policy = BackoffPolicy::default();
        let mut ledger = Ledger::default();
        let limit = Evidence::new(ErrorKind::RateLimited)
            .with_scope(scope)
            .with_retry_after(Some(std::time::Duration::from_secs(60)));
        ledger.fail(&model("m"), &Fault::new(limit), &policy, at(10));
        ledger.succeed(&model("m"), at(5));
        assert!(!ledger.availability(&model("m"), at(11)).is_usable(), "{scope:?}");
        ledger.succeed(&model("m"), at(71));
        assert_eq!(ledger, Ledger::default(), "{scope:?}");
    }
}

#[test]
fn what_a_person_decides_outranks_every_window() {
    let (policy, m) = (BackoffPolicy::default(), model("m"));
    let mut ledger = Ledger::default();
    ledger.fail(&m, &fault(ErrorKind::Unauthorized), &policy, START);
    ledger.set_needs_login(Some(START));
    assert_eq!(ledger.availability(&m, START), Availability::NeedsLogin);
    ledger.set_disabled(true);
    assert_eq!(ledger.availability(&m, START), Availability::Disabled);
    // Source: runtime.md L.2 22: disabling forgets the cooldowns.
    ledger.set_disabled(false);
    ledger.set_needs_login(None);
    assert_eq!(ledger.availability(&m, START), Availability::Ready);
}

#[test]
fn a_login_that_was_rejected_serves_until_its_access_token_is_over() {
    // Source: providers-b.md 1.4 "If refresh fails while the token is still unexpired, keep using it".
    let m = model("m");
    let mut ledger = Ledger::default();
    ledger.set_needs_login(Some(at(60)));
    assert_eq!((ledger.needs_login(), ledger.is_blank()), (Some(at(60)), false));
    assert_eq!(ledger.availability(&m, at(59)), Availability::Ready);
    assert_eq!(ledger.availability(&m, at(60)), Availability::NeedsLogin);
    ledger.renewed();
    assert_eq!(ledger, Ledger::default());
}

#[test]
fn new_tokens_end_what_the_old_ones_were_refused_for_and_nothing_else() {
    let (policy, m) = (BackoffPolicy::default(), model("m"));
    for (kind, ready) in
        [(ErrorKind::Unauthorized, true), (ErrorKind::InvalidGrant, true), (ErrorKind::RateLimited, false)]
    {
        let mut ledger = Ledger::default();
        ledger.fail(&m, &fault(kind), &policy, START);
        ledger.renewed();
        assert_eq!(ledger.availability(&m, START).is_usable(), ready, "{kind:?}");
    }
}

#[test]
fn only_hard_causes_hide_a_model() {
    // Source: runtime.md E.3.
    let policy = BackoffPolicy::default();
    for (kind, hidden) in [
        (ErrorKind::Unauthorized, true),
        (ErrorKind::Forbidden, true),
        (ErrorKind::NotFound, true),
        (ErrorKind::RateLimited, false),
        (ErrorKind::Server, false),
    ] {
        let mut ledger = Ledger::default();
        ledger.fail(&model("m"), &fault(kind), &policy, START);
        assert_eq!(ledger.availability(&model("m"), START).is_hard_blocked(), hidden, "{kind:?}");
    }
}
