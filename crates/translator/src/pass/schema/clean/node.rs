//! A cleaned schema: it can only hold what the backends take.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::Cleaning;
use crate::invented::Places;
use crate::json::Writer;

/// What stands for a null that the schema cannot say (B48).
const NULLABLE: &str = "(nullable)";

/// So many hints are looked through for one that is said already, before they are hashed.
const FEW: usize = 32;

/// One schema.
#[derive(Clone, Debug, Default)]
pub(super) struct Node<'a> {
    /// The type, in lower case.
    pub(super) kind: Option<Cow<'static, str>>,
    pub(super) title: Option<Cow<'a, str>>,
    pub(super) description: Option<Cow<'a, str>>,
    /// What goes into the description, in this order.
    hints: Hints,
    pub(super) properties: Option<Properties<'a>>,
    pub(super) required: Vec<Cow<'a, str>>,
    pub(super) items: Option<Box<Self>>,
    /// The allowed texts.
    pub(super) words: Vec<Cow<'a, str>>,
    /// Keywords that go along as they are.
    pub(super) kept: Vec<(&'static str, &'a str)>,
    /// Null is taken, and the backend has a word for it.
    pub(super) nullable: bool,
    /// Null is taken, and the backend has no word for it: the value may be left out instead.
    pub(super) optional: bool,
    /// The property says of itself that it is required (B50).
    pub(super) demanded: bool,
}

/// What is told of a schema, each thing once.
#[derive(Clone, Debug, Default)]
struct Hints {
    list: Vec<String>,
    /// All of them, once they are many.
    known: HashSet<String>,
}

impl Hints {
    fn add(&mut self, hint: String) {
        if self.list.len() < FEW {
            if !self.list.contains(&hint) {
                self.list.push(hint);
            }
            return;
        }
        if self.known.is_empty() {
            self.known = self.list.iter().cloned().collect();
        }
        if self.known.insert(hint.clone()) {
            self.list.push(hint);
        }
    }
}

/// Properties in their order, found by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties<'a> {
    list: Vec<(Cow<'a, str>, Node<'a>)>,
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Properties<'a> {
    /// Adds a property; the first of a name stays.
    pub(super) fn add(&mut self, name: Cow<'a, str>, node: Node<'a>) {
        if !self.places.contains_key(&name) {
            self.places.insert(name.clone(), self.list.len());
            self.list.push((name, node));
        }
    }

    /// Puts a property in place of one of that name.
    pub(super) fn put(&mut self, name: Cow<'a, str>, node: Node<'a>) {
        match self.places.get(&name).and_then(|place| self.list.get_mut(*place)) {
            Some((_, known)) => *known = node,
            None => self.add(name, node),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.places.get(name).and_then(|place| self.list.get(*place)).map(|(_, node)| node)
    }
}

impl<'a> Node<'a> {
    /// Takes over what another schema says and this one does not. Neither a property nor a word is overwritten.
    pub(super) fn absorb(&mut self, other: Self, with_required: bool) {
        self.kind = self.kind.take().or(other.kind);
        self.title = self.title.take().or(other.title);
        self.description = self.description.take().or(other.description);
        match self.hints.list.is_empty() {
            true => self.hints = other.hints,
            false => other.hints.list.into_iter().for_each(|hint| self.hint(hint)),
        }
        if with_required {
            self.required.extend(other.required);
        }
        self.items = self.items.take().or(other.items);
        if self.words.is_empty() {
            self.words = other.words;
        }
        for (key, json) in other.kept {
            if !self.kept.iter().any(|(known, _)| *known == key) {
                self.kept.push((key, json));
            }
        }
        self.nullable |= other.nullable;
        self.optional |= other.optional;
        self.add_properties(other.properties);
    }

    pub(super) fn add_properties(&mut self, properties: Option<Properties<'a>>) {
        let Some(properties) = properties else { return };
        let Some(own) = &mut self.properties else {
            self.properties = Some(properties);
            return;
        };
        for (name, node) in properties.list {
            own.add(name, node);
        }
    }

    /// Says something in the description, once.
    pub(super) fn hint(&mut self, hint: String) {
        self.hints.add(hint);
    }

