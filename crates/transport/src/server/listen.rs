//! Sockets that listen.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};
use tokio_rustls::TlsAcceptor;

use super::options::ServerOptions;
use super::routes::Routes;
use super::serve;
use super::shutdown::Shutdown;
use crate::tls::{self, TlsError};
use crate::workers::Workers;

/// Connections that the system queues while we are busy accepting.
const BACKLOG: i32 = 1024;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address could not be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address as configured.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The certificate or the key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server that is bound and not yet accepting.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    options: ServerOptions,
    workers: Option<Workers>,
}

impl Server {
    /// Binds the address and reads the certificate, so that mistakes show before anything runs.
    ///
    /// # Errors
    /// When the address cannot be bound or TLS cannot be set up.
    pub async fn bind(options: ServerOptions) -> Result<Self, ServeError> {
        let tls = match &options.tls {
            None => None,
            Some(files) => {
                let (cert, key) = (files.cert.clone(), files.key.clone());
                let read = tokio::task::spawn_blocking(move || tls::server_config(&cert, &key)).await;
                Some(read.unwrap_or(Err(TlsError::Interrupted))?)
            }
        };
        let failed =
            |source| ServeError::Bind { address: format!("{}:{}", options.host, options.port), source };
        let listener = listen(&options).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, tls, options, workers: None })
    }

    /// Serves connections on these threads. Without them, in the runtime that [`Self::run`] runs in.
    #[must_use]
    pub fn on(mut self, workers: Workers) -> Self {
        self.workers = Some(workers);
        self
    }

    /// The address that was bound, with the port that the system chose when 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` starts, and returns when everything has ended (see [`Shutdown`]).
    pub async fn run(self, routes: impl Routes, shutdown: Shutdown) {
        let acceptor = self.tls.map(TlsAcceptor::from);
        let door = serve::Door {
            listener: self.listener,
            address: self.address,
            tls: acceptor,
            workers: self.workers,
        };
        serve::run(door, self.options, Arc::new(routes), shutdown).await;
    }
}

async fn listen(options: &ServerOptions) -> io::Result<TcpListener> {
    if options.host.is_empty() {
        let everywhere = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), options.port);
        // A machine without IPv6 still has the other half.
        return bind(everywhere, true)
            .or_else(|_| bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), options.port), false));
    }
    let host = options.host.trim_start_matches('[').trim_end_matches(']');
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in lookup_host((host, options.port)).await? {
        match bind(address, false) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn bind(address: SocketAddr, dual_stack: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if dual_stack {
        socket.set_only_v6(false)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
