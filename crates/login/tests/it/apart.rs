//! A credential is never lost to another account's: each login and import, stored one after another.

use std::collections::BTreeSet;
use std::fs;

use cliproxy_auth_store::FileStore;
use cliproxy_core::{CredentialStore as _, NewLogin};
use cliproxy_login::found_logins;
use cliproxy_testkit::{TEST_RSA_KEY, json, status};
use serde_json::{Value, json as j};
use tempfile::TempDir;

use crate::support::{Person, Scene, jwt, request};

/// Stores it as the program does. Gives back the file's name.
async fn store(folder: &TempDir, login: NewLogin) -> String {
    let store = FileStore::new(folder.path());
    let credential = login.into_credential(&store.list().await.unwrap().credentials);
    store.save(&credential).await.unwrap();
    credential.id().as_str().to_owned()
}

/// The value that each stored file has at a pointer.
async fn stored(folder: &TempDir, pointer: &str) -> BTreeSet<String> {
    let listed = FileStore::new(folder.path()).list().await.unwrap().credentials;
    let values = listed.iter().map(|credential| {
        let document = Value::Object(credential.document().as_map().clone());
        document.pointer(pointer).unwrap_or(&Value::Null).to_string()
    });
    let all: Vec<String> = values.collect();
    let apart: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(all.len(), apart.len(), "one token in two files: {all:?}");
    apart
}

/// Imports each of these files in turn, twice: each keeps a file of its own, and the second time finds it.
async fn imported(path: &str, pointer: &str, files: &[Value]) {
    let (home, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = home.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut names = Vec::new();
    for _ in 0..2 {
        for file in files {
            fs::write(&path, file.to_string()).unwrap();
            if let Some(account) = file.get("beside") {
                fs::write(home.path().join(".claude.json"), account.to_string()).unwrap();
            }
            for found in found_logins(home.path(), |_| None) {
                names.push(store(&folder, found.read().unwrap()).await);
            }
        }
    }
    let (first, second) = names.split_at(names.len() / 2);
    assert_eq!(first, second, "{names:?}");
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len(), "{names:?}");
    assert_eq!(stored(&folder, pointer).await.len(), first.len(), "{names:?}");
}

#[tokio::test]
async fn imports_of_different_accounts_keep_a_file_each() {
    let claude = |token: &str, account: Value| {
        j!({"claudeAiOauth": {"accessToken": format!("at-{token}"), "refreshToken": token},
            "beside": {"oauthAccount": account}})
    };
    let files = [
        claude("r1", j!({})),
        claude("r2", j!({})),
        claude("r3", j!({"emailAddress": "a@x", "organizationUuid": "own"})),
        claude("r4", j!({"emailAddress": "a@x", "organizationUuid": "team"})),
        claude("r5", j!({"emailAddress": "a@x", "organizationUuid": "third"})),
    ];
    imported(".claude/.credentials.json", "/refresh_token", &files).await;
    let codex = |token: &str, email: Value, account: &str| {
        let id = jwt(&j!({"email": email, "https://api.openai.com/auth": {"chatgpt_account_id": account}}));
        j!({"tokens": {"id_token": id, "access_token": format!("at-{token}"), "refresh_token": token}})
    };
    let files = [
        codex("r1", j!("a@x"), "one"),
        codex("r2", j!("a@x"), "two"),
        codex("r3", j!("a@x"), "three"),
        codex("r4", j!("b@x"), "one"),
        codex("r5", j!(null), "one"),
        codex("r6", j!(null), "one"),
    ];
    imported(".codex/auth.json", "/refresh_token", &files).await;
    let google = |token: &str, email: Value| j!({"access_token": "ya29", "refresh_token": token, "id_token": jwt(&j!({"email": email}))});
    let files = [
        google("r1", j!(null)),
        google("r2", j!(null)),
        google("r3", j!("a@x")),
        google("r4", j!("b@x")),
        google("r5", j!("a/x")),
        google("r6", j!("a\\x")),
        google("r7", j!("a:x")),
    ];
    imported(".gemini/oauth_creds.json", "/token/refresh_token", &files).await;
    let qwen = |token: &str| j!({"access_token": format!("at-{token}"), "refresh_token": token});
    imported(".qwen/oauth_creds.json", "/refresh_token", &["r1", "r2", "r3"].map(qwen)).await;
    imported(".qwen/oauth_creds.json", "/access_token", &["1", "2"].map(|token| j!({"access_token": token})))
        .await;
    let kiro = |token: &str| j!({"accessToken": "AT", "refreshToken": token, "authMethod": "social", "provider": "Google"});
    imported(".aws/sso/cache/kiro-auth-token.json", "/refresh_token", &["r1", "r2", "r3"].map(kiro)).await;
}

