//! Hooks and usage sinks.

use std::sync::Arc;

use cliproxy_sdk::async_trait;
use cliproxy_sdk::core::{Credential, CredentialId, Hook, Outcome, OutcomeKind, UsageRecord, UsageSink};
use cliproxy_testkit::{FakeUpstream, chat, status};
use parking_lot::Mutex;

use crate::place::{Place, ask, compatible, serving, text};

#[derive(Debug, Default)]
struct Notes {
    hooked: Mutex<Vec<String>>,
    recorded: Mutex<Vec<UsageRecord>>,
}

impl Hook for Notes {
    fn registered(&self, credential: &Credential) {
        self.hooked.lock().push(format!("registered {}", credential.provider()));
    }

    fn removed(&self, id: &CredentialId) {
        let provider = id.as_str().split(':').next().unwrap_or_default().to_owned();
        self.hooked.lock().push(format!("removed {provider}"));
    }

    fn finished(&self, outcome: &Outcome) {
        let kind = match outcome.kind {
            OutcomeKind::Success => "success",
            OutcomeKind::Failure(kind) => kind.as_str(),
            _ => "cancelled",
        };
        self.hooked.lock().push(format!("finished {} {kind}", outcome.attempt));
    }
}

#[async_trait]
impl UsageSink for Notes {
    async fn record(&self, record: &UsageRecord) {
        self.recorded.lock().push(record.clone());
    }
}

#[tokio::test]
async fn hooks_see_credentials_and_attempts_and_sinks_what_a_request_cost() {
    let upstream = FakeUpstream::start().await;
    upstream.script("key-a", [status(500).body("{}")]);
    upstream.script("key-b", [chat::Completion::new().text("hi").usage(31, 7).whole()]);
    let place = Place::new();
    place.write(&compatible(&upstream, &["key-a", "key-b"]));
    let notes = Arc::new(Notes::default());
    let service =
        serving(place.builder().hook(Arc::clone(&notes) as _).usage_sink(Arc::clone(&notes) as _)).await;
    text(ask(&service, "m").await).await;
    text(ask(&service, "m").await).await;
    place.write("");
    service.reload().await.unwrap();
    service.stop().await;

    let hooked = notes.hooked.lock().clone();
    assert_eq!(hooked.iter().filter(|line| *line == "registered fake").count(), 2, "{hooked:?}");
    assert!(hooked.contains(&"registered demo".to_owned()), "{hooked:?}");
    assert!(hooked.iter().any(|line| line.ends_with("server_error")), "{hooked:?}");
    assert_eq!(hooked.iter().filter(|line| line.ends_with("success")).count(), 2, "{hooked:?}");
    assert_eq!(hooked.iter().filter(|line| line.starts_with("removed")).count(), 2, "{hooked:?}");
    let recorded = notes.recorded.lock();
    assert_eq!(recorded.len(), 2, "the stop waits for the sinks: {recorded:?}");
    assert!(recorded.iter().all(|record| record.outcome.usage.input == Some(31)), "{recorded:?}");
    assert!(recorded.iter().all(|record| record.principal.as_str().starts_with("key-")), "{recorded:?}");
}
