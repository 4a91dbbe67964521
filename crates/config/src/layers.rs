//! Defaults < file < environment < flags, laid over one another by figment.
//!
//! figment decides which layer a value comes from and remembers it (its metadata names the layer). What the value
//! *is* comes from the layer's own tree: figment has no place for `0123`, which is a number to one key and a
//! string to the next, nor for lines.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use crate::environment::Environment;
use crate::overrides::Overrides;
use crate::place::Place;
use crate::setting::{Member, Setting, SettingKind};
use crate::yaml::{Document, Entry, Kind, Node, Resolved, Step, Style, resolve};

/// The built-in values of all keys that have one.
const DEFAULTS: &str = include_str!("defaults.yaml");
pub(crate) const DEFAULTS_NAME: &str = "built-in default";

/// The layers of one load, lowest first.
pub(crate) struct Layers {
    documents: Vec<Document>,
    /// How errors about what is absent call the whole.
    name: String,
}

impl Layers {
    pub(crate) fn new(file: Option<Document>, environment: &Environment, overrides: &Overrides) -> Self {
        // The text is ours and a test loads it: without it every default would be its type's zero.
        let defaults = Document::parse(DEFAULTS_NAME, DEFAULTS)
            .unwrap_or_else(|_| Document::from_root(DEFAULTS_NAME, Node::map(Vec::new())));
        let variables = environment.overrides().map(|(name, keys, value)| {
            single(&format!("environment variable {name}"), &keys, lenient(value))
        });
        let flags = overrides
            .entries()
            .into_iter()
            .map(|(flag, key, value)| single(flag, &[key.to_owned()], Node::scalar(value, Style::Plain)));
        let name = file.as_ref().map_or(DEFAULTS_NAME, Document::name).to_owned();
        Self { name, documents: [defaults].into_iter().chain(file).chain(variables).chain(flags).collect() }
    }

    /// Lays them over one another.
    pub(crate) fn merge(&self) -> Setting {
        let figment = self.documents.iter().fold(Figment::new(), |figment, layer| figment.merge(layer));
        let merged =
            figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
        let sources: BTreeMap<&str, &Document> =
            self.documents.iter().map(|layer| (layer.name(), layer)).collect();
        let mut resolver = Resolver { figment: &figment, sources, path: Vec::new() };
        let members = resolver.members(&merged);
        Setting { kind: SettingKind::Map(members), place: Place::whole(self.name.as_str()) }
    }
}

/// What a key is when nobody writes it, for a path without lists.
pub(crate) fn built_in(path: &str) -> Option<String> {
    static DOCUMENT: LazyLock<Option<Document>> =
        LazyLock::new(|| Document::parse(DEFAULTS_NAME, DEFAULTS).ok());
    let steps: Vec<Step> = path.split('.').map(Step::from).collect();
    match &DOCUMENT.as_ref()?.root().at(&steps)?.kind {
        Kind::Scalar { text, .. } => Some(text.clone()),
        Kind::List { .. } | Kind::Map { .. } => None,
    }
}

impl Provider for Document {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name().to_owned())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = match to_figment(self.root()) {
            Some(Value::Dict(_, dict)) => dict,
            _ => Dict::new(),
        };
        Ok(Profile::Default.collect(dict))
    }
}

/// A null says nothing, as in the reference: the lower layer shows through.
fn to_figment(node: &Node) -> Option<Value> {
    match &node.kind {
        Kind::Scalar { text, style: Style::Plain } => match resolve(text) {
            Resolved::Null => None,
            Resolved::Bool(flag) => Some(Value::from(flag)),
            Resolved::Int(number) => Some(Value::from(number)),
            Resolved::BigInt(number) => Some(Value::from(number)),
            Resolved::Float(number) => Some(Value::from(number)),
            Resolved::Text => Some(Value::from(text.as_str())),
        },
        Kind::Scalar { text, .. } => Some(Value::from(text.as_str())),
        // A list replaces a list as a whole, so its content does not matter to figment.
        Kind::List { .. } => Some(Value::from(Vec::<Value>::new())),
        Kind::Map { entries, .. } => {
            let dict: Dict = entries
                .iter()
                .filter_map(|entry| Some((entry.key.clone(), to_figment(&entry.value)?)))
                .collect();
            Some(Value::from(dict))
        }
    }
}

