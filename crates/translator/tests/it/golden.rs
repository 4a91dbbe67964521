//! Runs a conversion over the files of a folder and compares with the reviewed answers beside them.

use std::path::{Path, PathBuf};

use cliproxy_translator::model::Response;

/// Runs `answer` on every case of a folder whose name ends so.
pub fn each(folder: &str, ending: &str, answer: &dyn Fn(&str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case in {}", folder.display());
    for path in cases {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        insta::with_settings!({ snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, answer(&text));
        });
    }
}

pub fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// A reply as the events that would make it: what a reader wants to compare.
pub fn shown(response: &Response<'_>) -> String {
    let mut lines = Vec::new();
    cliproxy_translator::replay(response, &mut |event| lines.push(format!("{event:?}")));
    lines.join("\n")
}
