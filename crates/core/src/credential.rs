//! One account or key that we spend.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::{CredentialId, Document, ModelInfo, ProviderId, Secret};

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
    /// Since the store held it; `None` when it never did.
    since: Option<Arc<Since>>,
}

/// What became of a document since a store held it.
#[derive(Clone, Default)]
struct Since {
    /// Members that differ from what the store held.
    changed: BTreeSet<String>,
    /// The refresh tokens that it had before the current one.
    tokens: Vec<Option<Secret>>,
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
        Self { id, provider, kind, origin, document, settings, since: None }
    }

    /// Says that the document is what the store holds, which every store does with what it loads: from here on
    /// [`Self::with_document`] remembers the members that change, so that a later save leaves the others to
    /// whoever edited the stored text meanwhile.
    #[must_use]
    pub fn into_stored(mut self) -> Self {
        self.since = Some(Arc::default());
        self
    }

    /// The members that were changed, added or removed since the store held the document; `None` for a
    /// credential that was made here: all its members are new.
    #[must_use]
    pub fn changed_members(&self) -> Option<&BTreeSet<String>> {
        self.since.as_deref().map(|since| &since.changed)
    }

    /// Whether a store that has this refresh token has nothing new: it is the current one, or one that this credential had
    /// since the store held it. Any other is of a login, or of another program, and not to be written over. A credential that
    /// was made here is meant to replace what there is.
    #[must_use]
    pub fn has_had_token(&self, stored: Option<&str>) -> bool {
        let Some(since) = &self.since else { return true };
        let earlier = since.tokens.iter().map(|token| token.as_ref().map(Secret::expose));
        earlier.chain([self.document.refresh_token()]).any(|token| token == stored)
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
        let since = self.since.as_ref().map(|earlier| {
            let mut since = Since::clone(earlier);
            since.changed.extend(self.document.differing_members(&document).map(str::to_owned));
            let token = self.document.refresh_token();
            if token != document.refresh_token()
                && !since.tokens.iter().any(|it| it.as_ref().map(Secret::expose) == token)
            {
                since.tokens.push(token.map(Secret::from));
            }
            Arc::new(since)
        });
        Self { document: Arc::new(document), since, ..self.clone() }
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
    fn the_refresh_tokens_that_it_had_since_a_store_held_it_are_known() {
        let with = |token: &str| document(&format!(r#"{{"refresh_token":"{token}"}}"#));
        let made = Credential::new(
            CredentialId::new("a.json"),
            ProviderId::from_static("claude"),
            CredentialKind::Account,
            Origin::Store("a.json".to_owned()),
            with("1"),
            Settings::new("a"),
        );
        assert!(made.has_had_token(Some("9")), "it is a login");
        let third = made.into_stored().with_document(with("2")).with_document(with("3"));
        for (token, expected) in
            [(Some("1"), true), (Some("2"), true), (Some("3"), true), (Some("9"), false), (None, false)]
        {
            assert_eq!(third.has_had_token(token), expected, "{token:?}");
        }
        assert!(third.into_stored().with_document(document("{}")).has_had_token(None));
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
