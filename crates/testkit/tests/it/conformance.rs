//! The suite for executors is whole.

use std::collections::BTreeSet;
use std::path::Path;

use cliproxy_testkit::conformance;

#[test]
fn every_check_that_is_written_is_in_the_suite() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
    let mut written = BTreeSet::new();
    for file in std::fs::read_dir(sources).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        // Checks are the only public async functions at the top level of these files.
        let functions = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        written.extend(functions.map(|line| line.split('(').next().unwrap().to_owned()));
    }
    let listed: Vec<_> = conformance::names().collect();
    let distinct: BTreeSet<_> = listed.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(distinct.len(), listed.len(), "a check is in two groups");
    assert_eq!(distinct, written);
}
