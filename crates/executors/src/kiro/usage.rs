//! The account's usage. Source: providers-b.md 1.7 "Usage API".

use cliproxy_core::{AccountQuota, QuotaLimit, Timestamp};
use serde_json::Value;

/// Where it is asked for, below a root, without the profile.
pub(super) const PATH: &str = "/getUsageLimits?origin=AI_EDITOR&resourceType=AGENTIC_REQUEST";

/// What the service says; `None` when it says nothing about usage.
pub(super) fn read(body: &[u8]) -> Option<AccountQuota> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = body.get("usageBreakdownList")?.as_array()?;
    let mut limits = Vec::new();
    for entry in list {
        let name = entry.get("resourceType").and_then(Value::as_str).unwrap_or("usage");
        limits.extend(count(entry).map(|(used, limit)| QuotaLimit::new(name, used, limit)));
        // A trial counts by itself: the account is spent only when both are.
        let trial = entry.get("freeTrialInfo").filter(|trial| {
            let status = trial.get("freeTrialStatus").and_then(Value::as_str).unwrap_or("ACTIVE");
            status.eq_ignore_ascii_case("ACTIVE")
        });
        let of_trial = trial.and_then(count);
        limits.extend(of_trial.map(|(used, limit)| QuotaLimit::new(format!("{name} (trial)"), used, limit)));
    }
    let mut quota = AccountQuota::new(limits);
    let plan = body.pointer("/subscriptionInfo/subscriptionTitle").and_then(Value::as_str);
    quota.plan = plan.filter(|plan| !plan.trim().is_empty()).map(str::to_owned);
    // Seconds or milliseconds: the magnitude tells.
    quota.resets = body
        .get("nextDateReset")
        .and_then(Value::as_f64)
        .filter(|at| *at > 0.0)
        .and_then(Timestamp::from_number);
    Some(quota)
}

/// Used and limit, exact where they are told so.
fn count(entry: &Value) -> Option<(f64, f64)> {
    let number = |exact: &str, whole: &str| entry.get(exact).or_else(|| entry.get(whole))?.as_f64();
    let used = number("currentUsageWithPrecision", "currentUsage")?;
    Some((used, number("usageLimitWithPrecision", "usageLimit")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset(number: &str) -> Option<Timestamp> {
        read(format!(r#"{{"usageBreakdownList":[],"nextDateReset":{number}}}"#).as_bytes()).unwrap().resets
    }

    #[test]
    fn a_moment_is_read_in_seconds_and_in_milliseconds() {
        let expected = Some(Timestamp::from_secs(1_795_428_000));
        assert_eq!(
            (reset("1795428000"), reset("1795428000000"), reset("1.795428E9")),
            (expected, expected, expected)
        );
        assert_eq!((reset("0"), reset("null")), (None, None));
    }

    #[test]
    fn a_trial_counts_beside_its_plan_while_it_lasts() {
        let body = |status: &str| {
            let text = format!(
                r#"{{"usageBreakdownList":[{{"resourceType":"CREDIT","currentUsageWithPrecision":50,"usageLimitWithPrecision":50,
                    "freeTrialInfo":{{"freeTrialStatus":"{status}","currentUsageWithPrecision":1.5,"usageLimitWithPrecision":500}}}}]}}"#
            );
            read(text.as_bytes()).unwrap()
        };
        let (active, over) = (body("ACTIVE"), body("EXPIRED"));
        assert_eq!((active.limits.len(), active.is_exhausted()), (2, false));
        assert_eq!((over.limits.len(), over.is_exhausted()), (1, true));
        assert_eq!(active.limits[1], QuotaLimit::new("CREDIT (trial)", 1.5, 500.0));
        let empty = read(br#"{"usageBreakdownList":[{"resourceType":"X"}]}"#).unwrap();
        assert!(!empty.is_exhausted(), "what is not counted is not spent");
        for none in ["", "[]", "{}", "<html>", r#"{"usageBreakdownList":5}"#] {
            assert_eq!(read(none.as_bytes()), None, "{none}");
        }
    }
}
