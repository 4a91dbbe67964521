use std::path::Path;

use cliproxy_core::{LoginError, LoginErrorKind, NewLogin};
use cliproxy_testkit::TEST_RSA_KEY as KEY;
use serde_json::{Value, json as j};
use tempfile::TempDir;

use crate::support::{Person, Scene, document, request};

async fn import(
    folder: &TempDir,
    account: &Value,
    change: impl Fn(&mut cliproxy_core::LoginRequest),
) -> Result<NewLogin, LoginError> {
    let path = folder.path().join("key.json");
    std::fs::write(&path, account.to_string()).unwrap();
    import_file(&path, change).await
}

async fn import_file(
    path: &Path,
    change: impl Fn(&mut cliproxy_core::LoginRequest),
) -> Result<NewLogin, LoginError> {
    let scene = Scene::new().await;
    let mut request = request().with_answer("file", path.to_str().unwrap());
    change(&mut request);
    scene.login("vertex", request, &Person::answering([])).await
}

fn account(key: &str) -> Value {
    j!({"type": "service_account", "project_id": "example.com:proj", "client_email": "svc@proj.example",
        "private_key": key, "token_uri": "https://oauth2.googleapis.com/token", "more": 1})
}

#[tokio::test]
async fn a_key_file_becomes_a_credential_whatever_was_done_to_its_key_on_the_way() {
    let folder = TempDir::new().unwrap();
    let one_line = KEY.replace('\n', " ");
    let colored = format!("\u{1b}[32m{}\u{1b}[0m", KEY.replace('\n', "\r\n"));
    let escaped = KEY.replace('\n', "\\n");
    for key in [KEY, &one_line, &colored, &escaped] {
        let login = import(&folder, &account(key), |_| {}).await.unwrap();
        assert_eq!(login.file_name, "vertex-example.com_proj.json");
        let document = document(&login);
        assert_eq!((&document["location"], &document["type"]), (&j!("us-central1"), &j!("vertex")));
        assert_eq!(document["service_account"]["private_key"], KEY);
        assert_eq!(document["service_account"]["more"], 1);
    }
}

#[tokio::test]
async fn what_is_no_key_of_a_service_account_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let mut without_project = account(KEY);
    without_project["project_id"] = j!("");
    for (account, words) in [
        (account("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), "is damaged"),
        (j!({"project_id": "p"}), "private_key"),
        (without_project, "project_id"),
        (j!([1]), "no JSON object"),
    ] {
        let error = import(&folder, &account, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::BadInput);
        assert!(error.to_string().contains(words) && error.to_string().contains("key.json"), "{error}");
    }
    let error = import_file(&folder.path().join("nowhere.json"), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("nowhere.json cannot be read"), "{error}");
}

#[tokio::test]
async fn a_second_location_of_a_project_does_not_overwrite_the_first() {
    let folder = TempDir::new().unwrap();
    let first = import(&folder, &account(KEY), |_| {}).await.unwrap().into_credential(&[]);
    let account = account(KEY);
    let second =
        import(&folder, &account, |request| *request = request.clone().with_answer("location", "global"));
    let second = second.await.unwrap().into_credential(std::slice::from_ref(&first));
    assert_eq!(second.id().as_str(), "vertex-example.com_proj-global.json");
}
