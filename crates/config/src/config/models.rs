//! Models as entries name them.

use std::collections::HashSet;

use crate::report::Report;
use crate::setting::{At, shown};

/// So many names are followed from an alias to the next, as a request follows them.
const LONGEST_CHAIN: usize = 8;

/// One model of a credential's `models` list; the list replaces the provider's own.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelEntry {
    /// `name`: the provider's name for it. Example `claude-sonnet-4-5`.
    pub name: String,
    /// `alias`: what clients call it; empty means `name`. Example `sonnet`.
    pub alias: String,
    /// `display-name`: for people. Example `Sonnet`.
    pub display_name: Option<String>,
    /// `max-context-length`: in tokens. Example `200000`.
    pub max_context_length: Option<u64>,
    /// `force-mapping`: whether replies name the alias. Presence matters. Example `false`.
    pub force_mapping: Option<bool>,
    /// `is-compat`: another vendor's model behind this interface, which takes thoughts back that nobody has signed. Presence
    /// matters. Example `true`.
    pub is_compat: Option<bool>,
    /// `image`: it makes images; default off. Example `true`.
    pub image: bool,
    /// `input-modalities`: what it takes; empty is unknown. Example `[text, image]`.
    pub input_modalities: Vec<String>,
    /// `output-modalities`: what it gives; empty is unknown. Example `[text]`.
    pub output_modalities: Vec<String>,
    /// `thinking`: what reasoning it can do.
    pub thinking: Option<Thinking>,
}

/// What reasoning a model can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thinking {
    /// `min` and `max`: smallest and largest budget in tokens. Example `1024` and `32000`.
    pub budget: Option<(u32, u32)>,
    /// `zero-allowed`: it can be switched off. Example `true`.
    pub zero_allowed: bool,
    /// `dynamic-allowed`: the model may choose. Example `true`.
    pub dynamic_allowed: bool,
    /// `levels`: weakest first; empty when it counts in budgets. Example `[low, medium, high]`.
    pub levels: Vec<String>,
}

/// A name for a model, whatever credential serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelAlias {
    /// What clients say; `*` may stand for anything.
    pub alias: String,
    /// The model that is meant.
    pub target: String,
}

/// `models:` of an entry. Source: runtime.md A.3; `both_names` as for vertex.
pub(super) fn entries(at: &At<'_>, both_names: bool, report: &mut Report) -> Vec<ModelEntry> {
    let mut found = Vec::new();
    for item in at.items(report) {
        // A bare name is what people write first.
        let (name, alias) = if item.is_scalar() {
            (item.text(report), None)
        } else {
            (item.get("name").text(report), item.get("alias").text(report))
        };
        let (name, alias) = (name.unwrap_or_default(), alias.unwrap_or_default());
        if name.is_empty() && alias.is_empty() || both_names && (name.is_empty() || alias.is_empty()) {
            let needed = if both_names { "`name` and `alias`" } else { "`name` or `alias`" };
            item.dropped(report, format!("it needs {needed}"));
            continue;
        }
        if name.is_empty() {
            item.adjusted(report, format!("it has no `name`: the provider is asked for {}", shown(&alias)));
        }
        found.push(ModelEntry {
            name: if name.is_empty() { alias.clone() } else { name },
            alias,
            display_name: item.get("display-name").text(report),
            max_context_length: item
                .get("max-context-length")
                .number(report, 0, 1 << 40, 200_000)
                .and_then(|length| u64::try_from(length).ok())
                .filter(|length| *length > 0),
            force_mapping: item.get("force-mapping").flag(report),
            is_compat: item.get("is-compat").flag(report),
            image: item.get("image").is_on(report),
            input_modalities: item.get("input-modalities").texts(report),
            output_modalities: item.get("output-modalities").texts(report),
            thinking: thinking(&item.get("thinking"), report),
        });
    }
    found
}

fn thinking(at: &At<'_>, report: &mut Report) -> Option<Thinking> {
    if !at.is_set() || !at.must_be_map(report) {
        return None;
    }
    let tokens = |name: &str, report: &mut Report| at.get(name).number(report, 0, 10_000_000, 1024);
    let (min, max) = (tokens("min", report), tokens("max", report));
    let budget = match (min, max) {
        (None, None) => None,
        (min, max) => {
            let (min, max) = (min.unwrap_or(0), max.unwrap_or_else(|| min.unwrap_or(0)));
            if min > max {
                at.get("min").wrong(
                    report,
                    format!("{min} is more than `max`, {max}"),
                    "expected `min` below `max`",
                );
            }
            u32::try_from(min).ok().zip(u32::try_from(max).ok())
        }
    };
    Some(Thinking {
        budget,
        zero_allowed: at.get("zero-allowed").is_on(report),
        dynamic_allowed: at.get("dynamic-allowed").is_on(report),
        levels: at.get("levels").texts(report).into_iter().map(|level| level.to_lowercase()).collect(),
    })
}

/// `model-aliases`: a mapping alias → target, or a list of `{alias, name}`.
pub(super) fn global_aliases(at: &At<'_>, report: &mut Report) -> Vec<ModelAlias> {
    let mut found: Vec<ModelAlias> = Vec::new();
    let pairs: Vec<(String, Option<String>, At<'_>)> = if at.is_list() {
        at.items(report)
            .into_iter()
            .map(|item| {
                (item.get("alias").text(report).unwrap_or_default(), item.get("name").text(report), item)
            })
            .collect()
    } else {
        at.members(report)
            .into_iter()
            .map(|(alias, target)| (alias.trim().to_owned(), target.text(report), target))
            .collect()
    };
    let mut taken = HashSet::new();
    let mut places = Vec::new();
    for (alias, target, at) in pairs {
        let Some(target) = target.filter(|_| !alias.is_empty()) else {
            at.wrong(
                report,
                "it needs an alias and a model",
                "expected `alias: model`, such as `fast: gemini-2.5-flash`",
            );
            continue;
        };
        if taken.insert(alias.clone()) {
            found.push(ModelAlias { alias, target });
            places.push(at);
        } else {
            at.dropped(report, "this alias is named above already; the first counts");
        }
    }
    for (alias, at) in found.iter().zip(&places) {
        if let Some(way) = way_back(alias, &found) {
            let reason = format!(
                "it leads back to itself ({way}), and to no model unless a provider has one of these"
            );
            at.adjusted(report, reason);
        }
    }
    found
}

/// The names from an alias back to it, where they lead there. A pattern has no end of its own: who serves decides.
fn way_back(from: &ModelAlias, all: &[ModelAlias]) -> Option<String> {
    let mut way = vec![from.alias.as_str(), from.target.as_str()];
    while let Some(last) = way.last().copied() {
        if last.eq_ignore_ascii_case(&from.alias) {
            return Some(way.iter().map(|name| shown(name)).collect::<Vec<_>>().join(" → "));
        }
        let next = all.iter().find(|alias| alias.alias.eq_ignore_ascii_case(last))?;
        // No chain is followed further.
        if way.len() > LONGEST_CHAIN {
            return None;
        }
        way.push(&next.target);
    }
    None
}
