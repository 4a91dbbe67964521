//! Everything that may serve: credentials of the configuration, the store, the embedder and the environment, and the
//! demo, each with its executor and its models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cliproxy_conductor::{Conductor, Held, Registration, is_among};
use cliproxy_config::Config;
use cliproxy_core::{Credential, CredentialId, Origin, ProviderExecutor, StoreError};
use cliproxy_executors::{Egress, demo_credential};
use cliproxy_relay::Relay;
use cliproxy_transport::Shutdown;
use tokio_util::task::TaskTracker;

use crate::entries::{Entries, Plan};
use crate::models::{self, Fetching, Open, Start};
use crate::providers::{Kept, Providers};
use crate::twins::Twins;
use crate::{credentials, heirs, options};

/// What the embedder brought and what else reloads need again.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) selector: Option<Arc<dyn cliproxy_core::Selector>>,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) executors: Vec<Arc<dyn ProviderExecutor>>,
    pub(crate) kept: Kept,
}

impl Parts {
    pub(crate) fn conductor(&self, config: &Config) -> cliproxy_conductor::Options {
        let mut options = options::conductor(config);
        if let Some(selector) = &self.selector {
            options.strategy = cliproxy_conductor::Strategy::Custom(Arc::clone(selector));
        }
        options
    }
}

/// What was found, not yet in force.
#[derive(Debug)]
pub(crate) struct Gathered {
    registrations: Vec<Registration>,
    /// Those whose providers have a longer list than what is known by heart.
    open: Open,
    executors: Vec<Arc<dyn ProviderExecutor>>,
    /// What is there and cannot be read: it may be being edited. And what is not there, and has its tokens in memory only.
    unreadable: BTreeSet<CredentialId>,
}

impl Gathered {
    /// Makes the conductor's credentials these, and asks for the lists of models that have to be fetched.
    pub(crate) fn put_in_force(
        self,
        conductor: &Conductor,
        fetching: &Fetching,
        tasks: &TaskTracker,
        shutdown: &Shutdown,
    ) {
        for executor in self.executors {
            conductor.register_executor(executor);
        }
        fetching.load((self.registrations, &self.unreadable), self.open, tasks, &shutdown.draining_token());
    }
}

/// Looks everywhere. A credential that cannot serve is told and left out; a store that cannot be read at all is an
/// error, for nobody may take its credentials for gone.
pub(crate) async fn all(
    config: &Config,
    (store, plan, running): (&Entries, &Plan, &Conductor),
    parts: &Parts,
    egress: &Egress,
    relay: &Relay,
) -> Result<Gathered, StoreError> {
    let mut found = credentials::keys(config, &parts.executors);
    let listing = store.listing(plan).await?;
    for problem in &listing.problems {
        tracing::warn!(credential = problem.name, reason = problem.reason, "skipped a credential");
    }
    // Some name what is wrong inside one that can be read; those are registered all the same.
    let mut unreadable: BTreeSet<CredentialId> =
        listing.problems.iter().map(|problem| CredentialId::new(&problem.name)).collect();
    found.extend(listing.credentials);
    found.extend(parts.credentials.iter().cloned());
    let mut found = once_each(found);
    let held = found.len();
    let mut environment = credentials::environment_credentials(&config.env_credentials.found);
    environment.retain(|key| !is_held(&found, key));
    found.extend(environment);
    let real = found.len();
    found.push(demo_credential());
    let listed: BTreeSet<CredentialId> = found.iter().map(|credential| credential.id().clone()).collect();

    let mut providers = parts.kept.providers(config, egress.clone(), relay, &parts.executors);
    let (mut registrations, mut open) = (Vec::with_capacity(found.len()), Open::default());
    let mut useless = Vec::new();
    for (index, credential) in found.into_iter().enumerate() {
        let from_environment = (held..real).contains(&index);
        match registration(&mut providers, credential).await {
            Ok((registration, settled)) => {
                if from_environment {
                    tracing::info!(
                        credential = registration.credential.settings().label,
                        "an API key of the environment serves as a fallback"
                    );
                }
                if !settled {
                    open.push(registration.clone(), &config.endpoints);
                }
                // Registered all the same: a call says what is wrong, and a renewal of another process may mend it.
                if let Some(reason) = credentials::without_tokens(&registration.credential) {
                    let credential = registration.credential.masked_id();
                    tracing::warn!(credential, reason, "this credential cannot serve");
                }
                registrations.push(registration);
            }
            Err((credential, reason)) => {
                tracing::warn!(credential = credential.masked_id(), reason, "this credential cannot serve");
                useless.push(credential);
            }
        }
    }
    // What a renewal brought may not be in a file yet, and while that cannot be read its login goes on all the same.
    let mut held = running.held();
    held.retain(|one| {
        let id = one.credential.id();
        let is_there = listed.contains(id) || is_among(&unreadable, id);
        one.executor.renewal_spends(&one.credential) && (is_there || heirs::is_in_memory_only(one))
    });
    let find = |registrations: &[Registration], held: &[Held]| {
        let from_memory = held.iter().map(|one| &*one.credential).filter(|one| !listed.contains(one.id()));
        let spending = registrations.iter().filter(|one| one.executor.renewal_spends(&one.credential));
        Twins::find(spending.map(|one| &*one.credential).chain(from_memory), &listing.written, held)
    };
    let mut twins = find(&registrations, &held);
    let file_of = |id: &CredentialId| {
        let mut files = registrations.iter().map(|one| &*one.credential).chain(&useless);
        files.find(|file| file.id() == id)
    };
    let without_file: Vec<&Held> = held
        .iter()
        .filter(|one| heirs::is_in_memory_only(one) && !is_among(&unreadable, one.credential.id()))
        .filter(|one| match file_of(one.credential.id()) {
            Some(file) => heirs::is_ousted(one, file),
            None => !listed.contains(one.credential.id()),
        })
        .collect();
    let heirs = heirs::hand_over(running, without_file.into_iter(), &mut registrations).await;
    if !heirs.done.is_empty() {
        held.retain(|one| !heirs.done.contains(one.credential.id()));
        twins = find(&registrations, &held);
    }
    unreadable.extend(heirs.kept);
    store.note(twins.rivals());
    for one in &registrations {
        if let Some(reason) = twins.why(one.credential.id()) {
            let reason = heirs.waiting.get(one.credential.id()).map_or(reason, String::as_str);
            tracing::warn!(credential = one.credential.masked_id(), reason, "this credential is not used");
        }
    }
    let is_used = |one: &Registration| twins.why(one.credential.id()).is_none();
    registrations.retain(is_used);
    open.retain(is_used);
    tell(&registrations);
    let executors = providers.into_executors(config, &parts.kept);
    Ok(Gathered { registrations, open, executors, unreadable })
}

