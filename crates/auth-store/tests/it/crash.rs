use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use cliproxy_auth_store::FileStore;
use cliproxy_core::CredentialStore;
use serde_json::json;

use crate::support::{Fixture, changed};

/// Reads the child's output until the word came up so often. The reader then goes away, so the child must not
/// care about a closed pipe; ours are killed at once.
pub fn wait_for_lines(child: &mut Child, word: &str, times: usize) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = lines.map(Result::unwrap).filter(|line| line.contains(word)).take(times).count();
    assert_eq!(seen, times, "the child ended early");
}

/// Saves versions of growing number, each filled with its own letter so that a torn text shows.
async fn save_versions(store: &FileStore, last: u64) {
    let mut credential = store.load(&"a.json".into()).await.unwrap().unwrap();
    for version in 1..=last {
        let letter = char::from(b'a' + u8::try_from(version % 26).unwrap());
        let fill = letter.to_string().repeat(20_000);
        credential = changed(&credential, json!({"version": version, "fill": fill, "end": version}));
        store.save(&credential).await.unwrap();
        println!("saved");
    }
}

/// Runs once by itself, and without end as the victim of the test below.
#[tokio::test]
async fn a_loop_of_saves_ends_with_the_last_version() {
    if let Some(directory) = std::env::var_os("AUTH_STORE_SAVE_IN") {
        save_versions(&FileStore::new(directory), u64::MAX).await;
    }
    let fixture = Fixture::with(&[("a.json", START)]);
    save_versions(&fixture.store, 30).await;
    assert_eq!(fixture.load("a.json").await.document().integer("version"), Some(30));
    assert_eq!(fixture.names(), ["a.json"]);
}

const START: &str = r#"{"type":"claude","mine":"kept","version":0,"fill":"","end":0}"#;

#[tokio::test]
async fn a_process_killed_while_saving_leaves_the_old_or_the_new_text_whole() {
    let mut leftovers = 0;
    for round in 0..24_usize {
        let fixture = Fixture::with(&[("a.json", START)]);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::a_loop_of_saves_ends_with_the_last_version", "--nocapture"])
            .env("AUTH_STORE_SAVE_IN", fixture.store.directory())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let saves = 1 + round % 5;
        wait_for_lines(&mut child, "saved", saves);
        // A different instant of the next save each time.
        (0..round * 20_000).for_each(|spin| {
            std::hint::black_box(spin);
        });
        child.kill().unwrap();
        child.wait().unwrap();

        let listing = fixture.store.list().await.unwrap();
        assert_eq!(listing.problems, [], "round {round}");
        let document = listing.credentials[0].document();
        let version = document.integer("version").unwrap();
        assert!(version >= i64::try_from(saves).unwrap(), "what save returned for is there");
        assert_eq!(document.integer("end"), Some(version));
        assert_eq!(document.text("mine"), Some("kept"));
        let fill = document.text("fill").unwrap();
        let first = fill.chars().next().unwrap();
        assert!(fill.len() == 20_000 && fill.chars().all(|letter| letter == first), "round {round}: torn");
        leftovers += fixture.names().len() - 1;
        // The next process goes on where the dead one was.
        let next = changed(&listing.credentials[0], json!({"version": 0}));
        fixture.store.save(&next).await.unwrap();
    }
    println!("{leftovers} temporary files were left behind by kills");
}

/// What a crash leaves of writing over a file that is mounted by itself: see the crate's page, "Saving".
#[tokio::test]
async fn a_write_over_a_file_that_was_cut_off_is_finished_by_whoever_reads_it() {
    const NEW: &str = r#"{"type":"claude","mine":"kept","version":1,"end":1}"#;
    let note = format!("{}\n{START}{NEW}", START.len());
    let torn = format!("{}{}", NEW.get(..20).unwrap(), START.get(20..).unwrap());
    for by_listing in [true, false] {
        let fixture = Fixture::with(&[("a.json", &torn)]);
        fixture.write(".a.json.cliproxy-journal", &note);
        let found = match by_listing {
            true => fixture.store.list().await.unwrap().credentials.remove(0),
            false => fixture.load("a.json").await,
        };
        assert_eq!(found.document().integer("version"), Some(1), "{by_listing}");
        assert_eq!((fixture.read("a.json").as_str(), fixture.names()), (NEW, vec!["a.json".to_owned()]));
    }
    // What a save merges with is the whole text too.
    let fixture = Fixture::with(&[("a.json", START)]);
    let known = changed(&fixture.load("a.json").await, json!({"more": true}));
    fixture.write("a.json", &torn);
    fixture.write(".a.json.cliproxy-journal", &note);
    fixture.store.save(&known).await.unwrap();
    let saved = fixture.load("a.json").await;
    assert_eq!((saved.document().integer("version"), saved.document().flag("more")), (Some(1), Some(true)));
    assert_eq!(fixture.names(), ["a.json"]);
}

#[tokio::test]
async fn old_temporary_files_are_removed_by_a_listing_and_fresh_ones_are_not() {
    let fixture = Fixture::new();
    for name in [".cliproxy-0011223344556677.tmp", ".cliproxy-8899aabbccddeeff.tmp", "mine.tmp"] {
        fixture.write(name, "half");
    }
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for name in [".cliproxy-0011223344556677.tmp", "mine.tmp"] {
        File::options().write(true).open(fixture.path(name)).unwrap().set_modified(long_ago).unwrap();
    }
    let listing = fixture.store.list().await.unwrap();
    assert!(listing.problems.is_empty());
    assert_eq!(fixture.names(), [".cliproxy-8899aabbccddeeff.tmp", "mine.tmp"]);
    fs::remove_dir_all(fixture.store.directory()).unwrap();
}
