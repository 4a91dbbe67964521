//! From the model a client wrote to what serves it.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Index, ModelRoutes, near, pattern, suffix};
use crate::{ModelAlias, Options};

/// Aliases followed at most: a ring of them ends here.
const MAX_HOPS: usize = 8;

/// What serves a request.
#[derive(Clone, Debug)]
pub(crate) struct Resolution {
    pub(crate) model: Arc<ModelRoutes>,
    /// The thinking suffix, without parentheses.
    pub(crate) suffix: Option<String>,
    /// What replies call the model: what the client wrote, without the suffix (that is a wish, not a name).
    pub(crate) shown: String,
}

/// Nothing offers the model.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    /// What an alias made of it.
    pub(crate) meant: Option<String>,
    /// Names that are near.
    pub(crate) near: Vec<String>,
}

/// Finds what serves `wanted`. `newest` stands for `auto`.
pub(crate) fn resolve(
    index: &Index,
    options: &Options,
    wanted: &str,
    newest: impl Fn() -> Option<Arc<ModelRoutes>>,
) -> Result<Resolution, Unknown> {
    let wanted = wanted.trim();
    let mut name = Cow::Borrowed(wanted);
    let mut asked: Option<String> = None;
    for _ in 0..MAX_HOPS {
        // A name configured with its suffix wins over a suffix (Source: runtime.md E.6, L.3 34).
        if let Some(model) = index.get(&name) {
            return Ok(found(model, asked, wanted));
        }
        let (base, value) =
            suffix::split(&name).map_or((&*name, None), |(base, value)| (base, Some(value.to_owned())));
        // The client's own suffix beats one that an alias brings along.
        let suffix = asked.clone().or(value.clone());
        if value.is_some()
            && let Some(model) = index.get(base)
        {
            return Ok(found(model, suffix, wanted));
        }
        // Source: runtime.md E.7.
        if base.eq_ignore_ascii_case("auto")
            && let Some(model) = newest()
        {
            let shown = model.id.as_str().to_owned();
            return Ok(Resolution { model, suffix, shown });
        }
        match alias(&options.model_aliases, &name, base) {
            Some((target, whole)) => {
                asked = if whole { asked } else { suffix };
                name = Cow::Owned(target.to_owned());
            }
            None => break,
        }
    }
    let meant = (name != wanted).then(|| name.clone().into_owned());
    let base = suffix::split(&name).map_or(&*name, |(base, _)| base);
    Err(Unknown { meant, near: near::matches(base, index.models().map(|model| model.id.as_str())) })
}

fn found(model: &Arc<ModelRoutes>, suffix: Option<String>, wanted: &str) -> Resolution {
    let is_id = model.id.as_str().eq_ignore_ascii_case(wanted);
    let shown = match suffix::split(wanted) {
        Some((base, _)) if !is_id => base,
        _ => wanted,
    };
    Resolution { model: Arc::clone(model), suffix, shown: shown.to_owned() }
}

/// The target of an alias, and whether the alias named the suffix too. Full names first, then the pattern that says
/// the most; among equals the first.
fn alias<'a>(aliases: &'a [ModelAlias], name: &str, base: &str) -> Option<(&'a str, bool)> {
    let plain = |wanted: &str| aliases.iter().find(|alias| alias.name.trim().eq_ignore_ascii_case(wanted));
    if let Some(alias) = plain(name) {
        return Some((alias.target.trim(), name != base));
    }
    if let Some(alias) = plain(base) {
        return Some((alias.target.trim(), false));
    }
    let fits = |alias: &&ModelAlias| alias.name.contains('*') && pattern::matches(alias.name.trim(), base);
    let says = |alias: &&ModelAlias| alias.name.chars().filter(|letter| *letter != '*').count();
    // `max_by_key` takes the last of equals.
    let best = aliases.iter().rev().filter(fits).max_by_key(says)?;
    Some((best.target.trim(), false)).filter(|(target, _)| !target.eq_ignore_ascii_case(base))
}
