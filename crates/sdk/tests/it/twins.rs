//! Two logins with one refresh token that works once: it is spent once, whoever asks, in whatever order.
// Source: providers-a.md 9 "One refresh in flight per refresh token"; providers-b.md 1.4; RFC 9700 §4.14.2.

use std::time::{Duration, SystemTime};

use cliproxy_auth_store::FileStore;
use cliproxy_sdk::Service;
use cliproxy_sdk::command::{CommandError, CredentialCommand, run_credentials};
use cliproxy_sdk::core::{CredentialId, CredentialStore};
use cliproxy_testkit::{FakeTokenEndpoint, FakeUpstream, Reuse};
use serde_json::{Value, json};

use crate::kiro_entries::{self, MODEL, endpoints, serving, token_file};
use crate::logins::stored;
use crate::place::{Place, ask, text};

/// A place with a token endpoint that is as strict as they come: the second use of a token ends the account.
pub async fn strict() -> (Place, FakeTokenEndpoint) {
    let tokens = FakeTokenEndpoint::start(["R0"]).await;
    tokens.set_reuse(Reuse::Revokes);
    let place = Place::new();
    place.write(&format!("endpoints: {{claude: {{token: '{url}', api: '{url}'}}}}\n", url = tokens.url()));
    (place, tokens)
}

/// A login with a refresh token; whether it is due at once.
pub fn login(token: &str, is_due: bool) -> Value {
    let year = if is_due { 2020 } else { 2100 };
    json!({"type": "claude", "access_token": "A0", "refresh_token": token, "expired": format!("{year}-01-01T00:00:00Z")})
}

/// Those that are used.
pub fn used(service: &Service) -> Vec<String> {
    let all = service.conductor().credentials().into_iter().map(|status| status.credential);
    let used = all.filter(|one| !one.settings().disabled && one.provider().as_str() != "demo");
    used.map(|one| one.id().as_str().to_owned()).collect()
}

/// Older than what is written now.
pub fn written_before(place: &Place, name: &str) {
    let file = std::fs::File::options().append(true).open(place.auth_dir().join(name)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

pub async fn run(place: &Place, command: CredentialCommand, as_json: bool) -> Result<String, CommandError> {
    let config = place.config();
    run_credentials(&config, &place.environment, &command, as_json, std::future::pending()).await
}

/// The state that `credentials` lists for one.
pub async fn state(place: &Place, name: &str) -> String {
    let listed = run(place, CredentialCommand::List, true).await.unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let row = listed.as_array().unwrap().iter().find(|row| row["name"] == name);
    row.unwrap_or_else(|| panic!("{name} in {listed}"))["state"].as_str().unwrap().to_owned()
}

pub fn refresh(name: &str) -> CredentialCommand {
    CredentialCommand::Refresh { name: name.to_owned() }
}

fn enable(name: &str, enabled: bool) -> CredentialCommand {
    CredentialCommand::Enable { name: name.to_owned(), enabled }
}

/// Waits until a file has the token that a renewal brought.
pub async fn renewed(place: &Place, name: &str, tokens: &FakeTokenEndpoint) {
    let path = place.auth_dir().join(name);
    let kept = async {
        while !std::fs::read_to_string(&path).unwrap().contains("refresh-1") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), kept).await.is_ok(), "{:?}", tokens.redemptions());
}

#[tokio::test]
async fn two_files_with_one_refresh_token_spend_it_once_in_every_process_and_the_other_is_named() {
    let (place, tokens) = strict().await;
    let (name, copy) = ("claude-me.json", "claude-me (copy).json");
    for name in [name, copy] {
        stored(&place, name, &login("R0", true));
    }
    written_before(&place, name);
    assert_eq!(state(&place, name).await, "ready");
    let why = state(&place, copy).await;
    assert!(
        why.contains("refresh token of claude-me.json") && why.contains("(claude-me (copy).json)"),
        "{why}"
    );

    let service = place.serve().await;
    renewed(&place, name, &tokens).await;
    // Their tokens differ by now, and the other one's is spent: for a command, a second server, the next start.
    let why = state(&place, copy).await;
    assert!(
        why.contains("spent: claude-me.json") && why.contains("delete this one (claude-me (copy).json)"),
        "{why}"
    );
    assert!(run(&place, refresh(copy), true).await.is_err());
    let second = place.serve().await;
    service.reload().await.unwrap();
    assert_eq!((used(&service), used(&second)), (vec![name.to_owned()], vec![name.to_owned()]));
    second.stop().await;
    service.stop().await;
    let service = place.serve().await;
    assert_eq!(used(&service), [name]);
    // Not even while that one is out of use, or somebody writes its file.
    let path = place.auth_dir().join(name);
    let kept = std::fs::read_to_string(&path).unwrap();
    let mut off: Value = serde_json::from_str(&kept).unwrap();
    off["disabled"] = json!(true);
    for meanwhile in [off.to_string(), r#"{"type":"cla"#.to_owned()] {
        std::fs::write(&path, &meanwhile).unwrap();
        service.reload().await.unwrap();
        assert!(!used(&service).contains(&copy.to_owned()), "{meanwhile}");
        std::fs::write(&path, &kept).unwrap();
        service.reload().await.unwrap();
        assert_eq!(used(&service), [name]);
    }
    // Its own login, and both serve.
    stored(&place, copy, &login("S0", false));
    service.reload().await.unwrap();
    assert_eq!(used(&service).len(), 2);
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
    service.stop().await;
}

