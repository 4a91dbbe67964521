use cliproxy_transport::{ProxyChoice, ProxyUrl, ProxyUrlError};

#[test]
fn proxy_addresses_are_parsed_or_refused() {
    let good = [
        ("http://h", "http://h:80"),
        ("https://h", "https://h:443"),
        ("socks5://h", "socks5://h:1080"),
        ("SOCKS5H://H.Example:9/", "socks5h://h.example:9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        // An unescaped slash ends the authority, as in every URL: the login is `user:p`, the host `ss`.
        ("socks5://user:p@ss/w@h:1", "socks5://***@ss:1080"),
        (" http://user:pass@h:3128/path?q ", "http://***@h:3128"),
    ];
    for (text, shown) in good {
        assert_eq!(ProxyUrl::parse(text).map(|url| url.to_string()).as_deref(), Ok(shown), "{text}");
    }
    use ProxyUrlError::{BadCredentials, BadPort, NoHost, NoScheme, UnsupportedScheme};
    let bad = [
        ("", NoScheme),
        ("h:8080", NoScheme),
        ("user:password@h", NoScheme),
        ("ftp://h", UnsupportedScheme),
        ("socks4://h", UnsupportedScheme),
        ("http://", NoHost),
        ("http://:8080", NoHost),
        ("http://h h", NoHost),
        ("http://[::1", NoHost),
        ("http://h:0", BadPort),
        ("http://h:70000", BadPort),
        ("http://h:x", BadPort),
        ("http://u%zz:p@h", BadCredentials),
    ];
    for (text, error) in bad {
        assert_eq!(ProxyUrl::parse(text), Err(error), "{text}");
    }
    let long = format!("socks5://u:{}@h", "p".repeat(256));
    assert_eq!(ProxyUrl::parse(&long), Err(BadCredentials));
}

#[test]
fn the_setting_knows_words_for_no_proxy() {
    assert_eq!(ProxyChoice::parse(""), Ok(ProxyChoice::Environment));
    assert_eq!(ProxyChoice::parse(" Direct "), Ok(ProxyChoice::Direct));
    assert_eq!(ProxyChoice::parse("none"), Ok(ProxyChoice::Direct));
    assert!(matches!(ProxyChoice::parse("http://h"), Ok(ProxyChoice::Through(_))));
    assert!(ProxyChoice::parse("nonsense").is_err());
}

#[test]
fn proxies_that_differ_in_the_password_only_are_different() {
    let parse = |text| ProxyUrl::parse(text).unwrap();
    assert_eq!(parse("http://u:p@h"), parse("http://u:p@H:80"));
    assert_ne!(parse("http://u:p@h"), parse("http://u:q@h"));
    assert_ne!(parse("http://h"), parse("https://h:80"));
}
