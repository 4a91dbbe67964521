//! Serving: first run, log output, signals.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use cliproxy_sdk::config::{Environment, Notice, Overrides, Reason};
use cliproxy_sdk::transport::Workers;
use cliproxy_sdk::{Builder, Service, first_run, load_to_serve};
use tokio::runtime::{self, Runtime};

use crate::allocator;
use crate::commands::{chain, find, loader, say};
use crate::log::Log;
use crate::signals::Signals;
use crate::tidy::Tidy;

const FIRST_PORT: u16 = 8317;

/// Threads for blocking work, over all runtimes: each has some of its own, which look up the names of hosts, write files
/// and translate large bodies. A resolver that does not answer would else have hundreds of them on each processor.
const BLOCKING_THREADS: usize = 512;

/// So many has each, however many processors there are.
const FEWEST_BLOCKING_THREADS: usize = 16;

/// Threads that translated large bodies end after so long without another one: then their memory is given back, and
/// what else was freed is looked after. To start one takes some twenty microseconds.
const BLOCKING_THREADS_STAY: Duration = Duration::from_secs(2);

pub(crate) fn run(overrides: &Overrides, environment: Environment) -> Result<(), String> {
    let located = find(overrides, &environment);
    let mut greeting = None;
    if located.reason == Reason::FirstRun {
        if environment.home().is_none() && located.path.components().any(|part| part.as_os_str() == "~") {
            return Err("there is no config file, and no home directory to put one into: \
                set HOME, or name a file with --config"
                .to_owned());
        }
        let port = overrides.port.unwrap_or(FIRST_PORT);
        let made = first_run(&located.path, port).map_err(|error| chain(&error))?;
        greeting = Some(made);
    }
    let located = find(overrides, &environment);
    let loader = loader(overrides, environment.clone());
    let loaded = load_to_serve(&loader, &located.path).map_err(|errors| errors.to_string())?;
    let config = loaded.config;
    if config.auth_dir.starts_with("~") {
        return Err("`auth-dir` is not set, and there is no home directory for its default: set one of them"
            .to_owned());
    }
    let log = Log::to_stderr(config.log.level);
    tell(&loaded.notices);
    let tidy = Tidy::default();
    let failed = |error| format!("cannot start the runtime: {error}");
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let prepare = |runtime: &mut runtime::Builder| prepare(runtime, processors.saturating_add(1), &tidy);
    let workers = Workers::start(processors, prepare).map_err(failed)?;
    let runtime = home(prepare).map_err(failed)?;
    runtime.block_on(async {
        // Before anybody can know that we serve: a signal that came earlier would kill the process.
        let signals = Signals::listen()?;
        let service = Builder::new(config, environment)
            .map_err(|error| chain(&error))?
            .reload_from(loader, &located.path)
            .workers(workers)
            .build()
            .await
            .map_err(|error| chain(&error))?;
        service.start();
        tracing::debug!(mimalloc = allocator::version(), "allocator");
        tracing::info!(address = %service.local_addr(), config = %located.path.display(), "serving");
        if let Some(made) = greeting {
            greet(&service, &made.path, made.api_key.expose())?;
        }
        tokio::select! {
            stopped = until_stopped(&service, signals, &log) => stopped,
            never = tidy.run() => match never {},
        }
    })
}

/// For what is not about one connection: accepting them, renewals that fall due, reloads.
///
/// With ten thousand credentials a reload, or a new list of models for them, works for a good part of a second without
/// waiting for anything. Reloads are made by the thread that calls this; two more threads have the rest, so that while
/// one is busy nobody waits to be accepted or for a renewal.
fn home(prepare: impl FnOnce(&mut runtime::Builder)) -> io::Result<Runtime> {
    let mut builder = runtime::Builder::new_multi_thread();
    prepare(builder.worker_threads(2).thread_name("home").enable_all());
    builder.build()
}

/// What one of so many runtimes is made with.
fn prepare(runtime: &mut runtime::Builder, of: NonZeroUsize, tidy: &Tidy) {
    let ended = tidy.clone();
    runtime
        .max_blocking_threads((BLOCKING_THREADS / of).max(FEWEST_BLOCKING_THREADS))
        .on_thread_stop(move || ended.thread_ended())
        .thread_keep_alive(BLOCKING_THREADS_STAY);
}

