//! What people and programs write into configurations: each target is a plain function of bytes that panics when a promise
//! is broken. The tests beside this drive them with a seeded runner; `fuzz/` at the root drives the same with libFuzzer.

use cliproxy_config::{ConfigText, Document, Edit, Environment, Loader, Step};
use serde_json::Value;

/// An edit in the first line, then a file: whatever the file is, it loads or its mistakes are told. An edit does what it
/// says or nothing, and changes nothing else: no value, no line, no comment.
pub fn fuzz_config(data: &[u8]) {
    let data = String::from_utf8_lossy(data);
    let (edit, text) = data.split_once('\n').unwrap_or(("", &data));
    match Loader::new(Environment::new([("HOME", "/h")])).load_str("fuzz", text) {
        Ok(loaded) => assert!(!format!("{:?}", loaded.config).is_empty()),
        Err(errors) => assert!(!errors.to_string().is_empty() && !errors.as_slice().is_empty()),
    }
    let Ok(before) = ConfigText::parse("fuzz", text) else {
        assert!(Document::parse("fuzz", text).is_err());
        return;
    };
    let Some(edit) = edit_of(edit) else { return };
    let mut after = before.clone();
    match after.apply(&edit) {
        Ok(changed) => assert_eq!(changed, after.as_str() != text),
        Err(_) => assert_eq!(after.as_str(), text, "a refused edit changes nothing"),
    }
    let reread = Document::parse("fuzz", after.as_str()).unwrap().to_json();
    assert_eq!(reread, after.document().to_json());
    if let Some(Step::Key(first)) = edit.path().first() {
        check_rest(first, &before, &after);
    }
}

/// `set a/b/0 {"x": 1}`, `append a "x"`, `remove a/b`.
fn edit_of(line: &str) -> Option<Edit> {
    let (verb, rest) = line.split_once(' ')?;
    let (path, value) = rest.split_once(' ').unwrap_or((rest, "null"));
    let path = path
        .split('/')
        .filter(|step| !step.is_empty())
        .map(|step| step.parse::<usize>().map_or_else(|_| Step::from(step), Step::from));
    let path: Vec<Step> = path.collect();
    let value = || serde_json::from_str::<Value>(value).ok();
    match verb {
        "set" => Some(Edit::set(path, value()?)),
        "append" => Some(Edit::append(path, value()?)),
        "remove" => Some(Edit::remove(path)),
        _ => None,
    }
}

/// Everything outside the top-level key that was edited is as it was.
fn check_rest(edited: &str, before: &ConfigText, after: &ConfigText) {
    let (was, is) = (before.document().to_json(), after.document().to_json());
    let (Some(was), Some(is)) = (was.as_object(), is.as_object()) else { return };
    let others = was.iter().filter(|(key, _)| *key != edited);
    assert!(others.eq(is.iter().filter(|(key, _)| *key != edited)), "another value is another one");
    let Some(sections) = sections(before.as_str(), was.keys()) else { return };
    let mut rest = after.as_str();
    for (key, section) in sections {
        if key != edited {
            let at = rest.find(section);
            assert!(at.is_some(), "what stands under {key} is not as it was:\n{section}");
            rest = rest.get(at.unwrap() + section.len()..).unwrap();
        }
    }
    let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(comments(before.as_str()), comments(after.as_str()), "a comment is lost");
}

/// The lines of each top-level key, up to the last that says something. Only of texts where each key begins a line and
/// nothing else does, so that there is no doubt about whose a line is.
fn sections<'t>(text: &'t str, keys: impl Iterator<Item = &'t String>) -> Option<Vec<(&'t str, &'t str)>> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() && !line.starts_with([' ', '#', '-']) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let mut sections = Vec::new();
    for ((start, end), key) in starts.iter().zip(ends).zip(keys) {
        let lines = &text[*start..end];
        if !lines.starts_with(&format!("{key}:")) {
            return None;
        }
        let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let mut length = 0;
        let mut told = 0;
        for line in lines.split_inclusive('\n') {
            length += line.len();
            if says(line) {
                told = length;
            }
        }
        sections.push((key.as_str(), lines[..told].trim_end()));
    }
    (sections.len() == starts.len()).then_some(sections)
}

/// A `.env` file.
pub fn fuzz_dotenv(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let environment = Environment::default().with_dotenv(".env", &text);
    assert!(!format!("{environment:?}").is_empty());
}