#[tokio::test]
async fn each_account_of_copilots_file_is_imported_with_the_host_that_its_token_is_for() {
    let apps = j!({
        "github.com:Iv1.a": {"user": "octo", "oauth_token": "t1"},
        "github.com:Iv1.b": {"user": "octo", "oauth_token": "t2"},
        "github.com:Iv1.c": {"user": "hubot", "oauth_token": "t3"},
        "Corp.ghe.com:Iv1.a": {"user": "octo", "oauth_token": "t4"},
        "github.com:Iv1.d": {"oauth_token": "t5"},
        "github.com:Iv1.e": {"oauth_token": "t6"},
        "github.com:Iv1.f": {"user": "gone"},
        "no host": {"user": "octo", "oauth_token": "t7"},
    });
    imported(".config/github-copilot/apps.json", "/access_token", std::slice::from_ref(&apps)).await;
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join(".config/github-copilot")).unwrap();
    fs::write(home.path().join(".config/github-copilot/apps.json"), apps.to_string()).unwrap();
    let mut read = Vec::new();
    for found in found_logins(home.path(), |_| None) {
        let login = found.read().unwrap();
        let text = |key: &str| login.document.text(key).map(str::to_owned);
        read.push((text("access_token").unwrap(), text("enterprise_domain")));
    }
    read.sort();
    let expected = [("t1", None), ("t3", None), ("t4", Some("corp.ghe.com")), ("t5", None), ("t6", None)];
    let expected: Vec<_> =
        expected.map(|(token, domain)| (token.to_owned(), domain.map(str::to_owned))).into();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn claudes_plan_of_a_person_and_that_of_an_organisation_keep_a_file_each() {
    let folder = TempDir::new().unwrap();
    let scene = Scene::new().await;
    let mut names = Vec::new();
    for organization in ["own", "team", "third", "own", "team", "third"] {
        let account = j!({"email_address": "me@example.com"});
        scene.oauth.set_extra(j!({"account": account, "organization": {"uuid": organization}}));
        let login = scene.login("claude", request(), &scene.willing()).await.unwrap();
        names.push(store(&folder, login).await);
    }
    assert_eq!(names[0], "claude-me@example.com.json");
    assert_eq!(names[..3], names[3..], "the same account keeps its file");
    assert_eq!(stored(&folder, "/organization_uuid").await.len(), 3, "{names:?}");
    assert_eq!(stored(&folder, "/refresh_token").await.len(), 3, "{names:?}");
}

/// A file that says only half of who it is: by the e-mail it is the account's, and by the organisation alone nobody's.
#[tokio::test]
async fn a_file_that_names_no_person_is_not_taken_for_a_colleague_and_one_without_an_organisation_is_by_its_address()
 {
    let scene = Scene::new().await;
    let account = j!({"email_address": "me@example.com"});
    scene.oauth.set_extra(j!({"account": account, "organization": {"uuid": "team"}}));
    let claude = || async { scene.login("claude", request(), &scene.willing()).await.unwrap() };
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join(".claude")).unwrap();
    let beside = j!({"oauthAccount": {"emailAddress": "me@example.com", "organizationUuid": "team"}});
    fs::write(home.path().join(".claude.json"), beside.to_string()).unwrap();
    let login = j!({"claudeAiOauth": {"accessToken": "at", "refreshToken": "rt"}});
    fs::write(home.path().join(".claude/.credentials.json"), login.to_string()).unwrap();
    let import = || found_logins(home.path(), |_| None)[0].read().unwrap();
    for (file, same) in [
        (j!({"type": "claude", "organization_uuid": "team", "refresh_token": "a colleague's"}), false),
        (
            j!({"type": "claude", "email": "", "organization_uuid": "team", "refresh_token": "a colleague's"}),
            false,
        ),
        (j!({"type": "claude", "email": "you@example.com", "refresh_token": "a colleague's"}), false),
        (j!({"type": "claude", "refresh_token": "somebody's"}), false),
        (j!({"type": "claude", "email": "me@example.com", "refresh_token": "mine"}), true),
        (
            j!({"type": "claude", "email": "me@example.com", "organization_uuid": "own", "refresh_token": "mine"}),
            false,
        ),
    ] {
        for login in [claude().await, import()] {
            let folder = TempDir::new().unwrap();
            fs::write(folder.path().join("claude-me@example.com.json"), file.to_string()).unwrap();
            let name = store(&folder, login).await;
            assert_eq!(name == "claude-me@example.com.json", same, "{file}");
            assert_eq!(stored(&folder, "/refresh_token").await.len(), if same { 1 } else { 2 }, "{file}");
        }
    }
}

