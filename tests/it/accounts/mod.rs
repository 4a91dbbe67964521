//! Every login that the product serves, through the real binary: served, renewed, fought over, killed, out of quota.
//!
//! One table ([`table::ALL`]) says what each provider's file, endpoints and replies are; every test goes over all of it.
//! `docs/providers.md` links its cells to these tests, and [`docs`] checks that they are there.

mod docs;
mod flows;
mod kills;
mod quota;
mod races;
mod refusals;
mod serving;
mod table;
mod trouble;
mod world;
