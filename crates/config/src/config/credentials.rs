//! API keys and tokens that the file holds itself. Source: runtime.md A.3, A.10; providers-b.md 6.1.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use cliproxy_core::Secret;
use regex::Regex;

use super::models::{self, ModelEntry};
use super::{ProxySetting, UrlText, access};
use crate::environment::Environment;
use crate::report::Report;
use crate::setting::{At, shown};

/// Said of an entry that is kept all the same: there are services that want no key.
const NO_KEY: &str =
    "it has no `api-key`, and no `headers` that could hold one: its service is called without a credential";

/// No credential weighs more. Source: runtime.md A.1 (H).
const MAX_WEIGHT: i64 = 1_000_000;

/// API keys and tokens that the file holds itself, by provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Credentials {
    /// `claude-api-key`.
    pub claude: Vec<KeyEntry>,
    /// `gemini-api-key`, and the old `generative-language-api-key`.
    pub gemini: Vec<KeyEntry>,
    /// `codex-api-key`.
    pub codex: Vec<KeyEntry>,
    /// `vertex-api-key`.
    pub vertex: Vec<KeyEntry>,
    /// `interactions-api-key`.
    pub interactions: Vec<KeyEntry>,
    /// `xai-api-key`.
    pub xai: Vec<KeyEntry>,
    /// `openai-compatibility`.
    pub openai_compatibility: Vec<CompatEntry>,
    /// `kiro`.
    pub kiro: Vec<KiroEntry>,
    /// `kiro-preferred-endpoint`: for `kiro` entries without their own; absent by default. Example `amazonq`.
    pub kiro_preferred_endpoint: Option<String>,
}

/// One entry of a provider's key list.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct KeyEntry {
    /// `api-key`: the secret; absent where a base URL makes sense of it. Example `sk-...`.
    pub api_key: Option<Secret>,
    /// `priority`: higher goes first; default 0. Example `10`.
    pub priority: i64,
    /// `prefix`: model namespace, without slashes. Example `team-a`.
    pub prefix: Option<String>,
    /// `base-url`: the upstream root. Example `https://api.example.com`.
    pub base_url: Option<UrlText>,
    /// `proxy-url`: for this credential. Example `direct`.
    pub proxy_url: Option<ProxySetting>,
    /// `headers`: set last on every call; a value `$Name` copies the client's header. Example `x-team: blue`.
    pub headers: Vec<(String, Secret)>,
    /// `models`: offered in place of the provider's own list, when not empty.
    pub models: Vec<ModelEntry>,
    /// `excluded-models`: patterns with `*`, lower case. Example `- "*-preview"`.
    pub excluded_models: Vec<String>,
    /// `weight`: share under `weighted-round-robin`, at most 1,000,000; 0 or less excludes. Presence matters. Example `3`.
    pub weight: Option<i64>,
    /// `disable-cooling`: beats the global switch both ways. Presence matters. Example `false`.
    pub disable_cooling: Option<bool>,
    /// `request-retry`: extra rounds for this credential. Example `0`.
    pub request_retry: Option<u32>,
    /// `request-scoped-errors`: failures that are about the request.
    pub request_scoped_errors: Vec<RequestScopedRule>,
    /// `websockets` (codex, xai): speak websockets to the provider. Presence matters.
    pub websockets: Option<bool>,
    /// `alpha-search` (codex). Presence matters.
    pub alpha_search: Option<bool>,
    /// `rebuild-mid-system-message` (claude). Presence matters.
    pub rebuild_mid_system_message: Option<bool>,
    /// `comment`: for people.
    pub comment: Option<String>,
}

impl fmt::Debug for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEntry")
            .field("api_key", &self.api_key)
            .field("priority", &self.priority)
            .field("prefix", &self.prefix)
            .field("base_url", &self.base_url)
            .field("proxy_url", &self.proxy_url)
            .field("headers", &header_names(&self.headers))
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

fn header_names(headers: &[(String, Secret)]) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

