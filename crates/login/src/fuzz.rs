//! Callbacks and the files of other programs, as targets for libFuzzer and for a seeded runner. See `fuzz/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target fails by panicking"
)]

use std::path::Path;

use serde_json::{Map, Value};

use crate::import;
use crate::pasted::Callback;

/// What a browser brings or a person pastes: bounded, and fit to be shown; what is plainly a code with its state is read
/// as that.
pub fn fuzz_callback(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for callback in [Some(Callback::of_query(&text)), Callback::of_paste(&text)].into_iter().flatten() {
        let length = |secret: &Option<cliproxy_core::Secret>| {
            secret.as_ref().map_or(1, |secret| secret.expose().len())
        };
        assert!((1..=8 * 1024).contains(&length(&callback.code)));
        assert!((1..=128).contains(&length(&callback.state)));
        let error = callback.error.unwrap_or_default();
        assert!(error.chars().count() <= 602 && !error.chars().any(char::is_control), "{error:?}");
    }
    let is_plain = |text: &str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte))
    };
    let Some((code, state)) = text.split_once('#') else { return };
    if is_plain(code) && is_plain(state) {
        let callback = Callback::of_paste(&text).expect("a code with its state");
        let told = |secret: Option<cliproxy_core::Secret>| secret.map(|secret| secret.expose().to_owned());
        assert_eq!(
            (told(callback.code).as_deref(), told(callback.state).as_deref()),
            (Some(code), Some(state))
        );
    }
}

/// The file of another program: it holds a login or not. The name of its file leads nowhere else, and a disk takes it.
pub fn fuzz_login_file(data: &[u8]) {
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    for login in import::read_as_each(&object, Path::new("/nonexistent/login.json")) {
        for name in [Some(&login.file_name), login.other_name.as_ref()].into_iter().flatten() {
            assert!(name.ends_with(".json") && name.len() <= 245, "{name}");
            assert!(
                !name.starts_with('.') && !name.contains(['/', '\\']) && !name.chars().any(char::is_control),
                "{name}"
            );
        }
        assert!(login.document.text("type").is_some() || object.contains_key("access_token"));
        assert!(!format!("{login:?}").contains("CANARY"));
    }
}

#[cfg(test)]
mod tests {
    use cliproxy_testkit::fuzz::{JSON, run, seeds};

    use super::*;

    #[test]
    fn any_callback_is_read_or_refused() {
        let tokens = [
            "?",
            "#",
            "&",
            "=",
            "%23",
            "%",
            "+",
            "code=",
            "state=",
            "error=",
            "error_description=",
            "://",
            "\u{1b}",
        ];
        run(12_000, &seeds("callback"), &tokens, fuzz_callback);
    }

    #[test]
    fn any_file_of_another_program_holds_a_login_or_none() {
        let tokens = [
            "\"email\":\"../x\"",
            "\"expiry_date\":1e300",
            "\"expiresAt\":",
            "\"user\":\"",
            "é",
            "e30.e30.e30",
        ];
        run(12_000, &seeds("login_file"), &[JSON, &tokens].concat(), fuzz_login_file);
    }
}
