//! One account or key that we spend.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::{CredentialId, ModelInfo, ProviderId, Secret, Timestamp, parse_duration};

/// How a credential authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A fixed key: never renewed.
    ApiKey,
    /// A login with tokens that are renewed.
    Account,
}

/// Where a credential comes from, and so where it is written back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A file (or row, or object) of the credential store, under this relative name.
    Store(String),
    /// An entry of the configuration, such as `claude-api-key[0]`.
    Config(String),
    /// A variable of the environment, by name.
    Environment(String),
    /// Made while running; never written.
    Runtime,
}

/// The whole JSON of a credential, opaque: keys that we do not know survive every rewrite.
///
/// `Debug` lists the names of the keys, never a value.
#[derive(Clone, Default, PartialEq)]
pub struct Document(Map<String, Value>);

impl Document {
    /// Takes over a JSON object.
    #[must_use]
    pub fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// A document with only an API key.
    #[must_use]
    pub fn with_api_key(key: &Secret) -> Self {
        let mut map = Map::new();
        map.insert("api_key".to_owned(), Value::String(key.expose().to_owned()));
        Self(map)
    }

    /// The whole object, for the store alone.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A member, if present.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A non-blank string member, trimmed.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A string member as a secret.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::from)
    }

    /// A boolean member; also reads `"true"`, `"1"`, `1` and their opposites, as hand-edited files have them.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Value::Bool(value) => Some(*value),
            Value::Number(number) => Some(number.as_f64()? != 0.0),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// An integer member; also reads numeric strings.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<i64> {
        match self.0.get(key)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A time member in any spelling that [`Timestamp::parse`] reads.
    #[must_use]
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        time_of(self.0.get(key)?)
    }

    /// When the access token expires.
    // Source: runtime.md C.1 "ExpirationTime": first hit in this order, then inside `token`/`Token`.
    #[must_use]
    pub fn expiry(&self) -> Option<Timestamp> {
        const KEYS: [&str; 6] = ["expired", "expire", "expires_at", "expiresAt", "expiry", "expires"];
        let own = KEYS.iter().find_map(|key| self.time(key));
        own.or_else(|| {
            ["token", "Token"].iter().find_map(|nest| {
                let inner = self.0.get(*nest)?.as_object()?;
                KEYS.iter().find_map(|key| time_of(inner.get(*key)?))
            })
        })
        // Source: providers-a.md 7.2 "Expiry": Antigravity's files may say when the token was given and how long it lives.
        .or_else(|| {
            let given = self.time("timestamp")?;
            let seconds = u64::try_from(self.integer("expires_in")?).ok().filter(|seconds| *seconds > 0)?;
            Some(given.plus(Duration::from_secs(seconds)))
        })
    }

    /// When the tokens were last renewed.
    // Source: runtime.md D.13 "Last-refresh keys".
    #[must_use]
    pub fn last_refresh(&self) -> Option<Timestamp> {
        ["last_refresh", "lastRefresh", "last_refreshed_at", "lastRefreshedAt"]
            .iter()
            .find_map(|key| self.time(key))
    }

    /// How often the file asks for a renewal, whatever the provider's own lead is. Numbers are seconds, texts may be
    /// lengths such as `45m`; zero and less is no wish.
    // Source: runtime.md D.13 "preferred interval"; providers-a.md 1.1, the row of the four spellings.
    #[must_use]
    pub fn refresh_interval(&self) -> Option<Duration> {
        const KEYS: [&str; 6] = [
            "refresh_interval_seconds",
            "refresh-interval-seconds",
            "refreshIntervalSeconds",
            "refresh_interval",
            "refresh-interval",
            "refreshInterval",
        ];
        KEYS.iter().find_map(|key| {
            let length = match self.0.get(*key)? {
                Value::Number(number) => parse_duration(&number.to_string()),
                Value::String(text) => parse_duration(text),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            length.filter(|length| !length.is_zero())
        })
    }

    /// A copy in which the members of `changes` replace those of the same name; all others stay, in order.
    #[must_use]
    pub fn merged(&self, changes: Map<String, Value>) -> Self {
        let mut map = self.0.clone();
        for (key, value) in changes {
            map.insert(key, value);
        }
        Self(map)
    }

    /// The names of the members that are not the same in both.
    fn differing_members<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let ours = self.0.iter().filter(|(key, value)| other.0.get(*key) != Some(value));
        let theirs = other.0.keys().filter(|key| !self.0.contains_key(*key));
        ours.map(|(key, _)| key.as_str()).chain(theirs.map(String::as_str))
    }
}

fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text),
        Value::Number(number) => Timestamp::from_number(number.as_f64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A model that a credential's entry lists, in place of the provider's own list. Source: runtime.md A.3, A.10.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelEntry {
    /// The provider's name for it.
    pub name: String,
    /// What clients call it; empty means `name`.
    pub alias: String,
    /// Whether replies name the alias. `None` follows the default, which is that they do.
    pub force_mapping: Option<bool>,
    /// Whether it takes thoughts back that nobody has signed, as models of other vendors behind an interface do. `None`
    /// leaves it to what is known of the provider. Source: runtime.md A.10 `is-compat`; translation.md B36, E114, E642.
    pub compat: Option<bool>,
    /// What else the entry says of it (limits, modalities, display name).
    pub info: Option<ModelInfo>,
}

impl ModelEntry {
    /// A model under an alias; an empty alias means the name.
    #[must_use]
    pub fn new(name: impl Into<String>, alias: impl Into<String>) -> Self {
        Self { name: name.into(), alias: alias.into(), force_mapping: None, compat: None, info: None }
    }

    /// What clients call it.
    #[must_use]
    pub fn public_id(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }
}

/// What a request-scoped rule does when it matches. Source: runtime.md D.11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestScopedAction {
    /// Return the error; cool nothing.
    Stop,
    /// Return the error and cool down.
    StopAndCooldown,
    /// Try the next credential; cool nothing.
    Continue,
    /// Try the next credential and cool down.
    ContinueAndCooldown,
}

/// Says that some upstream failures are about the request and not the credential. Source: runtime.md D.11.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestScopedRule {
    /// The HTTP status it is about.
    pub status: u16,
    /// Texts, any of which may occur in the body.
    pub contains: Vec<String>,
    /// Regular expressions, any of which may fit the body. Without these and without texts every body matches.
    pub patterns: Vec<String>,
    /// What happens then.
    pub action: RequestScopedAction,
}

impl RequestScopedRule {
    /// A rule for a status and any of these texts; no texts match every body.
    #[must_use]
    pub fn new(status: u16, contains: Vec<String>, action: RequestScopedAction) -> Self {
        Self { status, contains, patterns: Vec::new(), action }
    }

    /// Adds regular expressions. Whoever reads a rule checks them: one that is none matches nothing.
    #[must_use]
    pub fn with_patterns(mut self, patterns: Vec<String>) -> Self {
        self.patterns = patterns;
        self
    }
}

/// Bounds that a credential sets for itself; `None` follows the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Whether cooling is off for it; beats the global switch in both directions.
    pub disable_cooling: Option<bool>,
    /// Extra rounds for it.
    pub request_retry: Option<u32>,
}

/// What the configuration or the file says of a credential, beside its secrets.
///
/// `Debug` shows header names only, and of the proxy only that there is one: both may carry secrets.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// A name for people: the e-mail address, else the provider.
    pub label: String,
    /// The model namespace, without slashes.
    pub prefix: Option<String>,
    /// Higher goes first; 0 by default.
    pub priority: i64,
    /// Share under weighted selection; 1 by default, 0 or less excludes.
    pub weight: i64,
    /// The upstream root, in place of the provider's own.
    pub base_url: Option<String>,
    /// The outbound proxy of this credential: a URL, or `direct`.
    pub proxy: Option<Secret>,
    /// Headers set last on every upstream request; a value `$Name` copies the client's header.
    pub headers: Vec<(String, Secret)>,
    /// Never picked, never renewed.
    pub disabled: bool,
    /// Models not offered; `*` matches anything.
    pub excluded_models: Vec<String>,
    /// Models offered in place of the provider's own list, when not empty.
    pub models: Vec<ModelEntry>,
    /// Extra names for models of the provider's own list: (name, alias, keep the original).
    pub aliases: Vec<(String, String, bool)>,
    /// Retry and cooling overrides.
    pub limits: Limits,
    /// Failures that are about the request alone.
    pub request_scoped: Vec<RequestScopedRule>,
    /// Used only while no other credential offers a model (the `demo` provider, environment keys).
    pub fallback: bool,
    /// The service takes no system messages inside a conversation: they are said another way, even where the client speaks
    /// its format. Source: runtime.md A.10 `rebuild-mid-system-message`.
    pub no_inner_system: bool,
    /// The service keeps prompt caches by name: a request that names none gets its conversation's name as
    /// `prompt_cache_key`. Source: runtime.md A.10 `support-prompt-cache-key`.
    pub names_prompt_cache: bool,
}

