//! A bucket of retries for the whole process: each request earns a fraction of one, each retry of an endpoint's
//! fault costs one. Source: design.md §6 "within a retry budget".

use cliproxy_core::Timestamp;
use parking_lot::Mutex;

use crate::BudgetOptions;

/// One retry, in thousandths.
const ONE: u64 = 1000;
/// Retries that can be saved up beyond the reserve.
const SAVINGS: u64 = 100;

#[derive(Debug, Default)]
pub(crate) struct RetryBudget {
    purse: Mutex<Option<Purse>>,
}

#[derive(Clone, Copy, Debug)]
struct Purse {
    has: u64,
    filled: Timestamp,
}

impl RetryBudget {
    /// A request came in.
    pub(crate) fn earn(&self, options: &BudgetOptions, now: Timestamp) {
        let mut purse = self.purse.lock();
        let mut open = Self::filled(*purse, options, now);
        let most = (u64::from(options.reserve) + SAVINGS) * ONE;
        open.has = (open.has + u64::from(options.percent) * ONE / 100).min(most.max(open.has));
        *purse = Some(open);
    }

    /// Whether one more retry may be made; takes it if so.
    pub(crate) fn spend(&self, options: &BudgetOptions, now: Timestamp) -> bool {
        let mut purse = self.purse.lock();
        let mut open = Self::filled(*purse, options, now);
        let enough = open.has >= ONE;
        if enough {
            open.has -= ONE;
        }
        *purse = Some(open);
        enough
    }

    /// Fills up the reserve at one retry a second.
    fn filled(purse: Option<Purse>, options: &BudgetOptions, now: Timestamp) -> Purse {
        let reserve = u64::from(options.reserve) * ONE;
        let Some(mut purse) = purse else { return Purse { has: reserve, filled: now } };
        let passed = u64::try_from(now.since(purse.filled).as_millis()).unwrap_or(u64::MAX);
        if purse.has < reserve {
            purse.has = purse.has.saturating_add(passed).min(reserve);
        }
        purse.filled = purse.filled.max(now);
        purse
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn a_reserve_is_there_at_once_and_comes_back_with_time() {
        let (budget, options) = (RetryBudget::default(), BudgetOptions { percent: 20, reserve: 2 });
        assert!(budget.spend(&options, T));
        assert!(budget.spend(&options, T));
        assert!(!budget.spend(&options, T));
        assert!(!budget.spend(&options, T.plus(Duration::from_millis(900))));
        assert!(budget.spend(&options, T.plus(Duration::from_secs(2))));
    }

    #[test]
    fn a_hundred_requests_earn_twenty_retries() {
        let (budget, options) = (RetryBudget::default(), BudgetOptions { percent: 20, reserve: 0 });
        for _ in 0..100 {
            budget.earn(&options, T);
        }
        let retries = (0..100).filter(|_| budget.spend(&options, T)).count();
        assert_eq!(retries, 20);
    }
}
