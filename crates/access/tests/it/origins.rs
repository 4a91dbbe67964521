use cliproxy_access::{Listener, origin_allowed};

use crate::support::head;

fn allowed(uri: &str, headers: &[(&str, &str)]) -> bool {
    let listener = Listener::new()
        .with_name("Proxy.Lan")
        .with_origin("https://Chat.example.com/")
        .with_origin("vscode-file://app");
    let head = head(uri, headers);
    origin_allowed(&head.headers, &head.uri, &listener)
}

/// Source: design.md §8.
#[test]
fn a_foreign_host_is_refused() {
    for (host, expected) in [
        ("127.0.0.1:8317", true),
        ("localhost", true),
        ("LOCALHOST:8317", true),
        ("localhost.", true),
        ("app.localhost:1", true),
        ("[::1]:8317", true),
        ("192.168.1.5:8317", true),
        ("proxy.lan:8317", true),
        ("evil.example.com", false),
        ("evil.example.com:8317", false),
        ("127.0.0.1.evil.example.com", false),
        ("localhost.evil.example.com", false),
        ("evillocalhost", false),
        ("1.2.3", false),
        ("a@b@c", false),
    ] {
        assert_eq!(allowed("/v1/messages", &[("host", host)]), expected, "{host}");
    }
    assert!(allowed("/", &[]), "HTTP/1.0 names none, and browsers always do");
    assert!(!allowed("/", &[("host", "localhost"), ("host", "evil.example.com")]));
    // HTTP/2 names the host in the URI.
    assert!(allowed("http://localhost:8317/", &[]));
    assert!(!allowed("http://evil.example.com:8317/", &[]));
    assert!(!allowed("http://evil.example.com/", &[("host", "localhost")]));
}

#[test]
fn a_foreign_origin_is_refused() {
    for (host, origin, expected) in [
        ("localhost:8317", "http://localhost:8317", true),
        ("localhost:8317", "HTTP://LOCALHOST:8317", true),
        ("127.0.0.1", "http://127.0.0.1:80", true),
        ("proxy.lan", "https://proxy.lan", true),
        ("[::1]:8317", "http://[::1]:8317", true),
        ("localhost:8317", "https://chat.example.com", true),
        ("localhost:8317", "vscode-file://app", true),
        ("localhost:8317", "http://localhost:3000", false),
        ("localhost:8317", "http://127.0.0.1:8317", false),
        ("localhost:8317", "http://evil.example.com", false),
        ("localhost:8317", "http://localhost:8317.evil.example.com", false),
        ("localhost:8317", "http://chat.example.com", false),
        ("localhost:8317", "null", false),
        ("localhost:8317", "file://", false),
        ("localhost:8317", "chrome-extension://abc", false),
        ("localhost:8317", "", false),
    ] {
        assert_eq!(allowed("/", &[("host", host), ("origin", origin)]), expected, "{host} {origin}");
    }
    assert!(!allowed("/", &[("origin", "http://localhost")]), "an origin without a host to compare with");
    let two = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.example.com")];
    assert!(!allowed("/", &two));
}

#[test]
fn a_request_that_another_site_started_is_refused_even_without_an_origin() {
    for (site, expected) in
        [("none", true), ("same-origin", true), ("same-site", false), ("cross-site", false)]
    {
        assert_eq!(allowed("/", &[("host", "localhost"), ("sec-fetch-site", site)]), expected, "{site}");
    }
    let known =
        [("host", "localhost"), ("origin", "https://chat.example.com"), ("sec-fetch-site", "cross-site")];
    assert!(allowed("/", &known));
}