/// One OpenAI-compatible service.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct CompatEntry {
    /// `name`: the provider's name, as written; `openai-compatibility` when empty. Example `openrouter`.
    pub name: String,
    /// `base-url`: the upstream root; entries without one are left out. Example `https://openrouter.ai/api/v1`.
    pub base_url: UrlText,
    /// `prefix`: model namespace. Example `or`.
    pub prefix: Option<String>,
    /// `priority`: higher goes first; default 0.
    pub priority: i64,
    /// `disabled`: keep the entry, use it not; default off.
    pub disabled: bool,
    /// `headers`: set last on every call.
    pub headers: Vec<(String, Secret)>,
    /// `models`: what it offers. Several with one alias form a pool.
    pub models: Vec<ModelEntry>,
    /// `api-key-entries`: its keys; none is one credential without a key.
    pub api_keys: Vec<CompatKey>,
    /// `disable-cooling`: beats the global switch both ways. Presence matters.
    pub disable_cooling: Option<bool>,
    /// `request-retry`: extra rounds for its credentials.
    pub request_retry: Option<u32>,
    /// `request-scoped-errors`: failures that are about the request.
    pub request_scoped_errors: Vec<RequestScopedRule>,
    /// `support-prompt-cache-key`: a `prompt_cache_key` is sent; default off.
    pub support_prompt_cache_key: bool,
    /// `excluded-models`: patterns with `*`.
    pub excluded_models: Vec<String>,
}

impl fmt::Debug for CompatEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompatEntry")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .field("prefix", &self.prefix)
            .field("disabled", &self.disabled)
            .field("headers", &header_names(&self.headers))
            .field("models", &self.models)
            .field("api_keys", &self.api_keys)
            .finish_non_exhaustive()
    }
}

/// One key of an OpenAI-compatible service.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CompatKey {
    /// `api-key`: the secret; absent for a service that needs none.
    pub api_key: Option<Secret>,
    /// `proxy-url`: for this key.
    pub proxy_url: Option<ProxySetting>,
    /// `weight`: as in [`KeyEntry::weight`].
    pub weight: Option<i64>,
    /// `comment`: for people.
    pub comment: Option<String>,
}

/// One Kiro login. It has a token file or an access token; what it says itself goes before the file, except for tokens.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct KiroEntry {
    /// `token-file`: a token file of the Kiro IDE. Example `~/.aws/sso/cache/kiro-auth-token.json`.
    pub token_file: Option<PathBuf>,
    /// `access-token`: beside a token file only where that holds none.
    pub access_token: Option<Secret>,
    /// `refresh-token`: as the access token.
    pub refresh_token: Option<Secret>,
    /// `profile-arn`.
    pub profile_arn: Option<String>,
    /// `region`: example `us-east-1`.
    pub region: Option<String>,
    /// `start-url`: of the identity centre.
    pub start_url: Option<UrlText>,
    /// `proxy-url`: for this login.
    pub proxy_url: Option<ProxySetting>,
    /// `agent-task-type`: `vibe` or empty.
    pub agent_task_type: Option<String>,
    /// `preferred-endpoint`: which endpoint is tried first.
    pub preferred_endpoint: Option<String>,
    /// `comment`: for people.
    pub comment: Option<String>,
}

/// A rule about failures that are the request's fault and not the credential's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestScopedRule {
    /// `status`: the HTTP status. Example `400`.
    pub status: u16,
    /// `match`: texts, any of which occurs in the body. Example `- "context length"`.
    pub contains: Vec<String>,
    /// `match-regexr`: regular expressions, any of which fits the body.
    pub patterns: Vec<String>,
    /// `action`: what happens then.
    pub action: RequestScopedAction,
}

/// What a [`RequestScopedRule`] does. Source: runtime.md D.11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestScopedAction {
    /// `stop`: return the error, cool nothing.
    Stop,
    /// `stop-and-cooldown`: return the error and cool down.
    StopAndCooldown,
    /// `continue`: try the next credential, cool nothing.
    Continue,
    /// `continue-and-cooldown`: try the next credential and cool down.
    ContinueAndCooldown,
}

