//! The tables, as Markdown.

use std::fmt::Write as _;
use std::fs;

/// Tables and notes, in the order they came.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<[String; 6]>,
    notes: Vec<String>,
}

/// One row. What is unknown stays empty.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) budget: String,
    pub(crate) ours: String,
    pub(crate) bare: String,
    pub(crate) nginx: String,
    pub(crate) verdict: String,
}

impl Report {
    pub(crate) fn row(&mut self, row: Row) {
        let cells = [row.work, row.budget, row.ours, row.bare, row.nginx, row.verdict];
        eprintln!("{}", cells.join(" | "));
        self.rows.push(cells);
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("{text}");
        self.notes.push(text);
    }

    /// What the figures were taken on.
    pub(crate) fn machine(&mut self) {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        self.note(format!(
            "{count} processors ({}), Linux {}, load average at the start {}",
            model.trim_start_matches(|c: char| c == ':' || c.is_whitespace()),
            kernel.trim(),
            load.split(' ').next().unwrap_or_default(),
        ));
    }

    pub(crate) fn print(&self) {
        let mut text = String::new();
        for note in &self.notes {
            let _infallible = writeln!(text, "- {note}");
        }
        text.push_str("\n| work | budget | cliproxy | bare hyper | nginx | |\n|---|---|---|---|---|---|\n");
        for row in &self.rows {
            let _infallible = writeln!(text, "| {} |", row.join(" | "));
        }
        println!("{text}");
    }
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Whether a budget is kept, in words.
pub(crate) fn verdict(measured: f64, budget: f64) -> String {
    if measured <= budget { "met".to_owned() } else { "EXCEEDED".to_owned() }
}

/// Microseconds, with as many digits as make sense.
pub(crate) fn micros(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{:.2} ms", value / 1000.0)
    } else if value.abs() >= 100.0 {
        format!("{value:.0} µs")
    } else {
        format!("{value:.1} µs")
    }
}

/// Mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
