//! An executor with one fault.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Document, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, Renewal, Secret, UpstreamModel, WireReply, WireStream,
};
use cliproxy_executors::OpenAiCompatExecutor;
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::sync::Mutex;

use super::streams;

/// What is wrong with an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Sends the client's headers on.
    CarriesClientHeaders,
    /// Forgets one of the credential's settings.
    IgnoresProxy,
    IgnoresHeaders,
    /// Calls another host than the credential names.
    CallsElsewhere,
    /// Calls without the key.
    ForgetsKey,
    /// Sends what is left of a key that cannot be sent.
    CleansKeys,
    /// Spends the first key it saw for everybody.
    KeepsFirstKey,
    /// Leaves out what the user said.
    RewritesBody,
    /// Makes a request of what is none.
    AnswersNonsense,
    /// Makes a call beside the one it was asked for.
    CallsBeside,
    /// Tries a second time by itself.
    Retries,
    /// Touches the reply.
    TrimsReply,
    EmptiesReply,
    HidesHeaders,
    SaysOk,
    /// Takes a page for people for the reply.
    TakesPages,
    /// Reads failures in its own way.
    BlamesServer,
    BlamesCredential,
    InventsStatus,
    DropsErrorBody,
    PrintsSettings,
    /// Waits for the end of a stream before it hands it on.
    Buffers,
    /// Reads ahead in a task of its own.
    ReadsAhead,
    /// Ends a broken stream as if it were whole.
    SwallowsBreaks,
    /// Goes on although its caller has gone.
    OutlivesItsCaller,
    /// Opens a stream when the one before has ended.
    OneAtATime,
    /// Never gives up.
    IgnoresDeadline,
    ListsTwice,
    NamesNoFormat,
    /// Counts although it does not say so.
    Counts,
    /// Renews what never expires.
    SchedulesRenewal,
    RenewsKeys,
    /// Handles raw requests in its own way.
    SendsRawUnsigned,
    JudgesRawReplies,
    /// Has streams although it does not say so, or declines them after the call.
    StreamsAnyway,
    DeclinesLate,
}

impl Fault {
    /// Whether the executor waits for what never comes.
    pub fn hangs(self) -> bool {
        matches!(self, Self::Buffers | Self::OutlivesItsCaller | Self::OneAtATime | Self::IgnoresDeadline)
    }
}

