//! `docs/providers.md` has tables of what is proven of every login, and of every way to log in. Each of their cells leads
//! to a test, and here it is checked that the test is there, and that no row and no cell is missing.

use std::path::{Path, PathBuf};

use super::flows::{BY_CODE, PASTED};
use super::table::ALL;
use crate::provider::pages;

const HEADING: &str = "## What is proven of every login";
const WAYS: &str = "## What is proven of every way to log in";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `[words](../tests/it/accounts/races.rs "name_of_the_test")`: the file and the test.
fn links(cell: &str) -> Vec<(&str, &str)> {
    cell.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .filter_map(|(target, _)| target.trim_end_matches('"').split_once(" \""))
        .collect()
}

/// What is wrong with a cell.
fn complaints(cell: &str) -> Vec<String> {
    let links = links(cell);
    if links.is_empty() {
        return vec!["it leads to no test".to_owned()];
    }
    let absent = |&(path, name): &(&str, &str)| {
        let Ok(source) = std::fs::read_to_string(project().join("docs").join(path)) else {
            return Some(format!("{path} does not exist"));
        };
        (!has_test(&source, name)).then(|| format!("{path} has no test {name}"))
    };
    links.iter().filter_map(absent).collect()
}

/// Whether there is such a function and it is run as a test: what stands in front of it, up to a blank line, says so.
fn has_test(source: &str, name: &str) -> bool {
    let Some((head, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let front = head.rsplit("\n\n").next().unwrap_or_default();
    front.contains("#[test]") || front.contains("#[tokio::test")
}

/// The rows of the tables below a heading: the providers that the first cell names, and the other cells.
fn rows<'d>(document: &'d str, heading: &str) -> Vec<(Vec<&'d str>, Vec<&'d str>)> {
    let section = document.split_once(&format!("{heading}\n")).expect("the table's heading").1;
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let table = section.lines().filter(|line| line.starts_with("| `"));
    table
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let names = cells.next().unwrap_or_default().split(',').map(|name| name.trim().trim_matches('`'));
            (names.collect(), cells.collect())
        })
        .collect()
}

/// What is wrong with the tables below a heading, which have rows for all of these and so many cells behind them.
fn wrong<'w>(heading: &str, wanted: impl IntoIterator<Item = &'w str>, count: usize) -> Vec<String> {
    let document = std::fs::read_to_string(project().join("docs/providers.md")).unwrap();
    let rows = rows(&document, heading);
    let mut wrong = Vec::new();
    for name in wanted {
        if !rows.iter().any(|(names, _)| names.contains(&name)) {
            wrong.push(format!("{name} has no row"));
        }
    }
    for (names, cells) in &rows {
        if cells.len() != count {
            wrong.push(format!("{names:?} has {} cells in place of {count}", cells.len()));
        }
        for (column, cell) in cells.iter().enumerate() {
            wrong.extend(
                complaints(cell).iter().map(|what| format!("{names:?}, cell {}: {what}", column + 1)),
            );
        }
    }
    wrong
}

#[test]
fn every_cell_of_the_table_of_logins_leads_to_a_test() {
    let pages = pages();
    let wanted = ALL.iter().map(|login| login.name).chain(pages.iter().map(|page| page.name()));
    let wrong = wrong(HEADING, wanted, 7);
    assert!(wrong.is_empty(), "docs/providers.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_cell_of_the_tables_of_ways_to_log_in_leads_to_a_test() {
    let wrong = wrong(WAYS, PASTED.iter().chain(&BY_CODE).map(|flow| flow.login), 4);
    assert!(wrong.is_empty(), "docs/providers.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_the_table_sees_what_is_wrong() {
    let here = "../tests/it/accounts/docs.rs";
    let link = |path: &str, name: &str| format!("[test]({path} \"{name}\")");
    for (cell, words) in [
        (String::new(), "no test"),
        ("not built".to_owned(), "no test"),
        (format!("[bare]({here})"), "no test"),
        (link(here, "there_is_none"), "has no test there_is_none"),
        (link("../tests/it/nowhere.rs", "x"), "does not exist"),
        (link(here, "complaints"), "has no test complaints"),
        (
            format!(
                "{} {}",
                link(here, "the_reader_of_the_table_sees_what_is_wrong"),
                link(here, "nor_this")
            ),
            "nor_this",
        ),
    ] {
        let complaints = complaints(&cell);
        assert!(complaints.len() == 1 && complaints[0].contains(words), "{cell}: {complaints:?}");
    }
    assert!(complaints(&link(here, "the_reader_of_the_table_sees_what_is_wrong")).is_empty());
    let document =
        format!("{HEADING}\n\n| a | b |\n|---|---|\n| `x`, `y` | 1 | 2 |\n\n## Next\n| `z` | 3 |\n");
    let rows = rows(&document, HEADING);
    assert_eq!(rows, [(vec!["x", "y"], vec!["1", "2"])]);
}
