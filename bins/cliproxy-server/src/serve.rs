//! Serving: first run, log output, signals.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use cliproxy_sdk::config::{Environment, Notice, Overrides, Reason};
use cliproxy_sdk::transport::Workers;
use cliproxy_sdk::{Builder, Service, first_run};
use tokio::runtime;

use crate::allocator;
use crate::commands::{chain, find, load, say};
use crate::log::Log;
use crate::signals::Signals;
use crate::tidy::Tidy;

const FIRST_PORT: u16 = 8317;

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
    let (located, loader, loaded) = load(overrides, environment.clone())?;
    let config = loaded.config;
    if config.auth_dir.starts_with("~") {
        return Err("`auth-dir` is not set, and there is no home directory for its default: set one of them"
            .to_owned());
    }
    let log = Log::to_stderr(config.log.level);
    tell(&loaded.notices);
    let tidy = Tidy::default();
    let prepare = |runtime: &mut runtime::Builder| {
        let ended = tidy.clone();
        runtime.on_thread_stop(move || ended.thread_ended()).thread_keep_alive(BLOCKING_THREADS_STAY);
    };
    let failed = |error| format!("cannot start the runtime: {error}");
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers = Workers::start(processors, prepare).map_err(failed)?;
    // For what is not about one connection: accepting them, renewals that fall due, reloads.
    let mut builder = runtime::Builder::new_current_thread();
    prepare(builder.enable_all());
    let runtime = builder.build().map_err(failed)?;
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
            greet(&service, &made.path, made.api_key.expose(), made.management_key.expose())?;
        }
        tokio::select! {
            stopped = until_stopped(&service, signals, &log) => stopped,
            never = tidy.run() => match never {},
        }
    })
}

/// Shown once: both keys, and a request that works. Source: design.md §8.
fn greet(service: &Service, path: &Path, api_key: &str, management_key: &str) -> Result<(), String> {
    let address = service.local_addr();
    say(&format!(
        "\nWelcome. {} was written for this machine alone.
  client key:      {api_key}
  management key:  {management_key}  (shown once; the file has only its hash)

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