/// A sound executor and what is wrong around it. Without a fault it is sound itself.
pub struct Faulty {
    pub inner: Arc<dyn ProviderExecutor>,
    /// A way to call the provider, whether the sound one does or not.
    pub line: OpenAiCompatExecutor,
    pub streams: bool,
    pub fault: Option<Fault>,
    /// The first key that was spent.
    pub first: OnceLock<Document>,
    /// Held while a stream is open.
    pub turn: Arc<Mutex<()>>,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn spoil(&self, mut attempt: Attempt) -> Attempt {
        let mut settings = attempt.credential.settings().clone();
        let mut document = attempt.credential.document().clone();
        match self.fault {
            Some(Fault::CarriesClientHeaders) => {
                let copied = attempt.client_headers.keys().filter(|name| *name != "authorization");
                settings
                    .headers
                    .extend(copied.map(|name| (name.to_string(), Secret::new(format!("${name}")))));
            }
            Some(Fault::IgnoresProxy) => settings.proxy = None,
            Some(Fault::IgnoresHeaders) => settings.headers.clear(),
            Some(Fault::CallsElsewhere) => settings.base_url = Some("http://127.0.0.1:1".to_owned()),
            Some(Fault::ForgetsKey) => document = Document::default(),
            Some(Fault::KeepsFirstKey) => document = self.first.get_or_init(|| document).clone(),
            Some(Fault::CleansKeys) => {
                let key = attempt.credential.api_key().map(|key| key.expose().replace(char::is_control, ""));
                document = Document::with_api_key(&Secret::new(key.unwrap_or_default()));
            }
            Some(Fault::RewritesBody) => {
                attempt.body = Bytes::from_static(br#"{"model":"m","messages":[]}"#);
            }
            Some(Fault::AnswersNonsense) => {
                attempt.body = Bytes::from_static(br#"{"messages":[{"role":"user","content":"hi"}]}"#)
            }
            _ => {}
        }
        attempt.credential = Arc::new(attempt.credential.with_settings(settings).with_document(document));
        attempt
    }

    fn spoil_error(&self, error: ExecutorError, attempt: &Attempt) -> ExecutorError {
        let (headers, body) = (error.headers().clone(), error.body().clone());
        match (self.fault, error.status()) {
            (Some(Fault::BlamesServer), Some(status)) => {
                ExecutorError::new(ErrorKind::Server, "failed").with_reply(status, headers, body)
            }
            (Some(Fault::BlamesCredential), None) => ExecutorError::new(ErrorKind::Unauthorized, "failed"),
            (Some(Fault::InventsStatus), None) => error.with_reply(StatusCode::BAD_GATEWAY, headers, body),
            (Some(Fault::DropsErrorBody), Some(status)) => ExecutorError::from_evidence(
                error.evidence(),
                error.message().to_owned(),
            )
            .with_reply(status, headers, Bytes::new()),
            (Some(Fault::PrintsSettings), _) => {
                let key = attempt.credential.api_key();
                let key = key.as_ref().map_or("", |key| key.expose());
                ExecutorError::from_evidence(error.evidence(), format!("{} with {key}", error.message()))
            }
            _ => error,
        }
    }

    async fn whole(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        if !self.has(Fault::OutlivesItsCaller) {
            return self.inner.execute(attempt).await;
        }
        let inner = Arc::clone(&self.inner);
        #[expect(clippy::disallowed_methods, reason = "the fault is to spawn")]
        tokio::spawn(async move { inner.execute(attempt).await }).await.unwrap()
    }
}

#[async_trait]
impl ProviderExecutor for Faulty {
    fn provider(&self) -> &ProviderId {
        self.inner.provider()
    }

    fn wire_formats(&self, model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        if self.has(Fault::NamesNoFormat) { &[] } else { self.inner.wire_formats(model, operation) }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let twice = if self.has(Fault::ListsTwice) { 2 } else { 1 };
        Ok(vec![ModelInfo::new("m"); twice])
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        self.inner.classify(failure)
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let attempt = self.spoil(attempt);
        if self.has(Fault::CallsBeside) {
            drop(self.line.execute(attempt.clone()).await);
        }
        let mut result = self.whole(attempt.clone()).await;
        if self.has(Fault::Retries) && result.is_err() {
            result = self.whole(attempt.clone()).await;
        }
        let mut reply = match result {
            Ok(reply) => reply,
            Err(error) if self.has(Fault::TakesPages) && error.kind() == ErrorKind::BadReply => {
                WireReply::new(error.headers().clone(), error.body().clone())
            }
            Err(error) => return Err(self.spoil_error(error, &attempt)),
        };
        match self.fault {
            Some(Fault::TrimsReply) => drop(reply.body.split_off(reply.body.len() - 1)),
            Some(Fault::EmptiesReply) => reply.body.clear(),
            Some(Fault::HidesHeaders) => reply.headers = HeaderMap::new(),
            Some(Fault::SaysOk) => reply.status = StatusCode::OK,
            _ => {}
        }
        Ok(reply)
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        if !self.streams && !self.has(Fault::StreamsAnyway) {
            if self.has(Fault::DeclinesLate) {
                drop(self.inner.execute(attempt).await);
            }
            return Err(ExecutorError::unsupported(self.provider(), "execute_stream"));
        }
        let attempt = self.spoil(attempt);
        let turn = match self.fault {
            Some(Fault::OneAtATime) => Some(Arc::clone(&self.turn).lock_owned().await),
            _ => None,
        };
        let opened = self.inner.execute_stream(attempt.clone()).await;
        let mut reply = opened.map_err(|error| self.spoil_error(error, &attempt))?;
        reply.body = match self.fault {
            Some(Fault::Buffers) => streams::buffered(reply.body).await,
            Some(Fault::ReadsAhead) => streams::read_ahead(reply.body),
            Some(Fault::SwallowsBreaks) => streams::without_breaks(reply.body),
            Some(Fault::TrimsReply) => streams::trimmed(reply.body),
            Some(Fault::OutlivesItsCaller) => streams::read_on(reply.body),
            Some(Fault::OneAtATime) => streams::holding(turn, reply.body),
            _ => reply.body,
        };
        Ok(reply)
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        if self.has(Fault::SchedulesRenewal) {
            return Renewal::Lead(std::time::Duration::from_secs(60));
        }
        self.inner.renewal(credential)
    }

    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        if self.has(Fault::RenewsKeys) {
            return Ok(credential.clone());
        }
        self.inner.refresh(credential).await
    }

    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        if self.has(Fault::Counts) {
            return self.inner.execute(attempt).await;
        }
        Err(ExecutorError::unsupported(self.provider(), "count_tokens"))
    }

    async fn http_request(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        if self.has(Fault::SendsRawUnsigned) {
            let unsigned = credential.with_document(Document::default());
            return self.inner.http_request(&unsigned, request).await;
        }
        let reply = self.inner.http_request(credential, request).await?;
        if self.has(Fault::JudgesRawReplies) && !reply.status().is_success() {
            return Err(ExecutorError::new(ErrorKind::InvalidRequest, "failed"));
        }
        Ok(reply)
    }
}
