//! Source: runtime.md D.6 "Ladder", D.7.

use cliproxy_core::ErrorKind;
use cliproxy_quota::{Availability, BackoffPolicy, Ledger};

use crate::{START, at, fault, hinted, model};

fn until(ledger: &Ledger, now: cliproxy_core::Timestamp) -> u64 {
    match ledger.availability(&model("m"), now) {
        Availability::CoolingDown { until, .. } => until.since(now).as_secs(),
        _ => 0,
    }
}

#[test]
fn the_ladder_doubles_to_half_an_hour_and_a_success_brings_it_down() {
    let policy = BackoffPolicy::default();
    let mut ledger = Ledger::default();
    let mut now = START;
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800, 1800] {
        ledger.fail(&model("m"), &fault(ErrorKind::RateLimited), &policy, now);
        assert_eq!(until(&ledger, now), expected);
        now = now.plus(std::time::Duration::from_secs(expected));
        assert_eq!(ledger.availability(&model("m"), now), Availability::Ready);
    }
    assert_eq!(ledger.level(&model("m")), 11);
    ledger.succeed(&model("m"), now);
    ledger.fail(&model("m"), &fault(ErrorKind::RateLimited), &policy, now);
    assert_eq!(until(&ledger, now), 1);
}

#[test]
fn a_burst_of_refusals_climbs_one_step() {
    // Source: runtime.md L.2 23.
    let policy = BackoffPolicy::default();
    let mut ledger = Ledger::default();
    ledger.fail(&model("m"), &fault(ErrorKind::RateLimited), &policy, START);
    ledger.fail(&model("m"), &fault(ErrorKind::RateLimited), &policy, at(1));
    for _ in 0..20 {
        ledger.fail(&model("m"), &fault(ErrorKind::RateLimited), &policy, at(2));
    }
    assert_eq!((until(&ledger, at(2)), ledger.level(&model("m"))), (1, 2));
}

#[test]
fn a_hint_leaves_the_ladder_where_it_is() {
    let policy = BackoffPolicy::default();
    let mut ledger = Ledger::default();
    ledger.fail(&model("m"), &fault(ErrorKind::RateLimited), &policy, START);
    ledger.fail(&model("m"), &hinted(ErrorKind::RateLimited, 100), &policy, at(1));
    assert_eq!(ledger.level(&model("m")), 1);
    ledger.fail(&model("m"), &fault(ErrorKind::RateLimited), &policy, at(101));
    assert_eq!(until(&ledger, at(101)), 2);
}

#[test]
fn a_longer_window_is_kept() {
    let policy = BackoffPolicy::default();
    let mut ledger = Ledger::default();
    ledger.fail(&model("m"), &hinted(ErrorKind::RateLimited, 100), &policy, START);
    ledger.fail(&model("m"), &hinted(ErrorKind::RateLimited, 10), &policy, at(1));
    ledger.fail(&model("m"), &fault(ErrorKind::Server), &policy, at(2));
    assert_eq!(until(&ledger, at(2)), 98);
    ledger.fail(&model("m"), &hinted(ErrorKind::RateLimited, 200), &policy, at(3));
    assert_eq!(until(&ledger, at(3)), 200);
}
