//! The accept loop, and the four steps at its end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::{TlsAcceptor, TlsStream};
use tokio_util::task::TaskTracker;

use super::connection::{self, Shared};
use super::options::ServerOptions;
use super::routes::{Peer, Routes};
use super::shutdown::Shutdown;
use crate::socket::{Socket, Stalling, set_keep_alive};
use crate::workers::Workers;

/// How long we leave the system alone when it has no file descriptor or memory for another connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Where connections come in, and who serves them.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsAcceptor>,
    /// The runtime that we run in, without them.
    pub(super) workers: Option<Workers>,
}

pub(super) async fn run(door: Door, options: ServerOptions, routes: Arc<dyn Routes>, shutdown: Shutdown) {
    let Door { listener, address: local, tls, workers } = door;
    let tasks = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let shared = Arc::new(Shared {
        routes,
        options,
        running: AtomicUsize::new(0),
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
    });
    let draining = shutdown.draining_token();

    // Step one: accept until told to stop, then close the listener.
    let accepting = async {
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let (stream, address) = accept(&listener).await;
            let (shared, tls) = (Arc::clone(&shared), tls.clone());
            let hard = shutdown.hard_token();
            let peer = Peer::new(address, stream.local_addr().unwrap_or(local), tls.is_some());
            let Some((worker, counted)) = workers.as_ref().and_then(Workers::take) else {
                tasks.spawn(async move {
                    let _slot = slot;
                    // Pinned here: `run_until_cancelled` has room for what it is given twice over.
                    hard.run_until_cancelled(pin!(greet(stream, tls, peer, shared))).await;
                });
                continue;
            };
            let Some(stream) = taken(stream.into_std()) else { continue };
            tasks.spawn_on(
                async move {
                    let _held = (slot, counted);
                    // From here on it is the worker that the system tells of what comes.
                    let Some(stream) = taken(TcpStream::from_std(stream)) else { return };
                    hard.run_until_cancelled(pin!(greet(stream, tls, peer, shared))).await;
                },
                worker,
            );
        }
    };
    draining.run_until_cancelled(accepting).await;
    drop(listener);

    // Steps two to four: connections drain by themselves, are asked to, are cut; all tasks end.
    tasks.close();
    shutdown.see_out(async { tasks.wait().await }).await;
}

/// A connection on its way to another thread.
fn taken<T>(moved: io::Result<T>) -> Option<T> {
    moved.inspect_err(|error| tracing::error!(%error, "cannot hand a connection to its worker")).ok()
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// The client gave up while it was queued: nothing is wrong with us.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Makes the connection ready for HTTP. A handshake runs here, in the connection's own task, under its deadline.
async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, peer: Peer, shared: Arc<Shared>) {
    let prepared =
        stream.set_nodelay(true).and_then(|()| set_keep_alive(&stream, shared.options.tcp_keep_alive));
    if let Err(error) = prepared {
        tracing::debug!(%error, "a client connection was gone at once");
        return;
    }
    let socket = match tls {
        None => Socket::Plain(stream),
        Some(acceptor) => {
            let limit = shared.options.tls_handshake_timeout;
            match tokio::time::timeout(limit, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Socket::Tls(Box::new(TlsStream::Server(stream))),
                Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => return tracing::debug!("a TLS handshake took too long"),
            }
        }
    };
    let stalling = Stalling::new(socket, shared.options.write_stall_timeout);
    connection::serve(stalling, peer, shared).await;
}
