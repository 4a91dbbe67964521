#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod fakes;

mod affinity;
mod bequests;
mod cooling;
mod counts;
mod endpoints;
mod failover;
mod fruitless;
mod gone_back;
mod healing;
mod keeping;
mod load;
mod meanwhile;
mod observers;
mod on_disk;
mod registry;
mod rejected;
mod renewal;
mod rounds;
mod selection;
mod trials;
