//! What of a stream its decoder has no place for: each name once, however often it comes. Frames that have nothing of it
//! cost a look at an empty list.

use super::reply::is_bookkeeping;
use super::{LONGEST_NAME, MOST_NAMED};
use crate::json::Extras;

/// The names so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Vec<String>);

impl Unread {
    /// Notes the members that a wire object has beside those that are read.
    #[inline]
    pub(crate) fn members(&mut self, source: &str, within: &str, extras: &Extras<'_>) {
        for (key, raw) in extras {
            self.member(source, within, key, raw.get());
        }
    }

    /// Notes a member, if it says anything.
    pub(crate) fn member(&mut self, source: &str, within: &str, key: &str, json: &str) {
        // Nearly all that come have come before.
        let is_new = !self.0.iter().any(|known| is_named(known, within, key));
        if is_new && !matches!(json, "null" | "[]") && !is_bookkeeping(source, key) {
            self.name(within, key);
        }
    }

    /// Notes a name.
    pub(crate) fn name(&mut self, within: &str, name: &str) {
        let name =
            name.char_indices().nth(LONGEST_NAME).map_or(name, |(end, _)| name.get(..end).unwrap_or(name));
        if self.0.len() > MOST_NAMED || self.0.iter().any(|known| is_named(known, within, name)) {
            return;
        }
        self.0.push(match (self.0.len(), within) {
            (MOST_NAMED, _) => "others".to_owned(),
            (_, "") => name.to_owned(),
            _ => format!("{within}.{name}"),
        });
    }

    /// What was noted.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

/// Whether this is what such a name is told as.
fn is_named(known: &str, within: &str, name: &str) -> bool {
    match within {
        "" => known == name,
        within => known
            .strip_prefix(within)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|rest| rest == name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_noted_once_and_only_so_many() {
        let mut unread = Unread::default();
        for _ in 0..3 {
            unread.name("message", "phase");
            unread.name("", "phase");
            unread.member("openai", "", "nothing", "null");
            unread.member("openai", "", "none", "[]");
        }
        assert_eq!(unread.names(), ["message.phase", "phase"]);
        let long = "é".repeat(5_000);
        unread.name("", &long);
        unread.name("", &long);
        assert_eq!(unread.names().last().map(|name| name.chars().count()), Some(LONGEST_NAME));
        for n in 0..1_000 {
            unread.name("", &format!("n{n}"));
        }
        assert_eq!(unread.names().len(), MOST_NAMED + 1);
        assert_eq!(unread.names().last().map(String::as_str), Some("others"));
    }

    #[test]
    fn a_name_is_known_by_where_it_stands() {
        assert!(is_named("message.a", "message", "a") && is_named("a", "", "a"));
        assert!(!is_named("message.a", "", "a") && !is_named("messagea", "message", "a"));
        assert!(!is_named("message.ab", "message", "a"));
    }
}
