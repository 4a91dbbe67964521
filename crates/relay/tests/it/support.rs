use std::sync::Arc;

use cliproxy_core::{Principal, Timestamp};
use cliproxy_relay::{Event, Exchange, Identity, NotSent, Options, Outbound, Relay, Watcher};
use cliproxy_testkit::TestSocket;
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A relay, and everything that its watcher heard.
pub struct World {
    pub relay: Relay,
    pub log: Arc<Log>,
}

#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<String>>);

impl Watcher for Log {
    fn connected(&self, name: &str) {
        self.0.lock().push(format!("+{name}"));
    }

    fn disconnected(&self, name: &str) {
        self.0.lock().push(format!("-{name}"));
    }
}

impl Log {
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new("test-");
        change(&mut options);
        let relay = Relay::new(options, CancellationToken::new());
        let log = Arc::<Log>::default();
        relay.watch(Arc::clone(&log) as _);
        Self { relay, log }
    }

    /// A page that has connected under a name.
    pub async fn page(&self, name: &str) -> TestSocket {
        self.page_of(name, Principal::anonymous(), 1 << 16).await
    }

    /// A page with so much room on its connection.
    pub async fn page_of(&self, name: &str, principal: Principal, pipe: usize) -> TestSocket {
        let (ours, theirs) = tokio::io::duplex(pipe);
        let before = self.log.lines().len();
        let place = self.relay.reserve_named(name).unwrap();
        place.spawn(Identity::new(principal), async move { Some(ours) });
        while self.log.lines().len() == before {
            tokio::task::yield_now().await;
        }
        TestSocket::over(theirs)
    }

    pub async fn ask(&self, name: &str, body: &str) -> Result<Exchange, NotSent> {
        let headers = HeaderMap::new();
        let request = Outbound::new(&Method::POST, "https://h/p", &headers, body, Timestamp::default());
        self.relay.send(name, &request).await
    }

    /// A request that the page has got, and the id it has there.
    pub async fn asked(&self, page: &mut TestSocket, name: &str) -> (Exchange, Value) {
        let exchange = self.ask(name, "{}").await.unwrap();
        let message = page.next().await.unwrap();
        assert_eq!((&message["type"], message["id"].as_str()), (&json!("http_request"), Some(exchange.id())));
        (exchange, message["id"].clone())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it where they say it")]
pub fn say(id: &Value, kind: &str, payload: Value) -> Value {
    json!({"id": id, "type": kind, "payload": payload})
}

/// Everything up to the last event.
pub async fn all(exchange: &mut Exchange) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = exchange.next().await {
        events.push(event);
    }
    events
}

/// The chunks as one text, and the last event.
pub async fn streamed(exchange: &mut Exchange) -> (String, Option<Event>) {
    let mut events = all(exchange).await;
    let last = events.pop();
    let text = events.iter().filter_map(|event| match event {
        Event::Chunk(data) => Some(String::from_utf8(data.to_vec()).unwrap()),
        _ => None,
    });
    (text.collect(), last)
}
