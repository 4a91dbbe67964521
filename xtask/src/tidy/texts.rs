//! Tracked files: short enough to read, and the same on every machine.

const MOST_LINES: usize = 600;

/// In two parts each, so that this file does not find itself.
const MACHINE_PATHS: &[(&str, &str)] = &[("/wor", "k/"), ("/roo", "t/")];

/// Source files of crates and programs beyond the limit.
pub(crate) fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (is_source(path) && lines > MOST_LINES)
        .then(|| format!("{path}: {lines} lines, more than {MOST_LINES}: split it"))
}

/// `crates/<name>/src/**.rs` and `bins/<name>/src/**.rs`.
fn is_source(path: &str) -> bool {
    let mut parts = path.split('/');
    let group = parts.next();
    let folder = parts.nth(1);
    matches!(group, Some("crates" | "bins")) && folder == Some("src") && path.ends_with(".rs")
}

/// Lines that name a path of the machine they were written on.
pub(crate) fn machine_paths(path: &str, text: &str) -> Vec<String> {
    if path == "Cargo.lock" {
        return Vec::new();
    }
    let needles: Vec<String> = MACHINE_PATHS.iter().map(|(head, tail)| format!("{head}{tail}")).collect();
    let named = |line: &str| needles.iter().any(|needle| names_from_root(line, needle));
    text.lines()
        .enumerate()
        .filter(|(_, line)| named(line))
        .map(|(index, _)| format!("{path}:{}: names a path of one machine", index + 1))
        .collect()
}

/// Whether the needle begins an absolute path: `docs/x/` and `https://host/x/` have something before it.
fn names_from_root(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line.split_at_checked(at).and_then(|(head, _)| head.chars().next_back());
        !before
            .is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '}' | '~'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_of_crates_and_programs_are_counted() {
        let (full, over) = ("x\n".repeat(600), "x\n".repeat(601));
        let table = [
            ("crates/a/src/lib.rs", &full, false),
            ("crates/a/src/lib.rs", &over, true),
            ("crates/a/src/b/c.rs", &over, true),
            ("bins/a/src/main.rs", &over, true),
            ("crates/a/tests/it/main.rs", &over, false),
            ("crates/a/src/table.json", &over, false),
            ("docs/src/x.rs", &over, false),
        ];
        for (path, text, expected) in table {
            assert_eq!(too_long(path, text).is_some(), expected, "{path}");
        }
    }

    #[test]
    fn a_path_of_one_machine_is_found_where_it_begins() {
        for (head, tail) in MACHINE_PATHS {
            let needle = format!("{head}{tail}");
            let table = [
                (format!("see {needle}main"), 1),
                (format!("\"{needle}main\""), 1),
                (format!("file://{needle}main"), 1),
                (format!("https://example.com{needle}main"), 0),
                (format!("docs{needle}main"), 0),
                (format!("one\n{needle}a\n{needle}b"), 2),
            ];
            for (text, expected) in table {
                assert_eq!(machine_paths("README.md", &text).len(), expected, "{text}");
                assert!(machine_paths("Cargo.lock", &text).is_empty());
            }
        }
    }
}
