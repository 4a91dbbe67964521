//! Names that an unknown model may have meant.

/// Names looked at, so that a mistyped model costs little however many there are.
const MOST_LOOKED_AT: usize = 20_000;

/// Up to three names, nearest first.
pub(crate) fn matches<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let wanted_chars: Vec<char> = wanted.chars().take(120).collect();
    let farthest = (wanted_chars.len() / 3).max(2);
    let mut found: Vec<(usize, &str)> = names
        .take(MOST_LOOKED_AT)
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let long = wanted.len() >= 3 && lower.len() >= 3;
            let contained = long && (lower.contains(&wanted) || wanted.contains(&lower));
            let far = if contained { 1 } else { distance(&wanted_chars, &lower) };
            (far <= farthest).then_some((far, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// How many characters have to be changed, added or removed.
fn distance(wanted: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, have) in name.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (want, cell) in wanted.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(*want != have);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["claude-opus-4-5", "claude-sonnet-4-5", "gpt-5", "gpt-5-mini", "team/gpt-5"];
        for (wanted, expected) in [
            ("claude-opus-45", vec!["claude-opus-4-5"]),
            ("gpt5", vec!["gpt-5"]),
            ("gpt-5-min", vec!["gpt-5", "gpt-5-mini"]),
            ("zzzz", vec![]),
        ] {
            assert_eq!(matches(wanted, names.into_iter()), expected, "{wanted}");
        }
        assert_eq!(matches("gpt-5", names.into_iter()).len(), 3);
        let kitten: Vec<char> = "kitten".chars().collect();
        assert_eq!(distance(&kitten, "sitting"), 3);
    }
}
