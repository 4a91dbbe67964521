//! The token file of the Kiro IDE, while the IDE writes it.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};

use cliproxy_core::Document;
use cliproxy_login::KiroTokenFile;

#[tokio::test]
async fn a_token_file_that_is_being_written_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kiro-auth-token.json");
    let whole = r#"{"accessToken":"A1","refreshToken":"R1","expiresAt":"2099-01-01T00:00:00.000Z"}"#;
    std::fs::write(&path, &whole.as_bytes()[..40]).unwrap();
    let file = KiroTokenFile::new(&path);
    let mut reading = pin!(file.read());
    assert!(reading.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "half a file");
    std::fs::write(&path, whole).unwrap();
    let document = reading.await.unwrap();
    assert_eq!((document.text("access_token"), document.text("refresh_token")), (Some("A1"), Some("R1")));
}

#[tokio::test]
async fn renewed_tokens_stand_under_the_names_that_the_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kiro-auth-token.json");
    let members = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    let renewed = serde_json::json!({"access_token":"A2","refresh_token":"R2","email":"e"});
    let serde_json::Value::Object(renewed) = renewed else { unreachable!() };
    for (before, after) in [
        (
            r#"{"accessToken":"A1","refreshToken":"R1","theirs":[1]}"#,
            r#"{"accessToken":"A2","refreshToken":"R2","theirs":[1]}"#,
        ),
        (
            r#"{"access_token":"A1","refresh_token":"R1","type":"kiro"}"#,
            r#"{"access_token":"A2","refresh_token":"R2","type":"kiro"}"#,
        ),
    ] {
        std::fs::write(&path, before).unwrap();
        let text = KiroTokenFile::new(&path).renewed(&Document::new(renewed.clone())).await.unwrap();
        assert_eq!(members(&text), members(after.as_bytes()), "no second spelling beside the first");
    }
}
