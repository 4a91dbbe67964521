//! The conformance suite notices: each fault that an executor may have fails the check that is about it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Document, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, Secret, UpstreamModel, WireReply, WireStream,
};
use cliproxy_executors::{Egress, OpenAiCompatExecutor};
use cliproxy_testkit::conformance::{self, Subject};
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Request, Response, StatusCode};

/// What is wrong with an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Sends the client's headers on.
    CarriesClientHeaders,
    /// Forgets one of the credential's settings.
    IgnoresProxy,
    IgnoresHeaders,
    /// Spends the first key it saw for everybody.
    KeepsFirstKey,
    /// Tries a second time by itself.
    Retries,
    /// Touches the reply.
    TrimsReply,
    HidesHeaders,
    SaysOk,
    /// Reads failures in its own way.
    BlamesServer,
    DropsErrorBody,
    PrintsSettings,
    /// Waits for the end of a stream before it hands it on.
    Buffers,
    /// Reads ahead in a task of its own.
    ReadsAhead,
    /// Ends a broken stream as if it were whole.
    SwallowsBreaks,
    ListsTwice,
    NamesNoFormat,
    /// Counts although it does not say so.
    Counts,
}

struct Faulty {
    inner: OpenAiCompatExecutor,
    fault: Fault,
    /// The first key that was spent.
    first: OnceLock<Document>,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn spoil(&self, mut attempt: Attempt) -> Attempt {
        let mut settings = attempt.credential.settings().clone();
        match self.fault {
            Fault::CarriesClientHeaders => {
                let copied = attempt.client_headers.keys().filter(|name| *name != "authorization");
                settings
                    .headers
                    .extend(copied.map(|name| (name.to_string(), Secret::new(format!("${name}")))));
            }
            Fault::IgnoresProxy => settings.proxy = None,
            Fault::IgnoresHeaders => settings.headers.clear(),
            _ => {}
        }
        let mut credential = attempt.credential.with_settings(settings);
        if self.has(Fault::KeepsFirstKey) {
            let first = self.first.get_or_init(|| credential.document().clone());
            credential = credential.with_document(first.clone());
        }
        attempt.credential = Arc::new(credential);
        attempt
    }

    fn spoil_error(&self, error: ExecutorError, attempt: &Attempt) -> ExecutorError {
        let headers = error.headers().clone();
        let status = error.status();
        let made = match self.fault {
            Fault::DropsErrorBody => ExecutorError::from_evidence(error.evidence(), error.message()),
            Fault::PrintsSettings => {
                let key = attempt.credential.api_key();
                let key = key.as_ref().map_or("", |key| key.expose());
                ExecutorError::from_evidence(error.evidence(), format!("{} with {key}", error.message()))
            }
            _ => return error,
        };
        match status {
            Some(status) => made.with_reply(status, headers, Bytes::new()),
            None => made,
        }
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
        Evidence::standard(failure)
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let attempt = self.spoil(attempt);
        let mut result = self.inner.execute(attempt.clone()).await;
        if self.has(Fault::Retries) && result.is_err() {
            result = self.inner.execute(attempt.clone()).await;
        }
        let mut reply = match result {
            Ok(reply) => reply,
            Err(error) if self.has(Fault::BlamesServer) && error.status().is_some() => {
                let (status, body) = (error.status().unwrap(), error.body().clone());
                return Err(ExecutorError::new(ErrorKind::Server, "failed").with_reply(
                    status,
                    error.headers().clone(),
                    body,
                ));
            }
            Err(error) => return Err(self.spoil_error(error, &attempt)),
        };
        match self.fault {
            Fault::TrimsReply => drop(reply.body.split_off(reply.body.len() - 1)),
            Fault::HidesHeaders => reply.headers = HeaderMap::new(),
            Fault::SaysOk => reply.status = StatusCode::OK,
            _ => {}
        }
        Ok(reply)
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let attempt = self.spoil(attempt);
        let mut reply = self.inner.execute_stream(attempt).await?;
        let body = std::mem::replace(&mut reply.body, Box::pin(stream::empty()));
        reply.body = match self.fault {
            Fault::Buffers => {
                let all: Vec<_> = body.collect().await;
                Box::pin(stream::iter(all))
            }
            Fault::ReadsAhead => {
                let (sender, receiver) = std::sync::mpsc::channel();
                #[expect(clippy::disallowed_methods, reason = "the fault is to spawn")]
                tokio::spawn(async move {
                    let mut body = body;
                    while let Some(piece) = body.next().await {
                        if sender.send(piece).is_err() {
                            return;
                        }
                    }
                });
                Box::pin(stream::unfold(receiver, |receiver| async move {
                    loop {
                        match receiver.try_recv() {
                            Ok(piece) => return Some((piece, receiver)),
                            Err(std::sync::mpsc::TryRecvError::Disconnected) => return None,
                            Err(std::sync::mpsc::TryRecvError::Empty) => tokio::task::yield_now().await,
                        }
                    }
                }))
            }
            Fault::SwallowsBreaks => Box::pin(body.take_while(|piece| {
                let whole = piece.is_ok();
                async move { whole }
            })),
            Fault::TrimsReply => {
                let mut first = true;
                Box::pin(body.map(move |piece| {
                    piece.map(|bytes| if std::mem::take(&mut first) { bytes.slice(1..) } else { bytes })
                })) as Pin<Box<_>>
            }
            _ => body,
        };
        Ok(reply)
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
        self.inner.http_request(credential, request).await
    }
}

fn subject(fault: Fault) -> Subject {
    Subject::new(move |site| {
        let options = ClientOptions::new().with_first_byte_timeout(site.first_byte_timeout());
        let egress = Egress::new(HttpClient::new(options), ProxyChoice::Direct);
        let inner = OpenAiCompatExecutor::new(ProviderId::from_static("faulty"), egress);
        Faulty { inner, fault, first: OnceLock::new() }
    })
    .patience(Duration::from_secs(2))
}

macro_rules! caught {
    ($($fault:ident by $check:ident;)*) => {
        $({
            let run = || conformance::run(subject(Fault::$fault), conformance::$check);
            let passed = catch_unwind(AssertUnwindSafe(run)).is_ok();
            assert!(!passed, "{:?} passes {}", Fault::$fault, stringify!($check));
        })*
    };
}

#[test]
fn each_fault_fails_the_check_that_is_about_it() {
    caught! {
        CarriesClientHeaders by the_clients_secrets_stay_behind;
        IgnoresProxy by calls_go_through_the_credentials_proxy;
        IgnoresProxy by a_dead_proxy_is_not_gone_around;
        IgnoresHeaders by the_credentials_headers_come_last;
        KeepsFirstKey by each_credential_sends_its_own_key;
        Retries by failures_carry_status_reply_and_hint;
        TrimsReply by whole_replies_arrive_byte_for_byte;
        TrimsReply by streams_arrive_byte_for_byte;
        HidesHeaders by status_and_headers_arrive;
        SaysOk by status_and_headers_arrive;
        BlamesServer by failures_carry_status_reply_and_hint;
        DropsErrorBody by failures_carry_status_reply_and_hint;
        PrintsSettings by nothing_secret_is_printed;
        SwallowsBreaks by a_stream_cut_short_ends_in_an_error;
        SwallowsBreaks by a_reply_cut_short_is_never_a_success;
        Buffers by a_stream_is_handed_on_as_it_arrives;
        ReadsAhead by a_slow_reader_is_waited_for;
        ListsTwice by models_are_listed_without_repeats;
        NamesNoFormat by the_provider_and_its_formats_are_named;
        Counts by tokens_are_counted_or_the_count_is_declined;
    }
}