    pub(super) fn has_properties(&self) -> bool {
        self.properties.as_ref().is_some_and(|properties| !properties.is_empty())
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    /// Writes the schema. The root is an object whatever it says of itself.
    pub(super) fn write(&self, w: &mut Writer, cleaning: Cleaning, root: bool) {
        let kind = match self.kind.as_deref() {
            None if root || self.properties.is_some() => Some("object"),
            None if self.items.is_some() => Some("array"),
            kind => kind,
        };
        w.begin_object();
        if let Some(kind) = kind {
            w.field_string("type", kind);
        }
        if let Some(title) = &self.title {
            w.field_string("title", title);
        }
        if let Some(description) = self.told() {
            w.field_string("description", &description);
        }
        if self.nullable {
            w.field_raw("nullable", "true");
        }
        strings(w, "enum", &self.words);
        self.write_properties(w, cleaning, root, kind == Some("object"));
        if let Some(items) = &self.items {
            w.key("items");
            items.write(w, cleaning, false);
        }
        for (key, json) in &self.kept {
            w.field_raw(key, json);
        }
        w.end_object();
    }

    fn write_properties(&self, w: &mut Writer, cleaning: Cleaning, root: bool, object: bool) {
        let properties = self.properties.as_ref();
        let required = self.known_required();
        let placeholder = (cleaning.placeholders() && object).then(|| self.placeholder(root)).flatten();
        let own = properties.map(|properties| properties.list.as_slice());
        if own.is_none() && placeholder.is_none() && !root {
            return;
        }
        let free = placeholder.filter(|(name, _)| properties.is_none_or(|own| own.get(name).is_none()));
        if object || own.is_some() {
            w.key("properties");
            w.begin_object();
            for (name, node) in own.unwrap_or_default() {
                w.key(name);
                node.write(w, cleaning, false);
            }
            if let Some((name, json)) = free {
                w.field_raw(name, json);
            }
            w.end_object();
        }
        match placeholder {
            Some((name, _)) => strings(w, "required", &[Cow::Borrowed(name)]),
            None => strings(w, "required", &required),
        }
    }

    /// The property that stands in where some models want one (B49).
    fn placeholder(&self, root: bool) -> Option<(&'static str, &'static str)> {
        match self.has_properties() {
            false => Some(("reason", r#"{"type":"string"}"#)),
            true if !root && self.known_required().is_empty() => Some(("_", r#"{"type":"boolean"}"#)),
            true => None,
        }
    }

    /// Where properties stand in that the schema itself does not have.
    pub(super) fn invented(&self, root: bool) -> Places {
        let mut found = Vec::new();
        let object = self.is("object") || self.kind.is_none() && (root || self.properties.is_some());
        let own = self.properties.as_ref();
        if object
            && let Some((name, _)) = self.placeholder(root)
            && own.is_none_or(|own| own.get(name).is_none())
        {
            found.push((name.to_owned(), Places::here()));
        }
        for (name, node) in own.map_or(&[][..], |own| own.list.as_slice()) {
            let below = node.invented(false);
            if !below.is_empty() {
                found.push((name.clone().into_owned(), below));
            }
        }
        Places::below(found, self.items.as_ref().map(|items| items.invented(false)))
    }

    /// The required names that are properties, and can be neither left out nor null (E588, E596, E607).
    fn known_required(&self) -> Vec<Cow<'_, str>> {
        let Some(properties) = &self.properties else { return Vec::new() };
        let mut seen = HashSet::new();
        let demanded = properties.list.iter().filter(|(_, node)| node.demanded).map(|(name, _)| name);
        self.required
            .iter()
            .chain(demanded)
            .filter(|name| properties.get(name).is_some_and(|node| !node.optional) && seen.insert(&***name))
            .map(|name| Cow::Borrowed(&**name))
            .collect()
    }

    /// The description with all hints: `text (hint) (hint)`.
    fn told(&self) -> Option<Cow<'_, str>> {
        let null = self.optional.then_some(NULLABLE);
        if self.hints.list.is_empty() && null.is_none() {
            return self.description.as_deref().map(Cow::Borrowed);
        }
        let mut text = self.description.as_deref().unwrap_or_default().to_owned();
        for hint in &self.hints.list {
            match text.is_empty() {
                true => text.push_str(hint),
                false => text.push_str(&format!(" ({hint})")),
            }
        }
        if let Some(null) = null {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(null);
        }
        Some(Cow::Owned(text))
    }
}

fn strings(w: &mut Writer, key: &str, list: &[Cow<'_, str>]) {
    if list.is_empty() {
        return;
    }
    w.key(key);
    w.begin_array();
    for text in list {
        w.string(text);
    }
    w.end_array();
}
