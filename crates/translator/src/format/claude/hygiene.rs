//! What Claude refuses and a proxy can mend without a loss of meaning: each of these is a 400 otherwise.
//! Source: providers-a.md 2.4, "body hygiene".

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::thoughts::{Fate, Thoughts};
use crate::codec::CodecError;
use crate::json;
use crate::loss::{Loss, loss};
use crate::model::CacheMark;
use crate::pass::cache::{CachePlan, MAX_MARKS, Place};
use crate::pass::searches::EXCERPT;
use crate::splice::{Edits, Piece, TopLevel, Word, items};

/// Which sampling members have to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Surplus {
    pub(super) temperature: bool,
    pub(super) top_p: bool,
    pub(super) top_k: bool,
}

/// With thinking, only a temperature of 1, a `top_p` of 0.95 and more, and no `top_k`; without, not temperature and
/// `top_p` both.
pub(super) fn surplus(
    thinking: bool,
    temperature: Option<&str>,
    top_p: Option<&str>,
    top_k: Option<&str>,
) -> Surplus {
    let number = |json: &str| json.parse::<f64>().ok();
    if !thinking {
        return Surplus { top_p: temperature.is_some() && top_p.is_some(), ..Surplus::default() };
    }
    Surplus {
        temperature: temperature.is_some_and(|json| number(json) != Some(1.0)),
        top_p: top_p.is_some_and(|json| number(json).is_none_or(|value| value < 0.95)),
        top_k: top_k.is_some(),
    }
}

/// Whether a `thinking` object switches thinking on.
pub(super) fn is_active(thinking: Option<&str>) -> bool {
    thinking
        .and_then(|json| TopLevel::scan(json.as_bytes()).ok())
        .and_then(|scanned| scanned.string("type").ok().flatten())
        .is_some_and(|kind| kind != "disabled")
}

/// Why an edit of the context goes.
pub(super) const NOTHING_TO_CLEAR: &str = "there is no thinking to clear in this turn";

/// `context_management` where thinking was taken out, as Claude refuses to clear thoughts without it: what is left of it,
/// if anything. `None` when nothing changes. Source: Context editing, "Thinking block clearing":
/// "`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive".
pub(super) fn without_clearing(management: &str) -> Option<Option<String>> {
    let top = TopLevel::scan(management.as_bytes()).ok()?;
    let edits: Vec<&RawValue> = serde_json::from_str(top.raw("edits").ok().flatten()?).ok()?;
    let clears = |edit: &&RawValue| {
        let edit = TopLevel::scan(edit.get().as_bytes()).ok();
        let kind = edit.as_ref().and_then(|edit| edit.string("type").ok().flatten());
        kind.is_some_and(|kind| kind.starts_with("clear_thinking"))
    };
    let kept: Vec<&str> = edits.iter().filter(|edit| !clears(edit)).map(|edit| edit.get()).collect();
    if kept.len() == edits.len() {
        return None;
    }
    let change = match kept.is_empty() {
        true => Edits::new().remove("edits"),
        false => Edits::new().set("edits", format!("[{}]", kept.join(","))),
    };
    let left = change.apply_str(management).ok()?.into_owned();
    let empty = TopLevel::scan(left.as_bytes()).is_ok_and(|left| left.members().next().is_none());
    Some((!empty).then_some(left))
}

/// Whether a `thinking` object gives thoughts a budget.
pub(super) fn has_budget(thinking: Option<&str>) -> bool {
    thinking
        .and_then(|json| TopLevel::scan(json.as_bytes()).ok())
        .and_then(|scanned| scanned.string("type").ok().flatten())
        .is_some_and(|kind| kind == "enabled")
}

/// A typed tool without empty domain lists; the same text when it has none.
pub(super) fn without_empty_domains(tool: &str) -> Cow<'_, str> {
    let Ok(scanned) = TopLevel::scan(tool.as_bytes()) else { return Cow::Borrowed(tool) };
    let empty = |key: &str| {
        let list = scanned.raw(key).ok().flatten().map(str::trim);
        list.and_then(|list| list.strip_prefix('[')?.strip_suffix(']'))
            .is_some_and(|inside| inside.trim().is_empty())
    };
    ["allowed_domains", "blocked_domains"]
        .into_iter()
        .filter(|key| empty(key))
        .fold(Edits::new(), Edits::remove)
        .apply_str(tool)
        .unwrap_or(Cow::Borrowed(tool))
}

