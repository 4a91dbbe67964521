//! Who may call, who may manage, and which keys the environment offers.

use std::collections::HashSet;

use cliproxy_core::Secret;

use crate::environment::Environment;
use crate::place::Place;
use crate::report::{Notice, Report};
use crate::setting::At;

/// The client keys of the sample configuration: whoever serves with one of them serves everybody.
///
/// Source: runtime.md A.10 (H) safe mode; the values are those of the reference's sample file.
pub const EXAMPLE_API_KEYS: &[&str] = &["your-api-key-1", "your-api-key-2", "your-api-key-3"];

/// Who may call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Access {
    /// `api-keys`: what clients send; empty by default. Example `- sk-my-own-key`. Trimmed, repeats left out.
    pub api_keys: Vec<Secret>,
    /// `allow-unauthenticated`: without client keys everybody may call, from wherever the listener can be reached;
    /// default off. Example `true`.
    pub allow_unauthenticated: bool,
    /// `ws-auth`: the websocket relay needs a client key; default on. Example `false`, which a listener beyond
    /// loopback accepts with `allow-unauthenticated: true` only.
    pub ws_auth: bool,
    /// `ws-origins`: pages of these origins may connect to the websocket relay without a client key, where none is asked
    /// for; `*` stands for any text; empty by default. Example `- https://relay.example.com`.
    pub ws_origins: Vec<String>,
    /// `ws-keys`: the only keys that pages may connect to the websocket relay with, while `ws-auth` is on. A key that is
    /// not in `api-keys` opens that door and no other. Absent, every client key does; empty, none. Example
    /// `- sk-only-for-the-page`.
    pub ws_keys: Option<Vec<Secret>>,
    /// Whether `api-keys` or `ws-keys` still holds a value of the sample file; then nothing may be served but the explanation.
    pub safe_mode: bool,
}

impl Access {
    pub(super) fn read(root: &At<'_>, report: &mut Report) -> Self {
        let at = root.get("api-keys");
        let mut api_keys = keys(&at, report);
        if api_keys.is_empty() {
            api_keys = legacy_keys(root, report);
        }
        let ws_auth = root.get("ws-auth").is_on(report);
        let ws_keys = ws_keys(&root.get("ws-keys"), ws_auth, report);
        let mut safe_mode = false;
        for (at, keys) in [(&at, Some(&api_keys)), (&root.get("ws-keys"), ws_keys.as_ref())] {
            if keys.into_iter().flatten().any(|key| EXAMPLE_API_KEYS.contains(&key.expose())) {
                safe_mode = true;
                let reason =
                    "this is a key of the sample file, so nothing is served until it is replaced".to_owned();
                report.note(Notice::Unsafe { place: at.place().clone(), key: at.key().to_owned(), reason });
            }
        }
        Self {
            api_keys,
            allow_unauthenticated: root.get("allow-unauthenticated").is_on(report),
            ws_auth,
            ws_origins: root.get("ws-origins").texts(report),
            ws_keys,
            safe_mode,
        }
    }

    /// Whether clients or pages come in with this key.
    fn is_ours(&self, key: &Secret) -> bool {
        self.api_keys.contains(key) || self.ws_keys.as_ref().is_some_and(|keys| keys.contains(key))
    }
}

/// An empty list is one: whoever writes it wants no page at all.
fn ws_keys(at: &At<'_>, ws_auth: bool, report: &mut Report) -> Option<Vec<Secret>> {
    if !at.is_set() {
        return None;
    }
    let keys = keys(at, report);
    if !ws_auth {
        let reason = "pages are asked for no key while `ws-auth` is off, so this keeps nobody out".to_owned();
        report.note(Notice::Unsafe { place: at.place().clone(), key: at.key().to_owned(), reason });
    }
    Some(keys)
}

/// Secrets of a list, without repeats. A variable may hold `a, b`.
pub(super) fn keys(at: &At<'_>, report: &mut Report) -> Vec<Secret> {
    let found: Vec<Secret> = if at.place().line().is_none() && at.is_scalar() {
        at.texts(report).into_iter().map(Secret::from).collect()
    } else {
        at.items(report).iter().filter_map(|item| item.secret(report)).collect()
    };
    let first: Vec<bool> = {
        let mut seen = HashSet::new();
        found.iter().map(|key| seen.insert(key.expose())).collect()
    };
    found.into_iter().zip(first).filter(|(_, first)| *first).map(|(key, _)| key).collect()
}

