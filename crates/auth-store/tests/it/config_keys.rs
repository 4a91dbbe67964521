use cliproxy_auth_store::{KeySpec, StableIds, credential_index};
use cliproxy_core::{
    Credential, CredentialId, CredentialKind, Document, Origin, ProviderId, Secret, Settings,
};

fn secret(text: &str) -> Secret {
    Secret::from(text)
}

fn only(spec: KeySpec) -> Credential {
    spec.into_credential(&mut StableIds::new())
}

/// The hashes were computed with another program from the rule of runtime.md C.5.
#[test]
fn ids_providers_and_labels_follow_the_table() {
    let none = secret("");
    for (spec, id, provider, label) in [
        (
            KeySpec::api_key("gemini-api-key[0]", "gemini", &secret(" AIza-1 "), ""),
            "gemini:apikey:6d01f83b8a0b",
            "gemini",
            "gemini-apikey",
        ),
        (
            KeySpec::api_key("gemini-api-key[1]", "gemini", &secret("AIza-1"), "https://g.example.com"),
            "gemini:apikey:d9bfa4690ac8",
            "gemini",
            "gemini-apikey",
        ),
        (
            KeySpec::api_key("claude-api-key[0]", "claude", &secret("sk-ant-1"), "https://a.example.com"),
            "claude:apikey:5569bc58ef49",
            "claude",
            "claude-apikey",
        ),
        (
            KeySpec::api_key("codex-api-key[0]", "codex", &secret("sk-1"), "https://c.example.com/v1"),
            "codex:apikey:66e5a2aadbc3",
            "codex",
            "codex-apikey",
        ),
        (
            KeySpec::openai_compatible(
                "openai-compatibility[0].api-key-entries[0]",
                "OpenRouter",
                "https://o.example.com/v1",
                &secret("sk-or-1"),
                &secret("socks5://p:1"),
            ),
            "openai-compatibility:openrouter:1b92ce3c20d5",
            "openrouter",
            "OpenRouter",
        ),
        (
            KeySpec::openai_compatible_keyless(
                "openai-compatibility[0]",
                "OpenRouter",
                "https://o.example.com/v1",
            ),
            "openai-compatibility:openrouter:9268d9aeb810",
            "openrouter",
            "OpenRouter",
        ),
        (
            KeySpec::openai_compatible_keyless("openai-compatibility[0]", " ", "https://o.example.com/v1"),
            "openai-compatibility:openai-compatibility:b03c20c61ee3",
            "openai-compatibility",
            "openai-compatibility",
        ),
        (
            KeySpec::vertex("vertex-api-key[0]", &secret("vk-1"), "https://v.example.com", &none),
            "vertex:apikey:d4b387e7e81b",
            "vertex",
            "vertex-apikey",
        ),
        (
            KeySpec::kiro("kiro[0]", &secret("at-1"), "arn:aws:1"),
            "kiro:token:2a43c917cc5c",
            "kiro",
            "kiro-token",
        ),
    ] {
        let credential = only(spec);
        assert_eq!(credential.id().as_str(), id);
        assert_eq!(credential.provider().as_str(), provider, "{id}");
        assert_eq!(credential.settings().label, label, "{id}");
    }
}

#[test]
fn a_login_in_a_file_is_known_by_the_files_path_and_takes_nothing_from_it() {
    let of = |path: &str| only(KeySpec::kiro_file("kiro[0]", path, ""));
    let (one, two) = (of("/home/me/one.json"), of("/home/me/two.json"));
    assert_ne!(one.id(), two.id());
    assert!(one.id().as_str().starts_with("kiro:token:"));
    assert!(one.document().as_map().is_empty(), "{one:?}");
    assert_eq!(one.kind(), CredentialKind::Account);
}

#[test]
fn duplicates_are_numbered_in_order_and_every_pass_gives_the_same() {
    let pass = || {
        let mut ids = StableIds::new();
        let texts = ["k", "k", "other", "k"].map(|key| ids.id("claude:apikey", [key, ""]).to_string());
        let [first, second, other, third] = texts;
        assert_eq!((second, third), (format!("{first}-1"), format!("{first}-2")));
        assert_ne!(first, other);
        first
    };
    assert_eq!(pass(), pass());
}

