//! Names of providers and endpoints, where the caller knows them.

use cliproxy_config::{Environment, KnownNames, Loaded, Loader, Notice};

fn names() -> KnownNames {
    KnownNames::new()
        .with_endpoint("claude", "api")
        .with_endpoint("claude", "token")
        .with_endpoint("gemini-cli", "api")
        .with_unjudged_endpoints("acme")
        .with_absent_provider("xai")
        .with_oauth_client("claude")
        .with_oauth_client("gemini-cli")
        .with_channel("claude")
        .with_channel("gemini-cli")
}

fn loader() -> Loader {
    Loader::new(Environment::new([("HOME", "/home/me")])).known_names(names())
}

fn load(text: &str) -> Loaded {
    loader().load_str("c", &format!("host: localhost\n{text}\n")).unwrap()
}

#[test]
fn a_url_that_would_be_called_by_nobody_is_a_mistake_that_names_the_nearest() {
    let wrong = "endpoints:\n  claude:\n    apii: http://x\n    quota: http://x\n  clade:\n    api: http://x\n  \
                 nobody: {api: http://x}\n  aistudio: {api: http://x}\n";
    let errors = loader().load_str("c", &format!("host: localhost\n{wrong}")).unwrap_err();
    let said: Vec<String> = errors.as_slice().iter().map(ToString::to_string).collect();
    let no_url = "claude has no URL of this name, so its calls would go where they went";
    let nobody = "no provider of this name has a URL to replace, so calls would go where they went";
    let lists = "`cliproxy-server endpoints` lists what there is; a service of `openai-compatibility` has its `base-url`";
    assert_eq!(
        said,
        [
            format!("c:4:5: `endpoints.claude.apii`: {no_url}; did you mean `endpoints.claude.api`?"),
            format!("c:5:5: `endpoints.claude.quota`: {no_url}; claude has `api`, `token`"),
            format!("c:6:3: `endpoints.clade`: {nobody}; did you mean `endpoints.claude`?"),
            format!("c:8:3: `endpoints.nobody`: {nobody}; {lists}"),
            format!("c:9:3: `endpoints.aistudio`: {nobody}; {lists}"),
        ]
    );
}

#[test]
fn a_mistyped_endpoint_of_a_variable_is_a_mistake_too() {
    let environment = Environment::new([("CLIPROXY__ENDPOINTS__GEMINI_CLI__APY", "http://x")]);
    let errors =
        Loader::new(environment).known_names(names()).load_str("c", "host: localhost\n").unwrap_err();
    let said = errors.to_string();
    assert!(said.starts_with("environment variable CLIPROXY__ENDPOINTS__GEMINI_CLI__APY: "), "{said}");
    assert!(said.ends_with("did you mean `endpoints.gemini-cli.api`?"), "{said}");
}

#[test]
fn names_that_are_known_in_whatever_case_are_taken_without_a_word() {
    let loaded = load(
        "endpoints: {Claude: {API: 'http://x'}, acme: {whatever: 'http://x'}}\noauth-clients: {Claude: {client-id: a}}\n\
         oauth-model-alias: {' Gemini-CLI ': [{name: a, alias: b}]}\noauth-excluded-models: {claude: [a]}",
    );
    assert_eq!(loaded.notices, []);
    assert_eq!(loaded.config.endpoints["acme"]["whatever"].expose(), "http://x");
}

#[test]
fn without_known_names_whatever_is_named_is_taken() {
    let text =
        "host: localhost\nendpoints: {nobody: {api: 'http://x'}}\noauth-excluded-models: {nobody: [a]}\n";
    let loaded = Loader::new(Environment::new([("HOME", "/h")])).load_str("c", text).unwrap();
    assert_eq!(loaded.notices, []);
}

#[test]
fn a_provider_that_is_not_there_is_a_warning_for_nobody_calls_it() {
    let loaded = load("endpoints: {xai: {api: 'http://x'}}\noauth-clients: {xai: {client-id: a}}");
    let said: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["c:2:13: `endpoints.xai` is not a known key and has no effect"]);
}

#[test]
fn channels_and_clients_of_nobody_are_warnings_with_place_and_nearest() {
    let nobody = "names no provider that it could be about, and has no effect";
    for (text, wanted) in [
        (
            "oauth-clients: {claud: {client-id: a}}",
            "`oauth-clients.claud` {}; did you mean `oauth-clients.claude`?",
        ),
        ("oauth-clients: {acme: {client-id: a}}", "`oauth-clients.acme` {}"),
        ("oauth-model-alias: {nobody: [{name: a, alias: b}]}", "`oauth-model-alias.nobody` {}"),
        (
            "oauth-model-mappings: {clade: [{name: a, alias: b}]}",
            "`oauth-model-mappings.clade` {}; did you mean `oauth-model-mappings.claude`?",
        ),
        (
            "oauth-excluded-models: {gemini_cli: [a]}",
            "`oauth-excluded-models.gemini_cli` {}; did you mean `oauth-excluded-models.gemini-cli`?",
        ),
        (
            "oauth-request-scoped-errors: {xai: [{status: 400, action: stop}]}",
            "`oauth-request-scoped-errors.xai` {}",
        ),
        (
            "oauth-endpoint-overrides: {clade: {api-base-url: 'http://x'}}",
            "`oauth-endpoint-overrides.clade` {}; did you mean `oauth-endpoint-overrides.claude`?",
        ),
    ] {
        let loaded = load(text);
        let said: Vec<&Notice> = loaded.notices.iter().filter(|notice| notice.is_loud()).collect();
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        let column = text.find('{').unwrap() + 2;
        assert_eq!(said[0].to_string(), format!("c:2:{column}: {}", wanted.replace("{}", nobody)), "{text}");
    }
}

#[test]
fn an_old_override_is_about_the_accounts_of_its_provider() {
    let text = "oauth-endpoint-overrides: {Codex: {api-base-url: 'http://x'}, github-copilot: {userinfo-url: 'http://y'}}";
    let names = names().with_endpoint("codex", "api").with_endpoint("codex", "backend");
    let loader = loader().known_names(names.with_endpoint("github-copilot", "user"));
    let loaded = loader.load_str("c", &format!("host: localhost\n{text}\n")).unwrap();
    assert!(!loaded.notices.iter().any(Notice::is_loud), "{:?}", loaded.notices);
    let urls = |provider: &str| loaded.config.endpoints[provider].keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (urls("codex"), urls("github-copilot")),
        (vec!["backend".to_owned()], vec!["user".to_owned()])
    );
}

#[test]
fn an_old_override_of_a_url_that_there_is_not_is_left_out_and_told() {
    let loaded =
        load("oauth-endpoint-overrides: {claude: {api-base-url: 'http://x', userinfo-url: 'http://y'}}");
    let said: Vec<String> =
        loaded.notices.iter().filter(|notice| notice.is_loud()).map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "c:2:63: `oauth-endpoint-overrides.claude.userinfo-url` is left out: it replaces no URL: those of claude are \
          `api`, `token` below `endpoints`"
        ]
    );
    assert_eq!(loaded.config.endpoints["claude"].keys().collect::<Vec<_>>(), ["api"]);
}
