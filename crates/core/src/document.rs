//! The JSON of one credential.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Secret, Timestamp, parse_duration};

/// The whole JSON of a credential, opaque: keys that we do not know survive every rewrite.
///
/// `Debug` lists the names of the keys, never a value.
#[derive(Clone, Default, PartialEq)]
pub struct Document(Map<String, Value>);

impl Document {
    /// The member in which a renewal notes from which refresh token the current one comes: hashes, never a token. Whoever
    /// moves tokens elsewhere takes it along.
    pub const LINEAGE: &str = "refresh_lineage";

    /// Takes over a JSON object.
    #[must_use]
    pub fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// A document with only an API key.
    #[must_use]
    pub fn with_api_key(key: &Secret) -> Self {
        let mut map = Map::new();
        map.insert("api_key".to_owned(), Value::String(key.expose().to_owned()));
        Self(map)
    }

    /// The whole object, for the store alone.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A member, if present.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A non-blank string member, trimmed.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A string member as a secret.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::from)
    }

    /// A boolean member; also reads `"true"`, `"1"`, `1` and their opposites, as hand-edited files have them.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Value::Bool(value) => Some(*value),
            Value::Number(number) => Some(number.as_f64()? != 0.0),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// An integer member; also reads numeric strings.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<i64> {
        match self.0.get(key)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A time member in any spelling that [`Timestamp::parse`] reads.
    #[must_use]
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        time_of(self.0.get(key)?)
    }

    /// When the access token expires.
    // Source: runtime.md C.1 "ExpirationTime": first hit in this order, then inside `token`/`Token`.
    #[must_use]
    pub fn expiry(&self) -> Option<Timestamp> {
        let own = EXPIRIES.iter().find_map(|key| self.time(key));
        own.or_else(|| {
            ["token", "Token"].iter().find_map(|nest| {
                let inner = self.0.get(*nest)?.as_object()?;
                EXPIRIES.iter().find_map(|key| time_of(inner.get(*key)?))
            })
        })
        // Source: providers-a.md 7.2 "Expiry": Antigravity's files may say when the token was given and how long it lives.
        .or_else(|| {
            let given = self.time("timestamp")?;
            let seconds = u64::try_from(self.integer("expires_in")?).ok().filter(|seconds| *seconds > 0)?;
            Some(given.plus(Duration::from_secs(seconds)))
        })
    }

    /// When the tokens were last renewed.
    // Source: runtime.md D.13 "Last-refresh keys".
    #[must_use]
    pub fn last_refresh(&self) -> Option<Timestamp> {
        ["last_refresh", "lastRefresh", "last_refreshed_at", "lastRefreshedAt"]
            .iter()
            .find_map(|key| self.time(key))
    }

    /// Which of two logins of one account is the newer: by when they were renewed, else by when they expire. `None` where
    /// neither tells.
    #[must_use]
    pub fn compare_age(&self, other: &Self) -> Option<Ordering> {
        let told = |one: Option<Timestamp>, two: Option<Timestamp>| {
            Some(one?.cmp(&two?)).filter(|order| order.is_ne())
        };
        told(self.last_refresh(), other.last_refresh()).or_else(|| told(self.expiry(), other.expiry()))
    }

    /// The refresh token, wherever files have it: inside `token`, as the Go program stores Google's, or at the top.
    // Source: providers-a.md 5.2, 2.2 `[H]`.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&str> {
        let nested = self.0.get("token").and_then(|token| token.get("refresh_token")).and_then(Value::as_str);
        let nested = nested.map(str::trim).filter(|token| !token.is_empty());
        nested.or_else(|| self.text("refresh_token")).or_else(|| self.text("refreshToken"))
    }

    /// A copy that says nothing of when the access token expires: what it said was of another token.
    #[must_use]
    pub fn without_expiry(&self) -> Self {
        let mut map = self.0.clone();
        // What an expiry is reckoned from counts only together.
        for key in EXPIRIES.iter().copied().chain(["expires_in"]) {
            map.shift_remove(key);
        }
        for nest in ["token", "Token"] {
            if let Some(inner) = map.get_mut(nest).and_then(Value::as_object_mut) {
                for key in EXPIRIES {
                    inner.shift_remove(key);
                }
            }
        }
        Self(map)
    }

    /// How often the file asks for a renewal, whatever the provider's own lead is. Numbers are seconds, texts may be
    /// lengths such as `45m`; zero and less is no wish.
    // Source: runtime.md D.13 "preferred interval"; providers-a.md 1.1, the row of the four spellings.
    #[must_use]
    pub fn refresh_interval(&self) -> Option<Duration> {
        const KEYS: [&str; 6] = [
            "refresh_interval_seconds",
            "refresh-interval-seconds",
            "refreshIntervalSeconds",
            "refresh_interval",
            "refresh-interval",
            "refreshInterval",
        ];
        KEYS.iter().find_map(|key| {
            let length = match self.0.get(*key)? {
                Value::Number(number) => parse_duration(&number.to_string()),
                Value::String(text) => parse_duration(text),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            length.filter(|length| !length.is_zero())
        })
    }

    /// A copy in which the members of `changes` replace those of the same name; all others stay, in order.
    #[must_use]
    pub fn merged(&self, changes: Map<String, Value>) -> Self {
        let mut map = self.0.clone();
        for (key, value) in changes {
            map.insert(key, value);
        }
        Self(map)
    }

    /// The names of the members that are not the same in both.
    pub(crate) fn differing_members<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let ours = self.0.iter().filter(|(key, value)| other.0.get(*key) != Some(value));
        let theirs = other.0.keys().filter(|key| !self.0.contains_key(*key));
        ours.map(|(key, _)| key.as_str()).chain(theirs.map(String::as_str))
    }
}

