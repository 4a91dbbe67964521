//! What a save writes: our changes on top of what is on disk.

use std::collections::BTreeSet;

use cliproxy_core::{Credential, Document};
use serde_json::{Map, Value};

use crate::text::StoredText;

/// The text to write, or `None` when the file says it already.
///
/// | member | written is |
/// |---|---|
/// | we changed it, added it or removed it | ours |
/// | we left it as we loaded it | the file's, changed or removed by somebody as it may be |
/// | only in the file | the file's |
///
/// A credential that was made here (a login) counts as changed in all its members, and removes none.
/// A member with the file's value keeps the file's spelling and place.
// Source: providers-a.md 1.1 "Re-login … Do the merge", "Save on change: skipped if deep-equal".
pub(crate) fn next_text(credential: &Credential, disk: Option<&StoredText>) -> Option<Vec<u8>> {
    let (ours, changed) = what_we_say(credential);
    let Some(disk) = disk else {
        return Some(render(&ours, None));
    };
    let merged = merge(&disk.map, &ours, changed.as_ref());
    (merged != disk.map).then(|| render(&merged, Some(disk)))
}

/// Whether a save would put another refresh token in the place of one that came since the credential was loaded: of a login,
/// or of another program. Whoever saves has to look at that first.
pub(crate) fn writes_over_a_token(credential: &Credential, disk: &StoredText) -> bool {
    let (ours, changed) = what_we_say(credential);
    let merged = Document::new(merge(&disk.map, &ours, changed.as_ref()));
    let theirs = Document::new(disk.map.clone());
    merged.refresh_token() != theirs.refresh_token() && !credential.has_had_token(theirs.refresh_token())
}

/// The document with the members that the credential itself knows better, and what we changed.
fn what_we_say(credential: &Credential) -> (Map<String, Value>, Option<BTreeSet<String>>) {
    let document = credential.document();
    let mut ours = document.as_map().clone();
    let mut changed = credential.changed_members().cloned();
    let mut set = |key: &str, value: Value| {
        ours.insert(key.to_owned(), value);
        if let Some(changed) = &mut changed {
            changed.insert(key.to_owned());
        }
    };
    let disabled = credential.settings().disabled;
    if document.flag("disabled").unwrap_or(false) != disabled {
        set("disabled", Value::Bool(disabled));
    }
    if document.text("type").is_none() {
        set("type", Value::String(credential.provider().as_str().to_owned()));
    }
    (ours, changed)
}

fn merge(
    disk: &Map<String, Value>,
    ours: &Map<String, Value>,
    changed: Option<&BTreeSet<String>>,
) -> Map<String, Value> {
    let mut merged = disk.clone();
    for (key, value) in ours {
        if changed.is_none_or(|changed| changed.contains(key)) {
            merged.insert(key.clone(), value.clone());
        }
    }
    for key in changed.into_iter().flatten().filter(|key| !ours.contains_key(*key)) {
        // `remove` would put the last member in its place.
        merged.shift_remove(key);
    }
    merged
}

/// Compact JSON and a newline. Source: providers-a.md 1.1 "Encoding".
fn render(map: &Map<String, Value>, disk: Option<&StoredText>) -> Vec<u8> {
    let mut text = vec![b'{'];
    for (at, (key, value)) in map.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(Value::String(key.clone()).to_string().as_bytes());
        text.push(b':');
        match disk.and_then(|disk| disk.spelling(key, value)) {
            Some(raw) => push_compact(&mut text, raw.get()),
            None => text.extend_from_slice(value.to_string().as_bytes()),
        }
    }
    text.extend_from_slice(b"}\n");
    text
}

/// Copies JSON without the blanks between its tokens: numbers and escapes stay as they were spelt.
fn push_compact(text: &mut Vec<u8>, json: &str) {
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte == b'"' {
            in_string = true;
        } else if byte.is_ascii_whitespace() {
            continue;
        }
        text.push(byte);
    }
}
