//! What lies in the auth directory, as a target for libFuzzer and for a seeded runner. See `fuzz/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target fails by panicking"
)]

use serde_json::{Map, Value};

use crate::merge::next_text;
use crate::reading::{read_credential, reading};
use crate::text::StoredText;

/// A file: what is read is what it says, saving it unchanged writes nothing, and a save with a new token leaves every
/// other member as it was spelt, in its place.
pub fn fuzz_credential_file(data: &[u8]) {
    let read = read_credential("fuzz.json", data);
    let Ok(stored) = StoredText::parse(data) else {
        assert!(read.is_err());
        return;
    };
    assert!(read.is_ok());
    let credential = reading("fuzz.json", &stored).credential;
    assert_eq!(credential.document().as_map(), &stored.map);
    assert_eq!(next_text(&credential, Some(&stored)), None);

    let token: Map<String, Value> =
        [("access_token".to_owned(), Value::from("fresh \"\u{fc}\u{0}"))].into_iter().collect();
    let renewed = credential.with_document(credential.document().merged(token.clone()));
    let Some(text) = next_text(&renewed, Some(&stored)) else {
        assert_eq!(stored.map.get("access_token"), token.get("access_token"));
        return;
    };
    let written = StoredText::parse(&text).expect("what is written reads back");
    let is_other = |key: &&String| *key != "access_token";
    assert!(stored.map.keys().filter(is_other).eq(written.map.keys().filter(is_other)));
    for (key, value) in &written.map {
        if key == "access_token" {
            assert_eq!(Some(value), token.get(key));
            continue;
        }
        let spelt = |stored: &StoredText| {
            let raw = stored.spelling(key, value).map(|raw| raw.get().to_owned());
            raw.map(|raw| raw.split_ascii_whitespace().collect::<String>())
        };
        assert!(spelt(&written).is_some());
        assert_eq!(spelt(&written), spelt(&stored), "{key}");
    }
}

#[cfg(test)]
mod tests {
    use cliproxy_testkit::fuzz::{JSON, run, seeds};

    use super::*;

    #[test]
    fn any_file_is_a_credential_or_told_and_a_save_keeps_what_it_does_not_change() {
        let tokens =
            ["\"type\":", "\"disabled\":", "\"access_token\":", "\"headers\":", "\"a\":1.50,", "\u{feff}"];
        run(6000, &seeds("credential_file"), &[JSON, &tokens].concat(), fuzz_credential_file);
    }
}
