//! Profile ARNs: whose calls name one, and where one comes from that the credential lacks. Source: providers-b.md 1.1.6,
//! 1.5.3 [H].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::CredentialId;
use http::Method as Verb;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use super::account::{Account, Method};
use super::request;
use crate::Egress;
use crate::urls::Base;

/// How long nobody asks again for a profile that could not be had: every call would wait for it.
const REST: Duration = Duration::from_secs(60);

/// What was asked for, and when.
#[derive(Clone, Debug)]
struct Asked {
    found: Option<Arc<str>>,
    at: Instant,
}

/// Profiles that were asked for, kept while the process runs: a renewal writes them down.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles(Arc<Mutex<HashMap<CredentialId, Asked>>>);

impl Profiles {
    /// The profile that a call of this account names.
    pub(super) async fn of(
        &self,
        account: &Account<'_>,
        egress: &Egress,
        executor: &dyn cliproxy_core::ProviderExecutor,
        base: Base<'_>,
    ) -> Option<Arc<str>> {
        match account.method {
            // A Builder ID has no profile.
            Method::BuilderId | Method::Aws => return None,
            Method::Social | Method::Key => return account.profile_arn().map(Arc::from),
            Method::Idc => {}
        }
        if let Some(own) = account.profile_arn() {
            return Some(Arc::from(own));
        }
        let id = account.credential.id();
        let known = self.0.lock().get(id).cloned();
        if let Some(known) = known.filter(|known| known.found.is_some() || known.at.elapsed() < REST) {
            return known.found;
        }
        let found: Option<Arc<str>> = fetched(account, egress, executor, base).await.map(Arc::from);
        self.0.lock().insert(id.clone(), Asked { found: found.clone(), at: Instant::now() });
        found
    }
}

/// The account's first profile. Without one the call itself says what is wrong.
pub(super) async fn fetched(
    account: &Account<'_>,
    egress: &Egress,
    executor: &dyn cliproxy_core::ProviderExecutor,
    base: Base<'_>,
) -> Option<String> {
    let uri = base.join("/ListAvailableProfiles").ok()?;
    let request = request::about(Verb::POST, uri, Bytes::from_static(b"{}"), account).ok()?;
    let reply = egress.listed(executor, account.credential, request).await.ok()?;
    let body: Value = serde_json::from_slice(&reply.body).ok()?;
    let arn = body.get("profiles")?.as_array()?.iter().find_map(|profile| profile.get("arn")?.as_str())?;
    Some(arn.to_owned())
}
