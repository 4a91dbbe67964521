//! What one credential offers: exclusion, then alias, then prefix. Source: runtime.md E.5, E.6.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use cliproxy_core::{Credential, CredentialKind, ModelEntry, ModelId, ModelInfo, UpstreamModel};

use super::{pattern, suffix};
use crate::{ChannelAlias, Options};

/// The models of one credential, sorted by id. Credentials with equal offers share one.
#[derive(Debug, PartialEq)]
pub(crate) struct Offer {
    pub(crate) models: Vec<OfferedModel>,
}

/// One model as clients see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OfferedModel {
    pub(crate) id: ModelId,
    /// The provider's models behind it: more than one is a pool (Source: runtime.md D.12).
    pub(crate) upstreams: Vec<UpstreamRoute>,
    pub(crate) info: Arc<ModelInfo>,
    /// Whether replies name what the client asked for.
    pub(crate) shown: bool,
}

/// One model of the provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UpstreamRoute {
    pub(crate) model: UpstreamModel,
    /// A thinking suffix that the configuration put behind the name; it wins over the client's.
    pub(crate) suffix: Option<String>,
    /// What the entry that leads here says of unsigned thoughts: two entries for one model may differ.
    pub(crate) compat: Option<bool>,
}

impl UpstreamRoute {
    fn new(name: &str) -> Self {
        match suffix::split(name).filter(|(_, value)| suffix::is_known(value)) {
            Some((base, value)) => Self { model: base.into(), suffix: Some(value.to_owned()), compat: None },
            None => Self { model: name.into(), suffix: None, compat: None },
        }
    }
}

impl Offer {
    pub(crate) fn new(credential: &Credential, own: &[ModelInfo], options: &Options) -> Self {
        let settings = credential.settings();
        let mut models = if settings.models.is_empty() {
            own.iter().map(from_executor).collect()
        } else {
            from_entries(&settings.models, own)
        };
        exclude(&mut models, credential, options);
        // API keys never have channel aliases (Source: runtime.md A.4, E.6 2).
        if credential.kind() == CredentialKind::Account {
            models = rename(models, &aliases(credential, options));
        }
        let models = prefix(models, settings.prefix.as_deref(), options.force_model_prefix);
        Self { models: collapse(models) }
    }

