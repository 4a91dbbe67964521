//! The known key that looks most like an unknown one.

/// The nearest name, if it is near enough to be meant.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let written: String = written.to_lowercase().replace(['_', ' '], "-").chars().take(64).collect();
    let bound = (written.chars().count() / 3).clamp(1, 4);
    names
        .map(|name| (strsim::osa_distance(&written, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= bound)
        .map(|(_, name)| name)
}