impl Settings {
    /// Settings with nothing but a label.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), weight: 1, ..Self::default() }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Settings")
            .field("label", &self.label)
            .field("prefix", &self.prefix)
            .field("priority", &self.priority)
            .field("disabled", &self.disabled)
            .field("has_proxy", &self.proxy.is_some())
            .field("headers", &headers)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

/// One account or key that we spend. Immutable: a renewal makes a new one.
///
/// Two are equal when they say the same; how they came to say it does not count.
#[derive(Clone)]
pub struct Credential {
    id: CredentialId,
    provider: ProviderId,
    kind: CredentialKind,
    origin: Origin,
    document: Arc<Document>,
    settings: Arc<Settings>,
    /// Members that differ from what the store held; `None` when it never held it.
    changed: Option<Arc<BTreeSet<String>>>,
}

impl Credential {
    /// Puts a credential together.
    #[must_use]
    pub fn new(
        id: CredentialId,
        provider: ProviderId,
        kind: CredentialKind,
        origin: Origin,
        document: Document,
        settings: Settings,
    ) -> Self {
        let (document, settings) = (Arc::new(document), Arc::new(settings));
        Self { id, provider, kind, origin, document, settings, changed: None }
    }

    /// Says that the document is what the store holds, which every store does with what it loads: from here on
    /// [`Self::with_document`] remembers the members that change, so that a later save leaves the others to
    /// whoever edited the stored text meanwhile.
    #[must_use]
    pub fn into_stored(mut self) -> Self {
        self.changed = Some(Arc::default());
        self
    }

    /// The members that were changed, added or removed since the store held the document; `None` for a
    /// credential that was made here: all its members are new.
    #[must_use]
    pub fn changed_members(&self) -> Option<&BTreeSet<String>> {
        self.changed.as_deref()
    }

    /// Its unique id, stable across restarts.
    #[must_use]
    pub fn id(&self) -> &CredentialId {
        &self.id
    }

    /// Whose credential it is.
    #[must_use]
    pub fn provider(&self) -> &ProviderId {
        &self.provider
    }

    /// How it authenticates.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its whole JSON.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What configuration or file say of it.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The API key, from `api_key` (or the dashed spelling).
    #[must_use]
    pub fn api_key(&self) -> Option<Secret> {
        self.document.secret("api_key").or_else(|| self.document.secret("api-key"))
    }

    /// The access token, from `access_token`, else `accessToken`, as the vendors' own tools spell it.
    #[must_use]
    pub fn access_token(&self) -> Option<Secret> {
        self.document.secret("access_token").or_else(|| self.document.secret("accessToken"))
    }

    /// The refresh token, from `refresh_token`, else `refreshToken`. Source: providers-a.md 2.2 `[H]`.
    #[must_use]
    pub fn refresh_token(&self) -> Option<Secret> {
        self.document.secret("refresh_token").or_else(|| self.document.secret("refreshToken"))
    }

    /// The same credential after a renewal.
    #[must_use]
    pub fn with_document(&self, document: Document) -> Self {
        let changed = self.changed.as_ref().map(|earlier| {
            let mut changed = BTreeSet::clone(earlier);
            changed.extend(self.document.differing_members(&document).map(str::to_owned));
            Arc::new(changed)
        });
        Self { document: Arc::new(document), changed, ..self.clone() }
    }