/// Under which names files say when a token expires.
const EXPIRIES: [&str; 6] = ["expired", "expire", "expires_at", "expiresAt", "expiry", "expires"];

fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text),
        Value::Number(number) => Timestamp::from_number(number.as_f64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Document {
        Document::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn expiry_is_found_under_every_known_key_and_inside_token() {
        for json in [
            r#"{"expired":"2026-11-23T10:00:00Z"}"#,
            r#"{"expiresAt":1795428000000}"#,
            r#"{"token":{"expiry":"2026-11-23T10:00:00Z"}}"#,
            r#"{"expired":0,"expires":"1795428000"}"#,
            r#"{"timestamp":1795424401000,"expires_in":3599}"#,
            r#"{"timestamp":"1795424401","expires_in":"3599"}"#,
        ] {
            assert_eq!(document(json).expiry(), Some(Timestamp::from_secs(1_795_428_000)), "{json}");
        }
        assert_eq!(document("{}").expiry(), None);
    }

    #[test]
    fn of_two_logins_the_newer_is_told_by_the_renewal_then_by_the_expiry() {
        let (old, new) = (r#"2026-11-23T10:00:00Z"#, r#"2026-11-23T11:00:00Z"#);
        let of =
            |last: &str, end: &str| document(&format!(r#"{{"last_refresh":"{last}","expired":"{end}"}}"#));
        for (one, two, expected) in [
            (of(new, old), of(old, new), Some(Ordering::Greater)),
            (of("", old), of(old, new), Some(Ordering::Less)),
            (of(old, new), of(old, old), Some(Ordering::Greater)),
            (of(old, old), of(old, old), None),
            (of(old, ""), of("", new), None),
        ] {
            assert_eq!(one.compare_age(&two), expected, "{:?} {:?}", one.as_map(), two.as_map());
        }
    }

    #[test]
    fn refresh_tokens_are_found_and_expiries_go_wherever_files_have_them() {
        let nested = document(
            r#"{"token":{"refresh_token":"n","expiry":"x","a":1},"refresh_token":"t","expired":1,"b":2}"#,
        );
        assert_eq!(nested.refresh_token(), Some("n"));
        assert_eq!(document(r#"{"token":"t","refreshToken":"v"}"#).refresh_token(), Some("v"));
        assert_eq!(document(r#"{"refresh_token":" "}"#).refresh_token(), None);
        assert_eq!(
            serde_json::to_string(nested.without_expiry().as_map()).unwrap(),
            r#"{"token":{"refresh_token":"n","a":1},"refresh_token":"t","b":2}"#
        );
        assert_eq!(
            document(r#"{"timestamp":1795424401000,"expires_in":3599}"#).without_expiry().expiry(),
            None
        );
    }

    #[test]
    fn a_merge_keeps_unknown_keys_and_their_order() {
        let old = document(r#"{"type":"claude","x":{"y":1},"access_token":"old","note":"mine"}"#);
        let new = old.merged(serde_json::from_str(r#"{"access_token":"new","expired":1}"#).unwrap());
        assert_eq!(
            serde_json::to_string(new.as_map()).unwrap(),
            r#"{"type":"claude","x":{"y":1},"access_token":"new","note":"mine","expired":1}"#
        );
    }
}
