//! What strangers feed us, bent by a seeded runner: the targets of `fuzz/`.

use cliproxy_config::{Environment, Loader};
use cliproxy_testkit::fuzz::{run, seeds};

mod targets;

use targets::{fuzz_config, fuzz_dotenv};

const EXAMPLE: &str = include_str!("../../../../config.example.yaml");
/// Pieces that matter to a YAML reader.
const PIECES: &[&str] = &[
    "a",
    "port",
    ": ",
    ":",
    "- ",
    "-",
    "\n",
    "\r\n",
    "  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<",
    "!!str ",
    "!",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "#",
    " # c\n",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "? ",
    "\u{feff}",
    "ü",
    "\u{85}",
    "\u{2028}",
    "0x",
    "1e9",
    "~",
    "yes",
    "\\",
    "\0",
    "api-keys",
    "claude-api-key",
    "models",
    "payload",
    "`",
    "@",
];

#[test]
fn any_text_loads_or_is_told_its_mistakes_and_an_edit_changes_nothing_else() {
    run(3000, &seeds("config"), PIECES, fuzz_config);
}

#[test]
fn a_damaged_example_loads_or_is_told_its_mistakes() {
    let bare = |line: &'static str| {
        line.strip_prefix('#').filter(|bare| !bare.starts_with(' ') || bare.starts_with("  ")).unwrap_or(line)
    };
    let lines: Vec<&str> = EXAMPLE.lines().map(bare).collect();
    let edits =
        ["set port 1", "append api-keys \"x\"", "remove claude-api-key", "set routing {\"strategy\": \"x\"}"];
    let parts = lines.chunks(40).zip(edits.into_iter().cycle());
    let parts: Vec<Vec<u8>> =
        parts.map(|(part, edit)| format!("{edit}\n{}\n", part.join("\n")).into()).collect();
    run(150, &parts, PIECES, fuzz_config);
}

#[test]
fn any_bytes_as_a_file_load_or_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    run(100, &seeds("config"), PIECES, |data| {
        std::fs::write(&path, data).unwrap();
        let loaded = Loader::new(Environment::default()).load_file(&path);
        assert!(loaded.is_ok() || !loaded.unwrap_err().to_string().is_empty());
    });
}

#[test]
fn any_text_is_taken_as_dotenv() {
    let tokens = ["A", "=", "\"", "'", "$", "{", "}", "\\", "\n", " ", "#", "export ", "B_1", ":"];
    run(6000, &seeds("dotenv"), &tokens, fuzz_dotenv);
}
