//! Tool names as Claude takes them: `[A-Za-z0-9_-]`, at most 128. Source: translation.md B5, B9; Messages API
//! reference, "tools".

use crate::model::Request;
use crate::names::NameMap;
use crate::pass::names::{Numbers, map_names, mentioned};

const MAX_NAME: usize = 128;

/// The names of all tools, and of those that only the history or the choice mention. Empty when all go unchanged.
pub(super) fn wire_names(request: &Request<'_>) -> NameMap {
    let mut numbers = Numbers::default();
    map_names(&mentioned(request, false), is_fine, |name, map| numbers.free(map, &clean(name), MAX_NAME))
}

fn is_fine(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_fine_byte)
}

fn is_fine_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn clean(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_ascii() && u8::try_from(c).is_ok_and(is_fine_byte) { c } else { '_' })
        .take(MAX_NAME)
        .collect();
    if clean.is_empty() { "_".to_owned() } else { clean }
}
