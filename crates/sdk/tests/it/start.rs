//! A service that cannot start says why, by type.

use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::{Builder, StartError};

use crate::place::Place;

#[tokio::test]
async fn a_taken_address_is_a_listen_error() {
    let place = Place::new();
    place.write("");
    let first = place.builder().build().await.unwrap();
    place.write_raw(&format!("host: 127.0.0.1\nport: {}\napi-keys: [k]\n", first.local_addr().port()));
    let error = place.builder().build().await.unwrap_err();
    assert!(matches!(error, StartError::Listen(_)), "{error:?}");
    first.stop().await;
}

#[tokio::test]
async fn tls_files_that_are_not_there_are_a_listen_error() {
    let place = Place::new();
    place.write("tls: {enable: true, cert: ./none.pem, key: ./none.pem}\n");
    let error = place.builder().build().await.unwrap_err();
    assert!(matches!(error, StartError::Listen(_)), "{error:?}");
}

#[test]
fn a_proxy_that_is_none_is_told_without_its_password() {
    let yaml = "host: 127.0.0.1\nproxy-url: 'ftp://user:CANARY@proxy'\n";
    match Loader::new(Environment::default()).load_str("inline", yaml) {
        Err(error) => assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}"),
        Ok(loaded) => {
            let error = Builder::new(loaded.config, Environment::default()).unwrap_err();
            assert!(matches!(error, StartError::Proxy(_)), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_a_store_error() {
    let place = Place::new();
    place.write("");
    // A file where the directory should be.
    std::fs::write(place.auth_dir(), "x").unwrap();
    let error = place.builder().build().await.unwrap_err();
    assert!(matches!(error, StartError::Store(_)), "{error:?}");
}

#[tokio::test]
async fn a_credential_file_that_cannot_be_parsed_is_left_alone_and_hides_no_other() {
    let place = Place::new();
    place.write("");
    std::fs::create_dir(place.auth_dir()).unwrap();
    let broken = place.auth_dir().join("broken.json");
    std::fs::write(&broken, "{\"type\":").unwrap();
    let good = place.auth_dir().join("claude-good.json");
    std::fs::write(&good, r#"{"type":"claude","api_key":"sk-ant-api03-good"}"#).unwrap();
    let service = place.serve().await;
    let ids: Vec<String> =
        service.conductor().credentials().iter().map(|held| held.credential.id().to_string()).collect();
    assert!(ids.contains(&"claude-good.json".to_owned()), "{ids:?}");
    assert_eq!(std::fs::read_to_string(broken).unwrap(), "{\"type\":");
    service.stop().await;
}
