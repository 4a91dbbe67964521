//! What a request costs through the real binary, beside bare hyper and nginx: the table of design.md §10.
//!
//! `cargo bench -p cliproxy-benches` builds the server as it is released, starts it, a fake provider, bare hyper and
//! (when installed) nginx, and prints one table. Words behind `--` choose groups: `cargo bench -p cliproxy-benches --
//! small agent`. `--rounds N` and `--scale N` (per cent of the requests) trade time for noise. `--server PATH` measures
//! a server that was built elsewhere, as `scripts/release` does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark prints, waits, and fails by panicking"
)]

mod children;
mod costs;
mod instructions;
mod load;
mod memory;
mod process;
mod report;
mod start;

use std::path::PathBuf;

use report::Report;

/// What the command line asked for.
struct Arguments {
    groups: Vec<String>,
    rounds: usize,
    scale: usize,
    server: Option<PathBuf>,
}

impl Arguments {
    /// `None` when the program was not started as a benchmark.
    fn read() -> Option<Self> {
        let mut read = Self { groups: Vec::new(), rounds: 9, scale: 100, server: None };
        let (mut words, mut bench) = (std::env::args().skip(1), false);
        while let Some(word) = words.next() {
            if word == "--server" {
                read.server = Some(words.next().expect("a path").into());
                continue;
            }
            let mut number = || words.next().and_then(|text| text.parse().ok()).expect("a number");
            match word.as_str() {
                "--bench" => bench = true,
                "--rounds" => read.rounds = number(),
                "--scale" => read.scale = number(),
                _ => read.groups.push(word),
            }
        }
        bench.then_some(read)
    }

    fn wants(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|wanted| group.starts_with(wanted.as_str()))
    }

    /// Whether it wants anything of a group, such as `memory-burst` of `memory`.
    fn wants_part_of(&self, group: &str) -> bool {
        self.wants(group) || self.groups.iter().any(|wanted| wanted.starts_with(group))
    }
}

fn main() {
    let Some(arguments) = Arguments::read() else {
        println!("not started as a benchmark: nothing is measured");
        return;
    };
    let binaries = children::Binaries::find(arguments.server.clone());
    let mut report = Report::default();
    report.machine();
    if binaries.nginx.is_none() {
        report.note("nginx is not installed (Debian: the package nginx-light): its column is empty");
    }
    if arguments.wants("start") {
        start::measure(&binaries, &mut report);
    }
    costs::measure(&binaries, &arguments, &mut report);
    if arguments.wants_part_of("memory") {
        memory::measure(&binaries, &arguments, &mut report);
    }
    if arguments.wants("instructions") {
        instructions::measure(&binaries, &mut report);
    }
    report.print();
}
