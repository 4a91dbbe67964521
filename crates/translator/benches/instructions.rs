//! What each pair of formats costs in instructions, counted by callgrind: a request of 110 KB, one of 1 MB, one event of a
//! stream. Run `cargo bench -p cliproxy-translator --bench instructions`; names behind `--` choose pairs (`-- claude`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    missing_docs,
    reason = "benchmarks print, and fail by panicking"
)]

mod pair;

use std::env;
use std::hint::black_box;
use std::path::Path;

use cliproxy_benches::bodies::Size;
use cliproxy_benches::callgrind;
use pair::{EVENTS, Pair, pairs};

/// What is counted: many rounds less few.
const FEW: usize = 1;
const MANY: usize = 3;

/// Asks this program to do the work itself, counted by the one that started it.
const WORK: &str = "--work";

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [work, kind, pair, rounds] = words.as_slice()
        && work == WORK
    {
        return run(kind, pair, rounds.parse().unwrap());
    }
    if !words.iter().any(|word| word == "--bench") {
        return println!("not started as a benchmark: nothing is counted");
    }
    if !callgrind::is_installed() {
        return println!("{}", callgrind::MISSING);
    }
    let wanted: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    println!("| client → provider | 110 KB | 1 MB | one event |\n|---|---|---|---|");
    for pair in pairs() {
        if !wanted.is_empty() && !wanted.iter().any(|word| pair.contains(word.as_str())) {
            continue;
        }
        let [small, large, stream] = ["small", "large", "stream"].map(|kind| per_round(kind, &pair));
        let event = stream / EVENTS as f64;
        println!(
            "| {} | {:.0} k | {:.2} M | {event:.0} |",
            pair.replace(" to ", " → "),
            small / 1e3,
            large / 1e6
        );
    }
}

/// The work that is counted.
fn run(kind: &str, name: &str, rounds: usize) {
    match kind {
        "stream" => {
            let pair = Pair::new(name, Size::Small);
            let streaming = pair.streaming();
            for _ in 0..rounds {
                black_box(streaming.run(&pair.registry));
            }
        }
        kind => {
            let size = if kind == "small" { Size::Agent } else { Size::Large(1_000_000) };
            let pair = Pair::new(name, size);
            for _ in 0..rounds {
                black_box(black_box(&pair).translate());
            }
        }
    }
}

fn per_round(kind: &str, pair: &str) -> f64 {
    let spent = counted(kind, pair, MANY) as f64 - counted(kind, pair, FEW) as f64;
    spent / (MANY - FEW) as f64
}

/// All instructions of a process that does so many rounds.
fn counted(kind: &str, pair: &str, rounds: usize) -> u64 {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let status = callgrind::command(&log)
        .arg(env::current_exe().unwrap())
        .args([WORK, kind, pair, &rounds.to_string()])
        .status()
        .expect("valgrind starts");
    assert!(status.success(), "{kind}, {pair}: {status}");
    callgrind::collected(&log).expect("a count")
}
