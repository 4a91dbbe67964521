use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialId, CredentialKind, Document, ExecutorError, Origin, ProviderFormat,
    ProviderId, Secret, Settings, UpstreamModel, WireStream,
};
use cliproxy_executors::Egress;
use cliproxy_testkit::FakeUpstream;
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};

pub fn egress() -> Egress {
    Egress::new(HttpClient::new(ClientOptions::new()), ProxyChoice::Direct)
}

pub fn credential(provider: &str, key: &str, change: impl FnOnce(&mut Settings)) -> Credential {
    let mut settings = Settings::new("test");
    change(&mut settings);
    let document =
        if key.is_empty() { Document::default() } else { Document::with_api_key(&Secret::from(key)) };
    let id = CredentialId::new(format!("{provider}:apikey:test"));
    let provider = ProviderId::new(provider);
    Credential::new(id, provider, CredentialKind::ApiKey, Origin::Runtime, document, settings)
}

/// Time passes for whoever asks tokio's clock, in a moment when nothing is under way.
pub async fn pass(time: std::time::Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// A login as its file has it.
pub fn account(
    provider: &str,
    document: serde_json::Value,
    change: impl FnOnce(&mut Settings),
) -> Credential {
    let mut settings = Settings::new("test");
    change(&mut settings);
    let serde_json::Value::Object(members) = document else { panic!("an object") };
    let id = format!("{provider}-me@example.com.json");
    let (provider, origin) = (ProviderId::new(provider), Origin::Store(id.clone()));
    let document = Document::new(members);
    Credential::new(CredentialId::new(id), provider, CredentialKind::Account, origin, document, settings)
}

/// A login as the store loads it.
pub fn login(provider: &str, mut document: serde_json::Value) -> Credential {
    if let Some(members) = document.as_object_mut() {
        members.entry("type").or_insert_with(|| provider.into());
    }
    account(provider, document, |_| {}).into_stored()
}

/// A token whose middle says this.
pub fn jwt(claims: &serde_json::Value) -> String {
    use base64::Engine as _;
    let middle = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{middle}.sig")
}

pub fn attempt(credential: Credential, format: ProviderFormat, body: &str) -> Attempt {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Attempt::new(Arc::new(credential), UpstreamModel::new("m"), format, body)
}

/// The stream's text, and the error that broke it.
pub async fn read(mut stream: WireStream) -> (String, Option<ExecutorError>) {
    let mut text = Vec::new();
    while let Some(piece) = stream.body.next().await {
        match piece {
            Ok(bytes) => text.extend_from_slice(&bytes),
            Err(error) => return (String::from_utf8(text).unwrap(), Some(error)),
        }
    }
    (String::from_utf8(text).unwrap(), None)
}

/// A client's headers.
pub fn headers(pairs: &[(&'static str, &'static str)]) -> Arc<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Arc::new(map)
}

/// Runs some work, and as soon as a service that never answers was asked, lets time pass as if it were nothing.
pub async fn with_time_passing_after<T>(silent: &FakeUpstream, work: impl Future<Output = T>) -> T {
    let passing = async {
        while silent.requests().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        tokio::time::pause();
        tokio::time::sleep(std::time::Duration::from_secs(9)).await;
        panic!("it waits for longer than the end of a program does");
    };
    tokio::select! {
        done = work => done,
        () = passing => unreachable!(),
    }
}
