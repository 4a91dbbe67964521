//! Pages that are connected, as credentials.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cliproxy_conductor::Conductor;
use cliproxy_config::Config;
use cliproxy_core::{
    Credential, CredentialId, CredentialKind, Document, Origin, Principal, ProviderId, Settings,
};
use cliproxy_relay::{Identity, Options, Relay, Watcher};
use cliproxy_transport::Shutdown;
use tokio_util::sync::CancellationToken;

const PROVIDER: ProviderId = ProviderId::from_static("aistudio");

/// A relay whose sessions end when the server cuts its streams.
pub(crate) fn relay(shutdown: &Shutdown) -> Relay {
    // Source: providers-a.md 8.1 "Identity".
    Relay::new(Options::new("aistudio-"), shutdown.cut_token().child_token())
}

/// A relay to which nobody connects, for those who only look at credentials.
pub(crate) fn without_pages() -> Relay {
    Relay::new(Options::default(), CancellationToken::new())
}

/// Makes a credential of each session for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Pages {
    conductor: Arc<Conductor>,
}

impl Pages {
    pub(crate) fn new(conductor: Arc<Conductor>) -> Self {
        Self { conductor }
    }

    /// Gives the sessions that are there to the executor in force, which a reload has made anew.
    pub(crate) fn renew(&self, relay: &Relay) {
        relay.each(|name| self.register(name));
    }

    fn register(&self, name: &str) {
        let Some(executor) = self.conductor.executor(&PROVIDER) else {
            return tracing::error!(session = name, "no executor serves the provider {PROVIDER}");
        };
        let credential = Arc::new(credential(name));
        // Nothing has to be asked for them, so nothing has to be waited for.
        let models = pin!(executor.models(&credential)).poll(&mut Context::from_waker(Waker::noop()));
        match models {
            Poll::Ready(Ok(models)) => self.conductor.register(executor, credential, models),
            Poll::Ready(Err(error)) => tracing::error!(session = name, %error, "a page cannot serve"),
            Poll::Pending => {
                tracing::error!(session = name, "a page's models are not known at once, so it cannot serve")
            }
        }
    }
}

impl Watcher for Pages {
    fn connected(&self, name: &str) {
        self.register(name);
    }

    fn disconnected(&self, name: &str) {
        self.conductor.remove(&CredentialId::new(name));
    }
}

/// Source: providers-a.md 8.1 "Effect"; runtime.md C.8.
fn credential(name: &str) -> Credential {
    let mut settings = Settings::new(name);
    // What an outage takes down together: this page, and no other one.
    settings.base_url = Some(format!("relay:{name}"));
    let mut members = serde_json::Map::new();
    members.insert("type".to_owned(), PROVIDER.as_str().into());
    members.insert("email".to_owned(), name.into());
    Credential::new(
        CredentialId::new(name),
        PROVIDER,
        // A browser's login, though not ours to renew: aliases and exclusions of channels are for these.
        CredentialKind::Account,
        Origin::Runtime,
        Document::new(members),
        settings,
    )
}

/// Shows pages the door that could not come in any more. `revoked` are those whose key is no longer ours.
pub(crate) fn close_unwelcome(relay: &Relay, config: &Config, own_door: bool, revoked: &[Principal]) {
    let keyed = config.access.ws_auth && (own_door || !config.access.api_keys.is_empty());
    if keyed {
        // Source: http-api.md `/v1/ws` "switching `ws-auth` from off to on closes existing sessions".
        relay.close_where(Identity::is_anonymous, "ws-auth is on: connect with a client key");
    }
    relay.close_where(|identity| revoked.contains(&identity.principal), "the client key is no longer valid");
}
