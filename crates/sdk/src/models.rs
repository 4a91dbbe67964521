//! Lists of models that have to be fetched. Nothing waits for them: a service starts with what its executors know by
//! heart, and each list takes its place when it has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use cliproxy_conductor::{Conductor, Registration};
use cliproxy_core::{Credential, ExecutorError, ModelInfo, ProviderExecutor};
use parking_lot::Mutex;
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
}

impl Fetching {
    pub(crate) fn new(conductor: Arc<Conductor>) -> Self {
        Self { conductor, load: Arc::default() }
    }

    /// Makes `all` the conductor's credentials, then asks for the lists of `open`, once a service: with one of its
    /// keys, for all of them.
    pub(crate) fn load(
        &self,
        all: Vec<Registration>,
        open: Vec<Registration>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let mine = {
            let mut load = self.load.lock();
            *load += 1;
            self.conductor.sync(all);
            *load
        };
        for group in services(open) {
            let (conductor, load) = (Arc::clone(&self.conductor), Arc::clone(&self.load));
            let work = async move {
                let Some(models) = asked(&group).await else { return };
                let load = load.lock();
                if *load == mine {
                    for Registration { executor, credential, .. } in group {
                        conductor.register(executor, credential, models.clone());
                    }
                }
            };
            tasks.spawn(stop.clone().run_until_cancelled_owned(work));
        }
    }
}

/// By what makes lists differ: the provider, where it is, and the way there.
fn services(open: Vec<Registration>) -> impl Iterator<Item = Vec<Registration>> {
    let mut groups: BTreeMap<_, Vec<Registration>> = BTreeMap::new();
    for registration in open {
        let credential = &registration.credential;
        let settings = credential.settings();
        let proxy = settings.proxy.as_ref().map(|proxy| proxy.expose().to_owned());
        let service = (credential.provider().clone(), settings.base_url.clone(), proxy);
        groups.entry(service).or_default().push(registration);
    }
    groups.into_values()
}

async fn asked(group: &[Registration]) -> Option<Vec<ModelInfo>> {
    let enabled = group.iter().filter(|registration| !registration.credential.settings().disabled);
    for Registration { executor, credential, .. } in enabled.take(MOST_ASKED) {
        match executor.models(credential).await {
            Ok(models) => return Some(models),
            Err(error) => tracing::info!(
                credential = credential.masked_id(),
                provider = %credential.provider(),
                %error,
                "the provider's list of models cannot be had, the built-in one serves"
            ),
        }
    }
    None
}
