//! `remote-management.secret-key` in plain text.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use cliproxy_config::{Environment, Loaded, Loader, Notice, Secret, verify_management_key};
use cliproxy_sdk::load_to_serve;
use tempfile::TempDir;

use crate::place::Place;

const PLAIN: &str = "correct horse CANARY";

fn load(path: &Path) -> Loaded {
    load_to_serve(&Loader::new(Environment::new([("HOME", "/nowhere")])), path).unwrap()
}

fn write(text: &str) -> (TempDir, std::path::PathBuf) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (home, path)
}

fn said(loaded: &Loaded) -> Vec<(bool, String)> {
    let is_ours = |notice: &&Notice| matches!(notice, Notice::Done { .. } | Notice::Unsafe { .. });
    loaded.notices.iter().filter(is_ours).map(|notice| (notice.is_loud(), notice.to_string())).collect()
}

/// What the file has where the key was, when everything around it is as before.
fn replaced(before: &str, written: &str, after: &str) -> String {
    let (head, tail) = before.split_once(written).unwrap();
    let hash = after.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
    hash.unwrap_or_else(|| panic!("{after}")).trim_matches(['"', '\'']).to_owned()
}

#[test]
fn a_plain_key_is_hashed_in_the_file_and_every_other_byte_stays() {
    for (before, written) in [
        (
            "# mine\r\nhost: \"127.0.0.1\"   # loopback\r\nport: 0\r\n\r\nremote-management:\r\n    allow-remote: no # not\r\n    secret-key: correct horse CANARY   # change me\r\napi-keys: ['k' ,  \"l\"]\r\n# end",
            "correct horse CANARY",
        ),
        (
            "remote-management: {secret-key: 'correct horse CANARY', allow-remote: false}\nhost: 127.0.0.1\n",
            "'correct horse CANARY'",
        ),
        (
            "host: 127.0.0.1\nremote_management:\n  secret_key: \"correct horse CANARY\"\nunknown: [1 , 2]\n",
            "\"correct horse CANARY\"",
        ),
    ] {
        let (home, path) = write(before);
        let loaded = load(&path);
        let after = std::fs::read_to_string(&path).unwrap();
        let hash = replaced(before, written, &after);
        assert!(hash.starts_with("$2a$10$") && hash.len() == 60, "{hash}");
        assert!(verify_management_key(&Secret::new(PLAIN), &Secret::new(hash.as_str())));
        assert_eq!(loaded.config.management.secret.as_ref().unwrap().expose(), hash, "in memory too");
        assert_eq!(loaded.text, after);
        let said = said(&loaded);
        assert!(
            matches!(&said[..], [(false, line)] if line.contains("`remote-management.secret-key`: it was in plain text; the file has its hash now")),
            "{said:?}"
        );
        assert!(!format!("{said:?}{loaded:?}").contains("CANARY"));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let names: Vec<_> =
            std::fs::read_dir(home.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(names, ["config.yaml"], "nothing is left beside it");
        // Once is enough.
        assert_eq!((said_again(&path), std::fs::read_to_string(&path).unwrap()), (vec![], after));
    }
}

fn said_again(path: &Path) -> Vec<(bool, String)> {
    said(&load(path))
}

#[test]
fn a_key_of_digits_is_hashed_as_the_text_that_it_is() {
    let before = "host: 127.0.0.1\nremote-management: {secret-key: 0123}\n";
    let (_home, path) = write(before);
    load(&path);
    let hash = replaced(before, "0123", &std::fs::read_to_string(&path).unwrap());
    assert!(verify_management_key(&Secret::new("0123"), &Secret::new(hash)));
}

#[test]
fn what_is_a_hash_already_or_empty_or_not_in_the_file_leaves_the_file_alone() {
    for key in ["$2a$10$abc", "'$2b$10$abc'", "\"$2y$10$abc\"", "\"\"", "", "# none"] {
        let before = format!("host: 127.0.0.1\nremote-management:\n  secret-key: {key}\n");
        let (_home, path) = write(&before);
        let inode = std::fs::metadata(&path).unwrap().ino();
        assert_eq!(said_again(&path), [], "{key}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert_eq!(std::fs::metadata(&path).unwrap().ino(), inode, "not even written again");
    }
    let (_home, path) = write("host: 127.0.0.1\n");
    let environment =
        Environment::new([("HOME", "/nowhere"), ("CLIPROXY__REMOTE_MANAGEMENT__SECRET_KEY", PLAIN)]);
    let loaded = load_to_serve(&Loader::new(environment), &path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "host: 127.0.0.1\n");
    let secret = loaded.config.management.secret.as_ref().unwrap();
    assert!(secret.expose().starts_with("$2a$10$") && verify_management_key(&Secret::new(PLAIN), secret));
}

#[test]
fn a_key_that_cannot_be_replaced_is_told_of_loudly_and_the_program_goes_on() {
    let plain = format!("host: 127.0.0.1\nremote-management: {{secret-key: {PLAIN}}}\n");
    let long = format!("host: 127.0.0.1\nremote-management: {{secret-key: CANARY{}}}\n", "x".repeat(80));
    let block = "host: 127.0.0.1\nremote-management:\n  secret-key: |\n    CANARY\n".to_owned();
    let anchor = "host: 127.0.0.1\nremote-management: {secret-key: &key CANARY}\n".to_owned();
    for (before, read_only, reason) in [
        (plain, true, "the file cannot be written: it is read-only"),
        (long, false, "more than 72 bytes"),
        (block, false, "cannot be changed in place"),
        (anchor, false, "cannot be changed in place"),
    ] {
        let (_home, path) = write(&before);
        if read_only {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        }
        let loaded = load(&path);
        let said = said(&loaded);
        assert!(
            matches!(&said[..], [(true, line)] if line.contains("it stays in the file in plain text") && line.contains(reason)),
            "{said:?}"
        );
        assert!(!format!("{said:?}{loaded:?}").contains("CANARY"), "{said:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert!(loaded.config.management.secret.is_some(), "it opens what it opened");
    }
}

#[test]
fn a_link_stays_a_link_and_what_it_leads_to_keeps_its_mode() {
    let (home, path) = write(&format!("host: 127.0.0.1\nremote-management: {{secret-key: {PLAIN}}}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = home.path().join("link.yaml");
    std::os::unix::fs::symlink("config.yaml", &link).unwrap();
    load(&link);
    assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("config.yaml"));
    assert!(!std::fs::read_to_string(&path).unwrap().contains("CANARY"));
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn a_reload_hashes_a_plain_key_too() {
    let place = Place::new();
    place.write("");
    let service = place.serve().await;
    place.write(&format!("remote-management: {{secret-key: {PLAIN}}} # mine\n"));
    let before = std::fs::read_to_string(place.path()).unwrap();
    let notices = service.reload().await.unwrap();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::Done { .. })), "{notices:?}");
    let hash = replaced(&before, PLAIN, &std::fs::read_to_string(place.path()).unwrap());
    assert_eq!(service.config().management.secret.as_ref().unwrap().expose(), hash);
    service.stop().await;
}
