//! `docs/providers/`: a page for each provider that the program knows, with what a person has to know, true to the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::commands::run;

const SECTIONS: [&str; 6] = [
    "## Log in",
    "## What is stored",
    "## Serving",
    "## What can go wrong",
    "## Terms",
    "## Endpoints and overrides",
];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages by name.
fn pages() -> BTreeMap<String, String> {
    let files = fs::read_dir(project().join("docs/providers")).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// What stands under a heading of a page.
fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n{heading}\n"))?;
    Some(rest.split_once("\n## ").map_or(rest, |(section, _)| section))
}

/// The blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The rows of the table of providers: names, and the page that each leads to.
fn table() -> BTreeMap<String, String> {
    let document = read("docs/providers.md");
    let section = section(&document, "## Which there are").expect("the table's heading");
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| provider"));
    rows.filter_map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let name = cells.next()?.trim_start_matches("by ").trim_matches('`').to_owned();
        let page = cells.next()?.split_once("](providers/")?.1.split_once(".md)")?.0.to_owned();
        Some((name, page))
    })
    .collect()
}

/// `endpoints` as the program prints them: each provider with its names and defaults.
async fn endpoints() -> BTreeMap<String, Vec<(String, String)>> {
    let (_, printed, _) = run(&["endpoints"], None).await;
    let mut all: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut provider = String::new();
    for line in printed.lines().skip(1) {
        let (key, value) = line.trim().split_once(':').unwrap();
        if line.starts_with("    ") {
            let own = all.get_mut(&provider).unwrap();
            own.push((key.to_owned(), value.trim().to_owned()));
        } else {
            provider = key.to_owned();
            all.insert(provider.clone(), Vec::new());
        }
    }
    assert!(all.len() > 10, "{printed}");
    all
}

/// The logins that the program offers, by name.
async fn logins() -> Vec<String> {
    let (_, printed, _) = run(&["login"], None).await;
    let names = printed.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_provider_has_a_page_with_every_section_and_its_endpoints() {
    let (pages, table) = (pages(), table());
    let mut wrong = Vec::new();
    for (name, page) in &pages {
        if !table.values().any(|to| to == name) {
            wrong.push(format!("{name}: no row of docs/providers.md leads to it"));
        }
        let mut from = 0;
        for heading in SECTIONS {
            match page.get(from..).and_then(|rest| rest.find(&format!("\n{heading}\n"))) {
                Some(at) => from += at,
                None => wrong.push(format!("{name}: no `{heading}` where it belongs")),
            }
            if section(page, heading).is_some_and(|text| text.trim().len() < 15) {
                wrong.push(format!("{name}: `{heading}` says nothing"));
            }
        }
        let troubles = section(page, "## What can go wrong").unwrap_or_default();
        if troubles.lines().filter(|line| line.starts_with("| ")).count() < 4 {
            wrong.push(format!("{name}: `What can go wrong` names less than three troubles"));
        }
        if blocks(page, "yaml").is_empty() {
            wrong.push(format!("{name}: no example for the config"));
        }
    }
    for (provider, names) in endpoints().await {
        let Some(page) = table.get(&provider).and_then(|page| pages.get(page)) else {
            wrong.push(format!("{provider} has no row in docs/providers.md, or no page"));
            continue;
        };
        let told = section(page, "## Endpoints and overrides").unwrap_or_default();
        for (name, url) in names {
            if !(told.contains(&format!("`endpoints.{provider}.…`"))
                && told.contains(&format!("`{name}`"))
                && told.contains(&format!("`{url}`")))
            {
                wrong.push(format!("{provider}: its page does not name endpoints.{provider}.{name}, {url}"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/providers:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_login_stands_on_a_page_and_every_command_of_a_page_is_understood() {
    let pages = pages();
    let logins = logins().await;
    let commands: Vec<(&String, &str)> = pages
        .iter()
        .flat_map(|(name, page)| blocks(page, "sh").into_iter().map(move |block| (name, block)))
        .flat_map(|(name, block)| block.lines().map(move |line| (name, line)))
        .collect();
    let mut wrong = Vec::new();
    for login in &logins {
        let wanted = format!("cliproxy-server login {login}");
        let is_told = |line: &str| {
            line.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        if !commands.iter().any(|(_, line)| is_told(line)) {
            wrong.push(format!("no page says `{wanted}`"));
        }
    }
    let importer = read("crates/login/src/import.rs");
    for (page, line) in commands {
        let words: Vec<&str> =
            line.split('#').next().unwrap_or_default().split_whitespace().skip(1).collect();
        match words.as_slice() {
            ["login", name, ..] if !logins.iter().any(|login| login == name) => {
                wrong.push(format!("{page}: there is no login {name}"));
            }
            ["import", name, ..] if !importer.contains(&format!("name: \"{name}\"")) => {
                wrong.push(format!("{page}: there is no import of {name}"));
            }
            _ => {}
        }
        let (code, _, told) = run(&[words.as_slice(), &["--help"]].concat(), None).await;
        if code != 0 {
            wrong.push(format!("{page}: `{line}`: {told}"));
        }
    }
    assert!(wrong.is_empty(), "docs/providers:\n{}", wrong.join("\n"));
}

/// Every document, those of clients too.
fn documents() -> Vec<(String, String)> {
    let mut folders = vec![project().join("docs")];
    let mut found = vec![("README.md".to_owned(), read("README.md"))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

#[tokio::test]
async fn every_config_in_the_documents_is_taken_without_a_word_of_blame() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for (name, text) in documents() {
        for block in blocks(&text, "yaml") {
            checked += 1;
            let config = format!("host: 127.0.0.1\n{block}");
            let (code, out, told) = run(&["check-config"], Some(&config)).await;
            let blamed = ["warning:", "note:"].iter().any(|word| out.contains(word) || told.contains(word));
            if code != 0 || blamed {
                wrong.push(format!("{name}:\n{block}{out}{told}"));
            }
        }
    }
    assert!(checked > 20, "only {checked} examples were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All sources of the product, as one text in small letters: strings that go over several lines are joined, and what is
/// filled in becomes `{}`.
fn sources() -> String {
    let mut folders = vec![project().join("crates"), project().join("bins")];
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(path).unwrap().replace("\\\"", "\"").to_lowercase();
                let mut parts = text.split("\\\n");
                all.push_str(parts.next().unwrap_or_default());
                parts.for_each(|part| all.push_str(part.trim_start()));
                all.push('\n');
            }
        }
    }
    all
}

/// What the first cells of a section's table quote.
fn quotes(section: &str) -> Vec<&str> {
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('"').skip(1).step_by(2)).flat_map(|quote| quote.split('…')).collect()
}

#[test]
fn every_message_that_a_page_quotes_is_one_of_the_program() {
    let sources = sources();
    let (mut checked, mut wrong) = (0, Vec::new());
    for (name, page) in pages() {
        for quote in quotes(section(&page, "## What can go wrong").unwrap_or_default()) {
            let quote = quote.trim_matches([' ', ',', ':', '`']).to_lowercase();
            checked += 1;
            if !sources.contains(&quote) {
                wrong.push(format!("{name}: no source says \"{quote}\""));
            }
        }
    }
    assert!(checked > 40, "only {checked} quotes were found");
    assert!(wrong.is_empty(), "docs/providers:\n{}", wrong.join("\n"));
}
