//! The accept loop, and the four steps at its end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_rustls::{TlsAcceptor, TlsStream};
use tokio_util::task::TaskTracker;

use super::connection::{self, Client, Shared};
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
    let shared = Arc::new(Shared::new(routes, options, tasks.clone(), shutdown.clone()));
    let draining = shutdown.draining_token();

    // Step one: accept until told to stop, then close the listener.
    let accepting = async {
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let (stream, address) = accept(&listener).await;
            let (tls, hard) = (tls.clone(), shutdown.hard_token());
            let peer = Peer::new(address, stream.local_addr().unwrap_or(local), tls.is_some());
            let client = Client::new(peer, &shared);
            let (worker, counted) = workers.as_ref().and_then(Workers::take).unzip();
            let Some(stream) = hand_over(stream, worker) else { continue };
            let serving = async move {
                let _held = (slot, counted);
                // Pinned here: `run_until_cancelled` has room for what it is given twice over.
                hard.run_until_cancelled(pin!(greet(stream, tls, client))).await;
            };
            match worker {
                Some(worker) => tasks.spawn_on(serving, worker),
                None => tasks.spawn(serving),
            };
        }
    };
    draining.run_until_cancelled(accepting).await;
    drop(listener);

    // Steps two to four: connections drain by themselves, are asked to, are cut; all tasks end.
    tasks.close();
    shutdown.see_out(async { tasks.wait().await }).await;
}

/// Makes it the worker whom the system tells of what comes on a connection.
fn hand_over(stream: TcpStream, worker: Option<&Handle>) -> Option<TcpStream> {
    let Some(worker) = worker else { return Some(stream) };
    let moved = stream.into_std().and_then(|stream| {
        let _in = worker.enter();
        TcpStream::from_std(stream)
    });
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
async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, client: Client) {
    let prepared =
        stream.set_nodelay(true).and_then(|()| set_keep_alive(&stream, client.options().tcp_keep_alive));
    if let Err(error) = prepared {
        tracing::debug!(%error, "a client connection was gone at once");
        return;
    }
    let socket = match tls {
        None => Socket::Plain(stream),
        Some(acceptor) => {
            let limit = client.options().tls_handshake_timeout;
            match tokio::time::timeout(limit, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    client.greeted();
                    Socket::Tls(Box::new(TlsStream::Server(stream)))
                }
                Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => return tracing::debug!("a TLS handshake took too long"),
            }
        }
    };
    let stalling = Stalling::new(socket, client.options().write_stall_timeout);
    connection::serve(stalling, client).await;
}