static CACHE_CONTROL: Word = Word::new("\"cache_control\"");
static HOUR: Word = Word::new("\"1h\"");
static DOMAINS: Word = Word::new("_domains\"");
static FOUND: Word = Word::new("\"web_search_tool_result\"");
static CITED: Word = Word::new("\"encrypted_index\"");

/// Adds to `edits` what has to change. Looks at substrings first: a body that is right costs one search a rule.
pub(super) fn mend<'b>(
    mut edits: Edits<'b>,
    body: &'b [u8],
    scanned: &TopLevel<'b>,
    thoughts: Option<Thoughts<'_>>,
    losses: &mut Vec<Loss>,
) -> Result<Edits<'b>, CodecError> {
    let marks = CACHE_CONTROL.places(body).count();
    let found;
    let mut plan = None;
    if marks > MAX_MARKS || marks > 1 && HOUR.is_in(body) {
        found = marks_of(scanned)?;
        plan = Some(CachePlan::new(found.iter().map(|(place, mark)| (*place, mark))));
    }
    let domains = DOMAINS.is_in(body);
    if plan.is_none() && thoughts.is_none() && !domains && !has_finds(body) {
        return Ok(edits);
    }
    let mut visit = |place, mark: &str| match &mut plan {
        Some(plan) => plan.next(place).map(|raw| raw.get().to_owned()),
        None => Some(mark.to_owned()),
    };
    for (key, place) in MARKED {
        let Some(list) = scanned.raw(key)? else { continue };
        edits = edits.within(key, changed(list, place, thoughts, &mut visit, losses));
    }
    if plan.as_ref().is_some_and(|plan| plan.dropped() > 0) {
        loss(losses, "cache_control", FOUR_MARKS);
    }
    Ok(edits)
}

/// A body that was said again, without what another provider found.
pub(super) fn without_foreign_finds(body: Vec<u8>, losses: &mut Vec<Loss>) -> Vec<u8> {
    if !has_finds(&body) {
        return body;
    }
    let mended = std::str::from_utf8(&body).ok().and_then(|text| {
        let scanned = TopLevel::scan(text.as_bytes()).ok()?;
        match mend(Edits::new(), text.as_bytes(), &scanned, None, losses).ok()?.apply_str(text).ok()? {
            Cow::Owned(mended) => Some(mended.into_bytes()),
            Cow::Borrowed(_) => None,
        }
    });
    mended.unwrap_or(body)
}

/// Whether there may be searches or citations of another provider's.
fn has_finds(body: &[u8]) -> bool {
    FOUND.is_in(body) || cites_others(body)
}

/// Source: providers-a.md 2.4, "Automatic cache control".
pub(super) const FOUR_MARKS: &str = "Claude takes four breakpoints";
pub(super) const NOT_SIGNED: &str = "Claude takes back only thoughts that it signed";
const NOT_FOUND: &str = "Claude takes back only what it found itself";

/// The members that hold breakpoints, in the order in which Claude reads them.
const MARKED: [(&str, Place); 3] =
    [("tools", Place::Tool), ("system", Place::System), ("messages", Place::Message)];

/// All marks of a body, in the order of reading.
fn marks_of(scanned: &TopLevel<'_>) -> Result<Vec<(Place, CacheMark<'static>)>, CodecError> {
    let mut marks = Vec::new();
    for (key, place) in MARKED {
        let Some(list) = scanned.raw(key)? else { continue };
        let mut visit = |place, mark: &str| {
            if let Ok(raw) = json::raw(mark) {
                marks.push((place, CacheMark { raw: Cow::Owned(raw) }));
            }
            Some(mark.to_owned())
        };
        let _nothing = changed(list, place, None, &mut visit, &mut Vec::new());
    }
    Ok(marks)
}