#[test]
fn the_id_depends_on_the_identity_alone_and_settings_arrive_normalised() {
    let key = secret("sk-1");
    let mut spec = KeySpec::api_key("codex-api-key[3]", "codex", &key, " https://c.example.com ");
    let plain = only(spec.clone());
    spec.settings.prefix = Some(" /team/ ".to_owned());
    spec.settings.priority = 4;
    spec.settings.headers = vec![(" X-A ".to_owned(), secret(" 1 ")), ("X-B".to_owned(), secret(" "))];
    spec.settings.excluded_models = vec![" GPT-* ".to_owned(), "gpt-*".to_owned()];
    spec.settings.limits.request_retry = Some(0);
    let credential = only(spec);
    assert_eq!(credential.id(), plain.id());
    assert_ne!(credential, plain, "a modify, so that a reload notices");
    assert_eq!(credential.origin(), &Origin::Config("codex-api-key[3]".to_owned()));
    assert_eq!(credential.kind(), CredentialKind::ApiKey);
    assert_eq!(credential.api_key(), Some(key));
    let settings = credential.settings();
    assert_eq!(settings.base_url.as_deref(), Some("https://c.example.com"));
    assert_eq!(settings.prefix.as_deref(), Some("team"));
    assert_eq!(settings.headers, [("X-A".to_owned(), secret("1"))]);
    assert_eq!(settings.excluded_models, ["gpt-*"]);
    assert_eq!((settings.priority, settings.weight), (4, 1));
}

#[test]
fn settings_given_whole_keep_what_the_constructor_took() {
    let mut whole = Settings::new("ignored");
    whole.priority = 2;
    let spec = KeySpec::vertex("v[0]", &secret("k"), "https://v.example.com", &secret("direct"));
    let credential = only(spec.with_settings(whole));
    let settings = credential.settings();
    assert_eq!((settings.label.as_str(), settings.priority), ("vertex-apikey", 2));
    assert_eq!(settings.base_url.as_deref(), Some("https://v.example.com"));
    assert_eq!(settings.proxy, Some(secret("direct")));
}

#[test]
fn a_keyless_service_has_no_key_and_a_kiro_token_can_be_renewed() {
    assert_eq!(
        only(KeySpec::openai_compatible_keyless("o[0]", "local", "http://l.example.com")).api_key(),
        None
    );
    let kiro = only(
        KeySpec::kiro("kiro[0]", &secret("at"), "")
            .with_member("refresh_token", "rt")
            .with_member("region", ""),
    );
    assert_eq!(kiro.kind(), CredentialKind::Account);
    assert_eq!(kiro.refresh_token(), Some(secret("rt")));
    let members: Vec<&str> = kiro.document().as_map().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "refresh_token"]);
}

#[test]
fn a_key_of_the_environment_says_so() {
    let spec = KeySpec::api_key("", "claude", &secret("k"), "");
    let id = only(spec.clone()).id().clone();
    let credential = only(spec.from_environment("ANTHROPIC_API_KEY"));
    assert_eq!(credential.origin(), &Origin::Environment("ANTHROPIC_API_KEY".to_owned()));
    assert_eq!(credential.id(), &id);
}

#[test]
fn the_index_names_the_file_else_the_key_else_the_id() {
    let with = |id: &str, origin: Origin, key: Option<&str>| {
        let document = key.map_or_else(Document::default, |key| Document::with_api_key(&secret(key)));
        Credential::new(
            CredentialId::new(id),
            ProviderId::from_static("p"),
            CredentialKind::ApiKey,
            origin,
            document,
            Settings::new("x"),
        )
    };
    let config = Origin::Config("c[0]".to_owned());
    for (credential, expected) in [
        (with("claude-a.json", Origin::Store("claude-a.json".to_owned()), Some("sk-1")), "e4ab2b9056e71b34"),
        (with("claude:apikey:x", config.clone(), Some("sk-1")), "f57bacf361bc8567"),
        (with("kiro:token:abc", config, None), "c97eb0d5ea6ecbbd"),
    ] {
        assert_eq!(credential_index(&credential), expected);
    }
}
