//! Manifests: versions are chosen once, in the root, each with its reason; each crate says what it is for.
//!
//! Reads the text by lines, because comments are part of what it checks.

/// The lines of a manifest with their section header, comments and blank lines left out.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        // An array's closing line also starts with a bracket, but never with an opening one.
        if let Some(rest) = line.strip_prefix('[') {
            section = rest.split_once(']').map_or(rest, |(name, _)| name).trim();
            return None;
        }
        Some((section, line))
    })
}

/// Also `dev-dependencies`, `build-dependencies` and those of one target.
fn is_dependencies(section: &str) -> bool {
    section.ends_with("dependencies")
}

/// Dependencies of a member that do not say `workspace = true`.
pub(crate) fn own_versions(manifest: &str, text: &str) -> Vec<String> {
    let inline = entries(text).filter(|(section, _)| is_dependencies(section)).filter_map(|(_, line)| {
        let (name, value) = line.split_once('=')?;
        (!inherits(name, value)).then(|| name.trim())
    });
    // `[dependencies.name]` spreads one dependency over lines; we write one line each.
    let tables = text.lines().filter_map(|line| {
        let section = line.trim().strip_prefix('[')?.split_once(']')?.0;
        let (_, name) = section.split_once("dependencies.")?;
        Some(name)
    });
    inline
        .chain(tables)
        .map(|name| format!("{manifest}: write {name} in one line with workspace = true"))
        .collect()
}

fn inherits(name: &str, value: &str) -> bool {
    let squeezed: String = value.chars().filter(|letter| !letter.is_whitespace()).collect();
    if name.trim().ends_with(".workspace") {
        return squeezed.starts_with("true");
    }
    squeezed.starts_with('{') && squeezed.split(['{', ',', '}']).any(|field| field == "workspace=true")
}

/// Lines of `[workspace.dependencies]` that do not say why they are there; our own crates need not.
pub(crate) fn bare_workspace_lines(text: &str) -> Vec<String> {
    entries(text)
        .filter(|(section, _)| *section == "workspace.dependencies")
        .filter_map(|(_, line)| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim();
            let said = comment(value).is_some_and(|comment| !comment.trim().is_empty());
            (!name.starts_with("cliproxy-") && !said)
                .then(|| format!("Cargo.toml: {name} has no trailing comment that says why"))
        })
        .collect()
}

/// What follows the first `#` outside of quotes.
fn comment(value: &str) -> Option<&str> {
    let mut quoted = false;
    let at = value.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '"';
        (letter == '#' && !quoted).then_some(at)
    })?;
    value.split_at_checked(at + 1).map(|(_, comment)| comment)
}

/// Members must say what they promise; xtask is not for others.
pub(crate) fn missing_readme(member: &str, has_readme: bool) -> Option<String> {
    (!has_readme && member != "xtask").then(|| format!("{member}: has no README.md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_inherits_every_dependency() {
        let table = [
            ("[dependencies]\na = { workspace = true }\n", 0),
            ("[dependencies]\na.workspace = true\n", 0),
            ("[dependencies]\na = { features = [\"x\", \"y\"], workspace = true } # why\n", 0),
            ("[dependencies]\na = \"1\"\n", 1),
            ("[dependencies]\na = { version = \"1\" } # workspace = true\n", 1),
            ("[dev-dependencies]\na = { path = \"../a\" }\n", 1),
            ("[target.'cfg(unix)'.dependencies]\na = \"1\"\n", 1),
            ("[dependencies.a]\nversion = \"1\"\n", 1),
            ("[package]\nname = \"a\"\n[features]\nb = []\n", 0),
        ];
        for (text, expected) in table {
            assert_eq!(own_versions("a/Cargo.toml", text).len(), expected, "{text}");
        }
    }

    #[test]
    fn a_workspace_dependency_says_why_it_is_there() {
        let text = "[workspace.dependencies]\n# ours\ncliproxy-core = { path = \"c\" }\na = \"1\" # why\nb = \"1\"\n\
                    c = \"1#2\"\nd = \"1\" #\n[profile.dev]\ndebug = false\n";
        let names: Vec<String> = bare_workspace_lines(text);
        assert_eq!(names.len(), 3, "{names:?}");
        for (finding, name) in names.iter().zip(["b", "c", "d"]) {
            assert!(finding.contains(&format!(": {name} has")), "{finding}");
        }
    }

    #[test]
    fn a_member_has_a_readme_unless_it_is_xtask() {
        assert!(missing_readme("cliproxy-core", false).is_some());
        assert!(missing_readme("cliproxy-core", true).is_none());
        assert!(missing_readme("xtask", false).is_none());
    }
}