impl Credentials {
    /// Whether the file holds no credential at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [&self.claude, &self.gemini, &self.codex, &self.vertex, &self.interactions, &self.xai]
            .iter()
            .all(|list| list.is_empty())
            && self.openai_compatibility.iter().all(|entry| entry.disabled)
            && self.kiro.is_empty()
    }

    pub(super) fn read(root: &At<'_>, environment: &Environment, report: &mut Report) -> Self {
        let old_gemini = root.get("generative-language-api-key");
        let mut gemini = key_entries(&root.get("gemini-api-key"), Family::Gemini, report);
        // Source: runtime.md A.7: migrated, today's entries first.
        if old_gemini.is_set() {
            old_gemini.legacy(report, "gemini-api-key");
            let keys = access::keys(&old_gemini, report);
            let keys = new_ones(keys, gemini.iter().filter_map(|entry| entry.api_key.as_ref()));
            gemini.extend(
                keys.into_iter().map(|api_key| KeyEntry { api_key: Some(api_key), ..KeyEntry::default() }),
            );
        }
        Self {
            gemini,
            interactions: key_entries(&root.get("interactions-api-key"), Family::Gemini, report),
            vertex: key_entries(&root.get("vertex-api-key"), Family::Vertex, report),
            codex: key_entries(&root.get("codex-api-key"), Family::Codex, report),
            xai: key_entries(&root.get("xai-api-key"), Family::Xai, report),
            claude: key_entries(&root.get("claude-api-key"), Family::Claude, report),
            openai_compatibility: root
                .get("openai-compatibility")
                .items(report)
                .iter()
                .filter_map(|item| CompatEntry::read(item, report))
                .collect(),
            kiro: root
                .get("kiro")
                .items(report)
                .iter()
                .filter_map(|item| KiroEntry::read(item, environment, report))
                .collect(),
            kiro_preferred_endpoint: root.get("kiro-preferred-endpoint").text(report),
        }
    }
}

/// Keys of an old spelling that today's entries do not have.
fn new_ones<'k>(keys: Vec<Secret>, known: impl Iterator<Item = &'k Secret>) -> Vec<Secret> {
    let known: HashSet<&str> = known.map(Secret::expose).collect();
    keys.into_iter().filter(|key| !known.contains(key.expose())).collect()
}

/// What the sanitizers of the reference distinguish. Source: runtime.md A.3.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Gemini,
    Vertex,
    Codex,
    Xai,
    Claude,
}

