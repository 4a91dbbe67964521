//! Keeps client keys out of upstream requests and out of logs.

use std::fmt;

use http::Uri;
use http::request::Parts;
use http::uri::PathAndQuery;

use crate::candidates::{HEADERS, PARAMETERS};
use crate::query;

/// Parameters whose value no log shows: client keys, and what logins bring back to a callback.
const SECRET_PARAMETERS: [&str; 13] = [
    "key",
    "auth_token",
    "api_key",
    "api-key",
    "apikey",
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "code",
    "state",
    "password",
    "secret",
];

/// Removes every header and query parameter that may carry a client key. The rest stays byte for byte. Call it
/// when access has been decided: nothing behind it has a use for the key.
pub fn strip_credentials(parts: &mut Parts) {
    for name in &HEADERS {
        parts.headers.remove(name);
    }
    let Some(query) = parts.uri.query() else { return };
    if !query::pairs(query).any(|pair| pair.is_any_of(&PARAMETERS)) {
        return;
    }
    let kept: Vec<&str> =
        query::pairs(query).filter(|pair| !pair.is_any_of(&PARAMETERS)).map(|pair| pair.raw).collect();
    let path = parts.uri.path();
    let target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    // Parts of a valid URI joined by `&` are valid; should that ever fail, the whole query goes.
    uri.path_and_query = target.parse().ok().or_else(|| Some(PathAndQuery::from_static("/")));
    parts.uri = Uri::from_parts(uri).unwrap_or_default();
}

/// Shows a URI in logs: path and query alone, secret values replaced.
#[derive(Clone, Copy)]
pub struct RedactedUri<'a>(pub &'a Uri);

impl fmt::Display for RedactedUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.path())?;
        let Some(query) = self.0.query() else { return Ok(()) };
        for (at, pair) in query::pairs(query).enumerate() {
            f.write_str(if at == 0 { "?" } else { "&" })?;
            if pair.is_any_of(&SECRET_PARAMETERS) {
                write!(f, "{}=redacted", pair.raw_name())?;
            } else {
                f.write_str(pair.raw)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RedactedUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
