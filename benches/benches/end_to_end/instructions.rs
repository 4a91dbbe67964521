//! Instructions of the whole server per request and per event, counted by callgrind.

use std::fs::File;
use std::process::Command;

use cliproxy_benches::bodies::Size;
use cliproxy_benches::callgrind;
use cliproxy_benches::format::Format;
use tokio::runtime::Runtime;

use crate::children::{self, Binaries, Proxy, Served};
use crate::load::{self, Job};
use crate::report::{Report, Row};

pub(crate) fn measure(binaries: &Binaries, report: &mut Report) {
    if !callgrind::is_installed() {
        return report.note(callgrind::MISSING);
    }
    let counter = Counter { binaries, provider: children::provider(), runtime: load::runtime() };
    let plain = children::ours(binaries, counter.provider.address, 1);
    let served = |job: &Job| load::probe(&counter.runtime, plain.address, job).is_ok();
    for client in Format::ALL {
        for provider in Format::ALL {
            let job = |format, mode: &str, stream, size| {
                Job::new(format, &format!("{provider}-{mode}"), stream, size)
            };
            if !served(&job(client, "flood-200", true, Size::Small)) {
                continue;
            }
            let count = |mode: &str, stream, size, requests| {
                let ours = counter.per_request(Proxy::Ours, &job(client, mode, stream, size), requests);
                let bare = counter.per_request(Proxy::Bare, &job(provider, mode, stream, size), requests);
                (ours, bare)
            };
            let mut row = |work: &str, budget: &str, (ours, bare): (f64, f64)| {
                report.row(Row {
                    work: format!("{work}, {client} → {provider}"),
                    budget: budget.to_owned(),
                    ours: thousands(ours),
                    bare: thousands(bare),
                    verdict: format!(
                        "{:.2} ×, {}{}",
                        ours / bare,
                        if ours < bare { "" } else { "+" },
                        thousands(ours - bare)
                    ),
                    ..Row::default()
                });
            };
            row("instructions: small, not streamed", "", count("flood-200", false, Size::Small, 200));
            row("instructions: agent, flood of 200 events", "", count("flood-200", true, Size::Agent, 20));
            for (work, short, long, events) in [
                ("instructions: one event of a flood", "flood-200", "flood-1000", 800.0),
                ("instructions: one event, paced", "paced-50", "paced-200", 150.0),
            ] {
                let (short, long) = (count(short, true, Size::Small, 10), count(long, true, Size::Small, 10));
                row(work, "", ((long.0 - short.0) / events, (long.1 - short.1) / events));
            }
        }
    }
}

fn thousands(count: f64) -> String {
    format!("{:.1} k", count / 1000.0)
}

struct Counter<'a> {
    binaries: &'a Binaries,
    provider: Served,
    runtime: Runtime,
}

impl Counter<'_> {
    /// What one request costs: many take longer than few by so many requests.
    fn per_request(&self, which: Proxy, job: &Job, few: usize) -> f64 {
        let many = few * 3;
        let spent = self.run(which, job, many) as f64 - self.run(which, job, few) as f64;
        spent / (many - few) as f64
    }

    /// All instructions of a process that serves this many requests.
    fn run(&self, which: Proxy, job: &Job, requests: usize) -> u64 {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let address = children::free_address();
        let counts = directory.path().join("counts");
        let plain = children::command(which, self.binaries, address, self.provider.address, directory.path())
            .expect("it is installed");
        let log = File::create(directory.path().join("log")).expect("the log can be written");
        let mut child = callgrind::command(&counts)
            .arg(plain.get_program())
            .args(plain.get_args())
            .env_clear()
            .env("HOME", directory.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stderr(log)
            .spawn()
            .expect("valgrind starts");
        children::wait_for(address);
        load::run(&self.runtime, address, job, 1, requests);
        let stopped = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        assert!(stopped.expect("kill runs").success());
        child.wait().expect("it ends");
        callgrind::collected(&counts).expect("a count")
    }
}
