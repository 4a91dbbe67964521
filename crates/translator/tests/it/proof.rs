//! Whether what the documents name as proof is a test that is run: its file is a module of the test binary, and it is a test
//! that nothing leaves out.

use std::path::{Path, PathBuf};

pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What is wrong with a file of tests, which must be part of its crate's `tests/it`.
pub fn complaint_about_file(file: &Path) -> Option<String> {
    let shown = file.display();
    if !file.is_file() {
        return Some(format!("{shown} does not exist"));
    }
    let parts: Vec<&str> = file.iter().filter_map(|part| part.to_str()).collect();
    let Some(root) = parts.windows(2).rposition(|pair| pair == ["tests", "it"]) else {
        return Some(format!("{shown} is not among the tests"));
    };
    let mut directory: PathBuf = parts[..root + 2].iter().collect();
    let mut parent = directory.join("main.rs");
    for part in &parts[root + 2..] {
        let module = part.trim_end_matches(".rs");
        if module != "mod" {
            let text = std::fs::read_to_string(&parent).unwrap_or_default();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let declared = |line: &&str| line.trim_start_matches("pub ") == format!("mod {module};");
            let Some(at) = lines.iter().position(declared) else {
                return Some(format!("{shown}: {} has no `mod {module};`", parent.display()));
            };
            if at > 0 && lines[at - 1].starts_with("#[cfg(") {
                return Some(format!("{shown}: `mod {module};` is compiled under a condition"));
            }
        }
        directory = directory.join(module);
        parent = match directory.join("mod.rs") {
            inside if inside.is_file() => inside,
            _ => directory.with_extension("rs"),
        };
    }
    None
}

/// What is wrong with a test in the text of its file.
pub fn complaint_about_test(text: &str, name: &str) -> Option<String> {
    let Some(at) = text.find(&format!("fn {name}(")) else {
        // A row of a table that makes a test of each.
        let row = text.contains(&format!("\n    {name}: "));
        return (!row).then(|| format!("{name} does not exist"));
    };
    let before = &text[..at];
    let before = before.rsplit_once('\n').map_or("", |(before, _)| before);
    let attributes: Vec<&str> = before
        .lines()
        .rev()
        .map(str::trim)
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
        .filter(|line| line.starts_with("#["))
        .collect();
    if !attributes.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test")) {
        return Some(format!("{name} is no test"));
    }
    let left_out = attributes.iter().find(|line| line.starts_with("#[ignore") || line.starts_with("#[cfg("));
    left_out.map(|line| format!("{name} is left out by {line}"))
}

/// What a label of the tables in `docs/translation.md` stands for: a file, and the tests in it.
pub const PROOFS: [(&str, &str, &[&str]); 7] = [
    (
        "requests",
        "crates/translator/tests/it/grid/mod.rs",
        &[
            "text_and_tools_arrive_whole_everywhere",
            "any_conversation_is_valid_at_every_provider_and_nothing_vanishes",
        ],
    ),
    (
        "replies",
        "crates/translator/tests/it/grid/replies.rs",
        &[
            "replies_streams_and_errors_reach_every_client",
            "state_comes_back_to_its_provider_through_every_client",
            "streams_in_any_pieces_say_what_replies_say",
            "a_stream_that_is_cut_anywhere_fails_or_was_whole",
            "counts_reach_every_client_that_counts",
        ],
    ),
    ("counts", "tests/it/counting.rs", &["every_client_format_that_counts_gets_a_count_from_every_provider"]),
    ("binary", "tests/it/matrix.rs", &["every_pair_of_formats_carries_every_feature_whole_and_streamed"]),
    ("logins", "tests/it/logins.rs", &["accounts_of_every_subscription_serve_every_client"]),
    (
        "agents",
        "crates/translator/tests/it/losses/mod.rs",
        &["requests_of_every_coding_agent_go_everywhere_without_a_loss_that_is_not_told"],
    ),
    (
        "back",
        "crates/translator/tests/it/losses/replies.rs",
        &["what_comes_back_to_a_coding_agent_arrives_or_is_told", "what_a_reply_says_arrives_or_is_told"],
    ),
];

/// The labels as a document defines them, with the tests by name.
pub fn defined(labels: &[&str]) -> String {
    let mut out = String::new();
    for (label, file, tests) in PROOFS.iter().filter(|(label, ..)| labels.contains(label)) {
        let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
        out.push_str(&format!("- [{label}][{label}]: {}\n", tests.join(", ")));
        let _ = file;
    }
    out.push('\n');
    for (label, file, _) in PROOFS.iter().filter(|(label, ..)| labels.contains(label)) {
        out.push_str(&format!("[{label}]: ../{file}\n"));
    }
    out
}

#[test]
fn what_the_tables_name_as_proof_are_tests_that_are_run() {
    let mut complaints = Vec::new();
    for (label, file, tests) in PROOFS {
        let path = project().join(file);
        complaints.extend(complaint_about_file(&path));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let wrong = tests.iter().filter_map(|test| complaint_about_test(&text, test));
        complaints.extend(wrong.map(|what| format!("[{label}] {file}: {what}")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Every link to a test in any page about translation, whoever wrote it.
#[test]
fn every_link_to_tests_leads_to_some_that_are_run() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for page in ["translation.md", "translation-cases.md", "compatibility-translator.md", "extending.md"] {
        let text = std::fs::read_to_string(project().join("docs").join(page)).unwrap();
        let labels: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
            .map(|(label, _)| label)
            .collect();
        for (at, line) in text.lines().enumerate() {
            // `[word][label]`
            for piece in line.split("][").skip(1) {
                let label = piece.split(']').next().unwrap_or_default();
                if !labels.contains(&label) {
                    complaints.push(format!("{page}, line {}: [{label}] is not defined", at + 1));
                }
            }
            // `[word](../file.rs)` and `[label]: ../file.rs`
            let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            let defined =
                line.strip_prefix('[').and_then(|line| line.split_once("]: ")).map(|(_, file)| file);
            for link in inline.chain(defined).filter(|link| link.ends_with(".rs")) {
                let file = project().join("docs").join(link);
                let file = file.canonicalize().unwrap_or(file);
                if !file.components().any(|part| part.as_os_str() == "tests") {
                    continue;
                }
                seen += 1;
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                let any = text.contains("#[test]") || text.contains("#[tokio::test");
                let wrong =
                    complaint_about_file(&file).or_else(|| (!any).then(|| format!("{link} has no test")));
                complaints.extend(wrong.map(|what| format!("{page}, line {}: {what}", at + 1)));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(seen >= PROOFS.len(), "only {seen} links were read");
}

#[test]
fn a_proof_that_is_none_is_seen() {
    let text = "/// Says so.\n#[test]\nfn good() {}\n\nfn helper() {}\n\n#[test]\n#[ignore]\nfn later() {}\n";
    assert_eq!(complaint_about_test(text, "good"), None);
    for (name, what) in [("helper", "is no test"), ("later", "is left out"), ("gone", "does not exist")] {
        assert!(complaint_about_test(text, name).unwrap().contains(what), "{name}");
    }
    let tests = project().join("crates/translator/tests/it");
    assert_eq!(complaint_about_file(&tests.join("grid/replies.rs")), None);
    for file in ["grid/gone.rs", "../../src/lib.rs"] {
        assert!(complaint_about_file(&tests.join(file)).is_some(), "{file}");
    }
}
