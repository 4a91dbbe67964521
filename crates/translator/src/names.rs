//! One bijection of tool names per request, built once and reversed in the reply (Source: translation.md B5).

use std::collections::HashMap;

/// Tool names as declared by the client and as they went over the wire.
///
/// An empty map means that every name went over unchanged.
#[derive(Clone, Debug, Default)]
pub struct NameMap {
    wire_to_declared: HashMap<String, String>,
    declared_to_wire: HashMap<String, String>,
}

impl NameMap {
    /// Adds a pair; the first declaration of a name wins.
    pub fn insert(&mut self, declared: impl Into<String>, wire: impl Into<String>) {
        let (declared, wire) = (declared.into(), wire.into());
        self.wire_to_declared.entry(wire.clone()).or_insert_with(|| declared.clone());
        self.declared_to_wire.entry(declared).or_insert(wire);
    }

    /// The name to send for a declared one.
    #[must_use]
    pub fn wire<'n>(&'n self, declared: &'n str) -> &'n str {
        self.declared_to_wire.get(declared).map_or(declared, String::as_str)
    }

    /// The client's name for one that came back.
    #[must_use]
    pub fn declared<'n>(&'n self, wire: &'n str) -> &'n str {
        self.wire_to_declared.get(wire).map_or(wire, String::as_str)
    }

    /// Whether a wire name is taken.
    #[must_use]
    pub fn has_wire(&self, wire: &str) -> bool {
        self.wire_to_declared.contains_key(wire)
    }

    /// Whether a declared name is known.
    #[must_use]
    pub fn has_declared(&self, declared: &str) -> bool {
        self.declared_to_wire.contains_key(declared)
    }

    /// Whether no name was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.declared_to_wire.is_empty()
    }
}
