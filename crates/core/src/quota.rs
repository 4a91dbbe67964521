//! What an account has used of what it may use, as its provider tells it.

use std::fmt;

use crate::Timestamp;

/// The usage of an account.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AccountQuota {
    /// The plan, in the provider's words.
    pub plan: Option<String>,
    /// What is counted.
    pub limits: Vec<QuotaLimit>,
    /// When the counts begin anew.
    pub resets: Option<Timestamp>,
}

/// One count.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QuotaLimit {
    /// What is counted, in the provider's words.
    pub name: String,
    /// How much is used.
    pub used: f64,
    /// How much there is.
    pub limit: f64,
}

impl QuotaLimit {
    /// A count.
    #[must_use]
    pub fn new(name: impl Into<String>, used: f64, limit: f64) -> Self {
        Self { name: name.into(), used, limit }
    }
}

impl AccountQuota {
    /// A usage without a plan.
    #[must_use]
    pub fn new(limits: Vec<QuotaLimit>) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Whether nothing is left of anything that is counted. Where nothing is counted, nothing is exhausted.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        !self.limits.is_empty() && self.limits.iter().all(|limit| limit.used >= limit.limit)
    }
}

/// One line for people.
impl fmt::Display for AccountQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.plan.clone().into_iter().collect();
        parts.extend(self.limits.iter().map(|QuotaLimit { name, used, limit }| {
            format!("{name} {} of {} used", rounded(*used), rounded(*limit))
        }));
        parts.extend(self.resets.map(|at| format!("resets {}", at.to_rfc3339())));
        f.write_str(&if parts.is_empty() { "nothing is counted".to_owned() } else { parts.join(", ") })
    }
}

/// At most two digits behind the point, and none that say nothing.
fn rounded(number: f64) -> String {
    format!("{}", (number * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_counted_can_be_exhausted_and_all_of_it_must_be() {
        let of = |counts: &[(f64, f64)]| {
            AccountQuota::new(
                counts.iter().map(|(used, limit)| QuotaLimit::new("c", *used, *limit)).collect(),
            )
        };
        for (counts, exhausted) in [
            (&[][..], false),
            (&[(50.0, 50.0)], true),
            (&[(50.01, 50.0)], true),
            (&[(49.9, 50.0)], false),
            (&[(50.0, 50.0), (1.0, 500.0)], false),
        ] {
            assert_eq!(of(counts).is_exhausted(), exhausted, "{counts:?}");
        }
    }

    #[test]
    fn a_usage_is_one_line() {
        let mut quota = AccountQuota::new(vec![QuotaLimit::new("CREDIT", 12.345, 1000.0)]);
        assert_eq!(AccountQuota::default().to_string(), "nothing is counted");
        quota.plan = Some("KIRO PRO".to_owned());
        quota.resets = Some(Timestamp::from_secs(1_795_428_000));
        assert_eq!(quota.to_string(), "KIRO PRO, CREDIT 12.35 of 1000 used, resets 2026-11-23T10:00:00Z");
    }
}