/// Shown once: the client key, and a request that works. Source: design.md §8.
fn greet(service: &Service, path: &Path, api_key: &str) -> Result<(), String> {
    let address = service.local_addr();
    say(&format!(
        "\nWelcome. {} was written for this machine alone.
  client key:  {api_key}

Try it:

  curl -N http://{address}/v1/chat/completions -H 'Authorization: Bearer {api_key}' \\
    -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"demo\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'

Add an API key to the file and send SIGHUP: the demo makes way for it.
",
        path.display()
    ))
}

async fn until_stopped(service: &Service, signals: Signals, log: &Log) -> Result<(), String> {
    let Signals { mut hang_up, mut interrupt, mut terminate } = signals;
    loop {
        tokio::select! {
            _ = hang_up.recv() => match service.reload().await {
                Ok(notices) => {
                    // Source: runtime.md A.2 `debug` "Hot: yes (log level)".
                    log.set_level(service.config().log.level);
                    tell(&notices);
                    tracing::info!("reloaded");
                }
                Err(error) => tracing::error!("{}", chain(&error)),
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    tracing::info!("stopping: streams may end in their own time, a second signal ends them now");
    let stop = service.stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            _ = interrupt.recv() => service.shutdown().hurry(),
            _ = terminate.recv() => service.shutdown().hurry(),
        }
    }
}

fn tell(notices: &[Notice]) {
    for notice in notices {
        if notice.is_loud() {
            tracing::warn!("{notice}");
        } else {
            tracing::info!("{notice}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};

    use parking_lot::RwLock;

    use super::*;

    const TOO_LONG: Duration = Duration::from_secs(20);

    /// How many threads work at a time when more are wanted, in one of so many runtimes: at least so many, or it fails.
    fn at_a_time(of: usize, at_least: usize) -> usize {
        let mut builder = runtime::Builder::new_current_thread();
        prepare(&mut builder, NonZeroUsize::new(of).unwrap(), &Tidy::default());
        let runtime = builder.build().unwrap();
        let (gate, running) = (Arc::new(RwLock::new(())), Arc::new(AtomicUsize::new(0)));
        let (sender, started) = mpsc::channel();
        let closed = gate.write();
        let work: Vec<_> = (0..3 * FEWEST_BLOCKING_THREADS)
            .map(|_| {
                let (gate, running, started) = (Arc::clone(&gate), Arc::clone(&running), sender.clone());
                runtime.spawn_blocking(move || {
                    started.send(running.fetch_add(1, Ordering::SeqCst) + 1).unwrap();
                    drop(gate.read());
                    running.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        drop(sender);
        let first = (0..at_least).map(|_| started.recv_timeout(TOO_LONG).unwrap()).max();
        drop(closed);
        work.into_iter().for_each(|one| runtime.block_on(one).unwrap());
        started.iter().chain(first).max().unwrap()
    }

    #[test]
    fn what_is_under_way_at_home_goes_on_while_a_reload_and_another_task_are_busy() {
        let runtime = home(|_| {}).unwrap();
        let (sender, received) = mpsc::channel();
        let (busy, until) = (sender.clone(), Arc::new(RwLock::new(())));
        let held = Arc::clone(&until);
        runtime.block_on(async {
            let closed = until.write();
            runtime.spawn(async move {
                busy.send(1).unwrap();
                drop(held.read());
            });
            assert_eq!(received.recv_timeout(TOO_LONG), Ok(1));
            runtime.spawn(async move { sender.send(2).unwrap() });
            assert_eq!(received.recv_timeout(TOO_LONG), Ok(2));
            drop(closed);
        });
    }

    #[test]
    fn all_runtimes_together_have_a_bound_of_threads_for_blocking_work_and_each_has_a_few() {
        assert_eq!(at_a_time(32, 16), 16);
        assert_eq!(at_a_time(1000, 16), 16);
        assert!(at_a_time(2, 17) > 16);
    }
}