#[tokio::test]
async fn a_copy_that_appears_while_the_original_is_renewed_is_not_used_whatever_it_is_called() {
    let (place, tokens) = strict().await;
    tokens.set_delays([Duration::from_millis(500)]);
    stored(&place, "claude-me.json", &login("R0", true));
    let service = place.serve().await;
    while tokens.redemptions().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Its token is spent, and its answer on the way.
    stored(&place, "backup.json", &login("R0", true));
    written_before(&place, "backup.json");
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["claude-me.json"]);
    renewed(&place, "claude-me.json", &tokens).await;
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["claude-me.json"]);
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
    service.stop().await;
}

/// A server that uses `a.json`, and a copy that every other process takes for the original.
async fn disagreeing() -> (Place, FakeTokenEndpoint, Service) {
    let (place, tokens) = strict().await;
    stored(&place, "a.json", &login("R0", false));
    let service = place.serve().await;
    stored(&place, "b.json", &login("R0", false));
    written_before(&place, "b.json");
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["a.json"]);
    assert_eq!(state(&place, "b.json").await, "ready");
    (place, tokens, service)
}

#[tokio::test]
async fn a_token_that_another_process_spent_in_another_file_is_not_spent_again() {
    let (place, tokens, service) = disagreeing().await;
    run(&place, refresh("b"), true).await.unwrap();
    let error = service.conductor().renew(&CredentialId::new("a.json")).await.unwrap_err().to_string();
    assert!(error.contains("delete a.json, not b.json") && error.contains("was not spent"), "{error}");
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["b.json"]);
    service.stop().await;
}

#[tokio::test]
async fn two_processes_that_renew_two_files_with_one_token_do_it_in_turn() {
    let (place, tokens, service) = disagreeing().await;
    tokens.set_delays([Duration::from_millis(500)]);
    let id = CredentialId::new("a.json");
    let other = async {
        while tokens.redemptions().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        run(&place, refresh("b"), true).await
    };
    let (renewed, refused) = tokio::join!(service.conductor().renew(&id), other);
    renewed.unwrap();
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("not a.json"), "{refused}");
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
    service.stop().await;
}

#[tokio::test]
async fn one_that_is_switched_off_before_a_renewal_makes_room_for_the_other() {
    let (place, tokens) = strict().await;
    for name in ["a.json", "b.json"] {
        stored(&place, name, &login("R0", false));
    }
    written_before(&place, "a.json");
    let service = place.serve().await;
    assert_eq!(used(&service), ["a.json"]);
    let said = run(&place, enable("a", false), false).await.unwrap();
    assert!(said.contains("note: the same refresh token is in b.json"), "{said}");
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["b.json"]);
    assert_eq!(state(&place, "b.json").await, "ready");
    // Back again, it waits for the one that serves by now.
    let said = run(&place, enable("a", true), true).await.unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert!(said["note"].as_str().unwrap().contains("only b.json is used"), "{said}");
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["b.json"]);
    service.stop().await;
    // And when that was renewed, its own token is spent for good.
    run(&place, refresh("b"), true).await.unwrap();
    let why = run(&place, refresh("a"), true).await.unwrap_err().to_string();
    assert!(why.contains("delete this one (a.json), not b.json"), "{why}");
    let said = run(&place, CredentialCommand::Remove { name: "b".to_owned() }, false).await.unwrap();
    assert!(said.contains("a.json cannot take its place"), "{said}");
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
}

#[tokio::test]
async fn a_copy_that_appears_while_the_original_cannot_be_read_is_not_used() {
    let (place, _tokens) = strict().await;
    let kept = login("R0", false);
    stored(&place, "b.json", &kept);
    let service = place.serve().await;
    std::fs::write(place.auth_dir().join("b.json"), r#"{"type":"cla"#).unwrap();
    stored(&place, "a.json", &kept);
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["b.json"], "it goes on from memory");
    stored(&place, "b.json", &kept);
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["b.json"]);
    service.stop().await;
}

