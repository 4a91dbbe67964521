//! Lengths of time as configurations and auth files write them.

use std::time::Duration;

/// No length is longer: a year.
const LONGEST: f64 = 366.0 * 86_400.0;

/// Reads seconds (`30`, `1.5`), or units as in Go (`1h30m`, `250ms`) and `2d`. A negative length, and one above a
/// year, is none.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return bounded(seconds);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters =
            tail.chars().take_while(|character| character.is_alphabetic()).map(char::len_utf8).sum();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    if text.is_empty() { None } else { bounded(total) }
}

fn bounded(seconds: f64) -> Option<Duration> {
    (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_every_unit_and_bounded() {
        for (text, milliseconds) in [
            ("30", Some(30_000)),
            (" 1.5 ", Some(1_500)),
            ("0", Some(0)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("2d", Some(172_800_000)),
            ("", None),
            ("-5", None),
            ("5x", None),
            ("m", None),
            ("1e9", None),
            ("NaN", None),
        ] {
            assert_eq!(parse_duration(text), milliseconds.map(Duration::from_millis), "{text:?}");
        }
    }
}
