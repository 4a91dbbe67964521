//! Turns a failure into what the client will read: the status it may act on, the provider's words without secrets
//! and bounded, the headers it may see.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{
    ClientError, ClientErrorKind, Credential, ErrorKind, ExecutorError, Mask, ProviderFormat, ProviderId,
    UpstreamBody,
};
use cliproxy_translator::{Codec, CodecError, ErrorText};
use http::{StatusCode, header};

use crate::bounded::bounded;
use crate::{headers, page};

/// Everything needed to tell a client of a failure. Owns what it needs, so that a stream can keep it.
#[derive(Clone)]
pub(crate) struct Teller {
    pub(crate) client: Arc<dyn Codec>,
    pub(crate) wire: Arc<dyn Codec>,
    pub(crate) format: ProviderFormat,
    /// Whether client and provider speak the same format.
    pub(crate) native: bool,
    /// Whether a member that the provider names is the client's own: formats of one family have the same.
    pub(crate) kin: bool,
    pub(crate) credential: Arc<Credential>,
    pub(crate) provider: ProviderId,
    /// The model as the client knows it.
    pub(crate) model: String,
    pub(crate) max_message: usize,
    pub(crate) max_body: usize,
    /// Whether more of the provider's headers pass than the usual ones.
    pub(crate) all_headers: bool,
}

impl Teller {
    /// The codec of the wire format.
    pub(crate) fn wire(&self) -> &dyn Codec {
        &*self.wire
    }

    /// What the client is told.
    pub(crate) fn tell(&self, error: &ExecutorError) -> Box<ClientError> {
        let mask = Mask::of(&self.credential);
        let said =
            if error.body().is_empty() { ErrorText::default() } else { self.wire.decode_error(error.body()) };
        let kind = client_kind(error.kind());
        let text = |text: &str| bounded(&mask.apply(text), self.max_message).into_owned();

        let mut told = ClientError::new(kind, text(&self.message(error, &said)))
            .with_status(status(error))
            .with_retry_after(error.evidence().retry_after);
        told.headers = headers::for_client(error.headers(), self.all_headers);
        if told.retry_after.is_some() {
            // The edge writes the one that we understood.
            told.headers.remove(header::RETRY_AFTER);
            told.headers.remove("retry-after-ms");
        }
        if blames_credential(error.kind()) {
            return Box::new(told);
        }
        // Google's `code` is the status over again, and says nothing to clients that look for a word there. The numbers of
        // vendors (`1113`) are words of their own.
        let is_status = |code: &&str| error.status().is_some_and(|status| status.as_str() == *code);
        let own = own_fault(error);
        told.code = said.code.as_deref().filter(|code| !is_status(code)).map(text);
        told.code = told.code.or_else(|| own.and_then(CodecError::code).map(str::to_owned));
        // The client has to find it in its own request: what a provider of another format names is not there.
        let theirs = said.param.as_deref().filter(|_| self.kin && told.status.is_client_error()).map(text);
        told.param = theirs.or_else(|| own.and_then(CodecError::param).map(str::to_owned));
        if matches!(kind, ClientErrorKind::ModelNotFound) {
            told.model = Some(self.model.clone());
        }
        told.upstream = self.verbatim(error, &mask);
        Box::new(told)
    }

    /// The provider's reply, when the client may have it word for word.
    // Source: translation.md B78.
    fn verbatim(&self, error: &ExecutorError, mask: &Mask) -> Option<UpstreamBody> {
        let body = error.body();
        let fits = self.native
            && passes(error).is_some()
            && !body.is_empty()
            && body.len() <= self.max_body
            && self.client.is_own_error(body);
        if !fits {
            return None;
        }
        let body = match mask.apply(std::str::from_utf8(body).ok()?) {
            Cow::Borrowed(_) => body.clone(),
            Cow::Owned(masked) => Bytes::from(masked),
        };
        Some(UpstreamBody::new(self.format.clone(), body))
    }

    fn message(&self, error: &ExecutorError, said: &ErrorText) -> String {
        if blames_credential(error.kind()) {
            let why = match error.kind() {
                ErrorKind::Misconfigured => "the credential that serves this model is incomplete",
                ErrorKind::PaymentRequired => "the account that serves this model has to be paid for",
                ErrorKind::Forbidden => "the account that serves this model may not do this",
                _ => "the credential that serves this model was refused",
            };
            let provider = &self.provider;
            let words = page::gist(&said.message).unwrap_or_else(|| said.message.clone());
            let gap = if words.is_empty() { "" } else { ": " };
            return format!("{provider}: {why}; the operator of this proxy has to look at it{gap}{words}");
        }
        if let Some(gist) = page::gist(&said.message) {
            return format!("{} answered with {gist}", self.provider);
        }
        if !said.message.is_empty() && error.kind() != ErrorKind::Challenge {
            return said.message.clone();
        }
        if error.message().is_empty() {
            return format!("{} failed: {}", self.provider, error.kind().as_str());
        }
        error.message().to_owned()
    }
}

/// Failures of our credential: the client's own key is fine, and it could do nothing about them.
// Source: design.md §6.
fn blames_credential(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::PaymentRequired
            | ErrorKind::InvalidGrant
            | ErrorKind::Misconfigured
    )
}

/// The provider's own status, where the client can act on it.
// Source: http-api.md A.8 "Upstream HTTP error: upstream status passed on"; design.md §6 for those that are not.
fn passes(error: &ExecutorError) -> Option<StatusCode> {
    let theirs = matches!(
        error.kind(),
        ErrorKind::InvalidRequest
            | ErrorKind::TooLarge
            | ErrorKind::NotFound
            | ErrorKind::ModelNotSupported
            | ErrorKind::RateLimited
            | ErrorKind::Overloaded
            | ErrorKind::Server
            | ErrorKind::Timeout
    );
    let actionable = |status: &StatusCode| {
        matches!(status.as_u16(), 400 | 404 | 409 | 413 | 422 | 429) || status.is_server_error()
    };
    error.status().filter(|status| theirs && actionable(status))
}

fn status(error: &ExecutorError) -> StatusCode {
    passes(error).unwrap_or_else(|| error.kind().status())
}

/// What our own reading of the client's request found. That of a provider's reply is no fault of the request.
fn own_fault(error: &ExecutorError) -> Option<&CodecError> {
    let of_request = matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::ModelNotSupported);
    std::error::Error::source(error).filter(|_| of_request)?.downcast_ref()
}

fn client_kind(kind: ErrorKind) -> ClientErrorKind {
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::ModelNotSupported => ClientErrorKind::InvalidRequest,
        ErrorKind::TooLarge => ClientErrorKind::TooLarge,
        ErrorKind::Unauthorized
        | ErrorKind::Forbidden
        | ErrorKind::PaymentRequired
        | ErrorKind::InvalidGrant
        | ErrorKind::Misconfigured => ClientErrorKind::Unavailable,
        ErrorKind::NotFound => ClientErrorKind::ModelNotFound,
        ErrorKind::RateLimited => ClientErrorKind::RateLimited,
        ErrorKind::Overloaded => ClientErrorKind::Overloaded,
        ErrorKind::Timeout => ClientErrorKind::GatewayTimeout,
        ErrorKind::EndpointMissing | ErrorKind::Unsupported => ClientErrorKind::Unsupported,
        ErrorKind::Cancelled => ClientErrorKind::RequestTimeout,
        ErrorKind::Internal => ClientErrorKind::Internal,
        // Server, Connect, Interrupted, EmptyStream, BadReply, Challenge, and what core may add.
        _ => ClientErrorKind::BadGateway,
    }
}
