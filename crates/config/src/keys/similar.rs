//! The known key that looks most like an unknown one.

/// The nearest name, if it is near enough to be meant.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let written: Vec<char> = written.to_lowercase().replace(['_', ' '], "-").chars().take(64).collect();
    let bound = (written.len() / 3).clamp(1, 4);
    names
        .map(|name| (distance(&written, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= bound)
        .map(|(_, name)| name)
}

/// How many letters must be added, removed, replaced, or swapped with their neighbour.
fn distance(written: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, letter) in written.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, other) in name.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(&row, j) + usize::from(letter != other)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0
                && j > 0
                && written.get(i - 1) == Some(other)
                && name.get(j - 1) == Some(letter)
                && letter != other;
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}
