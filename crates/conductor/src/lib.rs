#![doc = include_str!("../README.md")]

mod conductor;
mod options;
mod status;

mod inner;
mod roster;

mod listing;
mod registry;

mod affinity;
mod pool;
mod select;

mod breaker;
mod budget;
mod explain;
mod guard;
mod live;
mod observe;
mod retry;

mod renew;

mod clock;

pub use conductor::{Builder, Conductor};
pub use options::{
    AffinityOptions, BreakerOptions, BudgetOptions, ChannelAlias, ModelAlias, Options, RenewalOptions,
    Strategy,
};
pub use renew::{Bequest, Lineage, RenewError, is_marked_spent, spent_mark};
pub use roster::{Held, Registration, is_among};
pub use select::{FillFirst, RoundRobin, Weighted};
pub use status::{CredentialStatus, ModelStatus};

pub use cliproxy_quota::{Availability, BackoffPolicy, CooldownCause, Rest};
