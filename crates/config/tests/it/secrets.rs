//! Put a canary everywhere, format everything, find nothing.

use cliproxy_config::{ConfigText, Document, Edit, Environment, Loader};

use crate::{SAFE, try_load};

const TEXT: &str = "
host: 127.0.0.1
api-keys: [CANARY]
ws-keys: [CANARY]
proxy-url: http://user:CANARY@proxy:1/?token=CANARY
remote-management: {secret-key: CANARY}
claude-api-key:
  - {api-key: CANARY, base-url: 'https://u:CANARY@h/p?key=CANARY', proxy-url: 'socks5://u:CANARY@h:1', headers: {authorization: CANARY}}
gemini-api-key: [{api-key: CANARY}]
generative-language-api-key: [CANARY]
openai-compatibility:
  - {name: n, base-url: 'https://h', headers: {x: CANARY}, api-key-entries: [{api-key: CANARY, proxy-url: 'http://u:CANARY@h'}], api-keys: [CANARY]}
kiro: [{access-token: CANARY, refresh-token: CANARY}]
oauth-clients: {p: {client-id: id, client-secret: CANARY}}
endpoints: {p: {api: 'https://u:CANARY@h/x#CANARY'}}
auth: {providers: [{type: config-api-key, api-keys: [CANARY]}]}
";

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let environment = Environment::new([
        ("ANTHROPIC_API_KEY", "CANARY-env"),
        ("MANAGEMENT_PASSWORD", "CANARY"),
        ("IFLOW_CLIENT_SECRET", "CANARY"),
        ("PGSTORE_DSN", "postgres://u:CANARY@h"),
    ])
    .with_dotenv(".env", "X=CANARY\nCANARY broken\n");
    let loader = Loader::new(environment.clone());
    let loaded = loader.load_str("config.yaml", TEXT).unwrap();
    let text = ConfigText::parse("config.yaml", TEXT).unwrap();
    let document = Document::parse("config.yaml", TEXT).unwrap();
    let edit = Edit::set(["api-keys"], vec!["CANARY"]);
    let mut all =
        format!("{environment:?} {loader:?} {loaded:?} {:#?} {text:?} {document:?} {edit:?}", loaded.config);
    for notice in &loaded.notices {
        all.push_str(&format!("{notice} {notice:?}"));
    }
    if let Some(url) = loaded.config.endpoints["p"].get("api") {
        all.push_str(&url.to_string());
    }
    assert!(all.contains("redacted"), "the test looks at secrets at all");
    assert!(!all.contains("CANARY"), "{all}");
}

#[test]
fn mistakes_in_keys_that_hold_secrets_do_not_repeat_the_value() {
    for text in [
        "api-keys: CANARY",
        "api-keys: {a: CANARY}",
        "api-keys: [[CANARY]]",
        "ws-keys: CANARY",
        "ws-keys: [{a: CANARY}]",
        "claude-api-key: [{api-key: [CANARY]}]",
        "claude-api-key: [CANARY]",
        "claude-api-key: CANARY",
        "claude-api-key: [{api-key: k, headers: {a: \"CANARY\\nx\"}}]",
        "claude-api-key: [{api-key: k, headers: CANARY}]",
        "proxy-url: 'CANARY@host'",
        "proxy-url: 'user:CANARY@host:80'",
        "proxy-url: 'ftp://user:CANARY@host'",
        "proxy-url: 'http://user:CANARY@host:port'",
        "proxy-url: 'http://user:CANARY @host'",
        "endpoints: {p: {api: 'https://u:CANARY@'}}",
        "kiro: [{access-token: {x: CANARY}}]",
        "remote-management: {secret-key: [CANARY]}",
        "oauth-clients: {p: CANARY}",
        "api-keys:\n  - \"CANARY\n",
        "api-keys: [CANARY\n",
    ] {
        let errors = try_load(&format!("{SAFE}{text}\n")).expect_err(text);
        assert!(
            !errors.to_string().contains("CANARY") && !format!("{errors:?}").contains("CANARY"),
            "{text}: {errors}"
        );
    }
}
