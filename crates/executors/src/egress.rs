//! The way out that all executors share.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use cliproxy_core::{
    Credential, ErrorKind, Evidence, ExecutorError, Failure, ProviderExecutor, Secret, Timestamp, WireReply,
    WireStream, boxed,
};
use cliproxy_transport::oauth::{JwtBearer, TokenEndpoint, Tokens};
use cliproxy_transport::{BodyError, HttpClient, IncomingBody, ProxyChoice, ProxyUrlError, SendError, Via};
use futures_core::Stream;
use http::{HeaderMap, Request, Response, StatusCode, header};

/// Error bodies beyond this are cut: they are shown, not parsed for content.
pub(crate) const MAX_ERROR_BYTES: usize = 64 * 1024;
/// Room for the headers of a call, made once.
const USUAL_HEADERS: usize = 6;
/// Whole replies beyond this are refused.
pub(crate) const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;
/// A list of models is worth waiting for this long. Source: runtime.md K "model list calls 15 s".
const LIST_TIMEOUT: Duration = Duration::from_secs(15);

/// What is asked between the spending of a refresh token and the saving of what it brought is waited for this long: until
/// then the new tokens are nowhere but here, and whoever ends the program may not wait for long.
pub(crate) const BEFORE_SAVING: Duration = Duration::from_secs(5);

/// Sends requests for executors: through the proxy that the credential names, else the configured one, else what
/// the environment says (Source: providers-a.md 1.6). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Egress {
    client: HttpClient,
    proxy: Arc<ArcSwap<ProxyChoice>>,
}

impl Egress {
    /// A way out with the configuration's own proxy choice.
    #[must_use]
    pub fn new(client: HttpClient, proxy: ProxyChoice) -> Self {
        Self { client, proxy: Arc::new(ArcSwap::from_pointee(proxy)) }
    }

    /// Puts another proxy choice in force, for every clone. Requests under way keep the old one.
    pub fn replace_proxy(&self, proxy: ProxyChoice) {
        self.proxy.store(Arc::new(proxy));
    }

