//! A listener that speaks TLS, for servers that other machines call without a proxy in between.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Whoever takes longer to shake hands has left.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Hands that are shaken at once; more callers wait in the system's queue.
const MOST_HANDSHAKES: usize = 200;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not what it should be.
    #[error("{} is no {what} in PEM form", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not belong together, or cannot be used.
    #[error("certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// A certificate with its key, read once.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(***)")
    }
}

impl Identity {
    /// Reads the certificate (with those of its issuers behind it) and its key.
    ///
    /// # Errors
    ///
    /// The files cannot be read or used.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let not_pem = |path: &Path, what| {
            let path = path.to_owned();
            move |cause| TlsError::NotPem { path, what, cause }
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain = chain.map_err(not_pem(certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(not_pem(key, "private key"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Unusable)?;
        Ok(Self(Arc::new(config)))
    }
}

type Shaken = Option<(TlsStream<TcpStream>, SocketAddr)>;

/// A listener whose streams have shaken hands. A slow caller holds up nobody else.
pub struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    shaking: FuturesUnordered<BoxFuture<'static, Shaken>>,
}

impl TlsListener {
    /// Listens on `tcp` as `identity`.
    pub fn new(tcp: TcpListener, identity: &Identity) -> Self {
        Self { tcp, acceptor: TlsAcceptor::from(Arc::clone(&identity.0)), shaking: FuturesUnordered::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(shaken) = self.shaking.next(), if !self.shaking.is_empty() => {
                    if let Some(shaken) = shaken {
                        return shaken;
                    }
                }
                (stream, peer) = Listener::accept(&mut self.tcp), if self.shaking.len() < MOST_HANDSHAKES => {
                    let shaking = self.acceptor.accept(stream);
                    self.shaking.push(Box::pin(async move {
                        let shaken = tokio::time::timeout(HANDSHAKE, shaking).await.ok()?.ok()?;
                        Some((shaken, peer))
                    }));
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

#[cfg(test)]
mod tests;
