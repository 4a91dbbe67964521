use cliproxy_access::{RedactedUri, strip_credentials};
use proptest::prelude::*;

use crate::support::{ask, head, keys};

#[test]
fn every_place_of_a_key_is_emptied_and_the_rest_stays_byte_for_byte() {
    for (uri, expected) in [
        ("/v1/m?key=CANARY", "/v1/m"),
        ("/v1/m?alt=sse&key=CANARY&x=%7e+a", "/v1/m?alt=sse&x=%7e+a"),
        ("/v1/m?auth_token=CANARY&a&key=CANARY&b=", "/v1/m?a&b="),
        ("/v1/m?k%65y=CANARY&KEY=CANARY&monkey=1", "/v1/m?monkey=1"),
        ("/v1/m?%zz=1&a=%zz", "/v1/m?%zz=1&a=%zz"),
        ("/v1/m?", "/v1/m?"),
        ("http://host.example.com:1/m?key=CANARY&a=1", "http://host.example.com:1/m?a=1"),
    ] {
        let mut parts = head(
            uri,
            &[
                ("authorization", "Bearer CANARY"),
                ("x-api-key", "CANARY"),
                ("x-api-key", "CANARY"),
                ("x-goog-api-key", "CANARY"),
                ("anthropic-version", "kept"),
            ],
        );
        strip_credentials(&mut parts);
        assert_eq!(parts.uri.to_string(), expected, "{uri}");
        assert_eq!(parts.headers.len(), 1);
        assert_eq!(parts.headers["anthropic-version"], "kept");
        assert!(!format!("{parts:?}").contains("CANARY"), "{parts:?}");
    }
}

#[test]
fn a_logged_uri_shows_no_secret_value() {
    for (uri, expected) in [
        ("/v1/m?key=CANARY&alt=sse", "/v1/m?key=redacted&alt=sse"),
        ("/cb?code=CANARY&state=CANARY", "/cb?code=redacted&state=redacted"),
        ("/v1/m?API_KEY=CANARY&k%65y=CANARY", "/v1/m?API_KEY=redacted&k%65y=redacted"),
        ("http://u:CANARY@h.example.com/m?a=1", "/m?a=1"),
        ("/v1/m", "/v1/m"),
    ] {
        let uri = uri.parse().unwrap();
        assert_eq!(RedactedUri(&uri).to_string(), expected);
        assert_eq!(format!("{:?}", RedactedUri(&uri)), expected);
    }
}

proptest! {
    #[test]
    fn after_stripping_no_key_is_found_in_any_query(query in "[a-z=&%+0-9KEYkey_]{0,40}") {
        let mut parts = head(&format!("/p?{query}&key=k&auth_token=k"), &[("authorization", "k")]);
        strip_credentials(&mut parts);
        prop_assert_eq!(parts.uri.path(), "/p");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let decision = runtime.block_on(ask(&keys(&["k"]), &parts.uri.to_string(), &[]));
        prop_assert_eq!(decision, cliproxy_core::AccessDecision::Missing);
    }
}
