//! Headers and body of a call, in one place. Source: providers-b.md 1.5.2, 1.5.3.

use bytes::Bytes;
use cliproxy_core::{ErrorKind, ExecutorError};
use cliproxy_translator::CodecError;
use cliproxy_translator::splice::{Edits, TopLevel};
use cliproxy_transport::oauth::random_uuid;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};

use super::account::Account;
use crate::egress;
use crate::headers::{OWN_AGENT, apply_credential_headers, bearer};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const OPT_OUT: HeaderName = HeaderName::from_static("x-amzn-codewhisperer-optout");
const AGENT_MODE: HeaderName = HeaderName::from_static("x-amzn-kiro-agent-mode");
const SDK_REQUEST: HeaderName = HeaderName::from_static("amz-sdk-request");
const INVOCATION: HeaderName = HeaderName::from_static("amz-sdk-invocation-id");

/// Shows the token; whatever stood there before goes.
pub(super) fn authorize(headers: &mut HeaderMap, account: &Account<'_>) -> Result<(), ExecutorError> {
    let token = account.token()?;
    headers.insert(AUTHORIZATION, bearer(account.credential, &token)?);
    Ok(())
}

/// A call with what every call says.
fn call(
    method: Method,
    uri: Uri,
    body: Bytes,
    account: &Account<'_>,
    client: &HeaderMap,
    target: Option<&'static str>,
) -> Result<Request<Bytes>, ExecutorError> {
    let mut request = egress::request(method, uri, body);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, OWN_AGENT);
    headers.insert(OPT_OUT, HeaderValue::from_static("true"));
    if let Some(target) = target {
        headers.insert(TARGET, HeaderValue::from_static(target));
    }
    // Source: 1.5.2. Each call is an invocation of its own, so it is the first of each.
    headers.insert(SDK_REQUEST, HeaderValue::from_static("attempt=1; max=3"));
    // Tells one invocation from another, as the vendor's SDKs do.
    if let Ok(id) = HeaderValue::try_from(random_uuid()?) {
        headers.insert(INVOCATION, id);
    }
    authorize(headers, account)?;
    apply_credential_headers(headers, account.credential, client);
    Ok(request)
}

/// A request for an answer of the assistant.
pub(super) fn generate(
    uri: Uri,
    body: Bytes,
    account: &Account<'_>,
    client: &HeaderMap,
    target: Option<&'static str>,
) -> Result<Request<Bytes>, ExecutorError> {
    let mut request = call(Method::POST, uri, body, account, client, target)?;
    // A user's own header, set last, wins.
    request.headers_mut().entry(AGENT_MODE).or_insert(HeaderValue::from_static("vibe"));
    Ok(request)
}

/// A request about the account.
pub(super) fn about(
    method: Method,
    uri: Uri,
    body: Bytes,
    account: &Account<'_>,
) -> Result<Request<Bytes>, ExecutorError> {
    call(method, uri, body, account, &HeaderMap::new(), None)
}

/// A request about the account, in the older protocol of AWS. Source: providers-b.md 1.1.6.
pub(super) fn legacy(
    uri: Uri,
    target: &'static str,
    account: &Account<'_>,
) -> Result<Request<Bytes>, ExecutorError> {
    let body = Bytes::from_static(br#"{"origin":"AI_EDITOR"}"#);
    let mut request = call(Method::POST, uri, body, account, &HeaderMap::new(), Some(target))?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    Ok(request)
}

/// The body with the account's profile, and the kind of task that its user wrote down.
pub(super) fn body(body: &Bytes, profile: Option<&str>, task: Option<&str>) -> Result<Bytes, ExecutorError> {
    let wrong = |error: CodecError| {
        ExecutorError::new(ErrorKind::InvalidRequest, "the request is no JSON object").with_source(error)
    };
    let mut edits = match profile {
        Some(arn) => Edits::new().set_string("profileArn", arn),
        // One that a client put there is not this account's.
        None => Edits::new().remove("profileArn"),
    };
    if let Some(task) = task {
        // Source: providers-b.md 1.5.3 [H] "adds in `conversationState`: `agentTaskType`".
        let top = TopLevel::scan(body).map_err(wrong)?;
        let state =
            top.value("conversationState").map_or_else(|| Bytes::from_static(b"{}"), Bytes::copy_from_slice);
        let state = Edits::new().set_string("agentTaskType", task).apply(&state).map_err(wrong)?;
        edits = edits.set("conversationState", String::from_utf8_lossy(&state).into_owned());
    }
    edits.apply(body).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_the_accounts_or_there_is_none() {
        let asked = Bytes::from_static(br#"{"conversationState":{},"profileArn":"theirs"}"#);
        assert_eq!(
            body(&asked, Some("ours"), None).unwrap(),
            r#"{"conversationState":{},"profileArn":"ours"}"#
        );
        assert_eq!(body(&asked, None, None).unwrap(), r#"{"conversationState":{}}"#);
        let asked = Bytes::from_static(br#"{"conversationState":{"agentTaskType":"x","a":"\u00e9"}}"#);
        assert_eq!(
            body(&asked, None, Some("vibe")).unwrap(),
            r#"{"conversationState":{"agentTaskType":"vibe","a":"\u00e9"}}"#
        );
        assert_eq!(
            body(&Bytes::from_static(b"["), None, None).unwrap_err().kind(),
            ErrorKind::InvalidRequest
        );
    }
}
