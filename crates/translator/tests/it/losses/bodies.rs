//! Walks through bodies, and what losses speak of.

use std::fmt::Write as _;

use serde_json::Value;

/// A step into a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    Key(String),
    Index(usize),
}

pub type Path = Vec<At>;

pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            At::Key(key) if text.is_empty() => text.push_str(key),
            At::Key(key) => write!(text, ".{key}").unwrap(),
            At::Index(index) => write!(text, "[{index}]").unwrap(),
        }
    }
    text
}

pub fn last_key(path: &Path) -> Option<&str> {
    match path.last() {
        Some(At::Key(key)) => Some(key),
        _ => None,
    }
}

/// What stays whole: schemas and arguments are one thing each.
const WHOLE: [&str; 8] = [
    "parameters",
    "input_schema",
    "schema",
    "input_examples",
    "parametersJsonSchema",
    "responseJsonSchema",
    "args",
    "arguments",
];

/// Every member and every item of a body.
pub fn paths(body: &Value, out: &mut Vec<Path>) {
    walk(body, &mut Vec::new(), out);
}

fn walk(value: &Value, here: &mut Path, out: &mut Vec<Path>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                here.push(At::Key(key.clone()));
                out.push(here.clone());
                if !WHOLE.contains(&key.as_str()) {
                    walk(value, here, out);
                }
                here.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                here.push(At::Index(index));
                out.push(here.clone());
                walk(value, here, out);
                here.pop();
            }
        }
        _ => {}
    }
}

pub fn find<'v>(value: &'v Value, path: &[At]) -> &'v Value {
    path.iter().fold(value, |value, step| match step {
        At::Key(key) => &value[key],
        At::Index(index) => &value[*index],
    })
}

pub fn without(body: &Value, path: &Path) -> Value {
    let mut body = body.clone();
    let (last, parents) = path.split_last().unwrap();
    let parent = parents.iter().fold(&mut body, |value, step| match step {
        At::Key(key) => &mut value[key],
        At::Index(index) => &mut value[*index],
    });
    match last {
        At::Key(key) => drop(parent.as_object_mut().unwrap().shift_remove(key)),
        At::Index(index) => drop(parent.as_array_mut().unwrap().remove(*index)),
    }
    body
}

/// The words and the numbers by which a value is known again; `None` for what has none.
pub fn needles(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::String(text) => {
            let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
            let words = text.split(|letter| !is_part(letter)).filter(|word| word.contains("needle"));
            let words: Vec<String> = words.map(str::to_owned).collect();
            // What stands beside the word is text like any other.
            (!words.is_empty()).then(|| if text.contains(' ') { vec![inside(text)] } else { words })
        }
        _ => None,
    }
}

/// The inside of a string, as it is written.
fn inside(text: &str) -> String {
    serde_json::to_string(text).unwrap().trim_matches('"').to_owned()
}

/// Words of one meaning: what losses are called, and what the formats call it.
const SAME: [&[&str]; 29] = [
    &["stop", "stopsequences"],
    &["maxoutputtokens", "maxcompletiontokens", "maxtokens"],
    &["logprobs", "responselogprobs", "toplogprobs", "include", "logprobsresult"],
    &["toplogprobs", "logprobs"],
    &["modalities", "responsemodalities"],
    &["user", "userid"],
    &["metadata"],
    &[
        "thinking",
        "reasoning",
        "reasoningcontent",
        "thought",
        "redactedthinking",
        "outputconfig",
        "reasoningeffort",
        "reasoningdetails",
        "thinkingconfig",
        "thinkinglevel",
        "effort",
        "reasoningcontentevent",
    ],
    &["redactedthinking", "redactedcontent"],
    &["reasoning", "thinking"],
    &["summary", "display", "includethoughts", "includereasoning", "exclude"],
    &["signature", "thoughtsignature", "encryptedcontent"],
    &[
        "media",
        "inlinedata",
        "file",
        "inputfile",
        "document",
        "image",
        "filedata",
        "imagegenerationcall",
        "imageurl",
        "inputaudio",
        "inputimage",
    ],
    &["filename", "title", "displayname"],
    &["citations", "annotations", "groundingmetadata"],
    &["paralleltoolcalls", "disableparalleltooluse"],
    &["toolchoice", "toolconfig", "functioncallingconfig"],
    &["strict"],
    &["detail"],
    &["format", "grammar", "responseformat"],
    &["responseformat", "format", "text", "jsonschema", "outputconfig"],
    &["name"],
    &["servicetier", "speed"],
    &["safetysettings"],
    &["sessionid", "conversation"],
    &["toolcall", "toolcalls", "tooluse", "functioncall", "tooluseevent", "tooluses"],
    &["candidates", "choices"],
    &["billing", "system"],
    &["prefill", "content"],
];

fn bare(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// What stands on a path: the members, and the types of the objects.
fn words(body: &Value, path: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut value = body;
    for step in path {
        value = match step {
            At::Key(key) => {
                all.push(bare(key));
                &value[key]
            }
            At::Index(index) => &value[*index],
        };
        if let Some(kind) = value["type"].as_str() {
            all.push(bare(kind));
        }
        if value["thought"] == Value::Bool(true) {
            all.push("thought".to_owned());
        }
        // Gemini's parts and tools are called by their one member.
        if let (At::Index(_), Some(members)) = (step, value.as_object())
            && members.len() == 1
        {
            all.extend(members.keys().map(|key| bare(key)));
        }
    }
    all
}

/// Whether a loss speaks of what stands at a path: the last of its words does, in the words of one format or another.
pub fn is_spoken_of(what: &str, body: &Value, path: &Path) -> bool {
    let words = words(body, path);
    let mut parts = what.split('.').map(bare);
    let place = parts.next().unwrap();
    let word = parts.next_back().unwrap_or_else(|| place.clone());
    let within = match place.as_str() {
        "message" if what.contains('.') => {
            ["messages", "message", "input", "contents", "content", "system", "output", "candidates"]
                .as_slice()
        }
        "tools" if what.contains('.') => &["tools"],
        _ => &[],
    };
    let same = SAME.iter().filter(|same| same[0] == word).flat_map(|same| same.iter().copied());
    (within.is_empty() || words.iter().any(|known| within.contains(&known.as_str())))
        && same.chain([word.as_str()]).any(|word| words.iter().any(|known| known == word))
}
