//! Entries of the configuration and keys of the environment become credentials.

use std::sync::Arc;

use cliproxy_auth_store::{KeySpec, StableIds};
use cliproxy_config::{CompatEntry, Config, EnvCredential, KeyEntry, ProxySetting};
use cliproxy_core::{
    Credential, Level, Limits, Modality, ModelEntry, ModelInfo, Origin, ProviderExecutor, ReasoningProfile,
    RequestScopedAction, RequestScopedRule, Secret, Settings,
};
use serde_json::Value;

use crate::entries::Plan;
use crate::providers::beside_ours;

/// The credentials that the configuration itself holds; of logins whose tokens are in a file, what it says of them.
#[must_use]
pub fn config_credentials(config: &Config) -> Vec<Credential> {
    let mut all = keys(config, &[]);
    all.extend(Plan::of(config).credentials().cloned());
    all
}

/// The keys that the configuration holds, in the reference's order of synthesis. `brought` are an embedder's executors.
// Source: runtime.md C.5 "Synthesis order as in the table".
pub(crate) fn keys(config: &Config, brought: &[Arc<dyn ProviderExecutor>]) -> Vec<Credential> {
    let mut ids = StableIds::new();
    let mut all = Vec::new();
    let entries = &config.credentials;
    for (section, family, keys) in [
        ("gemini-api-key", "gemini", &entries.gemini),
        ("claude-api-key", "claude", &entries.claude),
        ("codex-api-key", "codex", &entries.codex),
        ("interactions-api-key", "interactions", &entries.interactions),
        ("xai-api-key", "xai", &entries.xai),
    ] {
        for (index, entry) in keys.iter().enumerate() {
            let origin = format!("{section}[{index}]");
            all.push(keyed(origin, family, entry).into_credential(&mut ids));
        }
    }
    for (index, entry) in entries.openai_compatibility.iter().enumerate() {
        let beside = beside_ours(&entry.name, brought);
        for spec in compatible(index, entry) {
            let spec = match &beside {
                Some(provider) => spec.with_provider(provider.clone()),
                None => spec,
            };
            all.push(spec.into_credential(&mut ids));
        }
    }
    for (index, entry) in entries.vertex.iter().enumerate() {
        let (key, base, proxy) = (key_of(entry), base_of(entry), proxy_of(entry.proxy_url.as_ref()));
        let spec = KeySpec::vertex(format!("vertex-api-key[{index}]"), &key, base, &proxy);
        all.push(spec.with_settings(settings(entry)).into_credential(&mut ids));
    }
    all
}

/// Keys of the environment: fallbacks, used only while nothing else offers a model (Source: design.md §8).
#[must_use]
pub fn environment_credentials(found: &[EnvCredential]) -> Vec<Credential> {
    let mut ids = StableIds::new();
    let spec = |found: &EnvCredential| {
        let origin = found.variable;
        let mut spec = KeySpec::api_key(origin, found.provider, &found.key, "");
        spec.settings.label = origin.to_owned();
        spec.settings.fallback = true;
        spec
    };
    found.iter().map(|found| spec(found).into_credential(&mut ids)).collect()
}

fn keyed(origin: String, family: &str, entry: &KeyEntry) -> KeySpec {
    let mut spec =
        KeySpec::api_key(origin, family, &key_of(entry), base_of(entry)).with_settings(settings(entry));
    let proxy = proxy_of(entry.proxy_url.as_ref());
    spec.settings.proxy = Some(proxy).filter(|proxy| !proxy.is_empty());
    spec
}

