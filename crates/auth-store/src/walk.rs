//! Finds the credential files below a directory.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cliproxy_core::StoreProblem;

use crate::durable;
use crate::name::{MAX_DEPTH, RelativeName, is_handover, is_json, link_target};

/// More files than this are not a credential directory but a mistake.
const MAX_FILES: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Name and place of every credential file, unsorted.
    pub(crate) files: Vec<(RelativeName, PathBuf)>,
    pub(crate) problems: Vec<StoreProblem>,
}

/// Walks the directory. `root` must be canonical. Linked folders are not entered, so there are no loops;
/// hidden folders (`.git`, our `.locks`) are passed over.
// Source: runtime.md H.2 "List: recursive; `.json` only".
pub(crate) fn walk(root: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    let mut links = Vec::new();
    let mut folders = vec![(root.to_path_buf(), String::new(), 1)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if prefix.is_empty() => return Err(error),
            Err(error) => {
                found.report(&prefix, format!("the folder cannot be read ({error}): check its permissions"));
                continue;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let os_name = entry.file_name();
            let (Some(file), Ok(kind)) = (os_name.to_str(), entry.file_type()) else {
                found.report_odd_name(&prefix, &os_name.to_string_lossy());
                continue;
            };
            let name = format!("{prefix}{file}");
            if kind.is_dir() {
                if file.starts_with('.') {
                    continue;
                }
                if depth < MAX_DEPTH {
                    folders.push((entry.path(), format!("{name}/"), depth + 1));
                } else {
                    found.report(&name, "the folder lies too deep: move it up".to_owned());
                }
            } else if durable::is_leftover(file) {
                durable::remove_if_abandoned(&entry.path());
            } else if is_json(file) && !is_handover(file) {
                if kind.is_symlink() {
                    links.push((name, entry.path()));
                } else {
                    found.add(&name, entry.path());
                }
            }
            if found.files.len() > MAX_FILES {
                return Err(io::Error::other("more than 100000 files: this is no auth directory"));
            }
        }
    }
    found.add_links(root, links);
    Ok(found)
}

impl Found {
    fn report(&mut self, name: &str, reason: String) {
        self.problems.push(StoreProblem::new(name, reason));
    }

    fn report_odd_name(&mut self, prefix: &str, file: &str) {
        if is_json(file) {
            self.report(&format!("{prefix}{file}"), "the name is not UTF-8: rename the file".to_owned());
        }
    }

    fn add(&mut self, name: &str, path: PathBuf) {
        match RelativeName::parse(name) {
            Ok(name) => self.files.push((name, path)),
            Err(error) => self.report(name, format!("{error}: rename the file")),
        }
    }

    /// One file under two names would be two credentials that rotate each other's tokens away.
    fn add_links(&mut self, root: &Path, mut links: Vec<(String, PathBuf)>) {
        links.sort();
        let mut taken: HashSet<PathBuf> = self.files.iter().map(|(_, path)| path.clone()).collect();
        for (name, link) in links {
            match link_target(root, &link) {
                Ok(target) if taken.insert(target.clone()) => self.add(&name, target),
                Ok(_) => {
                    self.report(
                        &name,
                        "it is a link to a file that is loaded already: remove the link".to_owned(),
                    );
                }
                Err(why) => self.report(&name, format!("{why}: put the file itself here")),
            }
        }
    }
}
