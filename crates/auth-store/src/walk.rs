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
    walk_by(root, |folder| fs::read_dir(folder))
}

/// A listing that breaks off is no listing: nobody may take what lies behind the break for gone.
fn walk_by<I>(root: &Path, read: impl Fn(&Path) -> io::Result<I>) -> io::Result<Found>
where
    I: Iterator<Item = io::Result<fs::DirEntry>>,
{
    let mut found = Found::default();
    let mut links = Vec::new();
    let mut folders = vec![(root.to_path_buf(), String::new(), 1)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let entries = match read(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                found.cannot_read(&prefix, error)?;
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    found.cannot_read(&prefix, error)?;
                    break;
                }
            };
            let os_name = entry.file_name();
            let Some(file) = os_name.to_str() else {
                found.report_odd_name(&prefix, &os_name.to_string_lossy());
                continue;
            };
            let name = format!("{prefix}{file}");
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) if is_json(file) => {
                    found.report(&name, format!("it cannot be looked at ({error})"));
                    continue;
                }
                Err(error) => {
                    found.cannot_read(&format!("{name}/"), error)?;
                    continue;
                }
            };
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

    /// Of a folder below the root all others go on; its name ends in a slash, as everything in it begins.
    fn cannot_read(&mut self, folder: &str, error: io::Error) -> io::Result<()> {
        if folder.is_empty() {
            return Err(error);
        }
        self.report(folder, format!("the folder cannot be read ({error}): check its permissions"));
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    type Entries = Box<dyn Iterator<Item = io::Result<fs::DirEntry>>>;

    /// What a walk finds when reading the folder `bad` begins well and breaks off, or does not begin.
    fn walked(bad: &str, begins: bool) -> io::Result<(Vec<String>, Vec<String>)> {
        let root = tempfile::tempdir()?;
        for folder in ["team", "other"] {
            fs::create_dir(root.path().join(folder))?;
            fs::write(root.path().join(folder).join("a.json"), "{}")?;
        }
        fs::write(root.path().join("b.json"), "{}")?;
        let broken = || io::Error::from_raw_os_error(5);
        let found = walk_by(root.path(), |folder| -> io::Result<Entries> {
            let entries = fs::read_dir(folder)?;
            match (folder.ends_with(bad), begins) {
                (false, _) => Ok(Box::new(entries)),
                (true, true) => Ok(Box::new([Err(broken())].into_iter().chain(entries))),
                (true, false) => Err(broken()),
            }
        })?;
        let mut files: Vec<String> = found.files.iter().map(|(name, _)| name.as_str().to_owned()).collect();
        files.sort();
        Ok((files, found.problems.into_iter().map(|problem| problem.name).collect()))
    }

    #[test]
    fn a_folder_whose_listing_breaks_off_is_one_that_cannot_be_read() {
        for begins in [true, false] {
            let (files, problems) = walked("team", begins).unwrap();
            assert_eq!(files, ["b.json", "other/a.json"]);
            assert_eq!(problems, ["team/"]);
        }
    }

    #[test]
    fn an_auth_directory_whose_listing_breaks_off_is_an_error() {
        for begins in [true, false] {
            assert_eq!(walked("", begins).unwrap_err().raw_os_error(), Some(5), "begins: {begins}");
        }
    }
}
