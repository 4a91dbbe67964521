//! When providers say to come back, in the ways they say it beside `Retry-After`.

use std::time::Duration;

use cliproxy_core::{Evidence, Failure, Timestamp};
use http::HeaderMap;

/// The longest wait that is believed to be one: beyond it a number was something else.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);

/// The standard reading, with whatever hint is to be found: `Retry-After`, else the resets of used-up limits, else
/// the message.
pub(crate) fn standard(failure: &Failure<'_>) -> Evidence {
    let evidence = Evidence::standard(failure);
    if evidence.kind != cliproxy_core::ErrorKind::RateLimited || evidence.retry_after.is_some() {
        return evidence;
    }
    let hint = resets(failure.headers, "x-ratelimit-", failure.now)
        .or_else(|| in_message(&String::from_utf8_lossy(failure.body)));
    evidence.with_retry_after(hint)
}

/// The latest reset among the limits that are used up. `{prefix}reset-tokens` goes with
/// `{prefix}remaining-tokens`, `{prefix}tokens-reset` with `{prefix}tokens-remaining`; the part that names the limit
/// may be missing.
// Source: OpenAI API reference, "Rate limits in headers"; Anthropic API reference, "Rate limits", read 2026-11.
pub(crate) fn resets(headers: &HeaderMap, prefix: &str, now: Timestamp) -> Option<Duration> {
    let waits = headers.iter().filter_map(|(name, value)| {
        let limit = name
            .as_str()
            .strip_prefix(prefix)
            .filter(|limit| limit.contains("reset"))
            // Windows of an account have rules of their own: see `claude::limits`.
            .filter(|limit| !limit.starts_with("unified-"))?;
        let remaining = format!("{prefix}{}", limit.replacen("reset", "remaining", 1));
        let left = headers.get(remaining).and_then(|value| value.to_str().ok());
        if left.is_some_and(|left| left.trim().parse::<f64>().is_ok_and(|left| left > 0.0)) {
            return None;
        }
        reset(value.to_str().ok()?.trim(), now)
    });
    waits.max()
}

/// A length (`6m0s`, `20ms`, `1.5`), or a moment (Unix time, a date).
fn reset(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(number) = text.parse::<f64>() {
        if number >= 1.0e9 {
            return Timestamp::from_number(number).map(|at| at.since(now));
        }
        return seconds(number);
    }
    go_duration(text).or_else(|| Timestamp::parse(text).map(|at| at.since(now)))
}

/// A duration as Go writes it: `1h2m3s`, `373.801628ms`, `0s`.
// Source: providers-a.md 5.6.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let letters = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(letters)?;
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1.0e-3,
            "us" | "µs" => 1.0e-6,
            "ns" => 1.0e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = behind;
    }
    if text.trim().is_empty() { None } else { seconds(total) }
}

/// A wait that a message names: "Please try again in 1m2.5s", "retry in 38s", "after 30 seconds".
// Source: providers-a.md 5.6 row 3.
pub(crate) fn in_message(message: &str) -> Option<Duration> {
    let lower = message.to_lowercase();
    ["try again in ", "retry in ", "retry after ", "after "].iter().find_map(|lead| {
        let start = lower.find(lead)? + lead.len();
        let rest = lower.get(start..)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(end)?;
        let word = word.trim_end_matches('.');
        let Ok(number) = word.parse::<f64>() else { return go_duration(word) };
        let unit = behind.trim_start();
        match () {
            () if unit.starts_with("minute") => seconds(number * 60.0),
            () if unit.starts_with("hour") => seconds(number * 3600.0),
            () if unit.starts_with("ms") || unit.starts_with("millisecond") => seconds(number / 1000.0),
            () if unit.starts_with('s') => seconds(number),
            () => None,
        }
    })
}

pub(crate) fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok().filter(|wait| *wait <= LONGEST)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, millis) in [
            ("0.847655010s", Some(847)),
            ("373.801628ms", Some(373)),
            ("1h2m3s", Some(3_723_000)),
            ("6m0s", Some(360_000)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5 s", None),
            ("1d", None),
            ("1e400s", None),
        ] {
            assert_eq!(go_duration(text).map(|wait| wait.as_millis()), millis, "{text}");
        }
    }

    #[test]
    fn a_message_may_name_the_wait() {
        for (text, millis) in [
            ("Rate limit reached. Please try again in 1m2.5s. Visit", Some(62_500)),
            ("Please try again in 20ms.", Some(20)),
            ("Please retry in 38.579s.", Some(38_579)),
            ("Your quota will reset after 30 s.", Some(30_000)),
            ("reset after 1h2m3s", Some(3_723_000)),
            ("try again after 5 minutes", Some(300_000)),
            ("look after yourself", None),
            ("after 12 apples", None),
            ("", None),
        ] {
            assert_eq!(in_message(text).map(|wait| wait.as_millis()), millis, "{text}");
        }
    }

    #[test]
    fn only_used_up_limits_have_a_reset_that_counts() {
        for (headers, prefix, wait) in [
            (vec![("x-ratelimit-reset-requests", "6m0s")], "x-ratelimit-", Some(360)),
            (
                vec![
                    ("x-ratelimit-remaining-requests", "10"),
                    ("x-ratelimit-reset-requests", "6m0s"),
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "20s"),
                ],
                "x-ratelimit-",
                Some(20),
            ),
            (vec![("x-ratelimit-reset", "1795428030")], "x-ratelimit-", Some(30)),
            (vec![("x-ratelimit-reset", "1795428030000")], "x-ratelimit-", Some(30)),
            (
                vec![
                    ("anthropic-ratelimit-tokens-remaining", "0"),
                    ("anthropic-ratelimit-tokens-reset", "2026-11-23T10:00:30Z"),
                ],
                "anthropic-ratelimit-",
                Some(30),
            ),
            (vec![("x-ratelimit-reset", "soon")], "x-ratelimit-", None),
            (vec![], "x-ratelimit-", None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(resets(&map, prefix, NOW).map(|wait| wait.as_secs()), wait, "{headers:?}");
        }
    }
}
