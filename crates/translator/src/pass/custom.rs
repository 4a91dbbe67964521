//! Free-form tools where there are only functions: one text, `input`. Source: translation.md B10.

use std::borrow::Cow;

use crate::json::{Raw, Writer};
use crate::model::CustomTool;
use crate::splice::TopLevel;

/// The schema of the function that stands for a free-form tool. A grammar is told in words: it cannot be enforced.
#[must_use]
pub fn input_schema(tool: &CustomTool<'_>) -> String {
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("type", "object");
    w.key("properties");
    w.begin_object();
    w.key("input");
    w.begin_object();
    w.field_string("type", "string");
    if let Some((syntax, grammar)) = tool.format.as_ref().and_then(grammar) {
        w.field_string(
            "description",
            &format!("The whole input as free text, which must follow this {syntax}grammar:\n{grammar}"),
        );
    }
    w.end_object();
    w.end_object();
    w.field_raw("required", r#"["input"]"#);
    w.end_object();
    String::from_utf8(w.into_bytes()).unwrap_or_default()
}

/// The name of the syntax with a space behind it, and the definition, inside a custom tool's `format`, nested or flat.
fn grammar(format: &Raw<'_>) -> Option<(String, String)> {
    let scanned = TopLevel::scan(format.get().as_bytes()).ok()?;
    let inner = scanned.object("grammar");
    let found = inner.as_ref().unwrap_or(&scanned);
    let text = |key: &str| found.string(key).ok().flatten().map(Cow::into_owned);
    let syntax = text("syntax").map(|syntax| format!("{syntax} ")).unwrap_or_default();
    Some((syntax, text("definition")?))
}
