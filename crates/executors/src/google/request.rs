//! Keys and headers of a call, in one place. Source: providers-a.md 4.2, 6.4.

use cliproxy_core::{Attempt, Credential, ExecutorError};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use crate::headers::{OWN_AGENT, apply_credential_headers, key_value};

const KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// A key, and no `Authorization` beside it. A gateway may want none.
pub(crate) fn authorize(headers: &mut HeaderMap, credential: &Credential) -> Result<(), ExecutorError> {
    headers.remove(AUTHORIZATION);
    headers.remove(KEY);
    if let Some(key) = credential.api_key() {
        headers.insert(KEY, key_value(credential, key.expose())?);
    }
    Ok(())
}

/// What every call has, whatever it shows.
pub(crate) fn plain(headers: &mut HeaderMap, attempt: &Attempt) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if attempt.stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(USER_AGENT, OWN_AGENT);
}

pub(crate) fn set(headers: &mut HeaderMap, attempt: &Attempt) -> Result<(), ExecutorError> {
    plain(headers, attempt);
    authorize(headers, &attempt.credential)?;
    apply_credential_headers(headers, &attempt.credential, &attempt.client_headers);
    Ok(())
}
