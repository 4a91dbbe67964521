use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A text that shows when it is torn or mixed. Every second one is short.
fn version(number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(number % 26).unwrap());
    let length = if number.is_multiple_of(2) { 2_000_000 } else { 300_000 };
    format!(
        "{{\"number\":{number:09},\"fill\":\"{}\",\"end\":{number:09}}}",
        letter.to_string().repeat(length)
    )
}

/// The number of a text that is whole.
fn whole(text: &[u8]) -> Option<usize> {
    let number = std::str::from_utf8(text).ok()?.get(10..19)?.parse().ok()?;
    (text == version(number).as_bytes()).then_some(number)
}

/// Runs for a moment by itself, and without end as the victim of the test below.
#[test]
fn a_loop_of_writes_over_a_file_ends_with_the_last_text() {
    let write_all = |path: &Path, last: usize| {
        for number in 1..=last {
            write_after(path, version(number).as_bytes(), || println!("noted {number}")).unwrap();
        }
    };
    if let Some(path) = std::env::var_os("AUTH_STORE_WRITE_OVER") {
        write_all(Path::new(&path), usize::MAX);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    fs::write(&path, version(0)).unwrap();
    write_all(&path, 3);
    assert_eq!(whole(&fs::read(&path).unwrap()), Some(3));
    assert_eq!(names(folder.path()), ["a.json"]);
}

#[test]
fn a_process_killed_while_it_writes_over_a_file_leaves_a_text_that_is_made_whole_again() {
    let mut states = [0; 3];
    for round in 0..40_u32 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, version(0)).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "in_place::tests::a_loop_of_writes_over_a_file_ends_with_the_last_text",
                "--nocapture",
            ])
            .env("AUTH_STORE_WRITE_OVER", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut noted = || lines.by_ref().find_map(|line| line.split_once("noted ")?.1.parse::<usize>().ok());
        let mut last = (0..=round % 2).map(|_| noted().unwrap()).last().unwrap();
        // A different instant of the write each time.
        let (then, wait) = (Instant::now(), Duration::from_micros(u64::from(round * 20)));
        while then.elapsed() < wait {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(number) = noted() {
            last = number;
        }
        let found = whole(&fs::read(&path).unwrap());
        states[found.map_or(1, |number| if number < last { 0 } else { 2 })] += 1;
        recover(&path).unwrap();
        let text = fs::read(&path).unwrap();
        let number = whole(&text).unwrap_or_else(|| panic!("round {round}: {} bytes are torn", text.len()));
        assert!(number >= last, "round {round}: {number}, and {last} was written down");
        assert!(!journal_of(&path).unwrap().exists());
        // What comes next goes on from there.
        write(&path, version(7).as_bytes()).unwrap();
        assert_eq!(whole(&fs::read(&path).unwrap()), Some(7));
    }
    println!("the kills left {} old, {} torn, {} new texts", states[0], states[1], states[2]);
    assert!(states[0] + states[1] > 0, "the kills came too late to prove anything");
}

#[test]
fn every_state_that_a_crash_can_leave_is_finished_and_what_somebody_else_wrote_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let journal = journal_of(&path).unwrap();
    for (old, new) in
        [("{\"a\":\"old and long\"}", "{\"a\":\"n\"}"), ("{\"a\":1}", "{\"a\":\"new\"}"), ("", "{}")]
    {
        let note = Note { old: old.into(), new: new.into() };
        let padded = format!("{new:width$}", width = old.len());
        let mut states = vec![old.to_owned(), new.to_owned(), padded.clone()];
        // Cut off after each byte, the file grown already (power) or not.
        for cut in 0..padded.len() {
            let head = padded.get(..cut).unwrap().to_owned();
            states.push(format!("{head}{}", old.get(cut..).unwrap_or_default()));
            let grown = format!("{head}{}", old.get(cut..).unwrap_or_default());
            states.push(format!("{grown}{}", "\0".repeat(padded.len() - grown.len())));
        }
        // Blocks may land in any order.
        if let Some(tail) = padded.get(4..).filter(|_| old.len() >= padded.len()) {
            states.push(format!("{}{tail}", old.get(..4).unwrap()));
        }
        for state in states {
            fs::write(&path, &state).unwrap();
            fs::write(&journal, note.to_bytes()).unwrap();
            recover(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), new, "{old:?} {state:?}");
            assert_eq!(names(folder.path()), ["a.json"]);
        }
        for foreign in ["{\"theirs\":true}", "{\"a\":\"other\"}", "x"] {
            fs::write(&path, foreign).unwrap();
            fs::write(&journal, note.to_bytes()).unwrap();
            recover(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
            assert_eq!(names(folder.path()), ["a.json"]);
        }
    }
    // A note that nobody can read is left to its owner, and so is the file.
    fs::write(&path, "{}").unwrap();
    fs::write(&journal, "9\nx").unwrap();
    assert!(recover(&path).unwrap_err().to_string().contains("delete it"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    // A file that is gone has nothing to finish.
    fs::remove_file(&path).unwrap();
    recover(&path).unwrap();
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn the_note_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_of(&folder.path().join("a.json")).unwrap();
    durable::put(&journal, &Note { old: vec![], new: b"secret".to_vec() }.to_bytes()).unwrap();
    assert_eq!(fs::metadata(&journal).unwrap().permissions().mode() & 0o777, 0o600);
}
