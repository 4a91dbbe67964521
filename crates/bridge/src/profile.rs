//! What a target understands beyond its format, as data: rules over provider, host, format and model.

use cliproxy_core::{ProviderFormat, ProviderId, Target};
use cliproxy_translator::Profile;

/// What a rule says of the targets it matches; `None` leaves what earlier rules said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileHints {
    /// The provider accepts `reasoning_content` and unsigned thinking back.
    pub keeps_reasoning_text: Option<bool>,
    /// The provider refuses members outside its documented format.
    pub strict: Option<bool>,
    /// The provider refuses ids of calls that are longer than 40 characters.
    pub short_call_ids: Option<bool>,
    /// The model takes `system` messages inside the conversation.
    pub inline_system: Option<bool>,
    /// The provider understands `role: developer`.
    pub developer_role: Option<bool>,
    /// The model takes sampling parameters.
    pub sampling: Option<bool>,
    /// The model goes on with words that the client puts into its mouth.
    pub prefill: Option<bool>,
    /// The provider takes a router's `reasoning` object.
    pub reasoning_object: Option<bool>,
    /// The provider keeps prompt caches by name: a request that names none is given its conversation's name.
    pub names_prompt_cache: Option<bool>,
}

impl ProfileHints {
    /// What counts where bytes pass: nothing but the words of the credential's own entry about them.
    pub(crate) fn passing(target: &Target) -> Self {
        Self::default().of_entry(target)
    }

    /// What counts where bytes pass, and there may be thoughts among them: who is strict, too.
    pub(crate) fn passing_thoughts(self, target: &Target) -> Self {
        Self { strict: self.strict, keeps_reasoning_text: self.keeps_reasoning_text, ..Self::passing(target) }
    }

    /// With what the credential's entry says, which beats rules for many.
    fn of_entry(mut self, target: &Target) -> Self {
        let settings = target.credential.settings();
        self.keeps_reasoning_text = target.compat.or(self.keeps_reasoning_text);
        self.inline_system = settings.no_inner_system.then_some(false).or(self.inline_system);
        self.names_prompt_cache = settings.names_prompt_cache.then_some(true).or(self.names_prompt_cache);
        self
    }
}

/// One rule. An empty list matches everything; `*` in an entry matches any text; case does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileRule {
    /// Provider ids.
    pub providers: Vec<String>,
    /// Hosts of the credential's base URL; the empty entry matches a credential without one, which goes to the
    /// provider's own host.
    pub hosts: Vec<String>,
    /// Wire formats.
    pub formats: Vec<String>,
    /// Upstream models.
    pub models: Vec<String>,
    /// What it says.
    pub hints: ProfileHints,
}

impl ProfileRule {
    /// A rule for every target.
    #[must_use]
    pub fn new(hints: ProfileHints) -> Self {
        Self { hints, ..Self::default() }
    }

    /// Only for these providers.
    #[must_use]
    pub fn providers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.providers = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Only for these hosts.
    #[must_use]
    pub fn hosts<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.hosts = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Only for these wire formats.
    #[must_use]
    pub fn formats<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.formats = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Only for these models.
    #[must_use]
    pub fn models<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.models = names.into_iter().map(str::to_owned).collect();
        self
    }

    fn matches(&self, provider: &ProviderId, host: &str, format: &str, model: &str) -> bool {
        fn any(patterns: &[String], text: &str) -> bool {
            patterns.is_empty() || patterns.iter().any(|pattern| glob(pattern, text))
        }
        // The shortest words first: most rules are decided by them.
        any(&self.formats, format)
            && any(&self.providers, provider.as_str())
            && any(&self.hosts, host)
            && any(&self.models, model)
    }
}

/// The rules, in order: later ones win, hint by hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRules(Vec<ProfileRule>);

impl ProfileRules {
    /// No rules: every target is lenient.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a rule that wins over those before it.
    #[must_use]
    pub fn with(mut self, rule: ProfileRule) -> Self {
        self.0.push(rule);
        self
    }

