//! What strangers feed us never panics: seeded, so that a failure repeats.

use cliproxy_config::{ConfigText, Document, Edit, Environment, Loader, Step};
use serde_json::json;

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

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

fn try_everything(text: &str, dice: &mut Dice) {
    let loader = Loader::new(Environment::new([("HOME", "/h")]));
    match loader.load_str("fuzz", text) {
        Ok(loaded) => assert!(!format!("{:?}", loaded.config).is_empty()),
        Err(errors) => assert!(!errors.to_string().is_empty() && !errors.as_slice().is_empty()),
    }
    let Ok(mut config) = ConfigText::parse("fuzz", text) else {
        assert!(Document::parse("fuzz", text).is_err());
        return;
    };
    let keys: Vec<String> = config
        .document()
        .to_json()
        .as_object()
        .map(|members| members.keys().cloned().collect())
        .unwrap_or_default();
    for _ in 0..4 {
        let key = if keys.is_empty() { "new".to_owned() } else { keys[dice.roll(keys.len())].clone() };
        let mut path = vec![Step::Key(key)];
        for _ in 0..dice.roll(3) {
            path.push(if dice.roll(2) == 0 {
                Step::Index(dice.roll(3))
            } else {
                Step::from(PIECES[dice.roll(PIECES.len())])
            });
        }
        let edit = match dice.roll(3) {
            0 => Edit::set(path, json!({"x": [1, PIECES[dice.roll(PIECES.len())]]})),
            1 => Edit::remove(path),
            _ => Edit::append(path, json!(PIECES[dice.roll(PIECES.len())])),
        };
        let before = config.as_str().to_owned();
        if config.apply(&edit).is_err() {
            assert_eq!(config.as_str(), before, "a refused edit changes nothing");
        }
        assert_eq!(Document::parse("fuzz", config.as_str()).unwrap().to_json(), config.document().to_json());
    }
}

#[test]
fn pieces_of_yaml_in_any_order_never_panic() {
    let mut dice = Dice(0x5eed_0001);
    for _ in 0..6000 {
        let length = dice.roll(40);
        let text: String = (0..length).map(|_| PIECES[dice.roll(PIECES.len())]).collect();
        try_everything(&text, &mut dice);
    }
}

#[test]
fn a_damaged_example_never_panics() {
    let mut dice = Dice(0x5eed_0002);
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|l| !l.starts_with(' ') || l.starts_with("  ")).unwrap_or(line)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let characters: Vec<char> = uncommented.chars().collect();
    for _ in 0..300 {
        let start = dice.roll(characters.len());
        let mut part: Vec<char> = characters[start..(start + 1500).min(characters.len())].to_vec();
        for _ in 0..dice.roll(6) {
            let at = dice.roll(part.len());
            match dice.roll(3) {
                0 => drop(part.remove(at)),
                1 => part.splice(at..at, PIECES[dice.roll(PIECES.len())].chars()).for_each(drop),
                _ => part.truncate(at.max(1)),
            }
        }
        try_everything(&part.into_iter().collect::<String>(), &mut dice);
    }
}

#[test]
fn arbitrary_bytes_as_file_and_dotenv_never_panic() {
    let mut dice = Dice(0x5eed_0003);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    for round in 0..400 {
        let bytes: Vec<u8> = (0..dice.roll(200)).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        try_everything(&text, &mut dice);
        drop(format!("{:?}", Environment::default().with_dotenv(".env", &text)));
        if round % 10 == 0 {
            std::fs::write(&path, &bytes).unwrap();
            let loaded = Loader::new(Environment::default()).load_file(&path);
            assert!(loaded.is_ok() || !loaded.unwrap_err().to_string().is_empty());
        }
    }
    for _ in 0..3000 {
        let text: String = (0..dice.roll(30))
            .map(|_| {
                ["A", "=", "\"", "'", "$", "{", "}", "\\", "\n", " ", "#", "export ", "B_1", ":"]
                    [dice.roll(14)]
            })
            .collect();
        drop(Environment::default().with_dotenv(".env", &text));
    }
}
