//! CPU time of each proxy per request, round by round in turn, so that what else runs on the machine hits all alike.

use cliproxy_benches::bodies::Size;
use cliproxy_benches::format::Format;
use tokio::runtime::Runtime;

use crate::Arguments;
use crate::children::{self, Binaries, Proxy, Served};
use crate::load::{self, Job};
use crate::report::{Report, Row, median, micros, verdict};

/// What one round does.
#[derive(Clone, Copy)]
struct Volume {
    connections: usize,
    requests: usize,
}

/// A cost in relation to bare hyper's.
enum Budget {
    Times(f64),
    PlusMicros(f64),
}

impl Budget {
    fn text(&self) -> String {
        match self {
            Self::Times(factor) => format!("{factor} × bare hyper"),
            Self::PlusMicros(more) => format!("bare hyper + {}", micros(*more)),
        }
    }

    /// How much of it was used, and whether that is too much.
    fn judge(&self, rounds: &Rounds) -> String {
        match self {
            Self::Times(factor) => {
                let ratio = rounds.paired(|ours, bare| ours / bare);
                format!("{ratio:.2} ×, {}", verdict(ratio, *factor))
            }
            Self::PlusMicros(more) => {
                let difference = rounds.paired(|ours, bare| ours - bare);
                format!(
                    "{}{}, {}",
                    if difference < 0.0 { "" } else { "+" },
                    micros(difference),
                    verdict(difference, *more)
                )
            }
        }
    }
}

/// The proxies, running.
struct Field {
    runtime: Runtime,
    proxies: Vec<(Proxy, Served)>,
    rounds: usize,
    scale: usize,
    _provider: Served,
}

/// Microseconds of CPU time per request of each proxy, by round.
struct Rounds(Vec<[Option<f64>; 3]>);

impl Rounds {
    fn median(&self, which: Proxy) -> Option<f64> {
        let values: Vec<f64> = self.0.iter().filter_map(|round| *round.get(which as usize)?).collect();
        (!values.is_empty()).then(|| median(values))
    }

    /// The median over rounds of something made of our cost and bare hyper's in the same round.
    fn paired(&self, make: impl Fn(f64, f64) -> f64) -> f64 {
        median(self.0.iter().filter_map(|round| Some(make(round[0]?, round[1]?))).collect())
    }

    fn cell(&self, which: Proxy) -> String {
        self.median(which).map(micros).unwrap_or_default()
    }
}

impl Field {
    fn start(binaries: &Binaries, arguments: &Arguments) -> Self {
        let provider = children::provider();
        let start = |which| Some((which, children::proxy(which, binaries, provider.address)?));
        let proxies = Proxy::ALL.into_iter().filter_map(start).collect();
        Self {
            runtime: load::runtime(),
            proxies,
            rounds: arguments.rounds,
            scale: arguments.scale,
            _provider: provider,
        }
    }

    /// Why our server does not serve a kind of request, if so.
    fn refused(&self, job: &Job) -> Option<String> {
        let (_, ours) = self.proxies.first()?;
        load::probe(&self.runtime, ours.address, job).err()
    }

    /// Runs `ours` through our server and `theirs` through the others.
    fn measure(&self, ours: &Job, theirs: &Job, volume: Volume) -> Rounds {
        let requests = (volume.requests * self.scale / 100).max(volume.connections);
        let mut rounds = Vec::new();
        for round in 0..=self.rounds {
            let mut costs = [None; 3];
            for turn in 0..self.proxies.len() {
                let Some((which, served)) = self.proxies.get((turn + round) % self.proxies.len()) else {
                    continue;
                };
                let job = if *which == Proxy::Ours { ours } else { theirs };
                let before = served.process.cpu();
                load::run(&self.runtime, served.address, job, volume.connections, requests);
                let spent = served.process.cpu().since(&before);
                if let Some(cost) = costs.get_mut(*which as usize) {
                    *cost = Some(spent.as_secs_f64() * 1e6 / requests as f64);
                }
            }
            // The first round warms up.
            if round > 0 {
                rounds.push(costs);
            }
        }
        Rounds(rounds)
    }

