//! What it costs to choose a credential. Budget (design.md §10): at most 1 µs among 10 000.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "benchmarks fail by panicking; divan's attributes make functions"
)]

use std::sync::Arc;

use cliproxy_conductor::{Conductor, Options, Registration, Strategy};
use cliproxy_core::{
    Attempt, ClientError, ClientErrorKind, ClientRequest, Credential, CredentialId, CredentialKind, Document,
    Exchange, ExecutorError, ModelInfo, Operation, Origin, ProviderExecutor, ProviderFormat, ProviderId,
    Settings, Upstream, UpstreamModel, WireReply,
};
use divan::Bencher;

#[derive(Debug)]
struct Nowhere;

impl Upstream for Nowhere {
    fn open(&self, _: Arc<ClientRequest>) -> Result<Box<dyn Exchange>, Box<ClientError>> {
        Err(Box::new(ClientError::new(ClientErrorKind::Unsupported, "nothing is sent here")))
    }
}

#[derive(Debug)]
struct Idle(ProviderId);

#[async_trait::async_trait]
impl ProviderExecutor for Idle {
    fn provider(&self) -> &ProviderId {
        &self.0
    }

    fn wire_formats(&self, _: &UpstreamModel, _: Operation) -> &[ProviderFormat] {
        &[]
    }

    async fn models(&self, _: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(Vec::new())
    }

    async fn execute(&self, _: Attempt) -> Result<WireReply, ExecutorError> {
        Err(ExecutorError::unsupported(&self.0, "execute"))
    }
}

fn pool(keys: usize, strategy: Strategy) -> Arc<Conductor> {
    pools(&["p"], keys, strategy)
}

fn pools(providers: &[&'static str], keys: usize, strategy: Strategy) -> Arc<Conductor> {
    let mut options = Options::default();
    options.strategy = strategy;
    let conductor = Conductor::builder(Arc::new(Nowhere)).options(options).build();
    let models: Vec<ModelInfo> = (0..40).map(|n| ModelInfo::new(format!("model-{n}"))).collect();
    let mut registrations = Vec::new();
    for provider in providers {
        let executor: Arc<dyn ProviderExecutor> = Arc::new(Idle(ProviderId::from_static(provider)));
        registrations.extend((0..keys).map(|n| {
            let credential = Credential::new(
                CredentialId::new(format!("{provider}:apikey:{n:012x}")),
                ProviderId::from_static(provider),
                CredentialKind::ApiKey,
                Origin::Config("bench".to_owned()),
                Document::default(),
                Settings::new("bench"),
            );
            Registration::new(Arc::clone(&executor), Arc::new(credential), models.clone())
        }));
    }
    conductor.sync(registrations);
    conductor.pick("model-7").unwrap();
    conductor
}

#[divan::bench(args = [1, 100, 10_000])]
fn round_robin(bencher: Bencher<'_, '_>, keys: usize) {
    let conductor = pool(keys, Strategy::RoundRobin);
    bencher.bench(|| conductor.pick("model-7"));
}

#[divan::bench(args = [1, 100, 10_000])]
fn fill_first(bencher: Bencher<'_, '_>, keys: usize) {
    let conductor = pool(keys, Strategy::FillFirst);
    bencher.bench(|| conductor.pick("model-7"));
}

#[divan::bench(args = [1, 100, 10_000])]
fn weighted(bencher: Bencher<'_, '_>, keys: usize) {
    let conductor = pool(keys, Strategy::Weighted);
    bencher.bench(|| conductor.pick("model-7"));
}

#[divan::bench(args = [100, 10_000])]
fn two_providers_by_weight(bencher: Bencher<'_, '_>, keys: usize) {
    let conductor = pools(&["p", "q"], keys / 2, Strategy::Weighted);
    bencher.bench(|| conductor.pick("model-7"));
}

fn main() {
    divan::main();
}