fn compatible(index: usize, entry: &CompatEntry) -> Vec<KeySpec> {
    let base = entry.base_url.expose();
    let origin = |key: usize| format!("openai-compatibility[{index}].api-key-entries[{key}]");
    let common = compatible_settings(entry);
    if entry.api_keys.is_empty() {
        let origin = format!("openai-compatibility[{index}]");
        return vec![KeySpec::openai_compatible_keyless(origin, &entry.name, base).with_settings(common)];
    }
    let spec = |(number, key): (usize, &cliproxy_config::CompatKey)| {
        let secret = key.api_key.clone().unwrap_or_else(|| Secret::from(""));
        let proxy = proxy_of(key.proxy_url.as_ref());
        let mut settings = common.clone();
        settings.weight = key.weight.unwrap_or(1);
        KeySpec::openai_compatible(origin(number), &entry.name, base, &secret, &proxy).with_settings(settings)
    };
    entry.api_keys.iter().enumerate().map(spec).collect()
}

fn key_of(entry: &KeyEntry) -> Secret {
    entry.api_key.clone().unwrap_or_else(|| Secret::from(""))
}

fn base_of(entry: &KeyEntry) -> &str {
    entry.base_url.as_ref().map_or("", |url| url.expose())
}

fn proxy_of(setting: Option<&ProxySetting>) -> Secret {
    Secret::from(setting.map_or("", ProxySetting::expose))
}

fn settings(entry: &KeyEntry) -> Settings {
    let mut settings = Settings::new("");
    settings.prefix.clone_from(&entry.prefix);
    settings.priority = entry.priority;
    settings.weight = entry.weight.unwrap_or(1);
    settings.headers.clone_from(&entry.headers);
    settings.excluded_models.clone_from(&entry.excluded_models);
    settings.models = entry.models.iter().map(model).collect();
    settings.limits = limits(entry.disable_cooling, entry.request_retry);
    settings.request_scoped = entry.request_scoped_errors.iter().flat_map(rules).collect();
    settings.no_inner_system = entry.rebuild_mid_system_message.unwrap_or_default();
    settings
}

fn compatible_settings(entry: &CompatEntry) -> Settings {
    let mut settings = Settings::new("");
    settings.prefix.clone_from(&entry.prefix);
    settings.priority = entry.priority;
    settings.headers.clone_from(&entry.headers);
    settings.disabled = entry.disabled;
    settings.excluded_models.clone_from(&entry.excluded_models);
    settings.models = entry.models.iter().map(model).collect();
    settings.limits = limits(entry.disable_cooling, entry.request_retry);
    settings.request_scoped = entry.request_scoped_errors.iter().flat_map(rules).collect();
    settings.names_prompt_cache = entry.support_prompt_cache_key;
    settings
}

fn limits(disable_cooling: Option<bool>, request_retry: Option<u32>) -> Limits {
    let mut limits = Limits::default();
    limits.disable_cooling = disable_cooling;
    limits.request_retry = request_retry;
    limits
}

/// What an entry says of a model. Its parameters pass unvalidated (Source: runtime.md E.5 "marked user-defined").
fn model(entry: &cliproxy_config::ModelEntry) -> ModelEntry {
    let mut out = ModelEntry::new(&*entry.name, &*entry.alias);
    out.force_mapping = entry.force_mapping;
    out.compat = entry.is_compat;
    let mut info = ModelInfo::new(out.public_id());
    info.user_defined = true;
    info.display_name.clone_from(&entry.display_name);
    info.context_length = entry.max_context_length;
    info.input = entry.input_modalities.iter().filter_map(|name| Modality::parse(name)).collect();
    info.output = entry.output_modalities.iter().filter_map(|name| Modality::parse(name)).collect();
    info.reasoning = entry.thinking.as_ref().map(|thinking| ReasoningProfile {
        budget: thinking.budget,
        zero_allowed: thinking.zero_allowed,
        dynamic_allowed: thinking.dynamic_allowed,
        levels: thinking.levels.iter().filter_map(|level| Level::parse(level)).collect(),
    });
    out.info = Some(info);
    out
}

