//! Headers of a call, in one place, and what of the body depends on them. Source: providers-a.md 3.5.

use bytes::Bytes;
use cliproxy_core::{Attempt, Credential, CredentialKind, ErrorKind, ExecutorError, Operation};
use cliproxy_translator::splice::{Edits, TopLevel};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use memchr::memmem;

use crate::headers::{OWN_AGENT, apply_credential_headers, bearer, key_value};

const ACCOUNT: HeaderName = HeaderName::from_static("chatgpt-account-id");
const SESSION: HeaderName = HeaderName::from_static("session_id");
const SESSION_DASHED: HeaderName = HeaderName::from_static("session-id");
const CONVERSATION: HeaderName = HeaderName::from_static("conversation_id");
const LITE: HeaderName = HeaderName::from_static("x-openai-internal-codex-responses-lite");

/// What a client of this very API says of itself and of its conversation; for others nothing is invented.
const FORWARDED: [HeaderName; 15] = [
    SESSION,
    SESSION_DASHED,
    CONVERSATION,
    LITE,
    USER_AGENT,
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("originator"),
    HeaderName::from_static("thread-id"),
    HeaderName::from_static("version"),
    HeaderName::from_static("x-client-request-id"),
    HeaderName::from_static("x-codex-beta-features"),
    HeaderName::from_static("x-codex-turn-metadata"),
    HeaderName::from_static("x-codex-turn-state"),
    HeaderName::from_static("x-codex-window-id"),
    HeaderName::from_static("x-openai-subagent"),
];

/// Whether the client speaks Responses, in whichever dialect.
fn is_native(attempt: &Attempt) -> bool {
    matches!(attempt.client_format.as_str(), "openai-response" | "codex")
}

/// The body as it came, but for callers that ask for the light profile: it knows no parallel calls.
// Source: providers-a.md 3.5 `parallel_tool_calls`.
pub(super) fn body(attempt: &Attempt) -> Result<Bytes, ExecutorError> {
    let lite = attempt.client_headers.get(LITE);
    if !is_native(attempt) || !lite.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true")) {
        return Ok(attempt.body.clone());
    }
    let has_it = TopLevel::scan(&attempt.body).is_ok_and(|top| top.has("parallel_tool_calls"));
    let edits = if has_it { Edits::new().set("parallel_tool_calls", "false") } else { Edits::new() };
    edits.apply(&attempt.body).map_err(|error| {
        ExecutorError::new(ErrorKind::InvalidRequest, "the request body is not a JSON object")
            .with_source(error)
    })
}

pub(super) fn authorize(headers: &mut HeaderMap, credential: &Credential) -> Result<(), ExecutorError> {
    headers.remove(AUTHORIZATION);
    headers.remove(ACCOUNT);
    let login = credential.kind() == CredentialKind::Account;
    let key = if login { credential.access_token() } else { credential.api_key() };
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, bearer(credential, &key)?);
    }
    // Required for logins, and mandatory for those of a team; never sent empty, never with a key.
    if login && let Some(account) = credential.document().text("account_id") {
        headers.insert(ACCOUNT, key_value(credential, account)?);
    }
    Ok(())
}

pub(super) fn set(headers: &mut HeaderMap, attempt: &Attempt) -> Result<(), ExecutorError> {
    let streams = attempt.operation != Operation::Compact;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if streams { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(USER_AGENT, OWN_AGENT);
    if is_native(attempt) {
        for name in FORWARDED {
            if let Some(value) = attempt.client_headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
    }
    name_session(headers, &attempt.body);
    authorize(headers, &attempt.credential)?;
    apply_credential_headers(headers, &attempt.credential, &attempt.client_headers);
    Ok(())
}

/// The provider keeps the prompt cache of a session on one machine: what names the cache names the session.
fn name_session(headers: &mut HeaderMap, body: &Bytes) {
    let named = headers.contains_key(SESSION) || headers.contains_key(SESSION_DASHED);
    if named || memmem::find(body, b"\"prompt_cache_key\"").is_none() {
        return;
    }
    let key = TopLevel::scan(body).ok().and_then(|top| top.string("prompt_cache_key").ok().flatten());
    let value = key.filter(|key| !key.is_empty()).and_then(|key| HeaderValue::try_from(&*key).ok());
    if let Some(value) = value {
        headers.entry(CONVERSATION).or_insert_with(|| value.clone());
        headers.insert(SESSION, value);
    }
}