fn key_entries(at: &At<'_>, family: Family, report: &mut Report) -> Vec<KeyEntry> {
    let mut found: Vec<(At<'_>, KeyEntry)> = Vec::new();
    for item in at.items(report) {
        if !item.must_be_map(report) {
            continue;
        }
        let entry = key_entry(&item, family, report);
        let (no_key, no_url) = (entry.api_key.is_none(), entry.base_url.is_none());
        let lacks = match family {
            // The reference drops an entry without `base-url`; ours goes to OpenAI's own platform.
            Family::Codex if no_key && no_url => Some("it needs an `api-key` or a `base-url`"),
            Family::Vertex if no_key => Some("it needs an `api-key`"),
            Family::Gemini | Family::Xai if no_key && no_url => Some("it needs an `api-key` or a `base-url`"),
            // The reference keeps an empty claude entry and skips it later; the effect is the same.
            Family::Claude if no_key && no_url => Some("it needs an `api-key` or a `base-url`"),
            Family::Codex | Family::Vertex | Family::Gemini | Family::Xai | Family::Claude => None,
        };
        if let Some(reason) = lacks {
            // A URL or key that is wrong rather than absent has been reported already.
            item.dropped(report, reason);
            continue;
        }
        if no_key && entry.headers.is_empty() {
            item.adjusted(report, NO_KEY);
        }
        found.push((item, entry));
    }
    let first: Vec<bool> = {
        let mut seen = HashSet::new();
        found.iter().map(|(_, entry)| identity(entry, family).is_none_or(|it| seen.insert(it))).collect()
    };
    let mut kept = Vec::with_capacity(found.len());
    for ((item, entry), first) in found.into_iter().zip(first) {
        if first {
            kept.push(entry);
        } else {
            item.dropped(report, "the same entry is above already");
        }
    }
    kept
}

/// What makes two entries the same; `None` where the reference keeps repeats. Source: runtime.md A.3.
fn identity(entry: &KeyEntry, family: Family) -> Option<(&str, &str, Vec<&str>)> {
    let key = entry.api_key.as_ref().map_or("", Secret::expose);
    let url = entry.base_url.as_ref().map_or("", UrlText::expose);
    match family {
        Family::Gemini => {
            let proxy = entry.proxy_url.as_ref().map_or("", ProxySetting::expose);
            let prefix = entry.prefix.as_deref().unwrap_or_default();
            let headers = entry.headers.iter().flat_map(|(name, value)| [name.as_str(), value.expose()]);
            Some((key, url, [proxy, prefix].into_iter().chain(headers).collect()))
        }
        Family::Vertex => Some((key, url, Vec::new())),
        Family::Codex | Family::Xai | Family::Claude => None,
    }
}
fn key_entry(item: &At<'_>, family: Family, report: &mut Report) -> KeyEntry {
    KeyEntry {
        api_key: item.get("api-key").secret(report),
        priority: priority(item, report),
        prefix: prefix(&item.get("prefix"), report),
        base_url: UrlText::read_http(&item.get("base-url"), report),
        proxy_url: ProxySetting::read(&item.get("proxy-url"), report),
        headers: item.get("headers").headers(report),
        models: models::entries(&item.get("models"), family == Family::Vertex, report),
        excluded_models: excluded_models(&item.get("excluded-models"), report),
        weight: weight(&item.get("weight"), report),
        disable_cooling: item.get("disable-cooling").flag(report),
        request_retry: request_retry(&item.get("request-retry"), report),
        request_scoped_errors: request_scoped_rules(&item.get("request-scoped-errors"), report),
        websockets: item.get("websockets").flag(report),
        alpha_search: item.get("alpha-search").flag(report),
        rebuild_mid_system_message: item.get("rebuild-mid-system-message").flag(report),
        comment: item.get("comment").text(report),
    }
}

impl CompatEntry {
    fn read(item: &At<'_>, report: &mut Report) -> Option<Self> {
        if !item.must_be_map(report) {
            return None;
        }
        let Some(base_url) = UrlText::read_http(&item.get("base-url"), report) else {
            if !item.get("base-url").is_set() {
                item.dropped(report, "it needs a `base-url`");
            }
            return None;
        };
        let headers = item.get("headers").headers(report);
        let mut api_keys: Vec<CompatKey> = Vec::new();
        for key in item.get("api-key-entries").items(report) {
            let read = CompatKey::read(&key, report);
            if read.api_key.is_none() && headers.is_empty() {
                key.adjusted(report, NO_KEY);
            }
            api_keys.push(read);
        }
        let old = item.get("api-keys");
        if old.is_set() {
            // Source: runtime.md A.7.
            old.legacy(report, "api-key-entries");
            let keys = access::keys(&old, report);
            let keys = new_ones(keys, api_keys.iter().filter_map(|entry| entry.api_key.as_ref()));
            api_keys.extend(
                keys.into_iter().map(|api_key| CompatKey { api_key: Some(api_key), ..CompatKey::default() }),
            );
        }
        Some(Self {
            name: item.get("name").text(report).unwrap_or_else(|| "openai-compatibility".to_owned()),
            base_url,
            prefix: prefix(&item.get("prefix"), report),
            priority: priority(item, report),
            disabled: item.get("disabled").is_on(report),
            headers,
            models: models::entries(&item.get("models"), false, report),
            api_keys,
            disable_cooling: item.get("disable-cooling").flag(report),
            request_retry: request_retry(&item.get("request-retry"), report),
            request_scoped_errors: request_scoped_rules(&item.get("request-scoped-errors"), report),
            support_prompt_cache_key: item.get("support-prompt-cache-key").is_on(report),
            excluded_models: excluded_models(&item.get("excluded-models"), report),
        })
    }
}

impl CompatKey {
    fn read(item: &At<'_>, report: &mut Report) -> Self {
        if item.is_scalar() {
            return Self { api_key: item.secret(report), ..Self::default() };
        }
        Self {
            api_key: item.get("api-key").secret(report),
            proxy_url: ProxySetting::read(&item.get("proxy-url"), report),
            weight: weight(&item.get("weight"), report),
            comment: item.get("comment").text(report),
        }
    }
}

impl KiroEntry {
    fn read(item: &At<'_>, environment: &Environment, report: &mut Report) -> Option<Self> {
        if !item.must_be_map(report) {
            return None;
        }
        let read = Self {
            token_file: item.get("token-file").text(report).map(|path| environment.expand_home(&path)),
            access_token: item.get("access-token").secret(report),
            refresh_token: item.get("refresh-token").secret(report),
            profile_arn: item.get("profile-arn").text(report),
            region: item.get("region").text(report),
            start_url: UrlText::read_http(&item.get("start-url"), report),
            proxy_url: ProxySetting::read(&item.get("proxy-url"), report),
            agent_task_type: item.get("agent-task-type").text(report),
            preferred_endpoint: item.get("preferred-endpoint").text(report),
            comment: item.get("comment").text(report),
        };
        // Source: runtime.md C.5 "without an access token the entry is skipped".
        if read.token_file.is_none() && read.access_token.is_none() {
            item.dropped(report, "it needs a `token-file` or an `access-token`");
            return None;
        }
        if read.token_file.is_some() && read.access_token.is_some() {
            let reason = "it serves only where the `token-file` beside it holds no token";
            item.get("access-token").adjusted(report, reason);
        }
        Some(read)
    }
}

/// Trimmed, without slashes at its ends; one inside makes it void. Source: runtime.md A.3.
fn prefix(at: &At<'_>, report: &mut Report) -> Option<String> {
    let text = at.text(report)?;
    let kept = text.trim_matches('/').trim();
    if kept.contains('/') {
        at.adjusted(report, format!("{} has a slash inside and is not used as a prefix", shown(&text)));
        return None;
    }
    (!kept.is_empty()).then(|| kept.to_owned())
}

fn priority(item: &At<'_>, report: &mut Report) -> i64 {
    item.get("priority").number(report, i64::from(i32::MIN), i64::from(i32::MAX), 10).unwrap_or(0)
}

fn weight(at: &At<'_>, report: &mut Report) -> Option<i64> {
    at.number(report, i64::from(i32::MIN), MAX_WEIGHT, 1)
}

/// A negative number inherits. Source: runtime.md A.10 (H).
fn request_retry(at: &At<'_>, report: &mut Report) -> Option<u32> {
    at.number(report, i64::from(i32::MIN), 1000, 1).and_then(|rounds| u32::try_from(rounds).ok())
}

/// Trimmed, lower case, without repeats. Source: runtime.md A.3.
pub(super) fn excluded_models(at: &At<'_>, report: &mut Report) -> Vec<String> {
    let mut seen = HashSet::new();
    let patterns = at.texts(report).into_iter().map(|pattern| pattern.to_lowercase());
    patterns.filter(|pattern| seen.insert(pattern.clone())).collect()
}

pub(super) fn request_scoped_rules(at: &At<'_>, report: &mut Report) -> Vec<RequestScopedRule> {
    const ACTIONS: &[(&str, RequestScopedAction)] = &[
        ("stop", RequestScopedAction::Stop),
        ("stop-and-cooldown", RequestScopedAction::StopAndCooldown),
        ("continue", RequestScopedAction::Continue),
        ("continue-and-cooldown", RequestScopedAction::ContinueAndCooldown),
    ];
    let mut found = Vec::new();
    for item in at.items(report) {
        item.must_be_map(report);
        let (status, action) = (item.get("status"), item.get("action"));
        for required in [&status, &action] {
            if !required.is_set() {
                let remedy = "a rule needs `status` and `action`, such as `status: 400` and `action: stop`";
                required.wrong(report, "it is missing", remedy);
            }
        }
        let number = status.number(report, 100, 599, 400).and_then(|status| u16::try_from(status).ok());
        let action = action.choice(report, ACTIONS);
        if let (Some(status), Some(action)) = (number, action) {
            let contains = item.get("match").one_or_more(report);
            let patterns = patterns(&item.get("match-regexr"), report);
            found.push(RequestScopedRule { status, contains, patterns, action });
        }
    }
    found
}

/// Regular expressions; one that is none would make the rule another one.
fn patterns(at: &At<'_>, report: &mut Report) -> Vec<String> {
    let found = at.one_or_more(report);
    for pattern in &found {
        if Regex::new(pattern).is_err() {
            let remedy =
                "expected one such as `too (long|large)`; put a backslash before ( ) [ ] { } that are meant";
            at.wrong(report, format!("{} is no regular expression", shown(pattern)), remedy);
        }
    }
    found
}