    /// What the rules say of a target.
    pub(crate) fn hints(&self, target: &Target, format: &ProviderFormat) -> ProfileHints {
        let host = target.credential.settings().base_url.as_deref().map_or("", host_of);
        let model = target.model.as_str();
        self.of(target.executor.provider(), host, format.as_str(), model).of_entry(target)
    }

    /// What the rules say of such a provider.
    fn of(&self, provider: &ProviderId, host: &str, format: &str, model: &str) -> ProfileHints {
        let mut hints = ProfileHints::default();
        for rule in &self.0 {
            if rule.matches(provider, host, format, model) {
                let later = rule.hints;
                hints = ProfileHints {
                    keeps_reasoning_text: later.keeps_reasoning_text.or(hints.keeps_reasoning_text),
                    strict: later.strict.or(hints.strict),
                    short_call_ids: later.short_call_ids.or(hints.short_call_ids),
                    inline_system: later.inline_system.or(hints.inline_system),
                    developer_role: later.developer_role.or(hints.developer_role),
                    sampling: later.sampling.or(hints.sampling),
                    prefill: later.prefill.or(hints.prefill),
                    reasoning_object: later.reasoning_object.or(hints.reasoning_object),
                    names_prompt_cache: later.names_prompt_cache.or(hints.names_prompt_cache),
                };
            }
        }
        hints
    }
}

/// Claude's models by generation; with a dot as Copilot spells them.
const OF_4_6: [&str; 4] =
    ["claude-opus-4-6*", "claude-sonnet-4-6*", "claude-opus-4.6*", "claude-sonnet-4.6*"];
const SINCE_4_7: [&str; 7] = [
    "claude-opus-4-7*",
    "claude-opus-4-8*",
    "claude-opus-4.7*",
    "claude-opus-4.8*",
    "claude-fable-5*",
    "claude-opus-5*",
    "claude-sonnet-5*",
];

impl Default for ProfileRules {
    /// What the providers document of themselves.
    fn default() -> Self {
        let set = |change: fn(&mut ProfileHints)| {
            let mut hints = ProfileHints::default();
            change(&mut hints);
            ProfileRule::new(hints)
        };
        Self(vec![
            // An OpenAI-compatible service may not know `developer`; every one knows `system`.
            set(|hints| hints.developer_role = Some(false)).formats(["openai"]),
            set(|hints| hints.developer_role = Some(true)).formats(["openai"]).hosts(["*.openai.com"]),
            // Source: design.md §4; the first party answers 400 to members it does not know.
            set(|hints| hints.strict = Some(true))
                .formats(["claude"])
                .providers(["claude"])
                .hosts(["", "*.anthropic.com"]),
            set(|hints| hints.strict = Some(true)).formats(["openai"]).hosts(["*.openai.com"]),
            // GitHub's and Microsoft's services have OpenAI's limit: "string too long. Expected a string with maximum
            // length 40".
            set(|hints| hints.short_call_ids = Some(true)).formats(["openai"]).providers(["github-copilot"]),
            set(|hints| hints.short_call_ids = Some(true)).formats(["openai"]).hosts(["*.openai.azure.com"]),
            // Source: translation.md B36 "accepts reasoning_content (Kimi, DeepSeek)".
            set(|hints| hints.keeps_reasoning_text = Some(true)).providers(["kimi*", "deepseek*"]),
            set(|hints| hints.keeps_reasoning_text = Some(true)).hosts([
                "*.deepseek.com",
                "*.moonshot.*",
                "*.kimi.*",
            ]),
            // Source: translation.md A.10, E622; OpenRouter's documentation, "Reasoning Tokens".
            set(|hints| hints.reasoning_object = Some(true)).formats(["openai"]).hosts(["*.openrouter.ai"]),
            // Source: translation.md A.8, F7: models after Opus 4.6 refuse sampling parameters.
            set(|hints| hints.sampling = Some(false)).formats(["claude"]).models(SINCE_4_7),
            // Source: translation.md B27a; Claude API, "What's new in Claude 4.6": "Prefilling assistant messages is not
            // supported", with 4.6 and all after it.
            set(|hints| hints.prefill = Some(false))
                .formats(["claude"])
                .models(OF_4_6.into_iter().chain(SINCE_4_7)),
        ])
    }
}

