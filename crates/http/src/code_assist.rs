//! What Gemini CLI asks Google about the login that it has itself: its account, its tier, its quota. Nobody here can answer
//! that, so it goes on to Google with the client's own token, and no credential of ours is spent.
//!
//! Source: http-api.md A.7 "Every other method is reverse-proxied"; the methods are those of google-gemini/gemini-cli
//! `packages/core/src/code_assist/server.ts`, read 2026-11.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_access::strip_credentials;
use cliproxy_core::{AccessDecision, ClientError, Principal};
use cliproxy_transport::{InboundBody, OutboundBody};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::request::Parts;
use http::{HeaderName, Request, Response, Uri};

use crate::routes::Inner;
use crate::{Endpoint, GeminiAction, Options, failure, respond};

/// Hands a client's own request on to whom it was meant for.
#[async_trait]
pub trait Onward: fmt::Debug + Send + Sync + 'static {
    /// Sends it: the URI has path and query alone, and the headers hold the client's own login. Any status is an answer.
    ///
    /// # Errors
    /// When no answer came.
    async fn hand_on(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Box<ClientError>>;
}

/// Whether a request is about the login of its client.
pub(crate) fn is_about_its_login(endpoint: Endpoint) -> bool {
    endpoint == Endpoint::CodeAssist(GeminiAction::NotOffered)
}

/// The login that a client shows for itself. A key of ours is none, and must not leave.
pub(crate) async fn own_login(inner: &Inner, options: &Options, parts: &Parts) -> Option<HeaderValue> {
    let login = parts.headers.get(AUTHORIZATION).filter(|login| is_bearer(login))?;
    let doors = std::iter::once(inner.access.as_ref()).chain(options.relay_access.as_deref());
    for door in doors {
        match door.authenticate(parts).await {
            Ok(AccessDecision::Granted(principal)) if principal != Principal::anonymous() => return None,
            Ok(_) => {}
            // Who cannot be asked may know it.
            Err(error) => {
                tracing::error!(%error, provider = door.name(), "access check failed");
                return None;
            }
        }
    }
    Some(login.clone())
}

fn is_bearer(login: &HeaderValue) -> bool {
    login.as_bytes().split_at_checked("bearer ".len()).is_some_and(|(scheme, token)| {
        scheme.eq_ignore_ascii_case(b"bearer ") && !token.trim_ascii().is_empty()
    })
}

/// Hands the request on, and the answer back as it came.
pub(crate) async fn answer(
    onward: &dyn Onward,
    parts: &mut Parts,
    login: HeaderValue,
    body: InboundBody,
    options: &Options,
) -> Result<Response<OutboundBody>, Box<ClientError>> {
    let bytes = body.read(&options.body).await.map_err(|error| failure::body(&error))?;
    strip_credentials(parts);
    let mut request = Request::new(bytes);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
    let sent = parts.headers.iter().filter(|(name, _)| travels(name));
    request.headers_mut().extend(sent.map(|(name, value)| (name.clone(), value.clone())));
    request.headers_mut().insert(AUTHORIZATION, login);
    let (head, body) = onward.hand_on(request).await?.into_parts();
    let mut response = respond::empty(head.status);
    *response.body_mut() = OutboundBody::full(body);
    for name in [CONTENT_TYPE, RETRY_AFTER] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}

/// What Google's own clients say of themselves and of the request; cookies and the like stay here.
fn travels(name: &HeaderName) -> bool {
    [ACCEPT, CONTENT_TYPE, USER_AGENT].contains(name) || name.as_str().starts_with("x-goog-")
}
