//! Logins of the vendors' own tools, as they lie on a disk.

use std::fs;
use std::path::Path;

use cliproxy_login::{FoundLogin, found_logins};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Scene, document, jwt};

fn write(home: &Path, path: &str, content: &Value) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content.to_string()).unwrap();
}

fn found(home: &TempDir) -> Vec<FoundLogin> {
    found_logins(home.path(), |_| None)
}

fn only(home: &TempDir) -> FoundLogin {
    let all = found(home);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(found(&TempDir::new().unwrap()), []);
}

#[test]
fn claude_code_keeps_the_tokens_in_one_file_and_the_account_in_another() {
    let home = TempDir::new().unwrap();
    let tokens = json!({"accessToken": "sk-ant-oat01-a", "refreshToken": "sk-ant-ort01-r", "expiresAt": 1_795_431_600_000_i64, "scopes": []});
    write(home.path(), ".claude/.credentials.json", &json!({"claudeAiOauth": tokens}));
    let login = only(&home);
    assert!(login.single_use && login.consequence().contains("logged out"));
    assert_eq!(login.read().unwrap().file_name, "claude-imported.json");
    write(
        home.path(),
        ".claude.json",
        &json!({"oauthAccount": {"emailAddress": "me@x", "accountUuid": "acc"}}),
    );
    let read = login.read().unwrap();
    assert_eq!(read.file_name, "claude-me@x.json");
    let document = document(&read);
    assert_eq!(
        (
            &document["access_token"],
            &document["refresh_token"],
            &document["expired"],
            &document["account_uuid"]
        ),
        (&json!("sk-ant-oat01-a"), &json!("sk-ant-ort01-r"), &json!("2026-11-23T11:00:00Z"), &json!("acc"))
    );
}

#[test]
fn codex_is_known_by_its_identity_token_and_may_live_elsewhere() {
    let home = TempDir::new().unwrap();
    let id = jwt(&json!({"email": "me@x", "https://api.openai.com/auth": {"chatgpt_account_id": "acc"}}));
    let access = jwt(&json!({"exp": 1_795_431_600}));
    let file = json!({"OPENAI_API_KEY": null, "tokens": {"id_token": id, "access_token": access, "refresh_token": "r"}, "last_refresh": "2026-11-23T10:00:00.123Z"});
    write(home.path(), "elsewhere/auth.json", &file);
    let moved = home.path().join("elsewhere").to_str().unwrap().to_owned();
    let all = found_logins(home.path(), |name| (name == "CODEX_HOME").then(|| moved.clone()));
    let document = document(&all[0].read().unwrap());
    assert_eq!((&document["account_id"], &document["email"]), (&json!("acc"), &json!("me@x")));
    assert_eq!(document["expired"], "2026-11-23T11:00:00Z");
    // A Codex that works with a key has no login.
    write(home.path(), ".codex/auth.json", &json!({"OPENAI_API_KEY": "sk-CANARY"}));
    let error = only(&home).read().unwrap_err();
    assert!(error.to_string().contains("auth.json holds no login of Codex"), "{error}");
    assert!(!error.to_string().contains("CANARY"));
}

#[test]
fn gemini_cli_qwen_code_and_copilot_are_taken_over() {
    let home = TempDir::new().unwrap();
    let google = json!({"access_token": "ya29", "refresh_token": "1//r", "expiry_date": 1_795_431_600_000_i64, "id_token": jwt(&json!({"email": "me@x"}))});
    write(home.path(), ".gemini/oauth_creds.json", &google);
    write(
        home.path(),
        ".qwen/oauth_creds.json",
        &json!({"access_token": "a", "refresh_token": "r", "resource_url": "portal.qwen.ai", "expiry_date": 1_795_431_600_000_i64}),
    );
    write(
        home.path(),
        ".config/github-copilot/apps.json",
        &json!({"github.com:Iv1.x": {"user": "octo", "oauth_token": "ghu_1", "githubAppId": "Iv1.x"}}),
    );
    let all = found(&home);
    let names: Vec<&str> = all.iter().map(|login| login.name).collect();
    assert_eq!(names, ["gemini-cli", "qwen", "github-copilot"]);
    assert_eq!(all.iter().map(|login| login.single_use).collect::<Vec<_>>(), [false, true, false]);
    let read: Vec<_> = all.iter().map(|login| login.read().unwrap()).collect();
    assert_eq!(read[0].file_name, "gemini-me@x.json");
    assert_eq!(document(&read[0])["token"]["expiry"], "2026-11-23T11:00:00Z");
    assert_eq!(document(&read[0])["type"], "gemini");
    assert_eq!(document(&read[1])["resource_url"], "portal.qwen.ai");
    assert_eq!(read[2].file_name, "github-copilot-octo.json");
    assert_eq!(document(&read[2])["access_token"], "ghu_1");
}

