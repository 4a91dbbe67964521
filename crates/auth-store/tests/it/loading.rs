use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use cliproxy_core::{CredentialId, CredentialKind, CredentialStore, StoreErrorKind};

use crate::support::Fixture;

#[tokio::test]
async fn an_existing_directory_loads_with_every_type_and_nested_files() {
    let fixture = Fixture::with(&[
        ("claude-a.json", r#"{"type":"claude","email":"a@example.com","access_token":"x"}"#),
        ("gem.JSON", r#"{"type":"gemini","project_id":"p-1","token":{}}"#),
        ("team/deep/Codex.json", "\u{feff}\n{\"type\":\" Codex \",\"label\":\"Team\"}"),
        ("strange.json", r#"{"type":"brand-new","api_key":"k"}"#),
        ("claude-a.json.cds", "{}"),
        (".oauth-anthropic-1.oauth", r#"{"code":"c"}"#),
        (".oauth-codex-2.json", r#"{"code":"c"}"#),
        (".git/x.json", r#"{"type":"claude"}"#),
        ("config.yaml", "port: 1"),
    ]);
    let listing = fixture.store.list().await.unwrap();
    assert_eq!(listing.problems, []);
    let seen: Vec<_> = listing
        .credentials
        .iter()
        .map(|c| (c.id().as_str(), c.provider().as_str(), c.settings().label.as_str(), c.kind()))
        .collect();
    assert_eq!(
        seen,
        [
            ("claude-a.json", "claude", "a@example.com", CredentialKind::Account),
            ("gem.JSON", "gemini-cli", "p-1", CredentialKind::Account),
            ("strange.json", "brand-new", "brand-new", CredentialKind::ApiKey),
            ("team/deep/Codex.json", "codex", "Team", CredentialKind::Account),
        ]
    );
}

#[tokio::test]
async fn a_listing_says_when_each_file_was_written() {
    let fixture =
        Fixture::with(&[("a.json", r#"{"type":"claude"}"#), ("team/b.json", r#"{"type":"codex"}"#)]);
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options()
        .append(true)
        .open(fixture.path("team/b.json"))
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let listing = fixture.store.list().await.unwrap();
    let written = |name: &str| listing.written[&CredentialId::new(name)];
    assert_eq!(written("team/b.json"), long_ago);
    assert!(written("a.json") > long_ago);
}

#[tokio::test]
async fn what_cannot_be_read_is_reported_with_the_next_step_and_left_untouched() {
    let big = format!(r#"{{"type":"claude","x":"{}"}}"#, "y".repeat(1024 * 1024));
    let cases = [
        ("empty.json", "", "is empty: log in again"),
        ("blank.json", " \n\t", "is empty"),
        ("broken.json", "{\"type\":\"claude\",\n \"a\": \"CANARY}", "line 2, column"),
        ("list.json", "[1]", "not a JSON object"),
        ("typeless.json", r#"{"access_token":"CANARY"}"#, "no \"type\""),
        ("type-number.json", r#"{"type":3}"#, "no \"type\""),
        ("type-blank.json", r#"{"type":" "}"#, "no \"type\""),
        ("huge.json", big.as_str(), "larger than 1 MiB"),
    ];
    let fixture = Fixture::new();
    fixture.write("good.json", r#"{"type":"claude"}"#);
    cases.iter().for_each(|(name, text, _)| fixture.write(name, text));

    let listing = fixture.store.list().await.unwrap();
    assert_eq!(listing.credentials.len(), 1);
    assert_eq!(listing.problems.len(), cases.len());
    for (name, text, expected) in cases {
        let problem = listing.problems.iter().find(|problem| problem.name == name).unwrap();
        assert!(problem.reason.contains(expected), "{name}: {}", problem.reason);
        assert!(!problem.reason.contains("CANARY"), "{}", problem.reason);
        assert_eq!(fixture.read(name), text, "{name}");
        let error = fixture.store.load(&CredentialId::new(name)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unreadable, "{name}");
        assert!(error.to_string().contains(name) && !error.to_string().contains("CANARY"), "{error}");
    }
}

#[tokio::test]
async fn folders_that_lie_too_deep_are_reported() {
    let fixture = Fixture::with(&[
        ("1/2/3/4/5/6/7/ok.json", r#"{"type":"claude"}"#),
        ("1/2/3/4/5/6/7/8/deep.json", r#"{"type":"claude"}"#),
    ]);
    let listing = fixture.store.list().await.unwrap();
    assert_eq!(listing.credentials.len(), 1);
    assert_eq!(listing.problems.len(), 1);
    assert_eq!(listing.problems[0].name, "1/2/3/4/5/6/7/8");
    assert!(fixture.store.load(listing.credentials[0].id()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_missing_directory_is_made_for_the_owner_alone_and_a_missing_file_is_none() {
    let fixture = Fixture::new();
    fs::remove_dir(fixture.store.directory()).unwrap();
    let id = CredentialId::new("a.json");
    assert!(fixture.store.load(&id).await.unwrap().is_none());
    assert!(!fixture.store.delete(&id).await.unwrap());
    assert!(fixture.store.list().await.unwrap().credentials.is_empty());
    assert!(fixture.store.load(&id).await.unwrap().is_none());
    #[cfg(unix)]
    assert_eq!(mode(fixture.store.directory()), 0o700);
}

#[tokio::test]
async fn a_directory_that_is_a_file_is_a_failure_of_the_storage() {
    let fixture = Fixture::new();
    fs::remove_dir(fixture.store.directory()).unwrap();
    fs::write(fixture.store.directory(), "x").unwrap();
    assert_eq!(fixture.store.list().await.unwrap_err().kind(), StoreErrorKind::Storage);
}

#[cfg(unix)]
pub fn mode(path: &std::path::Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}
