//! Names that an unknown model may have meant.

/// Names looked at, so that a mistyped model costs little however many there are.
const MOST_LOOKED_AT: usize = 20_000;

/// Up to three names, nearest first.
pub(crate) fn matches<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let wanted_chars: Vec<char> = wanted.chars().take(120).collect();
    // A third of a name may be wrong: of a short one that is nothing, as every other short one would be near.
    let farthest = wanted_chars.len() / 3;
    let mut found: Vec<(usize, &str)> = names
        .take(MOST_LOOKED_AT)
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let long = wanted.len() >= 3 && lower.len() >= 3;
            let contained = long && (lower.contains(&wanted) || wanted.contains(&lower));
            let far = if contained { Some(1) } else { distance(&wanted_chars, &lower, farthest) };
            far.map(|far| (far, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// How many characters have to be changed, added, removed, or swapped with their neighbour; `None` when it is more than
/// `most`, which is seen early.
fn distance(wanted: &[char], name: &str, most: usize) -> Option<usize> {
    let name: Vec<char> = name.chars().collect();
    if name.len().abs_diff(wanted.len()) > most {
        return None;
    }
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    let mut next: Vec<usize> = Vec::new();
    for (i, have) in name.iter().enumerate() {
        next.clear();
        next.push(i + 1);
        for (j, want) in wanted.iter().enumerate() {
            let replaced = at(&row, j) + usize::from(want != have);
            let mut best = replaced.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let neighbours = i.checked_sub(1).and_then(|i| name.get(i)).zip(j.checked_sub(1));
            if let Some((earlier, k)) = neighbours
                && want == earlier
                && wanted.get(k) == Some(have)
            {
                best = best.min(at(&before, k) + 1);
            }
            next.push(best);
        }
        std::mem::swap(&mut before, &mut row);
        std::mem::swap(&mut row, &mut next);
        // A swap looks two rows back, so that both have to be too far.
        if before.iter().chain(&row).all(|far| *far > most) {
            return None;
        }
    }
    row.last().copied().filter(|far| *far <= most)
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
            ("gtp-5", vec!["gpt-5"]),
            ("zzzz", vec![]),
            ("gqt-4", vec![]),
        ] {
            assert_eq!(matches(wanted, names.into_iter()), expected, "{wanted}");
        }
        assert_eq!(matches("gpt-5", names.into_iter()).len(), 3);
    }

    #[test]
    fn a_short_name_is_not_near_every_other_short_one() {
        let names = ["vx", "ch", "cl", "gm", "o4-mini"];
        for wanted in ["o3", "mix", "a1", "b"] {
            assert_eq!(matches(wanted, names.into_iter()), Vec::<String>::new(), "{wanted}");
        }
        assert_eq!(matches("o3-mini", names.into_iter()), ["o4-mini"]);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_mistake() {
        for (wanted, name, expected) in [
            ("kitten", "sitting", 3),
            ("gtp-5", "gpt-5", 1),
            ("abc", "cab", 2),
            ("", "ab", 2),
            ("ab", "", 2),
            ("ab", "ba", 1),
        ] {
            let wanted: Vec<char> = wanted.chars().collect();
            for most in 0..6 {
                let told = (expected <= most).then_some(expected);
                assert_eq!(distance(&wanted, name, most), told, "{name} within {most}");
            }
        }
    }
}