    fn row(&self, work: &str, jobs: (&Job, &Job), volume: Volume, budget: &Budget, report: &mut Report) {
        let mut row = Row { work: work.to_owned(), budget: budget.text(), ..Row::default() };
        if let Some(problem) = self.refused(jobs.0) {
            "not served".clone_into(&mut row.ours);
            report.row(row);
            report.note(format!("{work}: {}", problem.chars().take(160).collect::<String>()));
            return;
        }
        let rounds = self.measure(jobs.0, jobs.1, volume);
        row.ours = rounds.cell(Proxy::Ours);
        row.bare = rounds.cell(Proxy::Bare);
        row.nginx = rounds.cell(Proxy::Nginx);
        row.verdict = budget.judge(&rounds);
        report.row(row);
    }
}

const SMALL: Volume = Volume { connections: 16, requests: 4000 };
const FLOOD: Volume = Volume { connections: 8, requests: 400 };
const PACED: Volume = Volume { connections: 32, requests: 64 };

/// The model of a provider of this format that behaves so.
fn model(format: Format, mode: &str) -> String {
    format!("{format}-{mode}")
}

pub(crate) fn measure(binaries: &Binaries, arguments: &Arguments, report: &mut Report) {
    if !["small", "agent", "paced", "translated", "event"].iter().any(|group| arguments.wants(group)) {
        return;
    }
    let field = Field::start(binaries, arguments);
    for format in Format::ALL {
        let job = |mode: &str, stream, size| Job::new(format, &model(format, mode), stream, size);
        let mut row = |group: &str, work: &str, job: &Job, volume, budget: f64| {
            if arguments.wants(group) {
                let work = format!("{work}, {format} → {format}");
                field.row(&work, (job, job), volume, &Budget::Times(budget), report);
            }
        };
        if format != Format::Responses {
            row("small", "small, not streamed", &job("flood-200", false, Size::Small), SMALL, 1.6);
        }
        row("agent", "agent, flood of 200 events", &job("flood-200", true, Size::Agent), FLOOD, 1.3);
        row("paced", "agent, 200 events, one every 2 ms", &job("paced-200", true, Size::Agent), PACED, 1.3);
    }
    if arguments.wants("small") {
        put_together(&field, report);
    }
    for client in Format::ALL {
        for provider in Format::ALL.into_iter().filter(|provider| *provider != client) {
            if arguments.wants("translated") {
                let job = |format| Job::new(format, &model(provider, "flood-200"), true, Size::Agent);
                // The others forward what the provider understands.
                let jobs = (job(client), job(provider));
                let work = format!("agent, flood of 200 events, {client} → {provider}");
                field.row(&work, (&jobs.0, &jobs.1), FLOOD, &Budget::PlusMicros(700.0), report);
            }
        }
    }
    if arguments.wants("event") {
        for client in Format::ALL {
            for provider in Format::ALL {
                event(&field, client, provider, report);
            }
        }
    }
}

/// Codex answers in streams only: a reply that is to be whole is put together from one. The others forward the stream.
fn put_together(field: &Field, report: &mut Report) {
    let job =
        |stream| Job::new(Format::Responses, &model(Format::Responses, "flood-200"), stream, Size::Small);
    let work =
        "small, not streamed, responses → codex: put together from 200 events, which the others forward";
    field.row(work, (&job(false), &job(true)), FLOOD, &Budget::PlusMicros(700.0), report);
}

/// What one more event of a stream costs: the slope between a short stream and a long one.
fn event(field: &Field, client: Format, provider: Format, report: &mut Report) {
    let job = |format, mode| Job::new(format, &model(provider, mode), true, Size::Small);
    let budget = if client == provider { 0.5 } else { 2.0 };
    let mut row = Row {
        work: format!("one event of a flood, {client} → {provider}"),
        budget: format!("bare hyper + {}", micros(budget)),
        ..Row::default()
    };
    if field.refused(&job(client, "flood-200")).is_some() {
        "not served".clone_into(&mut row.ours);
        return report.row(row);
    }
    let rounds = |mode| field.measure(&job(client, mode), &job(provider, mode), FLOOD);
    let (short, long) = (rounds("flood-200"), rounds("flood-1000"));
    let slope = |which| Some((long.median(which)? - short.median(which)?) / 800.0);
    let cell = |which| slope(which).map(|value| format!("{value:.2} µs")).unwrap_or_default();
    row.ours = cell(Proxy::Ours);
    row.bare = cell(Proxy::Bare);
    row.nginx = cell(Proxy::Nginx);
    if let (Some(ours), Some(bare)) = (slope(Proxy::Ours), slope(Proxy::Bare)) {
        row.verdict = format!("{:+.2} µs, {}", ours - bare, verdict(ours - bare, budget));
    }
    report.row(row);
}