/// Of two with one id the first counts: registered both, they would be one credential with the settings of the last.
fn once_each(found: Vec<Credential>) -> Vec<Credential> {
    let mut known = BTreeSet::new();
    let is_new = |credential: &Credential| {
        let is_new = known.insert(credential.id().clone());
        if !is_new {
            let (place, credential) = (place(credential), credential.masked_id());
            tracing::warn!(credential, place, "another credential has the same id: this one is left out");
        }
        is_new
    };
    found.into_iter().filter(is_new).collect()
}

/// Whether a key of the environment stands somewhere else too: what is said of it there is what counts.
fn is_held(found: &[Credential], key: &Credential) -> bool {
    let same = found.iter().find(|credential| credential.id() == key.id());
    if let Some(same) = same {
        let (variable, place) = (&key.settings().label, place(same));
        tracing::info!(variable, place, "the environment's API key is configured too: that entry serves");
    }
    same.is_some()
}

/// Where it is to be found, without the address that a file's name may hold.
fn place(credential: &Credential) -> String {
    match credential.origin() {
        Origin::Config(place) | Origin::Environment(place) => place.clone(),
        _ => credential.masked_id(),
    }
}

/// One line a provider: a pool may hold thousands.
fn tell(registrations: &[Registration]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for registration in registrations {
        *counts.entry(registration.credential.provider().as_str()).or_default() += 1;
        tracing::debug!(
            credential = registration.credential.masked_id(),
            provider = %registration.credential.provider(),
            models = registration.models.len(),
            "credential loaded"
        );
    }
    for (provider, credentials) in counts {
        tracing::info!(provider, credentials, "credentials loaded");
    }
}

/// A credential with its executor and the models it begins with, and whether those are all there is to know.
async fn registration(
    providers: &mut Providers,
    credential: Credential,
) -> Result<(Registration, bool), (Credential, String)> {
    let executor = match providers.executor(&credential) {
        Ok(executor) => executor,
        Err(reason) => return Err((credential, reason)),
    };
    let (models, settled) = match models::start(&*executor, &credential).await {
        Ok(Start::Settled(models)) => (models, true),
        Ok(Start::Known(models)) => (models, false),
        Err(error) => return Err((credential, error.to_string())),
    };
    Ok((Registration::new(executor, Arc::new(credential), models), settled))
}
