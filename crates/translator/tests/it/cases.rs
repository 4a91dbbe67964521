//! `docs/translation-cases.md` says which test proves which case of the catalogue. This test reads it and fails when a
//! group has a gap, when a named test does not exist, or when it does not carry the number of its case.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::proof::{complaint_about_file, complaint_about_test, project};

/// What a row says of its cases.
enum Proof<'d> {
    Test(&'d str),
    /// With the reason.
    NotApplicable(&'d str),
}

struct Row<'d> {
    cases: Vec<String>,
    proof: Proof<'d>,
}

/// `E001`, `F4`, `O07` (a member of F.1): the letter, how many digits there are, the number.
fn case(text: &str) -> Option<(&str, usize, u16)> {
    let (letter, digits) = text.trim().split_at_checked(1)?;
    let known = matches!(letter, "B" | "E" | "F" | "O");
    Some((letter, digits.len(), digits.parse().ok()?)).filter(|_| known)
}

/// `E001, E004 to E006`; `None` when it is something else.
fn cases(text: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for item in text.split(',') {
        let (first, last) = item.split_once(" to ").unwrap_or((item, item));
        let ((letter, width, first), (_, _, last)) = (case(first)?, case(last)?);
        all.extend((first..=last).map(|number| format!("{letter}{number:0width$}")));
    }
    Some(all)
}

fn row(text: &str) -> Option<Row<'_>> {
    let mut cells = text.strip_prefix("| ")?.trim_end_matches('|').splitn(2, '|');
    let (cases, proof) = (self::cases(cells.next()?)?, cells.next()?.trim());
    let proof = match proof.strip_prefix("not applicable:") {
        Some(why) => Proof::NotApplicable(why.trim()),
        None => Proof::Test(proof.trim_matches('`')),
    };
    Some(Row { cases, proof })
}

/// The file of a test path: `claude::with_chat::name`, or `bridge/streaming::name` in another crate.
fn source(path: &str) -> Option<(PathBuf, &str)> {
    let (krate, path) = path.split_once('/').unwrap_or(("translator", path));
    let (module, name) = path.rsplit_once("::")?;
    let tests = project().join("crates").join(krate).join("tests/it");
    let file = tests.join(format!("{}.rs", module.replace("::", "/")));
    Some((if file.is_file() { file } else { tests.join(module.replace("::", "/")).join("mod.rs") }, name))
}

/// The text of one function: up to the brace that stands as far out as it does.
fn function<'s>(source: &'s str, name: &str) -> Option<&'s str> {
    // A test of its own, or a row of a table that makes one of each.
    let at = source.find(&format!("fn {name}(")).or_else(|| source.find(&format!("\n    {name}: ")))?;
    let line = source[..at].rsplit('\n').next().unwrap_or("");
    let indent = &line[..line.len() - line.trim_start().len()];
    let rest = &source[at..];
    Some(rest.find(&format!("\n{indent}}}\n")).map_or(rest, |end| &rest[..end]))
}

/// Whether a test carries a case in its name (`f4_…`) or in its text (`F4`, but not `F49`).
fn carries(name: &str, body: &str, case: &str) -> bool {
    let word = |at: usize| {
        let before = body[..at].chars().next_back();
        let after = body[at + case.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    };
    name.split('_').any(|word| word.eq_ignore_ascii_case(case))
        || body.match_indices(case).any(|(at, _)| word(at))
}

/// What is wrong with one case of a row.
fn complaint(row: &Row<'_>, case: &str) -> Option<String> {
    let path = match row.proof {
        Proof::NotApplicable(why) => return why.is_empty().then(|| "without a reason".to_owned()),
        Proof::Test(path) => path,
    };
    let Some((file, name)) = source(path) else { return Some(format!("{path} is no test path")) };
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Some(format!("{} does not exist", file.display()));
    };
    if let Some(what) = complaint_about_file(&file).or_else(|| complaint_about_test(&text, name)) {
        return Some(format!("{path}: {what}"));
    }
    let Some(body) = function(&text, name) else { return Some(format!("{path} does not exist")) };
    (!carries(name, body, case)).then(|| format!("{path} does not carry {case}"))
}

