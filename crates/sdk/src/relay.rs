//! Pages that are connected, as credentials.

use std::collections::HashSet;
use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cliproxy_access::ConfigKeys;
use cliproxy_conductor::Conductor;
use cliproxy_config::Config;
use cliproxy_core::{
    Credential, CredentialId, CredentialKind, Document, Origin, Principal, ProviderId, Settings,
};
use cliproxy_relay::{Identity, Options, Relay, Watcher};
use cliproxy_transport::Shutdown;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::options;

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

/// Whose keys let a page in: those of the relay's own list, else everybody's.
pub(crate) fn admitted(config: &Config, keys: &ConfigKeys) -> Vec<Principal> {
    options::relay_keys(config).map_or_else(|| keys.principals(), |own| own.principals())
}

/// Makes a credential of each session for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Pages {
    conductor: Arc<Conductor>,
    rules: Mutex<Rules>,
}

/// Who may not come in any more. A page whose key was checked before a reload may be connected after it.
#[derive(Debug, Default)]
struct Rules {
    keyed: bool,
    /// While there is a list of keys that pages may come with: these and no others.
    only: Option<HashSet<Principal>>,
    revoked: HashSet<Principal>,
}

impl Rules {
    /// `old` were in force, `new` are.
    fn replace_keys(&mut self, old: Vec<Principal>, new: &[Principal]) {
        self.revoked.extend(old);
        self.revoked.retain(|principal| !new.contains(principal));
    }

    fn unwelcome(&self, identity: &Identity) -> Option<&'static str> {
        if self.keyed && identity.is_anonymous() {
            return Some("ws-auth is on: connect with a client key");
        }
        if self.only.as_ref().is_some_and(|only| !only.contains(&identity.principal)) {
            return Some("this client key may not relay: ws-keys names those that may");
        }
        self.revoked.contains(&identity.principal).then_some("the client key is no longer valid")
    }
}

impl Pages {
    pub(crate) fn new(conductor: Arc<Conductor>) -> Self {
        Self { conductor, rules: Mutex::default() }
    }

    /// Shows pages the door that could not come in any more, and those that are on their way. `old` are those whose
    /// keys let pages in ([`admitted`]), `new` those whose keys do.
    pub(crate) fn close_unwelcome(
        &self,
        relay: &Relay,
        config: &Config,
        own_door: bool,
        (old, new): (Vec<Principal>, &[Principal]),
    ) {
        {
            let mut rules = self.rules.lock();
            // Source: http-api.md `/v1/ws` "switching `ws-auth` from off to on closes existing sessions".
            let access = &config.access;
            let own_list = access.ws_auth && access.ws_keys.is_some();
            rules.keyed = own_list || access.ws_auth && (own_door || !access.api_keys.is_empty());
            rules.only = own_list.then(|| new.iter().cloned().collect());
            rules.replace_keys(old, new);
        }
        relay.close_unwelcome();
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

    fn unwelcome(&self, identity: &Identity) -> Option<&'static str> {
        self.rules.lock().unwelcome(identity)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_unwelcome_with_a_key_that_was_ours_and_without_one_where_one_is_asked_for() {
        let of = |key: &'static str| Identity::new(Principal::from_static(key));
        let key = |key: &'static str| Principal::from_static(key);
        let mut rules = Rules::default();
        assert_eq!(rules.unwelcome(&Identity::new(Principal::anonymous())), None);
        rules.replace_keys(vec![key("a"), key("b")], &[key("b")]);
        assert!(rules.unwelcome(&of("a")).unwrap().contains("no longer valid"));
        // One that some other door let in was never ours to take away.
        assert_eq!((rules.unwelcome(&of("b")), rules.unwelcome(&of("other"))), (None, None));
        // What was taken away stays so until it is given again.
        rules.replace_keys(vec![key("b")], &[key("b")]);
        assert!(rules.unwelcome(&of("a")).is_some());
        rules.replace_keys(vec![key("b")], &[key("a"), key("b")]);
        assert_eq!(rules.unwelcome(&of("a")), None);
        rules.keyed = true;
        assert!(rules.unwelcome(&Identity::new(Principal::anonymous())).unwrap().contains("ws-auth"));
    }
}
