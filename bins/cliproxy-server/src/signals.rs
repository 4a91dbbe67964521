//! Signals that end the program.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a terminal or a supervisor says.
pub(crate) struct Signals {
    pub(crate) hang_up: Signal,
    pub(crate) interrupt: Signal,
    pub(crate) terminate: Signal,
}

impl Signals {
    /// From here on they are ours to follow: none of them kills the process any more.
    pub(crate) fn listen() -> Result<Self, String> {
        Ok(Self {
            hang_up: open(SignalKind::hangup())?,
            interrupt: open(SignalKind::interrupt())?,
            terminate: open(SignalKind::terminate())?,
        })
    }
}

/// Over when somebody asks for the end. Nobody is killed by that from the call on.
pub(crate) fn interrupted() -> Result<impl Future<Output = ()>, String> {
    let (mut interrupt, mut terminate) = (open(SignalKind::interrupt())?, open(SignalKind::terminate())?);
    let (mut hang_up, mut quit) = (open(SignalKind::hangup())?, open(SignalKind::quit())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            _ = quit.recv() => {}
        }
    })
}

fn open(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| format!("cannot listen for signals: {error}"))
}
