//! What lies in the auth directory and whether it can serve, for people who ask.

use std::sync::Arc;

use cliproxy_auth_store::FileStore;
use cliproxy_config::Config;
use cliproxy_core::{CredentialStore as _, StoreError};
use cliproxy_executors::Egress;
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};

use crate::credentials::without_tokens;
use crate::entries::{Entries, Plan, is_kept_for_an_entry};
use crate::providers::Providers;
use crate::relay;

/// One file of the auth directory, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredCredential {
    /// Its name, masked.
    pub name: String,
    /// Its `type`; empty when the file cannot be read.
    pub provider: String,
    /// Why it cannot serve; `None` when it can.
    pub problem: Option<String>,
}

/// Reads the auth directory and lists every file, those of providers that are not built yet included. Nothing is sent
/// anywhere.
///
/// # Errors
/// When the directory cannot be read.
pub async fn stored_credentials(config: &Config) -> Result<Vec<StoredCredential>, StoreError> {
    let files = FileStore::new(&config.auth_dir);
    let listing = files.list().await?;
    // Logins of the config beside them, which may have the same refresh tokens.
    let all = Entries::new(Arc::new(files), Plan::of(config)).list().await?;
    let egress = Egress::new(HttpClient::new(ClientOptions::new()), ProxyChoice::Environment);
    let mut providers = Providers::new(config, egress, &relay::without_pages(), &[]);
    let twins = providers.twins(&all);
    let mut all: Vec<_> = listing
        .credentials
        .iter()
        .filter(|credential| !is_kept_for_an_entry(credential))
        .map(|credential| StoredCredential {
            name: credential.masked_id(),
            provider: credential.provider().to_string(),
            problem: match providers.executor(credential) {
                Ok(_) if credential.settings().disabled => Some("disabled".to_owned()),
                Ok(_) => twins.why(credential.id()).map(str::to_owned).or_else(|| without_tokens(credential)),
                Err(reason) => Some(reason),
            },
        })
        .collect();
    all.extend(listing.problems.into_iter().map(|problem| StoredCredential {
        name: problem.name,
        provider: String::new(),
        problem: Some(problem.reason),
    }));
    all.sort_by(|one, other| (&one.provider, &one.name).cmp(&(&other.provider, &other.name)));
    Ok(all)
}
