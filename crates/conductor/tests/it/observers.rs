//! Hooks and sinks watch, and cannot disturb. Source: runtime.md D.14, L.3 33.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_conductor::Options;
use cliproxy_core::*;
use parking_lot::Mutex;

use crate::fakes::{Play, key, read, request, settle, world_with};

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Hook for Notes {
    fn registered(&self, credential: &Credential) {
        self.0.lock().push(format!("registered {}", credential.id()));
    }
    fn updated(&self, credential: &Credential) {
        self.0.lock().push(format!("updated {}", credential.id()));
    }
    fn removed(&self, id: &CredentialId) {
        self.0.lock().push(format!("removed {id}"));
    }
    fn finished(&self, outcome: &Outcome) {
        let kind = match outcome.kind {
            OutcomeKind::Success => "success",
            OutcomeKind::Failure(kind) => kind.as_str(),
            OutcomeKind::Cancelled => "cancelled",
            _ => "other",
        };
        self.0
            .lock()
            .push(format!("{} {}: {kind} {:?}", outcome.attempt, outcome.credential, outcome.usage.output));
    }
}

#[derive(Debug)]
struct Panics;

impl Hook for Panics {
    fn registered(&self, _: &Credential) {
        panic!("registered");
    }
    fn finished(&self, _: &Outcome) {
        panic!("finished");
    }
}

#[derive(Debug, Default)]
struct Sink {
    records: Mutex<Vec<String>>,
    slow: Option<Duration>,
}

#[async_trait]
impl UsageSink for Sink {
    async fn record(&self, record: &UsageRecord) {
        if let Some(slow) = self.slow {
            tokio::time::sleep(slow).await;
        }
        let outcome = &record.outcome;
        self.records.lock().push(format!("{} {} {:?}", record.principal, outcome.credential, outcome.kind));
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_told_once_with_its_end() {
    let notes = Arc::new(Notes::default());
    let world = world_with(Options::default(), |builder| builder.hook(Arc::clone(&notes) as Arc<dyn Hook>));
    world.keys(&["a", "b"]);
    assert_eq!(notes.take(), ["registered a", "registered b"]);

    world.script.next("a", [Play::Reply(429, Some(1), "{}")]);
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(notes.take(), ["1 a: rate_limited None", "2 b: success Some(7)"]);

    let cut = [Play::Broken(ErrorKind::Interrupted), Play::Cut];
    world.script.next("b", [Play::Stream].into_iter().chain(cut).chain([Play::Stream, Play::Hang]));
    let stream = world.ask_stream("m").await.result.unwrap();
    assert_eq!(notes.take(), Vec::<String>::new());
    read(stream).await;
    read(world.ask_stream("m").await.result.unwrap()).await;
    read(world.ask_stream("m").await.result.unwrap()).await;
    drop(world.ask_stream("m").await);
    assert!(tokio::time::timeout(Duration::from_millis(9), world.ask("m")).await.is_err());
    assert_eq!(
        notes.take(),
        [
            "1 b: success Some(3)",
            "1 b: interrupted None",
            "1 b: interrupted None",
            "1 b: cancelled None",
            "1 b: cancelled None"
        ]
    );

    // Handed in again as it is: nothing happened.
    world.keys(&["a"]);
    world.add(key("a", |settings| settings.priority = 1));
    world.conductor.remove(&CredentialId::new("b"));
    assert_eq!(notes.take(), ["updated a", "removed b"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_disturbs_nobody() {
    let notes = Arc::new(Notes::default());
    let world = world_with(Options::default(), |builder| {
        builder.hook(Arc::new(Panics)).hook(Arc::clone(&notes) as Arc<dyn Hook>)
    });
    world.keys(&["a"]);
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(notes.take(), ["registered a", "1 a: success Some(7)"]);
}

#[tokio::test(start_paused = true)]
async fn one_usage_record_a_request_whatever_it_took() {
    let sink = Arc::new(Sink::default());
    let world =
        world_with(Options::default(), |builder| builder.usage_sink(Arc::clone(&sink) as Arc<dyn UsageSink>));
    world.conductor.start();
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Reply(429, None, "{}"), Play::Reply(429, None, "{}")]);
    let from_me = || request("m").with_principal(Principal::new("me"));
    assert!(world.conductor.dispatch(from_me()).await.result.is_ok());
    crate::fakes::sleep(1).await;
    world.script.next("b", [Play::Reply(500, None, "{}")]);
    assert!(world.conductor.dispatch(from_me()).await.result.is_err());
    world.conductor.shutdown().await;
    let records = sink.records.lock().clone();
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[0], "me b Success");
    assert!(records[1].contains("Failure"), "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_loses_records_and_delays_no_request() {
    let sink = Arc::new(Sink { slow: Some(Duration::from_secs(1)), ..Sink::default() });
    let world =
        world_with(Options::default(), |builder| builder.usage_sink(Arc::clone(&sink) as Arc<dyn UsageSink>));
    world.conductor.start();
    world.keys(&["a"]);
    let began = tokio::time::Instant::now();
    for _ in 0..2000 {
        assert!(world.ask("m").await.result.is_ok());
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    settle().await;
    assert!(world.conductor.dropped_usage_records() >= 900);
    // What is queued is recorded before shutdown is over.
    world.conductor.shutdown().await;
    let recorded = sink.records.lock().len() as u64;
    assert_eq!(recorded + world.conductor.dropped_usage_records(), 2000);
}

/// Panics over the first record, is stuck over the second, and takes the rest.
#[derive(Debug, Default)]
struct Moody {
    asked: Mutex<usize>,
    taken: Mutex<usize>,
}

#[async_trait]
impl UsageSink for Moody {
    async fn record(&self, _: &UsageRecord) {
        let asked = {
            let mut asked = self.asked.lock();
            *asked += 1;
            *asked
        };
        match asked {
            1 => panic!("no disk"),
            2 => std::future::pending().await,
            _ => *self.taken.lock() += 1,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_or_is_stuck_costs_its_own_record_only() {
    let (moody, calm) = (Arc::new(Moody::default()), Arc::new(Sink::default()));
    let world = world_with(Options::default(), |builder| {
        builder
            .usage_sink(Arc::clone(&moody) as Arc<dyn UsageSink>)
            .usage_sink(Arc::clone(&calm) as Arc<dyn UsageSink>)
    });
    world.conductor.start();
    world.keys(&["a"]);
    for _ in 0..4 {
        assert!(world.ask("m").await.result.is_ok());
    }
    crate::fakes::sleep(60).await;
    assert_eq!((*moody.taken.lock(), calm.records.lock().len()), (2, 4));
    world.conductor.shutdown().await;
    assert_eq!(world.conductor.dropped_usage_records(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_sink_does_not_keep_the_program_from_ending() {
    let sink = Arc::new(Sink { slow: Some(Duration::from_secs(86_400)), ..Sink::default() });
    let world =
        world_with(Options::default(), |builder| builder.usage_sink(Arc::clone(&sink) as Arc<dyn UsageSink>));
    world.conductor.start();
    world.keys(&["a"]);
    for _ in 0..10 {
        assert!(world.ask("m").await.result.is_ok());
    }
    let began = tokio::time::Instant::now();
    world.conductor.shutdown().await;
    assert!(began.elapsed() <= Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(world.conductor.dropped_usage_records(), 10);
}