#[tokio::test]
async fn people_who_share_a_project_of_google_keep_a_file_each_though_nobody_says_who_they_are() {
    let folder = TempDir::new().unwrap();
    let scene = Scene::new().await;
    let loaded = j!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": {"id": "shared"}});
    let mut names = Vec::new();
    for email in [None, None, Some("a@x"), None, Some("b@x")] {
        scene.oauth.page("/api/v1internal:loadCodeAssist", [json(&loaded)]);
        let info = email.map_or_else(|| status(403).json(&j!({})), |email| json(&j!({"email": email})));
        scene.oauth.page("/userinfo", [info]);
        let login = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap();
        names.push(store(&folder, login).await);
    }
    assert_eq!(stored(&folder, "/token/refresh_token").await.len(), names.len(), "{names:?}");
}

#[tokio::test]
async fn accounts_of_github_that_say_no_name_keep_a_file_each() {
    let folder = TempDir::new().unwrap();
    let scene = Scene::new().await;
    for token in ["ghu_1", "ghu_2", "ghu_3"] {
        scene.oauth.set_extra(j!({"access_token": token}));
        scene.oauth.page("/user", [json(&j!({}))]);
        scene.oauth.page("/copilot-token", [json(&j!({"token": "tid=1", "expires_at": 1_795_430_000}))]);
        let login = scene.login("github-copilot", request(), &Person::answering([])).await.unwrap();
        store(&folder, login).await;
    }
    assert_eq!(stored(&folder, "/access_token").await.len(), 3);
}

#[tokio::test]
async fn service_accounts_of_one_project_and_location_keep_a_file_each() {
    let (folder, keys) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let scene = Scene::new().await;
    let path = keys.path().join("key.json");
    let mut names = Vec::new();
    for email in ["one@p", "two@p", "three@p", "four@p", "one@p", "three@p", ""] {
        let account = j!({"type": "service_account", "project_id": "p", "client_email": email, "private_key": TEST_RSA_KEY});
        fs::write(&path, account.to_string()).unwrap();
        let request = request().with_answer("file", path.to_str().unwrap());
        let login = scene.login("vertex", request, &Person::answering([])).await.unwrap();
        names.push(store(&folder, login).await);
    }
    assert_eq!((&names[4], &names[5]), (&names[0], &names[2]));
    assert_eq!(stored(&folder, "/email").await.len(), 5, "{names:?}");
}

#[tokio::test]
async fn a_login_that_names_nobody_finds_its_file_by_its_token_or_by_the_name_it_was_given() {
    let of = |owner: &str, number: u32| jwt(&j!({"sub": owner, "jti": number}));
    for flow in ["kimi", "qwen"] {
        let folder = TempDir::new().unwrap();
        let mut names = Vec::new();
        for (number, token, name) in [
            (1, of("me", 1), None),
            (2, of("her", 2), None),
            (3, of("me", 3), None),
            (4, "opaque-4".to_owned(), Some("work")),
            (5, "opaque-5".to_owned(), Some("work")),
        ] {
            let scene = Scene::new().await;
            // No two at one time.
            scene.oauth.set_extra(j!({"access_token": token, "scope": format!("s{number}")}));
            let asked = name.map_or_else(request, |name| request().with_answer("email", name));
            let mut login = scene.login(flow, asked, &Person::answering([])).await.unwrap();
            login.file_name = login.file_name.replace("1795428010000", &format!("179542801{number:04}"));
            names.push(store(&folder, login).await);
        }
        assert_eq!((&names[0], &names[3]), (&names[2], &names[4]), "{flow}: {names:?}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 3, "{flow}: {names:?}");
        assert_eq!(names[3], format!("{flow}-work.json"));
    }
}