// Source: runtime.md A.7: `auth.providers[]` of type `config-api-key` counts while `api-keys` is empty.
fn legacy_keys(root: &At<'_>, report: &mut Report) -> Vec<Secret> {
    let providers = root.get("auth").get("providers");
    let mut found = Vec::new();
    for provider in providers.items(report) {
        let kind = provider.get("type").text(report).unwrap_or_default();
        if kind.eq_ignore_ascii_case("config-api-key") {
            provider.get("api-keys").legacy(report, "api-keys");
            found.extend(keys(&provider.get("api-keys"), report));
        } else {
            provider.dropped(report, "only providers of type `config-api-key` exist");
        }
    }
    found
}

/// The management API.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Management {
    /// `remote-management.secret-key`: plain or bcrypt; without one the routes answer 404. Example `correct-horse`.
    pub secret: Option<Secret>,
    /// `MANAGEMENT_PASSWORD`: a second secret that also allows remote use. From the environment only.
    pub password: Option<Secret>,
    /// `remote-management.allow-remote`: calls from other machines are accepted; default off. Example `true`.
    pub allow_remote: bool,
    /// `remote-management.disable-control-panel`: no panel; default off. Example `true`.
    pub disable_control_panel: bool,
    /// `remote-management.disable-auto-update-panel`: default off. Example `true`.
    pub disable_auto_update_panel: bool,
    /// `remote-management.panel-github-repository`: where the panel comes from. Example `https://github.com/owner/panel`.
    pub panel_repository: Option<String>,
}

impl Management {
    pub(super) fn read(root: &At<'_>, environment: &Environment, report: &mut Report) -> Self {
        let at = root.get("remote-management");
        at.must_be_map(report);
        Self {
            secret: at.get("secret-key").secret(report),
            password: environment.lookup("MANAGEMENT_PASSWORD").map(Secret::from),
            allow_remote: at.get("allow-remote").is_on(report),
            disable_control_panel: at.get("disable-control-panel").is_on(report),
            disable_auto_update_panel: at.get("disable-auto-update-panel").is_on(report),
            panel_repository: at.get("panel-github-repository").text(report),
        }
    }
}

/// Keys of the environment, to be used only while there is no other credential.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EnvCredentials {
    /// `env-credentials`: whether they may be used at all; default on. Example `false`.
    pub enabled: bool,
    /// What was found; empty when not enabled. A key that equals one of our client keys is left out.
    pub found: Vec<EnvCredential>,
}

/// A key of the environment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EnvCredential {
    /// Whose key it is: `claude`, `openai` or `gemini`.
    pub provider: &'static str,
    /// The variable it came from.
    pub variable: &'static str,
    /// The key.
    pub key: Secret,
}

impl EnvCredentials {
    pub(super) fn read(
        root: &At<'_>,
        environment: &Environment,
        access: &Access,
        report: &mut Report,
    ) -> Self {
        const VARIABLES: [(&str, &str); 3] =
            [("ANTHROPIC_API_KEY", "claude"), ("OPENAI_API_KEY", "openai"), ("GEMINI_API_KEY", "gemini")];
        let enabled = root.get("env-credentials").is_on(report);
        let mut found = Vec::new();
        for (variable, provider) in VARIABLES {
            let Some(value) = environment.get(variable).map(str::trim).filter(|value| !value.is_empty())
            else {
                continue;
            };
            let key = Secret::from(value);
            if !enabled {
                continue;
            }
            if access.is_ours(&key) {
                // A client of ours on this machine is configured by the same variable: it would call itself.
                let place = Place::whole(format!("environment variable {variable}"));
                let reason = "it holds one of our own client keys and is not used as a credential".to_owned();
                report.note(Notice::Environment { place, reason });
                continue;
            }
            found.push(EnvCredential { provider, variable, key });
        }
        Self { enabled, found }
    }
}