pub(crate) fn rules(rule: &cliproxy_config::RequestScopedRule) -> Option<RequestScopedRule> {
    let action = match rule.action {
        cliproxy_config::RequestScopedAction::Stop => RequestScopedAction::Stop,
        cliproxy_config::RequestScopedAction::StopAndCooldown => RequestScopedAction::StopAndCooldown,
        cliproxy_config::RequestScopedAction::Continue => RequestScopedAction::Continue,
        cliproxy_config::RequestScopedAction::ContinueAndCooldown => RequestScopedAction::ContinueAndCooldown,
        _ => return None,
    };
    let patterns = rule.patterns.clone();
    Some(RequestScopedRule::new(rule.status, rule.contains.clone(), action).with_patterns(patterns))
}

/// Why a stored login has nothing to call or to renew with, and the next step: a file that was written in part, or emptied
/// by hand.
pub(crate) fn without_tokens(credential: &Credential) -> Option<String> {
    const LOGINS: [&str; 9] =
        ["antigravity", "claude", "codex", "gemini-cli", "github-copilot", "iflow", "kimi", "kiro", "qwen"];
    const TOKENS: [&str; 8] = [
        "access_token",
        "accessToken",
        "refresh_token",
        "refreshToken",
        "api_key",
        "api-key",
        "cookie",
        "Token",
    ];
    let provider = credential.provider().as_str();
    let is_stored = matches!(credential.origin(), Origin::Store(_));
    if !is_stored || credential.settings().disabled || !LOGINS.contains(&provider) {
        return None;
    }
    let says = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let document = credential.document();
    let token = document.get("token");
    // Google's logins have theirs inside an object.
    let inner = token.and_then(Value::as_object).into_iter().flatten();
    let has = TOKENS.iter().filter_map(|key| document.get(key)).chain(token).any(says)
        || inner.filter(|(key, _)| TOKENS.contains(&key.as_str())).any(|(_, value)| says(value));
    (!has)
        .then(|| format!("it holds no token: log in again (cliproxy-server login {provider}), or delete it"))
}

#[cfg(test)]
mod tests {
    use cliproxy_config::{Environment, Loader};

    use super::*;

    fn config(yaml: &str) -> Config {
        Loader::new(Environment::default()).load_str("test.yaml", yaml).unwrap().config
    }

    #[test]
    fn entries_become_credentials_with_stable_ids_and_their_settings() {
        let yaml = r#"
host: 127.0.0.1
claude-api-key:
  - api-key: sk-ant-CANARY-one
    prefix: /team/
    priority: 5
    headers: {X-Team: blue}
    models: [{name: claude-sonnet-4-5, alias: sonnet}]
    excluded-models: [Claude-3*]
openai-compatibility:
  - name: OpenRouter
    base-url: https://openrouter.example/v1
    api-key-entries: [{api-key: CANARY-a}, {api-key: CANARY-b, proxy-url: "socks5://u:CANARY@p:1"}]
    models: [{name: x/y, alias: y}]
  - name: local
    base-url: http://127.0.0.1:1234/v1
"#;
        let all = config_credentials(&config(yaml));
        let providers: Vec<&str> = all.iter().map(|credential| credential.provider().as_str()).collect();
        assert_eq!(providers, ["claude", "openrouter", "openrouter", "local"]);
        let claude = &all[0];
        assert!(claude.id().as_str().starts_with("claude:apikey:"));
        assert_eq!(claude.settings().prefix.as_deref(), Some("team"));
        assert_eq!(claude.settings().priority, 5);
        assert_eq!(claude.settings().models[0].public_id(), "sonnet");
        assert_eq!(claude.settings().excluded_models, ["claude-3*"]);
        assert_eq!(claude.api_key().unwrap().expose(), "sk-ant-CANARY-one");
        assert_ne!(all[1].id(), all[2].id());
        assert!(all[2].settings().proxy.is_some());
        assert_eq!(all[3].api_key(), None);
        assert_eq!(config_credentials(&config(yaml)), all, "the same file gives the same credentials");
        assert!(!format!("{all:?}").contains("CANARY"));
    }
}
