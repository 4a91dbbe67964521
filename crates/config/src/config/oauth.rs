//! Rules for the models of login credentials, by channel.

use std::collections::{BTreeMap, HashSet};

use super::credentials::{RequestScopedRule, excluded_models as normalized_exclusions, request_scoped_rules};
use crate::report::Report;
use crate::setting::At;

/// A name for a model of a login channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OauthAlias {
    /// `name`: the model as the channel names it. Example `gemini-3-pro-high`.
    pub name: String,
    /// `alias`: what clients call it. Example `gemini-pro`.
    pub alias: String,
    /// `fork`: the original name stays too; default off. Example `true`.
    pub fork: bool,
    /// `display-name`: for people.
    pub display_name: Option<String>,
    /// `force-mapping`: whether replies name the alias. Presence matters.
    pub force_mapping: Option<bool>,
}

/// Source: runtime.md A.4, A.7: the old field counts while the new one is absent.
pub(super) fn aliases(root: &At<'_>, report: &mut Report) -> BTreeMap<String, Vec<OauthAlias>> {
    let (today, old) = (root.get("oauth-model-alias"), root.get("oauth-model-mappings"));
    let at = if today.setting().is_none() && old.is_set() {
        old.legacy(report, "oauth-model-alias");
        old
    } else {
        today
    };
    let mut channels: BTreeMap<String, Vec<OauthAlias>> = BTreeMap::new();
    for (channel, list) in at.members(report) {
        let known = channels.entry(channel.trim().to_lowercase()).or_default();
        let mut taken: HashSet<String> = known.iter().map(|known| known.alias.to_ascii_lowercase()).collect();
        for item in list.items(report) {
            known.extend(alias(&item, &mut taken, report));
        }
    }
    channels.retain(|channel, aliases| !channel.is_empty() && !aliases.is_empty());
    channels
}

fn alias(item: &At<'_>, taken: &mut HashSet<String>, report: &mut Report) -> Option<OauthAlias> {
    item.must_be_map(report);
    let (name, alias) = (item.get("name").text(report), item.get("alias").text(report));
    let (Some(name), Some(alias)) = (name, alias) else {
        item.dropped(report, "it needs `name` and `alias`");
        return None;
    };
    if name.eq_ignore_ascii_case(&alias) {
        item.dropped(report, "`name` and `alias` are the same");
        return None;
    }
    if !taken.insert(alias.to_ascii_lowercase()) {
        item.dropped(report, "this alias is used above already; the first counts");
        return None;
    }
    Some(OauthAlias {
        name,
        alias,
        fork: item.get("fork").is_on(report),
        display_name: item.get("display-name").text(report),
        force_mapping: item.get("force-mapping").flag(report),
    })
}

pub(super) fn excluded_models(root: &At<'_>, report: &mut Report) -> BTreeMap<String, Vec<String>> {
    let mut channels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (channel, list) in root.get("oauth-excluded-models").members(report) {
        let channel = channel.trim().to_lowercase();
        let patterns = normalized_exclusions(&list, report);
        if !channel.is_empty() && !patterns.is_empty() {
            channels.insert(channel, patterns);
        }
    }
    channels
}

pub(super) fn request_scoped_errors(
    root: &At<'_>,
    report: &mut Report,
) -> BTreeMap<String, Vec<RequestScopedRule>> {
    let mut channels = BTreeMap::new();
    for (channel, list) in root.get("oauth-request-scoped-errors").members(report) {
        let rules = request_scoped_rules(&list, report);
        if !rules.is_empty() {
            channels.insert(channel.trim().to_lowercase(), rules);
        }
    }
    channels
}
