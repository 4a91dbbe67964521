use std::fs;

use cliproxy_core::{
    Credential, CredentialId, CredentialKind, CredentialStore, Document, Origin, ProviderId, Settings,
    StoreErrorKind,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Fixture, changed, login, object, simple, without};

#[tokio::test]
async fn a_renewal_changes_only_its_members_and_keeps_order_and_spelling() {
    let fixture = Fixture::with(&[(
        "a.json",
        "{\n  \"zeta\": {\"n\": 123456789012345678901234567890, \"s\": \"a b\\u00e9\"},\n  \"type\": \"claude\",\n  \
         \"access_token\": \"old\",\n  \"f\": 1.50,\n  \"\\u0061lpha\": [ 1, \"\\\" , {\" ]\n}\n",
    )]);
    let credential = changed(&fixture.load("a.json").await, json!({"access_token": "new", "expired": 5}));
    fixture.store.save(&credential).await.unwrap();
    assert_eq!(
        fixture.read("a.json"),
        "{\"zeta\":{\"n\":123456789012345678901234567890,\"s\":\"a b\\u00e9\"},\"type\":\"claude\",\
         \"access_token\":\"new\",\"f\":1.50,\"alpha\":[1,\"\\\" , {\"],\"expired\":5}\n"
    );
    #[cfg(unix)]
    assert_eq!(crate::loading::mode(&fixture.path("a.json")), 0o600);
    assert_eq!(fixture.names(), ["a.json"], "no temporary file stays");
}

/// One member of three texts: as loaded, as we have it, as it is on disk when we save.
#[tokio::test]
async fn a_save_merges_three_ways() {
    let absent = Value::Null;
    for (name, loaded, ours, disk, expected) in [
        ("we changed it", json!(1), json!(2), json!(1), json!(2)),
        ("they changed it", json!(1), json!(1), json!(3), json!(3)),
        ("both changed it: ours", json!(1), json!(2), json!(3), json!(2)),
        ("they added it", absent.clone(), absent.clone(), json!(3), json!(3)),
        ("we added it", absent.clone(), json!(2), absent.clone(), json!(2)),
        ("both added it: ours", absent.clone(), json!(2), json!(3), json!(2)),
        ("they removed it", json!(1), json!(1), absent.clone(), absent.clone()),
        ("they removed what we changed: ours", json!(1), json!(2), absent.clone(), json!(2)),
        ("we removed it", json!(1), absent.clone(), json!(1), absent.clone()),
        ("we removed what they changed: ours", json!(1), absent.clone(), json!(3), absent.clone()),
    ] {
        let text = |value: &Value| {
            let mut map = object(json!({"type": "claude", "first": 0}));
            if !value.is_null() {
                map.insert("x".to_owned(), value.clone());
            }
            map.insert("last".to_owned(), json!(9));
            Value::Object(map).to_string()
        };
        let fixture = Fixture::with(&[("a.json", &text(&loaded))]);
        let before = fixture.load("a.json").await;
        let after = if ours.is_null() { without(&before, "x") } else { changed(&before, json!({"x": ours})) };
        fixture.write("a.json", &text(&disk));
        fixture.store.save(&after).await.unwrap();
        let saved: Value = serde_json::from_str(&fixture.read("a.json")).unwrap();
        assert_eq!(saved.get("x").cloned().unwrap_or(Value::Null), expected, "{name}");
        assert_eq!(saved["last"], 9, "{name}");
        let first = saved.as_object().unwrap().keys().take(2).map(String::as_str).collect::<Vec<_>>();
        assert_eq!(first, ["type", "first"], "{name}: the order stays");
    }
}