#[test]
fn every_case_of_the_groups_done_is_proven_or_not_applicable() {
    let document = std::fs::read_to_string(project().join("docs/translation-cases.md")).unwrap();
    let mut complaints = Vec::new();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    let (mut groups, mut proven) = (0, 0);
    for (at, text) in document.lines().enumerate() {
        // `## D.2 …: E001 to E026`
        if let Some(title) = text.strip_prefix("## ") {
            let range = title.rsplit_once(": ").and_then(|(_, range)| cases(range));
            missing.extend(range.unwrap_or_else(|| panic!("{title:?} names no cases")));
            groups += 1;
        }
        let Some(row) = row(text) else { continue };
        for case in &row.cases {
            missing.remove(case);
            proven += usize::from(matches!(row.proof, Proof::Test(_)));
            complaints.extend(complaint(&row, case).map(|what| format!("line {}, {case}: {what}", at + 1)));
        }
    }
    complaints.extend(missing.iter().map(|case| format!("{case} has no row")));
    assert!(complaints.is_empty(), "docs/translation-cases.md:\n{}", complaints.join("\n"));
    assert!(groups > 0 && proven > 0, "nothing was read");
}

/// Cases whose upstream outcome the catalogue itself marks as wrong. Source: translation.md D.
const WRONG_UPSTREAM: [&str; 14] = [
    "E007", "E013", "E053", "E068", "E099", "E100", "E109", "E160", "E184", "E185", "E210", "E336", "E348",
    "E529",
];

/// The cases that lines `- E001, E002, *fixed*: …` name.
fn fixed(document: &str) -> BTreeSet<String> {
    let lines = document.lines().filter_map(|line| line.strip_prefix("- ")?.split_once(", *fixed*: "));
    lines.flat_map(|(names, _)| cases(names).unwrap_or_else(|| panic!("{names:?} names no cases"))).collect()
}

#[test]
fn what_is_done_otherwise_than_in_the_reference_is_said_and_proven() {
    let document = std::fs::read_to_string(project().join("docs/translation-cases.md")).unwrap();
    let fixed = fixed(&document);
    let unsaid: Vec<_> = WRONG_UPSTREAM.iter().filter(|case| !fixed.contains(**case)).collect();
    assert!(unsaid.is_empty(), "{unsaid:?} are not said to be fixed");
    // One that is said to be fixed has a test, and is not called inapplicable.
    let rows = document.lines().filter_map(row);
    let proven: BTreeSet<String> =
        rows.filter(|row| matches!(row.proof, Proof::Test(_))).flat_map(|row| row.cases).collect();
    let unproven: Vec<_> = fixed.difference(&proven).collect();
    assert!(unproven.is_empty(), "{unproven:?} are fixed without a test");
}

#[test]
fn the_reader_of_the_list_sees_what_is_wrong() {
    let wrong = |text: &str| {
        let row = row(text).unwrap();
        complaint(&row, &row.cases[0])
    };
    assert_eq!(cases("E001, E009 to E011, F4").unwrap(), ["E001", "E009", "E010", "E011", "F4"]);
    assert!(row("| --- | --- |").is_none() && row("| case | proof |").is_none());
    let here = "cases::the_reader_of_the_list_sees_what_is_wrong";
    assert_eq!(wrong(&format!("| E999 | `{here}` |")), None, "E999 stands here");
    let part = format!("| E{} | `{here}` |", 99);
    assert!(wrong(&part).is_some(), "that number stands only within another");
    assert!(wrong("| E999 | `cases::no_such_test` |").is_some());
    assert!(wrong("| E999 | `no_such_module::test` |").is_some());
    assert!(wrong("| E999 | not applicable: |").is_some());
    assert_eq!(wrong("| E999 | not applicable: no such thing here |"), None);
    assert!(carries("b64_f12_calls", "", "F12") && !carries("f12_calls", "", "F1"));
}
