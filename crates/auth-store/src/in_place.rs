//! Writes over a file that no other can be put in the place of, one that is mounted by itself: both texts are written
//! down beside it before, whole, so that whoever comes after a crash can finish the work.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::durable;
use crate::lock::cannot_lock;

const ENDING: &str = ".cliproxy-journal";

/// Writes `text` where the file is, and syncs it. What is there at any moment begins with the text or with a part of it,
/// and is never cut before.
pub(crate) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    write_after(path, text, || {})
}

/// `noted` is called when everything is written down and nothing is written over yet.
fn write_after(path: &Path, text: &[u8], noted: impl FnOnce()) -> io::Result<()> {
    let (mut file, old) = Open::file(path)?.read()?;
    let (journal, note) = (journal_of(path)?, Note { old, new: text.to_owned() });
    let is_noted = match durable::put(&journal, &note.to_bytes()) {
        Ok(()) => true,
        // A folder that is not ours to write: what is left is to be quick.
        Err(error) if durable::only_in_place(error.kind()) => false,
        Err(error) => return Err(error),
    };
    noted();
    note.overwrite(&mut file.0)?;
    if is_noted && let Err(error) = durable::remove(&journal) {
        // Whoever reads it finds that all is done.
        tracing::debug!(%error, "cannot remove the note of a write that is complete");
    }
    Ok(())
}

/// Finishes what a crash left of writing over a file that cannot be replaced as a whole: to be called before such a file
/// is read. Costs one look where there is nothing to do. Blocks.
///
/// What somebody else has written since stays.
///
/// # Errors
/// When the file cannot be read or written.
pub fn recover(path: &Path) -> io::Result<()> {
    let journal = journal_of(path)?;
    if !journal.is_file() || !path.is_file() {
        return Ok(());
    }
    let (mut file, now) = Open::file(path)?.read()?;
    // Whoever held the file until now may have finished it.
    let Some(note) = read_note(&journal)? else { return Ok(()) };
    if now != note.new && note.is_on_the_way(&now) {
        note.overwrite(&mut file.0)?;
        tracing::info!(file = %path.display(), "finished a write that a crash had cut off");
    }
    durable::remove(&journal).map(drop)
}

/// Beside the file, hidden, and under no name that a credential has.
fn journal_of(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(ENDING);
    Ok(durable::folder_of(path)?.join(hidden))
}

/// The file, which other processes of ours leave alone meanwhile.
struct Open(File);

impl Open {
    fn file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        match file.lock() {
            Err(error) if !cannot_lock(&error) => Err(error),
            _ => Ok(Self(file)),
        }
    }

    fn read(mut self) -> io::Result<(Self, Vec<u8>)> {
        let mut text = Vec::new();
        self.0.read_to_end(&mut text)?;
        Ok((self, text))
    }
}

/// What a file had, and what it is to have.
struct Note {
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Note {
    fn to_bytes(&self) -> Vec<u8> {
        [format!("{}\n", self.old.len()).as_bytes(), &self.old, &self.new].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let line = bytes.iter().position(|byte| *byte == b'\n')?;
        let (length, texts) = bytes.split_at_checked(line + 1)?;
        let length: usize = std::str::from_utf8(length).ok()?.trim_end().parse().ok()?;
        let (old, new) = texts.split_at_checked(length)?;
        Some(Self { old: old.to_owned(), new: new.to_owned() })
    }

    /// In one go up to the end of the old text, with blanks, so that no tail of that stands behind the new one; then cut.
    fn overwrite(&self, file: &mut File) -> io::Result<()> {
        let mut padded = self.new.clone();
        padded.resize(self.new.len().max(self.old.len()), b' ');
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&padded)?;
        file.set_len(self.new.len() as u64)?;
        file.sync_all()
    }

    /// Whether [`Self::overwrite`] may have left this: of each byte the old or the new one, and zeros where the file grew
    /// and the system went down. Anything else somebody else wrote.
    fn is_on_the_way(&self, now: &[u8]) -> bool {
        let (least, most) = (self.old.len().min(self.new.len()), self.old.len().max(self.new.len()));
        let fits = |(at, byte): (usize, &u8)| {
            *byte == self.new.get(at).copied().unwrap_or(b' ')
                || *byte == self.old.get(at).copied().unwrap_or(0)
        };
        (least..=most).contains(&now.len()) && now.iter().enumerate().all(fits)
    }
}

fn read_note(journal: &Path) -> io::Result<Option<Note>> {
    match fs::read(journal) {
        Ok(bytes) => {
            let broken =
                || io::Error::new(io::ErrorKind::InvalidData, "the note beside it is damaged: delete it");
            Note::parse(&bytes).map(Some).ok_or_else(broken)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
