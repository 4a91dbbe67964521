//! Why a token endpoint gave no tokens.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, ExecutorError};

use crate::SendError;

/// Why a token endpoint gave no tokens. Texts carry what the endpoint said of it, never a token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It refused with an OAuth error code: asking again brings the same answer.
    #[error("the token endpoint refused: {code}{}", explained(description))]
    Refused {
        /// The code: `invalid_grant`, `access_denied`, `expired_token`, …
        code: String,
        /// What it said for people; may be empty.
        description: String,
    },
    /// It is busy or broken: 429, a 5xx, or an error code that says so.
    #[error("the token endpoint answered with status {status}{}{}", explained(description), later(*retry_after))]
    Unavailable {
        /// The status.
        status: u16,
        /// What it said for people; may be empty.
        description: String,
        /// When to come back, if it said so.
        retry_after: Option<Duration>,
    },
    /// What it answered is no token reply: a page, a captive portal, cut JSON.
    #[error("the token endpoint answered with something else than tokens (status {status}): {what}")]
    Unreadable {
        /// The status.
        status: u16,
        /// What it looks like.
        what: &'static str,
    },
    /// No answer came.
    #[error("the token endpoint could not be called: {0}")]
    Send(#[source] Arc<SendError>),
    /// No answer came in time.
    #[error("the token endpoint did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// A URL or an OAuth client that cannot be used.
    #[error("the login cannot be made: {0}")]
    Setup(String),
}

/// Codes that name the OAuth client, or say that there is no such endpoint, and nothing of the grant.
// Source: RFC 6749 §5.2; Google's words for a client that was switched off; `not_found` and the like from an address that
// is no token endpoint.
const NOT_OF_THE_GRANT: [&str; 9] = [
    "invalid_client",
    "unauthorized_client",
    "deleted_client",
    "disabled_client",
    "unsupported_grant_type",
    "not_found",
    "not_found_error",
    "method_not_allowed",
    "unknown_operation",
];

fn explained(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!(" ({description})") }
}

fn later(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!("; it says to come back in {} s", wait.as_secs())).unwrap_or_default()
}

impl TokenError {
    /// Whether only a person can help: the same question gets the same answer until something is changed.
    // Source: providers-a.md 1.4 "Our rule"; design.md §12 "permanent only with a parsed OAuth error code".
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Setup(_) => true,
            Self::Unavailable { .. } | Self::Unreadable { .. } | Self::Send(_) | Self::Late(_) => false,
        }
    }

    /// The OAuth error code, when it refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unavailable { .. }
            | Self::Unreadable { .. }
            | Self::Send(_)
            | Self::Late(_)
            | Self::Setup(_) => None,
        }
    }

    /// Whether it refused for the OAuth client, or for what it was asked at that address: the login may be well.
    #[must_use]
    pub fn spares_the_grant(&self) -> bool {
        self.code().is_some_and(|code| NOT_OF_THE_GRANT.contains(&code))
    }

    /// The token endpoint's word behind an error of an executor, if it is one.
    #[must_use]
    pub fn behind(error: &ExecutorError) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// What it says of a credential that was to be renewed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } if self.spares_the_grant() => ErrorKind::Misconfigured,
            Self::Refused { .. } => ErrorKind::InvalidGrant,
            Self::Unavailable { status: 429, .. } => ErrorKind::RateLimited,
            Self::Unavailable { .. } => ErrorKind::Server,
            Self::Unreadable { .. } => ErrorKind::BadReply,
            Self::Send(error) if error.is_timeout() => ErrorKind::Timeout,
            Self::Send(error) if error.is_endpoint_fault() => ErrorKind::Connect,
            Self::Send(error) => match &**error {
                SendError::ShuttingDown => ErrorKind::Cancelled,
                SendError::InvalidRequest { .. } => ErrorKind::Misconfigured,
                _ => ErrorKind::Connect,
            },
            Self::Late(_) => ErrorKind::Timeout,
            Self::Setup(_) => ErrorKind::Misconfigured,
        }
    }
}

impl From<TokenError> for ExecutorError {
    fn from(error: TokenError) -> Self {
        let mut evidence = Evidence::new(error.kind());
        if let TokenError::Unavailable { retry_after, .. } = &error {
            evidence = evidence.with_retry_after(*retry_after);
        }
        let message = if error.spares_the_grant() {
            format!(
                "{error}: that is about the OAuth client or the address, not the login; correct `oauth-clients` or `endpoints` \
                 in the config file, or client_id, client_secret and token_url in the login's own"
            )
        } else {
            error.to_string()
        };
        Self::from_evidence(evidence, message).with_source(error)
    }
}
