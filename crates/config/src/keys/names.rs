//! Names of providers and of their endpoints, which only the caller knows, against those that are known.

use std::collections::{BTreeMap, BTreeSet};

use super::similar;
use crate::config::endpoint_of_old;
use crate::report::{Notice, Report};
use crate::setting::{Member, Setting, SettingKind};

/// The names that may stand where a key names a provider, an endpoint or a channel. With them a [`Loader`](crate::Loader)
/// tells those that nobody has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownNames {
    endpoints: BTreeMap<String, BTreeSet<String>>,
    unjudged: BTreeSet<String>,
    absent: BTreeSet<String>,
    clients: BTreeSet<String>,
    channels: BTreeSet<String>,
}

impl KnownNames {
    /// No names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a URL that `endpoints.<provider>.<name>` replaces.
    #[must_use]
    pub fn with_endpoint(mut self, provider: &str, name: &str) -> Self {
        self.endpoints.entry(provider.to_lowercase()).or_default().insert(name.to_lowercase());
        self
    }

    /// With a provider that does not say which URLs it has: whatever stands below `endpoints.<provider>` is taken.
    #[must_use]
    pub fn with_unjudged_endpoints(mut self, provider: &str) -> Self {
        self.unjudged.insert(provider.to_lowercase());
        self
    }

    /// With a provider that is known and not there, so that a URL of it which nobody replaces is not called either.
    #[must_use]
    pub fn with_absent_provider(mut self, provider: &str) -> Self {
        self.absent.insert(provider.to_lowercase());
        self
    }

    /// With a provider whose OAuth client `oauth-clients.<provider>` replaces.
    #[must_use]
    pub fn with_oauth_client(mut self, provider: &str) -> Self {
        self.clients.insert(provider.to_lowercase());
        self
    }

    /// With a channel: a provider with logins, which `oauth-model-alias` and its kin may name.
    #[must_use]
    pub fn with_channel(mut self, provider: &str) -> Self {
        self.channels.insert(provider.to_lowercase());
        self
    }

    /// With all of these too.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        for (provider, names) in more.endpoints {
            self.endpoints.entry(provider).or_default().extend(names);
        }
        self.unjudged.extend(more.unjudged);
        self.absent.extend(more.absent);
        self.clients.extend(more.clients);
        self.channels.extend(more.channels);
        self
    }

    /// Whether a URL of this name would be called by nobody, and the provider's own in its place.
    #[must_use]
    pub fn lacks_endpoint(&self, provider: &str, name: &str) -> bool {
        let (provider, name) = (provider.trim().to_lowercase(), name.trim().to_lowercase());
        let has = self.endpoints.get(&provider).is_some_and(|names| names.contains(&name));
        !has && !self.unjudged.contains(&provider) && !self.absent.contains(&provider)
    }

    fn providers_with_endpoints(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().chain(&self.unjudged).map(String::as_str)
    }
}

/// Looks at all names of a merged tree whose keys have been looked at.
pub(crate) fn check(root: &Setting, known: &KnownNames, report: &mut Report) {
    for provider in members(root, "endpoints") {
        check_endpoints(provider, known, report);
    }
    for provider in members(root, "oauth-endpoint-overrides") {
        check_old_endpoints(provider, known, report);
    }
    for provider in members(root, "oauth-clients") {
        let is_known =
            known.clients.contains(&name_of(provider)) || known.absent.contains(&name_of(provider));
        if !is_known {
            note_no_provider("oauth-clients", provider, &known.clients, report);
        }
    }
    for section in
        ["oauth-model-alias", "oauth-model-mappings", "oauth-excluded-models", "oauth-request-scoped-errors"]
    {
        for channel in members(root, section).iter().filter(|one| !known.channels.contains(&name_of(one))) {
            note_no_provider(section, channel, &known.channels, report);
        }
    }
}

/// A name that is none here leaves the vendor's own URL in force, and the user's key goes past the mirror: no word in a
/// log makes up for that. No file of the Go program has this key.
fn check_endpoints(provider: &Member, known: &KnownNames, report: &mut Report) {
    let name = name_of(provider);
    let path = format!("endpoints.{}", provider.key);
    if known.unjudged.contains(&name) {
        return;
    }
    let Some(urls) = known.endpoints.get(&name) else {
        if known.absent.contains(&name) {
            note_unknown(provider, path, None, report);
            return;
        }
        let near = similar::nearest(&name, known.providers_with_endpoints());
        let remedy = near.map_or_else(
            || "`cliproxy-server endpoints` lists what there is; a service of `openai-compatibility` has its `base-url`".to_owned(),
            |near| format!("did you mean `endpoints.{near}`?"),
        );
        let problem = "no provider of this name has a URL to replace, so calls would go where they went";
        report.wrong(&provider.key_place, path, problem, remedy);
        return;
    };
    for url in below(&provider.value).iter().filter(|url| !urls.contains(&name_of(url))) {
        let path = format!("{path}.{}", url.key);
        if known.absent.contains(&name) {
            note_unknown(url, path, None, report);
            continue;
        }
        let remedy = similar::nearest(&name_of(url), urls.iter().map(String::as_str)).map_or_else(
            || format!("{name} has {}", listed(urls)),
            |near| format!("did you mean `endpoints.{name}.{near}`?"),
        );
        let problem = format!("{name} has no URL of this name, so its calls would go where they went");
        report.wrong(&url.key_place, path, problem, remedy);
    }
}

/// A warning only: a file of another program must load.
fn check_old_endpoints(provider: &Member, known: &KnownNames, report: &mut Report) {
    const SECTION: &str = "oauth-endpoint-overrides";
    let name = name_of(provider);
    let Some(urls) = known.endpoints.get(&name) else {
        if !known.unjudged.contains(&name) {
            let names: BTreeSet<String> = known.providers_with_endpoints().map(str::to_owned).collect();
            note_no_provider(SECTION, provider, &names, report);
        }
        return;
    };
    for url in below(&provider.value) {
        let today = endpoint_of_old(&name, &url.key);
        // A key that is none of them has been told already.
        if today.is_some_and(|today| !urls.contains(today)) {
            let reason =
                format!("it replaces no URL: those of {name} are {} below `endpoints`", listed(urls));
            let key = format!("{SECTION}.{}.{}", provider.key, url.key);
            report.note(Notice::Dropped { place: url.key_place.clone(), key, reason });
        }
    }
}

fn note_no_provider(section: &str, provider: &Member, names: &BTreeSet<String>, report: &mut Report) {
    let near =
        similar::nearest(&name_of(provider), names.iter().map(String::as_str).filter(|_| report.is_short()));
    report.note(Notice::UnknownProvider {
        place: provider.key_place.clone(),
        key: format!("{section}.{}", provider.key),
        suggestion: near.map(|near| format!("{section}.{near}")),
    });
}

fn note_unknown(member: &Member, key: String, suggestion: Option<String>, report: &mut Report) {
    report.note(Notice::UnknownKey { place: member.key_place.clone(), key, suggestion });
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// As the readers of these sections take it.
fn name_of(member: &Member) -> String {
    member.key.trim().to_lowercase()
}

fn members<'s>(root: &'s Setting, section: &str) -> &'s [Member] {
    root.member(section).map_or(&[], |member| below(&member.value))
}

fn below(setting: &Setting) -> &[Member] {
    match &setting.kind {
        SettingKind::Map(members) => members,
        SettingKind::Null | SettingKind::Scalar { .. } | SettingKind::List(_) => &[],
    }
}
