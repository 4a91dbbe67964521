use cliproxy_auth_store::{KeySpec, StableIds, read_credential};
use cliproxy_core::{CredentialStore, Secret};
use serde_json::json;

use crate::support::{Fixture, changed, login};

#[tokio::test]
async fn nothing_secret_is_formatted() {
    let text = r#"{"type":"claude","access_token":"CANARY","refresh_token":"CANARY","api_key":"CANARY",
        "proxy_url":"http://u:CANARY@h","headers":{"X-Key":"CANARY"},"priority":"CANARY","weight":["CANARY"],
        "request_scoped_errors":[{"status":"CANARY"}],"model_aliases":"CANARY"}"#;
    let fixture =
        Fixture::with(&[("a.json", text), ("b.json", "{\"type\":\"CANARY"), ("c.json", "\"CANARY\"")]);
    let mut shown = format!("{:?} {:#?}", fixture.store, fixture.store.list().await.unwrap());
    shown += &format!("{:?}", read_credential("a.json", text.as_bytes()));
    shown += &format!("{:?}", read_credential("b.json", b"{\"CANARY\":").unwrap_err());
    shown += &format!("{:?}", fixture.store.lease(&"a.json".into()).await.unwrap());
    shown += &format!("{:?}", fixture.store.load(&"b.json".into()).await);
    let loaded = fixture.load("a.json").await;
    fixture.write("a.json", "{\"type\":\"claude\",\"x\":CANARY}");
    shown +=
        &format!("{:?}", fixture.store.save(&changed(&loaded, json!({"access_token": "CANARY2"}))).await);
    shown += &format!("{:?}", fixture.store.save(&login("../x.json", json!({"k": "CANARY"}))).await);
    let key = Secret::from("CANARY");
    let specs = [
        KeySpec::vertex("v[0]", &key, "https://v.example.com", &Secret::from("http://u:CANARY@h")),
        KeySpec::kiro("k[0]", &key, "arn").with_member("refresh_token", "CANARY"),
    ];
    let mut ids = StableIds::new();
    for spec in specs {
        shown += &format!("{spec:?} {:?} {ids:?}", spec.clone().into_credential(&mut ids));
    }
    assert!(!shown.contains("CANARY"), "{shown}");
    assert!(shown.contains("a.json"));
}