struct Resolver<'l> {
    figment: &'l Figment,
    sources: BTreeMap<&'l str, &'l Document>,
    path: Vec<Step>,
}

impl Resolver<'_> {
    fn members(&mut self, dict: &Dict) -> Vec<Member> {
        let mut members = Vec::with_capacity(dict.len());
        for (key, value) in dict {
            let name = self.figment.get_metadata(value.tag()).map(|metadata| metadata.name.clone());
            let Some(layer) = name.and_then(|name| self.sources.get(name.as_ref()).copied()) else {
                continue;
            };
            let parent = layer.root().at(&self.path);
            let Some(entry) = parent.and_then(|parent| parent.entry(key)) else { continue };
            let key_place = layer.place(entry.line, entry.column);
            self.path.push(Step::Key(key.clone()));
            let setting = match value {
                Value::Dict(_, dict) => {
                    Setting { kind: SettingKind::Map(self.members(dict)), place: key_place.clone() }
                }
                _ => copy(layer, &entry.value),
            };
            self.path.pop();
            members.push(Member { key: key.clone(), key_place, value: setting });
        }
        // figment sorts keys; people and first-match rules care about the order of the file.
        members.sort_by_key(|member| {
            (member.key_place.source() == DEFAULTS_NAME, member.key_place.line(), member.key_place.column())
        });
        members
    }
}

fn copy(layer: &Document, node: &Node) -> Setting {
    let kind = match &node.kind {
        Kind::Scalar { .. } if node.is_null() => SettingKind::Null,
        Kind::Scalar { text, style } => {
            SettingKind::Scalar { text: text.clone(), plain: *style == Style::Plain }
        }
        Kind::List { items, .. } => SettingKind::List(items.iter().map(|item| copy(layer, item)).collect()),
        Kind::Map { entries, .. } => SettingKind::Map(
            entries
                .iter()
                .map(|entry| Member {
                    key: entry.key.clone(),
                    key_place: layer.place(entry.line, entry.column),
                    value: copy(layer, &entry.value),
                })
                .collect(),
        ),
    };
    Setting { kind, place: layer.place(node.line, node.column) }
}

/// A layer that says one thing.
fn single(name: &str, keys: &[String], value: Node) -> Document {
    let root = keys.iter().rev().fold(value, |value, key| {
        Node::map(vec![Entry { key: key.clone(), key_span: 0..0, line: 0, column: 0, value, merged: false }])
    });
    Document::from_root(name, root)
}

/// The value of a variable: flow YAML when it looks like a collection, else the text itself.
fn lenient(value: &str) -> Node {
    let value = value.trim();
    if value.starts_with(['[', '{'])
        && let Ok(document) = Document::parse("", value)
    {
        let mut node = document.root().clone();
        forget_positions(&mut node);
        return node;
    }
    // An empty variable says "empty", not "nothing": that is how a lower layer is cleared.
    let style = if value.is_empty() { Style::DoubleQuoted } else { Style::Plain };
    Node::scalar(value.to_owned(), style)
}

fn forget_positions(node: &mut Node) {
    (node.line, node.column) = (0, 0);
    match &mut node.kind {
        Kind::Scalar { .. } => {}
        Kind::List { items, .. } => items.iter_mut().for_each(forget_positions),
        Kind::Map { entries, .. } => {
            for entry in entries {
                (entry.line, entry.column) = (0, 0);
                forget_positions(&mut entry.value);
            }
        }
    }
}