type Visit<'v> = &'v mut dyn FnMut(Place, &str) -> Option<String>;

/// What changes in a list of tools, system blocks or messages, to have its marks as `visit` wants them.
fn changed(
    list: &str,
    place: Place,
    thoughts: Option<Thoughts<'_>>,
    visit: Visit<'_>,
    losses: &mut Vec<Loss>,
) -> Vec<Piece> {
    let pieces = items(list, |item| match place {
        Place::Message => message(item, thoughts, visit, losses),
        Place::Tool => Some(mend_tool(marked(item, place, visit))),
        _ => Some(marked(item, place, visit)),
    });
    pieces.unwrap_or_default()
}

fn mend_tool(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => without_empty_domains(text),
        Cow::Owned(text) => Cow::Owned(without_empty_domains(&text).into_owned()),
    }
}

/// A message; `None` when all of it had to go (E641).
fn message<'m>(
    text: &'m str,
    thoughts: Option<Thoughts<'_>>,
    visit: Visit<'_>,
    losses: &mut Vec<Loss>,
) -> Option<Cow<'m, str>> {
    let Ok(scanned) = TopLevel::scan(text.as_bytes()) else { return Some(Cow::Borrowed(text)) };
    let Some(content) = scanned.raw("content").ok().flatten().filter(|content| content.starts_with('['))
    else {
        return Some(Cow::Borrowed(text));
    };
    match blocks(content, thoughts, visit, losses) {
        None => Some(Cow::Borrowed(text)),
        Some(content) if content == "[]" => None,
        Some(content) => Edits::new().set("content", content).apply_str(text).ok(),
    }
}

/// The blocks of a message or of a tool result; `None` when nothing changes.
fn blocks(
    list: &str,
    thoughts: Option<Thoughts<'_>>,
    visit: Visit<'_>,
    losses: &mut Vec<Loss>,
) -> Option<String> {
    let items: Vec<&RawValue> = serde_json::from_str(list).ok()?;
    let mut changed = false;
    let mut out = String::with_capacity(list.len());
    let foreign = foreign_searches(list, &items);
    let cites = cites_others(list.as_bytes());
    for item in items {
        let text = item.get();
        let scanned = TopLevel::scan(text.as_bytes()).ok();
        let kind = scanned.as_ref().and_then(|scanned| scanned.string("type").ok().flatten());
        if !foreign.is_empty()
            && matches!(kind.as_deref(), Some("server_tool_use" | "web_search_tool_result"))
            && scanned.as_ref().and_then(search_id).is_some_and(|id| foreign.contains(&id))
        {
            loss(losses, "message.web_search_tool_result", NOT_FOUND);
            changed = true;
            continue;
        }
        let mut block = Cow::Borrowed(text);
        if let (Some(scanned), Some(kind)) = (&scanned, kind.as_deref()) {
            match thoughts.map_or(Fate::Stays, |thoughts| thoughts.fate(kind, scanned)) {
                Fate::Stays => {}
                Fate::Goes(why) => {
                    loss(losses, "message.thinking", why);
                    changed = true;
                    continue;
                }
                Fate::Unsigned => {
                    loss(losses, "message.thinking", NOT_SIGNED);
                    block = Edits::new().set_string("signature", "").apply_str(text).unwrap_or(block);
                }
                Fate::Unwrapped(inner) => {
                    block = Edits::new().set_string("signature", &inner).apply_str(text).unwrap_or(block);
                }
            }
            if kind == "tool_use"
                && let Some(thoughts) = thoughts
            {
                block = thoughts.without_state(text, scanned);
                if matches!(block, Cow::Owned(_)) {
                    loss(losses, "message.signature", "Claude signs no calls");
                }
            }
            if cites && kind == "text" {
                block = without_others_citations(text, scanned);
                if matches!(block, Cow::Owned(_)) {
                    loss(losses, "message.citations", NOT_FOUND);
                }
            }
            // Marks inside a result come before its own.
            if kind == "tool_result"
                && let Some(content) =
                    scanned.raw("content").ok().flatten().filter(|content| content.starts_with('['))
                && let Some(content) = blocks(content, None, visit, losses)
            {
                block = Edits::new().set("content", content).apply_str(text).unwrap_or(block);
            }
        }
        let block = match block {
            Cow::Borrowed(text) => marked(text, Place::Message, visit),
            Cow::Owned(text) => Cow::Owned(marked(&text, Place::Message, visit).into_owned()),
        };
        changed |= matches!(block, Cow::Owned(_));
        out.push(if out.is_empty() { '[' } else { ',' });
        out.push_str(&block);
    }
    if out.is_empty() {
        out.push('[');
    }
    out.push(']');
    changed.then_some(out)
}

