use cliproxy_core::{CredentialId, CredentialStore, StoreErrorKind};

use crate::support::{Fixture, login, simple};

#[tokio::test]
async fn names_that_lead_out_of_the_directory_are_refused_everywhere() {
    let fixture = Fixture::new();
    std::fs::write(fixture.folder.path().join("outside.json"), r#"{"type":"claude"}"#).unwrap();
    let long = format!("{}.json", "x".repeat(300));
    for id in [
        "",
        "/etc/a.json",
        "../outside.json",
        "a/../../outside.json",
        "a/./b.json",
        "a//b.json",
        "./a.json",
        "a\0.json",
        "a\n.json",
        "..\\outside.json",
        "C:\\a.json",
        "c:a.json",
        "a.txt",
        ".json",
        "claude:apikey:0a1b",
        ".locks/a.json",
        ".git/a.json",
        ".oauth-codex-1.json",
        "1/2/3/4/5/6/7/8/a.json",
        long.as_str(),
    ] {
        let named = CredentialId::new(id);
        let kinds = [
            fixture.store.load(&named).await.unwrap_err().kind(),
            fixture.store.delete(&named).await.unwrap_err().kind(),
            fixture.store.lease(&named).await.unwrap_err().kind(),
            fixture.store.save(&login(id, simple())).await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [StoreErrorKind::InvalidId; 4], "{id:?}");
    }
    assert!(fixture.folder.path().join("outside.json").exists());
    assert!(fixture.names().is_empty());
}

#[tokio::test]
async fn unusual_but_harmless_names_work() {
    let fixture = Fixture::new();
    for id in ["a b+c@example.com.json", "ä-日本.json", "..a.json", "claude::x.JSON", "team.d/a..b.json"] {
        fixture.store.save(&login(id, simple())).await.unwrap();
        assert_eq!(fixture.load(id).await.id().as_str(), id);
    }
    assert_eq!(fixture.store.list().await.unwrap().credentials.len(), 5);
}

#[tokio::test]
async fn a_credential_whose_file_is_another_one_is_refused() {
    let fixture = Fixture::new();
    let two = cliproxy_core::Credential::new(
        CredentialId::new("a.json"),
        "claude".into(),
        cliproxy_core::CredentialKind::Account,
        cliproxy_core::Origin::Store("b.json".to_owned()),
        cliproxy_core::Document::default(),
        cliproxy_core::Settings::new("x"),
    );
    assert_eq!(fixture.store.save(&two).await.unwrap_err().kind(), StoreErrorKind::InvalidId);
}
