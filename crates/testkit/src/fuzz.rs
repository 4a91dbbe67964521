//! A seeded runner for fuzz targets: plain functions of bytes that panic when a promise is broken. Every test run bends
//! the seeds of `fuzz/seeds` some thousand times, the same way each time; `fuzz/` drives the same functions with libFuzzer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What parsers of JSON decide by. Targets of other texts add their own.
pub const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "\\u0041",
    "\\ud800",
    "é",
    "\n",
    "\r",
    "{}",
    "[]",
    "\"\"",
    "18446744073709551616",
    "\u{0}",
    "'",
    "1.0",
    " ",
];

/// A generator that gives the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % below.max(1)
    }
}

fn bend(seed: &[u8], tokens: &[&str], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let (at, other) = (random.below(data.len() + 1), random.below(data.len() + 1));
        let (from, to) = (at.min(other), at.max(other).min(at.min(other) + 40));
        match random.below(5) {
            0 => drop(data.drain(from..to)),
            1 => {
                let piece = data[from..to].to_vec();
                drop(data.splice(at..at, piece));
            }
            2 if at < data.len() => data[at] = u8::try_from(random.below(256)).unwrap(),
            3 => data.truncate(at.max(data.len() / 2)),
            _ => drop(data.splice(at..at, tokens[random.below(tokens.len())].bytes())),
        }
    }
    data
}

/// Runs a target on the seeds as they are, then on this many bent ones; `tokens` are put in here and there.
///
/// # Panics
/// When the target does: with the bytes that it failed on.
pub fn run(rounds: usize, seeds: &[Vec<u8>], tokens: &[&str], target: impl Fn(&[u8])) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    seeds.iter().for_each(|seed| target(seed));
    for round in 0..rounds {
        let data = bend(&seeds[round % seeds.len()], tokens, &mut random);
        let result = catch_unwind(AssertUnwindSafe(|| target(&data)));
        assert!(result.is_ok(), "round {round} fails with {:?}", String::from_utf8_lossy(&data));
    }
}

/// The committed seeds of a target, in the order of their names.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no seeds");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_breaks_its_promise_is_told_with_its_bytes_and_the_same_ones_each_time() {
        let seeds = [b"{\"a\":1}".to_vec()];
        let failure = || {
            let all = catch_unwind(|| run(500, &seeds, JSON, |data| assert!(!data.contains(&b'\''))));
            let told = all.unwrap_err();
            told.downcast_ref::<String>().unwrap().clone()
        };
        let first = failure();
        assert!(first.starts_with("round ") && first.contains('\''), "{first}");
        assert_eq!(first, failure());
    }
}
