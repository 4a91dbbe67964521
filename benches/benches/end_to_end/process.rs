//! What the system knows of a process: CPU time, memory, wake-ups.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child that ends with its owner.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn new(child: Child) -> Self {
        Self { child }
    }

    fn path(&self, rest: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{rest}", self.child.id()))
    }

    /// CPU time of each thread, in nanoseconds. Finer than the ticks of `stat`.
    // Source: Linux, Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat".
    pub(crate) fn cpu(&self) -> CpuTimes {
        let mut threads = HashMap::new();
        for thread in self.threads() {
            let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
            if let Some(time) = text.split(' ').next().and_then(|text| text.parse::<u64>().ok()) {
                threads.insert(thread, time);
            }
        }
        CpuTimes(threads)
    }

    /// How often its threads went to sleep of their own accord: each sleep ends with a wake-up.
    pub(crate) fn sleeps(&self) -> u64 {
        self.threads()
            .iter()
            .filter_map(|thread| {
                number(&fs::read_to_string(thread.join("status")).ok()?, "voluntary_ctxt_switches:")
            })
            .sum()
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.status("VmRSS:") * 1024
    }

    /// The most memory that was ever resident, in bytes, since the last [`Self::forget_peak`].
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM:") * 1024
    }

    /// Source: proc(5), "/proc/pid/clear_refs", value 5.
    pub(crate) fn forget_peak(&self) {
        fs::write(self.path("clear_refs"), "5").expect("the peak can be reset");
    }

    fn status(&self, name: &str) -> u64 {
        number(&fs::read_to_string(self.path("status")).expect("the process runs"), name).expect("a number")
    }

    fn threads(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("task")).expect("the process runs");
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first: a program built to write a profile does so at its own end.
        let asked = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        let until = Instant::now() + PATIENCE;
        while asked.is_ok() && Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The CPU time of all threads of a process at one moment.
pub(crate) struct CpuTimes(HashMap<PathBuf, u64>);

impl CpuTimes {
    /// What was spent since `earlier`. A thread that has ended since is not seen; the pools keep theirs for longer.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let spent =
            |(thread, time): (&PathBuf, &u64)| time - earlier.0.get(thread).copied().unwrap_or(0).min(*time);
        Duration::from_nanos(self.0.iter().map(spent).sum())
    }
}
