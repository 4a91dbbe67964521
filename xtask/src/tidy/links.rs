//! What documents point at: files and headings of this tree that are there.

use std::collections::{BTreeMap, BTreeSet};

/// The tracked files, and of each document the anchors that its headings make.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeSet<String>,
    anchors: BTreeMap<String, BTreeSet<String>>,
}

impl Tree {
    pub(crate) fn add(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned());
        if path.ends_with(".md") {
            self.anchors.insert(path.to_owned(), anchors(text));
        }
    }

    /// A file, or a folder that something is in.
    fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        path.is_empty()
            || self.files.contains(path)
            || self.files.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below))
    }
}

/// What a file points at and is not there: links of documents, and documents that anything else names.
pub(crate) fn broken(path: &str, text: &str, tree: &Tree) -> Vec<String> {
    let findings = if path.ends_with(".md") { links(path, text, tree) } else { names(text, tree) };
    findings.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")).collect()
}

fn links(path: &str, text: &str, tree: &Tree) -> Vec<(usize, String)> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (line, prose) in prose(text) {
        for target in targets(&without_code(prose)) {
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, a)| (file, Some(a)));
            let whole = if file.is_empty() { Some(path.to_owned()) } else { joined(folder, file) };
            let Some(whole) = whole.filter(|whole| tree.has(whole)) else {
                findings.push((line, format!("{target} leads nowhere")));
                continue;
            };
            let missing = |anchor: &&str| tree.anchors.get(&whole).is_some_and(|all| !all.contains(*anchor));
            if anchor.filter(missing).is_some() {
                findings.push((line, format!("{target} leads to a heading that is not there")));
            }
        }
    }
    findings
}

/// `docs/….md` in sources, manifests and scripts.
fn names(text: &str, tree: &Tree) -> Vec<(usize, String)> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (at, _) in line.match_indices("docs/") {
            let named = line.get(at..).unwrap_or_default();
            let end = named.find(|letter: char| !is_of_path(letter)).unwrap_or(named.len());
            let named = named.get(..end).unwrap_or_default().trim_end_matches('.');
            let begins = line.get(..at).and_then(|before| before.chars().next_back());
            let ours = begins.is_none_or(|before| !is_of_path(before) && before != '/');
            if ours && named.ends_with(".md") && !tree.has(named) {
                findings.push((index + 1, format!("{named} is not there")));
            }
        }
    }
    findings
}

fn is_of_path(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/')
}

/// The lines that are no code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        (!code && !fence).then_some((index + 1, line))
    })
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Where `](…)` leads inside of the tree. What rustdoc resolves, and other sites, are not ours to check.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split_whitespace().next()?;
        let elsewhere = target.contains("::") || target.contains("://") || target.starts_with("mailto:");
        (!elsewhere && target.contains(['.', '/', '#'])).then_some(target)
    })
}

/// The path from the root, or none where it leaves the tree.
fn joined(folder: &str, target: &str) -> Option<String> {
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// As GitHub makes them: small letters, hyphens for blanks, no punctuation, a number from the second of a name on.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    for (_, heading) in headings {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let slug: String = words
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let again = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(again).find(|name| !all.contains(name));
        all.extend(free);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.add("README.md", "# Top\n");
        tree.add(
            "guide/a.md",
            "# A page\n\n## What is `it`, and why?\n\n```sh\n# no heading\n```\n\n## Twice\n## Twice\n",
        );
        tree.add("guide/more/b.md", "# B\n");
        tree.add("crates/x/src/lib.rs", "");
        tree
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading_that_are_there() {
        for (path, line, findings) in [
            ("guide/a.md", "[b](more/b.md), [top](../README.md), [x](../crates/x)", 0),
            ("guide/a.md", "[b](more/c.md) and [b](b.md)", 2),
            ("guide/a.md", "[out](../../elsewhere.md)", 1),
            ("guide/more/b.md", "[a](../a.md#what-is-it-and-why) [a](../a.md#twice-1)", 0),
            ("guide/more/b.md", "[a](../a.md#twice-2) [a](../a.md#no-heading)", 2),
            ("guide/a.md", "[here](#twice) [not](#thrice)", 1),
            (
                "guide/a.md",
                "[t](../crates/x/src/lib.rs \"a_test\"), [t](../crates/x/src/no.rs \"a_test\")",
                1,
            ),
            ("guide/a.md", "[far](https://example.com/x.md) [doc](crate::Thing) [doc](Thing)", 0),
            ("guide/a.md", "`[code](nowhere.md)`", 0),
            ("guide/a.md", "```text\n[code](nowhere.md)\n```", 0),
            ("crates/x/README.md", "see [a](../../guide/a.md#a-page)", 0),
        ] {
            let found = broken(path, line, &tree());
            assert_eq!(found.len(), findings, "{line}: {found:?}");
        }
        let found = broken("guide/a.md", "one\n[b](b.md)", &tree());
        assert_eq!(found, ["guide/a.md:2: b.md leads nowhere"]);
    }

    #[test]
    fn a_document_that_a_source_names_is_there() {
        let page = |name: &str| format!("docs/{name}.md");
        let mut tree = tree();
        tree.add(&page("a"), "");
        for (line, findings) in [
            (format!("//! See {}.", page("a")), 0),
            (format!("//! See {}.", page("gone")), 1),
            (format!("//! of its maker: https://example.com/{}", page("gone")), 0),
            (format!("\"../../../{}\"", page("gone")), 0),
            (format!("\"{}\", \"{}\"", page("a"), page("more/a")), 1),
        ] {
            let found = broken("crates/x/src/lib.rs", &line, &tree);
            assert_eq!(found.len(), findings, "{line}: {found:?}");
        }
    }
}
