//! Names that an unknown model may have meant.

/// Names looked at, so that a mistyped model costs little however many there are.
const MOST_LOOKED_AT: usize = 20_000;

/// Up to three names, nearest first.
pub(crate) fn matches<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted: String = wanted.to_lowercase().chars().take(120).collect();
    // A third of a name may be wrong: of a short one that is nothing, as every other short one would be near.
    let farthest = wanted.chars().count() / 3;
    let mut found: Vec<(usize, &str)> = names
        .take(MOST_LOOKED_AT)
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let long = wanted.len() >= 3 && lower.len() >= 3;
            let contained = long && (lower.contains(&wanted) || wanted.contains(&lower));
            let far = if contained { Some(1) } else { distance(&wanted, &lower, farthest) };
            far.map(|far| (far, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// How many characters have to be changed, added, removed, or swapped with their neighbour; `None` when it is more than
/// `most`, which lengths often tell.
fn distance(wanted: &str, name: &str, most: usize) -> Option<usize> {
    let lengths = wanted.chars().count().abs_diff(name.chars().count());
    (lengths <= most).then(|| strsim::osa_distance(wanted, name)).filter(|far| *far <= most)
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
            for most in 0..6 {
                let told = (expected <= most).then_some(expected);
                assert_eq!(distance(wanted, name, most), told, "{name} within {most}");
            }
        }
    }
}
