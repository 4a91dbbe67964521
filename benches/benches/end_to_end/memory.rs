//! Memory and wake-ups: idle, with open streams, for one request, after a burst.

use std::net::SocketAddr;
use std::time::Duration;

use cliproxy_benches::bodies::Size;
use cliproxy_benches::format::Format;
use http_body_util::BodyExt as _;
use tokio::runtime::Runtime;

use crate::Arguments;
use crate::children::{self, Binaries, Proxy, Served};
use crate::load::{self, Client, Job};
use crate::report::{Report, Row, mebibytes, verdict};

const STREAMS: usize = 1000;

/// Clients and providers: each format with its own, and what is translated most and from the largest form.
const PAIRS: [(Format, Format); 7] = [
    (Format::Chat, Format::Chat),
    (Format::Claude, Format::Claude),
    (Format::Responses, Format::Responses),
    (Format::Gemini, Format::Gemini),
    (Format::Claude, Format::Chat),
    (Format::Gemini, Format::Claude),
    (Format::Responses, Format::Gemini),
];
const MEBIBYTE: f64 = 1024.0 * 1024.0;

pub(crate) fn measure(binaries: &Binaries, arguments: &Arguments, report: &mut Report) {
    let wants = |part: &str| arguments.wants(&format!("memory-{part}"));
    let provider = children::provider();
    let runtime = load::runtime();
    let start = |which| children::proxy(which, binaries, provider.address);
    if wants("idle") {
        idle(&start, report);
    }
    if wants("wake-ups") {
        wake_ups(&runtime, &children::ours(binaries, provider.address, 1), report);
    }
    if wants("streams") {
        // A stream of Responses that has said nothing but that it began is not shown to the client yet.
        let shown = PAIRS.iter().filter(|(_, provider)| *provider != Format::Responses);
        shown.for_each(|pair| open_streams(&runtime, &start, *pair, report));
    }
    if wants("peak") {
        PAIRS.iter().for_each(|pair| one_request(&runtime, &start, *pair, report));
    }
    if wants("burst") {
        bursts(&runtime, &start, report);
    }
}

type Start<'a> = &'a dyn Fn(Proxy) -> Option<Served>;

/// The same figure of each proxy, in the order of the columns.
fn each(start: Start<'_>, mut figure: impl FnMut(Proxy, Served) -> Option<f64>) -> [Option<f64>; 3] {
    Proxy::ALL.map(|which| start(which).and_then(|served| figure(which, served)))
}

fn row(work: &str, budget: f64, unit: &str, [ours, bare, nginx]: [Option<f64>; 3], report: &mut Report) {
    let cell = |value: Option<f64>| value.map(|value| format!("{value:.1} {unit}")).unwrap_or_default();
    report.row(Row {
        work: work.to_owned(),
        budget: format!("{budget} {unit}"),
        ours: cell(ours),
        bare: cell(bare),
        nginx: cell(nginx),
        verdict: ours.map(|ours| verdict(ours, budget)).unwrap_or_default(),
    });
}

fn pause(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

fn idle(start: Start<'_>, report: &mut Report) {
    let figures = each(start, |_, served| {
        pause(2);
        Some(served.process.resident() as f64 / MEBIBYTE)
    });
    row("resident, idle after the start", 15.0, "MiB", figures, report);
}

/// Idle is counted after some work, with connections of clients that stay open, with pooled ones, and their timers.
fn wake_ups(runtime: &Runtime, served: &Served, report: &mut Report) {
    const SECONDS: u64 = 40;
    const CONNECTIONS: usize = 16;
    let job = Job::new(Format::Chat, "chat-flood-200", true, Size::Agent);
    let open = runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = Client::connect(served.address).await;
            for _ in 0..4 {
                client.call(&job).await.expect("a reply");
            }
            open.push(client);
        }
        open
    });
    // Longer than the blocking pool keeps its threads.
    pause(12);
    let before = served.process.sleeps();
    pause(SECONDS);
    let count = served.process.sleeps() - before;
    drop(open);
    report.row(Row {
        work: format!("wake-ups in {SECONDS} s, idle after some work, {CONNECTIONS} connections open"),
        budget: "0".to_owned(),
        ours: count.to_string(),
        verdict: verdict(count as f64, 0.0),
        ..Row::default()
    });
}

/// Streams that have begun and say nothing.
fn open_streams(
    runtime: &Runtime,
    start: Start<'_>,
    (client, provider): (Format, Format),
    report: &mut Report,
) {
    let (model, first) = (format!("{provider}-held-1"), format!("{provider}-flood-200"));
    let figures = each(start, |which, served| {
        let format = if which == Proxy::Ours { client } else { provider };
        let job = Job::new(format, &model, true, Size::Agent);
        // What the first requests of a process cost is no stream's.
        load::run(runtime, served.address, &Job::new(format, &first, true, Size::Agent), 16, 64);
        let before = served.process.resident();
        let held = runtime.block_on(hold(served.address, &job));
        // Streams last for minutes: what their requests took is given back by then.
        pause(6);
        let after = served.process.resident();
        drop(held);
        Some(after.saturating_sub(before) as f64 / 1024.0 / STREAMS as f64)
    });
    let work = format!("each of {STREAMS} open streams with agent bodies, {client} → {provider}");
    row(&work, 40.0, "KiB", figures, report);
}

async fn hold(address: SocketAddr, job: &Job) -> Vec<(Client, hyper::body::Incoming)> {
    let mut held = Vec::new();
    for _ in 0..STREAMS {
        let mut client = Client::connect(address).await;
        let reply = client.send(job).await;
        assert!(reply.status().is_success(), "a stream was refused: {}", reply.status());
        let mut body = reply.into_body();
        body.frame().await.expect("a frame").expect("a whole frame");
        held.push((client, body));
    }
    held
}

/// The peak over what was resident before, for the first large request of a process.
fn one_request(
    runtime: &Runtime,
    start: Start<'_>,
    (client, provider): (Format, Format),
    report: &mut Report,
) {
    let model = format!("{provider}-flood-200");
    let figures = each(start, |which, served| {
        let format = if which == Proxy::Ours { client } else { provider };
        let small = Job::new(format, &model, false, Size::Small);
        load::run(runtime, served.address, &small, 1, 10);
        let job = Job::new(format, &model, false, Size::Large(16 << 20));
        let before = served.process.resident();
        served.process.forget_peak();
        load::run(runtime, served.address, &job, 1, 1);
        Some(served.process.peak().saturating_sub(before) as f64 / job.body.len() as f64)
    });
    let work = format!("peak memory of one request of 16 MB, {client} → {provider}");
    row(&work, 2.5, "× its body", figures, report);
}

/// 64 requests of 2 MB each on 16 connections, same format and translated, then half a minute of nothing.
fn bursts(runtime: &Runtime, start: Start<'_>, report: &mut Report) {
    let figures = each(start, |which, served| {
        for client in [Format::Chat, Format::Claude] {
            let format = if which == Proxy::Ours { client } else { Format::Chat };
            let job = Job::new(format, "chat-flood-200", true, Size::Large(2_000_000));
            load::run(runtime, served.address, &job, 16, 64);
        }
        if which == Proxy::Ours {
            let (now, peak) = (served.process.resident(), served.process.peak());
            report.note(format!("the burst: peak {}, {} at its end", mebibytes(peak), mebibytes(now)));
        }
        pause(30);
        Some(served.process.resident() as f64 / MEBIBYTE)
    });
    row("resident, 30 s after a burst of 2 MB bodies", 30.0, "MiB", figures, report);
}
