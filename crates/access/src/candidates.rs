//! Where a client may put its key.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;

use crate::query;

/// The headers that carry a client key, in the order they are tried.
pub(crate) const HEADERS: [HeaderName; 3] =
    [AUTHORIZATION, HeaderName::from_static("x-goog-api-key"), HeaderName::from_static("x-api-key")];

/// The query parameters that carry one, in the order they are tried.
pub(crate) const PARAMETERS: [&str; 2] = ["key", "auth_token"];

/// Everything that could be the key, empty values left out.
// Source: http-api.md A.1, the table of candidates.
pub(crate) fn candidates(request: &Parts) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let headers = HEADERS.into_iter().filter_map(|name| {
        let value = request.headers.get(&name)?.as_bytes();
        Some(Cow::Borrowed(if name == AUTHORIZATION { bearer(value) } else { value }))
    });
    let query = request.uri.query().unwrap_or_default();
    let parameters = PARAMETERS.into_iter().filter_map(move |name| {
        let value = query::pairs(query).find_map(|pair| (pair.name()? == name).then_some(pair))?.value()?;
        Some(Cow::Owned(value.into_owned().into_bytes()))
    });
    headers.chain(parameters).filter(|candidate| !candidate.is_empty())
}

/// The value behind `Bearer ` in any case; without that word the whole value.
fn bearer(value: &[u8]) -> &[u8] {
    match value.split_at_checked("bearer ".len()) {
        Some((word, key)) if word.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii(),
        _ => value,
    }
}
