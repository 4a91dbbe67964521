//! A login loses its file while its token is at the provider: what comes back gets into another file of its line, whoever asks
//! and whenever the end comes. Source: design.md §5.

use std::path::PathBuf;
use std::time::Duration;

use cliproxy_auth_store::FileStore;
use cliproxy_sdk::Service;
use cliproxy_sdk::command::CredentialCommand;
use cliproxy_sdk::core::{CredentialId, CredentialStore};
use cliproxy_testkit::{FakeTokenEndpoint, FakeUpstream, status};
use serde_json::{Value, json};

use crate::logins::stored;
use crate::place::Place;
use crate::twins::{login, refresh, renewed, run, state, strict, used, written_before};

/// A place with a login that is due, whose provider takes a while to answer.
async fn due() -> (Place, FakeTokenEndpoint) {
    let (place, tokens) = strict().await;
    tokens.set_delays([Duration::from_millis(500)]);
    stored(&place, "a.json", &login("R0", true));
    (place, tokens)
}

/// Waits until the provider has the token.
async fn asked(tokens: &FakeTokenEndpoint) {
    let asked = async {
        while tokens.redemptions().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), asked).await.is_ok());
}

/// Waits until what came back has no file.
async fn unsaved(service: &Service) {
    while !service.conductor().credential(&CredentialId::new("a.json")).unwrap().unsaved {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn file(place: &Place, name: &str) -> PathBuf {
    place.auth_dir().join(name)
}

fn rename(place: &Place) {
    std::fs::rename(file(place, "a.json"), file(place, "b.json")).unwrap();
}

fn token(place: &Place, name: &str) -> String {
    let text = std::fs::read_to_string(file(place, name)).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["refresh_token"].as_str().unwrap().to_owned()
}

/// These are used, `heir` by what the renewal brought, which is good for another.
async fn assert_lives(
    place: &Place,
    service: &Service,
    tokens: &FakeTokenEndpoint,
    heir: &str,
    all: &[&str],
) {
    assert_eq!(used(service), all);
    assert_eq!((token(place, heir).as_str(), tokens.redemptions().len()), ("refresh-1", 1));
    service.conductor().renew(&CredentialId::new(heir)).await.unwrap();
    assert_eq!((token(place, heir).as_str(), tokens.reuses()), ("refresh-2", 0));
}

#[tokio::test]
async fn a_stop_after_a_rename_in_a_renewal_leaves_its_tokens_in_the_new_file() {
    for backup in [None, Some("a-backup.json"), Some("z-backup.json")] {
        let (place, tokens) = due().await;
        if let Some(name) = backup {
            let mut off = login("R0", true);
            off["disabled"] = json!(true);
            stored(&place, name, &off);
        }
        let service = place.serve().await;
        asked(&tokens).await;
        rename(&place);
        service.stop().await;
        assert!(!file(&place, "a.json").exists());
        let service = place.serve().await;
        assert_lives(&place, &service, &tokens, "b.json", &["b.json"]).await;
        service.stop().await;
    }
}

#[tokio::test]
async fn a_login_that_is_deleted_beside_its_copy_in_a_renewal_goes_on_in_the_copy() {
    for reloads in [false, true] {
        let (place, tokens) = due().await;
        written_before(&place, "a.json");
        stored(&place, "copy.json", &login("R0", true));
        let service = place.serve().await;
        asked(&tokens).await;
        assert_eq!(used(&service), ["a.json"]);
        std::fs::remove_file(file(&place, "a.json")).unwrap();
        let service = if reloads {
            unsaved(&service).await;
            service.reload().await.unwrap();
            service
        } else {
            service.stop().await;
            place.serve().await
        };
        assert_lives(&place, &service, &tokens, "copy.json", &["copy.json"]).await;
        service.stop().await;
    }
}

#[tokio::test]
async fn a_file_that_is_renamed_and_gets_another_login_in_a_renewal_costs_neither() {
    enum Then {
        Reload,
        ReloadLater,
        ReloadWhileItsFileIsTaken,
        Stop,
    }
    for then in [Then::Reload, Then::ReloadLater, Then::ReloadWhileItsFileIsTaken, Then::Stop] {
        let (place, tokens) = due().await;
        let service = place.serve().await;
        asked(&tokens).await;
        rename(&place);
        if matches!(then, Then::ReloadLater | Then::ReloadWhileItsFileIsTaken) {
            unsaved(&service).await;
        }
        stored(&place, "a.json", &login("S0", false));
        let service = match then {
            Then::Reload => {
                service.reload().await.unwrap();
                assert_eq!(used(&service), ["a.json"], "the other one's token is at the provider");
                renewed(&place, "b.json", &tokens).await;
                service.reload().await.unwrap();
                service
            }
            Then::ReloadLater => {
                service.reload().await.unwrap();
                service
            }
            Then::ReloadWhileItsFileIsTaken => {
                let store = FileStore::new(place.auth_dir());
                let turn = store.lease(&CredentialId::new("b.json")).await.unwrap();
                service.reload().await.unwrap();
                assert_eq!(used(&service), ["a.json"], "what the other one has is spent");
                let why = state(&place, "b.json").await;
                assert!(why.contains("its refresh token is spent"), "{why}");
                drop(turn);
                renewed(&place, "b.json", &tokens).await;
                service.reload().await.unwrap();
                service
            }
            Then::Stop => {
                service.stop().await;
                place.serve().await
            }
        };
        assert_eq!(token(&place, "a.json"), "S0");
        assert_lives(&place, &service, &tokens, "b.json", &["a.json", "b.json"]).await;
        service.stop().await;
    }
}

/// As above, and what gets the name is another provider's, or no login that could be renewed.
#[tokio::test]
async fn a_file_that_is_renamed_and_gives_its_name_to_a_file_of_another_kind_costs_nothing() {
    let codex = json!({"type": "codex", "access_token": "A9", "refresh_token": "S0", "expired": "2099-01-01T00:00:00Z"});
    let bare = json!({"type": "claude", "access_token": "A9"});
    let odd = json!({"type": "nobody-knows", "refresh_token": "S0"});
    for (other, is_used) in [(codex, true), (bare, true), (odd, false)] {
        for later in [false, true] {
            let (place, tokens) = due().await;
            let service = place.serve().await;
            asked(&tokens).await;
            rename(&place);
            if later {
                unsaved(&service).await;
            }
            stored(&place, "a.json", &other);
            service.reload().await.unwrap();
            if !later {
                // In place of what has its file, or from memory.
                assert_eq!(used(&service), ["a.json"], "{other}: the other one's token is at the provider");
                renewed(&place, "b.json", &tokens).await;
                service.reload().await.unwrap();
            }
            let all: &[&str] = if is_used { &["a.json", "b.json"] } else { &["b.json"] };
            assert_lives(&place, &service, &tokens, "b.json", all).await;
            let kept: Value =
                serde_json::from_slice(&std::fs::read(file(&place, "a.json")).unwrap()).unwrap();
            assert_eq!(kept, other, "nothing is written over it");
            service.stop().await;
        }
    }
}

#[tokio::test]
async fn a_rename_while_a_command_renews_costs_nothing() {
    let test = || CredentialCommand::Test {
        name: "a".to_owned(),
        model: Some("claude-sonnet-4-5".to_owned()),
        lists_within: Duration::ZERO,
    };
    for (command, replaced) in [(refresh("a"), false), (refresh("a"), true), (test(), false), (test(), true)]
    {
        let (place, tokens) = due().await;
        let api = FakeUpstream::start().await;
        api.script_all([status(401)]);
        place.write(&format!("endpoints: {{claude: {{token: '{}', api: '{}'}}}}\n", tokens.url(), api.url()));
        let renaming = async {
            asked(&tokens).await;
            rename(&place);
            if replaced {
                stored(&place, "a.json", &login("S0", false));
            }
        };
        let (done, ()) = tokio::join!(run(&place, command.clone(), true), renaming);
        assert_eq!(done.is_ok(), matches!(command, CredentialCommand::Refresh { .. }), "{done:?}");
        let service = place.serve().await;
        let all: &[&str] = if replaced { &["a.json", "b.json"] } else { &["b.json"] };
        assert_lives(&place, &service, &tokens, "b.json", all).await;
        service.stop().await;
    }
}
