//! One fake, one executor, and the calls that the checks make.

use std::error::Error as _;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialId, CredentialKind, Document, ExecutorError, Operation, Origin,
    ProviderExecutor, ProviderFormat, ReplyModes, Secret, Settings, Timestamp, UpstreamBytes, UpstreamModel,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::samples::Sample;
use super::subject::{Site, Subject};
use crate::FakeUpstream;
use crate::received::Received;
use crate::reply::Reply;

/// The key of the credential that most checks use: what a fake beside the site has to give where keys are exchanged.
pub const KEY: &str = "conformance-key-0123456789";
/// What a client must never see sent on.
pub(super) const CLIENT_SECRET: &str = "client-secret-0123456789";

pub(super) struct Stage {
    pub(super) subject: Subject,
    pub(super) upstream: FakeUpstream,
    pub(super) executor: Arc<dyn ProviderExecutor>,
    pub(super) site: Site,
}

/// How a reply is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Whole,
    Stream,
}

/// A reply in either mode, read to its end.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Stage {
    pub(super) async fn set(subject: Subject) -> Self {
        let upstream = FakeUpstream::start().await;
        Self::at(subject, upstream, None)
    }

    pub(super) async fn with_deadline(subject: Subject, first_byte: Duration) -> Self {
        let upstream = FakeUpstream::start().await;
        Self::at(subject, upstream, Some(first_byte))
    }

    fn at(subject: Subject, upstream: FakeUpstream, first_byte: Option<Duration>) -> Self {
        for (path, reply) in &subject.paths {
            upstream.script_path(path, [reply.clone()]);
        }
        let site = Site { url: upstream.url(), first_byte };
        let executor = subject.executor(&site);
        Self { subject, upstream, executor, site }
    }

    /// The same subject where nobody listens.
    pub(super) async fn unreachable(subject: Subject) -> Self {
        let mut stage = Self::set(subject).await;
        stage.site.url = format!("http://{}", closed_port());
        stage.executor = stage.subject.executor(&stage.site);
        stage
    }

    pub(super) fn credential(&self, key: &str) -> Credential {
        self.credential_with(key, |_| {})
    }

    pub(super) fn credential_with(&self, key: &str, change: impl FnOnce(&mut Settings)) -> Credential {
        let mut settings = Settings::new("conformance");
        settings.base_url = Some(self.site.url.clone());
        self.subject.change(&mut settings);
        change(&mut settings);
        Credential::new(
            CredentialId::new(format!("{}:apikey:conformance", self.executor.provider())),
            self.executor.provider().clone(),
            CredentialKind::ApiKey,
            Origin::Runtime,
            Document::with_api_key(&Secret::from(key)).merged(self.subject.document.clone()),
            settings,
        )
    }

    pub(super) fn model(&self) -> UpstreamModel {
        UpstreamModel::new(&self.subject.model)
    }

    /// The formats that it speaks for generating.
    pub(super) fn formats(&self) -> Vec<ProviderFormat> {
        self.executor.wire_formats(&self.model(), Operation::Generate).to_vec()
    }

    pub(super) fn format(&self) -> ProviderFormat {
        self.formats().first().cloned().expect("a format for generating")
    }

    pub(super) fn sample(&self) -> Sample {
        self.subject.sample_of(&self.format())
    }

    /// The modes that it offers.
    pub(super) fn modes(&self) -> Vec<Mode> {
        let mut modes = match self.executor.reply_modes(&self.model()) {
            ReplyModes::WholeOnly => vec![Mode::Whole],
            ReplyModes::StreamOnly => vec![Mode::Stream],
            _ => vec![Mode::Whole, Mode::Stream],
        };
        if !self.subject.streams {
            modes.retain(|mode| *mode == Mode::Whole);
        }
        assert!(!modes.is_empty(), "it gives neither whole replies nor streams");
        modes
    }

    pub(super) fn attempt(&self, credential: Credential, mode: Mode) -> Attempt {
        self.attempt_in(credential, mode, &self.format())
    }

    pub(super) fn attempt_in(&self, credential: Credential, mode: Mode, format: &ProviderFormat) -> Attempt {
        let stream = mode == Mode::Stream;
        let body = self.subject.sample_of(format).body(format, stream);
        let mut attempt = Attempt::new(Arc::new(credential), self.model(), format.clone(), body);
        attempt.stream = stream;
        attempt.now = Timestamp::from_secs(1_795_428_000);
        let mut headers = HeaderMap::new();
        for name in ["authorization", "x-api-key", "x-goog-api-key", "cookie", "x-unknown"] {
            headers.insert(name, HeaderValue::from_static(CLIENT_SECRET));
        }
        headers.insert("x-client-word", HeaderValue::from_static("blue"));
        attempt.client_headers = Arc::new(headers);
        attempt
    }

    /// The reply that the fake gives in a mode.
    pub(super) fn reply(&self, mode: Mode) -> Reply {
        match mode {
            Mode::Whole => self.sample().whole,
            Mode::Stream => self.sample().stream,
        }
    }

    /// One call to its end.
    pub(super) async fn call(&self, credential: Credential, mode: Mode) -> Result<Got, ExecutorError> {
        self.send(self.attempt(credential, mode)).await
    }

    pub(super) async fn send(&self, attempt: Attempt) -> Result<Got, ExecutorError> {
        if !attempt.stream {
            let reply = self.executor.execute(attempt).await?;
            return Ok(Got { status: reply.status, headers: reply.headers, body: reply.body });
        }
        let mut reply = self.executor.execute_stream(attempt).await?;
        let (body, error) = read(&mut reply.body).await;
        match error {
            None => Ok(Got { status: reply.status, headers: reply.headers, body }),
            Some(error) => Err(error),
        }
    }

    /// What the fake received for the model: calls on the subject's own paths are not counted.
    pub(super) fn received(&self) -> Vec<Received> {
        let own = |request: &Received| !self.subject.paths.iter().any(|(path, _)| *path == request.path);
        self.upstream.requests().into_iter().filter(own).collect()
    }
}

/// The next piece of a stream.
pub(super) async fn next(body: &mut UpstreamBytes) -> Option<Result<Bytes, ExecutorError>> {
    std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await
}

/// The bytes of a stream, and what broke it.
pub(super) async fn read(body: &mut UpstreamBytes) -> (Bytes, Option<ExecutorError>) {
    let mut all = Vec::new();
    while let Some(piece) = next(body).await {
        match piece {
            Ok(bytes) => all.extend_from_slice(&bytes),
            Err(error) => return (all.into(), Some(error)),
        }
    }
    (all.into(), None)
}

/// An address where nobody listens.
pub(super) fn closed_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address")
}

/// Everything that printing an error shows, its causes included.
pub(super) fn shown(error: &ExecutorError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

/// What went wrong, with the call that it went wrong in.
#[track_caller]
pub(super) fn expect<T>(result: Result<T, ExecutorError>, call: impl Debug) -> T {
    result.unwrap_or_else(|error| panic!("{call:?} failed: {}", shown(&error)))
}
