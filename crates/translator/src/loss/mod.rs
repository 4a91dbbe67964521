//! What a translation leaves behind. Every format says in one place ([`Slots`]) which parts of the canonical model it has
//! words for; one pass compares that with what is there and names the rest. What depends on a value (a temperature that
//! is too high, a tool that runs elsewhere) is named where it is decided. Names are of members and kinds, never contents,
//! and there are only so many of them. Source: issue 4, "Deliver" 6; design.md §6 "Every decision is explained".

mod reply;
mod request;
mod slots;
mod unread;

use std::borrow::Cow;

use crate::model::Builtin;
use crate::splice::TopLevel;

pub use reply::{Bearer, Rare, ReplyMeter, ReplyScope};
pub(crate) use request::{Said, includes_only, refused, tell};
pub(crate) use slots::Slots;
pub(crate) use unread::Unread;

/// Something that a translation could not carry over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What, as a path or a kind: `top_k`, `message.thinking`.
    pub what: Cow<'static, str>,
    /// Why.
    pub why: Cow<'static, str>,
}

impl Loss {
    /// Something, and why.
    #[must_use]
    pub fn new(what: impl Into<Cow<'static, str>>, why: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// A call that is left out.
pub(crate) const CALL: &str = "message.tool_call";

/// Why a call is left out whose arguments were cut, where a format has objects there.
pub(crate) const NO_OBJECT: &str = "its arguments were cut or are no object: half a call is none";

/// What is lost of a call whose arguments are JSON of another kind, where a format has objects there.
pub(crate) const ARGUMENTS: &str = "message.tool_call.arguments";

/// Why.
pub(crate) const NONE_LEFT: &str = "they are no object: the call goes without any";

/// Names of members come from clients: so many of them are told one by one.
const MOST_NAMED: usize = 64;

/// So long is what is told of a name.
const LONGEST_NAME: usize = 64;

/// Notes a loss, once.
pub(crate) fn loss(losses: &mut Vec<Loss>, what: &'static str, why: &'static str) {
    note(losses, Cow::Borrowed(what), why);
}

/// Notes the loss of something that its client named: a member, a type.
pub(crate) fn named(losses: &mut Vec<Loss>, within: &str, name: &str, why: &'static str) {
    if losses.len() >= MOST_NAMED {
        return loss(losses, "others", "more than are told one by one");
    }
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let what = if within.is_empty() { name } else { format!("{within}.{name}") };
    note(losses, Cow::Owned(what), why);
}

/// Takes over what a third party tells: each kind once, and only so many.
pub(crate) fn told(losses: &mut Vec<Loss>, more: Vec<Loss>) {
    for Loss { what, why } in more {
        if losses.len() > MOST_NAMED {
            return loss(losses, "others", "more than are told one by one");
        }
        let is_known = |known: &Loss| known.what == what && known.why == why;
        if !losses.iter().any(is_known) {
            losses.push(Loss { what, why });
        }
    }
}

fn note(losses: &mut Vec<Loss>, what: Cow<'static, str>, why: &'static str) {
    if !losses.iter().any(|loss| loss.what == what && loss.why == why) {
        losses.push(Loss { what, why: Cow::Borrowed(why) });
    }
}

/// Notes every member that is not one of `known`, if it says anything.
pub(crate) fn members(losses: &mut Vec<Loss>, within: &str, object: &str, known: &[&str], why: &'static str) {
    let Ok(scanned) = TopLevel::scan(object.as_bytes()) else { return };
    for (key, value) in scanned.members() {
        if !known.contains(&key) && !matches!(value, b"null" | b"[]") {
            named(losses, within, key, why);
        }
    }
}

/// Notes what another provider's tool of the same kind is not told.
pub(crate) fn tool_members(losses: &mut Vec<Loss>, tool: &Builtin<'_>, known: &[&str], why: &'static str) {
    let within = format!("tools.{}", tool.kind.chars().take(LONGEST_NAME).collect::<String>());
    let mut all = vec!["type", "name", "cache_control"];
    all.extend(known);
    members(losses, &within, tool.raw.get(), &all, why);
}

/// Whether a member says no more than its absence would.
pub(crate) fn says_nothing(key: &str, json: &str) -> bool {
    json == "null"
        || match key {
            "store" | "background" => json == "false",
            "truncation" => json == r#""disabled""#,
            "stream_options" => json == "{}",
            _ => false,
        }
}
