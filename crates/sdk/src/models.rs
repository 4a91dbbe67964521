//! Lists of models that have to be fetched. A service does not wait for them: it starts with what its executors know by
//! heart, and each list takes its place when it has come. Who sends one request and goes, as `test MODEL` does, waits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_conductor::{Conductor, Registration};
use cliproxy_core::{Credential, CredentialId, ExecutorError, ModelInfo, ProviderExecutor, ProviderId};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Keys of one service that are asked before its list is given up for this time.
const MOST_ASKED: usize = 3;

/// The models to begin with.
pub(crate) enum Start {
    /// These, for good.
    Settled(Vec<ModelInfo>),
    /// These, until the provider has answered.
    Known(Vec<ModelInfo>),
}

/// What a credential offers at first.
pub(crate) async fn start(
    executor: &dyn ProviderExecutor,
    credential: &Credential,
) -> Result<Start, ExecutorError> {
    match executor.known_models(credential) {
        // The configuration's own list stands in place of the provider's: nobody has to be asked.
        Some(known) if credential.settings().models.is_empty() => Ok(Start::Known(known)),
        Some(known) => Ok(Start::Settled(known)),
        None => executor.models(credential).await.map(Start::Settled),
    }
}

/// Fetches lists, and registers their credentials again with them. A load makes those before it void.
#[derive(Debug)]
pub(crate) struct Fetching {
    conductor: Arc<Conductor>,
    /// The number of the load whose lists count. Held while credentials are registered, so that a list which comes
    /// late cannot bring back a credential that a reload took away.
    load: Arc<Mutex<u64>>,
    /// What became of the lists of that load.
    lists: Arc<watch::Sender<Vec<List>>>,
}

/// A list that has to be fetched.
#[derive(Debug)]
struct List {
    provider: ProviderId,
    /// Of the service's keys the first, masked.
    credential: String,
    state: State,
}

#[derive(Debug)]
enum State {
    Coming,
    Came,
    Failed(String),
}

/// A provider's list of models that is not there, so that only models which are known without it are offered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingList {
    /// Whose list it is.
    pub provider: ProviderId,
    /// A credential that needs it, masked.
    pub credential: String,
    /// Why it could not be had; `None` while it is still awaited.
    pub failure: Option<String>,
}

impl fmt::Display for MissingList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the list of models of {} ({}) ", self.provider, self.credential)?;
        match &self.failure {
            Some(failure) => write!(f, "cannot be had: {failure}"),
            None => f.write_str("has not come yet"),
        }
    }
}

impl Fetching {
    pub(crate) fn new(conductor: Arc<Conductor>) -> Self {
        Self { conductor, load: Arc::default(), lists: Arc::default() }
    }

    /// Waits until no list is on its way, for so long at most. Gives back those that are not there.
    pub(crate) async fn settled(&self, within: Duration) -> Vec<MissingList> {
        let mut lists = self.lists.subscribe();
        let settled = lists.wait_for(|lists| !lists.iter().any(|list| matches!(list.state, State::Coming)));
        // Late or not, what there is now is what counts.
        drop(tokio::time::timeout(within, settled).await);
        self.lists.borrow().iter().filter_map(List::missing).collect()
    }

    /// Makes `all` the conductor's credentials, beside those that cannot be read right now, then asks for the lists of `open`, once a service: with one of its
    /// keys, for all of them.
    pub(crate) fn load(
        &self,
        (all, unreadable): (Vec<Registration>, &BTreeSet<CredentialId>),
        open: Vec<Registration>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let groups: Vec<Vec<Registration>> = services(open).collect();
        let mine = {
            let mut load = self.load.lock();
            *load += 1;
            self.conductor.sync_readable(all, unreadable);
            self.lists.send_replace(groups.iter().filter_map(|group| List::of(group)).collect());
            *load
        };
        for (index, group) in groups.into_iter().enumerate() {
            let (conductor, load) = (Arc::clone(&self.conductor), Arc::clone(&self.load));
            let lists = Arc::clone(&self.lists);
            let work = async move {
                let asked = asked(&group).await;
                let load = load.lock();
                if *load != mine {
                    return;
                }
                let state = match asked {
                    Ok(models) => {
                        for Registration { executor, credential, .. } in group {
                            conductor.register(executor, credential, models.clone());
                        }
                        State::Came
                    }
                    Err(failure) => State::Failed(failure),
                };
                lists.send_modify(|lists| {
                    if let Some(list) = lists.get_mut(index) {
                        list.state = state;
                    }
                });
            };
            tasks.spawn(stop.clone().run_until_cancelled_owned(work));
        }
    }
}

impl List {
    /// The list that a service's credentials wait for. No service is without credentials.
    fn of(group: &[Registration]) -> Option<Self> {
        let credential = &group.first()?.credential;
        Some(Self {
            provider: credential.provider().clone(),
            credential: credential.masked_id(),
            state: State::Coming,
        })
    }

    fn missing(&self) -> Option<MissingList> {
        let failure = match &self.state {
            State::Came => return None,
            State::Coming => None,
            State::Failed(failure) => Some(failure.clone()),
        };
        Some(MissingList { provider: self.provider.clone(), credential: self.credential.clone(), failure })
    }
}

/// By what makes lists differ: the provider, where it is, and the way there. Where every key is disabled there is nobody
/// to ask and nothing to offer.
fn services(open: Vec<Registration>) -> impl Iterator<Item = Vec<Registration>> {
    let mut groups: BTreeMap<_, Vec<Registration>> = BTreeMap::new();
    for registration in open {
        let credential = &registration.credential;
        let settings = credential.settings();
        let proxy = settings.proxy.as_ref().map(|proxy| proxy.expose().to_owned());
        let service = (credential.provider().clone(), settings.base_url.clone(), proxy);
        groups.entry(service).or_default().push(registration);
    }
    groups.into_values().filter(|group| enabled(group).next().is_some())
}

fn enabled(group: &[Registration]) -> impl Iterator<Item = &Registration> {
    group.iter().filter(|registration| !registration.credential.settings().disabled)
}

async fn asked(group: &[Registration]) -> Result<Vec<ModelInfo>, String> {
    let mut failure = String::new();
    for Registration { executor, credential, .. } in enabled(group).take(MOST_ASKED) {
        match executor.models(credential).await {
            Ok(models) => return Ok(models),
            Err(error) => {
                failure = error.to_string();
                tracing::info!(
                    credential = credential.masked_id(),
                    provider = %credential.provider(),
                    %error,
                    "the provider's list of models cannot be had, the built-in one serves"
                );
            }
        }
    }
    Err(failure)
}