/// The ids of searches that did not run at Claude: it refuses results that it did not encrypt.
fn foreign_searches(list: &str, items: &[&RawValue]) -> HashSet<String> {
    let mut ids = HashSet::new();
    if !FOUND.is_in(list.as_bytes()) {
        return ids;
    }
    for item in items {
        let Ok(block) = TopLevel::scan(item.get().as_bytes()) else { continue };
        if block.string("type").ok().flatten().as_deref() != Some("web_search_tool_result") {
            continue;
        }
        let pages = block.raw("content").ok().flatten().unwrap_or_default();
        let pages: Vec<&RawValue> = serde_json::from_str(pages).unwrap_or_default();
        let foreign = pages.iter().any(|page| {
            let content = TopLevel::scan(page.get().as_bytes()).ok();
            let content = content.and_then(|page| page.string("encrypted_content").ok().flatten());
            content.is_some_and(|content| content.is_empty() || content.starts_with(EXCERPT))
        });
        ids.extend(search_id(&block).filter(|_| foreign));
    }
    ids
}

/// The id of a search, on its question and on its results.
fn search_id(block: &TopLevel<'_>) -> Option<String> {
    let id = |key: &str| block.string(key).ok().flatten().map(Cow::into_owned);
    id("tool_use_id").or_else(|| id("id"))
}

/// Whether there may be citations of what another provider found: no index of Claude's is in them.
fn cites_others(body: &[u8]) -> bool {
    CITED.places(body).any(|at| {
        let behind = body.get(at..).and_then(|rest| rest.strip_prefix(b"\"encrypted_index\""));
        let value = behind.and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
        value.map(<[u8]>::trim_ascii_start).is_some_and(|value| value.starts_with(b"\"\""))
    })
}

/// A text without citations of what another provider found; the same text when it has none.
fn without_others_citations<'t>(text: &'t str, block: &TopLevel<'_>) -> Cow<'t, str> {
    let citations = block.raw("citations").ok().flatten().unwrap_or_default();
    let mut left = false;
    let pieces = items(citations, |citation| {
        let index = TopLevel::scan(citation.as_bytes()).ok();
        let index = index.and_then(|citation| citation.string("encrypted_index").ok().flatten());
        let stays = index.is_none_or(|index| !index.is_empty());
        left |= stays;
        stays.then_some(Cow::Borrowed(citation))
    });
    let Some(pieces) = pieces.filter(|pieces| !pieces.is_empty()) else { return Cow::Borrowed(text) };
    let edits =
        if left { Edits::new().within("citations", pieces) } else { Edits::new().remove("citations") };
    edits.apply_str(text).unwrap_or(Cow::Borrowed(text))
}

/// An object with its mark as `visit` wants it.
pub(super) fn marked<'o>(object: &'o str, place: Place, visit: Visit<'_>) -> Cow<'o, str> {
    let mark = TopLevel::scan(object.as_bytes())
        .ok()
        .and_then(|scanned| scanned.raw("cache_control").ok().flatten());
    let Some(mark) = mark.filter(|mark| *mark != "null") else { return Cow::Borrowed(object) };
    let edits = match visit(place, mark) {
        Some(wanted) => Edits::new().set("cache_control", wanted),
        None => Edits::new().remove("cache_control"),
    };
    edits.apply_str(object).unwrap_or(Cow::Borrowed(object))
}
