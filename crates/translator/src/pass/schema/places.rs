//! Which members of a schema hold schemas. A property may be called like a keyword, and a default may look like a
//! schema: nothing else is entered (B50).

/// How a keyword holds schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schemas {
    /// An object of them by name.
    Map,
    /// An array of them.
    List,
    /// One.
    One,
    /// One, or an array of them in drafts before 2020-12.
    OneOrList,
}

impl Schemas {
    /// What a keyword holds; `None` for one that holds no schemas.
    pub(super) fn of(keyword: &str) -> Option<Self> {
        Some(match keyword {
            // `defs` is no keyword of any draft, but generators write it.
            "properties" | "patternProperties" | "$defs" | "definitions" | "defs" | "dependentSchemas" => {
                Self::Map
            }
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => Self::List,
            "items" => Self::OneOrList,
            "additionalProperties"
            | "not"
            | "if"
            | "then"
            | "else"
            | "contains"
            | "propertyNames"
            | "unevaluatedProperties"
            | "unevaluatedItems" => Self::One,
            _ => return None,
        })
    }
}
