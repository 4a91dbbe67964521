//! The one rule by which keys of the configuration become credentials.

use std::fmt;

use cliproxy_core::{Credential, CredentialKind, Document, Origin, ProviderId, Secret, Settings};
use serde_json::{Map, Value};

use crate::normalize::{normalize_aliases, normalize_excluded_models, normalize_headers, normalize_prefix};
use crate::stable_id::StableIds;

/// One key of the configuration: what its id is made of, its secrets, and its settings.
///
/// The constructors know the families of the configuration file; [`KeySpec::new`] serves any other. The id
/// depends on what the constructor was given and on nothing that is set later.
#[derive(Clone)]
#[non_exhaustive]
pub struct KeySpec {
    kind: String,
    parts: Vec<Secret>,
    provider: ProviderId,
    credential_kind: CredentialKind,
    origin: Origin,
    members: Map<String, Value>,
    /// Everything else of the entry. Prefix, headers, exclusions and aliases are normalised at the end.
    pub settings: Settings,
}

impl KeySpec {
    /// A key of any kind. `origin` is the place in the configuration, such as `claude-api-key[0]`; `parts` are
    /// hashed into the id, in order.
    #[must_use]
    pub fn new(
        origin: impl Into<String>,
        kind: impl Into<String>,
        provider: ProviderId,
        label: impl Into<String>,
        parts: Vec<Secret>,
    ) -> Self {
        Self {
            kind: kind.into(),
            parts,
            provider,
            credential_kind: CredentialKind::ApiKey,
            origin: Origin::Config(origin.into()),
            members: Map::new(),
            settings: Settings::new(label),
        }
    }

    /// A key whose family hashes key and base URL: `gemini`, `claude`, `codex` and what is built like them.
    // Source: runtime.md C.5, rows gemini, claude, codex.
    #[must_use]
    pub fn api_key(origin: impl Into<String>, family: &str, key: &Secret, base_url: &str) -> Self {
        let parts = vec![key.clone(), Secret::from(base_url)];
        let provider = ProviderId::normalized(family);
        Self::new(origin, format!("{family}:apikey"), provider, format!("{family}-apikey"), parts)
            .key(key)
            .base_url(base_url)
    }

    /// A Vertex key: its proxy belongs to its identity.
    // Source: runtime.md C.5, row vertex.
    #[must_use]
    pub fn vertex(origin: impl Into<String>, key: &Secret, base_url: &str, proxy: &Secret) -> Self {
        let parts = vec![key.clone(), Secret::from(base_url), proxy.clone()];
        let provider = ProviderId::from_static("vertex");
        Self::new(origin, "vertex:apikey", provider, "vertex-apikey", parts)
            .key(key)
            .base_url(base_url)
            .proxy(proxy)
    }

    /// One key of an OpenAI-compatible service, with its proxy.
    // Source: runtime.md C.5, row openai-compat.
    #[must_use]
    pub fn openai_compatible(
        origin: impl Into<String>,
        name: &str,
        base_url: &str,
        key: &Secret,
        proxy: &Secret,
    ) -> Self {
        let parts = vec![key.clone(), Secret::from(base_url), proxy.clone()];
        Self::compatible(origin, name, base_url, parts).key(key).proxy(proxy)
    }

    /// An OpenAI-compatible service that lists no keys and wants none.
    // Source: runtime.md C.5 "base alone when there are no key entries".
    #[must_use]
    pub fn openai_compatible_keyless(origin: impl Into<String>, name: &str, base_url: &str) -> Self {
        Self::compatible(origin, name, base_url, vec![Secret::from(base_url)])
    }

    fn compatible(origin: impl Into<String>, name: &str, base_url: &str, parts: Vec<Secret>) -> Self {
        const FAMILY: &str = "openai-compatibility";
        let provider = match name.trim() {
            "" => ProviderId::from_static(FAMILY),
            name => ProviderId::new(name.to_lowercase()),
        };
        let label = if name.trim().is_empty() { FAMILY } else { name.trim() };
        Self::new(origin, format!("{FAMILY}:{provider}"), provider, label, parts).base_url(base_url)
    }

    /// A Kiro login given in the configuration. It can be renewed when a `refresh_token` member is added.
    // Source: runtime.md C.5, row kiro.
    #[must_use]
    pub fn kiro(origin: impl Into<String>, access_token: &Secret, profile_arn: &str) -> Self {
        let parts = vec![access_token.clone(), Secret::from(profile_arn)];
        let mut spec = Self::new(origin, "kiro:token", ProviderId::from_static("kiro"), "kiro-token", parts)
            .with_member("access_token", access_token.expose().trim())
            .with_member("profile_arn", profile_arn.trim());
        spec.credential_kind = CredentialKind::Account;
        spec
    }

    /// A Kiro login whose tokens are in a file that the configuration names: they change, so the file's path is its
    /// identity.
    #[must_use]
    pub fn kiro_file(origin: impl Into<String>, path: &str, profile_arn: &str) -> Self {
        let mut spec = Self::kiro(origin, &Secret::from(path), profile_arn);
        spec.members.shift_remove("access_token");
        spec
    }

    /// Adds a member to the document; a blank text is left out.
    #[must_use]
    pub fn with_member(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if value.as_str().is_none_or(|text| !text.is_empty()) {
            self.members.insert(key.to_owned(), value);
        }
        self
    }

    /// Says which provider serves it. The id stays: it is made of what the constructor was given.
    #[must_use]
    pub fn with_provider(mut self, provider: ProviderId) -> Self {
        self.provider = provider;
        self
    }

    /// Says that the key comes from this variable of the environment, not from the configuration.
    #[must_use]
    pub fn from_environment(mut self, variable: impl Into<String>) -> Self {
        self.origin = Origin::Environment(variable.into());
        self
    }

    /// Replaces the settings but for the label, base URL and proxy, which the constructor took.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        let own = std::mem::replace(&mut self.settings, settings);
        self.settings.label = own.label;
        self.settings.base_url = own.base_url.or(self.settings.base_url.take());
        self.settings.proxy = own.proxy.or(self.settings.proxy.take());
        self
    }

    /// The credential. Call it in the order of the configuration, with one `ids` for the whole pass.
    #[must_use]
    pub fn into_credential(self, ids: &mut StableIds) -> Credential {
        let id = ids.id(&self.kind, self.parts.iter().map(Secret::expose));
        let mut settings = self.settings;
        settings.prefix = settings.prefix.as_deref().and_then(normalize_prefix);
        settings.headers = normalize_headers(settings.headers);
        settings.excluded_models = normalize_excluded_models(&settings.excluded_models);
        settings.aliases = normalize_aliases(settings.aliases);
        let document = Document::new(self.members);
        Credential::new(id, self.provider, self.credential_kind, self.origin, document, settings)
    }

    fn key(self, key: &Secret) -> Self {
        self.with_member("api_key", key.expose().trim())
    }

    fn base_url(mut self, base_url: &str) -> Self {
        self.settings.base_url = Some(base_url.trim().to_owned()).filter(|url| !url.is_empty());
        self
    }

    fn proxy(mut self, proxy: &Secret) -> Self {
        self.settings.proxy = Some(Secret::from(proxy.expose().trim())).filter(|proxy| !proxy.is_empty());
        self
    }
}

impl fmt::Debug for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySpec")
            .field("kind", &self.kind)
            .field("provider", &self.provider)
            .field("origin", &self.origin)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
