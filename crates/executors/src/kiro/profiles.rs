//! Profile ARNs: whose calls name one, and where one comes from that the credential lacks. Source: providers-b.md 1.1.6,
//! 1.5.3 [H].

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::CredentialId;
use http::Method as Verb;
use parking_lot::Mutex;
use serde_json::Value;

use super::account::{Account, Method};
use super::request;
use crate::Egress;
use crate::urls::Base;

/// Profiles that were asked for, kept while the process runs: a renewal writes them down.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles(Arc<Mutex<HashMap<CredentialId, Arc<str>>>>);

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
        if let Some(known) = self.0.lock().get(id) {
            return Some(Arc::clone(known));
        }
        let found: Arc<str> = Arc::from(fetched(account, egress, executor, base).await?);
        self.0.lock().insert(id.clone(), Arc::clone(&found));
        Some(found)
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
