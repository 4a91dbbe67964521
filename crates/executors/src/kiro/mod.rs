//! Kiro (AWS CodeWhisperer, Amazon Q Developer): logins over a social account, AWS Builder ID or IAM Identity Center.
//!
//! Calls go to Amazon Q, and where it is too busy to the older CodeWhisperer host of the same service, which exists in one
//! region only. Source: providers-b.md 1.3 to 1.7.

mod account;
mod error;
mod executor;
mod models;
mod profiles;
mod renew;
mod request;
mod search;
mod searching;
mod usage;

pub use executor::KiroExecutor;
