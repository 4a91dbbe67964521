//! Headers of a call, in one place. Source: providers-a.md 5.4, 7.4.

use cliproxy_core::{Attempt, ExecutorError};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};

use super::account::authorize;
use crate::headers::apply_credential_headers;

pub(crate) fn set(
    headers: &mut HeaderMap,
    attempt: &Attempt,
    agent: HeaderValue,
) -> Result<(), ExecutorError> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if attempt.stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(USER_AGENT, agent);
    authorize(headers, &attempt.credential)?;
    apply_credential_headers(headers, &attempt.credential, &attempt.client_headers);
    Ok(())
}
