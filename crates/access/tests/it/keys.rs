use cliproxy_access::{ConfigKeys, Keyless};
use cliproxy_core::{AccessDecision, AccessProvider, Principal, Secret};
use http::HeaderValue;
use proptest::prelude::*;

use crate::support::{ask, head, is_granted, keys};

/// Source: http-api.md A.1.
#[tokio::test]
async fn a_key_is_found_wherever_a_client_may_put_it() {
    let provider = keys(&["k-1", "k 2+&", "Basic raw"]);
    let (granted, invalid, missing) = ("granted", "invalid", "missing");
    for (uri, headers, expected) in [
        ("/", &[("authorization", "Bearer k-1")][..], granted),
        ("/", &[("authorization", "bEaReR   k-1 ")], granted),
        ("/", &[("authorization", "k-1")], granted),
        ("/", &[("authorization", "Basic raw")], granted),
        ("/", &[("authorization", "Bearer k-2")], invalid),
        ("/", &[("authorization", "Bearerk-1")], invalid),
        ("/", &[("authorization", "Bearer ")], missing),
        ("/", &[("authorization", "")], missing),
        ("/", &[("x-goog-api-key", "k-1")], granted),
        ("/", &[("x-goog-api-key", "Bearer k-1")], invalid),
        ("/", &[("x-api-key", "k-1")], granted),
        ("/", &[("x-api-key", "K-1")], invalid),
        ("/", &[("api-key", "k-1")], missing),
        ("/?key=k-1", &[], granted),
        ("/?alt=sse&key=k-1", &[], granted),
        ("/?k%65y=k%2D1", &[], granted),
        ("/?key=k+2%2B%26", &[], granted),
        ("/?key=k%202%2b%26", &[], granted),
        ("/?key=k-1%zz", &[], missing),
        ("/?KEY=k-1", &[], missing),
        ("/?key=", &[], missing),
        ("/?key", &[], missing),
        ("/?key=wrong&key=k-1", &[], invalid),
        ("/?auth_token=k-1", &[], granted),
        ("/?token=k-1", &[], missing),
        ("/?", &[], missing),
        ("/", &[], missing),
        // A wrong earlier candidate does not hide a right one behind it.
        ("/", &[("authorization", "Bearer x"), ("x-goog-api-key", "y"), ("x-api-key", "k-1")], granted),
        ("/?key=x&auth_token=k-1", &[("authorization", "Bearer x")], granted),
        ("/?key=x&auth_token=y", &[("authorization", "Bearer z"), ("x-api-key", "u")], invalid),
    ] {
        let decision = ask(&provider, uri, headers).await;
        let seen = match &decision {
            AccessDecision::Granted(_) => granted,
            AccessDecision::Invalid => invalid,
            AccessDecision::Missing => missing,
            other => panic!("{other:?}"),
        };
        assert_eq!(seen, expected, "{uri} {headers:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_a_wrong_key() {
    let mut head = head("/", &[]);
    head.headers.insert("x-api-key", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert_eq!(keys(&["k"]).authenticate(&head).await.unwrap(), AccessDecision::Invalid);
}

#[tokio::test]
async fn without_keys_the_provider_is_not_concerned() {
    for provider in [keys(&[]), keys(&["", "  "])] {
        assert!(provider.is_empty());
        assert!(!provider.is_open());
        assert_eq!(ask(&provider, "/?key=", &[]).await, AccessDecision::NotHandled);
        assert_eq!(ask(&provider, "/", &[("x-api-key", "x")]).await, AccessDecision::NotHandled);
    }
}

#[tokio::test]
async fn the_principal_is_stable_distinct_and_not_the_key() {
    let (one, restarted) = (keys(&["k-1", "k-2", "k-1"]), keys(&["k-2", "k-1"]));
    assert_eq!(one.len(), 2);
    let first = ask(&one, "/", &[("x-api-key", "k-1")]).await;
    // SHA-256 of "cliproxy-client-key", NUL, "k-1", computed with another program.
    assert_eq!(first, AccessDecision::Granted(Principal::new("key-543faa6f5c35")));
    assert_eq!(first, ask(&restarted, "/?key=k-1", &[]).await);
    assert_ne!(first, ask(&one, "/", &[("x-api-key", "k-2")]).await);
}

#[tokio::test]
async fn a_swap_is_in_force_at_once() {
    let provider = keys(&["old"]);
    provider.replace([Secret::from("new")], Keyless::Refuse);
    assert_eq!(ask(&provider, "/?key=old", &[]).await, AccessDecision::Invalid);
    assert!(is_granted(&ask(&provider, "/?key=new", &[]).await));
    provider.replace([], Keyless::Admit);
    assert!(provider.is_open());
    provider.replace([Secret::from("new")], Keyless::Admit);
    assert!(!provider.is_open(), "a key shuts the door");
}

proptest! {
    #[test]
    fn a_key_travels_through_a_query_escaped_in_any_way(key in "[ -~äß€]{1,24}", plain in any::<u64>()) {
        prop_assume!(!key.trim().is_empty());
        let escaped: String = key
            .bytes()
            .enumerate()
            .map(|(at, byte)| match byte {
                b'a'..=b'z' | b'0'..=b'9' if plain >> (at % 64) & 1 == 1 => char::from(byte).to_string(),
                b' ' if plain >> (at % 64) & 1 == 1 => "+".to_owned(),
                _ => format!("%{byte:02x}"),
            })
            .collect();
        let provider = ConfigKeys::new([Secret::from(key.as_str())], Keyless::Refuse);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let decision = runtime.block_on(ask(&provider, &format!("/?a=b&key={escaped}&c"), &[]));
        prop_assert!(is_granted(&decision));
    }

    #[test]
    fn only_the_key_itself_opens(key in "[a-z]{8}", other in "[a-z]{7,9}") {
        prop_assume!(key != other);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let decision = runtime.block_on(ask(&keys(&[key.as_str()]), "/", &[("x-api-key", &other)]));
        prop_assert_eq!(decision, AccessDecision::Invalid);
    }
}
