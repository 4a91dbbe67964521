//! The table in `docs/translation.md`, made of what the tests find. `UPDATE_TABLES=1` writes it.

use std::fmt::Write as _;
use std::path::Path;

use parking_lot::Mutex;

use super::bodies::CLIENTS;
use super::replies::{Count, Fate, count_outcome, error_outcome, reply_outcome, state_fate};
use super::{Outcome, PROVIDERS, features, request_outcome};
use crate::proof::defined;

const BEGIN: &str = "<!-- made by the test grid::table -->\n";
const END: &str = "<!-- end -->\n";

/// Provider formats that have a provider of their own in the tests through the binary. Copilot speaks Responses beside others,
/// for some models: words of those come through.
const BEHIND: [&str; 7] = ["openai", "claude", "codex", "gemini", "gemini-cli", "antigravity", "kiro"];

static WRITING: Mutex<()> = Mutex::new(());

/// Compares what stands in the document behind a mark with what a test found, or writes it there.
#[track_caller]
pub fn in_document(begin: &str, found: &str) {
    // Several tests write to it.
    let _turn = WRITING.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/translation.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let from = document.find(begin).expect("the table's begin") + begin.len();
    let to = from + document[from..].find(END).expect("the table's end");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(&path, format!("{}{found}{}", &document[..from], &document[to..])).unwrap();
        return;
    }
    assert_eq!(&document[from..to], found, "run this test with UPDATE_TABLES=1 and look at what changed");
}

/// The groups of the catalogue that prove a pair case by case.
fn groups(client: &str, provider: &str) -> &'static [&'static str] {
    let family = if client == "gemini-cli" { "gemini" } else { client };
    match (family, provider) {
        ("openai", "openai") => &["D.11"],
        ("openai", "claude") => &["D.2", "D.3"],
        ("openai", "openai-response" | "codex") => &["D.15", "D.16"],
        ("openai", "gemini" | "gemini-cli") => &["D.20"],
        ("openai" | "openai-response", "antigravity") => &["D.27"],
        ("claude", "openai") => &["D.7", "D.8"],
        ("claude", "openai-response" | "codex") => &["D.13", "D.14"],
        ("claude", "gemini" | "gemini-cli") => &["D.19"],
        ("claude", "antigravity") => &["D.24", "D.25"],
        ("openai-response", "openai") => &["D.9", "D.10"],
        ("openai-response", "claude") => &["D.4", "D.5"],
        ("openai-response", "openai-response" | "codex") => &["D.17"],
        ("openai-response", "gemini" | "gemini-cli") => &["D.21", "D.22"],
        ("gemini", "openai") => &["D.12"],
        ("gemini", "claude") => &["D.6"],
        ("gemini", "openai-response" | "codex") => &["D.18"],
        ("gemini", "gemini" | "gemini-cli") => &["D.23"],
        ("gemini", "antigravity") => &["D.26"],
        ("claude", "claude") => &["D.31"],
        (_, "kiro") => &["D.33"],
        other => panic!("{other:?}"),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Whole => "whole",
        Outcome::Told => "told",
        Outcome::Refused => "refused",
    }
}

/// The anchor of a heading, as GitHub and others make it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn table(cases: &str) -> String {
    let mut out = String::new();
    for client in CLIENTS {
        let names: Vec<&str> = features().iter().map(|(name, _)| *name).collect();
        writeln!(out, "**{client}** clients\n").unwrap();
        writeln!(
            out,
            "| provider format | {} | thinking | reply | stream | errors | count | case by case | through the binary |",
            names.join(" | ")
        )
        .unwrap();
        writeln!(out, "|---{}|", "|---".repeat(names.len() + 7)).unwrap();
        for provider in PROVIDERS {
            write!(out, "| {provider} ").unwrap();
            for (_, conversation) in features() {
                write!(out, "| [{}][requests] ", word(request_outcome(client, provider, &conversation)))
                    .unwrap();
            }
            let state = match state_fate(client, provider) {
                Fate::Kept => "kept",
                Fate::Remembered => "remembered",
                Fate::None => "no state",
            };
            write!(out, "| [{state}][replies] ").unwrap();
            for outcome in reply_outcome(client, provider) {
                write!(out, "| [{}][replies] ", word(outcome)).unwrap();
            }
            write!(out, "| [{}][replies] ", word(error_outcome(client, provider))).unwrap();
            let count = match count_outcome(client, provider) {
                Count::Provider => "whole",
                Count::Estimate => "estimate",
                Count::None => "no count",
            };
            write!(out, "| [{count}][counts] ").unwrap();
            let groups: Vec<String> = groups(client, provider)
                .iter()
                .map(|group| {
                    let heading = cases
                        .lines()
                        .find_map(|line| {
                            line.strip_prefix("## ").filter(|line| line.starts_with(&format!("{group} ")))
                        })
                        .unwrap_or_else(|| panic!("no group {group}"));
                    format!("[{group}](translation-cases.md#{})", anchor(heading))
                })
                .collect();
            let binary = match BEHIND.contains(&provider) {
                true => "[every feature][binary]",
                false => "[words][logins]",
            };
            writeln!(out, "| {} | {binary} |", groups.join(", ")).unwrap();
        }
        out.push('\n');
    }
    out.push_str("Which tests the links lead to:\n\n");
    out.push_str(&defined(&["requests", "replies", "counts", "binary", "logins"]));
    out
}

#[test]
fn the_table_in_the_document_is_what_the_tests_find() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let cases = std::fs::read_to_string(docs.join("translation-cases.md")).unwrap();
    in_document(BEGIN, &table(&cases));
}
