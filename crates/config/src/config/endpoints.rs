//! URLs and OAuth clients in place of the built-in ones.

use std::collections::BTreeMap;

use cliproxy_core::Secret;

use super::UrlText;
use crate::environment::Environment;
use crate::keys::KnownNames;
use crate::report::Report;
use crate::setting::At;

/// Provider → name of the endpoint → URL.
pub type EndpointMap = BTreeMap<String, BTreeMap<String, UrlText>>;

/// An OAuth client in place of the built-in one.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct OauthClient {
    /// `oauth-clients.<provider>.client-id`. Example `12345.apps.example.com`.
    pub client_id: Option<String>,
    /// `oauth-clients.<provider>.client-secret`.
    pub client_secret: Option<Secret>,
}

/// The names of `oauth-endpoint-overrides`. Source: runtime.md A.11.
const OLD_NAMES: [&str; 6] =
    ["api-base-url", "authorize-url", "token-url", "refresh-url", "userinfo-url", "device-authorize-url"];

/// What `endpoints.<provider>` calls what the old key, which is about accounts, has under an old name.
pub(crate) fn endpoint_of_old(provider: &str, old: &str) -> Option<&'static str> {
    Some(match (provider, old) {
        // `api` is where its API keys go.
        ("codex", "api-base-url") => "backend",
        ("github-copilot", "userinfo-url") => "user",
        (_, "api-base-url") => "api",
        (_, "authorize-url") => "authorize",
        (_, "token-url") => "token",
        (_, "refresh-url") => "refresh",
        (_, "userinfo-url") => "userinfo",
        (_, "device-authorize-url") => "device",
        _ => return None,
    })
}

/// `endpoints`, and below it what `oauth-endpoint-overrides` says.
pub(super) fn endpoints(root: &At<'_>, names: Option<&KnownNames>, report: &mut Report) -> EndpointMap {
    let mut found = EndpointMap::new();
    let old = root.get("oauth-endpoint-overrides");
    if old.is_set() {
        old.legacy(report, "endpoints");
    }
    for (provider, at) in old.members(report) {
        let provider = provider.trim().to_lowercase();
        for old_name in OLD_NAMES {
            let url = UrlText::read_http(&at.get(old_name), report);
            let name = endpoint_of_old(&provider, old_name)
                .filter(|name| !names.is_some_and(|names| names.lacks_endpoint(&provider, name)));
            if let Some((name, url)) = name.zip(url) {
                found.entry(provider.clone()).or_default().insert(name.to_owned(), url);
            }
        }
    }
    for (provider, at) in root.get("endpoints").members(report) {
        for (name, at) in at.members(report) {
            if let Some(url) = UrlText::read_http(&at, report) {
                found
                    .entry(provider.trim().to_lowercase())
                    .or_default()
                    .insert(name.trim().to_lowercase(), url);
            }
        }
    }
    found
}

pub(super) fn oauth_clients(
    root: &At<'_>,
    environment: &Environment,
    report: &mut Report,
) -> BTreeMap<String, OauthClient> {
    let mut found: BTreeMap<String, OauthClient> = BTreeMap::new();
    // Source: runtime.md B.2: the variable beats what is built in; the config beats both.
    if let Some(secret) = environment.lookup("IFLOW_CLIENT_SECRET") {
        found.entry("iflow".to_owned()).or_default().client_secret = Some(Secret::from(secret));
    }
    for (provider, at) in root.get("oauth-clients").members(report) {
        at.must_be_map(report);
        let client = found.entry(provider.trim().to_lowercase()).or_default();
        if let Some(id) = at.get("client-id").text(report) {
            client.client_id = Some(id);
        }
        if let Some(secret) = at.get("client-secret").secret(report) {
            client.client_secret = Some(secret);
        }
    }
    found
}
