//! A call of a tool, as requests and replies write it alike.

use crate::json::Writer;
use crate::model::Args;
use crate::pass::args;

/// The type of a call, what it calls, and with what: text for a custom tool, JSON in a string for a function.
pub(super) fn write_callee(w: &mut Writer, name: &str, given: &Args<'_>, custom: bool) {
    let kind = if custom { "custom" } else { "function" };
    w.field_string("type", kind);
    w.key(kind);
    w.begin_object();
    w.field_string("name", name);
    if custom {
        w.field_text("input", &args::freeform(given));
    } else {
        w.key("arguments");
        args::write_arguments_string(w, given);
    }
    w.end_object();
}

/// What a call of a function is whose arguments never came.
pub(super) fn write_cut(w: &mut Writer, name: &str) {
    w.field_string("type", "function");
    w.key("function");
    w.begin_object();
    w.field_string("name", name);
    w.field_string("arguments", "");
    w.end_object();
}