#[tokio::test]
async fn a_login_that_is_left_out_for_another_is_neither_renewed_nor_tested_by_itself() {
    let (place, tokens) = strict().await;
    for name in ["a.json", "b.json"] {
        stored(&place, name, &login("R0", true));
    }
    written_before(&place, "a.json");
    let why = state(&place, "b.json").await;
    assert!(why.contains("refresh token of a.json"), "{why}");
    for command in [
        CredentialCommand::Test { name: "b".to_owned(), model: None, lists_within: Duration::ZERO },
        refresh("b"),
    ] {
        for as_json in [false, true] {
            let error = run(&place, command.clone(), as_json).await.unwrap_err();
            assert!(matches!(error, CommandError::Refused { .. }), "{command:?}: {error}");
            assert_eq!(error.to_string(), format!("b.json: {why}"));
        }
    }
    assert!(tokens.redemptions().is_empty(), "the token of the other one is not spent");
    run(&place, refresh("a"), true).await.unwrap();
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
}

#[tokio::test]
async fn an_entry_of_kiro_and_an_import_of_the_same_login_spend_its_token_once() {
    // Source: providers-b.md 1.3: one way to log in has several names, and an entry has none.
    for (own, method) in [(true, "social"), (true, "google"), (false, "github")] {
        let upstream = FakeUpstream::start().await;
        serving(&upstream, &["A2"]);
        let place = Place::new();
        let file = token_file(&place, &json!({}));
        let entry = match own {
            true => "access-token: A1, refresh-token: R1".to_owned(),
            false => format!("token-file: '{}'", file.display()),
        };
        place.write(&format!("{}kiro: [{{{entry}}}]\n", endpoints(&upstream)));
        let import =
            json!({"type": "kiro", "auth_method": method, "access_token": "A1", "refresh_token": "R1"});
        stored(&place, "z.json", &import);
        let told = state(&place, "z.json").await;
        assert!(
            told.contains("refresh token of kiro:") && told.contains("delete this one (z.json)"),
            "{told}"
        );
        let service = place.serve().await;
        assert_eq!(kiro_entries::count(&service), 1, "{method}");
        assert_eq!(text(ask(&service, MODEL).await).await, "fine");
        service.stop().await;
        // The entry was renewed, and the import's token is spent.
        let service = place.serve().await;
        assert_eq!(kiro_entries::count(&service), 1, "{method}");
        assert_eq!(text(ask(&service, MODEL).await).await, "fine");
        service.stop().await;
        let checked = cliproxy_sdk::stored_credentials(&place.config()).await.unwrap();
        let import = checked.iter().find(|known| known.name == "z.json").unwrap();
        let problem = import.problem.as_deref().unwrap();
        assert!(problem.contains("its refresh token is spent: kiro:"), "{problem}");
        assert_eq!(kiro_entries::spent(&upstream), ["R1"], "own={own}");
        if !own {
            let file = kiro_entries::read(&file);
            assert!(file["refreshLineage"].is_string() && file.get("refresh_lineage").is_none(), "{file}");
        }
    }
}

#[tokio::test]
async fn an_old_file_in_the_place_of_a_renewed_one_is_not_spent_again() {
    for reloads in [false, true] {
        let (place, tokens) = strict().await;
        stored(&place, "a.json", &login("R0", false));
        let service = place.serve().await;
        let id = CredentialId::new("a.json");
        for _ in 0..2 {
            service.conductor().renew(&id).await.unwrap();
        }
        let mut old = login("R0", false);
        old["note"] = json!("edited");
        stored(&place, "a.json", &old);
        if reloads {
            service.reload().await.unwrap();
            service.conductor().until_saved(&id).await.unwrap();
            let kept = std::fs::read_to_string(place.auth_dir().join("a.json")).unwrap();
            assert!(kept.contains("refresh-2") && kept.contains("edited"), "{kept}");
        }
        service.conductor().renew(&id).await.unwrap();
        let kept = std::fs::read_to_string(place.auth_dir().join("a.json")).unwrap();
        assert!(kept.contains("refresh-3") && kept.contains("edited"), "{kept}");
        assert_eq!((tokens.redemptions().len(), tokens.reuses()), (3, 0));
        service.stop().await;
    }
}

