//! The token file of the Kiro IDE, while the IDE writes it.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};

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