#[tokio::test]
async fn a_stale_copy_does_not_bring_an_old_token_back() {
    let fixture = Fixture::with(&[("a.json", r#"{"type":"claude","refresh_token":"1"}"#)]);
    let stale = fixture.load("a.json").await;
    fixture.store.save(&changed(&stale, json!({"refresh_token": "2"}))).await.unwrap();
    // Somebody who still has the first copy sets a note.
    fixture.store.save(&changed(&stale, json!({"note": "mine"}))).await.unwrap();
    assert_eq!(fixture.read("a.json"), "{\"type\":\"claude\",\"refresh_token\":\"2\",\"note\":\"mine\"}\n");
}

#[tokio::test]
async fn changes_add_up_until_a_save_succeeds_and_can_be_taken_back() {
    let fixture = Fixture::with(&[("a.json", r#"{"type":"claude","refresh_token":"1","expired":1}"#)]);
    let first = changed(&fixture.load("a.json").await, json!({"refresh_token": "2", "expired": 2}));
    let second = changed(&first, json!({"expired": 3}));
    fixture.store.save(&second).await.unwrap();
    assert_eq!(fixture.read("a.json"), "{\"type\":\"claude\",\"refresh_token\":\"2\",\"expired\":3}\n");
    let back = changed(&second, json!({"refresh_token": "1", "expired": 1}));
    fixture.store.save(&back).await.unwrap();
    assert_eq!(fixture.read("a.json"), "{\"type\":\"claude\",\"refresh_token\":\"1\",\"expired\":1}\n");
}

#[tokio::test]
async fn a_new_login_over_an_old_file_keeps_what_the_user_added() {
    let fixture = Fixture::with(&[(
        "a.json",
        r#"{"prefix":"team","type":"claude","access_token":"old","disabled":true}"#,
    )]);
    fixture.store.save(&login("a.json", simple())).await.unwrap();
    assert_eq!(
        fixture.read("a.json"),
        "{\"prefix\":\"team\",\"type\":\"claude\",\"access_token\":\"a\",\"disabled\":true,\"refresh_token\":\"r\"}\n"
    );
}

#[tokio::test]
async fn a_new_credential_gets_its_folder_its_type_and_its_modes() {
    let fixture = Fixture::new();
    fixture.store.save(&login("team/a.json", json!({"access_token": "a"}))).await.unwrap();
    assert_eq!(fixture.read("team/a.json"), "{\"access_token\":\"a\",\"type\":\"claude\"}\n");
    #[cfg(unix)]
    {
        assert_eq!(crate::loading::mode(&fixture.path("team")), 0o700);
        assert_eq!(crate::loading::mode(&fixture.path("team/a.json")), 0o600);
    }
    assert_eq!(fixture.load("team/a.json").await.provider().as_str(), "claude");
}

#[tokio::test]
async fn an_equal_document_is_not_written() {
    let text = "{ \"type\":\"claude\" ,\"a\": {\"c\":1, \"b\":2}}";
    let fixture = Fixture::with(&[("a.json", text)]);
    let loaded = fixture.load("a.json").await;
    fixture.store.save(&loaded).await.unwrap();
    fixture.store.save(&changed(&loaded, json!({"a": {"b": 2, "c": 1}}))).await.unwrap();
    fixture.store.save(&login("a.json", json!({"type": "claude"}))).await.unwrap();
    assert_eq!(fixture.read("a.json"), text, "not even its blanks change");
}

#[tokio::test]
async fn switching_off_and_on_is_written_into_the_document() {
    let fixture = Fixture::with(&[("a.json", r#"{"type":"claude","x":1}"#)]);
    let on = fixture.load("a.json").await;
    let mut settings = on.settings().clone();
    settings.disabled = true;
    let off = on.with_settings(settings.clone());
    fixture.store.save(&off).await.unwrap();
    assert_eq!(fixture.read("a.json"), "{\"type\":\"claude\",\"x\":1,\"disabled\":true}\n");
    let off = fixture.load("a.json").await;
    assert!(off.settings().disabled);
    settings.disabled = false;
    fixture.store.save(&off.with_settings(settings)).await.unwrap();
    assert!(!fixture.load("a.json").await.settings().disabled);
}

#[tokio::test]
async fn only_a_new_credential_is_created_when_its_file_is_gone() {
    // Nobody is told that something is saved that is not.
    for text in [r#"{"type":"claude"}"#, r#"{"type":"claude","disabled":true}"#] {
        let fixture = Fixture::with(&[("a.json", text)]);
        let credential = changed(&fixture.load("a.json").await, json!({"access_token": "new"}));
        fs::remove_file(fixture.path("a.json")).unwrap();
        let kind = fixture.store.save(&credential).await.map_err(|error| error.kind());
        assert_eq!(kind, Err(StoreErrorKind::Conflict), "{text}");
        assert!(!fixture.path("a.json").exists());
    }
    let fixture = Fixture::new();
    let mut settings = Settings::new("x");
    settings.disabled = true;
    fixture.store.save(&login("new.json", simple()).with_settings(settings)).await.unwrap();
    assert!(fixture.load("new.json").await.settings().disabled);
}

#[tokio::test]
async fn a_refresh_token_that_came_since_the_load_is_written_over_by_a_login_alone() {
    for (ours, theirs, outcome) in [
        (json!({"refresh_token": "2"}), json!({"refresh_token": "9"}), None),
        (json!({"refresh_token": "2"}), json!({}), None),
        (
            json!({"token": {"refresh_token": "1", "access_token": "new"}}),
            json!({"refresh_token": "9"}),
            None,
        ),
        (json!({"refresh_token": "2"}), json!({"refresh_token": "1", "access_token": "other"}), Some("2")),
        (json!({"refresh_token": "2"}), json!({"refresh_token": "2"}), Some("2")),
        (json!({"note": "mine"}), json!({"refresh_token": "9"}), Some("9")),
    ] {
        let fixture = Fixture::with(&[("a.json", r#"{"type":"claude","refresh_token":"1"}"#)]);
        let before = fixture.load("a.json").await;
        let mut disk = object(theirs);
        disk.insert("type".to_owned(), json!("claude"));
        let disk = Value::Object(disk).to_string();
        fixture.write("a.json", &disk);
        let saved = fixture.store.save(&changed(&before, ours.clone())).await;
        match outcome {
            Some(token) => {
                saved.unwrap();
                let after = fixture.load("a.json").await;
                assert_eq!(after.refresh_token().unwrap().expose(), token, "{ours}");
            }
            None => {
                let error = saved.unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::Conflict, "{ours}");
                assert!(error.to_string().starts_with("a.json has another login"), "{error}");
                assert_eq!(fixture.read("a.json"), disk);
            }
        }
        fixture.store.save(&login("a.json", simple())).await.unwrap();
        assert_eq!(fixture.load("a.json").await.refresh_token().unwrap().expose(), "r");
    }
}

#[tokio::test]
async fn a_file_that_became_something_else_is_a_conflict_and_stays_untouched() {
    for text in ["{\"type\":\"claude\"", "[]", "{\"a\":1}", "{\"type\":\"codex\"}"] {
        let fixture = Fixture::with(&[("a.json", r#"{"type":"claude"}"#)]);
        let credential = changed(&fixture.load("a.json").await, json!({"access_token": "CANARY"}));
        fixture.write("a.json", text);
        let error = fixture.store.save(&credential).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Conflict, "{text}");
        assert!(error.to_string().contains("a.json") && !error.to_string().contains("CANARY"), "{error}");
        assert_eq!(fixture.read("a.json"), text);
    }
}

#[tokio::test]
async fn an_empty_file_is_replaced() {
    let fixture = Fixture::with(&[("a.json", "")]);
    fixture.store.save(&login("a.json", simple())).await.unwrap();
    assert!(fixture.load("a.json").await.access_token().is_some());
}

#[tokio::test]
async fn credentials_of_other_origins_are_never_written() {
    for origin in [
        Origin::Config("claude-api-key[0]".to_owned()),
        Origin::Environment("ANTHROPIC_API_KEY".to_owned()),
        Origin::Runtime,
    ] {
        let fixture = Fixture::new();
        let credential = Credential::new(
            CredentialId::new("a.json"),
            ProviderId::from_static("claude"),
            CredentialKind::ApiKey,
            origin,
            Document::new(object(simple())),
            Settings::new("x"),
        );
        fixture.store.save(&credential).await.unwrap();
        assert!(fixture.names().is_empty());
    }
}

#[tokio::test]
async fn deleting_tells_whether_there_was_something() {
    let fixture = Fixture::with(&[("a.json", r#"{"type":"claude"}"#)]);
    let id = CredentialId::new("a.json");
    assert!(fixture.store.delete(&id).await.unwrap());
    assert!(!fixture.store.delete(&id).await.unwrap());
    assert!(fixture.store.load(&id).await.unwrap().is_none());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_unknown_members_survive_a_rewrite(members in prop::collection::vec((".{1,8}", any_json()), 0..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut map = object(json!({"type": "claude"}));
        map.extend(members.into_iter().filter(|(key, _)| key != "type" && key != "access_token"));
        let pretty = serde_json::to_string_pretty(&map).unwrap();
        let fixture = Fixture::with(&[("a.json", &pretty)]);
        runtime.block_on(async {
            // An odd `disabled` is settled by what the credential is.
            let next = changed(&fixture.load("a.json").await, json!({"access_token": "new"}));
            fixture.store.save(&next).await.unwrap();
        });
        map.insert("access_token".to_owned(), json!("new"));
        prop_assert_eq!(fixture.read("a.json"), format!("{}\n", serde_json::to_string(&map).unwrap()));
    }
}
