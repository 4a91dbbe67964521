//! Whom we trust when we call, and what we show when we are called. One crypto provider: ring.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::sync::OnceCell;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate or key file could not be read or holds no PEM of the kind we need.
    #[error("cannot read {what} from {path}")]
    Pem {
        /// What we looked for: the certificate chain or the private key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// The certificates, or the key that should belong to them, were refused.
    #[error("the TLS set-up was refused")]
    Refused(#[source] rustls::Error),
    /// There is nobody to trust: the machine has no root certificates, and none were added.
    #[error("no trusted root certificates found on this machine")]
    NoRoots,
    /// The task that reads the machine's trust store did not come back.
    #[error("loading the trust store was interrupted")]
    Interrupted,
}

/// Whose certificates an outbound client believes.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TrustRoots {
    extra: Vec<CertificateDer<'static>>,
    without_native: bool,
}

impl TrustRoots {
    /// The machine's own trust store.
    #[must_use]
    pub fn native() -> Self {
        Self::default()
    }

    /// Only what is added with [`with_certificate`](Self::with_certificate).
    #[must_use]
    pub fn empty() -> Self {
        Self { extra: Vec::new(), without_native: true }
    }

    /// Trusts this certificate (DER) too.
    #[must_use]
    pub fn with_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.extra.push(CertificateDer::from(der.into()));
        self
    }

    fn load(&self) -> Result<RootCertStore, TlsError> {
        let mut store = RootCertStore::empty();
        for root in &self.extra {
            store.add(root.clone()).map_err(TlsError::Refused)?;
        }
        if !self.without_native {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "a root certificate of this machine could not be read");
            }
            store.add_parsable_certificates(found.certs);
        }
        if store.is_empty() { Err(TlsError::NoRoots) } else { Ok(store) }
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustRoots")
            .field("extra", &self.extra.len())
            .field("native", &!self.without_native)
            .finish()
    }
}

/// The client side's configurations, made when the first TLS connection needs them.
pub(crate) struct ClientTls {
    roots: TrustRoots,
    http2: bool,
    made: OnceCell<ClientConfigs>,
}

/// `origin` offers HTTP/2; `proxy` does not, for CONNECT is spoken in HTTP/1.1 here.
#[derive(Clone)]
pub(crate) struct ClientConfigs {
    pub(crate) origin: Arc<ClientConfig>,
    pub(crate) proxy: Arc<ClientConfig>,
}

impl ClientTls {
    pub(crate) fn new(roots: TrustRoots, http2: bool) -> Self {
        Self { roots, http2, made: OnceCell::new() }
    }

    /// Reading the trust store takes tens of milliseconds: off the start path and off the runtime threads.
    pub(crate) async fn configs(&self) -> Result<&ClientConfigs, TlsError> {
        self.made
            .get_or_try_init(|| async {
                let (roots, http2) = (self.roots.clone(), self.http2);
                tokio::task::spawn_blocking(move || {
                    roots.load().and_then(|roots| client_configs(roots, http2))
                })
                .await
                .map_err(|_| TlsError::Interrupted)?
            })
            .await
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("roots", &self.roots).finish_non_exhaustive()
    }
}

fn client_configs(roots: RootCertStore, http2: bool) -> Result<ClientConfigs, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let base = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Refused)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut origin = base.clone();
    origin.alpn_protocols = if http2 { vec![b"h2".to_vec()] } else { Vec::new() };
    origin.alpn_protocols.push(b"http/1.1".to_vec());
    let mut proxy = base;
    proxy.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(ClientConfigs { origin: Arc::new(origin), proxy: Arc::new(proxy) })
}

/// Reads a certificate chain and its key, and offers HTTP/2 and HTTP/1.1.
pub(crate) fn server_config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |what: &'static str, path: &Path, error: rustls::pki_types::pem::Error| {
        let source = match error {
            rustls::pki_types::pem::Error::Io(source) => source,
            other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
        };
        TlsError::Pem { what, path: path.to_owned(), source }
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("a certificate chain", cert, error))?;
    if chain.is_empty() {
        let error = rustls::pki_types::pem::Error::NoItemsFound;
        return Err(unreadable("a certificate chain", cert, error));
    }
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("a private key", key, error))?;
    server_config_from(chain, secret)
}

/// As [`server_config`], from certificates in memory.
pub(crate) fn server_config_from(
    chain: Vec<CertificateDer<'static>>,
    secret: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Refused)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(TlsError::Refused)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
