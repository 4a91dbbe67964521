//! Lists of models that have to be fetched. A service does not wait for them: it starts with what its executors know by
//! heart, a reload goes on with the list before, and each list takes its place when it has come. One that could not be had
//! is asked for again a few times. Who sends one request and goes, as `test MODEL` does, waits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_conductor::{Conductor, Registration};
use cliproxy_config::EndpointMap;
use cliproxy_core::{Credential, CredentialId, ExecutorError, ModelInfo, ProviderExecutor, ProviderId};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Keys of one service that are asked before its list is given up for this time.
const MOST_ASKED: usize = 3;

/// The waits before a list that could not be had is asked for again. After the last it is the next reload's.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(5 * 60), Duration::from_secs(30 * 60)];

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

/// Whose list it is, by what makes lists differ: the provider, where it is, and the way there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Service {
    provider: ProviderId,
    base_url: Option<String>,
    proxy: Option<String>,
    /// What stands in place of the provider's own URLs.
    urls: Vec<(String, String)>,
}

/// Credentials whose lists have to be fetched, by service.
#[derive(Debug, Default)]
pub(crate) struct Open(BTreeMap<Service, Vec<Registration>>);

/// Fetches lists, and gives them to their credentials. A load makes those before it void.
#[derive(Clone, Debug)]
pub(crate) struct Fetching {
    conductor: Arc<Conductor>,
    /// Held while credentials change, so that a list which comes late is not given to those of a later load.
    load: Arc<Mutex<Load>>,
    /// What became of the lists of that load.
    lists: Arc<watch::Sender<Vec<List>>>,
}

/// The load whose lists count.
#[derive(Debug, Default)]
struct Load {
    number: u64,
    /// Ends when the next one begins.
    stop: CancellationToken,
    /// The last list of each of its services, of this load or one before.
    came: BTreeMap<Service, Vec<ModelInfo>>,
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

    /// Makes `all` the conductor's credentials, beside those that cannot be read right now, then asks for the lists of
    /// `open`, once a service: with one of its keys, for all of them. Until a list has come the one before is in force.
    pub(crate) fn load(
        &self,
        (mut all, unreadable): (Vec<Registration>, &BTreeSet<CredentialId>),
        open: Open,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let groups = open.enabled();
        let (number, stop) = {
            let mut load = self.load.lock();
            load.number += 1;
            load.stop.cancel();
            load.stop = stop.child_token();
            load.came.retain(|service, _| groups.iter().any(|(known, _)| known == service));
            load.go_on(&groups, &mut all);
            self.conductor.sync_readable(all, unreadable);
            self.lists.send_replace(groups.iter().filter_map(|(_, group)| List::of(group)).collect());
            (load.number, load.stop.clone())
        };
        for (index, (service, group)) in groups.into_iter().enumerate() {
            let fetching = self.clone();
            let work = async move {
                for pause in PAUSES.into_iter().map(Some).chain([None]) {
                    let asked = asked(&fetching.conductor, &group).await;
                    let came = asked.is_ok();
                    fetching.note((number, index), (&service, &group), asked);
                    match pause {
                        Some(pause) if !came => tokio::time::sleep(pause).await,
                        _ => return,
                    }
                }
            };
            tasks.spawn(stop.clone().run_until_cancelled_owned(work));
        }
    }

    /// A list came, or did not; nothing of either when another load began meanwhile.
    fn note(
        &self,
        (number, index): (u64, usize),
        (service, group): (&Service, &[Registration]),
        asked: Result<Vec<ModelInfo>, String>,
    ) {
        let mut load = self.load.lock();
        if load.number != number {
            return;
        }
        let state = match asked {
            Ok(models) => {
                for registration in group {
                    self.conductor.offer(registration.credential.id(), models.clone());
                }
                load.came.insert(service.clone(), models);
                State::Came
            }
            Err(failure) => State::Failed(failure),
        };
        self.lists.send_modify(|lists| {
            if let Some(list) = lists.get_mut(index) {
                list.state = state;
            }
        });
    }
}

impl Load {
    /// Puts the lists that came before in place of what is known by heart.
    fn go_on(&self, groups: &[(Service, Vec<Registration>)], all: &mut [Registration]) {
        let mut known: BTreeMap<&CredentialId, &Vec<ModelInfo>> = BTreeMap::new();
        for (service, group) in groups {
            if let Some(models) = self.came.get(service) {
                known.extend(group.iter().map(|registration| (registration.credential.id(), models)));
            }
        }
        for registration in all {
            if let Some(models) = known.get(registration.credential.id()) {
                registration.models.clone_from(models);
            }
        }
    }
}

impl Service {
    fn of(credential: &Credential, endpoints: &EndpointMap) -> Self {
        let settings = credential.settings();
        let replaced = endpoints.get(credential.provider().as_str()).into_iter().flatten();
        Self {
            provider: credential.provider().clone(),
            base_url: settings.base_url.clone(),
            proxy: settings.proxy.as_ref().map(|proxy| proxy.expose().to_owned()),
            urls: replaced.map(|(name, url)| (name.clone(), url.expose().to_owned())).collect(),
        }
    }
}

/// Proxies and URLs may have secrets in them.
impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Open {
    /// Leaves out all others; a service that nobody is left of is not asked.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Registration) -> bool) {
        self.0.retain(|_, registrations| {
            registrations.retain(&keep);
            !registrations.is_empty()
        });
    }

    /// Adds one; `endpoints` are the URLs that the configuration replaces.
    pub(crate) fn push(&mut self, registration: Registration, endpoints: &EndpointMap) {
        self.0.entry(Service::of(&registration.credential, endpoints)).or_default().push(registration);
    }

    /// Where every key is disabled there is nobody to ask and nothing to offer.
    fn enabled(self) -> Vec<(Service, Vec<Registration>)> {
        let is_enabled = |one: &Registration| !one.credential.settings().disabled;
        self.0.into_iter().filter(|(_, group)| group.iter().any(is_enabled)).collect()
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

/// Asks with the keys of a service as they are by now, until one answers.
async fn asked(conductor: &Conductor, group: &[Registration]) -> Result<Vec<ModelInfo>, String> {
    let mut failure = "none of its credentials is there any more".to_owned();
    let now = |one: &Registration| {
        let credential = conductor.credential(one.credential.id())?.credential;
        (!credential.settings().disabled).then(|| (Arc::clone(&one.executor), credential))
    };
    for (executor, credential) in group.iter().filter_map(now).take(MOST_ASKED) {
        match executor.models(&credential).await {
            Ok(models) => return Ok(models),
            Err(error) => {
                failure = error.to_string();
                tracing::info!(
                    credential = credential.masked_id(),
                    provider = %credential.provider(),
                    %error,
                    "the provider's list of models cannot be had, the one before it serves"
                );
            }
        }
    }
    Err(failure)
}
