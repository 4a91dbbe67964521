//! Tool names as Claude takes them: `[A-Za-z0-9_-]`, at most 128. Source: translation.md B5, B9; Messages API
//! reference, "tools".

use std::borrow::Cow;

use super::tools::{SEARCH, web_search};
use crate::format::claude::CLAUDE;
use crate::model::{Request, Tool};
use crate::names::NameMap;
use crate::pass::names::{Numbers, clean, cut, is_plain, map_names, mentioned};

const MAX_NAME: usize = 128;

/// A client's own search beside the hosted one.
const BESIDE_SEARCH: &str = "web_search_own";

/// The names of all tools, and of those that only the history or the choice mention. Empty when all go unchanged.
pub(super) fn wire_names(request: &Request<'_>) -> NameMap {
    let mut numbers = Numbers::default();
    // Claude takes no two tools of one name, and its own search has one that clients give to tools of theirs.
    let hosted = |tool: &Tool<'_>| matches!(tool, Tool::Builtin(tool) if tool.format != CLAUDE && web_search(tool).is_some());
    let searches = request.tools.iter().any(hosted);
    let is_taken = |name: &str| searches && fine(name) == SEARCH;
    map_names(
        &mentioned(request, false),
        |name| is_fine(name) && !is_taken(name),
        |name, map| match is_taken(name) {
            true => numbers.free(map, BESIDE_SEARCH, MAX_NAME),
            false => numbers.free(map, &fine(name), MAX_NAME),
        },
    )
}

fn is_fine(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_plain)
}

fn fine(name: &str) -> Cow<'_, str> {
    match clean(name) {
        clean if clean.is_empty() => Cow::Borrowed("_"),
        clean => Cow::Owned(cut(&clean, MAX_NAME).to_owned()),
    }
}