    /// Sends one request. A failing status is not an error here.
    ///
    /// # Errors
    /// When no reply came: [`ErrorKind::Connect`], [`ErrorKind::Timeout`], [`ErrorKind::Misconfigured`] for a proxy
    /// setting that cannot be read. A proxy that is down counts as a connection that failed.
    pub async fn send(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<IncomingBody>, ExecutorError> {
        let via = self.via(credential)?;
        // Boxed once, here: three kilobytes of state would be copied through each layer above.
        boxed(|| self.client.send(request, &via)).await.map_err(unsent)
    }

    /// Sends one request and waits for the whole reply.
    ///
    /// # Errors
    /// As [`Self::send`], and every failing status, read by the executor's own `classify`.
    pub async fn whole(
        &self,
        executor: &dyn ProviderExecutor,
        credential: &Credential,
        now: Timestamp,
        request: Request<Bytes>,
    ) -> Result<WireReply, ExecutorError> {
        self.whole_within(executor, credential, now, request, MAX_REPLY_BYTES).await
    }

    /// As [`Self::whole`], for a reply of at most so many bytes.
    pub(crate) async fn whole_within(
        &self,
        executor: &dyn ProviderExecutor,
        credential: &Credential,
        now: Timestamp,
        request: Request<Bytes>,
        most: usize,
    ) -> Result<WireReply, ExecutorError> {
        let (head, body) = self.open(executor, credential, now, request).await?;
        // Some gateways compress without saying so (Source: providers-a.md 2.7 [H]).
        let bytes = body.collect_sniffed(most).await.map_err(broken)?;
        let mut reply = WireReply::new(head.headers, bytes);
        reply.status = head.status;
        Ok(reply)
    }

    /// Sends one request and hands the reply on as it arrives.
    ///
    /// # Errors
    /// As [`Self::whole`], up to the reply's head; later failures are items of the stream.
    pub async fn stream(
        &self,
        executor: &dyn ProviderExecutor,
        credential: &Credential,
        now: Timestamp,
        request: Request<Bytes>,
    ) -> Result<WireStream, ExecutorError> {
        let (head, body) = self.open(executor, credential, now, request).await?;
        let mut reply = WireStream::new(head.headers, Box::pin(Arriving(body)));
        reply.status = head.status;
        Ok(reply)
    }

    /// Sends one request and reads the reply whole, whatever its status.
    ///
    /// # Errors
    /// As [`Self::send`], and when the reply breaks off.
    pub async fn raw(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        let (head, body) = self.send(credential, request).await?.into_parts();
        let bytes = body.collect_bounded(MAX_REPLY_BYTES).await.map_err(broken)?;
        Ok(Response::from_parts(head, bytes))
    }

    /// As [`Self::raw`], with no credential of ours: what it shows it has already, and the configured proxy is its way.
    ///
    /// # Errors
    /// As [`Self::raw`].
    pub async fn raw_of_client(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ExecutorError> {
        let via = Via::new().with_proxy(self.configured());
        let (head, body) = boxed(|| self.client.send(request, &via)).await.map_err(unsent)?.into_parts();
        let bytes = body.collect_bounded(MAX_REPLY_BYTES).await.map_err(broken)?;
        Ok(Response::from_parts(head, bytes))
    }

    /// As [`Self::whole`], for lists of models and the like: nobody waits for them for long.
    ///
    /// # Errors
    /// As [`Self::whole`], and [`ErrorKind::Timeout`] after 15 seconds.
    pub async fn listed(
        &self,
        executor: &dyn ProviderExecutor,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<WireReply, ExecutorError> {
        let call = self.whole(executor, credential, Timestamp::default(), request);
        tokio::time::timeout(LIST_TIMEOUT, call).await.unwrap_or_else(|_| {
            Err(ExecutorError::new(ErrorKind::Timeout, "the list of models did not come in time"))
        })
    }

    /// Exchanges a credential's refresh token. `scope` may be empty. What the endpoint gave is merged by the caller:
    /// `credential.with_document(credential.document().merged(tokens.members(now)))`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] without a refresh token: such a credential is used until it expires. Else as
    /// [`cliproxy_transport::oauth::TokenError::kind`] says; [`ErrorKind::InvalidGrant`] only for a parsed refusal.
    pub async fn renew(
        &self,
        credential: &Credential,
        endpoint: &TokenEndpoint,
        scope: &str,
    ) -> Result<Tokens, ExecutorError> {
        let Some(token) = credential.refresh_token() else {
            let message = format!("credential {} has no refresh_token", credential.masked_id());
            return Err(ExecutorError::new(ErrorKind::Unsupported, message));
        };
        self.exchange(credential, endpoint, &token, scope).await
    }

    /// As [`Self::renew`], for a refresh token that stands where only its executor looks for it.
    ///
    /// # Errors
    /// As [`Self::renew`], but for a missing token.
    pub async fn exchange(
        &self,
        credential: &Credential,
        endpoint: &TokenEndpoint,
        token: &Secret,
        scope: &str,
    ) -> Result<Tokens, ExecutorError> {
        let via = self.via(credential)?;
        Ok(endpoint.refresh(&self.client, &via, token, scope).await?)
    }

    /// The token of a service account, for an assertion that it signed.
    ///
    /// # Errors
    /// As [`cliproxy_transport::oauth::TokenError::kind`] says.
    pub async fn assert(
        &self,
        credential: &Credential,
        account: &JwtBearer,
        now: Timestamp,
    ) -> Result<Tokens, ExecutorError> {
        let via = self.via(credential)?;
        Ok(account.exchange(&self.client, &via, now).await?)
    }

    async fn open(
        &self,
        executor: &dyn ProviderExecutor,
        credential: &Credential,
        now: Timestamp,
        request: Request<Bytes>,
    ) -> Result<(http::response::Parts, IncomingBody), ExecutorError> {
        let (head, body) = self.send(credential, request).await?.into_parts();
        if head.status.is_success() && !is_html(&head.headers) {
            return Ok((head, body));
        }
        // A reply that cannot be read any further still has its status.
        let bytes = body.collect_sniffed(MAX_ERROR_BYTES).await.unwrap_or_default();
        Err(failed(executor, head.status, head.headers, bytes, now))
    }

    fn via(&self, credential: &Credential) -> Result<Via, ExecutorError> {
        let Some(own) = &credential.settings().proxy else {
            return Ok(Via::new().with_proxy(self.configured()));
        };
        let choice = ProxyChoice::parse(own.expose()).map_err(|error| {
            ExecutorError::new(
                ErrorKind::Misconfigured,
                format!("the proxy of credential {} cannot be used", credential.masked_id()),
            )
            .with_source(error)
        })?;
        // An empty setting of the credential means that it has none.
        let choice = if choice == ProxyChoice::Environment { self.configured() } else { choice };
        Ok(Via::new().with_proxy(choice))
    }

    fn configured(&self) -> ProxyChoice {
        ProxyChoice::clone(&self.proxy.load())
    }
}

/// For calls to endpoints that not every service has: their absence says nothing about the model.
// Source: runtime.md D.7 last row. A 404 may also mean the model: the conductor reads it by the operation.
pub(crate) fn optional(error: ExecutorError) -> ExecutorError {
    let Some(status) = error.status().filter(|status| matches!(status.as_u16(), 405 | 501)) else {
        return error;
    };
    let (headers, body) = (error.headers().clone(), error.body().clone());
    ExecutorError::from_evidence(Evidence::new(ErrorKind::EndpointMissing), error.message())
        .with_reply(status, headers, body)
}

/// A request as executors make it.
pub(crate) fn request(method: http::Method, uri: http::Uri, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = HeaderMap::with_capacity(USUAL_HEADERS);
    request
}

/// A reply with a failing status, or a page in place of the API's answer.
pub(crate) fn failed(
    executor: &dyn ProviderExecutor,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    now: Timestamp,
) -> ExecutorError {
    let provider = executor.provider();
    if status.is_success() {
        return ExecutorError::new(
            ErrorKind::BadReply,
            format!("provider {provider} answered with a web page"),
        )
        .with_reply(StatusCode::BAD_GATEWAY, headers, body);
    }
    let evidence = executor.classify(&Failure::http(status, &headers, &body, now));
    ExecutorError::from_evidence(
        evidence,
        format!("provider {provider} answered with status {}", status.as_u16()),
    )
    .with_reply(status, headers, body)
}

pub(crate) fn is_html(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.trim_start().get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"))
    })
}

/// Why no reply came.
fn unsent(error: SendError) -> ExecutorError {
    let kind = match &error {
        SendError::InvalidRequest { .. } => ErrorKind::Misconfigured,
        // A proxy that cannot be named right is the operator's to mend. One that is down, slow or full comes back by
        // itself: no credential shall rest for half an hour because of it.
        SendError::Proxy { source: Some(source), .. } if source.is::<ProxyUrlError>() => {
            ErrorKind::Misconfigured
        }
        SendError::Timeout { .. } => ErrorKind::Timeout,
        SendError::ShuttingDown => ErrorKind::Cancelled,
        _ => ErrorKind::Connect,
    };
    ExecutorError::new(kind, error.to_string()).with_source(Arc::new(error))
}

/// Why a reply broke off.
fn broken(error: BodyError) -> ExecutorError {
    let kind = if matches!(error, BodyError::TooLarge { .. }) {
        ErrorKind::BadReply
    } else {
        ErrorKind::Interrupted
    };
    ExecutorError::new(kind, error.to_string()).with_source(Arc::new(error))
}

/// A body whose failures are executor errors.
struct Arriving(IncomingBody);

impl Stream for Arriving {
    type Item = Result<Bytes, ExecutorError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|item| item.map(|piece| piece.map_err(broken)))
    }
}
