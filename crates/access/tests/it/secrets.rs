use std::sync::Arc;

use cliproxy_access::{Chain, ConfigKeys, Keyless, Open};
use cliproxy_core::{AccessProvider, Secret};

use crate::support::head;

#[tokio::test]
async fn nothing_secret_is_formatted() {
    let keys = Arc::new(ConfigKeys::new([Secret::from("CANARY-1234")], Keyless::Refuse));
    let chain = Chain::new(vec![keys.clone()]).or_open(Open::while_keyless(keys.clone()));
    let mut shown = format!("{keys:?} {chain:#?} {}", chain.name());
    for key in ["CANARY-1234", "CANARY-wrong"] {
        let request = head("/", &[("authorization", &format!("Bearer {key}"))]);
        shown += &format!("{:?}", chain.authenticate(&request).await);
    }
    assert!(!shown.contains("CANARY") && !shown.contains("1234"), "{shown}");
    assert!(shown.contains("Granted") && shown.contains("Invalid"));
}
