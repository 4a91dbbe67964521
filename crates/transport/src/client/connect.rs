//! From a target and a way out to a connection that speaks HTTP.

use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, TlsStream};
use tokio_util::task::TaskTracker;

use super::environment::port_of;
use super::error::{SendError, TimeoutPhase};
use super::inline::Inline;
use super::multiplexed::Multiplexed;
use super::proxy::{ProxyScheme, ProxyUrl};
use super::send::ClientOptions;
use super::{dial, tunnel};
use crate::socket::Socket;
use crate::tls::ClientTls;

/// Where connections lead: the target, and the proxy on the way. One pool entry each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) proxy: Option<ProxyUrl>,
    pub(crate) https: bool,
    pub(crate) authority: http::uri::Authority,
    /// The worker they live on (see [`Workers`](crate::Workers)): the system tells it of what comes, and nobody else has
    /// to be woken.
    pub(crate) worker: usize,
}

impl Hash for Destination {
    /// In steps of eight bytes: every request looks its destination up, and an authority hashes itself letter by letter.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.proxy.hash(state);
        state.write_usize(self.worker);
        let authority = self.authority.as_str();
        state.write_usize(authority.len());
        for chunk in authority.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            // Names of hosts are the same in either case; so are, here, some other signs.
            state.write_u64(u64::from_le_bytes(word) | u64::from_le_bytes([b' '; 8]));
        }
    }
}

impl Destination {
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    fn port(&self) -> u16 {
        port_of(self.https, &self.authority)
    }

    pub(crate) fn without_default_port(&self) -> &str {
        let authority = self.authority.as_str();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let default = if self.https { ":443" } else { ":80" };
        authority.strip_suffix(default).unwrap_or(authority)
    }

    /// Plain HTTP through an HTTP proxy needs no tunnel: the proxy itself answers absolute-form requests.
    // Source: RFC 9112 §3.2.2.
    pub(crate) fn forwarded_by(&self) -> Option<&ProxyUrl> {
        self.proxy.as_ref().filter(|proxy| !self.https && proxy.scheme() != ProxyScheme::Socks5)
    }
}

/// A fresh connection, in the protocol that was negotiated.
#[derive(Debug)]
pub(crate) enum Connected {
    H1(Box<Inline>),
    H2(Arc<Multiplexed>),
}

#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) options: ClientOptions,
    pub(crate) tls: ClientTls,
    pub(crate) tasks: TaskTracker,
}

impl Connector {
    pub(crate) async fn connect(&self, to: &Destination) -> Result<Connected, SendError> {
        let socket = match &to.proxy {
            None => {
                let dialled = dial::dial(to.host(), to.port(), self.options.tcp_keep_alive);
                let stream = self.deadline(to, self.options.connect_timeout, dialled).await?;
                Socket::Plain(
                    stream.map_err(|source| SendError::Connect { host: to.host().to_owned(), source })?,
                )
            }
            Some(proxy) => self.through(proxy, to).await?,
        };
        if !to.https {
            return self.speak(to, socket, false).await;
        }
        let config = self.tls.configs().await.map_err(|e| SendError::tls(to.host(), e))?.origin.clone();
        let shaken =
            self.deadline(to, self.options.tls_timeout, handshake(config, to.host(), socket)).await?;
        let (socket, h2) = shaken.map_err(|e| SendError::tls(to.host(), e))?;
        self.speak(to, socket, h2).await
    }

    async fn through(&self, proxy: &ProxyUrl, to: &Destination) -> Result<Socket, SendError> {
        let failed = |reason: &str, source: Box<dyn std::error::Error + Send + Sync>| SendError::Proxy {
            proxy: proxy.to_string(),
            reason: reason.to_owned(),
            source: Some(source),
        };
        let late = |_| SendError::Proxy {
            proxy: proxy.to_string(),
            reason: format!("no connection within {:?}", self.options.connect_timeout),
            source: None,
        };
        let work = async {
            let stream = dial::dial(proxy.host(), proxy.port(), self.options.tcp_keep_alive)
                .await
                .map_err(|error| failed("it cannot be reached", error.into()))?;
            let mut socket = Socket::Plain(stream);
            if proxy.scheme() == ProxyScheme::Https {
                let configs =
                    self.tls.configs().await.map_err(|e| failed("TLS is not available", e.into()))?;
                let shaken = handshake(configs.proxy.clone(), proxy.host(), socket).await;
                socket = shaken.map_err(|e| failed("its TLS handshake failed", e.into()))?.0;
            }
            if to.forwarded_by().is_some() {
                return Ok(socket);
            }
            let opened = match proxy.scheme() {
                ProxyScheme::Socks5 => tunnel::socks5(&mut socket, proxy, to.host(), to.port()).await,
                ProxyScheme::Http | ProxyScheme::Https => {
                    tunnel::connect(&mut socket, proxy, to.host(), to.port()).await
                }
            };
            opened.map_err(|error| failed(&error.to_string(), error.into()))?;
            Ok(socket)
        };
        tokio::time::timeout(self.options.connect_timeout, work).await.map_err(late)?
    }

    async fn speak(&self, to: &Destination, socket: Socket, h2: bool) -> Result<Connected, SendError> {
        let speaking = async {
            if h2 {
                let opened = Multiplexed::open(TokioIo::new(socket), &self.options, &self.tasks).await;
                return opened.map(Connected::H2);
            }
            Inline::open(TokioIo::new(socket), &self.options).await.map(Connected::H1)
        };
        let opened = self.deadline(to, self.options.tls_timeout, speaking).await?;
        opened.map_err(|error| SendError::from_hyper(to.host(), error))
    }

    async fn deadline<T>(
        &self,
        to: &Destination,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, SendError> {
        tokio::time::timeout(limit, work).await.map_err(|_| SendError::Timeout {
            host: to.host().to_owned(),
            phase: TimeoutPhase::Connect,
            limit,
        })
    }
}

/// Shakes hands over whatever the socket is so far; says whether HTTP/2 was agreed on.
async fn handshake(config: Arc<ClientConfig>, host: &str, socket: Socket) -> io::Result<(Socket, bool)> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "the host is not a valid TLS server name")
    })?;
    let connector = TlsConnector::from(config);
    Ok(match socket {
        Socket::Plain(tcp) => {
            let (stream, h2) = agree(connector, name, tcp).await?;
            (Socket::Tls(Box::new(stream)), h2)
        }
        below @ (Socket::Tls(_) | Socket::Nested(_)) => {
            let (stream, h2) = agree(connector, name, Box::new(below)).await?;
            (Socket::Nested(Box::new(stream)), h2)
        }
    })
}

async fn agree<S>(
    connector: TlsConnector,
    name: ServerName<'static>,
    below: S,
) -> io::Result<(TlsStream<S>, bool)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = connector.connect(name, below).await?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((TlsStream::Client(stream), h2))
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher as _, RandomState};

    use super::*;

    #[test]
    fn destinations_that_are_the_same_have_the_same_hash() {
        let to = |authority: &str| Destination {
            proxy: None,
            https: true,
            authority: authority.parse().unwrap(),
            worker: 0,
        };
        let hasher = RandomState::new();
        let (lower, upper) = (to("api.example.com:8443"), to("API.Example.COM:8443"));
        assert_eq!(lower, upper);
        assert_eq!(hasher.hash_one(&lower), hasher.hash_one(&upper));
        assert_ne!(hasher.hash_one(&lower), hasher.hash_one(to("api.example.org:8443")));
    }
}
