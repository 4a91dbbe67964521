//! The snapshot of the environment and its `.env` file.

use std::path::PathBuf;

use cliproxy_config::Environment;

#[test]
fn dotenv_lines_are_read_as_people_write_them() {
    let text = "\u{feff}# comment\n\nA=1\nexport B = two words # comment\nC='single $A # not a comment'\nD=\"double\\n\\\"q\\\" ${A} \\$A\"\nE=\nF=a#b\nG=\"two\nlines\"\nH: yaml\nI=$A-$MISSING.\r\nJ=\"x\" # after\nK=${A}b\nL=price$\nA_KEY=`tick`\n";
    let environment = Environment::default().with_dotenv(".env", text);
    let cases = [
        ("A", "1"),
        ("B", "two words"),
        ("C", "single $A # not a comment"),
        ("D", "double\n\"q\" 1 $A"),
        ("E", ""),
        ("F", "a#b"),
        ("G", "two\nlines"),
        ("H", "yaml"),
        ("I", "1-."),
        ("J", "x"),
        ("K", "1b"),
        ("L", "price$"),
        ("A_KEY", "`tick`"),
    ];
    for (name, wanted) in cases {
        assert_eq!(environment.get(name), Some(wanted), "{name}");
    }
    assert!(environment.notices().is_empty(), "{:?}", environment.notices());
}

#[test]
fn variables_that_are_set_already_stay() {
    let environment = Environment::new([("A", "process"), ("EMPTY", "")])
        .with_dotenv(".env", "A=file\nB=file\nEMPTY=file\nB=later\n");
    assert_eq!(environment.get("A"), Some("process"));
    assert_eq!(environment.get("B"), Some("later"));
    assert_eq!(environment.get("EMPTY"), Some(""));
}

#[test]
fn lines_that_cannot_be_read_are_reported_and_the_others_count() {
    let text = "A=1\nnonsense\nB='open\nC=3\n=x\nD=\"x\" y\nE=5\n";
    let environment = Environment::default().with_dotenv(".env", text);
    let lines: Vec<String> = environment.notices().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with(".env:2:1: this line is left out: there is no `=`"), "{lines:?}");
    assert!(lines[1].starts_with(".env:3:1"), "{lines:?}");
    assert_eq!(
        (environment.get("A"), environment.get("C"), environment.get("E")),
        (Some("1"), Some("3"), Some("5"))
    );
    assert!(lines.iter().all(|line| !line.contains("nonsense")), "a line may hold a secret");
}

#[test]
fn store_variables_are_looked_up_in_both_cases_and_blank_is_unset() {
    let environment = Environment::new([
        ("PGSTORE_DSN", "  "),
        ("pgstore_dsn", " lower "),
        ("writable_path", "/w"),
        ("DEPLOY", "Cloud"),
    ]);
    assert_eq!(environment.lookup("PGSTORE_DSN"), Some("lower"));
    assert_eq!(environment.writable_path(), Some(PathBuf::from("/w")));
    assert!(!environment.is_cloud());
    assert!(Environment::new([("DEPLOY", "cloud")]).is_cloud());
}

#[test]
fn the_home_directory_replaces_a_leading_tilde() {
    let environment = Environment::new([("HOME", "/home/me")]);
    for (written, wanted) in
        [("~", "/home/me"), ("~/x/y", "/home/me/x/y"), ("~other/x", "~other/x"), ("/a/~", "/a/~"), ("a", "a")]
    {
        assert_eq!(environment.expand_home(written), PathBuf::from(wanted), "{written}");
    }
    assert_eq!(Environment::default().expand_home("~/x"), PathBuf::from("~/x"));
    let config = cliproxy_config::Loader::new(environment)
        .load_str("c", "host: localhost\nauth-dir: ~/creds\n")
        .unwrap()
        .config;
    assert_eq!(config.auth_dir, PathBuf::from("/home/me/creds"));
    let homeless = cliproxy_config::Loader::new(Environment::default())
        .load_str("c", "host: localhost\nauth-dir: ~/creds\n")
        .unwrap_err();
    assert_eq!(
        homeless.to_string(),
        "c:2:11: `auth-dir`: there is no home directory to put in place of `~`; set HOME, or write the whole path"
    );
}

#[test]
fn reading_the_process_environment_finds_what_every_process_has() {
    let environment = Environment::read();
    assert_eq!(environment.get("PATH").map(str::to_owned), std::env::var("PATH").ok());
    assert_eq!(environment.working_directory(), std::env::current_dir().unwrap());
}
