//! Clients of the network, with the time-outs of the settings.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::policy::HttpPolicy;
use crate::core::config::hosts::HostRule;
use crate::core::config::http::ServiceRules;
use crate::core::transport::USER_AGENT;

/// A client without any rule of ours, for the simulator's clock.
///
/// Redirects are never followed: a redirect to a login page must not look like an answer.
///
/// # Errors
///
/// The TLS set-up of this machine is unusable.
pub fn bare_client(policy: &HttpPolicy) -> Result<reqwest::Client, reqwest::Error> {
    client_of(policy, &ServiceRules::default(), None, &OwnTls::default())
}

/// Certificates of one service alone: what we show it, and what else than the system its own may be signed by.
#[derive(Clone, Default)]
pub struct OwnTls {
    identity: Option<reqwest::Identity>,
    authorities: Vec<reqwest::Certificate>,
}

impl fmt::Debug for OwnTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnTls({}, {} authorities)", self.identity.is_some(), self.authorities.len())
    }
}

impl OwnTls {
    /// Reads a certificate with its key, and certificates of issuers (PEM).
    ///
    /// # Errors
    ///
    /// One of them is none.
    pub fn read(identity: Option<&SecretString>, authorities: Option<&[u8]>) -> Result<Self, reqwest::Error> {
        let identity = identity.map(|pem| reqwest::Identity::from_pem(pem.expose_secret().as_bytes())).transpose()?;
        let authorities = authorities.map(reqwest::Certificate::from_pem_bundle).transpose()?.unwrap_or_default();
        Ok(Self { identity, authorities })
    }
}

/// A client that is built when it is first needed: it reads hundreds of files of certificates, and many a
/// command asks nobody.
#[derive(Debug)]
pub(super) struct LazyClient {
    own: ServiceRules,
    proxy: Option<reqwest::Proxy>,
    tls: OwnTls,
    built: OnceLock<reqwest::Client>,
}

impl LazyClient {
    pub(super) fn new(policy: &HttpPolicy, own: &ServiceRules) -> Result<Self, reqwest::Error> {
        let proxy = own.proxy.as_deref().filter(|_| policy.hosts != HostRule::Loopback);
        let proxy = proxy.map(reqwest::Proxy::all).transpose()?;
        Ok(Self { own: own.clone(), proxy, tls: OwnTls::default(), built: OnceLock::new() })
    }

    /// The same with certificates of its own.
    pub(super) fn with(&self, tls: OwnTls) -> Self {
        Self { own: self.own.clone(), proxy: self.proxy.clone(), tls, built: OnceLock::new() }
    }

    pub(super) fn get(&self, policy: &HttpPolicy) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(client) = self.built.get() {
            return Ok(client);
        }
        let client = client_of(policy, &self.own, self.proxy.clone(), &self.tls)?;
        Ok(self.built.get_or_init(|| client))
    }

    /// How long an answer is waited for that comes in one piece.
    pub(super) fn limit(&self, policy: &HttpPolicy) -> Duration {
        self.own.read_timeout.unwrap_or(policy.read_timeout).min(self.own.total_timeout.unwrap_or(policy.total_timeout))
    }
}

fn client_of(
    policy: &HttpPolicy,
    own: &ServiceRules,
    proxy: Option<reqwest::Proxy>,
    tls: &OwnTls,
) -> Result<reqwest::Client, reqwest::Error> {
    // A second installation is refused; the first one serves.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "the one place that builds clients")]
    let mut builder = reqwest::Client::builder()
        .connect_timeout(policy.connect_timeout)
        .read_timeout(own.read_timeout.unwrap_or(policy.read_timeout))
        .timeout(own.total_timeout.unwrap_or(policy.total_timeout))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .user_agent(USER_AGENT);
    if policy.hosts == HostRule::Loopback {
        // No proxy between us and our own machine, and no system trust store to load.
        builder = builder.no_proxy().tls_certs_only(tls.authorities.clone());
    } else {
        if let Some(proxy) = proxy {
            builder = builder.proxy(proxy);
        }
        if !tls.authorities.is_empty() {
            builder = builder.tls_certs_merge(tls.authorities.clone());
        }
    }
    if let Some(identity) = &tls.identity {
        builder = builder.identity(identity.clone());
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use openssl::asn1::Asn1Time;
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::x509::extension::SubjectAlternativeName;
    use openssl::x509::{X509, X509NameBuilder};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::core::clients::http::Http;
    use crate::core::clients::http::auth::Auth;
    use crate::core::clients::loopback::policy;
    use crate::core::clock::{Clock, VirtualClock};
    use crate::domain::service::Service;

    /// A certificate that signs itself, and its key.
    fn identity(name: &str) -> (Vec<u8>, Vec<u8>) {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut certificate = X509::builder().unwrap();
        certificate.set_version(2).unwrap();
        certificate.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        certificate.set_subject_name(&subject).unwrap();
        certificate.set_issuer_name(&subject).unwrap();
        certificate.set_pubkey(&key).unwrap();
        certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        let names = SubjectAlternativeName::new().ip("127.0.0.1").build(&certificate.x509v3_context(None, None));
        certificate.append_extension(names.unwrap()).unwrap();
        certificate.sign(&key, MessageDigest::sha256()).unwrap();
        (certificate.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())
    }

    /// Lets in whoever shows `client`, and answers each of three callers once.
    async fn serve(listener: tokio::net::TcpListener, own: (Vec<u8>, Vec<u8>), client: &[u8]) {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(client).unwrap()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let certificate = CertificateDer::from_pem_slice(&own.0).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&own.1).unwrap();
        let config = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
        let config = config.with_single_cert(vec![certificate], key).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut heard = [0; 4096];
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await;
            let _ = stream.shutdown().await;
        }
    }

    #[tokio::test]
    async fn a_service_is_shown_our_certificate_and_trusted_by_its_own_issuer() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (server, client, stranger) = (identity("server"), identity("client"), identity("stranger"));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let ask = async |shown: Option<&(Vec<u8>, Vec<u8>)>, trusted: &[u8]| {
            let pem = shown.map(|(certificate, key)| {
                let text = format!("{}{}", String::from_utf8_lossy(certificate), String::from_utf8_lossy(key));
                SecretString::from(text)
            });
            let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
            let http = Http::new(policy(), clock, tokio_util::sync::CancellationToken::new()).unwrap();
            let tls = OwnTls::read(pem.as_ref(), Some(trusted)).unwrap();
            let http = http.service_with(Service::Kube, &base, Auth::None, tls);
            http.get("look", "/").send().await.is_ok()
        };
        let asking = async {
            assert!(ask(Some(&client), &server.0).await);
            assert!(!ask(Some(&stranger), &server.0).await, "another certificate");
            assert!(!ask(None, &server.0).await, "no certificate");
            assert!(!ask(Some(&client), &stranger.0).await, "a server of somebody else");
        };
        tokio::select! {
            () = asking => {}
            () = serve(listener, server.clone(), &client.0) => {}
        }
        assert!(OwnTls::read(Some(&SecretString::from("nothing")), None).is_err());
    }
}
