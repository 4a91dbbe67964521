//! The table of every key, and what it says about a merged tree: unknown keys, keys that do nothing yet.

mod names;
mod similar;
mod table;

use crate::layers::{DEFAULTS_NAME, built_in};
use crate::place::Place;
use crate::report::{Notice, Report};
use crate::setting::{Member, Setting, SettingKind};

pub use names::KnownNames;
pub(crate) use names::check as check_names;

/// What a key does in this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// It works.
    Active,
    /// It is read, and what it switches on does not exist yet. One loud notice when set.
    NotBuilt,
    /// It is accepted so that existing files load, and will never have an effect.
    Ignored,
    /// An old spelling, still understood.
    Legacy,
}

/// What may stand below a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A single value or a list of them.
    Value,
    /// A mapping with these keys.
    Map(&'static [Key]),
    /// A list of mappings with these keys.
    List(&'static [Key]),
    /// A mapping with free keys, and below each this.
    Named(&'static Self),
    /// Whatever.
    Free,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) state: KeyState,
    pub(crate) shape: Shape,
}

/// A key of the configuration, as `check-config` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRow {
    /// The path: `claude-api-key[].models[].name`, `endpoints.*.*`.
    pub path: String,
    /// What it does in this release.
    pub state: KeyState,
}

/// Every key there is, in the order of the table.
#[must_use]
pub fn known_keys() -> Vec<KeyRow> {
    let mut rows = Vec::new();
    collect(table::ROOT, "", None, &mut rows);
    rows
}

fn collect(keys: &[Key], prefix: &str, above: Option<KeyState>, rows: &mut Vec<KeyRow>) {
    for key in keys {
        let path = if prefix.is_empty() { key.name.to_owned() } else { format!("{prefix}.{}", key.name) };
        // What stands below something that does nothing does nothing either.
        let state = match (above, key.state) {
            (Some(above), KeyState::Active) => above,
            (_, own) => own,
        };
        collect_shape(&key.shape, &path, state, rows);
    }
}

fn collect_shape(shape: &Shape, path: &str, state: KeyState, rows: &mut Vec<KeyRow>) {
    let row = |path: &str| KeyRow { path: path.to_owned(), state };
    match shape {
        Shape::Value | Shape::Free => rows.push(row(path)),
        Shape::Map(keys) => collect(keys, path, Some(state), rows),
        Shape::List(keys) => collect(keys, &format!("{path}[]"), Some(state), rows),
        Shape::Named(below) => collect_shape(below, &format!("{path}.*"), state, rows),
    }
}

/// Looks a merged tree over: brings `snake_case` keys to today's spelling, and notes what has no effect.
pub(crate) fn check(root: &mut Setting, report: &mut Report) {
    check_map(root, table::ROOT, "", false, report);
}

/// `told`: something above is not built, and that has been said.
fn check_map(setting: &mut Setting, keys: &[Key], prefix: &str, told: bool, report: &mut Report) {
    let SettingKind::Map(members) = &mut setting.kind else { return };
    let taken: Vec<String> = members.iter().map(|member| member.key.clone()).collect();
    for member in members {
        let dashed = member.key.replace('_', "-");
        if dashed != member.key
            && !keys.iter().any(|key| key.name == member.key)
            && keys.iter().any(|key| key.name == dashed)
            && !taken.contains(&dashed)
        {
            let place = member.key_place.clone();
            report.note(Notice::Legacy {
                place,
                key: join(prefix, &member.key),
                instead: join(prefix, &dashed),
            });
            member.key = dashed;
        }
        let path = join(prefix, &member.key);
        match keys.iter().find(|key| key.name == member.key) {
            Some(key) => check_member(member, key, &path, told, report),
            None => {
                let names = keys.iter().map(|key| key.name).filter(|_| report.is_short());
                let suggestion = similar::nearest(&member.key, names);
                report.note(Notice::UnknownKey {
                    place: member.key_place.clone(),
                    key: path,
                    suggestion: suggestion.map(|name| join(prefix, name)),
                });
            }
        }
    }
}

fn check_member(member: &mut Member, key: &Key, path: &str, told: bool, report: &mut Report) {
    let place: Place = member.key_place.clone();
    match key.state {
        KeyState::NotBuilt if !told && says_something(&member.value, path) => {
            report.note(Notice::NotBuilt { place, key: path.to_owned() });
        }
        KeyState::Ignored if member.key_place.source() != DEFAULTS_NAME => {
            report.note(Notice::Ignored { place, key: path.to_owned() });
            return;
        }
        KeyState::Active | KeyState::Legacy | KeyState::NotBuilt | KeyState::Ignored => {}
    }
    check_shape(&mut member.value, &key.shape, path, told || key.state == KeyState::NotBuilt, report);
}

fn check_shape(setting: &mut Setting, shape: &Shape, path: &str, told: bool, report: &mut Report) {
    match shape {
        Shape::Value | Shape::Free => {}
        Shape::Map(keys) => check_map(setting, keys, path, told, report),
        Shape::List(keys) => {
            if let SettingKind::List(items) = &mut setting.kind {
                for (index, item) in items.iter_mut().enumerate() {
                    check_map(item, keys, &format!("{path}[{index}]"), told, report);
                }
            }
        }
        Shape::Named(below) => {
            if let SettingKind::Map(members) = &mut setting.kind {
                for member in members {
                    check_shape(&mut member.value, below, &format!("{path}.{}", member.key), told, report);
                }
            }
        }
    }
}

/// Whether a value asks for anything: not off, zero or empty, and not what it would be without being written.
fn says_something(setting: &Setting, path: &str) -> bool {
    if setting.place.source() == DEFAULTS_NAME {
        return false;
    }
    match &setting.kind {
        SettingKind::Null => false,
        SettingKind::Scalar { text, .. } => {
            let text = text.trim();
            let inert = matches!(text.to_ascii_lowercase().as_str(), "" | "false" | "no" | "off" | "0");
            !inert && built_in(path).is_none_or(|value| value != text)
        }
        SettingKind::List(items) => !items.is_empty(),
        SettingKind::Map(members) => {
            members.iter().any(|member| says_something(&member.value, &join(path, &member.key)))
        }
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}
