//! Wall time as a plain number. This crate has no clock: whoever has one passes "now" in.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the Unix epoch; saturates.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// From the system's clock type; saturates.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            Err(before) => {
                Self(i64::try_from(before.duration().as_millis()).map_or(i64::MIN, i64::saturating_neg))
            }
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Later by `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from `earlier` until `self`; zero when `self` is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        u64::try_from(self.0.saturating_sub(earlier.0)).map_or(Duration::ZERO, Duration::from_millis)
    }
}

impl Timestamp {
    /// Reads the preferred form of an HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`. Source: RFC 9110 §5.6.7.
    #[must_use]
    pub fn from_http_date(text: &str) -> Option<Self> {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (_, rest) = text.split_once(", ")?;
        let mut words = rest.split(' ');
        let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        Self::parse(&format!("{year}-{month:02}-{day}T{clock}Z"))
    }

    /// Reads the time formats that auth files contain: RFC 3339, `YYYY-MM-DD HH:MM[:SS]` (as UTC), Unix
    /// seconds, or milliseconds when above 1e12. Zero and negative numbers mean unknown.
    // Source: providers-a.md 1.1 "Time values".
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<f64>() {
            return Self::from_number(number);
        }
        parse_calendar(text)
    }

    /// Reads Unix seconds, or milliseconds when above 1e12. Zero and negative numbers mean unknown.
    #[must_use]
    pub fn from_number(number: f64) -> Option<Self> {
        if !number.is_finite() || number <= 0.0 || number > 9.0e15 {
            return None;
        }
        let millis = if number > 1e12 { number } else { number * 1000.0 };
        // Within ±9e18 by the bound above, so the cast is exact enough for a clock.
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        Some(Self(millis as i64))
    }

    /// The RFC 3339 spelling in UTC, with seconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let [y0, y1, y2, y3, mo0, mo1, d0, d1, h0, h1, mi0, mi1, s0, s1] = self.digits();
        let text =
            [y0, y1, y2, y3, b'-', mo0, mo1, b'-', d0, d1, b'T', h0, h1, b':', mi0, mi1, b':', s0, s1, b'Z'];
        String::from_utf8(text.into()).unwrap_or_default()
    }

    /// Writes the same without signs between the digits, as names of things have it: `20261127182123`.
    pub fn push_compact(self, text: &mut String) {
        text.push_str(std::str::from_utf8(&self.digits()).unwrap_or_default());
    }

    /// Year, month, day, hour, minute, second. Every reply names its time, and every line of the log: digits are made
    /// by hand, which costs a tenth of the formatting machinery.
    fn digits(self) -> [u8; 14] {
        thread_local! {
            /// A busy server asks for the same second again and again.
            static LAST: Cell<(i64, [u8; 14])> = const { Cell::new((0, *b"19700101000000")) };
        }
        let secs = self.as_secs();
        let (last, digits) = LAST.get();
        if last == secs {
            return digits;
        }
        let digits = digits_of(secs);
        LAST.set((secs, digits));
        digits
    }
}

fn digits_of(secs: i64) -> [u8; 14] {
    let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let mut digits = [b'0'; 14];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for ([tens, ones], number) in pairs.iter_mut().zip([year / 100, year, month, day, hour, minute, second]) {
        *tens += u8::try_from(number / 10 % 10).unwrap_or(0);
        *ones += u8::try_from(number % 10).unwrap_or(0);
    }
    digits
}

/// `2026-11-23T10:00:00.5+02:00`, with `T` or a blank, seconds and zone optional.
fn parse_calendar(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day)), None) =
        (date.next(), date.next(), date.next(), date.next())
    else {
        return None;
    };
    let (clock, offset_minutes) = split_zone(time)?;
    let mut parts = clock.split(':');
    let hour: i64 = parts.next()?.parse().ok()?;
    let minute: i64 = parts.next()?.parse().ok()?;
    let second: f64 = parts.next().map_or(Some(0.0), |s| s.parse().ok())?;
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..61.0).contains(&second)
        && (1..=9999).contains(&year);
    if !in_range || parts.next().is_some() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 61000 by the range check")]
    let millis = (second * 1000.0) as i64;
    let minutes = days_from_civil(year, month, day) * 1440 + hour * 60 + minute - offset_minutes;
    Some(Timestamp(minutes * 60_000 + millis))
}

/// Splits `10:00:00+02:00` into the clock and minutes east of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, zone) = time.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    Some((clock, sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_auth_files_are_read_in_every_known_spelling() {
        for (text, secs) in [
            ("2026-11-23T10:00:00Z", 1_795_428_000),
            ("2026-11-23T12:00:00.500+02:00", 1_795_428_000),
            ("2026-11-23 10:00:00", 1_795_428_000),
            ("2026-11-23 10:00", 1_795_428_000),
            ("1795428000", 1_795_428_000),
            ("1795428000000", 1_795_428_000),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::as_secs), Some(secs), "{text}");
        }
        for text in ["", "0", "-5", "yesterday", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rfc3339_text_reads_back_as_the_same_second() {
        for secs in [0, 951_782_400, 1_795_428_000, 4_102_444_799, -86_400] {
            let time = Timestamp::from_secs(secs);
            assert_eq!(Timestamp::parse(&time.to_rfc3339()), Some(time), "{secs}");
        }
    }
}
