//! Schemas for Google's older backends, which take the members of their own `Schema` and nothing else. What they have
//! no member for is told in the description. Source: translation.md B48 to B50; providers-a.md 4.5.

use std::borrow::Cow;

use crate::invented::Places;
use crate::json::Writer;
use crate::splice::TopLevel;

mod build;
mod keyword;
mod node;
mod refs;
mod union;

use build::Builder;

/// What a schema is cleaned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cleaning {
    /// The arguments of a function, for Gemini's own models.
    Gemini,
    /// The arguments of a function, for Antigravity.
    AntigravityTool {
        /// Objects without properties get one: some models refuse them (B49).
        placeholders: bool,
    },
    /// The form of a reply, for Antigravity (B49).
    AntigravityResponse,
}

impl Cleaning {
    fn antigravity(self) -> bool {
        self != Self::Gemini
    }

    fn placeholders(self) -> bool {
        self == Self::AntigravityTool { placeholders: true }
    }
}

/// The schema in the words that such a backend takes. Borrowed when it says the same already; `None` for what is no
/// schema of an object's members, as a function without arguments has none.
///
/// ```
/// use cliproxy_translator::pass::schema::{Cleaning, clean};
/// let found = clean(r#"{"type":"string","pattern":"^a"}"#, Cleaning::Gemini);
/// assert_eq!(found.as_deref(), Some(r#"{"type":"string","description":"pattern: ^a"}"#));
/// ```
#[must_use]
pub fn clean(raw: &str, cleaning: Cleaning) -> Option<Cow<'_, str>> {
    clean_telling(raw, cleaning).map(|(cleaned, _)| cleaned)
}

/// As [`clean`], and where it put properties that the schema does not have: they come back in the calls, and the client
/// must not see them (F41).
#[must_use]
pub fn clean_telling(raw: &str, cleaning: Cleaning) -> Option<(Cow<'_, str>, Places)> {
    let root = TopLevel::scan(raw.as_bytes()).ok()?;
    let schema = Builder::new(&root, raw, cleaning).schema(raw, 0);
    let mut writer = Writer::default();
    schema.write(&mut writer, cleaning, true);
    let cleaned = String::from_utf8(writer.into_bytes()).unwrap_or_default();
    let invented = if cleaning.placeholders() { schema.invented(true) } else { Places::default() };
    Some((if same(&cleaned, raw) { Cow::Borrowed(raw) } else { Cow::Owned(cleaned) }, invented))
}

/// Whether two texts are one value, whatever the order of members. Numbers were copied digit for digit.
fn same(cleaned: &str, raw: &str) -> bool {
    let value = |json| serde_json::from_str::<serde_json::Value>(json).ok();
    cleaned.len() <= raw.len() && value(cleaned).is_some_and(|cleaned| value(raw) == Some(cleaned))
}
