//! Paths, as a target for libFuzzer and for a seeded runner. See `fuzz/README.md`.

use crate::endpoint::{Endpoint, model_name};
use crate::percent::decoded;

/// A path: it is an endpoint or none. Undone escapes are text, and what has none stays.
pub fn fuzz_path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let plain = decoded(&text);
    assert!(plain.len() <= 3 * text.len());
    assert!(text.contains('%') || plain == text);
    let name = model_name(&text);
    assert!(name.len() <= 3 * text.len());
    let Some(endpoint) = Endpoint::find(&text) else { return };
    assert!(!endpoint.allow().is_empty());
    assert!(endpoint.operation().is_none() || endpoint.format().is_some(), "{endpoint:?}");
}

#[cfg(test)]
mod tests {
    use cliproxy_testkit::fuzz::{run, seeds};

    use super::*;

    #[test]
    fn any_path_is_an_endpoint_or_none() {
        let tokens = [
            "/",
            "%2F",
            "%",
            "%ff",
            ":",
            ":generateContent",
            "models/",
            "/v1beta/",
            "/v1/",
            "publishers/",
            "?",
            "é",
        ];
        run(12_000, &seeds("path"), &tokens, fuzz_path);
    }
}
