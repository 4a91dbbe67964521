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

/// Where a profile is asked for: Amazon Q, and the older host that knows older calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'p> {
    pub(super) now: Base<'p>,
    pub(super) legacy: Base<'p>,
}

/// The older calls, in order, and where their answers name a profile. Source: providers-b.md 1.1.6 "Profile ARN, AWS".
const LEGACY: [(&str, &[&str]); 2] = [
    ("AmazonCodeWhispererService.ListProfiles", &["/profileArn", "/profiles/0/arn"]),
    ("AmazonCodeWhispererService.ListAvailableCustomizations", &["/customizations/0/arn"]),
];

/// What was asked for, when, and for which login.
#[derive(Debug)]
struct Asked {
    login: Login,
    found: Option<Arc<str>>,
    at: Instant,
}

/// What tells a login from another that took its place in the same file: the client that was registered for it, the
/// organisation, the region.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Login([Option<String>; 4]);

impl Login {
    fn of(account: &Account<'_>) -> Self {
        let region = account.login_region().ok();
        let client = account.client().map(|(id, _)| id);
        Self([client, account.client_hash(), account.start_url(), region].map(|text| text.map(str::to_owned)))
    }
}

/// What is known of one credential. Whoever asks holds it, and the others wait for the answer.
type Slot = Arc<tokio::sync::Mutex<Option<Asked>>>;

/// Profiles that were asked for, kept while the process runs: a renewal writes them down.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles(Arc<Mutex<HashMap<CredentialId, Slot>>>);

impl Profiles {
    /// The profile that a call of this account names.
    pub(super) async fn of(
        &self,
        account: &Account<'_>,
        egress: &Egress,
        executor: &dyn cliproxy_core::ProviderExecutor,
        places: Places<'_>,
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
        let slot = Arc::clone(self.0.lock().entry(account.credential.id().clone()).or_default());
        let mut known = slot.lock().await;
        let login = Login::of(account);
        if let Some(known) = known.as_ref().filter(|known| known.login == login)
            && (known.found.is_some() || known.at.elapsed() < REST)
        {
            return known.found.clone();
        }
        let found: Option<Arc<str>> = fetched(account, egress, executor, places).await.map(Arc::from);
        *known = Some(Asked { login, found: found.clone(), at: Instant::now() });
        found
    }
}

/// The account's first profile, from whichever call knows one. Without one the call itself says what is wrong.
pub(super) async fn fetched(
    account: &Account<'_>,
    egress: &Egress,
    executor: &dyn cliproxy_core::ProviderExecutor,
    places: Places<'_>,
) -> Option<String> {
    let uri = places.now.join("/ListAvailableProfiles").ok()?;
    let request = request::about(Verb::POST, uri, Bytes::from_static(b"{}"), account).ok()?;
    let reply = egress.listed(executor, account.credential, request).await;
    let body: Option<Value> = reply.ok().and_then(|reply| serde_json::from_slice(&reply.body).ok());
    let arn = |profile: &Value| Some(profile.get("arn")?.as_str()?.to_owned());
    let profiles = body.as_ref().and_then(|body| body.get("profiles")?.as_array());
    if let Some(found) = profiles.and_then(|all| all.iter().find_map(arn)) {
        return Some(found);
    }
    for (target, at) in LEGACY {
        let uri = places.legacy.join("/").ok()?;
        let request = request::legacy(uri, target, account).ok()?;
        let Ok(reply) = egress.listed(executor, account.credential, request).await else { continue };
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let named = at.iter().find_map(|at| body.pointer(at)?.as_str()).filter(|arn| !arn.is_empty());
        if let Some(found) = named {
            return Some(found.to_owned());
        }
    }
    None
}