/// The profile of a target.
pub(crate) fn profile_of(target: &Target, hints: ProfileHints, stream: bool) -> Profile {
    let mut profile = Profile::new(target.model.as_str(), stream);
    profile.info.clone_from(&target.info);
    profile.keeps_reasoning_text = hints.keeps_reasoning_text.unwrap_or(profile.keeps_reasoning_text);
    profile.strict = hints.strict.unwrap_or(profile.strict);
    profile.short_call_ids = hints.short_call_ids.unwrap_or(profile.short_call_ids);
    profile.inline_system = hints.inline_system.unwrap_or(profile.inline_system);
    profile.developer_role = hints.developer_role.unwrap_or(profile.developer_role);
    profile.sampling = hints.sampling.unwrap_or(profile.sampling);
    profile.prefill = hints.prefill.unwrap_or(profile.prefill);
    profile.reasoning_object = hints.reasoning_object.unwrap_or(profile.reasoning_object);
    profile
}

/// The host of a URL, without user, port and path.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.split_once(':').map_or(host, |(host, _)| host)
}

/// Whether a pattern with `*` matches the whole text. A leading `*.` also matches the bare domain.
fn glob(pattern: &str, text: &str) -> bool {
    if !pattern.contains('*') {
        return pattern.eq_ignore_ascii_case(text);
    }
    fn whole(pattern: &[u8], text: &[u8]) -> bool {
        let (mut p, mut t) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while t < text.len() {
            match (pattern.get(p), text.get(t)) {
                (Some(b'*'), _) => {
                    retry = Some((p + 1, t));
                    p += 1;
                }
                (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {
                    p += 1;
                    t += 1;
                }
                _ => {
                    let Some((after_star, from)) = retry else { return false };
                    retry = Some((after_star, from + 1));
                    p = after_star;
                    t = from + 1;
                }
            }
        }
        pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
    }
    whole(pattern.as_bytes(), text.as_bytes())
        || pattern.strip_prefix("*.").is_some_and(|bare| bare.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_the_whole_text_without_regard_to_case() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("claude", "Claude", true),
            ("claude-opus-5*", "claude-opus-5-20270101", true),
            ("claude-opus-5*", "claude-opus-4-5", false),
            ("*.moonshot.*", "api.moonshot.cn", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("*.deepseek.com", "deepseek.com", true),
            ("*.deepseek.com", "notdeepseek.com", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn who_refuses_long_ids_of_calls_is_told_apart() {
        let rules = ProfileRules::default();
        for (provider, host, format, short) in [
            ("openai-compatibility", "api.openai.com", "openai", true),
            ("openai-compatibility", "us.api.openai.com", "openai", true),
            ("openai-compatibility", "mine.openai.azure.com", "openai", true),
            ("openai-compatibility", "llm.example", "openai", false),
            ("github-copilot", "", "openai", true),
            ("github-copilot", "", "claude", false),
        ] {
            let hints = rules.of(&ProviderId::from_static(provider), host, format, "m");
            let found = hints.strict == Some(true) || hints.short_call_ids == Some(true);
            assert_eq!(found, short, "{provider} {host} {format}");
        }
    }

    #[test]
    fn which_claude_models_go_on_with_their_own_words() {
        let rules = ProfileRules::default();
        for (model, refuses) in [
            ("claude-sonnet-4-5-20250929", false),
            ("claude-opus-4-5", false),
            ("claude-haiku-4-5", false),
            ("claude-opus-4-6", true),
            ("claude-sonnet-4-6", true),
            ("claude-opus-4-7", true),
            ("claude-sonnet-5", true),
            ("claude-opus-4.5", false),
            ("claude-opus-4.6", true),
        ] {
            let hints = rules.of(&ProviderId::from_static("claude"), "", "claude", model);
            assert_eq!(hints.prefill == Some(false), refuses, "{model}");
        }
    }

    #[test]
    fn the_host_is_found_in_every_spelling_of_a_base_url() {
        for (url, host) in [
            ("https://api.anthropic.com", "api.anthropic.com"),
            ("https://user:pw@api.x.com:8443/v1?a=b", "api.x.com"),
            ("api.x.com/v1", "api.x.com"),
            ("", ""),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}
