//! The cleaning that configuration entries and auth files share.

use cliproxy_core::Secret;

/// A model prefix without blanks and slashes around it; `None` when nothing is left or a slash remains inside.
// Source: runtime.md A.3 "`prefix` normalisation".
#[must_use]
pub fn normalize_prefix(prefix: &str) -> Option<String> {
    let prefix = prefix.trim().trim_matches('/').trim();
    (!prefix.is_empty() && !prefix.contains('/')).then(|| prefix.to_owned())
}

/// Headers with trimmed names and values; pairs with an empty side are dropped.
// Source: runtime.md A.3 "`headers`".
#[must_use]
pub fn normalize_headers(headers: impl IntoIterator<Item = (String, Secret)>) -> Vec<(String, Secret)> {
    let trimmed = headers.into_iter().map(|(name, value)| {
        let value = Secret::from(value.expose().trim());
        (name.trim().to_owned(), value)
    });
    trimmed.filter(|(name, value)| !name.is_empty() && !value.is_empty()).collect()
}

/// Model patterns trimmed, in lower case, each once, in order.
// Source: runtime.md A.3 "`excluded-models`".
#[must_use]
pub fn normalize_excluded_models(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for pattern in patterns {
        let pattern = pattern.as_ref().trim().to_lowercase();
        if !pattern.is_empty() && !kept.contains(&pattern) {
            kept.push(pattern);
        }
    }
    kept
}

/// Aliases (name, alias, keep the original): trimmed, complete, not naming themselves, each alias once.
// Source: runtime.md A.4 "Normalisation".
#[must_use]
pub fn normalize_aliases(
    aliases: impl IntoIterator<Item = (String, String, bool)>,
) -> Vec<(String, String, bool)> {
    let mut kept: Vec<(String, String, bool)> = Vec::new();
    for (name, alias, keep) in aliases {
        let (name, alias) = (name.trim(), alias.trim());
        let usable = !name.is_empty() && !alias.is_empty() && name.to_lowercase() != alias.to_lowercase();
        if usable && !kept.iter().any(|(_, taken, _)| taken.to_lowercase() == alias.to_lowercase()) {
            kept.push((name.to_owned(), alias.to_owned(), keep));
        }
    }
    kept
}
