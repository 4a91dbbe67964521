//! What is checked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{ErrorKind, ProviderExecutor, ProviderFormat, Settings};
use serde_json::{Map, Value};

use super::samples::{self, Sample};
use crate::reply::Reply;

/// Where an executor finds the fake, and under which terms.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Site {
    pub(super) url: String,
    pub(super) first_byte: Option<Duration>,
}

impl Site {
    /// The root of the fake upstream, without a slash at its end. The credential's base URL says the same.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The deadline for a reply's head that the HTTP client has to keep, if any: short in the one check that lets it
    /// pass.
    #[must_use]
    pub fn first_byte_timeout(&self) -> Option<Duration> {
        self.first_byte
    }
}

/// How long a check may take before it is said to hang. Real sockets answer in milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);

type Make = Box<dyn Fn(&Site) -> Arc<dyn ProviderExecutor>>;

/// An executor under test, and what has to be known of it.
pub struct Subject {
    make: Make,
    change: Box<dyn Fn(&mut Settings)>,
    pub(super) model: String,
    pub(super) streams: bool,
    pub(super) counts: bool,
    pub(super) document: Map<String, Value>,
    samples: Vec<(ProviderFormat, Sample)>,
    readings: Vec<(u16, ErrorKind)>,
    pub(super) paths: Vec<(String, Reply)>,
    pub(super) patience: Duration,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Subject {
    /// An executor made for a site. It is made anew for each check.
    #[must_use]
    pub fn new<E: ProviderExecutor>(make: impl Fn(&Site) -> E + 'static) -> Self {
        Self {
            make: Box::new(move |site| Arc::new(make(site))),
            change: Box::new(|_| {}),
            model: "conformance-model".to_owned(),
            streams: true,
            counts: false,
            document: Map::new(),
            samples: Vec::new(),
            readings: Vec::new(),
            paths: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// The upstream model that is asked for.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        model.clone_into(&mut self.model);
        self
    }

    /// Changes the settings of every credential the checks use: the base URL is set to the site's before.
    #[must_use]
    pub fn settings(mut self, change: impl Fn(&mut Settings) + 'static) -> Self {
        self.change = Box::new(change);
        self
    }

    /// A member of every credential's document beside its key, such as a project.
    #[must_use]
    pub fn document(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.document.insert(name.to_owned(), value.into());
        self
    }

    /// A request and its replies in a format that the testkit has none for.
    #[must_use]
    pub fn sample(
        mut self,
        format: ProviderFormat,
        request: impl Into<Bytes>,
        whole: Reply,
        stream: Reply,
    ) -> Self {
        self.samples.push((format, Sample { request: request.into(), whole, stream }));
        self
    }

    /// It counts tokens through its provider.
    #[must_use]
    pub fn counts_tokens(mut self) -> Self {
        self.counts = true;
        self
    }

    /// It reads a status in another way than the standard: the provider documents that.
    #[must_use]
    pub fn reads(mut self, status: u16, kind: ErrorKind) -> Self {
        self.readings.push((status, kind));
        self
    }

    /// What the fake answers on a path that the executor calls beside the model's, such as a list of models.
    #[must_use]
    pub fn on_path(mut self, path: &str, reply: Reply) -> Self {
        self.paths.push((path.to_owned(), reply));
        self
    }

    /// How long a check may take before it is said to hang, in place of two minutes.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// It gives whole replies only. [`conformance!`](crate::conformance!) says it for you.
    #[must_use]
    pub fn without_streams(mut self) -> Self {
        self.streams = false;
        self
    }

    pub(super) fn executor(&self, site: &Site) -> Arc<dyn ProviderExecutor> {
        (self.make)(site)
    }

    pub(super) fn change(&self, settings: &mut Settings) {
        (self.change)(settings);
    }

    /// The sample of a format.
    pub(super) fn sample_of(&self, format: &ProviderFormat) -> Sample {
        let own = self.samples.iter().find(|(known, _)| known == format).map(|(_, sample)| sample.clone());
        own.or_else(|| samples::of(format)).unwrap_or_else(|| {
            panic!("the testkit has no sample of the format {format}: give one with `Subject::sample`")
        })
    }

    /// How a status has to be read.
    pub(super) fn reading(&self, status: u16, standard: ErrorKind) -> ErrorKind {
        self.readings.iter().find(|(known, _)| *known == status).map_or(standard, |(_, kind)| *kind)
    }
}
