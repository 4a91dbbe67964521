//! Reads a schema into a [`Node`]. Only places that hold schemas are entered: a property may be called like a keyword,
//! and a default may look like a schema (B50).

use std::borrow::Cow;

use super::Cleaning;
use super::keyword::{bounds, text, types, values};
use super::node::{Node, Properties};
use super::refs::{Refs, name};
use super::union::{best, fold};
use crate::splice::TopLevel;

/// How deep schemas are followed, references included; nobody writes deeper ones by hand.
const MAX_DEPTH: usize = 64;

/// Keywords whose value may be an object. Others with one are properties where a schema should be.
const WITH_OBJECTS: [&str; 23] = [
    "properties",
    "patternProperties",
    "$defs",
    "defs",
    "definitions",
    "dependentSchemas",
    "dependentRequired",
    "items",
    "additionalProperties",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "contains",
    "contentSchema",
    "not",
    "if",
    "then",
    "else",
    "const",
    "default",
    "example",
    "examples",
];

/// Members that tell a schema from any other object.
const MARKS: [&str; 9] =
    ["type", "properties", "items", "anyOf", "oneOf", "allOf", "$ref", "enum", "description"];

pub(super) struct Builder<'r, 'a> {
    cleaning: Cleaning,
    refs: Refs<'r, 'a>,
}

impl<'r, 'a> Builder<'r, 'a> {
    pub(super) fn new(root: &'r TopLevel<'a>, raw: &'a str, cleaning: Cleaning) -> Self {
        Self { cleaning, refs: Refs::new(root, raw) }
    }

    /// A schema. What is none says nothing.
    pub(super) fn schema(&mut self, json: &'a str, depth: usize) -> Node<'a> {
        let mut node = Node::default();
        let Ok(schema) = TopLevel::scan(json.as_bytes()) else { return node };
        if depth == MAX_DEPTH {
            types(&mut node, &schema, self.cleaning);
            return node;
        }
        if is_property_map(&schema) {
            node.kind = Some(Cow::Borrowed("object"));
            node.properties = Some(self.properties(&schema, depth));
            return node;
        }
        types(&mut node, &schema, self.cleaning);
        self.words(&mut node, &schema);
        values(&mut node, &schema, self.cleaning);
        bounds(&mut node, &schema, self.cleaning);
        if let Some(properties) = schema.object("properties") {
            node.properties = Some(self.properties(&properties, depth));
        }
        self.items(&mut node, &schema, depth);
        self.reference(&mut node, &schema, depth);
        for branch in branches(&schema, "allOf") {
            let branch = self.schema(branch, depth + 1);
            node.absorb(branch, true);
        }
        for union in ["anyOf", "oneOf"] {
            let branches = branches(&schema, union).map(|branch| self.schema(branch, depth + 1)).collect();
            fold(&mut node, branches, self.cleaning);
        }
        for condition in ["if", "then", "else"] {
            if let Ok(Some(json)) = schema.raw(condition) {
                let branch = self.schema(json, depth + 1);
                node.add_properties(branch.properties);
            }
        }
        node
    }

    /// What is a text, a list of texts or a flag.
    fn words(&self, node: &mut Node<'a>, schema: &TopLevel<'a>) {
        let string = |key: &str| schema.raw(key).ok().flatten().and_then(text);
        node.description = string("description");
        if self.cleaning.antigravity() {
            node.title = string("title");
        }
        if schema.value("nullable") == Some(b"true") {
            super::keyword::null_branch(node, self.cleaning);
        }
        match schema.raw("required") {
            Ok(Some("true")) => node.demanded = true,
            Ok(Some(list)) => {
                node.required = super::super::items(Some(list)).into_iter().filter_map(text).collect()
            }
            _ => {}
        }
        if let Ok(Some(order)) = schema.raw("propertyOrdering")
            && serde_json::from_str::<Vec<Cow<'_, str>>>(order).is_ok()
        {
            node.kept.push(("propertyOrdering", order));
        }
    }

    fn properties(&mut self, map: &TopLevel<'a>, depth: usize) -> Properties<'a> {
        let mut properties = Properties::default();
        for (name, value) in map.members() {
            let Ok(value) = std::str::from_utf8(value) else { continue };
            let node = self.schema(value, depth + 1);
            properties.put(Cow::Owned(name.to_owned()), node);
        }
        properties
    }

    /// A list of schemas, one for each place, becomes one for all: there is no word for the places.
    fn items(&mut self, node: &mut Node<'a>, schema: &TopLevel<'a>, depth: usize) {
        let Some(json) = schema.raw("items").ok().flatten() else {
            let all = branches(schema, "prefixItems").map(|json| self.schema(json, depth + 1)).collect();
            node.items = best(all).map(Box::new);
            return;
        };
        node.items = match json.starts_with('[') {
            true => best(branches(schema, "items").map(|json| self.schema(json, depth + 1)).collect()),
            false if json.starts_with('{') => Some(self.schema(json, depth + 1)),
            false => None,
        }
        .map(Box::new);
    }

    /// What a reference names is put in its place. Where that would not end, its type stays and its name is told.
    fn reference(&mut self, node: &mut Node<'a>, schema: &TopLevel<'a>, depth: usize) {
        let Some(reference) = schema.raw("$ref").ok().flatten().and_then(text) else { return };
        let definition = self.refs.definition(&reference);
        if let Some(json) = definition
            && self.refs.enter(&reference, json)
        {
            let found = self.schema(json, depth + 1);
            self.refs.leave();
            node.absorb(found, true);
            return;
        }
        let kind = definition.and_then(|json| self.refs.kind(json));
        node.hint(format!("See: {}", name(&reference)));
        if node.kind.is_none() {
            node.kind = Some(Cow::Borrowed(kind.unwrap_or("object")));
        }
    }
}

fn branches<'a>(schema: &TopLevel<'a>, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    super::super::items(schema.raw(key).ok().flatten()).into_iter()
}

/// Whether properties stand where a schema should be: `{"parent":{…},"after":{…}}` (E605, E606).
fn is_property_map(schema: &TopLevel<'_>) -> bool {
    let mut named = false;
    for (key, value) in schema.members() {
        if !value.starts_with(b"{") {
            return false;
        }
        if WITH_OBJECTS.contains(&key) || key.starts_with("x-") || key.starts_with('$') {
            continue;
        }
        let Ok(member) = TopLevel::scan(value) else { return false };
        if !MARKS.iter().any(|mark| member.has(mark)) {
            return false;
        }
        named = true;
    }
    named
}