    /// The same credential under other settings.
    #[must_use]
    pub fn with_settings(&self, settings: Settings) -> Self {
        Self { settings: Arc::new(settings), ..self.clone() }
    }

    /// A short form of the id for logs and replies: the whole id when it is a `kind:hash`, else a file name
    /// with an e-mail address in it shortened (`claude-al…@example.com.json`).
    #[must_use]
    pub fn masked_id(&self) -> String {
        let id = self.id.as_str();
        let Some((local, domain)) = id.split_once('@') else {
            return id.to_owned();
        };
        let start = local.rfind('-').map_or(0, |at| at + 1);
        let (kept, name) = local.split_at_checked(start).unwrap_or(("", local));
        let hint: String = name.chars().take(2).collect();
        format!("{kept}{hint}…@{domain}")
    }
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.provider == other.provider
            && self.kind == other.kind
            && self.origin == other.origin
            && self.document == other.document
            && self.settings == other.settings
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.masked_id())
            .field("provider", &self.provider)
            .field("kind", &self.kind)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Document {
        Document::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn expiry_is_found_under_every_known_key_and_inside_token() {
        for json in [
            r#"{"expired":"2026-11-23T10:00:00Z"}"#,
            r#"{"expiresAt":1795428000000}"#,
            r#"{"token":{"expiry":"2026-11-23T10:00:00Z"}}"#,
            r#"{"expired":0,"expires":"1795428000"}"#,
            r#"{"timestamp":1795424401000,"expires_in":3599}"#,
            r#"{"timestamp":"1795424401","expires_in":"3599"}"#,
        ] {
            assert_eq!(document(json).expiry(), Some(Timestamp::from_secs(1_795_428_000)), "{json}");
        }
        assert_eq!(document("{}").expiry(), None);
    }

    #[test]
    fn a_merge_keeps_unknown_keys_and_their_order() {
        let old = document(r#"{"type":"claude","x":{"y":1},"access_token":"old","note":"mine"}"#);
        let new = old.merged(serde_json::from_str(r#"{"access_token":"new","expired":1}"#).unwrap());
        assert_eq!(
            serde_json::to_string(new.as_map()).unwrap(),
            r#"{"type":"claude","x":{"y":1},"access_token":"new","note":"mine","expired":1}"#
        );
    }

    #[test]
    fn changes_since_the_store_held_it_add_up_and_do_not_count_for_equality() {
        let made = Credential::new(
            CredentialId::new("a.json"),
            ProviderId::from_static("claude"),
            CredentialKind::Account,
            Origin::Store("a.json".to_owned()),
            document(r#"{"type":"claude","access_token":"1","note":"x"}"#),
            Settings::new("a"),
        );
        assert_eq!(made.with_document(document("{}")).changed_members(), None);
        let stored = made.clone().into_stored();
        assert_eq!(stored, made);
        let first = stored.with_document(document(r#"{"type":"claude","access_token":"2","note":"x"}"#));
        let second = first.with_document(document(r#"{"type":"claude","access_token":"1","extra":1}"#));
        let names: Vec<&str> = second.changed_members().unwrap().iter().map(String::as_str).collect();
        assert_eq!(names, ["access_token", "extra", "note"]);
    }

    #[test]
    fn nothing_secret_is_formatted() {
        let mut settings = Settings::new("label");
        settings.headers.push(("X-Key".to_owned(), Secret::from("CANARY-header-value")));
        settings.proxy = Some(Secret::from("http://user:CANARY@proxy"));
        let credential = Credential::new(
            CredentialId::new("claude-alice@example.com.json"),
            ProviderId::from_static("claude"),
            CredentialKind::Account,
            Origin::Store("claude-alice@example.com.json".to_owned()),
            document(r#"{"access_token":"CANARY-access","refresh_token":"CANARY-refresh"}"#),
            settings,
        );
        let shown = format!("{credential:?} {:#?} {:?}", credential.document(), credential.access_token());
        assert!(!shown.contains("CANARY"), "{shown}");
        assert!(!shown.contains("alice"), "{shown}");
        assert_eq!(Secret::from("sk-1234567890abcdef").masked(), "…cdef");
        assert_eq!(Secret::from("short").masked(), "…");
    }
}