#[tokio::test]
async fn a_file_that_another_program_wrote_without_the_note_is_known_by_it_all_the_same() {
    let (place, tokens) = strict().await;
    stored(&place, "a.json", &login("R0", false));
    let service = place.serve().await;
    let id = CredentialId::new("a.json");
    let path = place.auth_dir().join("a.json");
    let mut backup = String::new();
    for _ in 0..3 {
        backup = std::fs::read_to_string(&path).unwrap();
        service.conductor().renew(&id).await.unwrap();
    }
    let mut rewritten: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    rewritten.as_object_mut().unwrap().remove("refresh_lineage").unwrap();
    stored(&place, "a.json", &rewritten);
    std::fs::write(place.auth_dir().join("b.json"), backup).unwrap();
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["a.json"]);
    service.conductor().until_saved(&id).await.unwrap();
    service.stop().await;
    // The note is in the file again, for every other process.
    let why = state(&place, "b.json").await;
    assert!(why.contains("spent: a.json"), "{why}");
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (3, 0));
}

#[tokio::test]
async fn a_file_that_is_renamed_while_it_is_renewed_gets_the_tokens_under_its_new_name() {
    let (place, tokens) = strict().await;
    tokens.set_delays([Duration::from_millis(500)]);
    stored(&place, "a.json", &login("R0", true));
    let service = place.serve().await;
    while tokens.redemptions().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (old, new) = (place.auth_dir().join("a.json"), place.auth_dir().join("b.json"));
    std::fs::rename(&old, &new).unwrap();
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["a.json"], "its token is at the provider");
    let id = CredentialId::new("a.json");
    while !service.conductor().credential(&id).unwrap().unsaved {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Somebody has the turn at the file: what it has is in memory all the same.
    let store = FileStore::new(place.auth_dir());
    let turn = store.lease(&CredentialId::new("b.json")).await.unwrap();
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["a.json"]);
    drop(turn);
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["b.json"]);
    assert!(std::fs::read_to_string(&new).unwrap().contains("refresh-1") && !old.exists());
    service.conductor().renew(&CredentialId::new("b.json")).await.unwrap();
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (2, 0));
    service.stop().await;
}

#[tokio::test]
async fn a_copy_that_a_server_never_saw_and_another_process_renewed_does_not_make_it_spend_the_token_again() {
    let (place, tokens) = strict().await;
    stored(&place, "a.json", &login("R0", false));
    let service = place.serve().await;
    stored(&place, "0.json", &login("R0", false));
    written_before(&place, "0.json");
    run(&place, refresh("0"), true).await.unwrap();
    let error = service.conductor().renew(&CredentialId::new("a.json")).await.unwrap_err().to_string();
    assert!(error.contains("refresh token of a.json") && error.contains("was not spent"), "{error}");
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["0.json"]);
    // A login in that file is one of its own.
    let path = place.auth_dir().join("a.json");
    let mut anew: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(anew["refresh_spent"].is_string());
    anew["refresh_token"] = json!("S0");
    stored(&place, "a.json", &anew);
    service.reload().await.unwrap();
    assert_eq!(used(&service), ["0.json", "a.json"]);
    let refused = service.conductor().renew(&CredentialId::new("a.json")).await.unwrap_err().to_string();
    assert!(!refused.contains("was not spent"), "{refused}");
    service.stop().await;
}

#[tokio::test]
async fn a_copy_that_is_left_alone_with_a_spent_token_is_named_and_not_renewed() {
    let (place, tokens) = strict().await;
    stored(&place, "a.json", &login("R0", false));
    stored(&place, "b.json", &login("R0", false));
    written_before(&place, "a.json");
    run(&place, refresh("a"), true).await.unwrap();
    for gone in [false, true] {
        let path = place.auth_dir().join("a.json");
        if gone {
            std::fs::remove_file(path).unwrap();
        } else {
            std::fs::write(path, r#"{"type":"cla"#).unwrap();
        }
        let why = state(&place, "b.json").await;
        assert!(why.contains("spent: another file was renewed") && why.contains("log in anew"), "{why}");
        let service = place.serve().await;
        assert!(used(&service).is_empty());
        service.stop().await;
        let error = run(&place, refresh("b"), true).await.unwrap_err();
        assert!(matches!(error, CommandError::Refused { .. }), "{error}");
    }
    assert_eq!((tokens.redemptions().len(), tokens.reuses()), (1, 0));
}

#[tokio::test]
async fn logins_that_nothing_renews_may_have_one_refresh_token() {
    let place = Place::new();
    place.write("");
    for name in ["a.json", "b.json"] {
        let at = format!("http://127.0.0.1:1/{name}");
        let login = json!({"type": "acme", "access_token": "A0", "refresh_token": "R0", "base_url": at});
        stored(&place, name, &login);
    }
    let service = place.serve().await;
    assert_eq!(used(&service), ["a.json", "b.json"]);
    service.stop().await;
}
