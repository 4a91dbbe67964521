#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod ladder;
mod probe;
mod properties;
mod rests;
mod table;

use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, Timestamp, UpstreamModel};
use cliproxy_quota::{Availability, BackoffPolicy, CooldownCause, Fault, Ledger};

pub const START: Timestamp = Timestamp::from_secs(1_795_000_000);

pub fn at(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

pub fn model(name: &str) -> UpstreamModel {
    UpstreamModel::new(name)
}

pub fn fault(kind: ErrorKind) -> Fault {
    Fault::new(Evidence::new(kind))
}

pub fn hinted(kind: ErrorKind, secs: u64) -> Fault {
    Fault::new(Evidence::new(kind).with_retry_after(Some(Duration::from_secs(secs))))
}

/// The seconds a fresh ledger cools after one failure, and why; `None` when it stays ready.
pub fn cools(fault: &Fault, policy: &BackoffPolicy) -> Option<(u64, CooldownCause)> {
    let mut ledger = Ledger::default();
    ledger.fail(&model("m"), fault, policy, START);
    match ledger.availability(&model("m"), START) {
        Availability::CoolingDown { until, cause } => Some((until.since(START).as_secs(), cause)),
        Availability::Ready => None,
        other => panic!("{other:?}"),
    }
}
