//! A reload happens whole or not at all, and disturbs nobody. What it takes over is in `reload`.

use std::time::Duration;

use cliproxy_sdk::{Builder, ReloadError};
use cliproxy_testkit::{FakeUpstream, Piece, chat, pause};

use crate::place::{KEY, Place, ask, client, compatible, models, question, serving, text};

#[tokio::test]
async fn a_reload_that_is_refused_leaves_the_old_in_force() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([chat::completion("still here")]);
    let place = Place::new();
    place.write(&compatible(&upstream, &["key"]));
    let service = place.serve().await;
    let before = service.config();
    for (yaml, why) in [
        ("api-keys: [unclosed", "syntax"),
        ("host: 127.0.0.1\nport: seventy\napi-keys: [other]\n", "a wrong type"),
        ("host: 0.0.0.0\nport: 0\n", "keyless and reachable from elsewhere"),
        ("host: 127.0.0.1\nport: 0\napi-keys: [other]\nproxy-url: 'ftp://user:CANARY@proxy'\n", "no proxy"),
    ] {
        place.write_raw(yaml);
        let error = service.reload().await.expect_err(why);
        assert!(matches!(error, ReloadError::Config(_) | ReloadError::Proxy(_)), "{why}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        assert_eq!(text(ask(&service, "m").await).await, "still here", "{why}");
        assert!(std::sync::Arc::ptr_eq(&service.config(), &before), "{why}");
    }
    std::fs::remove_file(place.path()).unwrap();
    assert!(matches!(service.reload().await, Err(ReloadError::Config(_))), "the file is gone");
    assert_eq!(text(ask(&service, "m").await).await, "still here");
    service.stop().await;
    assert!(matches!(service.reload().await, Err(ReloadError::Stopping)));
}

#[tokio::test]
async fn a_store_that_cannot_be_read_for_a_while_loses_no_credential() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([chat::completion("kept")]);
    let place = Place::new();
    place.write("");
    std::fs::create_dir(place.auth_dir()).unwrap();
    let kept = format!(
        r#"{{"type":"router","api_key":"k","base_url":"{}/v1","models":[{{"name":"stored"}}]}}"#,
        upstream.url()
    );
    std::fs::write(place.auth_dir().join("router.json"), kept).unwrap();
    let service = place.serve().await;
    let held = service.conductor().credentials().len();
    let away = place.home.path().join("away");
    std::fs::rename(place.auth_dir(), &away).unwrap();
    std::fs::write(place.auth_dir(), "no directory").unwrap();
    let error = service.reload().await.expect_err("the store is gone");
    assert!(matches!(error, ReloadError::Store(_)), "{error:?}");
    assert_eq!(service.conductor().credentials().len(), held);
    std::fs::remove_file(place.auth_dir()).unwrap();
    std::fs::rename(away, place.auth_dir()).unwrap();
    service.reload().await.unwrap();
    assert_eq!(service.conductor().credentials().len(), held);
    service.stop().await;
}

#[tokio::test]
async fn a_running_stream_outlives_the_reload_that_removes_its_credential() {
    let upstream = FakeUpstream::start().await;
    let mut pieces: Vec<Piece> = chat::stream("a long answer").into();
    pieces.insert(2, pause(Duration::from_millis(300)));
    upstream.script_all([cliproxy_testkit::sse(pieces)]);
    let place = Place::new();
    place.write(&compatible(&upstream, &["key"]));
    let service = place.serve().await;
    let mut reply = client(&service).post("/v1/chat/completions", &question("m", true)).await;
    reply.event().await.unwrap();
    place.write("");
    service.reload().await.unwrap();
    assert_eq!(models(&service).await, ["demo"], "the credential is gone");
    assert_eq!(reply.events().await.last().unwrap().data, "[DONE]");
    service.stop().await;
}

#[tokio::test]
async fn a_reload_changes_the_proxy_for_our_executors_and_for_clones_of_the_egress() {
    let (upstream, proxy) = (FakeUpstream::start().await, FakeUpstream::start().await);
    upstream.script_all([chat::completion("direct")]);
    proxy.script_all([chat::completion("through the proxy")]);
    let place = Place::new();
    let compatible = compatible(&upstream, &["key"]);
    place.write(&compatible);
    let service = place.serve().await;
    let egress = service.egress();
    assert_eq!(text(ask(&service, "m").await).await, "direct");
    place.write(&format!("proxy-url: {}\n{compatible}", proxy.url()));
    service.reload().await.unwrap();
    assert_eq!(text(ask(&service, "m").await).await, "through the proxy");
    let request = cliproxy_sdk::http::Request::get(format!("{}/own", upstream.url()));
    let request = request.body(cliproxy_sdk::Bytes::new()).unwrap();
    let held = service.conductor().credentials();
    let any = &held.first().unwrap().credential;
    egress.raw(any, request).await.unwrap();
    assert_eq!(proxy.last().path, "/own");
    service.stop().await;
}

#[tokio::test]
async fn without_a_source_there_is_nothing_to_reload() {
    let place = Place::new();
    place.write(&format!("# {KEY}\n"));
    let loader = cliproxy_sdk::config::Loader::new(place.environment.clone());
    let loaded = loader.load_file(&place.path()).unwrap();
    let service = serving(Builder::new(loaded.config, place.environment.clone()).unwrap()).await;
    assert!(matches!(service.reload().await, Err(ReloadError::NoSource)));
    service.stop().await;
}

#[tokio::test]
async fn a_reload_that_finds_a_file_half_written_keeps_what_is_known_of_it() {
    let place = Place::new();
    place.write("");
    std::fs::create_dir(place.auth_dir()).unwrap();
    let (file, whole) = (place.auth_dir().join("claude-a.json"), r#"{"type":"claude","access_token":"a"}"#);
    std::fs::write(&file, whole).unwrap();
    let service = place.serve().await;
    let known = || service.conductor().credential(&"claude-a.json".into()).is_some();
    assert!(known());
    std::fs::write(&file, r#"{"type":"cla"#).unwrap();
    service.reload().await.unwrap();
    assert!(known(), "it is being edited");
    std::fs::write(&file, whole).unwrap();
    service.reload().await.unwrap();
    assert!(known());
    std::fs::remove_file(&file).unwrap();
    service.reload().await.unwrap();
    assert!(!known(), "it was removed");
    service.stop().await;
}