    /// A number that equal offers share.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for model in &self.models {
            (&model.id, &model.upstreams, model.shown).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// A number that equal model lists share.
pub(crate) fn list_fingerprint(models: &[ModelInfo]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for model in models {
        (&model.id, &model.upstream).hash(&mut hasher);
    }
    hasher.finish()
}

fn from_executor(info: &ModelInfo) -> OfferedModel {
    OfferedModel {
        id: info.id.clone(),
        upstreams: vec![UpstreamRoute {
            model: UpstreamModel::new(info.upstream_name()),
            suffix: None,
            compat: None,
        }],
        info: Arc::new(info.clone()),
        shown: true,
    }
}

/// A configured list replaces the executor's; reasoning is taken over for a model of the same name.
/// Source: runtime.md E.5.
fn from_entries(entries: &[ModelEntry], own: &[ModelInfo]) -> Vec<OfferedModel> {
    entries
        .iter()
        .map(|entry| {
            let mut route = UpstreamRoute::new(&entry.name);
            route.compat = entry.compat;
            let known = own.iter().find(|info| info.id.as_str().eq_ignore_ascii_case(route.model.as_str()));
            if let Some(upstream) = known.and_then(|known| known.upstream.clone()) {
                route.model = upstream;
            }
            let mut info = entry.info.clone().unwrap_or_else(|| {
                let mut info = ModelInfo::new("");
                info.owned_by = known.and_then(|known| known.owned_by.clone());
                info
            });
            info.id = ModelId::new(entry.public_id());
            if info.reasoning.is_none() {
                info.reasoning = known.and_then(|known| known.reasoning.clone());
            }
            info.user_defined = true;
            OfferedModel {
                id: info.id.clone(),
                upstreams: vec![route],
                info: Arc::new(info),
                shown: entry.force_mapping.unwrap_or(true),
            }
        })
        .collect()
}

/// Source: runtime.md E.6 1: matched on the id before aliasing.
fn exclude(models: &mut Vec<OfferedModel>, credential: &Credential, options: &Options) {
    let channel = match credential.kind() {
        CredentialKind::Account => options.channel_exclusions.get(credential.provider()),
        _ => None,
    };
    let patterns: Vec<&String> =
        credential.settings().excluded_models.iter().chain(channel.into_iter().flatten()).collect();
    models
        .retain(|model| !patterns.iter().any(|pattern| pattern::matches(pattern.trim(), model.id.as_str())));
}

/// The file's own aliases override the channel's (Source: runtime.md C.6).
fn aliases(credential: &Credential, options: &Options) -> Vec<ChannelAlias> {
    let own = &credential.settings().aliases;
    if own.is_empty() {
        return options.channel_aliases.get(credential.provider()).cloned().unwrap_or_default();
    }
    own.iter().map(|(name, alias, fork)| ChannelAlias::new(name, alias).with_fork(*fork)).collect()
}

/// Source: runtime.md E.6 2: without fork the id is renamed, with it the original stays; duplicates skipped.
fn rename(models: Vec<OfferedModel>, aliases: &[ChannelAlias]) -> Vec<OfferedModel> {
    if aliases.is_empty() {
        return models;
    }
    let mut out: Vec<OfferedModel> = Vec::with_capacity(models.len() + aliases.len());
    let mut push = |model: OfferedModel| {
        if !out.iter().any(|known| known.id.as_str().eq_ignore_ascii_case(model.id.as_str())) {
            out.push(model);
        }
    };
    for model in models {
        let mine: Vec<(&ChannelAlias, UpstreamRoute)> = aliases
            .iter()
            .filter(|alias| !alias.alias.eq_ignore_ascii_case(&alias.name))
            .filter_map(|alias| applies(alias, &model).map(|route| (alias, route)))
            .collect();
        // An alias for `name(high)` adds a spelling; the plain name goes only when it was itself renamed.
        let keeps = mine.iter().all(|(alias, route)| alias.fork || route.suffix.is_some());
        let forked = mine.iter().any(|(alias, route)| alias.fork && route.suffix.is_none());
        if keeps || forked {
            push(model.clone());
        }
        for (alias, route) in mine {
            let mut info = ModelInfo::clone(&model.info);
            info.id = ModelId::new(&alias.alias);
            push(OfferedModel {
                id: info.id.clone(),
                upstreams: vec![route],
                info: Arc::new(info),
                shown: alias.force_mapping.unwrap_or(true),
            });
        }
    }
    out
}

/// The route of an alias when it is about this model.
fn applies(alias: &ChannelAlias, model: &OfferedModel) -> Option<UpstreamRoute> {
    if alias.name.eq_ignore_ascii_case(model.id.as_str()) {
        return model.upstreams.first().cloned();
    }
    let route = UpstreamRoute::new(&alias.name);
    let value = route.suffix?;
    let first = model.upstreams.first()?;
    route.model.as_str().eq_ignore_ascii_case(model.id.as_str()).then(|| UpstreamRoute {
        model: first.model.clone(),
        suffix: Some(value),
        compat: first.compat,
    })
}

/// Source: runtime.md E.6 3: `prefix/id`, and the bare id too unless prefixes are forced.
fn prefix(models: Vec<OfferedModel>, prefix: Option<&str>, forced: bool) -> Vec<OfferedModel> {
    let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) else { return models };
    let mut out = Vec::with_capacity(models.len() * 2);
    for model in models {
        let mut info = ModelInfo::clone(&model.info);
        info.id = ModelId::new(format!("{prefix}/{}", model.id));
        out.push(OfferedModel { id: info.id.clone(), info: Arc::new(info), ..model.clone() });
        if !forced || model.id.as_str() == prefix {
            out.push(model);
        }
    }
    out
}

/// Sorts by id; what shares an id becomes one model with several upstreams. Source: runtime.md D.12.
fn collapse(models: Vec<OfferedModel>) -> Vec<OfferedModel> {
    let mut by_id: HashMap<ModelId, usize> = HashMap::with_capacity(models.len());
    let mut out: Vec<OfferedModel> = Vec::with_capacity(models.len());
    for model in models {
        let known = by_id.get(&model.id).and_then(|at| out.get_mut(*at));
        if let Some(known) = known {
            for route in model.upstreams {
                let same =
                    |other: &UpstreamRoute| (&other.model, &other.suffix) == (&route.model, &route.suffix);
                if !known.upstreams.iter().any(same) {
                    known.upstreams.push(route);
                }
            }
        } else {
            by_id.insert(model.id.clone(), out.len());
            out.push(model);
        }
    }
    out.sort_by(|a, b| a.id.cmp(&b.id));
    out
}
