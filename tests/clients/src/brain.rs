//! What stands in for a model: it solves one task, with whatever shell tool the client has.

use serde_json::{Map, Value, json};

/// Names the task in the prompt, so that a client's own background calls are told apart from it.
pub(crate) const TASK: &str = "TASK-7Q";

/// A prompt with this and a status is answered with that failure.
const FAILURE: &str = "FAIL-";

/// A prompt with this is answered with silences, before the first word and behind the last.
const SLOWLY: &str = "SLOWLY-7Q";

/// What stands before the word, in the file.
pub(crate) const LABEL: &str = "the word is: ";

/// The file that holds the word.
pub(crate) const FILE: &str = "note.txt";

/// A tool as the provider was told of it.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// What a provider sees of a request, whatever its format.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) tools: Vec<Tool>,
    /// All that the user said.
    pub(crate) user: String,
    /// What tools answered, in order.
    pub(crate) results: Vec<String>,
}

/// What the model does next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Say(String),
    Call { name: String, arguments: Value },
}

/// The names by which clients call their shell.
const SHELLS: [&str; 9] = [
    "Bash",
    "bash",
    "run_shell_command",
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "container.exec",
    "weather_shell",
];

impl Seen {
    /// The failure that the user asks for.
    pub(crate) fn failure(&self) -> Option<u16> {
        let (_, rest) = self.user.split_once(FAILURE)?;
        rest.get(..3)?.parse().ok()
    }

    /// Whether the user wants silences in the answer.
    pub(crate) fn is_slow(&self) -> bool {
        self.user.contains(SLOWLY)
    }

    /// The next step towards the word.
    pub(crate) fn next(&self) -> Step {
        if !self.user.contains(TASK) {
            return Step::Say("A note with a word".to_owned());
        }
        let Some(shell) = SHELLS.iter().find_map(|name| self.tools.iter().find(|tool| tool.name == *name))
        else {
            // A background call about the task: a title, a summary.
            return Step::Say("A note with a word".to_owned());
        };
        if let Some(word) = self.results.iter().find_map(|result| word_in(result)) {
            return Step::Say(format!("The word in the note is {word}."));
        }
        let command = match self.results.len() {
            0 => "ls".to_owned(),
            1 | 2 => format!("cat {FILE}"),
            _ => return Step::Say(format!("I cannot find the word in {:?}", self.results)),
        };
        Step::Call { name: shell.name.clone(), arguments: arguments(&shell.schema, &command) }
    }
}

/// Arguments for a shell of any shape: a command as text or as a list, and whatever else it insists on.
fn arguments(schema: &Value, command: &str) -> Value {
    let mut filled = Map::new();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let key = ["command", "cmd"].into_iter().find(|key| properties.contains_key(*key)).unwrap_or("command");
    let is_list = properties.get(key).is_some_and(|property| property["type"] == "array");
    let value = if is_list { json!(["bash", "-c", command]) } else { json!(command) };
    filled.insert(key.to_owned(), value);
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let property = properties.get(name).unwrap_or(&Value::Null);
        filled.entry(name).or_insert_with(|| filler(property));
    }
    Value::Object(filled)
}

fn filler(property: &Value) -> Value {
    if let Some(first) = property["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match property["type"].as_str() {
        Some("boolean") => json!(false),
        Some("number" | "integer") => json!(10_000),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("look for the word"),
    }
}

/// The word behind the label, if it is there.
pub(crate) fn word_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(LABEL)?;
    let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    (!word.is_empty()).then_some(word)
}
