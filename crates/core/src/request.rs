//! A client's request, as the edge hands it on: read once, peeked, not decoded.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use crate::name::name_type;
use crate::{ClientFormat, ModelId, Operation, Outline, Principal, RequestId};

name_type! {
    /// Names a conversation, as far as the client names it: the key of session affinity.
    SessionKey
}

/// One request of a client.
///
/// `Debug` shows sizes, never content.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientRequest {
    /// Its name in logs.
    pub id: RequestId,
    /// The client's format.
    pub format: ClientFormat,
    /// What it asks for.
    pub operation: Operation,
    /// The model as the client wrote it, with prefix and suffix.
    pub model: ModelId,
    /// Whether the reply is to be streamed.
    pub stream: bool,
    /// The body, decompressed, as the client sent it.
    pub body: Bytes,
    /// Where its members stand, when somebody has looked. It counts for this very body alone: a hook that puts another
    /// one in its place need not mind it.
    pub outline: Option<Outline>,
    /// The client's headers without its key.
    pub headers: Arc<HeaderMap>,
    /// Who asks.
    pub principal: Principal,
    /// The conversation, strongest naming first; `true` marks a weak one (a prompt cache key), which may
    /// spill to another credential under load.
    pub session: Option<(SessionKey, bool)>,
    /// Whether somebody reads how it was served: otherwise no [`Explanation`](crate::Explanation) need be written.
    pub explain: bool,
}

impl ClientRequest {
    /// A request with no headers, an anonymous principal and no session, that is to be explained.
    #[inline]
    #[must_use]
    pub fn new(
        id: RequestId,
        format: ClientFormat,
        operation: Operation,
        model: ModelId,
        body: Bytes,
    ) -> Self {
        Self {
            id,
            format,
            operation,
            model,
            stream: false,
            body,
            outline: None,
            headers: Arc::default(),
            principal: Principal::anonymous(),
            session: None,
            explain: true,
        }
    }

    /// Asks for a stream.
    #[inline]
    #[must_use]
    pub fn with_stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Says where the members of the body stand.
    #[inline]
    #[must_use]
    pub fn with_outline(mut self, outline: Option<Outline>) -> Self {
        self.outline = outline;
        self
    }

    /// Adds the client's headers.
    #[inline]
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = Arc::new(headers);
        self
    }

    /// Says who asks.
    #[inline]
    #[must_use]
    pub fn with_principal(mut self, principal: Principal) -> Self {
        self.principal = principal;
        self
    }

    /// Names the conversation.
    #[inline]
    #[must_use]
    pub fn with_session(mut self, session: Option<(SessionKey, bool)>) -> Self {
        self.session = session;
        self
    }

    /// Says whether somebody reads how it was served.
    #[inline]
    #[must_use]
    pub fn with_explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }
}

impl fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRequest")
            .field("id", &self.id)
            .field("format", &self.format)
            .field("operation", &self.operation)
            .field("model", &self.model)
            .field("stream", &self.stream)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}
