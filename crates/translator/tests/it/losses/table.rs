//! The tables of losses in `docs/translation.md`, made of what the tests find. `UPDATE_TABLES=1` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{agents, replies, requests, send, target, targets, variants};
use crate::grid::PROVIDERS;
use crate::grid::table::in_document;
use crate::proof::defined;

/// How clients and providers are named in cells.
const LETTERS: [(&str, char); 7] = [
    ("openai", 'C'),
    ("openai-completions", 'L'),
    ("claude", 'A'),
    ("openai-response", 'R'),
    ("gemini", 'G'),
    ("gemini-cli", 'G'),
    ("kiro", 'K'),
];

fn letter(format: &str) -> char {
    LETTERS.iter().find(|(name, _)| *name == format).unwrap().1
}

/// Losses by name, and whose they are in each column.
#[derive(Default)]
struct Losses(BTreeMap<String, BTreeMap<&'static str, Vec<char>>>);

impl Losses {
    fn add(&mut self, what: &str, column: &'static str, whose: char) {
        // What a client made up has no row.
        if what.to_ascii_lowercase().contains("needle") {
            return;
        }
        let cell = self.0.entry(what.to_owned()).or_default().entry(column).or_default();
        if !cell.contains(&whose) {
            cell.push(whose);
            cell.sort_by_key(|letter| LETTERS.iter().position(|(_, known)| known == letter));
        }
    }

    fn table(&self, columns: &[&'static str]) -> String {
        let mut out = String::new();
        writeln!(out, "| | {} |", columns.join(" | ")).unwrap();
        writeln!(out, "|---{}|", "|---".repeat(columns.len())).unwrap();
        for (what, cells) in &self.0 {
            write!(out, "| `{what}` ").unwrap();
            for column in columns {
                let whose: String = cells.get(column).into_iter().flatten().collect();
                write!(out, "| {whose} ").unwrap();
            }
            out.push_str("|\n");
        }
        out
    }
}

#[test]
fn the_table_of_what_requests_lose_is_what_the_tests_find() {
    let mut losses = Losses::default();
    let rich = [
        ("openai", requests::chat()),
        ("claude", requests::claude()),
        ("openai-response", requests::responses()),
        ("gemini", requests::gemini()),
        ("gemini-cli", requests::gemini_cli()),
    ];
    let agents = agents::all().into_iter().map(|(_, client, body)| (client, body));
    for (client, body) in rich.into_iter().chain(agents).chain(variants::all()) {
        for target in targets() {
            for loss in send(client, target, &body).map(|(_, losses)| losses).unwrap_or_default() {
                losses.add(&loss.what, target.name, letter(client));
            }
        }
    }
    in_document("<!-- made by the test losses::table, of requests -->\n", &losses.table(&PROVIDERS));
}

#[test]
fn the_table_of_coding_agents_is_what_the_tests_find() {
    let mut out = String::new();
    writeln!(out, "| | {} |", PROVIDERS.join(" | ")).unwrap();
    writeln!(out, "|---{}|", "|---".repeat(PROVIDERS.len())).unwrap();
    for (agent, client, body) in agents::all() {
        write!(out, "| {agent} ").unwrap();
        for provider in PROVIDERS {
            let (_, losses) = send(client, target(provider), &body).unwrap();
            let word = match losses.len() {
                0 => "whole".to_owned(),
                count => format!("{count} told"),
            };
            write!(out, "| [{word}][agents] ").unwrap();
        }
        out.push_str("|\n");
    }
    out.push_str("\nWhich tests the links lead to, and which look at what comes back:\n\n");
    out.push_str(&defined(&["agents", "back"]));
    in_document("<!-- made by the test losses::table, of agents -->\n", &out);
}

#[test]
fn the_table_of_what_replies_lose_is_what_the_tests_find() {
    let mut losses = Losses::default();
    for (client, provider, what) in replies::all_losses() {
        losses.add(&what, client, letter(provider));
    }
    in_document("<!-- made by the test losses::table, of replies -->\n", &losses.table(&replies::CLIENTS));
}