#[test]
fn kiros_registration_is_found_by_its_hash_and_nothing_outside_the_folder_is_read() {
    let home = TempDir::new().unwrap();
    let cache = ".aws/sso/cache";
    let token = |hash: &str| {
        json!({"accessToken": "a", "refreshToken": "r", "expiresAt": "2026-11-23T11:00:00.000Z", "authMethod": "IdC",
            "provider": "Enterprise", "clientIdHash": hash, "region": "eu-west-1", "profileArn": "arn:aws:x:y:z:profile/ABC"})
    };
    write(home.path(), &format!("{cache}/0af1.json"), &json!({"clientId": "cid", "clientSecret": "csecret"}));
    write(home.path(), &format!("{cache}/kiro-auth-token.json"), &token("0af1"));
    let read = only(&home).read().unwrap();
    assert_eq!(read.file_name, "kiro-enterprise-ABC.json");
    let found = document(&read);
    assert_eq!(
        (&found["client_id"], &found["client_secret"], &found["auth_method"], &found["type"]),
        (&json!("cid"), &json!("csecret"), &json!("idc"), &json!("kiro"))
    );
    write(home.path(), ".aws/sso/secret.json", &json!({"clientId": "CANARY"}));
    write(home.path(), &format!("{cache}/kiro-auth-token.json"), &token("../secret"));
    assert_eq!(document(&only(&home).read().unwrap()).get("client_id"), None);
}

#[test]
fn a_file_that_is_being_written_is_said_to_be() {
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join(".qwen")).unwrap();
    fs::write(home.path().join(".qwen/oauth_creds.json"), "{\"access_to").unwrap();
    let error = only(&home).read().unwrap_err();
    assert!(
        error.to_string().contains("oauth_creds.json") && error.to_string().contains("try again"),
        "{error}"
    );
}

#[tokio::test]
async fn kiros_accounts_are_told_apart_by_asking_whose_they_are() {
    let scene = Scene::new().await;
    let home = TempDir::new().unwrap();
    let mut existing = Vec::new();
    let one = json!({"userInfo": {"email": "one@example.com"}});
    let two = json!({"userInfo": {"email": "two@example.com"}});
    // Accounts of Google share one profile.
    for (answer, token, name) in [
        (&one, "RT1", "kiro-google-one@example.com.json"),
        (&two, "RT2", "kiro-google-two@example.com.json"),
        (&json!({}), "RT3", "kiro-google-SHARED.json"),
        (&json!({}), "RT4", "kiro-google-SHARED-a12c53a8.json"),
        (&json!({}), "RT3", "kiro-google-SHARED.json"),
        (&json!({}), "RT4", "kiro-google-SHARED-a12c53a8.json"),
        (&one, "RT5", "kiro-google-one@example.com.json"),
    ] {
        write(
            home.path(),
            ".aws/sso/cache/kiro-auth-token.json",
            &json!({"accessToken": "AT", "refreshToken": token, "authMethod": "social", "provider": "Google",
                "profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/SHARED"}),
        );
        scene.oauth.page("/amazonq/getUsageLimits", [cliproxy_testkit::json(answer)]);
        let read = only(&home).read_named(&scene.options).await.unwrap();
        assert_eq!(scene.oauth.upstream().last().header("authorization"), Some("Bearer AT"));
        let credential = read.into_credential(&existing);
        assert_eq!(credential.id().as_str(), name);
        existing.retain(|known: &cliproxy_core::Credential| known.id() != credential.id());
        existing.push(credential);
    }
    assert_eq!(existing.len(), 4, "none took the place of another");
    let asked = scene.oauth.upstream().requests().len();
    write(home.path(), ".aws/sso/cache/kiro-auth-token.json", &json!({"accessToken": "AT", "email": "e@x"}));
    only(&home).read_named(&scene.options).await.unwrap();
    assert_eq!(scene.oauth.upstream().requests().len(), asked, "what is known is not asked");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_written_is_waited_for() {
    let home = TempDir::new().unwrap();
    let path = home.path().join(".aws/sso/cache/kiro-auth-token.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{\"accessTo").unwrap();
    let found = only(&home);
    let whole = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        fs::write(&path, r#"{"accessToken":"AT","email":"e@x"}"#).unwrap();
    };
    let (read, ()) = tokio::join!(found.read_settled(), whole);
    assert_eq!(read.unwrap().document.text("access_token"), Some("AT"));
    // One that stays broken is said to be, in the end.
    fs::write(&path, "{\"accessTo").unwrap();
    let began = tokio::time::Instant::now();
    let error = found.read_settled().await.unwrap_err();
    assert_eq!(error.kind(), cliproxy_core::LoginErrorKind::Unsettled);
    // Source: providers-b.md 1.1.7 "10 attempts, 50 ms doubling, cap 500 ms".
    assert_eq!(began.elapsed().as_millis(), 50 + 100 + 200 + 400 + 5 * 500);
    // What is wrong for good is said at once.
    fs::write(&path, r#"{"refreshToken":"RT"}"#).unwrap();
    let began = tokio::time::Instant::now();
    assert!(found.read_settled().await.is_err());
    assert_eq!(began.elapsed().as_millis(), 0);
}
